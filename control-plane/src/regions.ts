/** Regions of the service: configuration, in order; each has its symmetric suite. */

import { ApiError } from "@edge-kms/protocol";
import type { Suite } from "./keys/suites.ts";

export interface Region {
  readonly name: string;
  readonly suite: Suite;
}

/** The region of that name. `MissingParameter` without a name, `UnsupportedRegion` for one that is not configured. */
export function requireRegion(regions: readonly Region[], name: string | null): Region {
  if (name === null) {
    throw new ApiError("MissingParameter", {
      message: "The required parameter Region is missing.",
    });
  }
  const region = regions.find((known) => known.name === name);
  if (region === undefined) throw new ApiError("UnsupportedRegion");
  return region;
}
