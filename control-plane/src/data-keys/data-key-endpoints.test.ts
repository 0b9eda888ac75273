import { randomUUID } from "node:crypto";
import { base64Encode, encodeEnvelopeHeader, envelopeBytes } from "@edge-kms/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deleteDueDataKeys } from "../db/queries/data-keys.ts";
import { type Account, type Harness, startHarness, type TestEdge } from "../testing/harness.ts";
import { setKeyFields } from "../testing/keys.ts";

let h: Harness;
let root: Account;
let edge: TestEdge;
let keyId: string;
beforeAll(async () => {
  h = await startHarness({ dataKeyQuota: 3 });
  root = await h.account();
  edge = h.edge(root);
  keyId = await root.createKey("wrapping");
});
afterAll(() => h.close());

const region = "ap-singapore";

/** Something of the form of an envelope: nobody here could open a real one. */
function blobOf(of: string, fill = 7): string {
  const header = encodeEnvelopeHeader({
    suite: 1,
    keyId: of,
    versionId: 1,
    branchId: "00".repeat(8),
    nonce: new Uint8Array(envelopeBytes.nonce),
  });
  return base64Encode(new Uint8Array([...header, ...new Uint8Array(32 + 32 + 16).fill(fill)]));
}

let names = 0;
const store = (more: object = {}, from: TestEdge = edge) => {
  names += 1;
  const payload = {
    ...from.origin(),
    requestId: randomUUID(),
    account: root.principal.account,
    region,
    uin: root.principal.uin,
    keyId,
    name: `name-${names}`,
    description: "",
    numberOfBytes: 32,
    material: "TENCENT_KMS",
    tags: [],
    blob: blobOf(keyId),
    ...more,
  };
  return from.post("/edge/v1/data-keys/store", from.sign("edge-kms/data-key-store/1", payload));
};
const read = (dataKeyId: string, more: object = {}, from: TestEdge = edge) => {
  const { account } = root.principal;
  const payload = { ...from.origin(), account, region, dataKeyId, ...more };
  return from.post("/edge/v1/data-keys/read", from.sign("edge-kms/data-key-read/1", payload));
};
const codeOf = async (answer: ReturnType<typeof store>) =>
  ((await answer).body.error as { code: string } | undefined)?.code;

test("a call that is sent again keeps one data key, with the later envelope", async () => {
  const requestId = randomUUID();
  const name = "twice";
  const first = await store({ requestId, name });
  const second = await store({ requestId, name, blob: blobOf(keyId, 9) });
  expect(second.body).toEqual(first.body);
  const { body } = await read(String(first.body.dataKeyId));
  expect(body).toEqual({ keyId, blob: blobOf(keyId, 9) });
});

test("of two calls at once for one name one succeeds", async () => {
  const codes = await Promise.all([1, 2].map(() => codeOf(store({ name: "wanted" }))));
  expect(codes.sort()).toEqual(["InvalidParameterValue.DataKeyNameAlreadyExists", undefined]);
});

test("the quota holds, and a CMK that does not encrypt keeps no more data keys", async () => {
  expect(await codeOf(store())).toBeUndefined();
  expect(await codeOf(store())).toBe("LimitExceeded.DataKeyLimitExceeded");
  const other = await root.createKey("ending");
  const blob = blobOf(other);
  await setKeyFields(h.database, other, { state: "PendingDelete" });
  expect(await codeOf(store({ keyId: other, blob }))).toBe("ResourceUnavailable.KeyPendingDelete");
  await setKeyFields(h.database, other, { state: "Archived" });
  expect(await codeOf(store({ keyId: other, blob }))).toBe("ResourceUnavailable.CmkArchived");
});

test("what is not an envelope of that CMK is refused as malformed", async () => {
  for (const blob of ["", "AAAA", blobOf(randomUUID())]) {
    expect(await store({ blob })).toMatchObject({
      status: 400,
      body: { error: { code: "malformed" } },
    });
  }
});

test("an edge that is not enrolled for the account sees none of its data keys, nor makes any", async () => {
  const stranger = h.edge(await h.account());
  expect(await codeOf(store({}, stranger))).toBe("ResourceUnavailable.CmkNotFound");
  const [{ response }] = [await root.call("ListDataKeys")];
  const [{ DataKeyId = "" } = {}] = response.DataKeys as { DataKeyId: string }[];
  expect((await read(DataKeyId)).body).toHaveProperty("blob");
  const refused = await read(DataKeyId, {}, stranger);
  expect(refused.body).toEqual({ error: { code: "ResourceUnavailable.DataKeyNotFound" } });
  expect(await codeOf(read(DataKeyId, { region: "ap-guangzhou" }))).toBe(
    "ResourceUnavailable.DataKeyNotFound",
  );
});

test("an edge that a CMK was taken away from gets its data keys neither way, others do", async () => {
  const [{ response }] = [await root.call("ListDataKeys")];
  const [{ DataKeyId = "" } = {}] = response.DataKeys as { DataKeyId: string }[];
  const other = h.edge(root);
  const revoke = (action: string) =>
    root.call(action, { KeyId: keyId, EdgeId: edge.edge }, { version: "2026-11-27" });
  for (const what of ["KeyAtEdge", "Edge"]) {
    expect((await revoke(`Revoke${what}`)).code).toBeUndefined();
    expect(await codeOf(read(DataKeyId))).toBe("UnauthorizedOperation");
    expect(await codeOf(store())).toBe("UnauthorizedOperation");
    expect((await read(DataKeyId, {}, other)).body).toHaveProperty("blob");
    await revoke(`Restore${what}`);
    expect((await read(DataKeyId)).body).toHaveProperty("blob");
  }
});

test("when the date has come the ciphertext is gone and the name is free", async () => {
  const { response } = await root.call("ListDataKeyDetail", { SearchKeyAlias: "twice" });
  const [{ DataKeyId = "" } = {}] = response.DataKeyMetadatas as { DataKeyId: string }[];
  await root.call("DisableDataKey", { DataKeyId });
  await root.call("ScheduleDataKeyDeletion", { DataKeyId, PendingWindowInDays: 7 });
  const run = (days: number) =>
    h.database.transaction((tx) => deleteDueDataKeys(tx, h.clock() + days * 86_400_000));
  expect(await run(6)).toBe(0);
  expect(await run(8)).toBe(1);
  expect(await run(8)).toBe(0);
  expect((await root.call("DescribeDataKey", { DataKeyId })).code).toBe(
    "ResourceUnavailable.DataKeyNotFound",
  );
  expect(await codeOf(read(DataKeyId))).toBe("ResourceUnavailable.DataKeyNotFound");
  expect(await codeOf(store({ name: "twice" }))).toBeUndefined();
});
