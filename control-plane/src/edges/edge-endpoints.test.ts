/** What edges ask of the control plane over HTTP: leases, credentials, delivery of audit records. */

import { createHash } from "node:crypto";
import {
  AUDIT_CHAIN_START,
  encodeAuditEvent,
  encodeAuditRecord,
  type LeasedKey,
  type LeaseResponse,
  utf8DecodeStrict,
} from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hmacSha256 } from "../testing/client.ts";
import { edgeRecordsOf } from "../testing/events.ts";
import { payloadOf, random16 } from "../testing/fake-bridge.ts";
import { type Account, type Harness, startHarness, type TestEdge } from "../testing/harness.ts";
import { setKeyFields } from "../testing/keys.ts";

let h: Harness;
let root: Account;
let edge: TestEdge;
beforeAll(async () => {
  h = await startHarness();
  root = await h.account();
  edge = h.edge(root);
});
afterAll(() => h.close());

const hpkePublicKey = Buffer.alloc(32, 9).toString("base64");
const region = "ap-singapore";

const leaseRequest = (keys: LeasedKey[], from: TestEdge = edge, more = {}) => ({
  ...from.origin(),
  hpkePublicKey,
  auditHead: { seq: 0, hash: AUDIT_CHAIN_START },
  keys,
  ...more,
});
const lease = (keys: LeasedKey[], from: TestEdge = edge) =>
  from.post("/edge/v1/leases", from.sign("edge-kms/lease-request/1", leaseRequest(keys, from)));

const toEncrypt = (keyId: string, more = {}): LeasedKey => ({
  purpose: "encrypt",
  account: root.principal.account,
  region,
  keyId,
  ...more,
});
const toDecrypt = (keyId: string, more = {}): LeasedKey => ({
  purpose: "decrypt",
  account: root.principal.account,
  region,
  keyId,
  version: 1,
  branch: "00".repeat(8),
  suite: 1,
  ...more,
});
const resultOf = async (key: LeasedKey): Promise<string> => {
  const { status, body } = await lease([key]);
  expect(status).toBe(200);
  const [result] = body.results as LeaseResponse["results"];
  if (result === undefined) throw new Error("no result");
  if ("proxied" in result) return "proxied";
  return "grant" in result ? "grant" : result.error.code;
};

const invalidCiphertext = "InvalidParameterValue.InvalidCiphertext";
const notFound = "ResourceUnavailable.CmkNotFound";

