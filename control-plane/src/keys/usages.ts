/** What CMKs are for (contract §3.7), and which of it this version makes. */

import { ApiError, type KeyUsage } from "@edge-kms/protocol";

/** Usages of new keys that regions offer. The others of the API are known and refused. */
const offeredUsages: ReadonlySet<KeyUsage> = new Set<KeyUsage>(["ENCRYPT_DECRYPT"]);

/** The usage of a new key; empty means symmetric. Unknown words were refused when the input was parsed. */
export function usageForCreation(usage: KeyUsage | ""): KeyUsage {
  const wanted = usage === "" ? "ENCRYPT_DECRYPT" : usage;
  if (!offeredUsages.has(wanted)) {
    throw new ApiError("UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion");
  }
  return wanted;
}

/** What ListKeyDetail filters by: null for all usages. Unknown words match nothing, as in any filter. */
export function usageForListing(usage: string): string | null {
  if (usage === "") return "ENCRYPT_DECRYPT";
  return usage === "ALL" ? null : usage;
}
