/** For Node programs that run the edge: its workerd configuration and where its bundle is. */

import { fileURLToPath } from "node:url";

export {
  COMPATIBILITY_DATE,
  type SecretSource,
  type WorkerdConfig,
  workerdConfig,
} from "./workerd-config.ts";

/** Absolute path of the folder that `npm run build` fills. */
export const bundleDirectory: string = fileURLToPath(new URL("../dist", import.meta.url));
