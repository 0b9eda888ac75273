/** How long an edge goes by a public key. */

import type { webcrypto } from "node:crypto";
import { signedMessageTypes } from "@edge-kms/protocol";
import { expect, test } from "vitest";
import { signMessage } from "../signing/ed25519.ts";
import { startClock } from "./clock.ts";
import { Epochs } from "./epochs.ts";
import type { LeaseContext } from "./key-leases.ts";
import { PublicKeys } from "./public-keys.ts";

const START = 1_000_000;
const pair = (await crypto.subtle.generateKey("Ed25519", true, [
  "sign",
  "verify",
])) as webcrypto.CryptoKeyPair;
const question = {
  account: "1",
  region: "ap-singapore",
  keyId: "00000000-0000-4000-8000-000000000001",
};

test.each([
  [900_000, 180_000],
  [180_000, 180_000],
  [30_000, 30_000],
  [0, 5_000],
])("a key whose leases last %i ms has its public key kept for %i ms", async (limit, kept) => {
  let nowMs = START;
  let asked = 0;
  const statement = { ...question, version: 1, usage: "ASYMMETRIC_SIGN_VERIFY_ECC" } as const;
  const post = async () => {
    asked += 1;
    const { message } = await signMessage(
      signedMessageTypes.publicKey,
      { ...statement, publicKey: "AAAA" },
      pair.privateKey,
    );
    return { answer: { statement: message, expiresAfterMs: limit }, sentAtMs: nowMs };
  };
  const publicKeys = new PublicKeys({
    identity: { bridgeKey: Promise.resolve(pair.publicKey) },
    upstream: { origin: () => ({}), post },
    clock: startClock(0, () => nowMs),
    epochs: new Epochs(),
  } as unknown as LeaseContext);
  const read = async () => {
    const answer = await publicKeys.read(question);
    if (!answer.ok) throw new Error(JSON.stringify(answer));
    return answer.value.leaseId;
  };
  const id = await read();
  nowMs = START + kept - 1;
  expect(await read()).toBe(id);
  expect(publicKeys.valid(id, nowMs)).not.toBeNull();
  nowMs = START + kept;
  expect(publicKeys.valid(id, nowMs)).toBeNull();
  expect(await read()).not.toBe(id);
  expect(asked).toBe(2);
});
