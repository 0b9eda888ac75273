/** The admin API of the edges, over HTTP, with edges that ask for leases and credentials of their own. */

import { createHash } from "node:crypto";
import {
  AUDIT_CHAIN_START,
  type AuditEvent,
  encodeAuditEvent,
  encodeAuditRecord,
  type LeasedKey,
  utf8DecodeStrict,
} from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hmacSha256 } from "../../testing/client.ts";
import { leavesUnheard } from "../../testing/edge-instances.ts";
import { epochOf } from "../../testing/epochs.ts";
import { callEventsOf } from "../../testing/events.ts";
import { random16 } from "../../testing/fake-bridge.ts";
import {
  type Account,
  type Harness,
  heartbeatMs,
  startHarness,
  type TestEdge,
} from "../../testing/harness.ts";
import { setKeyFields } from "../../testing/keys.ts";
import { refillUsage, usageRows } from "../../testing/usage.ts";

const version = "2026-11-27";
let h: Harness;
let root: Account;
let edge: TestEdge;
beforeAll(async () => {
  h = await startHarness();
  root = await h.account();
  edge = h.edge(root, "frankfurt-1");
});
afterAll(() => h.close());

const call = (action: string, params: object = {}, account = root, options = {}) =>
  account.call(action, params, { version, ...options });
const counterOf = (account = root) => epochOf(h.database, account.principal.account);

async function lease(keyId: string, from = edge, account = root, seq = 0): Promise<string> {
  const key: LeasedKey = {
    purpose: "encrypt",
    account: account.principal.account,
    region: "ap-singapore",
    keyId,
  };
  const request = {
    ...from.origin(),
    hpkePublicKey: Buffer.alloc(32, 9).toString("base64"),
    auditHead: { seq, hash: AUDIT_CHAIN_START },
    keys: [key],
  };
  const message = from.sign("edge-kms/lease-request/1", request);
  const { body } = await from.post("/edge/v1/leases", message);
  const [result] = body.results as ({ grant: unknown } | { error: { code: string } })[];
  return result === undefined || "grant" in result ? "grant" : result.error.code;
}

/** A credential of that account, asked for by an edge with a true signature. */
async function credential(from = edge, account = root): Promise<string> {
  const text = `TC3-HMAC-SHA256\n1\n2026-01-01/kms/tc3_request\n${"00".repeat(32)}`;
  const utf8 = (value: string) => Buffer.from(value, "utf8");
  const date = hmacSha256(utf8(`TC3${account.secretKey}`), utf8("2026-01-01"));
  const signing = hmacSha256(hmacSha256(date, utf8("kms")), utf8("tc3_request"));
  const proof = {
    secretId: account.secretId,
    method: "TC3-HMAC-SHA256",
    date: "2026-01-01",
    service: "kms",
    stringsToSign: [text],
    signature: hmacSha256(signing, utf8(text)).toString("hex"),
  };
  const hpkePublicKey = Buffer.alloc(32, 9).toString("base64");
  const message = from.sign("edge-kms/credential-request/1", {
    ...from.origin(),
    hpkePublicKey,
    proof,
  });
  const { body } = await from.post("/edge/v1/credentials", message);
  return body.grant === undefined ? (body.error as { code: string }).code : "grant";
}

/** Records of calls of `root`, as the edge would deliver them. */
const records = (from: TestEdge, count: number): string[] =>
  recordsOf(
    from,
    Array.from({ length: count }, () => ({})),
  );

/** The same, one for each of the events, which say what is special about it. */
function recordsOf(from: TestEdge, events: readonly Partial<AuditEvent>[]): string[] {
  const { account } = root.principal;
  let prev = AUDIT_CHAIN_START;
  return events.map((special, n) => {
    const event = encodeAuditEvent({
      requestId: "00000000-0000-4000-8000-000000000000",
      timeMs: 1,
      service: "kms",
      apiVersion: "2019-01-18",
      action: "Encrypt",
      region: "ap-singapore",
      account,
      uin: account,
      principalType: "root",
      secretId: root.secretId,
      sourceAddress: "",
      userAgent: "",
      requestClient: "",
      signatureMethod: "TC3-HMAC-SHA256",
      errorCode: "",
      reason: "",
      keyIds: [],
      uses: [],
      store: null,
      ...special,
    });
    const place = { edge: from.edge, instance: from.instance, seq: n + 1, prev };
    const bytes = encodeAuditRecord(place, event);
    prev = createHash("sha256").update(bytes).digest("hex");
    return utf8DecodeStrict(bytes) ?? "";
  });
}

