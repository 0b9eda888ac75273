/** Steps that several actions begin with. */

import { ApiError } from "@edge-kms/protocol";
import { toManagementError } from "../../bridge/errors.ts";
import type { Edge } from "../../edges/directory.ts";
import type { Call } from "../call.ts";

/** The edges that the caller's account is enrolled with. @throws ApiError when the bridge cannot tell. */
export async function edgesOf(call: Call): Promise<readonly Edge[]> {
  const { directory } = call.services;
  return directory.ofAccount(call.principal.account).catch((error: unknown) => {
    throw toManagementError(error);
  });
}

/** `ResourceNotFound` when the account has no such edge: a mistyped name would take nothing away, silently. */
export async function requireEdge(call: Call, name: string): Promise<void> {
  const edges = await edgesOf(call);
  if (edges.some(({ edge }) => edge === name)) return;
  throw new ApiError("ResourceNotFound", { message: "The account has no edge of that name." });
}

/** Unix seconds. */
export const seconds = (ms: number): number => Math.floor(ms / 1000);