describe("leases", () => {
  test("passes the request on unchanged, with epoch and limits", async () => {
    const keyId = await root.createKey("leased");
    const message = edge.sign("edge-kms/lease-request/1", leaseRequest([toEncrypt(keyId)]));
    const { status, body } = await edge.post("/edge/v1/leases", message);
    expect(status).toBe(200);
    expect(body.results).toMatchObject([{ grant: { type: "edge-kms/lease-grant/1" } }]);
    const call = h.bridge.calls.findLast(({ name }) => name === "lease");
    expect(call?.request).toEqual({
      request: message,
      permitted: [
        {
          index: 0,
          epoch: { generation: 1, counter: 0 },
          limits: {
            refreshAfterMs: 60_000,
            expiresAfterMs: 180_000,
            maxOperations: 10_000_000,
            maxUnacknowledged: 50_000,
          },
        },
      ],
    });
  });

  test("answers key by key, and asks the bridge for those that are permitted", async () => {
    const [on, off] = [await root.createKey("on"), await root.createKey("off")];
    await root.call("DisableKey", { KeyId: off });
    const { body } = await lease([toEncrypt(off), toEncrypt(on), toDecrypt(off), toDecrypt(on)]);
    const disabled = { error: { code: "ResourceUnavailable.CmkDisabled" } };
    const granted = { grant: expect.anything() };
    expect(body.results).toEqual([disabled, granted, disabled, granted]);
    const call = h.bridge.calls.findLast(({ name }) => name === "lease");
    expect(call?.request).toMatchObject({ permitted: [{ index: 1 }, { index: 3 }] });
  });

  test.each([
    ["Disabled", "ResourceUnavailable.CmkDisabled", "ResourceUnavailable.CmkDisabled"],
    [
      "PendingImport",
      "ResourceUnavailable.CmkStateNotSupport",
      "ResourceUnavailable.CmkStateNotSupport",
    ],
    ["PendingDelete", "ResourceUnavailable.KeyPendingDelete", "ResourceUnavailable.CmkDisabled"],
    ["Archived", "ResourceUnavailable.CmkArchived", "grant"],
  ] as const)("of a key that is %s", async (state, encrypt, decrypt) => {
    const keyId = await root.createKey(`leased-${state}`);
    await setKeyFields(h.database, keyId, { state });
    expect(await resultOf(toEncrypt(keyId))).toBe(encrypt);
    expect(await resultOf(toDecrypt(keyId))).toBe(decrypt);
  });

  test("tells nothing of keys that are not the account's and region's", async () => {
    const stranger = await h.account();
    const theirs = await stranger.createKey("theirs");
    const mine = await root.createKey("mine");
    const { account } = stranger.principal;
    for (const more of [{ keyId: theirs }, { account }, { region: "ap-guangzhou" }]) {
      expect(await resultOf(toEncrypt(mine, more))).toBe(notFound);
      expect(await resultOf(toDecrypt(mine, more))).toBe(invalidCiphertext);
    }
    // Exactly as the stranger's own edge would name it: this edge is not enrolled for that account.
    expect(await resultOf(toDecrypt(theirs, { account }))).toBe(invalidCiphertext);
    const unknown = "00000000-0000-4000-8000-000000000000";
    expect(await resultOf(toEncrypt(unknown))).toBe(notFound);
    expect(await resultOf(toDecrypt(unknown))).toBe(invalidCiphertext);
  });

  test("an unknown version, another suite and a disabled key's unknown version are one answer", async () => {
    const keyId = await root.createKey("versioned");
    expect(await resultOf(toDecrypt(keyId, { version: 2 }))).toBe(invalidCiphertext);
    expect(await resultOf(toDecrypt(keyId, { suite: 2 }))).toBe(invalidCiphertext);
    await root.call("DisableKey", { KeyId: keyId });
    expect(await resultOf(toDecrypt(keyId, { version: 2 }))).toBe(invalidCiphertext);
  });

  test("a key's own limits and edge mode go before the default, and none of zero length is granted", async () => {
    const keyId = await root.createKey("limited");
    await setKeyFields(h.database, keyId, { leaseExpiresAfterMs: 30_000 });
    expect(await resultOf(toEncrypt(keyId))).toBe("grant");
    const call = h.bridge.calls.findLast(({ name }) => name === "lease");
    expect(call?.request).toMatchObject({
      permitted: [{ limits: { refreshAfterMs: 30_000, expiresAfterMs: 30_000 } }],
    });
    await setKeyFields(h.database, keyId, { leaseExpiresAfterMs: 0 });
    expect(await resultOf(toEncrypt(keyId))).toBe("proxied");
    await setKeyFields(h.database, keyId, { leaseExpiresAfterMs: null, edgeMode: "proxy" });
    expect(await resultOf(toDecrypt(keyId))).toBe("proxied");
    await setKeyFields(h.database, keyId, { edgeMode: "deny" });
    expect(await resultOf(toDecrypt(keyId))).toBe("UnauthorizedOperation");
  });

  test("a key's lease times are 0 to 900 s, and no refresh comes after the end", async () => {
    const keyId = await root.createKey("timed");
    const set = (leaseRefreshAfterMs: number | null, leaseExpiresAfterMs: number | null) =>
      setKeyFields(h.database, keyId, { leaseRefreshAfterMs, leaseExpiresAfterMs }).then(
        () => "set",
        () => "refused",
      );
    expect(await set(0, 0)).toBe("set");
    expect(await set(900_000, 900_000)).toBe("set");
    expect(await set(null, 0)).toBe("set");
    expect(await set(900_000, null)).toBe("set");
    for (const [refresh, expiry] of [
      [2, 1],
      [null, 900_001],
      [900_001, null],
      [-1, null],
      [null, -1],
    ] as const) {
      expect(await set(refresh, expiry)).toBe("refused");
    }
  });

  test("what the bridge does not lease but may do itself is proxied", async () => {
    const keyId = await root.createKey("of-another-group");
    h.bridge.refusedLeases.set(keyId, "wrong-group");
    expect(await resultOf(toDecrypt(keyId))).toBe("proxied");
    h.bridge.refusedLeases.set(keyId, "not-permitted");
    expect(await resultOf(toEncrypt(keyId))).toBe("proxied");
  });

  test("asks again after raising the epochs to what the bridge has seen", async () => {
    const keyId = await root.createKey("behind");
    h.bridge.seen.set(root.principal.account, 1_000);
    expect(await resultOf(toEncrypt(keyId))).toBe("grant");
    const call = h.bridge.calls.findLast(({ name }) => name === "lease");
    expect(call?.request).toMatchObject({ permitted: [{ epoch: { counter: 1_000 } }] });
  });

  test.each([
    ["edge-refused", 403, "edge-refused"],
    ["frozen", 403, "edge-refused"],
    ["unreachable", 503, "unavailable"],
    ["hsm-unavailable", 503, "unavailable"],
  ] as const)("when the bridge answers %s", async (failure, status, code) => {
    const keyId = await root.createKey(`bridge-${failure}`);
    h.bridge.failNext("lease", failure);
    const answer = await lease([toEncrypt(keyId)]);
    expect(answer).toMatchObject({ status, body: { error: { code } } });
  });
});

