/** Loading the vendor's library through pkcs11js, and finding the token by its label. */

import { createRequire } from "node:module";
import { lossOf, TokenError } from "./return-values.ts";

/** The addon's module: constants and the class PKCS11. */
export type Pkcs11Constants = typeof import("pkcs11js");
export type Pkcs11 = import("pkcs11js").PKCS11;
/** CK_SLOT_ID, CK_SESSION_HANDLE and CK_OBJECT_HANDLE, as pkcs11js gives them: the bytes of a CK_ULONG. */
export type Handle = import("pkcs11js").Handle;

export interface Library {
  readonly ck: Pkcs11Constants;
  readonly module: Pkcs11;
}

/**
 * Loads and initialises the library, once per process: C_Initialize after a failed `load` crashes, so any failure here
 * ends the process. CKF_OS_LOCKING_OK, since asynchronous calls run on several threads.
 */
export function loadLibrary(modulePath: string, libraryParameters?: string): Library {
  let ck: Pkcs11Constants;
  try {
    ck = createRequire(import.meta.url)("pkcs11js") as Pkcs11Constants;
  } catch {
    throw new TokenError(
      "hsm-unavailable",
      "The addon pkcs11js is not built on this machine (it needs a C++ compiler, make and Python 3).",
      { isFinal: true },
    );
  }
  const module = new ck.PKCS11();
  try {
    module.load(modulePath);
  } catch {
    throw new TokenError(
      "hsm-unavailable",
      `The PKCS#11 library ${modulePath} cannot be loaded (is the path right, and is it built for this machine?).`,
      { isFinal: true },
    );
  }
  const flags = ck.CKF_OS_LOCKING_OK;
  try {
    // pkcs11js drops the last character of the parameters: end them with a space.
    module.C_Initialize(
      libraryParameters === undefined
        ? { flags }
        : { flags, libraryParameters: `${libraryParameters} ` },
    );
  } catch (error) {
    if (lossOf(error) === "start") throw error;
    throw new TokenError(
      "hsm-unavailable",
      `The PKCS#11 library ${modulePath} does not initialise: check its own configuration.`,
      { isFinal: true },
    );
  }
  return { ck, module };
}

/** Labels are 32 bytes, padded with spaces (CK_TOKEN_INFO). Slot numbers change, labels and serial numbers stay. */
export function findSlot({ module }: Library, tokenLabel: string): Handle {
  const slots = module.C_GetSlotList(true).filter((slot) => labelOf(module, slot) === tokenLabel);
  if (slots.length === 0) {
    throw new TokenError(
      "hsm-unavailable",
      `No token with the label "${tokenLabel}" is present; \`init-token\` makes one.`,
      { isFinal: true },
    );
  }
  if (slots.length > 1) {
    throw new TokenError(
      "hsm-unavailable",
      `${slots.length} tokens have the label "${tokenLabel}": give one of them another.`,
      { isFinal: true },
    );
  }
  return slots[0] as Handle;
}

export function labelOf(module: Pkcs11, slot: Handle): string {
  return module.C_GetTokenInfo(slot).label.replace(/[ \0]+$/, "");
}
