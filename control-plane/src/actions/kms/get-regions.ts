/** GetRegions: the configured regions, in their order. */

import { kmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";

export const getRegions = controlAction(kmsActions.GetRegions, {
  isRegionless: true,
  async act(call) {
    return { Regions: call.services.regions.map(({ name }) => name) };
  },
});
