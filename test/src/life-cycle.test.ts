/**
 * The life of keys, driven by the official SDK through the system that `npm start` makes: rotation, archiving, binding,
 * deletion, each with every documented error that can occur. Those that cannot are listed in control-plane/README.md.
 */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { bridgeClient } from "./support/spy-edge.ts";
import { discard, type System, startSystem } from "./support/system.ts";
import { within5s } from "./support/within.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(() => discard(system), 60_000);

const unknownKey = "00000000-0000-4000-8000-000000000000";
const codes = {
  notFound: "ResourceUnavailable.CmkNotFound",
  state: "ResourceUnavailable.CmkStateNotSupport",
  disabled: "ResourceUnavailable.CmkDisabled",
  archived: "ResourceUnavailable.CmkArchived",
  pending: "ResourceUnavailable.KeyPendingDelete",
  notPending: "ResourceUnavailable.CmkNotPendingDelete",
  enabled: "ResourceUnavailable.CmkShouldBeDisabled",
  used: "FailedOperation.CmkUsedByCloudProduct",
  noBinding: "ResourceUnavailable.CloudResourceBindingNotFound",
  window: "InvalidParameter.InvalidPendingWindowInDays",
  keyId: "InvalidParameterValue.InvalidKeyId",
  duplicated: "InvalidParameterValue.DuplicatedKeyId",
  rateLimited: "RequestLimitExceeded.RotateRateLimited",
  running: "FailedOperation.RotateTaskRunning",
  noRotation: "UnsupportedOperation.RotateNotSupported",
  imported: "UnsupportedOperation.ExternalCmkCanNotRotate",
  member: "UnsupportedOperation.NotRoleOperation",
  productMade: "UnsupportedOperation.NotUserCreatedCmk",
  away: "UnsupportedOperation.ServiceTemporaryUnavailable",
} as const;
const Plaintext = base64("a life of a key");

async function newKey(kms: Kms): Promise<string> {
  const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
  return KeyId;
}

/** What a change promises: in force at the connected edge within 5 seconds. */
const setKey = (keyId: string, changes: string) =>
  withDatabase(system, (query) => query(`update keys set ${changes} where key_id = $1`, [keyId]));

/** Every action on one key, with parameters that are otherwise right. */
const onOneKey: [string, object][] = [
  ["ArchiveKey", {}],
  ["CancelKeyArchive", {}],
  ["ScheduleKeyDeletion", { PendingWindowInDays: 7 }],
  ["CancelKeyDeletion", {}],
  ["EnableKeyRotation", { RotateDays: 30 }],
  ["DisableKeyRotation", {}],
  ["GetKeyRotationStatus", {}],
  ["RotateKey", {}],
  ["BindCloudResource", { ProductId: "ssm", ResourceId: "r" }],
  ["UnbindCloudResource", { ProductId: "ssm", ResourceId: "r" }],
];

