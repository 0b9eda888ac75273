/** Credentials in an instance's hands, against a control plane that answers when the test says so. */

import type { webcrypto } from "node:crypto";
import {
  base64Encode,
  type CallerProof,
  type CredentialGrant,
  type CredentialRequest,
  hexEncode,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { beforeEach, expect, test } from "vitest";
import { signMessage } from "../signing/ed25519.ts";
import { makeSealingKey, seal } from "../signing/sealing.ts";
import { CallerLeases } from "./caller-leases.ts";
import { startClock } from "./clock.ts";
import { Epochs } from "./epochs.ts";
import type { LeaseContext } from "./key-leases.ts";
import { REFUSAL_MS } from "./limits.ts";
import type { Answer, CallerLoan } from "./messages.ts";
import { UpstreamError } from "./upstream.ts";

const START = 1_000_000;
const pair = (await crypto.subtle.generateKey("Ed25519", true, [
  "sign",
  "verify",
])) as webcrypto.CryptoKeyPair;
const own = await makeSealingKey();
const isolate = await makeSealingKey();
const random = (bytes: number) => hexEncode(crypto.getRandomValues(new Uint8Array(bytes)));
const principal = { account: "1", appId: 1, uin: "1", type: "root" } as const;
const proof: CallerProof = {
  secretId: `AKID${"0".repeat(32)}`,
  method: "TC3-HMAC-SHA256",
  ...{ date: "2026-11-27", service: "kms", stringsToSign: ["x"], signature: "00" },
};

let nowMs: number;
let epochs: Epochs;
let leases: CallerLeases;
let questions: ((result: "grant" | "away" | object) => Promise<void>)[];

beforeEach(() => {
  nowMs = START;
  questions = [];
  const clock = startClock(0, () => nowMs);
  epochs = new Epochs();
  const post = (_path: string, _type: string, { timeMs: sentAtMs }: CredentialRequest) =>
    new Promise((resolve, reject) => {
      const requestHash = random(32);
      questions.push(async (result) => {
        if (result === "away") return reject(new UpstreamError("away"));
        const answer = result === "grant" ? { grant: await grantOf(requestHash) } : result;
        resolve({ answer, requestHash, sentAtMs });
      });
    });
  leases = new CallerLeases({
    identity: {
      ...{ edge: "edge", group: "default", instance: "00".repeat(16) },
      bridgeKey: Promise.resolve(pair.publicKey),
      sealingKey: Promise.resolve(own),
    },
    upstream: { origin: () => ({ timeMs: clock.now() }), post },
    clock,
    epochs,
  } as unknown as LeaseContext);
});

async function grantOf(requestHash: string) {
  const leaseId = random(16);
  const type = signedMessageTypes.credentialGrant;
  const { secretId, date, service } = proof;
  const sealed = await seal(own.publicKey, new Uint8Array(32), type, `${requestHash}:${leaseId}`);
  const grant: CredentialGrant = {
    ...{ requestHash, edge: "edge", instance: "00".repeat(16), leaseId, secretId, date, service },
    ...{ principal, maxUnacknowledged: 10, epoch: { generation: 1, counter: 1 } },
    ...{ notBeforeMs: nowMs, refreshAtMs: nowMs + 60_000, expiresAtMs: nowMs + 180_000 },
    sealed: {
      kem: 0x0020,
      enc: base64Encode(sealed.enc),
      ciphertext: base64Encode(sealed.ciphertext),
    },
  };
  return (await signMessage(type, grant, pair.privateKey)).message;
}

const lend = () => leases.lend({ proof, isolateKey: isolate.publicKey, staleLease: null });
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
const leaseOf = (answer: Answer<CallerLoan>) => (answer.ok ? answer.value.leaseId : answer.code);
const unknown = { error: { code: "AuthFailure.SecretIdNotFound" } };
async function ask(result: "grant" | "away" | object): Promise<string> {
  const asked = lend();
  await settle();
  await questions.at(-1)?.(result);
  return leaseOf(await asked);
}

test("a credential that is due is lent at once, also while nobody answers, until it ends", async () => {
  const first = await ask("grant");
  nowMs += 60_000;
  for (let n = 0; n < 3; n++) expect(leaseOf(await lend())).toBe(first);
  await settle();
  expect(questions).toHaveLength(2);
  await questions[1]?.("grant");
  await settle();
  const second = leaseOf(await lend());
  expect(second).not.toBe(first);
  nowMs += 180_000;
  expect(leases.valid(second, nowMs)).toBeNull();
  expect(await ask("away")).toBe("InternalError");
});

test("a refresh ends the lease of a SecretId that is gone, not for one caller's bad signature", async () => {
  const first = await ask("grant");
  nowMs += 60_000;
  await lend();
  await settle();
  await questions.at(-1)?.({ error: { code: "AuthFailure.SignatureFailure" } });
  await settle();
  expect(leases.valid(first, nowMs)).not.toBeNull();
  nowMs += 1_000;
  await lend();
  await settle();
  await questions.at(-1)?.(unknown);
  await settle();
  expect(leases.valid(first, nowMs)).toBeNull();
});

test("an unknown SecretId is remembered for a second, and not beyond any account's change", async () => {
  expect(await ask(unknown)).toBe("AuthFailure.SecretIdNotFound");
  expect(leaseOf(await lend())).toBe("AuthFailure.SecretIdNotFound");
  expect(questions).toHaveLength(1);
  nowMs += REFUSAL_MS;
  await ask(unknown);
  expect(questions).toHaveLength(2);
  epochs.raise("7", { generation: 1, counter: 1 });
  await ask(unknown);
  expect(questions).toHaveLength(3);
  epochs.touch();
  expect(await ask("grant")).not.toBe("AuthFailure.SecretIdNotFound");
  expect(questions).toHaveLength(4);
});
