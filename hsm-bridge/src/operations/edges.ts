/** The list of enrolled edges: written by operators only, read by both. */

import { base64Decode, base64Encode } from "@edge-kms/protocol";
import type { Operation } from "../bridge.ts";
import { importPublicKey } from "../ed25519.ts";
import { BridgeError } from "../errors.ts";
import {
  type EdgeRow,
  findEdge,
  findEdgeByPublicKey,
  insertEdge,
  listEdges as readEdges,
} from "../registry/edges.ts";
import { isFrozen } from "../registry/freezes.ts";
import { appendLog } from "../registry/log.ts";

export const listEdges: Operation<"listEdges"> = (bridge) => ({
  edges: readEdges(bridge.database).map((edge) => ({
    edge: edge.edge,
    publicKey: base64Encode(edge.publicKey),
    accounts: [...edge.accounts],
    regions: [...edge.regions],
    group: edge.group,
    enrolledAtMs: edge.enrolledAtMs,
    frozen: isFrozen(bridge.database, "edge", edge.edge),
  })),
});

export const enrollEdge: Operation<"enrollEdge"> = async (bridge, request, { role }) => {
  const publicKey = base64Decode(request.publicKey);
  if (publicKey === null || importPublicKey(publicKey) === null) {
    throw new BridgeError("bad-request", "publicKey is not a raw Ed25519 key in base64.");
  }
  const edge: EdgeRow = {
    edge: request.edge,
    publicKey,
    accounts: [...new Set(request.accounts)].sort(),
    regions: [...new Set(request.regions)].sort(),
    group: request.group,
    enrolledAtMs: bridge.clock(),
  };
  await bridge.database.commit(() => {
    const existing = findEdge(bridge.database, edge.edge);
    if (existing !== null) {
      if (isSame(existing, edge)) return;
      throw new BridgeError("conflict", "The edge is enrolled with another key or scope.");
    }
    if (findEdgeByPublicKey(bridge.database, publicKey) !== null) {
      throw new BridgeError("conflict", "Another edge is enrolled with this key.");
    }
    insertEdge(bridge.database, edge);
    appendLog(bridge.database, edge.enrolledAtMs, "edge-enrolled", role, {
      edge: edge.edge,
      publicKey: request.publicKey,
      accounts: edge.accounts.join(","),
      regions: edge.regions.join(","),
      group: edge.group,
    });
  });
  return {};
};

function isSame(a: EdgeRow, b: EdgeRow): boolean {
  return (
    Buffer.from(a.publicKey).equals(b.publicKey) &&
    a.accounts.join() === b.accounts.join() &&
    a.regions.join() === b.regions.join() &&
    a.group === b.group
  );
}