interface EdgeRow extends Record<string, unknown> {
  readonly Instances: Record<string, unknown>[];
}
async function describeEdge(name = edge.edge, account = root): Promise<EdgeRow> {
  const { response, text } = await call("DescribeEdges", { EdgeId: name }, account);
  const [row] = (response.Edges ?? []) as EdgeRow[];
  if (row === undefined) throw new Error(text);
  return row;
}
const holdersOf = async (KeyId: string) => (await call("DescribeKeyHolders", { KeyId })).response;

describe("a key revoked at an edge", () => {
  test("is leased to the other edges only, until it is restored", async () => {
    const KeyId = await root.createKey("revoked-here");
    const other = h.edge(root, "tokyo-1");
    expect([await lease(KeyId), await lease(KeyId, other)]).toEqual(["grant", "grant"]);
    const before = await counterOf();
    const { code } = await call("RevokeKeyAtEdge", { KeyId, EdgeId: edge.edge });
    expect(code).toBeUndefined();
    expect(await counterOf()).toBe(before + 1);
    expect(await lease(KeyId)).toBe("UnauthorizedOperation");
    expect(await lease(KeyId, other)).toBe("grant");
    expect((await holdersOf(KeyId)).RevokedAt).toMatchObject([{ EdgeId: edge.edge }]);
    expect(await describeEdge()).toMatchObject({ RevokedKeys: 1, Revoked: false });

    await call("RevokeKeyAtEdge", { KeyId, EdgeId: edge.edge });
    expect(await counterOf()).toBe(before + 1);
    await call("RestoreKeyAtEdge", { KeyId, EdgeId: edge.edge });
    expect(await counterOf()).toBe(before + 2);
    expect(await lease(KeyId)).toBe("grant");
    expect(await describeEdge()).toMatchObject({ RevokedKeys: 0 });
  });

  test("tells nothing of its state there, and of other keys nothing at all", async () => {
    const KeyId = await root.createKey("revoked-and-disabled");
    await call("RevokeKeyAtEdge", { KeyId, EdgeId: edge.edge });
    await root.call("DisableKey", { KeyId });
    expect(await lease(KeyId)).toBe("UnauthorizedOperation");
    const stranger = await h.account();
    expect(await lease(KeyId, h.edge(stranger), stranger)).toBe("ResourceUnavailable.CmkNotFound");
  });

  test.each([
    ["a key of another account", (theirs: string) => theirs],
    ["no key at all", () => "00000000-0000-4000-8000-000000000000"],
  ])("is refused for %s", async (_name, idOf) => {
    const theirs = await (await h.account()).createKey("theirs");
    const params = { EdgeId: edge.edge, KeyId: idOf(theirs) };
    const before = await counterOf();
    for (const action of ["RevokeKeyAtEdge", "RestoreKeyAtEdge"]) {
      expect((await call(action, params)).code).toBe("ResourceUnavailable.CmkNotFound");
    }
    expect(await counterOf()).toBe(before);
  });

  test("is refused for a region that the key is not in", async () => {
    const KeyId = await root.createKey("of-singapore");
    const params = { KeyId, EdgeId: edge.edge };
    const { code } = await call("RevokeKeyAtEdge", params, root, { region: "ap-guangzhou" });
    expect(code).toBe("ResourceUnavailable.CmkNotFound");
  });
});