describe.each(["ap-singapore", "ap-guangzhou"])("in %s", (region) => {
  let kms: Kms;
  let metadata: (KeyId: string) => Promise<Record<string, unknown>>;
  beforeAll(() => {
    kms = createClient(system, { region });
    metadata = async (KeyId) => ({ ...(await kms.DescribeKey({ KeyId })).KeyMetadata });
  });

  it.each(onOneKey)("%s refuses keys that are not there, and members", async (action, params) => {
    const call = (more: object) => kms.request(action, { ...params, ...more });
    await expectCode(call({}), "MissingParameter");
    await expectCode(call({ KeyId: 5 }), "InvalidParameter");
    await expectCode(call({ KeyId: "no-uuid" }), codes.keyId);
    await expectCode(call({ KeyId: unknownKey }), codes.notFound);
    if (action.endsWith("CloudResource")) return;
    const MemberAccount = { MemberUin: 42 };
    await expectCode(call({ KeyId: unknownKey, MemberAccount }), codes.member);
  });

  it("enables and disables many keys, all or none", async () => {
    const KeyIds = [await newKey(kms), await newKey(kms)];
    const blobs = await Promise.all(KeyIds.map((KeyId) => kms.Encrypt({ KeyId, Plaintext })));
    await kms.DisableKeys({ KeyIds });
    for (const { CiphertextBlob = "" } of blobs) {
      await within5s(() => expectCode(kms.Decrypt({ CiphertextBlob }), codes.disabled));
    }
    await kms.DisableKeys({ KeyIds });
    await kms.EnableKeys({ KeyIds });
    await kms.EnableKeys({ KeyIds });
    for (const { CiphertextBlob = "" } of blobs) {
      await within5s(() => kms.Decrypt({ CiphertextBlob }));
    }
    const archived = await newKey(kms);
    await kms.ArchiveKey({ KeyId: archived });
    const bound = await newKey(kms);
    await kms.BindCloudResource({ KeyId: bound, ProductId: "ssm", ResourceId: "r" });
    const [first = ""] = KeyIds;
    await expectCode(kms.DisableKeys({ KeyIds: [first, bound] }), codes.used);
    for (const action of ["DisableKeys", "EnableKeys"]) {
      const call = (params: object) => kms.request(action, params);
      await expectCode(call({ KeyIds: [first, archived] }), codes.state);
      await expectCode(call({ KeyIds: [first, unknownKey] }), codes.notFound);
      await expectCode(call({ KeyIds: [first, first] }), codes.duplicated);
      await expectCode(call({ KeyIds: [first, "no-uuid"] }), codes.keyId);
      await expectCode(call({ KeyIds: [] }), "InvalidParameter");
      await expectCode(call({ KeyIds: [first], MemberAccount: { MemberUin: 42 } }), codes.member);
    }
    expect((await metadata(first)).KeyState).toBe("Enabled");
  });

  it("archives: decrypts and no longer encrypts, until that is taken back", async () => {
    const KeyId = await newKey(kms);
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    await kms.ArchiveKey({ KeyId });
    await within5s(() => expectCode(kms.Encrypt({ KeyId, Plaintext }), codes.archived));
    expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
    await expectCode(kms.ArchiveKey({ KeyId }), codes.state);
    expect((await kms.ListKeyDetail({ SearchKeyAlias: KeyId, KeyState: 5 })).TotalCount).toBe(1);
    await kms.CancelKeyArchive({ KeyId });
    await expectCode(kms.CancelKeyArchive({ KeyId }), codes.state);
    await within5s(() => kms.Encrypt({ KeyId, Plaintext }));
  });

  it("keeps a key that a cloud product uses", async () => {
    const KeyId = await newKey(kms);
    const binding = { KeyId, ProductId: "ssm", ResourceId: "secret" };
    await kms.BindCloudResource(binding);
    await kms.BindCloudResource(binding);
    await expectCode(kms.DisableKey({ KeyId }), codes.used);
    await expectCode(kms.ArchiveKey({ KeyId }), codes.used);
    await expectCode(kms.ScheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 }), codes.used);
    await kms.UnbindCloudResource(binding);
    await expectCode(kms.UnbindCloudResource(binding), codes.noBinding);
    await kms.DisableKey({ KeyId });
    await expectCode(kms.BindCloudResource(binding), codes.state);
  });

  it("leaves product-made keys to their product", async () => {
    const KeyId = await newKey(kms);
    await setKey(KeyId, "owner = 'cos'");
    expect((await kms.ListKeys({ Role: 1 })).Keys).toContainEqual({ KeyId });
    await kms.EnableKeyRotation({ KeyId });
    await expectCode(kms.ArchiveKey({ KeyId }), codes.productMade);
    await expectCode(kms.CancelKeyArchive({ KeyId }), codes.productMade);
    await expectCode(kms.DisableKey({ KeyId }), codes.used);
    await expectCode(kms.ScheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 }), codes.used);
  });

  it("rotates: the new version encrypts, the old ones decrypt, ReEncrypt moves on", async () => {
    const KeyId = await newKey(kms);
    await expectCode(kms.RotateKey({ KeyId }), codes.noRotation);
    const { CiphertextBlob: old = "" } = await kms.Encrypt({ KeyId, Plaintext });
    expect(await kms.ReEncrypt({ CiphertextBlob: old })).toMatchObject({ ReEncrypted: false });
    await kms.EnableKeyRotation({ KeyId, RotateDays: 30 });
    expect((await kms.GetKeyRotationStatus({ KeyId })).KeyRotationEnabled).toBe(true);
    expect((await kms.RotateKey({ KeyId })).TaskId).toMatch(/^[0-9a-f-]{36}$/);
    await within5s(async () => {
      expect((await metadata(KeyId)).LastRotateTime).toBeGreaterThan(0);
    });
    const rotated = await metadata(KeyId);
    expect(rotated).toMatchObject({ KeyRotationEnabled: true, RotateDays: 30 });
    expect(Number(rotated.NextRotateTime) - Number(rotated.LastRotateTime)).toBe(30 * 86_400);
    let moved = "";
    await within5s(async () => {
      const answer = await kms.ReEncrypt({ CiphertextBlob: old });
      expect(answer).toMatchObject({ ReEncrypted: true, KeyId, SourceKeyId: KeyId });
      moved = answer.CiphertextBlob ?? "";
    });
    const { CiphertextBlob: fresh = "" } = await kms.Encrypt({ KeyId, Plaintext });
    for (const CiphertextBlob of [moved, fresh]) {
      expect(versionOf(CiphertextBlob)).toBe(2);
      expect(await kms.ReEncrypt({ CiphertextBlob })).toMatchObject({
        ReEncrypted: false,
        CiphertextBlob,
      });
    }
    expect(versionOf(old)).toBe(1);
    for (const CiphertextBlob of [old, moved, fresh]) {
      expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
    }
    await expectCode(kms.RotateKey({ KeyId }), codes.rateLimited);
    await setKey(KeyId, `rotating_until_ms = ${Date.now() + 60_000}`);
    await expectCode(kms.RotateKey({ KeyId }), codes.running);
    await setKey(KeyId, "rotating_until_ms = null");
    await kms.DisableKeyRotation({ KeyId });
    await kms.DisableKeyRotation({ KeyId });
    expect((await kms.GetKeyRotationStatus({ KeyId })).KeyRotationEnabled).toBe(false);
    for (const RotateDays of [6, 366]) {
      await expectCode(kms.EnableKeyRotation({ KeyId, RotateDays }), "InvalidParameterValue");
    }
    await kms.DisableKey({ KeyId });
    await expectCode(kms.EnableKeyRotation({ KeyId }), codes.state);
    await expectCode(kms.RotateKey({ KeyId }), codes.state);
    await setKey(KeyId, "origin = 'EXTERNAL'");
    await expectCode(kms.EnableKeyRotation({ KeyId }), codes.imported);
    await expectCode(kms.RotateKey({ KeyId }), codes.noRotation);
  }, 30_000);

  it("schedules a deletion at the bridge, and takes it back", async () => {
    const KeyId = await newKey(kms);
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    const schedule = (PendingWindowInDays = 7) =>
      kms.ScheduleKeyDeletion({ KeyId, PendingWindowInDays });
    await expectCode(schedule(), codes.enabled);
    await expectCode(kms.CancelKeyDeletion({ KeyId }), codes.notPending);
    await kms.DisableKey({ KeyId });
    for (const days of [6, 31]) await expectCode(schedule(days), codes.window);
    const scheduled = await schedule(30);
    expect(scheduled.KeyId).toBe(KeyId);
    const inDays = ((scheduled.DeletionDate ?? 0) - Date.now() / 1000) / 86_400;
    expect(inDays).toBeGreaterThan(29.99);
    expect(inDays).toBeLessThan(30.01);
    expect(await metadata(KeyId)).toMatchObject({
      KeyState: "PendingDelete",
      DeletionDate: scheduled.DeletionDate,
    });
    await expectCode(schedule(), codes.state);
    await expectCode(kms.EnableKey({ KeyId }), codes.state);
    await within5s(() => expectCode(kms.Encrypt({ KeyId, Plaintext }), codes.pending));
    await expectCode(kms.Decrypt({ CiphertextBlob }), codes.disabled);
    // The bridge has the date: nobody destroys the key before, an operator neither.
    const operator = bridgeClient(system, "operator");
    const { KeyMetadata } = await kms.DescribeKey({ KeyId });
    const account = KeyMetadata?.CreatorUinString ?? "";
    await expectCode(operator.call("destroyKey", { account, region, keyId: KeyId }), "too-early");
    operator.close();
    expect((await kms.CancelKeyDeletion({ KeyId })).KeyId).toBe(KeyId);
    expect(await metadata(KeyId)).toMatchObject({ KeyState: "Disabled", DeletionDate: 0 });
    await kms.EnableKey({ KeyId });
    await within5s(() => kms.Decrypt({ CiphertextBlob }));
  });

  it("says that the service is away when the bridge refuses, and changes nothing", async () => {
    const KeyId = await newKey(kms);
    await kms.DisableKey({ KeyId });
    await setKey(KeyId, `deletion_step_until_ms = ${Date.now() + 60_000}`);
    const params = { KeyId, PendingWindowInDays: 7 };
    await expectCode(kms.ScheduleKeyDeletion(params), codes.away);
    expect((await metadata(KeyId)).KeyState).toBe("Disabled");
    await setKey(KeyId, "deletion_step_until_ms = null");
    await kms.ScheduleKeyDeletion(params);
    await setKey(KeyId, `deletion_step_until_ms = ${Date.now() + 60_000}`);
    await expectCode(kms.CancelKeyDeletion({ KeyId }), codes.away);
  });
});

