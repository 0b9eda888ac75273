import { afterAll, beforeAll, expect, test } from "vitest";
import { overdueCreations } from "../../db/queries/key-creation.ts";
import { creationTimeMs, finishOverdueCreations } from "../../keys/creation.ts";
import { silentLog } from "../../log.ts";
import { type Harness, startHarness } from "../../testing/harness.ts";

const quota = 6;
let h: Harness;
beforeAll(async () => {
  h = await startHarness({ cmkQuota: quota });
});
afterAll(() => h.close());

const later = () => Date.now() + 2 * creationTimeMs;
const unfinished = () => h.database.read((db) => overdueCreations(db, later(), 100));

test("answers what the contract says, in the exact envelope", async () => {
  const root = await h.account();
  const answer = await root.call("CreateKey", {
    Alias: "orders_key-1",
    Description: "für Bestellungen",
    Tags: [{ TagKey: "env", TagValue: "prod" }],
  });
  expect(answer.status).toBe(200);
  expect(answer.contentType).toBe("application/json");
  expect(answer.response).toEqual({
    KeyId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    Alias: "orders_key-1",
    CreateTime: expect.any(Number),
    Description: "für Bestellungen",
    KeyState: "Enabled",
    KeyUsage: "ENCRYPT_DECRYPT",
    TagCode: 0,
    TagMsg: "ok",
    HsmClusterId: "",
    RequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test("asks the bridge for the suite of the region", async () => {
  const root = await h.account();
  const aes = await root.createKey("aes", "ap-singapore");
  const sm4 = await root.createKey("sm4", "ap-guangzhou");
  const asked = h.bridge.calls
    .filter(({ name }) => name === "createKey")
    .map(({ request }) => request as { keyId: string; suite: number; account: string });
  const { account } = root.principal;
  expect(asked).toContainEqual({ account, region: "ap-singapore", keyId: aes, suite: 1 });
  expect(asked).toContainEqual({ account, region: "ap-guangzhou", keyId: sm4, suite: 2 });
  const described = await root.call("DescribeKey", { KeyId: sm4 }, { region: "ap-guangzhou" });
  expect(described.response.KeyMetadata).toMatchObject({ Type: 4 });
});

test.each([
  ["no alias", {}, "MissingParameter"],
  ["an alias of another type", { Alias: 7 }, "InvalidParameter"],
  ["an empty alias", { Alias: "" }, "InvalidParameterValue.InvalidAlias"],
  ["an alias of 61 characters", { Alias: "a".repeat(61) }, "InvalidParameterValue.InvalidAlias"],
  ["a reserved alias", { Alias: "KMS-own" }, "InvalidParameterValue.InvalidAlias"],
  ["an alias that begins with -", { Alias: "-a" }, "InvalidParameterValue.InvalidAlias"],
  ["a long description", { Alias: "a", Description: "ü".repeat(513) }, "InvalidParameter"],
  ["a NUL in a text", { Alias: "a", Description: "a\u0000b" }, "InvalidParameter"],
  ["an unknown usage", { Alias: "a", KeyUsage: "FLY" }, "InvalidParameterValue.InvalidKeyUsage"],
  ["type 3", { Alias: "a", Type: 3 }, "InvalidParameterValue.InvalidType"],
  [
    "imported material for a pair",
    { Alias: "a", Type: 2, KeyUsage: "ASYMMETRIC_DECRYPT_SM2" },
    "InvalidParameterValue.InvalidKeyUsage",
  ],
  ["a cluster", { Alias: "a", HsmClusterId: "x" }, "InvalidParameterValue.InvalidHsmClusterId"],
  [
    "a tag key twice",
    {
      Alias: "a",
      Tags: [
        { TagKey: "k", TagValue: "1" },
        { TagKey: "k", TagValue: "2" },
      ],
    },
    "InvalidParameterValue.TagKeysDuplicated",
  ],
])("refuses %s", async (_name, params, code) => {
  const root = await h.account();
  const answer = await root.call("CreateKey", params);
  expect(answer.code).toBe(code);
  expect(answer.status).toBe(200);
  expect(answer.response.RequestId).toMatch(/^[0-9a-f-]{36}$/);
  expect((await root.call("ListKeys")).response.TotalCount).toBe(0);
});

test("takes numbers as text, as official examples write them", async () => {
  const root = await h.account();
  expect((await root.call("CreateKey", { Alias: "a", Type: "1" })).code).toBeUndefined();
});

test("an alias is taken once per account and region", async () => {
  const [one, other] = [await h.account(), await h.account()];
  await one.createKey("same");
  await other.createKey("same");
  await one.createKey("same", "ap-guangzhou");
  const again = await one.call("CreateKey", { Alias: "same" });
  expect(again.code).toBe("InvalidParameterValue.AliasAlreadyExists");
  expect((await one.call("CreateKey", { Alias: "Same" })).code).toBeUndefined();
});

test("of many who want one alias at once, one gets it", async () => {
  const root = await h.account();
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => root.call("CreateKey", { Alias: "wanted" })),
  );
  const codes = answers.map(({ code }) => code ?? "made").sort();
  expect(codes).toEqual([...Array(5).fill("InvalidParameterValue.AliasAlreadyExists"), "made"]);
});

test("the quota holds, per account and region, however many ask at once", async () => {
  const root = await h.account();
  const answers = await Promise.all(
    Array.from({ length: quota + 4 }, (_, i) => root.call("CreateKey", { Alias: `key-${i}` })),
  );
  const codes = answers.map(({ code }) => code ?? "made");
  expect(codes.filter((code) => code === "made")).toHaveLength(quota);
  expect(codes.filter((code) => code === "LimitExceeded.CmkLimitExceeded")).toHaveLength(4);
  await root.createKey("elsewhere", "ap-guangzhou");
  const { response } = await root.call("GetServiceStatus");
  expect(response).toMatchObject({ CmkUserCount: quota, CmkLimit: quota });
});

test("keys waiting for deletion do not count, and come back whatever the quota", async () => {
  const root = await h.account();
  const leaving = await root.createKey("leaving");
  await root.call("DisableKey", { KeyId: leaving });
  await root.call("ScheduleKeyDeletion", { KeyId: leaving, PendingWindowInDays: 7 });
  for (let i = 0; i < quota; i++) await root.createKey(`key-${i}`);
  expect((await root.call("CancelKeyDeletion", { KeyId: leaving })).code).toBeUndefined();
  expect((await root.call("GetServiceStatus")).response.CmkUserCount).toBe(quota + 1);
  const full = "LimitExceeded.CmkLimitExceeded";
  expect((await root.call("CreateKey", { Alias: "more" })).code).toBe(full);
});

test.each([
  ["hsm-unavailable", "UnsupportedOperation.ServiceTemporaryUnavailable"],
  ["unreachable", "UnsupportedOperation.ServiceTemporaryUnavailable"],
  ["internal", "InternalError"],
  ["conflict", "InternalError"],
  ["frozen", "UnauthorizedOperation"],
  // Given up by another meanwhile.
  ["destroyed", "InternalError"],
] as const)("when the bridge says %s nothing stays behind", async (failure, code) => {
  const root = await h.account();
  h.bridge.failNext("createKey", failure);
  expect((await root.call("CreateKey", { Alias: "unlucky" })).code).toBe(code);
  expect((await root.call("ListKeyDetail")).response.TotalCount).toBe(0);
  await root.createKey("unlucky");
  await expect.poll(unfinished).toEqual([]);
});

test("asks again when the bridge's answer was lost, and makes one key", async () => {
  const root = await h.account();
  h.bridge.failNext("createKey", "no-answer");
  await root.createKey("patient");
  expect((await root.call("ListKeys")).response.TotalCount).toBe(1);
});

test("a key being made is invisible", async () => {
  const root = await h.account();
  let seen: unknown[] = [];
  h.bridge.before = async (name) => {
    if (name !== "createKey") return;
    h.bridge.before = async () => {};
    const { request } = h.bridge.calls.findLast(({ name }) => name === "createKey") as {
      request: { keyId: string };
    };
    seen = [
      (await root.call("DescribeKey", { KeyId: request.keyId })).code,
      (await root.call("UpdateAlias", { KeyId: request.keyId, Alias: "x" })).code,
      (await root.call("DisableKey", { KeyId: request.keyId })).code,
      (await root.call("ListKeys")).response.TotalCount,
      (await root.call("CreateKey", { Alias: "slow" })).code,
    ];
  };
  await root.createKey("slow");
  const notFound = "ResourceUnavailable.CmkNotFound";
  const taken = "InvalidParameterValue.AliasAlreadyExists";
  expect(seen).toEqual([notFound, notFound, notFound, 0, taken]);
});

test("what a dead control plane left half-made is finished off, also after the bridge was away", async () => {
  const root = await h.account();
  // The maker dies: neither its answer nor its cleaning up happens.
  h.bridge.failNext("createKey", "hsm-unavailable");
  h.bridge.failNext("abandonKey", "unreachable", "unreachable");
  await root.call("CreateKey", { Alias: "orphan" });
  await expect.poll(async () => (await unfinished()).length).toBe(1);
  const services = { database: h.database, bridge: h.bridge };
  await finishOverdueCreations(services, later(), silentLog);
  expect(await unfinished()).toHaveLength(1);
  await finishOverdueCreations(services, later(), silentLog);
  expect(await unfinished()).toEqual([]);
});

test("a creation that was given up cannot be finished any more", async () => {
  const root = await h.account();
  h.bridge.before = async (name) => {
    if (name !== "createKey") return;
    h.bridge.before = async () => {};
    const services = { database: h.database, bridge: h.bridge };
    await finishOverdueCreations(services, later(), silentLog);
  };
  expect((await root.call("CreateKey", { Alias: "late" })).code).toBe("InternalError");
  expect((await root.call("ListKeyDetail")).response.TotalCount).toBe(0);
});

test("the recovery job leaves finished keys alone", async () => {
  const root = await h.account();
  const keyId = await root.createKey("finished");
  await finishOverdueCreations({ database: h.database, bridge: h.bridge }, later(), silentLog);
  expect((await root.call("DescribeKey", { KeyId: keyId })).code).toBeUndefined();
  expect(h.bridge.abandoned).not.toContain(keyId);
});
