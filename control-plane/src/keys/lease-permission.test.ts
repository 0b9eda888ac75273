import type { LeasedKey } from "@edge-kms/protocol";
import { expect, test } from "vitest";
import type { KeyWithEpoch } from "../db/queries/keys.ts";
import { permitUse } from "./lease-permission.ts";

const edge = { accounts: new Set(["1"]), regions: new Set(["ap-singapore"]) };
const limits = {
  refreshAfterMs: 1,
  expiresAfterMs: 2,
  maxOperations: 3,
  maxUnacknowledged: 4,
};
const nowMs = 1_000_000;
const keyId = "00000000-0000-4000-8000-000000000001";
const place = { account: "1", region: "ap-singapore", keyId };
const toEncrypt: LeasedKey = { purpose: "encrypt", ...place };
const toDecrypt = (version: number): LeasedKey => ({
  purpose: "decrypt",
  ...place,
  version,
  branch: "00".repeat(8),
  suite: 1,
});

/** A key at its second version. */
const found = (changes: Partial<KeyWithEpoch["key"]>, isRevokedAtEdge = false): KeyWithEpoch => ({
  isRevokedAtEdge,
  key: {
    ...place,
    alias: "a",
    description: "",
    state: "Enabled",
    keyUsage: "ENCRYPT_DECRYPT",
    origin: "TENCENT_KMS",
    suite: "AES_256",
    owner: "user",
    creatorUin: "1",
    createdAtMs: 0,
    currentVersion: 2,
    edgeMode: "lease",
    leaseRefreshAfterMs: null,
    leaseExpiresAfterMs: null,
    rotationEnabled: false,
    rotateDays: 365,
    lastRotatedAtMs: null,
    nextRotateAtMs: null,
    rotationTaskId: null,
    rotatingUntilMs: null,
    deletionAtMs: null,
    deletionStepUntilMs: null,
    deletedAtMs: null,
    validToMs: null,
    hasMaterial: true,
    materialStep: null,
    materialStepUntilMs: null,
    publicKeyStatement: null,
    hsmClusterId: "",
    ...changes,
  },
  epoch: { generation: 1, counter: 1 },
});

const permit = (
  wanted: LeasedKey,
  changes: Partial<KeyWithEpoch["key"]>,
  isRevokedAtEdge = false,
) => permitUse(edge, wanted, found(changes, isRevokedAtEdge), limits, nowMs);
const told = (...asked: Parameters<typeof permit>) => {
  const permission = permit(...asked);
  return permission.ok ? permission.mode : permission.error;
};

test("a deleted key is not found, to its own account and region only", () => {
  const notFound = "ResourceUnavailable.CmkNotFound";
  expect(told(toEncrypt, { state: "Deleted" })).toBe(notFound);
  expect(told(toDecrypt(1), { state: "Deleted" })).toBe(notFound);
  const invalid = "InvalidParameterValue.InvalidCiphertext";
  expect(told(toDecrypt(1), { state: "Deleted", account: "2" })).toBe(invalid);
  expect(told(toDecrypt(1), { state: "Deleted", region: "ap-guangzhou" })).toBe(invalid);
  expect(told(toDecrypt(3), { state: "Deleted" })).toBe(invalid);
});

test("a version that this row does not know yet is the bridge's to judge", () => {
  expect(told(toDecrypt(3), {})).toBe("lease");
  const invalid = "InvalidParameterValue.InvalidCiphertext";
  expect(told(toDecrypt(3), { state: "Disabled" })).toBe(invalid);
  expect(told(toDecrypt(2), { state: "Disabled" })).toBe("ResourceUnavailable.CmkDisabled");
});

test("keys that a cloud product made are its own to use", () => {
  expect(told(toEncrypt, { owner: "cos" })).toBe("UnauthorizedOperation");
  expect(told(toDecrypt(1), { owner: "cos" })).toBe("UnauthorizedOperation");
});

test("the edge mode decides: lease, proxy, or nothing whatever the state", () => {
  for (const wanted of [toEncrypt, toDecrypt(1)]) {
    expect(told(wanted, { edgeMode: "lease" })).toBe("lease");
    expect(told(wanted, { edgeMode: "proxy" })).toBe("proxy");
    expect(told(wanted, { edgeMode: "proxy", state: "Disabled" })).toBe(
      "ResourceUnavailable.CmkDisabled",
    );
    for (const state of ["Enabled", "Disabled", "PendingDelete"] as const) {
      expect(told(wanted, { edgeMode: "deny", state })).toBe("UnauthorizedOperation");
    }
    expect(told(wanted, { edgeMode: "deny", state: "Deleted" })).toBe(
      "ResourceUnavailable.CmkNotFound",
    );
  }
  const invalid = "InvalidParameterValue.InvalidCiphertext";
  expect(told(toDecrypt(3), { edgeMode: "deny" })).toBe(invalid);
  expect(told(toDecrypt(1), { edgeMode: "deny", account: "2" })).toBe(invalid);
});

test("a key has its own lease times, of which no length at all means that it is proxied", () => {
  const times = (changes: Partial<KeyWithEpoch["key"]>) => {
    const permission = permit(toEncrypt, changes);
    if (!permission.ok) throw new Error(permission.error);
    const { refreshAfterMs, expiresAfterMs } = permission.limits;
    return [permission.mode, refreshAfterMs, expiresAfterMs];
  };
  expect(times({})).toEqual(["lease", 1, 2]);
  const own = { leaseRefreshAfterMs: 300_000, leaseExpiresAfterMs: 900_000 };
  expect(times(own)).toEqual(["lease", 300_000, 900_000]);
  // The default refresh is never later than the key's own end.
  expect(times({ leaseExpiresAfterMs: 1 })).toEqual(["lease", 1, 1]);
  expect(times({ leaseRefreshAfterMs: 5 })).toEqual(["lease", 2, 2]);
  expect(times({ leaseExpiresAfterMs: 0 })).toEqual(["proxy", 0, 0]);
});

test("a key taken away from the edge tells it neither state nor versions", () => {
  for (const state of ["Enabled", "Disabled", "PendingDelete", "Archived"] as const) {
    expect(told(toEncrypt, { state }, true)).toBe("UnauthorizedOperation");
    expect(told(toDecrypt(2), { state }, true)).toBe("UnauthorizedOperation");
    expect(told(toDecrypt(3), { state }, true)).toBe("InvalidParameterValue.InvalidCiphertext");
  }
  expect(told(toEncrypt, { state: "Deleted" }, true)).toBe("ResourceUnavailable.CmkNotFound");
  const stranger = { account: "2" };
  expect(told(toEncrypt, stranger, true)).toBe("ResourceUnavailable.CmkNotFound");
});

test("imported material ends to the millisecond, and no lease outlives it", () => {
  const lease = (validToMs: number) => permit(toEncrypt, { origin: "EXTERNAL", validToMs });
  expect(lease(nowMs)).toEqual({ ok: false, error: "ResourceUnavailable.CmkStateNotSupport" });
  expect(lease(nowMs + 1)).toMatchObject({ limits: { refreshAfterMs: 1, expiresAfterMs: 1 } });
  expect(lease(nowMs + 60_000)).toMatchObject({ limits });
  const archived = { origin: "EXTERNAL", state: "Archived", validToMs: nowMs } as const;
  expect(told(toDecrypt(1), archived)).toBe("ResourceUnavailable.CmkStateNotSupport");
  const pending = { ...archived, state: "PendingDelete" } as const;
  expect(told(toEncrypt, pending)).toBe("ResourceUnavailable.KeyPendingDelete");
});