describe("an edge", () => {
  test("revoked gets neither leases nor credentials of the account, and forwards no call of it", async () => {
    const KeyId = await root.createKey("at-revoked-edge");
    const { account } = root.principal;
    const lost = h.edge(root, "lost-1");
    expect([await lease(KeyId, lost), await credential(lost)]).toEqual(["grant", "grant"]);
    const before = await counterOf();
    await call("RevokeEdge", { EdgeId: lost.edge });
    expect(await counterOf()).toBe(before + 1);
    expect(await lease(KeyId, lost)).toBe("UnauthorizedOperation");
    expect(await credential(lost)).toBe("UnauthorizedOperation");
    expect(await lease(KeyId)).toBe("grant");
    expect(await describeEdge(lost.edge)).toMatchObject({ Revoked: true });

    await call("RestoreEdge", { EdgeId: lost.edge });
    expect([await lease(KeyId, lost), await credential(lost)]).toEqual(["grant", "grant"]);
    const events = await callEventsOf(h.database, account);
    const [event] = events.filter(({ action }) => action === "RevokeEdge");
    expect(event).toMatchObject({ service: "edgekms", apiVersion: version, errorCode: "" });
  });

  test("revoked by one account serves the others", async () => {
    const other = await h.account();
    const shared = h.edge(root, "shared-1");
    h.bridge.edges.at(-1)?.accounts.push(other.principal.account);
    h.edge(root);
    const KeyId = await other.createKey("others");
    await call("RevokeEdge", { EdgeId: shared.edge });
    expect(await credential(shared)).toBe("UnauthorizedOperation");
    expect(await credential(shared, other)).toBe("grant");
    expect(await lease(KeyId, shared, other)).toBe("grant");
  });

  test.each(["RevokeEdge", "RevokeKeyAtEdge"])(
    "that is another account's is none to %s",
    async (action) => {
      const stranger = await h.account();
      const theirs = h.edge(stranger);
      const KeyId = await root.createKey(`at-theirs-${action}`);
      const { code } = await call(action, { EdgeId: theirs.edge, KeyId });
      expect(code).toBe("ResourceNotFound");
      expect((await call("DescribeEdges", { EdgeId: theirs.edge })).response.TotalCount).toBe(0);
    },
  );

  test.each(["", "Upper", "-a", "a".repeat(64), "a b"])("is not named %j", async (EdgeId) => {
    for (const action of ["RevokeEdge", "RestoreEdge", "DescribeEdges"]) {
      expect((await call(action, { EdgeId })).code).toBe("InvalidParameterValue");
    }
  });
});

describe("an access key", () => {
  test("revoked is unknown at both doors, until it is restored", async () => {
    const second = await h.secondKey(root);
    expect(await credential(edge, second)).toBe("grant");
    expect((await second.call("ListKeys")).code).toBeUndefined();
    const before = await counterOf();
    const { code } = await call("RevokeAccessKey", { SecretId: second.secretId });
    expect(code).toBeUndefined();
    expect(await counterOf()).toBe(before + 1);
    expect(await credential(edge, second)).toBe("AuthFailure.SecretIdNotFound");
    expect((await second.call("ListKeys")).code).toBe("AuthFailure.SecretIdNotFound");
    await call("RestoreAccessKey", { SecretId: second.secretId });
    expect(await credential(edge, second)).toBe("grant");
    expect((await second.call("ListKeys")).code).toBeUndefined();
  });

  test("cannot revoke itself", async () => {
    const { code, text } = await call("RevokeAccessKey", { SecretId: root.secretId });
    expect(code).toBe("UnsupportedOperation");
    expect(text).toContain("cannot revoke itself");
    expect((await root.call("ListKeys")).code).toBeUndefined();
  });

  test("of another account is none", async () => {
    const stranger = await h.account();
    for (const action of ["RevokeAccessKey", "RestoreAccessKey"]) {
      const { code } = await call(action, { SecretId: stranger.secretId });
      expect(code).toBe("ResourceNotFound");
    }
    expect((await stranger.call("ListKeys")).code).toBeUndefined();
    expect((await call("RevokeAccessKey", { SecretId: "AKID" })).code).toBe(
      "InvalidParameterValue",
    );
  });
});

