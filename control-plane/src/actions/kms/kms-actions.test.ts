import { randomUUID } from "node:crypto";
import { kmsActions } from "@edge-kms/protocol";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readEpochs } from "../../db/queries/accounts.ts";
import type { KeyState } from "../../db/queries/keys.ts";
import { type Account, type Harness, startHarness } from "../../testing/harness.ts";
import { setKeyFields } from "../../testing/keys.ts";
import { findControlAction } from "../registry.ts";

let h: Harness;
let root: Account;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.close());

/** Puts a key into a state that no action leads to yet. */
const force = (keyId: string, state: KeyState) => setKeyFields(h.database, keyId, { state });

const codeOf = async (action: string, params: object) => (await root.call(action, params)).code;

test("every control-plane action of the protocol has its row, and no data-plane action has", () => {
  for (const [name, { plane }] of Object.entries(kmsActions)) {
    expect(findControlAction("kms", name) !== null, name).toBe(plane === "control");
  }
});

describe("actions on one key", () => {
  const actions = [
    ["DescribeKey", {}],
    ["UpdateAlias", { Alias: "renamed" }],
    ["UpdateKeyDescription", { Description: "new" }],
    ["EnableKey", {}],
    ["DisableKey", {}],
  ] as const;
  beforeAll(async () => {
    root = await h.account();
  });

  test.each(actions)("%s: a KeyId that is missing, malformed, unknown", async (name, params) => {
    expect(await codeOf(name, params)).toBe("MissingParameter");
    const malformed = { ...params, KeyId: "no-uuid" };
    expect(await codeOf(name, malformed)).toBe("InvalidParameterValue.InvalidKeyId");
    expect(await codeOf(name, { ...params, KeyId: 5 })).toBe("InvalidParameter");
    const unknown = { ...params, KeyId: randomUUID() };
    expect(await codeOf(name, unknown)).toBe("ResourceUnavailable.CmkNotFound");
  });

  test.each(actions)(
    "%s: keys of other accounts and regions do not exist",
    async (name, params) => {
      const stranger = await h.account();
      const keyId = await stranger.createKey("mine");
      const notFound = "ResourceUnavailable.CmkNotFound";
      expect(await codeOf(name, { ...params, KeyId: keyId })).toBe(notFound);
      const elsewhere = await stranger.call(
        name,
        { ...params, KeyId: keyId },
        { region: "ap-guangzhou" },
      );
      expect(elsewhere.code).toBe(notFound);
    },
  );

  test.each(actions)("%s: refuses to act on a member account", async (name, params) => {
    const KeyId = await root.createKey(`member-${name}`);
    const other = { ...params, KeyId, MemberAccount: { MemberUin: 42 } };
    expect(await codeOf(name, other)).toBe("UnsupportedOperation.NotRoleOperation");
    const self = { MemberUin: Number(root.principal.account) };
    const params2 = name === "UpdateAlias" ? { Alias: `self-${name}` } : params;
    expect(await codeOf(name, { ...params2, KeyId, MemberAccount: self })).toBeUndefined();
  });
});

describe("DescribeKey", () => {
  test("tells all of the metadata, in the types of the contract", async () => {
    const account = await h.account();
    const KeyId = await account.createKey("described");
    const { response } = await account.call("DescribeKey", { KeyId });
    expect(v.is(kmsActions.DescribeKey.output, response)).toBe(true);
    expect(response.KeyMetadata).toMatchObject({
      KeyId,
      Alias: "described",
      Description: "",
      KeyState: "Enabled",
      KeyUsage: "ENCRYPT_DECRYPT",
      Type: 2,
      CreatorUin: Number(account.principal.uin),
      CreatorUinString: account.principal.uin,
      KeyRotationEnabled: false,
      Owner: "user",
      DeletionDate: 0,
      Origin: "TENCENT_KMS",
      ValidTo: 0,
      ResourceId: `creatorUin/${account.principal.uin}/${KeyId}`,
      HsmClusterId: "",
    });
  });

  test("is served by GET, with flattened parameters", async () => {
    const account = await h.account();
    const KeyId = await account.createKey("by-get");
    const { response } = await account.call("DescribeKey", { KeyId }, { method: "GET" });
    expect(response.KeyMetadata).toMatchObject({ Alias: "by-get" });
  });
});

