/** The terms of what the bridge performed, as the commit point finds them. */

import type { webcrypto } from "node:crypto";
import { hexEncode, type Operation, signedMessageTypes } from "@edge-kms/protocol";
import { beforeEach, expect, test } from "vitest";
import { signMessage } from "../signing/ed25519.ts";
import { startClock } from "./clock.ts";
import { Epochs } from "./epochs.ts";
import type { LeaseContext } from "./key-leases.ts";
import { REFUSAL_MS } from "./limits.ts";
import { Operations } from "./operations.ts";

const START = 1_000_000;
const pair = (await crypto.subtle.generateKey("Ed25519", true, [
  "sign",
  "verify",
])) as webcrypto.CryptoKeyPair;
const random = (bytes: number) => hexEncode(crypto.getRandomValues(new Uint8Array(bytes)));
const branch = { version: 1, branch: "00".repeat(8), suite: 1 } as const;
const operation: Operation = {
  purpose: "decrypt",
  ...{ account: "1", region: "ap-singapore", keyId: "00000000-0000-4000-8000-000000000001" },
  ...branch,
};
const sealed = { enc: new Uint8Array(0), ciphertext: new Uint8Array(0) };

let nowMs: number;
let epochs: Epochs;
let operations: Operations;
let asked: number;
/** An error code in place of a result. */
let refusal: string | null;

beforeEach(() => {
  nowMs = START;
  asked = 0;
  refusal = null;
  epochs = new Epochs();
  const clock = startClock(0, () => nowMs);
  const post = async () => {
    asked += 1;
    const requestHash = random(32);
    if (refusal !== null) {
      return { answer: { error: { code: refusal } }, requestHash, sentAtMs: nowMs };
    }
    const type = signedMessageTypes.operationResult;
    const result = {
      ...operation,
      ...{ requestHash, edge: "edge", instance: "00".repeat(16), leaseId: random(16) },
      ...{ notBeforeMs: nowMs, expiresAtMs: nowMs + 30_000, maxUnacknowledged: 10 },
      ...{ epoch: { generation: 1, counter: 1 }, store: "software", group: "elsewhere" },
      sealed: { kem: 0x0020, enc: "", ciphertext: "" },
    };
    const { message } = await signMessage(type, result, pair.privateKey);
    return { answer: { result: message }, requestHash, sentAtMs: nowMs };
  };
  operations = new Operations({
    identity: {
      ...{ edge: "edge", group: "default", instance: "00".repeat(16) },
      bridgeKey: Promise.resolve(pair.publicKey),
    },
    upstream: { origin: () => ({}), post },
    clock,
    epochs,
    auditHead: () => ({ seq: 0, hash: "" }),
  } as unknown as LeaseContext);
});

const ask = () =>
  operations.perform({
    operation,
    isolateKey: new Uint8Array(32),
    nonce: random(16),
    sealingKeyId: "00".repeat(8),
    sealed,
  });
async function perform(): Promise<string> {
  const answer = await ask();
  if (!answer.ok || !("leaseId" in answer.value)) throw new Error(JSON.stringify(answer));
  return answer.value.leaseId;
}

test("a result is good for one call, until it ends", async () => {
  const [first, second] = [await perform(), await perform()];
  expect(operations.valid(first, START + 29_999)).toMatchObject({ account: "1" });
  expect(operations.valid(first, START + 30_000)).toBeNull();
  expect(operations.valid("another", START)).toBeNull();
  // As the commit point counts it.
  const held = operations.valid(first, START);
  if (held !== null) held.operationsLeft -= 1;
  expect(operations.valid(first, START)).toBeNull();
  expect(operations.valid(second, START)).not.toBeNull();
});

test("a result of an older epoch is void", async () => {
  const id = await perform();
  epochs.raise("1", { generation: 1, counter: 2 });
  expect(operations.valid(id, START)).toBeNull();
});

test("a refusal of the key is remembered for a second, that a ciphertext does not open is not", async () => {
  refusal = "UnauthorizedOperation";
  for (let n = 0; n < 3; n++) expect(await ask()).toMatchObject({ ok: false, code: refusal });
  expect(asked).toBe(1);
  nowMs += REFUSAL_MS;
  refusal = "InvalidParameterValue.InvalidCiphertext";
  for (let n = 0; n < 3; n++) expect(await ask()).toMatchObject({ ok: false, code: refusal });
  expect(asked).toBe(4);
  refusal = null;
  await perform();
});
