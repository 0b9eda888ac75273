/** For the launcher and tests; between parts there is only the wire. */

export {
  type Bootstrap,
  bootstrapFile,
  bootstrapSchema,
} from "./bootstrap.ts";
export { type Bridge, openBridge } from "./bridge/client.ts";
export {
  type Config,
  ConfigError,
  checkSettings,
  readConfig,
  type Settings,
  settingsSchema,
} from "./config.ts";
export {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from "./control-plane.ts";
export { memoryUrl } from "./db/index.ts";
export { createLog, type Log, silentLog } from "./log.ts";
export { forwardingKeyName } from "./signed-messages/key-file.ts";
