/** What a key is for, as one text that has everything that decides which branch key answers. */

import type { LeasedKey } from "@edge-kms/protocol";

/** None of the parts can hold a `|`. What differs with time, the policy epoch, is compared where the text is used. */
export function useOf(key: LeasedKey): string {
  const name = `${key.account}|${key.region}|${key.keyId}`;
  return key.purpose === "encrypt"
    ? `encrypt|${name}`
    : `decrypt|${name}|${key.version}|${key.branch}|${key.suite}`;
}
