/**
 * Makes an asymmetric key, in two phases; the same call again answers the same. The private key is the version's object in the store,
 * or, of a kind that the store keeps none of, sealed under that object.
 */

import {
  type AsymmetricKeyUsage,
  base64Encode,
  type SignedMessage,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { destroyed } from "../branch-keys.ts";
import type { Bridge, Operation } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import { makeStoredPair } from "../pairs/key-pairs.ts";
import { findKey, insertKey, insertVersion, type KeyRow } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { createObjectBy } from "../registry/objects.ts";
import { findPair, insertPair, type PairRow } from "../registry/pairs.ts";

export const createKeyPair: Operation<"createKeyPair"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database, store } = bridge;
    const { account, region, keyId, usage } = request;
    const existing = findKey(database, keyId);
    if (existing !== null) return repeat(bridge, existing, request);
    const nowMs = bridge.clock();
    const make = (objectId: string) => makeStoredPair(bridge, request, objectId);
    const pair = await createObjectBy(
      database,
      store,
      "key-version",
      nowMs,
      make,
      (objectId, made) => {
        insertKey(database, request, null, "active", nowMs);
        insertVersion(database, keyId, 1, objectId, nowMs);
        const row: PairRow = { keyId, version: 1, usage, ...made };
        insertPair(database, row);
        appendLog(database, nowMs, "key-created", role, {
          account,
          region,
          keyId,
          version: 1,
          usage,
          inStore: made.wrapped === null,
          store: store.kind,
        });
        return row;
      },
    );
    return answer(bridge, { account, region }, pair, nowMs);
  });

function repeat(
  bridge: Bridge,
  key: KeyRow,
  request: { account: string; region: string; usage: AsymmetricKeyUsage },
) {
  const pair = findPair(bridge.database, key.keyId);
  const isSame =
    key.account === request.account &&
    key.region === request.region &&
    (key.state !== "active" || pair?.usage === request.usage);
  if (!isSame) throw new BridgeError("conflict", "The key id is in use for another key.");
  if (key.state !== "active" || pair === null) throw destroyed();
  return answer(bridge, key, pair, key.createdAtMs);
}

function answer(
  bridge: Bridge,
  { account, region }: { account: string; region: string },
  { keyId, version, usage, publicKey }: PairRow,
  createdAtMs: number,
) {
  const statement: SignedMessage = bridge.identity.sign(signedMessageTypes.publicKey, {
    account,
    region,
    keyId,
    version,
    usage,
    publicKey: base64Encode(publicKey),
  });
  return { version, createdAtMs, store: bridge.store.kind, statement };
}