describe("edge settings of a key", () => {
  const settingsOf = async (KeyId: string) =>
    (await call("DescribeKeyEdgeSettings", { KeyId })).response;

  test("are those of the configuration until they are set, and again when they are reset", async () => {
    const KeyId = await root.createKey("settings");
    const defaults = {
      EdgeMode: "lease",
      LeaseRefreshSeconds: 60,
      LeaseExpirySeconds: 180,
      IsDefault: true,
    };
    expect(await settingsOf(KeyId)).toMatchObject(defaults);
    const before = await counterOf();
    const own = { EdgeMode: "deny", LeaseRefreshSeconds: 5, LeaseExpirySeconds: 900 };
    expect((await call("ModifyKeyEdgeSettings", { KeyId, ...own })).code).toBeUndefined();
    expect(await settingsOf(KeyId)).toMatchObject({ ...own, IsDefault: false });
    expect(await lease(KeyId)).toBe("UnauthorizedOperation");
    expect(await counterOf()).toBe(before + 1);
    await call("ModifyKeyEdgeSettings", { KeyId, ...own });
    expect(await counterOf()).toBe(before + 1);
    const reset = { KeyId, EdgeMode: "lease", DefaultLeaseTimes: true };
    await call("ModifyKeyEdgeSettings", reset);
    expect(await settingsOf(KeyId)).toMatchObject(defaults);
    expect(await lease(KeyId)).toBe("grant");
  });

  test("of a shorter lease shorten its refresh as well, and no lease at all is none to refresh", async () => {
    const KeyId = await root.createKey("shortened");
    await call("ModifyKeyEdgeSettings", { KeyId, LeaseRefreshSeconds: 100 });
    for (const LeaseExpirySeconds of [30, 0]) {
      const { code } = await call("ModifyKeyEdgeSettings", { KeyId, LeaseExpirySeconds });
      expect(code).toBeUndefined();
      const times = { LeaseRefreshSeconds: LeaseExpirySeconds, LeaseExpirySeconds };
      expect(await settingsOf(KeyId)).toMatchObject(times);
    }
  });

  test("reach the leases that are granted from then on", async () => {
    const KeyId = await root.createKey("short");
    await call("ModifyKeyEdgeSettings", { KeyId, LeaseExpirySeconds: 3 });
    await lease(KeyId);
    const asked = h.bridge.calls.findLast(({ name }) => name === "lease");
    expect(asked?.request).toMatchObject({
      permitted: [{ limits: { refreshAfterMs: 3_000, expiresAfterMs: 3_000 } }],
    });
  });

  test.each([
    [{}, "InvalidParameter"],
    [{ EdgeMode: "none" }, "InvalidParameterValue"],
    [{ LeaseExpirySeconds: 901 }, "InvalidParameterValue"],
    [{ LeaseExpirySeconds: -1 }, "InvalidParameterValue"],
    [{ LeaseRefreshSeconds: 901 }, "InvalidParameterValue"],
    [{ LeaseRefreshSeconds: 10, LeaseExpirySeconds: 9 }, "InvalidParameterValue"],
    [{ LeaseRefreshSeconds: 181 }, "InvalidParameterValue"],
    [{ LeaseExpirySeconds: 1.5 }, "InvalidParameter"],
    [{ LeaseExpirySeconds: 5, DefaultLeaseTimes: true }, "InvalidParameter"],
  ])("%j are refused and change nothing", async (params, code) => {
    const KeyId = await root.createKey(`bad-${random16()}`);
    const before = await counterOf();
    expect((await call("ModifyKeyEdgeSettings", { KeyId, ...params })).code).toBe(code);
    expect(await settingsOf(KeyId)).toMatchObject({ EdgeMode: "lease", IsDefault: true });
    expect(await counterOf()).toBe(before);
  });

  test("are not for keys of others, nor for those that a product made", async () => {
    const theirs = await (await h.account()).createKey("not-mine");
    const params = { KeyId: theirs, EdgeMode: "deny" };
    expect((await call("ModifyKeyEdgeSettings", params)).code).toBe(
      "ResourceUnavailable.CmkNotFound",
    );
    expect((await call("DescribeKeyEdgeSettings", params)).code).toBe(
      "ResourceUnavailable.CmkNotFound",
    );
    const KeyId = await root.createKey("product-made");
    await setKeyFields(h.database, KeyId, { owner: "cos" });
    const { code } = await call("ModifyKeyEdgeSettings", { KeyId, EdgeMode: "deny" });
    expect(code).toBe("UnsupportedOperation.NotUserCreatedCmk");
  });
});