describe("when time has passed", () => {
  it("a key is rotated by itself, and one whose date has come is gone for good", async () => {
    let kms = createClient(system);
    const rotating = await newKey(kms);
    await kms.EnableKeyRotation({ KeyId: rotating, RotateDays: 7 });
    const { CiphertextBlob: old = "" } = await kms.Encrypt({ KeyId: rotating, Plaintext });
    const Alias = newAlias();
    const { KeyId: leaving = "" } = await kms.CreateKey({ Alias });
    const { CiphertextBlob: lost = "" } = await kms.Encrypt({ KeyId: leaving, Plaintext });
    await kms.DisableKey({ KeyId: leaving });
    await kms.ScheduleKeyDeletion({ KeyId: leaving, PendingWindowInDays: 7 });

    // Eight days later, for these two keys: the bridge's own date passes, then the control plane's.
    const { home, port } = system;
    expect(await system.stop()).toBe(0);
    const registry = new DatabaseSync(join(home, "bridge", "registry.sqlite"));
    registry.prepare("UPDATE keys SET destroy_not_before_ms = 1 WHERE key_id = ?").run(leaving);
    registry.close();
    system = await startSystem({ home, port });
    kms = createClient(system);
    await setKey(leaving, "deletion_at_ms = 1");
    await setKey(rotating, "next_rotate_at_ms = 1");
    // A control plane does its jobs when it starts, here after kill -9.
    await system.killAndWait("control plane", "SIGKILL");

    const deadline = Date.now() + 10_000;
    const eventually = async (attempt: () => Promise<unknown>): Promise<void> => {
      for (;;) {
        try {
          await attempt();
          return;
        } catch (error) {
          if (Date.now() > deadline) throw error;
        }
      }
    };
    await eventually(() => expectCode(kms.DescribeKey({ KeyId: leaving }), codes.notFound));
    await eventually(() => expectCode(kms.Decrypt({ CiphertextBlob: lost }), codes.notFound));
    await expectCode(kms.Encrypt({ KeyId: leaving, Plaintext }), codes.notFound);
    await expectCode(kms.CancelKeyDeletion({ KeyId: leaving }), codes.notFound);
    expect((await kms.CreateKey({ Alias })).Alias).toBe(Alias);

    await eventually(async () => {
      const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId: rotating, Plaintext });
      expect(versionOf(CiphertextBlob)).toBe(2);
    });
    expect((await kms.Decrypt({ CiphertextBlob: old })).Plaintext).toBe(Plaintext);

    expect(await system.stop()).toBe(0);
    const after = new DatabaseSync(join(home, "bridge", "registry.sqlite"), { readOnly: true });
    try {
      const count = (sql: string) => after.prepare(sql).get(leaving);
      expect(count("SELECT state FROM keys WHERE key_id = ?")).toEqual({ state: "destroyed" });
      const wrapped = "SELECT count(*) AS n FROM branches WHERE key_id = ? AND wrapped IS NOT NULL";
      expect(count(wrapped)).toEqual({ n: 0 });
      const objects = `SELECT o.state FROM objects o JOIN key_versions USING (object_id)
        WHERE key_id = ?`;
      expect(count(objects)).toEqual({ state: "destroyed" });
    } finally {
      after.close();
    }
    system = await startSystem({ home, port });
  }, 120_000);
});

/** The version that an envelope names: after magic, format, suite and the key's id (design §4), big-endian. */
function versionOf(ciphertext: string): number {
  return Buffer.from(ciphertext, "base64").readUInt32BE(1 + 1 + 1 + 16);
}
