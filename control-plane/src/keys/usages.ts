/** What CMKs are for (contract §3.7), and which of it a region offers. */

import {
  ApiError,
  type AsymmetricKeyUsage,
  asymmetricKeyUsages,
  type KeyUsage,
  keyUsages,
} from "@edge-kms/protocol";
import type { Region } from "../regions.ts";

/** The usages of new keys in a region: all that there are, unless its configuration says less. */
export function usagesOf({ keyUsages: offered = keyUsages }: Region): readonly KeyUsage[] {
  return offered;
}

/** The usage of a new key; empty means symmetric. Unknown words were refused when the input was parsed. */
export function usageForCreation(region: Region, usage: KeyUsage | ""): KeyUsage {
  const wanted = usage === "" ? "ENCRYPT_DECRYPT" : usage;
  if (!usagesOf(region).includes(wanted)) {
    throw new ApiError("UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion");
  }
  return wanted;
}

export function isAsymmetric(usage: string): usage is AsymmetricKeyUsage {
  return asymmetricKeyUsages.some((one) => one === usage);
}

/** What ListKeyDetail filters by: null for all usages. Unknown words match nothing, as in any filter. */
export function usageForListing(usage: string): string | null {
  if (usage === "") return "ENCRYPT_DECRYPT";
  return usage === "ALL" ? null : usage;
}