describe("holders of a key", () => {
  test("are those with a lease of the current epoch, or who may not have heard of a newer one", async () => {
    const KeyId = await root.createKey("held");
    const here = h.edge(root);
    const away = h.edge(root);
    expect((await holdersOf(KeyId)).TotalCount).toBe(0);
    await lease(KeyId, here);
    await lease(KeyId, here);
    await lease(KeyId, away);
    const disconnect = await here.connect();
    await expect.poll(async () => (await describeEdge(here.edge)).Connected).toBe(true);
    const row = { Version: 1, BranchId: "00".repeat(8) };
    const { TotalCount, Holders } = await holdersOf(KeyId);
    expect(TotalCount).toBe(2);
    expect(Holders).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          EdgeId: here.edge,
          InstanceId: here.instance,
          ...row,
          Connected: true,
        }),
        expect.objectContaining({ EdgeId: away.edge, Connected: false }),
      ]),
    );
    expect(await describeEdge(here.edge)).toMatchObject({ LeasedKeys: 1 });

    await root.call("DisableKey", { KeyId });
    const left = await holdersOf(KeyId);
    expect(left.Holders).toMatchObject([{ EdgeId: away.edge }]);
    expect(await describeEdge(here.edge)).toMatchObject({ LeasedKeys: 0 });
    expect(await describeEdge(away.edge)).toMatchObject({ LeasedKeys: 1 });
    disconnect();
  });

  test("come in pages", async () => {
    const KeyId = await root.createKey("paged");
    for (let n = 0; n < 3; n++) await lease(KeyId, h.edge(root));
    const { response } = await call("DescribeKeyHolders", { KeyId, Offset: 1, Limit: 1 });
    expect(response).toMatchObject({ TotalCount: 3, Holders: [{}] });
    expect((await call("DescribeKeyHolders", { KeyId, Limit: 201 })).code).toBe("InvalidParameter");
  });

  test("are told to the key's account only", async () => {
    const KeyId = await root.createKey("nobody-elses");
    const stranger = await h.account();
    const { code } = await call("DescribeKeyHolders", { KeyId }, stranger);
    expect(code).toBe("ResourceUnavailable.CmkNotFound");
  });
});

