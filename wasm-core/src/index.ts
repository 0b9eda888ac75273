// @edge-kms/wasm-core: constant-time AES, SM4, GCM, the envelope suites, SHA-256, SM3 and HMAC in WebAssembly.
//
// In Node: `loadCore()` of "@edge-kms/wasm-core/node". In a Worker, which cannot compile from bytes, the bundle carries one
// module or both, and the wrapper takes whichever was compiled:
//
//     import relaxed from "@edge-kms/wasm-core/relaxed.wasm"; // a WebAssembly.Module
//     import { createCore } from "@edge-kms/wasm-core";
//     const core = createCore(relaxed);
//
// workerd validates relaxed SIMD, so a worker bundle ships relaxed.wasm alone: a module that a runtime does not validate fails the
// whole bundle at load time, before any code could choose. Ship plain.wasm instead for a runtime without relaxed SIMD.

export type { BlockKey, Cipher } from "./block-key.ts";
export { type Core, createCore } from "./core.ts";
export {
  CROSSOVER_BYTES,
  type DispatchedGcmKey,
  type DispatchedSuiteKey,
  dispatchGcmKey,
  dispatchSuiteKey,
  type GcmParameters,
  type Runtime,
  type Subtle,
} from "./dispatch.ts";
export { CoreError, type CoreErrorCode } from "./errors.ts";
export type { GcmDecryptStream, GcmEncryptStream, GcmKey } from "./gcm-key.ts";
export type { HashName, HmacKey } from "./hash.ts";
export type { CoreLimits } from "./memory.ts";
export type { SealedMessage, Suite, SuiteKey } from "./suite-key.ts";
export type { CompiledModule } from "./web-assembly.ts";