describe("DescribeKeys", () => {
  beforeAll(async () => {
    root = await h.account();
  });

  test("answers in the order asked for, all or nothing", async () => {
    const [a, b] = [await root.createKey("a"), await root.createKey("b")];
    const { response } = await root.call("DescribeKeys", { KeyIds: [b, a] });
    expect(response.KeyMetadatas).toMatchObject([{ KeyId: b }, { KeyId: a }]);
    const flattened = await root.call(
      "DescribeKeys",
      { "KeyIds.0": a, "KeyIds.1": b },
      { method: "GET" },
    );
    expect(flattened.response.KeyMetadatas).toMatchObject([{ KeyId: a }, { KeyId: b }]);
    const missing = [a, randomUUID()];
    expect(await codeOf("DescribeKeys", { KeyIds: missing })).toBe(
      "ResourceUnavailable.CmkNotFound",
    );
  });

  test.each([
    ["none", [], "InvalidParameter"],
    ["101", Array.from({ length: 101 }, () => randomUUID()), "InvalidParameter"],
    ["one twice", Array(2).fill(randomUUID()), "InvalidParameterValue.DuplicatedKeyId"],
    ["a malformed one", ["x"], "InvalidParameterValue.InvalidKeyId"],
  ])("refuses %s", async (_name, KeyIds, code) => {
    expect(await codeOf("DescribeKeys", { KeyIds })).toBe(code);
  });
});

describe("lists", () => {
  const ids: string[] = [];
  const states: KeyState[] = ["Enabled", "Disabled", "PendingImport", "PendingDelete", "Archived"];
  beforeAll(async () => {
    root = await h.account();
    for (const state of states) {
      const { response } = await root.call("CreateKey", {
        Alias: `list-${state}`,
        Tags: [
          { TagKey: "state", TagValue: state },
          { TagKey: "all", TagValue: "yes" },
        ],
      });
      ids.push(String(response.KeyId));
      await force(String(response.KeyId), state);
    }
  });
  const detail = async (params: object) => {
    const { response, code } = await root.call("ListKeyDetail", params);
    if (code !== undefined) return code;
    const found = response.KeyMetadatas as { KeyId: string }[];
    return { total: response.TotalCount, ids: found.map(({ KeyId }) => KeyId) };
  };
  const at = (...indexes: number[]) => indexes.map((i) => ids[i]);

  test("ListKeys shows Enabled, Disabled and PendingImport, newest first", async () => {
    const { response } = await root.call("ListKeys");
    expect(response).toMatchObject({
      TotalCount: 3,
      Keys: at(2, 1, 0).map((KeyId) => ({ KeyId })),
    });
  });

  test("pages do not overlap and the total counts all matches", async () => {
    const first = await root.call("ListKeys", { Offset: 0, Limit: 2 });
    const second = await root.call("ListKeys", { Offset: "2", Limit: "2" });
    expect(first.response).toMatchObject({ TotalCount: 3, Keys: [{}, {}] });
    expect(second.response).toMatchObject({ TotalCount: 3, Keys: [{ KeyId: ids[0] }] });
    expect((await root.call("ListKeys", { Offset: 9 })).response).toMatchObject({
      TotalCount: 3,
      Keys: [],
    });
    expect(await codeOf("ListKeys", { Limit: 201 })).toBe("InvalidParameter");
    expect(await codeOf("ListKeys", { Offset: -1 })).toBe("InvalidParameter");
    expect(await codeOf("ListKeys", { HsmClusterId: "c" })).toBe(
      "InvalidParameterValue.InvalidHsmClusterId",
    );
    expect(await codeOf("ListKeys", { HsmClusterId: "default" })).toBeUndefined();
  });

  test("no key is made by a cloud product", async () => {
    expect((await root.call("ListKeys", { Role: 1 })).response.TotalCount).toBe(0);
    expect(await detail({ Role: 1 })).toMatchObject({ total: 0 });
  });

  test("ListKeyDetail shows every state, in both orders", async () => {
    expect(await detail({})).toEqual({ total: 5, ids: at(4, 3, 2, 1, 0) });
    expect(await detail({ OrderType: 1 })).toEqual({ total: 5, ids: at(0, 1, 2, 3, 4) });
  });

  test.each([
    [0, [4, 3, 2, 1, 0]],
    [1, [0]],
    [2, [1]],
    [3, [3]],
    [4, [2]],
    [5, [4]],
  ])("KeyState %i", async (KeyState, expected) => {
    expect(await detail({ KeyState })).toEqual({ total: expected.length, ids: at(...expected) });
  });

  test("filters by part of alias or id, origin, usage and tags", async () => {
    expect(await detail({ SearchKeyAlias: "list-Pend" })).toMatchObject({ total: 2 });
    expect(await detail({ SearchKeyAlias: ids[1]?.slice(4, 30) })).toMatchObject({ total: 1 });
    expect(await detail({ SearchKeyAlias: "%" })).toMatchObject({ total: 0 });
    expect(await detail({ Origin: "EXTERNAL" })).toMatchObject({ total: 0 });
    expect(await detail({ Origin: "ALL" })).toMatchObject({ total: 5 });
    expect(await detail({ KeyUsage: "ALL" })).toMatchObject({ total: 5 });
    expect(await detail({ KeyUsage: "ASYMMETRIC_DECRYPT_SM2" })).toMatchObject({ total: 0 });
    const alternatives = { TagKey: "state", TagValue: ["Enabled", "Archived"] };
    expect(await detail({ TagFilters: [alternatives] })).toEqual({ total: 2, ids: at(4, 0) });
    const both = [alternatives, { TagKey: "all", TagValue: ["yes"] }];
    expect(await detail({ TagFilters: both })).toMatchObject({ total: 2 });
    const neither = [alternatives, { TagKey: "all", TagValue: ["no"] }];
    expect(await detail({ TagFilters: neither })).toMatchObject({ total: 0 });
    expect(await detail({ TagFilters: [{ TagKey: "all" }] })).toMatchObject({ total: 5 });
  });

  test.each([
    [{ KeyState: 6 }, "InvalidParameter"],
    [{ OrderType: 2 }, "InvalidParameter"],
    [{ Role: 2 }, "InvalidParameter"],
    [{ Origin: "external" }, "InvalidParameter"],
    [{ SearchKeyAlias: "a\u0000" }, "InvalidParameter"],
    [{ HsmClusterId: "c" }, "InvalidParameterValue.InvalidHsmClusterId"],
    [{ MemberAccounts: [{ MemberUin: 42 }] }, "UnsupportedOperation.NotRoleOperation"],
  ])("ListKeyDetail refuses %o", async (params, code) => {
    expect(await detail(params)).toBe(code);
  });

  test("another account's lists are empty", async () => {
    const stranger = await h.account();
    expect((await stranger.call("ListKeys")).response.TotalCount).toBe(0);
    expect((await stranger.call("ListKeyDetail")).response.TotalCount).toBe(0);
  });
});

