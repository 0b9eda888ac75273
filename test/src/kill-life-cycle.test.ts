/**
 * kill -9 of any part at random moments, several at once among them, while keys are made, rotated, imported, deleted and destroyed. What
 * was acknowledged stays; what was not has happened or has not; old ciphertexts open; token and registry agree after the start-up sweep.
 * `EDGE_KMS_KILL_ROUNDS` makes it longer.
 */

import { constants, createPublicKey, publicEncrypt, randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger, openPkcs11Store } from "@edge-kms/hsm-bridge";
import { afterAll, beforeAll, expect, it } from "vitest";
import { base64, createClient, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { childrenOf } from "./support/processes.ts";
import { discard, type PartName, type System, startSystem, testStore } from "./support/system.ts";

const rounds = Number(process.env.EDGE_KMS_KILL_ROUNDS ?? 1);
const killsPerRound = 8;

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(() => discard(system), 60_000);

/** A key, and what is known of it. */
interface Kept {
  readonly kms: Kms;
  readonly KeyId: string;
  readonly state: string;
  readonly ciphertexts: readonly string[];
  /** Of a pair: what it signs with, and a signature that it made. */
  readonly signed?: Record<string, unknown>;
}

const Plaintext = base64("kept over any death");
const kept: Kept[] = [];
const doomed: Kept[] = [];

// What says that an earlier try, whose answer was lost, has done it.
const doneBefore: Record<string, readonly string[]> = {
  ScheduleKeyDeletion: ["ResourceUnavailable.CmkStateNotSupport"],
  CancelKeyDeletion: ["ResourceUnavailable.CmkNotPendingDelete"],
  RotateKey: ["FailedOperation.RotateTaskRunning", "RequestLimitExceeded.RotateRateLimited"],
  DeleteImportedKeyMaterial: ["ResourceUnavailable.CmkStateNotSupport"],
};
// What a part that is away may make of a call. Anything else would be wrong about the key.
const away =
  /^(InternalError|UnsupportedOperation\.ServiceTemporaryUnavailable|RequestLimitExceeded)$/;

/** Calls until it is acknowledged. */
async function insist(kms: Kms, action: string, params: object): Promise<Record<string, unknown>> {
  const endMs = Date.now() + 90_000;
  for (let tries = 0; ; tries++) {
    try {
      return await kms.request(action, params);
    } catch (error) {
      const { code = "", message } = error as { code?: string; message: string };
      if (tries > 0 && code !== "" && doneBefore[action]?.includes(code)) return {};
      // Without a code: no answer came.
      const mayPass = !/^[A-Z]\w+(\.\w+)?$/.test(code) || away.test(code);
      if (!mayPass || Date.now() > endMs) {
        throw new Error(
          `${action} ${JSON.stringify(params)}: ${code} ${message}\n${system.output()}`,
        );
      }
      await sleep(50 + tries * 20);
    }
  }
}

/** A key that is there exactly once, whether or not the answer that told its id arrived. */
async function make(kms: Kms, params: object): Promise<string> {
  const Alias = newAlias();
  const endMs = Date.now() + 90_000;
  for (;;) {
    const made = await kms.request("CreateKey", { Alias, ...params }).catch((error) => error);
    if (typeof made.KeyId === "string") return made.KeyId;
    const named = await insist(kms, "ListKeyDetail", { SearchKeyAlias: Alias, KeyUsage: "ALL" });
    const [found] = named.KeyMetadatas as { KeyId: string }[];
    if (found !== undefined) return found.KeyId;
    if (Date.now() > endMs) throw made;
    await sleep(50);
  }
}

const encrypt = async (kms: Kms, KeyId: string) =>
  String((await insist(kms, "Encrypt", { KeyId, Plaintext })).CiphertextBlob);
const metadata = async (kms: Kms, KeyId: string) =>
  (await insist(kms, "DescribeKey", { KeyId })).KeyMetadata as Record<string, unknown>;

type Life = (kms: Kms) => Promise<void>;

const lives: Record<string, Life> = {
  async rotated(kms) {
    const KeyId = await make(kms, {});
    const before = await encrypt(kms, KeyId);
    await insist(kms, "EnableKeyRotation", { KeyId, RotateDays: 30 });
    await insist(kms, "RotateKey", { KeyId });
    await expect
      .poll(async () => (await metadata(kms, KeyId)).LastRotateTime, { timeout: 90_000 })
      .toBeGreaterThan(0);
    kept.push({ kms, KeyId, state: "Enabled", ciphertexts: [before, await encrypt(kms, KeyId)] });
  },
  async spared(kms) {
    const KeyId = await make(kms, {});
    const ciphertexts = [await encrypt(kms, KeyId)];
    await insist(kms, "DisableKey", { KeyId });
    await insist(kms, "ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    expect(await metadata(kms, KeyId)).toMatchObject({ KeyState: "PendingDelete" });
    await insist(kms, "CancelKeyDeletion", { KeyId });
    await insist(kms, "EnableKey", { KeyId });
    kept.push({ kms, KeyId, state: "Enabled", ciphertexts });
  },
  async doomed(kms) {
    const KeyId = await make(kms, {});
    const ciphertexts = [await encrypt(kms, KeyId)];
    await insist(kms, "DisableKey", { KeyId });
    await insist(kms, "ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    doomed.push({ kms, KeyId, state: "PendingDelete", ciphertexts });
  },
  async imported(kms) {
    const KeyId = await make(kms, { Type: 2 });
    const material = randomBytes(kms.region === "ap-guangzhou" ? 16 : 32);
    await importMaterial(kms, KeyId, material);
    const ciphertexts = [await encrypt(kms, KeyId)];
    await insist(kms, "DeleteImportedKeyMaterial", { KeyId });
    expect(await metadata(kms, KeyId)).toMatchObject({ KeyState: "PendingImport" });
    await importMaterial(kms, KeyId, material);
    kept.push({ kms, KeyId, state: "Enabled", ciphertexts });
  },
  async emptied(kms) {
    const KeyId = await make(kms, { Type: 2 });
    await importMaterial(kms, KeyId, randomBytes(kms.region === "ap-guangzhou" ? 16 : 32));
    await insist(kms, "DeleteImportedKeyMaterial", { KeyId });
    kept.push({ kms, KeyId, state: "PendingImport", ciphertexts: [] });
  },
  // One that lives in the token, and one whose private key is in the registry, wrapped by the token.
  tokenPair: (kms) => signWithNewPair(kms, "ASYMMETRIC_SIGN_VERIFY_ECC", "ECC_P256_R1"),
  wrappedPair: (kms) => signWithNewPair(kms, "ASYMMETRIC_SIGN_VERIFY_SM2", "SM2DSA"),
};

async function signWithNewPair(kms: Kms, KeyUsage: string, Algorithm: string): Promise<void> {
  const KeyId = await make(kms, { KeyUsage });
  const message = { KeyId, Algorithm, Message: Plaintext, MessageType: "RAW" };
  const { Signature } = await insist(kms, "SignByAsymmetricKey", message);
  const signed = { ...message, SignatureValue: Signature };
  kept.push({ kms, KeyId, state: "Enabled", ciphertexts: [], signed });
}

/** What it signed verifies, and it signs. */
async function expectPairToServe({ kms, signed = {} }: Kept): Promise<void> {
  const { SignatureValue, ...message } = signed;
  const { Signature } = await insist(kms, "SignByAsymmetricKey", message);
  for (const one of [SignatureValue, Signature]) {
    const answer = await insist(kms, "VerifyByAsymmetricKey", { ...message, SignatureValue: one });
    expect(answer.SignatureValid).toBe(true);
  }
}

/** An import whose outcome nobody knows is undone when its claim has run out, and its token with it: another one is asked for then. */
async function importMaterial(kms: Kms, KeyId: string, material: Uint8Array): Promise<void> {
  for (let undone = 0; ; undone++) {
    try {
      return await importOnce(kms, KeyId, material);
    } catch (error) {
      if (undone === 5 || !(error as Error).message.includes(".TokenExpired ")) throw error;
    }
  }
}

async function importOnce(kms: Kms, KeyId: string, material: Uint8Array): Promise<void> {
  const wanted = { KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec: "RSA_2048" };
  const answer = await insist(kms, "GetParametersForImport", wanted);
  const spki = Buffer.from(String(answer.PublicKey), "base64");
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const wrapped = publicEncrypt({ key, padding, oaepHash: "sha1" }, material);
  await insist(kms, "ImportKeyMaterial", {
    KeyId,
    ImportToken: answer.ImportToken,
    EncryptedKeyMaterial: wrapped.toString("base64"),
  });
}

type Victim = PartName | "PKCS#11 process";
const victims: readonly Victim[] = [
  "control plane",
  "bridge",
  "database",
  ...(testStore === "pkcs11" ? (["PKCS#11 process"] as const) : []),
];

function kill(victim: Victim): void {
  try {
    process.kill(pidOf(victim), "SIGKILL");
  } catch {
    // It is dead already, or not up again.
  }
}

function pidOf(victim: Victim): number {
  if (victim !== "PKCS#11 process") return system.pid(victim);
  return childrenOf(system.pid("bridge"))[0] ?? Number.NaN;
}

/** Each victim dies a few times, alone or with another, below what makes the launcher give up. */
async function killAtRandom(): Promise<void> {
  const list = Array.from({ length: killsPerRound }, (_, i) => victims[i % victims.length]);
  list.sort(() => randomInt(3) - 1);
  for (const victim of list) {
    if (victim !== undefined) kill(victim);
    // A fifth of them falls together with the next.
    await sleep(randomInt(5) === 0 ? 0 : randomInt(200, 2_500));
  }
}

/** Who died in the middle of something holds a claim on the key for a minute: it is over now, and a control plane starts. */
async function letClaimsRunOut(): Promise<void> {
  const claims = ["creating", "rotating", "deletion_step", "material_step"];
  await withDatabase(system, async (query) => {
    for (const claim of claims) {
      await query(`update keys set ${claim}_until_ms = 1 where ${claim}_until_ms is not null`);
    }
  }).catch(() => {});
  kill("control plane");
}

/** Runs the work to its end while parts die, and helps claims run out when they no longer do. */
async function underFire(work: Promise<unknown>): Promise<void> {
  let isOver = false;
  const ending = work.finally(() => {
    isOver = true;
  });
  ending.catch(() => {});
  await killAtRandom();
  for (let waits = 0; !isOver; waits++) {
    await Promise.race([ending.catch(() => {}), sleep(13_000)]);
    if (!isOver) await letClaimsRunOut();
    if (waits > 8) break;
  }
  await ending;
}

it(
  "leaves what was acknowledged, and no object that nobody knows",
  async () => {
    for (let round = 0; round < rounds; round++) {
      const clients = ["ap-singapore", "ap-guangzhou"].map((region) =>
        createClient(system, { region }),
      );
      const all = clients.flatMap((kms) =>
        Object.entries(lives).map(async ([name, live]) => {
          await live(kms).catch((error: unknown) => {
            throw new Error(`a key to be ${name}`, { cause: error });
          });
        }),
      );
      await underFire(Promise.all(all));
      await expectEverythingKept();
      await destroyDoomed();
      await expectEverythingKept();
      await expectTokenAndRegistryToAgree();
    }
  },
  60_000 + rounds * 240_000,
);

async function expectEverythingKept(): Promise<void> {
  for (const one of kept) {
    const { kms, KeyId, state, ciphertexts } = one;
    expect(await metadata(kms, KeyId), KeyId).toMatchObject({ KeyState: state });
    if (one.signed !== undefined) await expectPairToServe(one);
    for (const CiphertextBlob of ciphertexts) {
      expect((await insist(kms, "Decrypt", { CiphertextBlob })).Plaintext).toBe(Plaintext);
    }
  }
}

/** Their dates come, and parts die while they are destroyed. */
async function destroyDoomed(): Promise<void> {
  for (const { kms, KeyId, state } of doomed) {
    expect(await metadata(kms, KeyId), KeyId).toMatchObject({ KeyState: state });
  }
  const { home, port } = system;
  expect(await system.stop()).toBe(0);
  const registry = new DatabaseSync(join(home, "bridge", "registry.sqlite"));
  const comes = registry.prepare("UPDATE keys SET destroy_not_before_ms = 1 WHERE key_id = ?");
  for (const { KeyId } of doomed) comes.run(KeyId);
  registry.close();
  system = await startSystem({ home, port });
  const ids = doomed.map(({ KeyId }) => KeyId);
  await withDatabase(system, (query) =>
    query("update keys set deletion_at_ms = 1 where key_id = any($1)", [ids]),
  );
  const gone = doomed.map(async ({ kms, KeyId, ciphertexts: [CiphertextBlob] }) => {
    const codeOf = (action: string, params: object) =>
      kms.request(action, params).then(
        () => "answered",
        (error: { code?: string }) => error.code,
      );
    const notFound = "ResourceUnavailable.CmkNotFound";
    const patient = { timeout: 120_000, interval: 200 };
    await expect.poll(() => codeOf("DescribeKey", { KeyId }), patient).toBe(notFound);
    await expect.poll(() => codeOf("Decrypt", { CiphertextBlob }), patient).toBe(notFound);
  });
  kill("control plane");
  await underFire(Promise.all(gone));
}

/** After a start, whose sweep removes what was never finished: every object is in both, and none is in between. */
async function expectTokenAndRegistryToAgree(): Promise<void> {
  const { home, port } = system;
  expect(await system.stop()).toBe(0);
  system = await startSystem({ home, port });
  expect(await system.stop()).toBe(0);
  const registry = new DatabaseSync(join(home, "bridge", "registry.sqlite"), { readOnly: true });
  const column = (sql: string) =>
    registry
      .prepare(sql)
      .all()
      .map((row) => Object.values(row)[0]);
  try {
    const unsettled = "SELECT state FROM objects WHERE state NOT IN ('ready', 'destroyed')";
    expect(column(unsettled)).toEqual([]);
    expect(column("SELECT object_id FROM quarantine")).toEqual([]);
    const ofDoomed = `SELECT k.state || ' ' || o.state FROM keys k JOIN key_versions USING (key_id)
      JOIN objects o USING (object_id) WHERE k.key_id = ?`;
    for (const { KeyId } of doomed) {
      const states = registry
        .prepare(ofDoomed)
        .all(KeyId)
        .map((row) => Object.values(row)[0]);
      expect(states).toEqual(["destroyed destroyed"]);
    }
    if (testStore === "pkcs11") {
      const ready = column("SELECT object_id FROM objects WHERE state = 'ready'");
      expect([...(await objectsInToken(home))].sort()).toEqual(ready.sort());
    }
  } finally {
    registry.close();
  }
  system = await startSystem({ home, port });
}

async function objectsInToken(home: string): Promise<Set<string | null>> {
  const parts = JSON.parse(readFileSync(join(home, "home.json"), "utf8")) as { store: string };
  expect(parts.store).toBe("pkcs11");
  const module = /PKCS#11 token \((.*)\)/.exec(system.output())?.[1] ?? "";
  const store = await openPkcs11Store({
    modulePath: module,
    tokenLabel: "edge-kms",
    pin: readFileSync(join(home, "tokens", "pin"), "utf8").trim(),
    env: { SOFTHSM2_CONF: join(home, "tokens", "softhsm2.conf") },
    logger: createLogger(
      () => {},
      () => {},
    ),
  });
  try {
    return new Set((await store.listObjects()).map(({ id }) => id));
  } finally {
    await store.close();
  }
}
