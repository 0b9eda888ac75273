/**
 * Makes a token: C_InitToken with the security officer's PIN, then the user's PIN (PKCS#11 v2.40 §5.5). NSS's token is there, with
 * the label that the library's parameters give it, as soon as its directory is; it only lacks the user's PIN.
 */

import { findSlot, type Handle, type Library, labelOf } from "./library.ts";
import type { InitTokenSettings } from "./messages.ts";
import { TokenError } from "./return-values.ts";

/**
 * Initialises the first uninitialised slot, or finishes a token of this label whose user PIN a crash left unset, or
 * finds the token complete and the PIN right. Never touches an initialised token of another label.
 */
export function initToken(library: Library, settings: InitTokenSettings): { isNew: boolean } {
  const { module, ck } = library;
  const { tokenLabel, pin, securityOfficerPin } = settings;
  if (Buffer.byteLength(tokenLabel) > 32 || tokenLabel.trim() !== tokenLabel || tokenLabel === "") {
    throw new TokenError(
      "bad-request",
      "A token label has 1 to 32 bytes and no space at either end.",
      { isFinal: true },
    );
  }
  const slots = module.C_GetSlotList(true);
  const existing = slots.filter((slot) => labelOf(module, slot) === tokenLabel);
  let isNew = false;
  if (existing.length === 0) {
    const empty = slots.find((slot) => !hasFlag(library, slot, ck.CKF_TOKEN_INITIALIZED));
    if (empty === undefined) {
      throw new TokenError("hsm-unavailable", "The library offers no uninitialised slot.", {
        isFinal: true,
      });
    }
    // The label must be padded by hand: pkcs11js reads 32 bytes whatever its length.
    const padded = tokenLabel + " ".repeat(32 - Buffer.byteLength(tokenLabel));
    module.C_InitToken(empty, securityOfficerPin, padded);
    isNew = true;
  }
  // SoftHSM gives the token another slot number once it is initialised.
  const slot = findSlot(library, tokenLabel);
  const session = module.C_OpenSession(slot, ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION);
  if (!hasFlag(library, slot, ck.CKF_USER_PIN_INITIALIZED)) {
    module.C_Login(session, ck.CKU_SO, hasNoOfficer(library) ? "" : securityOfficerPin);
    module.C_InitPIN(session, pin);
    module.C_Logout(session);
  }
  module.C_Login(session, ck.CKU_USER, pin);
  module.C_Logout(session);
  module.C_CloseSession(session);
  return { isNew };
}

/** NSS softoken knows no security officer: whoever comes first with an empty PIN sets the user's, once. */
function hasNoOfficer({ module }: Library): boolean {
  return module.C_GetInfo().manufacturerID.startsWith("Mozilla Foundation");
}

function hasFlag({ module }: Library, slot: Handle, flag: number): boolean {
  return (module.C_GetTokenInfo(slot).flags & flag) !== 0;
}
