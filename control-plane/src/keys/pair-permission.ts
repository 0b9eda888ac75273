/** What edges may have done with a private key, or read of its public half: the caller names the key, and is told of its state. */

import {
  type Epoch,
  type ErrorCode,
  type PairOperation,
  signAlgorithmRows,
} from "@edge-kms/protocol";
import type { KeyWithEpoch } from "../db/queries/keys.ts";
import type { Edge } from "../edges/directory.ts";
import { transition } from "./states.ts";
import { isAsymmetric } from "./usages.ts";

export type PairPermission =
  | { readonly ok: true; readonly epoch: Epoch; readonly key: KeyWithEpoch["key"] }
  | { readonly ok: false; readonly error: ErrorCode };

const refuse = (error: ErrorCode): PairPermission => ({ ok: false, error });

interface Named {
  readonly account: string;
  readonly region: string;
}

/** @param found the key of that id in any account and region, null when there is none. */
export function permitPair(
  edge: Pick<Edge, "accounts" | "regions">,
  wanted: Named,
  found: KeyWithEpoch | null,
): PairPermission {
  const isCovered = edge.accounts.has(wanted.account) && edge.regions.has(wanted.region);
  const isOwn =
    found !== null && found.key.account === wanted.account && found.key.region === wanted.region;
  if (!isCovered || !isOwn) {
    return refuse("ResourceUnavailable.CmkNotFound");
  }
  const { key, epoch } = found;
  const { state, owner, edgeMode } = key;
  if (state === "Deleted") return refuse("ResourceUnavailable.CmkNotFound");
  if (edgeMode === "deny" || found.isRevokedAtEdge) return refuse("UnauthorizedOperation");
  if (!isAsymmetric(key.keyUsage)) return refuse("InvalidParameter");
  const allowed = transition({ state, owner }, "usePair");
  return allowed.ok ? { ok: true, epoch, key } : refuse(allowed.error);
}

/** As {@link permitPair}, of a key whose usage fits the operation. */
export function permitPairOperation(
  edge: Pick<Edge, "accounts" | "regions">,
  wanted: PairOperation,
  found: KeyWithEpoch | null,
): PairPermission {
  const permission = permitPair(edge, wanted, found);
  if (wanted.purpose === "sign") {
    if (!permission.ok) return permission;
    const isFit = signAlgorithmRows[wanted.algorithm].usage === permission.key.keyUsage;
    return isFit ? permission : refuse("InvalidParameter");
  }
  const usage =
    wanted.algorithm === "SM2" ? "ASYMMETRIC_DECRYPT_SM2" : "ASYMMETRIC_DECRYPT_RSA_2048";
  // Also of a symmetric key.
  const isOther = found !== null && found.key.keyUsage !== usage;
  const isToldOf = permission.ok || permission.error === "InvalidParameter";
  return isOther && isToldOf ? refuse("InvalidParameterValue.InvalidKeyUsage") : permission;
}
