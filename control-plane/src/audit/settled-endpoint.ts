/**
 * `POST /edge/v1/audit/settled`: an edge instance says that nothing waits any more of earlier incarnations on its storage.
 * From then on they owe no records (protocol.md "At most N unaccounted").
 */

import { auditSettled, signedMessageTypes } from "@edge-kms/protocol";
import type { Database } from "../db/index.ts";
import { settleInstances } from "../db/queries/edge-instances.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import type { Log } from "../log.ts";

export interface SettledServices extends EdgeAuthentication {
  readonly database: Database;
  readonly log: Log;
}

/**
 * A frozen or revoked edge may still say so, as it may deliver.
 *
 * @param input parsed JSON of the request's body.
 */
export async function acceptSettled(
  services: SettledServices,
  input: unknown,
): Promise<EdgeAnswer> {
  const { auditSettled: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, auditSettled, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  const { edge, instance, settled } = request.payload;
  // Whoever speaks is not gone, and may record another call.
  const gone = [...new Set(settled)].filter((one) => one !== instance);
  const done =
    gone.length === 0
      ? []
      : await services.database.transaction((tx) => settleInstances(tx, edge, gone));
  if (done.length < gone.length) {
    services.log.warn("instances that are not settled", {
      edge,
      instances: gone.length - done.length,
    });
  }
  return { status: 200, body: { accepted: true } };
}