describe("UpdateAlias and UpdateKeyDescription", () => {
  beforeAll(async () => {
    root = await h.account();
  });

  test("rename, keep the own alias, refuse another key's", async () => {
    const [a, b] = [await root.createKey("one"), await root.createKey("two")];
    expect(await codeOf("UpdateAlias", { KeyId: a, Alias: "two" })).toBe(
      "InvalidParameterValue.AliasAlreadyExists",
    );
    expect(await codeOf("UpdateAlias", { KeyId: a, Alias: "one" })).toBeUndefined();
    expect(await codeOf("UpdateAlias", { KeyId: b, Alias: "three" })).toBeUndefined();
    expect(await codeOf("UpdateAlias", { KeyId: a, Alias: "two" })).toBeUndefined();
    expect(await codeOf("UpdateAlias", { KeyId: a, Alias: "kms-x" })).toBe(
      "InvalidParameterValue.InvalidAlias",
    );
    expect(await codeOf("UpdateAlias", { KeyId: a })).toBe("MissingParameter");
  });

  test("a key waiting for deletion keeps its alias, and neither changes", async () => {
    const KeyId = await root.createKey("leaving");
    await force(KeyId, "PendingDelete");
    const taken = "InvalidParameterValue.AliasAlreadyExists";
    expect(await codeOf("CreateKey", { Alias: "leaving" })).toBe(taken);
    const unsupported = "ResourceUnavailable.CmkStateNotSupport";
    expect(await codeOf("UpdateAlias", { KeyId, Alias: "x" })).toBe(unsupported);
    expect(await codeOf("UpdateKeyDescription", { KeyId, Description: "x" })).toBe(unsupported);
  });

  test("a description may be emptied, and has 1024 bytes at most", async () => {
    const KeyId = await root.createKey("described-well");
    const longest = "ü".repeat(512);
    for (const Description of [longest, ""]) {
      expect(await codeOf("UpdateKeyDescription", { KeyId, Description })).toBeUndefined();
      const { response } = await root.call("DescribeKey", { KeyId });
      expect(response.KeyMetadata).toMatchObject({ Description });
    }
    const long = { KeyId, Description: `${longest}a` };
    expect(await codeOf("UpdateKeyDescription", long)).toBe("InvalidParameter");
    expect(await codeOf("UpdateKeyDescription", { KeyId })).toBe("MissingParameter");
  });
});