describe("requests of edges", () => {
  const path = "/edge/v1/leases";
  const type = "edge-kms/lease-request/1";
  let keyId: string;
  beforeAll(async () => {
    keyId = await root.createKey("asked-for");
  });
  const refused = { status: 403, body: { error: { code: "edge-refused" } } };
  const malformed = { status: 400, body: { error: { code: "malformed" } } };

  test("sent twice are refused", async () => {
    const message = edge.sign(type, leaseRequest([toEncrypt(keyId)]));
    expect((await edge.post(path, message)).status).toBe(200);
    expect(await edge.post(path, message)).toEqual(refused);
  });

  test.each([
    ["older than 60 s", () => ({ timeMs: h.clock() - 61_000 })],
    ["from further in the future", () => ({ timeMs: h.clock() + 65_000 })],
    ["of an unknown edge", () => ({ edge: "nobody" })],
  ])("%s are refused", async (_name, more) => {
    const request = leaseRequest([toEncrypt(keyId)], edge, more());
    expect(await edge.post(path, edge.sign(type, request))).toEqual(refused);
  });

  test("signed by another edge, altered, or of another kind are refused", async () => {
    const other = h.edge(root);
    const request = leaseRequest([toEncrypt(keyId)]);
    expect(await edge.post(path, other.sign(type, request))).toEqual(refused);
    const message = edge.sign(type, request);
    const payload = { ...payloadOf<object>(message), nonce: random16() };
    const altered = Buffer.from(JSON.stringify(payload)).toString("base64");
    expect(await edge.post(path, { ...message, payload: altered })).toEqual(refused);
    const kind = edge.sign("edge-kms/credential-request/1", request);
    expect(await edge.post(path, kind)).toEqual(malformed);
    expect(await edge.post(path, { ...kind, type })).toEqual(refused);
  });

  test.each([
    ["no signed message", {}],
    ["no object", 5],
    ["null", null],
  ])("that are %s are refused", async (_name, body) => {
    expect(await edge.post(path, body)).toEqual(malformed);
  });

  test("with an unknown field are refused", async () => {
    const request = leaseRequest([toEncrypt(keyId)], edge, { more: 1 });
    expect(await edge.post(path, edge.sign(type, request))).toEqual(malformed);
  });

  test("of a frozen edge are refused, except its audit records", async () => {
    const frozen = h.edge(root);
    const row = h.bridge.edges.find(({ edge: name }) => name === frozen.edge);
    if (row !== undefined) row.frozen = true;
    expect(await lease([toEncrypt(keyId)], frozen)).toEqual(refused);
    expect((await deliver(frozen, frozen.instance, chain(frozen, 1))).status).toBe(200);
  });
});