describe("usage of a key", () => {
  const [first, second] = ["01".repeat(8), "02".repeat(8)];
  const usageOf = async (KeyId: string, page: object = {}) =>
    (await call("DescribeKeyUsage", { KeyId, ...page })).response;
  const deliver = (by: TestEdge, texts: string[]) =>
    by.post(
      "/edge/v1/audit",
      by.sign("edge-kms/audit-delivery/1", { ...by.origin(), of: by.instance, records: texts }),
    );
  const use = (
    keyId: string,
    what: "encrypt" | "decrypt",
    branch: string,
    more: Partial<AuditEvent> = {},
  ): Partial<AuditEvent> => ({
    keyIds: [keyId],
    uses: [{ use: what, keyId, version: 1, branch }],
    ...more,
  });

  test("counts answered calls, each once however often it is delivered, and refused ones not at all", async () => {
    const [KeyId, other] = [await root.createKey("in-use"), await root.createKey("pair")];
    const never = { LastUsedTime: 0, MessagesEncrypted: 0, TotalCount: 0, Branches: [] };
    expect(await usageOf(KeyId)).toMatchObject(never);
    const by = h.edge(root);
    const texts = recordsOf(by, [
      use(KeyId, "encrypt", first, { timeMs: 5_000 }),
      use(KeyId, "encrypt", first, { timeMs: 7_000 }),
      use(KeyId, "encrypt", second, { timeMs: 6_000 }),
      use(KeyId, "decrypt", second, { timeMs: 9_000 }),
      use(KeyId, "encrypt", first, { timeMs: 99_000, errorCode: "InternalError" }),
      { action: "SignByAsymmetricKey", timeMs: 3_000, keyIds: [other] },
      { action: "GetPublicKey", timeMs: 4_000, keyIds: [other] },
      { action: "GenerateRandom", timeMs: 4_000 },
    ]);
    await Promise.all([deliver(by, texts.slice(0, 3)), deliver(by, texts.slice(0, 3))]);
    await deliver(by, texts.slice(1));
    await deliver(by, texts);
    expect(await usageOf(KeyId)).toMatchObject({
      LastUsedTime: 9,
      MessagesEncrypted: 3,
      TotalCount: 2,
      Branches: [
        { Version: 1, BranchId: second, MessagesEncrypted: 1, LastUsedTime: 9 },
        { Version: 1, BranchId: first, MessagesEncrypted: 2, LastUsedTime: 7 },
      ],
    });
    expect(await usageOf(KeyId, { Offset: 1, Limit: 1 })).toMatchObject({
      TotalCount: 2,
      MessagesEncrypted: 3,
      Branches: [{ BranchId: first }],
    });
    expect(await usageOf(other)).toMatchObject({ ...never, LastUsedTime: 3 });

    // A gap is refused as a whole.
    const more = recordsOf(by, Array(12).fill(use(KeyId, "encrypt", first)));
    expect((await deliver(by, more.slice(10))).status).toBe(409);
    expect(await usageOf(KeyId)).toMatchObject({ MessagesEncrypted: 3 });
  });

  test("adds up what edges deliver at once, in whatever order they name the keys", async () => {
    const keyIds = await Promise.all(["a", "b", "c"].map((alias) => root.createKey(alias)));
    const edges = Array.from({ length: 6 }, () => h.edge(root));
    const answers = await Promise.all(
      edges.map((by, n) => {
        const order = n % 2 === 0 ? keyIds : keyIds.toReversed();
        return deliver(
          by,
          recordsOf(
            by,
            order.flatMap((id) => Array(4).fill(use(id, "encrypt", first))),
          ),
        );
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual(edges.map(() => 200));
    for (const keyId of keyIds) {
      expect(await usageOf(keyId)).toMatchObject({ MessagesEncrypted: 24, TotalCount: 1 });
    }
  });

  test("is never of the future, and never goes back", async () => {
    const KeyId = await root.createKey("dated");
    const by = h.edge(root);
    const ahead = h.clock() + 3_600_000;
    await deliver(by, recordsOf(by, [use(KeyId, "encrypt", first, { timeMs: ahead })]));
    const { LastUsedTime } = await usageOf(KeyId);
    expect(LastUsedTime).toBeLessThanOrEqual(Math.ceil(h.clock() / 1000));
    const late = h.edge(root);
    await deliver(late, recordsOf(late, [use(KeyId, "encrypt", first, { timeMs: 1_000 })]));
    expect(await usageOf(KeyId)).toMatchObject({ LastUsedTime, MessagesEncrypted: 2 });
  });

  test("is neither told nor counted across accounts", async () => {
    const stranger = await h.account();
    const theirs = await stranger.createKey("theirs");
    const by = h.edge(root);
    const gone = "00000000-0000-4000-8000-00000000dead";
    const texts = recordsOf(by, [use(theirs, "encrypt", first), use(gone, "encrypt", first)]);
    expect((await deliver(by, texts)).status).toBe(200);
    expect((await call("DescribeKeyUsage", { KeyId: theirs }, stranger)).response).toMatchObject({
      LastUsedTime: 0,
      MessagesEncrypted: 0,
    });
    expect((await call("DescribeKeyUsage", { KeyId: theirs })).code).toBe(
      "ResourceUnavailable.CmkNotFound",
    );
  });

  test("of records stored before there were counters is what it would have been", async () => {
    const counters = () => usageRows(h.database);
    // PostgreSQL takes a text with an escaped NUL for no JSON.
    const by = h.edge(root);
    const texts = recordsOf(by, [{ userAgent: "nul \u0000 inside" }]);
    expect((await deliver(by, texts)).status).toBe(200);
    const before = await counters();
    expect(before.keys.length).toBeGreaterThan(3);
    await refillUsage(h.database);
    expect(await counters()).toEqual(before);
  });
});

describe("at most N unaccounted", () => {
  /** Lets an instance be gone; what the control plane has heard of it and not written down yet comes first. */
  async function unheard(of: TestEdge): Promise<void> {
    do {
      await leavesUnheard(h.database, of.instance);
      await new Promise((resolve) => setTimeout(resolve, 2 * heartbeatMs));
    } while ((await describeEdge(of.edge)).Connected === true);
  }
  const settle = (by: TestEdge, of: TestEdge[]) =>
    by.post(
      "/edge/v1/audit/settled",
      by.sign("edge-kms/audit-settled/1", {
        ...by.origin(),
        settled: of.map(({ instance }) => instance),
      }),
    );
  const deliver = (by: TestEdge, of: TestEdge, texts: string[]) =>
    by.post(
      "/edge/v1/audit",
      by.sign("edge-kms/audit-delivery/1", { ...by.origin(), of: of.instance, records: texts }),
    );
  /** The same enrolled edge in its next life. */
  const successorOf = (of: TestEdge): TestEdge => {
    const instance = random16();
    return { ...of, instance, origin: () => ({ ...of.origin(), instance }) };
  };

  test("counts nothing for an instance that is there, and the budget of one that is gone", async () => {
    const KeyId = await root.createKey("counted");
    const gone = h.edge(root);
    await credential(gone);
    await lease(KeyId, gone, root, 3);
    const disconnect = await gone.connect();
    await expect
      .poll(async () => (await describeEdge(gone.edge)).Instances[0])
      .toMatchObject({ Connected: true, UnaccountedAtMost: 0, ReportedSequence: 3 });
    disconnect();
    await unheard(gone);
    expect(await describeEdge(gone.edge)).toMatchObject({
      Connected: false,
      UnaccountedAtMost: 50_000,
      Instances: [{ ReportedSequence: 3, StoredSequence: 0, Settled: false }],
    });
  });

  test("falls to 0 when its successor has delivered all that was left, and not before", async () => {
    const KeyId = await root.createKey("late");
    const gone = h.edge(root);
    await credential(gone);
    await lease(KeyId, gone, root, 2);
    await expect
      .poll(async () => (await describeEdge(gone.edge)).Instances[0]?.ReportedSequence)
      .toBe(2);
    const successor = successorOf(gone);
    const texts = records(gone, 2);
    await deliver(successor, gone, texts.slice(0, 1));
    // It says so too early, or the database is an older one: the record that was reported is not here.
    expect((await settle(successor, [gone])).status).toBe(200);
    expect(await describeEdge(gone.edge)).toMatchObject({ UnaccountedAtMost: 50_000 });
    await deliver(successor, gone, texts.slice(1));
    expect(await describeEdge(gone.edge)).toMatchObject({ UnaccountedAtMost: 50_000 });
    await settle(successor, [gone]);
    expect(await describeEdge(gone.edge)).toMatchObject({ UnaccountedAtMost: 0 });
  });

  test("is not settled by the instance itself, nor by another edge", async () => {
    const gone = h.edge(root);
    await credential(gone);
    await settle(gone, [gone]);
    await settle(h.edge(root), [gone]);
    expect(await describeEdge(gone.edge)).toMatchObject({ UnaccountedAtMost: 50_000 });
  });

  test("is not owed to an account that the instance never had a credential of", async () => {
    const other = await h.account();
    const gone = h.edge(root);
    h.bridge.edges.at(-1)?.accounts.push(other.principal.account);
    h.edge(root);
    await credential(gone);
    expect(await describeEdge(gone.edge, other)).toMatchObject({ UnaccountedAtMost: 0 });
  });

  test("is written off by the account when nothing can be added any more", async () => {
    const gone = h.edge(root);
    await credential(gone);
    const params = { EdgeId: gone.edge, InstanceId: gone.instance };
    const disconnect = await gone.connect();
    await expect.poll(async () => (await describeEdge(gone.edge)).Connected).toBe(true);
    await leavesUnheard(h.database, gone.instance, { leasesEndAtMs: 1 });
    await expect.poll(async () => (await describeEdge(gone.edge)).Connected).toBe(true);
    expect((await call("AcceptUnaccounted", params)).code).toBe("UnsupportedOperation");
    disconnect();
    await unheard(gone);
    await leavesUnheard(h.database, gone.instance, { leasesEndAtMs: h.clock() + 60_000 });
    expect((await call("AcceptUnaccounted", params)).code).toBe("UnsupportedOperation");
    await leavesUnheard(h.database, gone.instance, { leasesEndAtMs: 1 });
    const stranger = await h.account();
    expect((await call("AcceptUnaccounted", params, stranger)).code).toBe("ResourceNotFound");
    expect(await describeEdge(gone.edge)).toMatchObject({ UnaccountedAtMost: 50_000 });
    expect((await call("AcceptUnaccounted", params)).code).toBeUndefined();
    expect(await describeEdge(gone.edge)).toMatchObject({ UnaccountedAtMost: 0 });
  });

  test("a grant that cannot be written down is not passed on", async () => {
    const KeyId = await root.createKey("unwritten");
    const strict = h.edge(root);
    const { read } = h.shared;
    let reads = 0;
    h.shared.read = (work) => {
      reads += 1;
      return reads < 2 ? read(work) : Promise.reject(new Error("gone"));
    };
    try {
      const message = strict.sign("edge-kms/lease-request/1", {
        ...strict.origin(),
        hpkePublicKey: Buffer.alloc(32, 9).toString("base64"),
        auditHead: { seq: 0, hash: AUDIT_CHAIN_START },
        keys: [
          {
            purpose: "encrypt",
            account: root.principal.account,
            region: "ap-singapore",
            keyId: KeyId,
          },
        ],
      });
      expect(await strict.post("/edge/v1/leases", message)).toMatchObject({ status: 503 });
    } finally {
      h.shared.read = read;
    }
  });
});

test("edges come in pages, by name, and every copy knows who is connected", async () => {
  const account = await h.account();
  let nextSecond = 0;
  const own = [h.edge(account, "zulu"), h.edge(account, "alpha"), h.edge(account, "mike")];
  const disconnect = await (own[0] as TestEdge).connect();
  const { response } = await call("DescribeEdges", { Offset: 1, Limit: 2 }, account);
  expect(response).toMatchObject({
    TotalCount: 3,
    Edges: [{ EdgeId: "mike" }, { EdgeId: "zulu" }],
  });
  const elsewhere = h.at(account, (await h.another()).url);
  await expect
    .poll(async () => {
      nextSecond += 1;
      const options = { version, timestampSeconds: Math.floor(h.clock() / 1000) + nextSecond };
      const { Edges } = (await elsewhere.call("DescribeEdges", {}, options)).response;
      return (Edges as EdgeRow[]).map((row) => row.Connected);
    })
    .toEqual([false, false, true]);
  disconnect();
});

test("sub-users may do none of it", async () => {
  const user = await h.account("user");
  for (const action of ["DescribeEdges", "RevokeEdge"]) {
    expect((await call(action, { EdgeId: "frankfurt-1" }, user)).code).toBe(
      "UnauthorizedOperation",
    );
  }
});

test("its actions are not kms's, and the other way round", async () => {
  expect((await root.call("DescribeEdges")).code).toBe("InvalidAction");
  expect((await call("ListKeys")).code).toBe("InvalidAction");
});
