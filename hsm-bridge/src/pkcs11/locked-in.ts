/** What makes a key one that the token keeps to itself (PKCS#11 v2.40 §4.9, §4.10). */

import type { Handle, Library } from "./library.ts";

/** Whether a secret or private key is sensitive and cannot be extracted, and never could. */
export function isLockedIn({ ck, module }: Library, session: Handle, key: Handle): boolean {
  const flags = module.C_GetAttributeValue(session, key, [
    { type: ck.CKA_SENSITIVE },
    { type: ck.CKA_EXTRACTABLE },
    { type: ck.CKA_ALWAYS_SENSITIVE },
    { type: ck.CKA_NEVER_EXTRACTABLE },
  ]);
  const expected = [1, 0, 1, 1];
  return expected.every((value, i) => (flags[i]?.value as Buffer | undefined)?.[0] === value);
}