describe("credentials", () => {
  const proofOf = (secretId: string, secretKey: string) => {
    const date = "2026-11-23";
    const stringsToSign = ["TC3-HMAC-SHA256\n1\nscope\nhash"];
    const key = ["kms", "tc3_request"].reduce(
      (k, text) => hmacSha256(k, Buffer.from(text)),
      hmacSha256(Buffer.from(`TC3${secretKey}`), Buffer.from(date)),
    );
    const signature = hmacSha256(key, Buffer.from(stringsToSign[0] ?? "")).toString("hex");
    const method = "TC3-HMAC-SHA256";
    return { secretId, method, date, service: "kms", stringsToSign, signature };
  };
  const ask = (proof: object, from: TestEdge = edge) =>
    from.post(
      "/edge/v1/credentials",
      from.sign("edge-kms/credential-request/1", { ...from.origin(), hpkePublicKey, proof }),
    );

  test("finds the principal and lets the bridge judge", async () => {
    const { status, body } = await ask(proofOf(root.secretId, root.secretKey));
    expect(status).toBe(200);
    expect(payloadOf(body.grant as never)).toMatchObject({ principal: root.principal });
  });

  test("a wrong signature, an unknown SecretId, an account beyond the edge's", async () => {
    const wrong = await ask(proofOf(root.secretId, "x".repeat(32)));
    expect(wrong.body).toEqual({ error: { code: "AuthFailure.SignatureFailure" } });
    const unknown = { error: { code: "AuthFailure.SecretIdNotFound" } };
    const nobody = await ask(proofOf(`AKID${"0".repeat(32)}`, root.secretKey));
    expect(nobody).toEqual({ status: 200, body: unknown });
    const stranger = await h.account();
    const beyond = await ask(proofOf(stranger.secretId, stranger.secretKey));
    expect(beyond.body).toEqual(unknown);
  });

  test("asks again after raising the epochs to what the bridge has seen", async () => {
    const account = await h.account();
    const own = h.edge(account);
    h.bridge.seen.set(account.principal.account, 77);
    const { body } = await ask(proofOf(account.secretId, account.secretKey), own);
    expect(payloadOf(body.grant as never)).toMatchObject({ epoch: { counter: 77 } });
  });

  const sealedProof = (secretId: string) => ({
    secretId,
    method: "HmacSHA256",
    sealingKeyId: "00".repeat(8),
    sealed: { kem: 0x0020, enc: hpkePublicKey, ciphertext: "AAAA" },
  });

  test("a sealed v1 proof: finds the principal and passes the request on unchanged", async () => {
    const message = edge.sign("edge-kms/credential-request/1", {
      ...edge.origin(),
      hpkePublicKey,
      proof: sealedProof(root.secretId),
    });
    const { status, body } = await edge.post("/edge/v1/credentials", message);
    expect(status).toBe(200);
    expect(payloadOf(body.grant as never)).toMatchObject({ principal: root.principal });
    const call = h.bridge.calls.findLast(({ name }) => name === "leaseCredential");
    expect(call?.request).toMatchObject({ request: message, principal: root.principal });
    const nobody = await ask(sealedProof(`AKID${"0".repeat(32)}`));
    expect(nobody.body).toEqual({ error: { code: "AuthFailure.SecretIdNotFound" } });
  });

  test("a v1 proof in the clear is refused before anyone looks at it", async () => {
    const asked = h.bridge.calls.length;
    const proof = { ...proofOf(root.secretId, root.secretKey), method: "HmacSHA256" };
    const answer = await ask({ ...proof, date: "", service: "", signature: "AAAA" });
    expect(answer).toEqual({ status: 400, body: { error: { code: "malformed" } } });
    const sent = h.bridge.calls.slice(asked).map(({ name }) => name);
    expect(sent).not.toContain("leaseCredential");
  });

  test("a proof sealed to a key that the bridge has no more is told so", async () => {
    h.bridge.failNext("leaseCredential", "sealing-key-changed");
    expect(await ask(sealedProof(root.secretId))).toEqual({
      status: 409,
      body: { error: { code: "sealing-key-changed" } },
    });
  });
});

