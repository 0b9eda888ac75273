export {
  BridgeCallError,
  type BridgeClient,
  type BridgeClientOptions,
  createBridgeClient,
} from "./client.ts";
export { type FlagValues, readBridgeSettings } from "./config.ts";
export { BridgeError, StartupError } from "./errors.ts";
export type { KeyStore, SelfTestReport, StoredObject, StoreKind } from "./key-store.ts";
export { defaultCaps, type LeaseCaps } from "./limits.ts";
export { createLogger, type LogFields, type Logger } from "./log.ts";
export {
  initToken,
  openPkcs11Store,
  type Pkcs11Store,
  type Pkcs11StoreOptions,
} from "./pkcs11/pkcs11-store.ts";
export {
  type BridgeSettings,
  homePaths,
  type Pkcs11Settings,
  type SoftwareSettings,
} from "./settings.ts";
export { openSoftwareStore, type SoftwareStoreOptions } from "./software/software-store.ts";
export { type RunningBridge, type StartOptions, startBridge } from "./start.ts";
export { readRecordedStoreKind } from "./store-record.ts";
