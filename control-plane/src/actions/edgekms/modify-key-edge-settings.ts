/**
 * ModifyKeyEdgeSettings. What is not given stays as it is. The epoch rises, so that leases under the former settings end within
 * the seconds of any revocation; settings that are the same already change nothing.
 */

import { type ActionInput, ApiError, edgekmsActions, type LeaseLimits } from "@edge-kms/protocol";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import { type Key, updateKey } from "../../db/queries/keys.ts";
import { controlAction } from "../action.ts";
import { requireKey } from "../kms/find.ts";

type Input = ActionInput<typeof edgekmsActions.ModifyKeyEdgeSettings>;
type Settings = Pick<Key, "edgeMode" | "leaseRefreshAfterMs" | "leaseExpiresAfterMs">;

export const modifyKeyEdgeSettings = controlAction(edgekmsActions.ModifyKeyEdgeSettings, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseContradiction(input);
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      if (key.owner !== "user") throw new ApiError("UnsupportedOperation.NotUserCreatedCmk");
      const settings = settingsOf(key, input, call.services.keyLimits);
      const isSame =
        settings.edgeMode === key.edgeMode &&
        settings.leaseRefreshAfterMs === key.leaseRefreshAfterMs &&
        settings.leaseExpiresAfterMs === key.leaseExpiresAfterMs;
      if (isSame) return;
      await updateKey(tx, key, settings);
      await raiseEpoch(tx, key.account);
    });
    return {};
  },
});

function refuseContradiction(input: Input): void {
  const { EdgeMode, LeaseRefreshSeconds, LeaseExpirySeconds, DefaultLeaseTimes } = input;
  const hasTimes = LeaseRefreshSeconds !== undefined || LeaseExpirySeconds !== undefined;
  if (EdgeMode === undefined && !hasTimes && !DefaultLeaseTimes) {
    throw new ApiError("InvalidParameter", {
      message: "Give EdgeMode, LeaseRefreshSeconds, LeaseExpirySeconds or DefaultLeaseTimes.",
    });
  }
  if (hasTimes && DefaultLeaseTimes) {
    throw new ApiError("InvalidParameter", {
      message: "DefaultLeaseTimes goes without LeaseRefreshSeconds and LeaseExpirySeconds.",
    });
  }
}

/** The columns as they are to be. @throws ApiError when a lease would be refreshed after it is over. */
function settingsOf(key: Key, input: Input, defaults: LeaseLimits): Settings {
  const edgeMode = input.EdgeMode ?? key.edgeMode;
  if (input.DefaultLeaseTimes) {
    return { edgeMode, leaseRefreshAfterMs: null, leaseExpiresAfterMs: null };
  }
  const msOf = (seconds: number | undefined, before: number | null): number | null =>
    seconds === undefined ? before : seconds * 1000;
  const refreshMs = msOf(input.LeaseRefreshSeconds, key.leaseRefreshAfterMs);
  const leaseExpiresAfterMs = msOf(input.LeaseExpirySeconds, key.leaseExpiresAfterMs);
  const endMs = leaseExpiresAfterMs ?? defaults.expiresAfterMs;
  // A refresh that was there before is shortened with the lease; one that is asked for now is a mistake.
  if (input.LeaseRefreshSeconds !== undefined && (refreshMs ?? 0) > endMs) {
    throw new ApiError("InvalidParameterValue", {
      message: "LeaseRefreshSeconds must not be more than LeaseExpirySeconds.",
    });
  }
  const leaseRefreshAfterMs = refreshMs === null ? null : Math.min(refreshMs, endMs);
  return { edgeMode, leaseRefreshAfterMs, leaseExpiresAfterMs };
}