describe("the bridge's sealing key", () => {
  const askFor = (from: TestEdge = edge) =>
    from.post("/edge/v1/sealing-key", from.sign("edge-kms/sealing-key-request/1", from.origin()));

  test("is passed on as the bridge has signed it", async () => {
    const { sealingKey } = await h.bridge.call("status", {});
    expect(await askFor()).toEqual({ status: 200, body: { sealingKey } });
  });

  test("is asked for by enrolled edges only, once with each request", async () => {
    const message = edge.sign("edge-kms/sealing-key-request/1", edge.origin());
    expect((await edge.post("/edge/v1/sealing-key", message)).status).toBe(200);
    expect((await edge.post("/edge/v1/sealing-key", message)).status).toBe(403);
    const stranger = { ...edge.origin(), edge: "nobody" };
    const unknown = edge.sign("edge-kms/sealing-key-request/1", stranger);
    expect((await edge.post("/edge/v1/sealing-key", unknown)).status).toBe(403);
    const kind = edge.sign("edge-kms/connect/1", edge.origin());
    expect((await edge.post("/edge/v1/sealing-key", kind)).status).toBe(400);
    const frozen = h.edge(root);
    const row = h.bridge.edges.find(({ edge: name }) => name === frozen.edge);
    if (row !== undefined) row.frozen = true;
    expect((await askFor(frozen)).status).toBe(403);
  });

  test("cannot be had without the bridge", async () => {
    // Twice: whoever looks for freezes may ask in between.
    h.bridge.failNext("status", "unreachable", "unreachable");
    const unavailable = { status: 503, body: { error: { code: "unavailable" } } };
    expect(await askFor()).toMatchObject(unavailable);
  });
});

/** Records 1…count of an instance's chain, or those after `from`. */
function chain(of: TestEdge, count: number, instance = of.instance, mark = ""): string[] {
  const records: string[] = [];
  let prev = AUDIT_CHAIN_START;
  for (let seq = 1; seq <= count; seq++) {
    const event = encodeAuditEvent({
      requestId: "00000000-0000-4000-8000-000000000000",
      timeMs: 1_700_000_000_000 + seq,
      service: "kms",
      apiVersion: "2019-01-18",
      action: `Encrypt${mark}`,
      region,
      account: root.principal.account,
      uin: root.principal.uin,
      principalType: "root",
      secretId: root.secretId,
      sourceAddress: "192.0.2.1",
      userAgent: "nul \u0000 inside",
      requestClient: "",
      signatureMethod: "TC3-HMAC-SHA256",
      errorCode: "",
      reason: "",
      keyIds: [],
      uses: [],
      store: "software",
    });
    const bytes = encodeAuditRecord({ edge: of.edge, instance, seq, prev }, event);
    prev = createHash("sha256").update(bytes).digest("hex");
    records.push(utf8DecodeStrict(bytes) ?? "");
  }
  return records;
}

const deliver = (from: TestEdge, of: string, records: string[]) =>
  from.post(
    "/edge/v1/audit",
    from.sign("edge-kms/audit-delivery/1", { ...from.origin(), of, records }),
  );

