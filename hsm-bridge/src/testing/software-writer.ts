/** Makes keys in a software store until it is killed, telling its parent of each one that was acknowledged. */

import { openSoftwareStore } from "../software/software-store.ts";
import { silentLogger } from "./stores.ts";

const [, , directory = "", prefix = ""] = process.argv;
const store = await openSoftwareStore({ directory, logger: silentLogger });
for (let i = 0; ; i++) {
  await store.generateAesKey(`${prefix}-${i}`);
  process.send?.(`${prefix}-${i}`);
}
