/** What a key is for, as one text that has everything that decides which key answers. */

import type { Operation } from "@edge-kms/protocol";

/** None of the parts can hold a `|`. What differs with time, the policy epoch, is compared where the text is used. */
export function useOf(key: Operation): string {
  const name = `${key.account}|${key.region}|${key.keyId}`;
  switch (key.purpose) {
    case "encrypt":
      return `encrypt|${name}`;
    case "decrypt":
      return `decrypt|${name}|${key.version}|${key.branch}|${key.suite}`;
    default:
      return `${key.purpose}|${name}|${key.algorithm}`;
  }
}