describe("EnableKey and DisableKey", () => {
  beforeAll(async () => {
    root = await h.account();
  });
  const epoch = async () => {
    const all = await h.database.read(readEpochs);
    return all.find(({ account }) => account === root.principal.account)?.epoch.counter ?? -1;
  };

  test("repeats succeed; a change raises the epoch, a repeat does not", async () => {
    const KeyId = await root.createKey("switch");
    const before = await epoch();
    const steps = ["EnableKey", "DisableKey", "DisableKey", "EnableKey", "EnableKey"];
    const seen: unknown[] = [];
    for (const step of steps) {
      expect(await codeOf(step, { KeyId })).toBeUndefined();
      const { response } = await root.call("DescribeKey", { KeyId });
      seen.push([
        (response.KeyMetadata as { KeyState: string }).KeyState,
        (await epoch()) - before,
      ]);
    }
    expect(seen).toEqual([
      ["Enabled", 0],
      ["Disabled", 1],
      ["Disabled", 1],
      ["Enabled", 2],
      ["Enabled", 2],
    ]);
  });

  test.each(["PendingImport", "PendingDelete", "Archived"] as const)(
    "not from %s",
    async (state) => {
      const KeyId = await root.createKey(`from-${state}`);
      await force(KeyId, state);
      const before = await epoch();
      const unsupported = "ResourceUnavailable.CmkStateNotSupport";
      expect(await codeOf("EnableKey", { KeyId })).toBe(unsupported);
      expect(await codeOf("DisableKey", { KeyId })).toBe(unsupported);
      expect(await epoch()).toBe(before);
    },
  );
});

describe("service", () => {
  beforeAll(async () => {
    root = await h.account();
  });

  test("GetRegions lists the configuration, whatever region is named", async () => {
    const Regions = ["ap-singapore", "ap-guangzhou"];
    for (const region of [null, "ap-singapore", "eu-nowhere"]) {
      const { response } = await root.call("GetRegions", {}, { region });
      expect(response.Regions).toEqual(Regions);
    }
  });

  test("ListAlgorithms tells the suite of the region", async () => {
    const { response } = await root.call("ListAlgorithms", {}, { region: "ap-guangzhou" });
    expect(response.SymmetricAlgorithms).toEqual([
      { KeyUsage: "ENCRYPT_DECRYPT", Algorithm: "SM4" },
    ]);
    const pairs = [response.AsymmetricAlgorithms, response.AsymmetricSignVerifyAlgorithms].flat();
    expect(pairs).toEqual([
      { KeyUsage: "ASYMMETRIC_DECRYPT_RSA_2048", Algorithm: "RSA_2048" },
      { KeyUsage: "ASYMMETRIC_DECRYPT_SM2", Algorithm: "SM2" },
      { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_SM2", Algorithm: "SM2" },
      { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC", Algorithm: "ECC_P256_R1" },
      { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_RSA_2048", Algorithm: "RSA_2048" },
      { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECDSA384", Algorithm: "ECC_P384_R1" },
    ]);
  });

  test("GetServiceStatus counts what counts towards the quota", async () => {
    await root.createKey("counted");
    const gone = await root.createKey("not-counted");
    await force(gone, "PendingDelete");
    const { response } = await root.call("GetServiceStatus");
    expect(v.is(kmsActions.GetServiceStatus.output, response)).toBe(true);
    expect(response).toMatchObject({
      ServiceEnabled: true,
      InvalidType: 1,
      CmkUserCount: 1,
      CmkLimit: 200,
    });
    // Every field of the contract; standard edition, without end and without limits.
    expect(Object.keys(response)).toEqual(
      expect.arrayContaining(Object.keys(kmsActions.GetServiceStatus.output.entries)),
    );
    expect(response).toMatchObject({ UserLevel: 0, ProExpireTime: 0, QpsLimit: 0, RegionsQps: [] });
  });

  test.each([
    ["of an unknown region", "eu-nowhere", "UnsupportedRegion"],
    ["of a malformed region", "nowhere!", "UnsupportedRegion"],
  ])("refuses calls %s", async (_name, region, code) => {
    expect((await root.call("ListKeys", {}, { region })).code).toBe(code);
  });
  test("takes the first region for calls that name none", async () => {
    const Alias = "no-region-named";
    expect((await root.call("CreateKey", { Alias }, { region: null })).code).toBeUndefined();
    const { response } = await root.call("ListKeyDetail", { SearchKeyAlias: Alias });
    expect(response.TotalCount).toBe(1);
  });
});
