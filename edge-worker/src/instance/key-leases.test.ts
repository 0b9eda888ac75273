/** Leases of one instance against a control plane that answers when the test says so, with a clock of the test's own. */

import type { webcrypto } from "node:crypto";
import {
  base64Encode,
  type Epoch,
  hexEncode,
  type LeasedKey,
  type LeaseGrant,
  type LeaseRequest,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { beforeEach, expect, test } from "vitest";
import { signMessage } from "../signing/ed25519.ts";
import { makeSealingKey, type SealingKey, seal } from "../signing/sealing.ts";
import { type InstanceClock, startClock } from "./clock.ts";
import { Epochs } from "./epochs.ts";
import { KeyLeases, type LeaseContext } from "./key-leases.ts";
import { REFUSAL_MS } from "./limits.ts";
import type { Answer, KeyLoan, Proxied } from "./messages.ts";
import { UpstreamError } from "./upstream.ts";

const START = 1_000_000;
const pair = (await crypto.subtle.generateKey("Ed25519", true, [
  "sign",
  "verify",
])) as webcrypto.CryptoKeyPair;
const random16 = () => hexEncode(crypto.getRandomValues(new Uint8Array(16)));

let nowMs: number;
let clock: InstanceClock;
let epochs: Epochs;
let leases: KeyLeases;
let own: SealingKey;
let isolate: SealingKey;
/** Questions that wait for their answer. */
let questions: { key: LeasedKey; answer(result: "grant" | "away" | object): Promise<void> }[];
let epoch: Epoch;

beforeEach(async () => {
  nowMs = START;
  epoch = { generation: 1, counter: 1 };
  clock = startClock(0, () => nowMs);
  epochs = new Epochs();
  own = await makeSealingKey();
  isolate = await makeSealingKey();
  questions = [];
  const post = (_path: string, _type: string, content: LeaseRequest) =>
    new Promise((resolve, reject) => {
      const [key] = content.keys as [LeasedKey];
      const requestHash = hexEncode(crypto.getRandomValues(new Uint8Array(32)));
      const sentAtMs = content.timeMs;
      questions.push({
        key,
        async answer(result) {
          if (result === "away") return reject(new UpstreamError("away"));
          const one = result === "grant" ? { grant: await grantOf(key, requestHash) } : result;
          resolve({ answer: { results: [one] }, requestHash, sentAtMs });
        },
      });
    });
  const upstream = {
    origin: () => ({ edge: "edge", instance: "i", nonce: random16(), timeMs: clock.now() }),
    post,
  };
  leases = new KeyLeases({
    identity: {
      edge: "edge",
      group: "default",
      instance: "00".repeat(16),
      bridgeKey: Promise.resolve(pair.publicKey),
      sealingKey: Promise.resolve(own),
    },
    upstream,
    bridgeSealing: { key: async () => ({ publicKey: "", keyId: "k", madeAtMs: 0 }) },
    clock,
    epochs,
    auditHead: () => ({ seq: 0, hash: "" }),
  } as unknown as LeaseContext);
});

async function grantOf(key: LeasedKey, requestHash: string) {
  const leaseId = random16();
  const type = signedMessageTypes.leaseGrant;
  const { account, region, keyId } = key;
  const sealed = await seal(own.publicKey, new Uint8Array(32), type, `${requestHash}:${leaseId}`);
  const grant: LeaseGrant = {
    ...{ requestHash, index: 0, edge: "edge", instance: "00".repeat(16), group: "default" },
    ...{ account, region, keyId, version: 1, branch: "00".repeat(8), suite: 1, leaseId, epoch },
    ...{ notBeforeMs: nowMs, refreshAtMs: nowMs + 60_000, expiresAtMs: nowMs + 180_000 },
    ...{ maxOperations: 10, maxUnacknowledged: 10, store: "software" },
    sealed: {
      kem: 0x0020,
      enc: base64Encode(sealed.enc),
      ciphertext: base64Encode(sealed.ciphertext),
    },
  };
  return (await signMessage(type, grant, pair.privateKey)).message;
}

const keyOf = (n = 0): LeasedKey => ({
  purpose: "encrypt",
  account: "1",
  region: "ap-singapore",
  keyId: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
});
const lend = (key = keyOf(), staleLease: string | null = null) =>
  leases.lend({ key, isolateKey: isolate.publicKey, staleLease });
/** Lets everything that can go on, go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
const leaseOf = (answer: Answer<KeyLoan | Proxied>): string =>
  answer.ok && "leaseId" in answer.value ? answer.value.leaseId : JSON.stringify(answer);
/** A lease in hand. */
async function lease(key = keyOf()): Promise<string> {
  const asked = lend(key);
  await settle();
  await questions.at(-1)?.answer("grant");
  return leaseOf(await asked);
}
const disabled = { error: { code: "ResourceUnavailable.CmkDisabled" } };

test("all who ask for a key wait for one question", async () => {
  const asked = Array.from({ length: 30 }, () => lend());
  await settle();
  expect(questions).toHaveLength(1);
  await questions[0]?.answer("grant");
  expect(new Set((await Promise.all(asked)).map(leaseOf)).size).toBe(1);
});

test("no more than 20 questions are under way at once", async () => {
  const asked = Array.from({ length: 50 }, (_, n) => lend(keyOf(n)));
  for (const started of [20, 40, 50]) {
    await expect.poll(() => questions.length).toBe(started);
    await settle();
    expect(questions).toHaveLength(started);
    for (const question of [...questions]) await question.answer("grant");
  }
  expect((await Promise.all(asked)).every(({ ok }) => ok)).toBe(true);
});

test("a lease that is due is lent at once, and a newer one had meanwhile by one question", async () => {
  const first = await lease();
  nowMs += 60_000;
  for (let n = 0; n < 5; n++) expect(leaseOf(await lend())).toBe(first);
  await settle();
  expect(questions).toHaveLength(2);
  await questions[1]?.answer("grant");
  await settle();
  expect(leaseOf(await lend())).not.toBe(first);
  expect(questions).toHaveLength(2);
});

test("a refresh that fails leaves the lease, is tried again after a moment, and extends nothing", async () => {
  const first = await lease();
  nowMs += 60_000;
  for (let n = 2; n < 5; n++) {
    expect(leaseOf(await lend())).toBe(first);
    await settle();
    expect(questions).toHaveLength(n);
    await questions.at(-1)?.answer("away");
    await settle();
    expect(leaseOf(await lend())).toBe(first);
    expect(questions).toHaveLength(n);
    nowMs += 1_000;
  }
  expect(leases.valid(first, START + 179_999)).not.toBeNull();
  nowMs = START + 180_000;
  expect(leases.valid(first, nowMs)).toBeNull();
  const asked = lend();
  await settle();
  await questions.at(-1)?.answer("away");
  expect(await asked).toMatchObject({ ok: false, code: "InternalError" });
});

test.each([
  ["refused", disabled],
  ["answered that the key is proxied", { proxied: true }],
])("a refresh that is %s ends the lease at once", async (_name, result) => {
  const first = await lease();
  nowMs += 60_000;
  await lend();
  await settle();
  await questions[1]?.answer(result);
  await settle();
  expect(leases.valid(first, nowMs)).toBeNull();
});

test("a clock that is set back extends no lease", async () => {
  const first = await lease();
  nowMs += 180_000;
  expect(leases.valid(first, clock.now())).toBeNull();
  nowMs = START;
  expect(leases.valid(first, clock.now())).toBeNull();
});

test("a grant is as long as it says, counted from when it was asked for", async () => {
  const asked = lend();
  await settle();
  nowMs += 5_000;
  await questions[0]?.answer("grant");
  const held = leases.valid(leaseOf(await asked), nowMs);
  expect(held?.expiresAtMs).toBe(START + 180_000);
  // Jitter: up to a tenth of the time until then.
  expect(held?.refreshAtMs).toBeLessThanOrEqual(START + 60_000);
  expect(held?.refreshAtMs).toBeGreaterThanOrEqual(START + 54_000);
});

test("a refusal is remembered for a second, and not beyond a raised epoch or a right that was given", async () => {
  const refuse = async () => {
    const asked = lend();
    await settle();
    await questions.at(-1)?.answer(disabled);
    return asked;
  };
  expect(await refuse()).toMatchObject({ code: "ResourceUnavailable.CmkDisabled" });
  expect(await lend()).toMatchObject({ code: "ResourceUnavailable.CmkDisabled" });
  expect(questions).toHaveLength(1);
  nowMs += REFUSAL_MS;
  await refuse();
  expect(questions).toHaveLength(2);
  epochs.raise("1", { generation: 1, counter: 2 });
  await refuse();
  expect(questions).toHaveLength(3);
  epochs.touch();
  await refuse();
  expect(questions).toHaveLength(4);
  // Another account's change is none of this one's.
  epochs.raise("2", { generation: 1, counter: 9 });
  await lend();
  expect(questions).toHaveLength(4);
});

test("who asks after a raised epoch takes no answer to a question from before it", async () => {
  const before = lend();
  await settle();
  epoch = { generation: 1, counter: 2 };
  epochs.raise("1", epoch);
  const after = lend();
  await settle();
  expect(questions).toHaveLength(2);
  await questions[0]?.answer(disabled);
  await questions[1]?.answer("grant");
  expect((await before).ok).toBe(false);
  expect((await after).ok).toBe(true);
});

test("trouble on the way is not remembered", async () => {
  for (let n = 1; n < 4; n++) {
    const asked = lend();
    await settle();
    expect(questions).toHaveLength(n);
    await questions.at(-1)?.answer("away");
    expect(await asked).toMatchObject({ code: "InternalError" });
  }
});