describe("audit records", () => {
  const seqs = async (of: TestEdge, instance = of.instance) =>
    (await edgeRecordsOf(h.database, of.edge, instance)).map(({ seq }) => seq);
  const acknowledged = (acknowledgedSeq: number) => ({ status: 200, body: { acknowledgedSeq } });

  test("are stored as they came, in order, each once", async () => {
    const from = h.edge(root);
    const all = chain(from, 6);
    expect(await deliver(from, from.instance, all.slice(0, 2))).toEqual(acknowledged(2));
    expect(await deliver(from, from.instance, all.slice(0, 2))).toEqual(acknowledged(2));
    expect(await deliver(from, from.instance, all.slice(1, 5))).toEqual(acknowledged(5));
    expect(await deliver(from, from.instance, all.slice(0, 3))).toEqual(acknowledged(5));
    expect(await deliver(from, from.instance, all.slice(5))).toEqual(acknowledged(6));
    const stored = await edgeRecordsOf(h.database, from.edge, from.instance);
    expect(stored.map(({ record }) => record)).toEqual(all);
  });

  test("delivered at once by a confused edge are stored once", async () => {
    const from = h.edge(root);
    const all = chain(from, 5);
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => deliver(from, from.instance, all)),
    );
    expect(answers).toEqual(Array(4).fill(acknowledged(5)));
    expect(await seqs(from)).toEqual([1, 2, 3, 4, 5]);
  });

  test("that leave a gap are refused", async () => {
    const from = h.edge(root);
    const all = chain(from, 5);
    await deliver(from, from.instance, all.slice(0, 2));
    const answer = await deliver(from, from.instance, all.slice(3));
    expect(answer).toMatchObject({ status: 409, body: { error: { code: "audit-gap" } } });
    expect(await seqs(from)).toEqual([1, 2]);
    const start = await deliver(from, random16(), []);
    expect(start.status).toBe(400);
  });

  test("of another story than the stored one are refused", async () => {
    const from = h.edge(root);
    await deliver(from, from.instance, chain(from, 2));
    const other = chain(from, 4, from.instance, "Other");
    const conflict = { status: 409, body: { error: { code: "audit-conflict" } } };
    expect(await deliver(from, from.instance, other.slice(2))).toMatchObject(conflict);
    expect(await deliver(from, from.instance, other)).toMatchObject(conflict);
    expect(await deliver(from, from.instance, other.slice(0, 2))).toMatchObject(conflict);
    expect(await seqs(from)).toEqual([1, 2]);
  });

  test("with a gap, a break or a change among themselves are refused", async () => {
    const from = h.edge(root);
    const all = chain(from, 3);
    const other = chain(from, 3, from.instance, "Other");
    const [one = "", two = "", three = ""] = all;
    for (const records of [
      [one, three],
      [two, one],
      [one, other[1] ?? ""],
      [one, two.replace("192.0.2.1", "192.0.2.2"), three],
      [` ${one}`],
      [one.replace('"store":"software"', '"store":"software","more":1')],
    ]) {
      expect((await deliver(from, from.instance, records)).status).toBe(400);
    }
    expect(await seqs(from)).toEqual([]);
  });

  test("of another edge, another instance, another account are refused", async () => {
    const [from, other] = [h.edge(root), h.edge(root)];
    expect((await deliver(from, from.instance, chain(other, 1, from.instance))).status).toBe(400);
    expect((await deliver(from, from.instance, chain(from, 1, random16()))).status).toBe(400);
    const stranger = h.edge(await h.account());
    expect((await deliver(stranger, stranger.instance, chain(stranger, 1))).status).toBe(400);
  });

  test("an earlier instance's chain is continued by a later one", async () => {
    const from = h.edge(root);
    const earlier = random16();
    const all = chain(from, 3, earlier);
    expect(await deliver(from, earlier, all)).toEqual(acknowledged(3));
    expect(await seqs(from, earlier)).toEqual([1, 2, 3]);
  });

  test("500 at once are taken", async () => {
    const from = h.edge(root);
    expect(await deliver(from, from.instance, chain(from, 500))).toEqual(acknowledged(500));
  });
});
