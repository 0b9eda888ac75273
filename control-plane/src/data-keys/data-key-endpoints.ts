/**
 * `POST /edge/v1/data-keys/store` and `…/read`: what edges, where alone the plaintext is, ask about hosted data keys. The edge has
 * verified the caller, as for every data-plane call; here the data key must be of an account and region that it is enrolled for.
 */

import { randomUUID } from "node:crypto";
import {
  ApiError,
  decodeEnvelope,
  type ErrorCode,
  type ReadDataKeyResponse,
  readDataKeyRequest,
  type StoreDataKeyRequest,
  type StoreDataKeyResponse,
  signedMessageTypes,
  storeDataKeyRequest,
  toApiError,
} from "@edge-kms/protocol";
import type { Database, Queryable } from "../db/index.ts";
import {
  countDataKeys,
  findByRequest,
  findDataKey,
  insertDataKey,
  lockDataKeyQuota,
  updateDataKey,
} from "../db/queries/data-keys.ts";
import { isRevokedAtEdge } from "../db/queries/edge-revocations.ts";
import { lockKey } from "../db/queries/keys.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import { nextState, stateAt } from "../keys/states.ts";
import { toNameError } from "./change.ts";
import { nextDataKeyState } from "./states.ts";

export interface DataKeyServices extends EdgeAuthentication {
  readonly database: Database;
  /** Hosted data keys per account and region. */
  readonly dataKeyQuota: number;
}

/** @param input parsed JSON of the request's body. */
export async function storeDataKey(services: DataKeyServices, input: unknown): Promise<EdgeAnswer> {
  const { dataKeyStore: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, storeDataKeyRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  const { edge, payload } = request;
  if (edge.isFrozen) return refusedEdge("frozen");
  if (!edge.accounts.has(payload.account) || !edge.regions.has(payload.region)) {
    return refuse("ResourceUnavailable.CmkNotFound");
  }
  const envelope = decodeEnvelope(payload.blob);
  if (envelope === null || envelope.keyId !== payload.keyId) {
    return { status: 400, error: { code: "malformed" }, reason: "blob" };
  }
  return answer(
    async (): Promise<StoreDataKeyResponse> => ({
      dataKeyId: await store(services, payload),
    }),
  );
}

async function store(
  { database, dataKeyQuota, clock }: DataKeyServices,
  payload: StoreDataKeyRequest,
): Promise<string> {
  const { account, region, keyId, requestId, blob } = payload;
  const scope = { account, region };
  try {
    return await database.transaction(async (tx) => {
      await lockDataKeyQuota(tx, scope);
      const key = await lockKey(tx, scope, keyId);
      if (key === null) throw new ApiError("ResourceUnavailable.CmkNotFound");
      await refuseRevoked(tx, payload.edge, account, keyId);
      nextState({ ...key, state: stateAt(key, clock()) }, "encrypt");
      const before = await findByRequest(tx, account, requestId);
      if (before !== null) {
        // The call was carried out before and never answered: only what it makes now will be seen.
        await updateDataKey(tx, before, { blob, keyId });
        return before.dataKeyId;
      }
      if ((await countDataKeys(tx, scope)) >= dataKeyQuota) {
        throw new ApiError("LimitExceeded.DataKeyLimitExceeded");
      }
      const dataKeyId = randomUUID();
      await insertDataKey(tx, {
        dataKeyId,
        account,
        region,
        keyId,
        name: payload.name,
        description: payload.description,
        numberOfBytes: payload.numberOfBytes,
        origin: payload.material,
        creatorUin: payload.uin,
        createdAtMs: clock(),
        blob,
        requestId,
        tags: payload.tags,
      });
      return dataKeyId;
    });
  } catch (error) {
    throw toNameError(error);
  }
}

/** @param input parsed JSON of the request's body. */
export async function readDataKey(services: DataKeyServices, input: unknown): Promise<EdgeAnswer> {
  const { dataKeyRead: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, readDataKeyRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  const { edge, payload } = request;
  if (edge.isFrozen) return refusedEdge("frozen");
  const { account, region, dataKeyId } = payload;
  return answer(async (): Promise<ReadDataKeyResponse> => {
    const isCovered = edge.accounts.has(account) && edge.regions.has(region);
    const row = isCovered
      ? await services.database.read((db) => findDataKey(db, { account, region }, dataKeyId))
      : null;
    if (row === null) throw new ApiError("ResourceUnavailable.DataKeyNotFound");
    await services.database.read((db) => refuseRevoked(db, edge.edge, account, row.keyId));
    nextDataKeyState(row, "read");
    if (row.keyState === "Deleted") throw new ApiError("ResourceUnavailable.CmkNotFound");
    return { keyId: row.keyId, blob: row.blob };
  });
}

/** What was taken away from an edge it gets in no other form either. */
async function refuseRevoked(
  db: Queryable,
  edge: string,
  account: string,
  keyId: string,
): Promise<void> {
  if (await isRevokedAtEdge(db, edge, account, keyId)) {
    throw new ApiError("UnauthorizedOperation", { detail: "revoked at the edge" });
  }
}

/** Codes of the contract are for the caller of the edge; whatever else goes wrong is for our log. */
async function answer(work: () => Promise<object>): Promise<EdgeAnswer> {
  try {
    return { status: 200, body: await work() };
  } catch (thrown) {
    const error = toApiError(thrown);
    if (error.code === "InternalError") throw thrown;
    return refuse(error.code);
  }
}

function refuse(code: ErrorCode): EdgeAnswer {
  return { status: 200, body: { error: { code } } };
}
