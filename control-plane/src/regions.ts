/** Regions of the service: configuration, in order; each has its symmetric suite. */

import { ApiError, type KeyUsage } from "@edge-kms/protocol";
import type { Suite } from "./keys/suites.ts";

export interface Region {
  readonly name: string;
  readonly suite: Suite;
  /** What new keys may be for; anything when absent. */
  readonly keyUsages?: readonly KeyUsage[] | undefined;
}

/**
 * The region of that name, the first one for a request that names none (SDKs without a region send none), as at the
 * edge. `UnsupportedRegion` for one that is not configured.
 */
export function requireRegion(regions: readonly Region[], name: string | null): Region {
  const region = name === null ? regions[0] : regions.find((known) => known.name === name);
  if (region === undefined) throw new ApiError("UnsupportedRegion");
  return region;
}
