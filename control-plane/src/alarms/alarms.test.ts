/** Alarms and reminders about keys that wait for deletion, and word of them to real receivers. */

import { createHash, createPublicKey, verify } from "node:crypto";
import { encodeAuditEvent, encodeAuditRecord } from "@edge-kms/protocol";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { claimDueNotifications } from "../db/queries/notifications.ts";
import { silentLog } from "../log.ts";
import { deliverNotifications, type NotificationServices } from "../notifications/deliver.ts";
import { createMailer } from "../notifications/mail.ts";
import { createReceivers } from "../notifications/receiver.ts";
import { ensureSigningKey, webhookKeyName } from "../signed-messages/key-file.ts";
import { type Account, type Harness, startHarness, type TestEdge } from "../testing/harness.ts";
import { setKeyFields } from "../testing/keys.ts";
import {
  type HttpReceiver,
  type MailReceiver,
  startHttpReceiver,
  startMailReceiver,
} from "../testing/receivers.ts";
import { remindOfDeletions } from "./reminders.ts";

const version = "2026-11-27";
const dayMs = 86_400_000;

let h: Harness;
let root: Account;
let edge: TestEdge;
let hook: HttpReceiver;
let mail: MailReceiver;
let services: NotificationServices;
/** The time that reminders and deliveries go by. */
let nowMs: number;

beforeAll(async () => {
  hook = await startHttpReceiver();
  mail = await startMailReceiver();
  const settings = { url: mail.url, from: "kms@bank.example", allowPlain: false };
  h = await startHarness({ notifications: { allowedHosts: ["127.0.0.1"], mail: settings } });
  services = {
    database: h.database,
    receivers: createReceivers(new Set(["127.0.0.1"])),
    webhookKey: ensureSigningKey(`${h.home}/pki`, webhookKeyName),
    mailer: createMailer(settings),
    clock: () => nowMs,
    log: silentLog,
  };
});
afterAll(async () => {
  await services.receivers.close();
  services.mailer?.close();
  await h.close();
  await hook.close();
  await mail.close();
});
beforeEach(async () => {
  root = await h.account();
  edge = h.edge(root);
  nowMs = h.clock() + 1_000;
  hook.posts.length = 0;
  hook.answer = { status: 204, body: "" };
  mail.mails.length = 0;
  mail.status = 250;
});

afterEach(async () => {
  const { Targets } = (await call("DescribeNotificationTargets")).response;
  for (const { TargetId } of Targets as { TargetId: string }[]) {
    await call("DeleteNotificationTarget", { TargetId });
  }
});

const call = (action: string, params: object = {}) => root.call(action, params, { version });
const addTarget = async (Kind: string, Address: string) =>
  (await call("CreateNotificationTarget", { Kind, Address })).response.TargetId as string;
const alarms = async (params: object = {}) =>
  (await call("DescribeAlarms", params)).response as {
    TotalCount: number;
    Alarms: Record<string, unknown>[];
  };
const deliver = () => deliverNotifications(services);
const remind = () => remindOfDeletions(h.database, nowMs);

/** A key that waits for deletion on a date of the test's choosing. */
async function doomed(alias: string, deletionAtMs = nowMs + 20 * dayMs): Promise<string> {
  const keyId = await root.createKey(alias);
  await setKeyFields(h.database, keyId, { state: "PendingDelete", deletionAtMs });
  return keyId;
}

let seq = 0;
let prev = "0".repeat(64);
let chain: TestEdge | null = null;

/** The edge tells of calls that it refused. */
async function record(
  ...calls: { keyId: string; action?: string; errorCode?: string; account?: string }[]
): Promise<void> {
  if (chain !== edge) {
    chain = edge;
    seq = 0;
    prev = "0".repeat(64);
  }
  const records = calls.map((one) => {
    seq += 1;
    const event = encodeAuditEvent({
      requestId: `request-${seq}`,
      timeMs: nowMs,
      service: "kms",
      apiVersion: "2019-01-18",
      action: one.action ?? "Encrypt",
      region: "ap-singapore",
      account: one.account ?? root.principal.account,
      uin: root.principal.uin,
      principalType: "root",
      secretId: root.secretId,
      sourceAddress: "203.0.113.9",
      userAgent: "",
      requestClient: "",
      signatureMethod: "TC3-HMAC-SHA256",
      errorCode: one.errorCode ?? "ResourceUnavailable.KeyPendingDelete",
      reason: "",
      keyIds: [one.keyId],
      uses: [],
      store: null,
    });
    const bytes = encodeAuditRecord({ edge: edge.edge, instance: edge.instance, seq, prev }, event);
    prev = createHash("sha256").update(bytes).digest("hex");
    return Buffer.from(bytes).toString("utf8");
  });
  const delivery = { ...edge.origin(), of: edge.instance, records };
  const { status } = await edge.post(
    "/edge/v1/audit",
    edge.sign("edge-kms/audit-delivery/1", delivery),
  );
  expect(status).toBe(200);
}

test("every attempt to use a key that waits for deletion raises an alarm, and nothing else does", async () => {
  const waiting = await doomed("waiting");
  const alive = await root.createKey("alive");
  await record(
    { keyId: waiting },
    { keyId: waiting, action: "Decrypt", errorCode: "ResourceUnavailable.CmkDisabled" },
    { keyId: alive, errorCode: "ResourceUnavailable.CmkDisabled" },
    { keyId: waiting, errorCode: "" },
    { keyId: waiting, action: "DescribeKey" },
    { keyId: "not a key id", errorCode: "ResourceUnavailable.CmkDisabled" },
  );
  const { TotalCount, Alarms } = await alarms();
  expect(TotalCount).toBe(2);
  expect(Alarms[0]).toMatchObject({
    Kind: "UseOfKeyPendingDeletion",
    KeyId: waiting,
    Alias: "waiting",
    Action: "Decrypt",
    Uin: root.principal.uin,
    SecretId: root.secretId,
    SourceAddress: "203.0.113.9",
    CallRequestId: "request-2",
    DaysLeft: 0,
  });
  expect((await alarms({ KeyId: alive })).TotalCount).toBe(0);
  expect((await alarms({ Kind: "DeletionApproaching" })).TotalCount).toBe(0);
  expect((await alarms({ StartTime: Math.floor(nowMs / 1000) + 5 })).TotalCount).toBe(0);
  expect(await alarms({ Offset: 1, Limit: 1 })).toMatchObject({
    TotalCount: 2,
    Alarms: [{ CallRequestId: "request-1" }],
  });
  const stranger = await h.account();
  const other = await stranger.call("DescribeAlarms", {}, { version });
  expect(other.response.TotalCount).toBe(0);
});

test.each([
  // Of an edge mode, or a key or edge that was revoked: told before the state.
  ["Encrypt", "UnauthorizedOperation"],
  ["Decrypt", "UnauthorizedOperation"],
  ["SignByAsymmetricKey", "ResourceUnavailable.CmkStateNotSupport"],
  ["AsymmetricRsaDecrypt", "InvalidParameterValue.InvalidKeyUsage"],
  ["Encrypt", "RequestLimitExceeded"],
])("%s of a doomed key that is refused with %s is an attempt", async (action, errorCode) => {
  const keyId = await doomed(`doomed-${action}-${errorCode.length}`);
  await record({ keyId, action, errorCode });
  const { Alarms } = await alarms({ KeyId: keyId });
  expect(Alarms).toMatchObject([{ Action: action, Kind: "UseOfKeyPendingDeletion" }]);
});

test("an attempt whose record comes after the key's end is told, one that was made after it is not", async () => {
  const keyId = await doomed("ended", nowMs);
  const ended = { state: "Deleted", deletedAtMs: nowMs } as const;
  await setKeyFields(h.database, keyId, ended);
  await record({ keyId, errorCode: "ResourceUnavailable.CmkNotFound" });
  expect((await alarms({ KeyId: keyId })).TotalCount).toBe(0);
  await setKeyFields(h.database, keyId, { deletedAtMs: nowMs + 1 });
  await record({ keyId });
  expect((await alarms({ KeyId: keyId })).TotalCount).toBe(1);
});

test("reminds once a day in the last three days, whoever looks and however often", async () => {
  const keyId = await doomed("ending", nowMs + 10 * dayMs);
  const startMs = nowMs;
  for (let hour = 0; hour <= 11 * 24; hour += 6) {
    nowMs = startMs + hour * 3_600_000;
    await Promise.all([remind(), remind()]);
  }
  const { Alarms } = await alarms({ KeyId: keyId });
  expect(Alarms.map(({ DaysLeft }) => DaysLeft)).toEqual([1, 2, 3]);
  expect(Alarms[0]).toMatchObject({ Kind: "DeletionApproaching", Alias: "ending", Action: "" });
});

test("a key that was taken back has no more reminders, and a new date has its own", async () => {
  const keyId = await doomed("back", nowMs + 2.5 * dayMs);
  await remind();
  await setKeyFields(h.database, keyId, { state: "Disabled", deletionAtMs: null });
  nowMs += dayMs;
  await remind();
  expect((await alarms({ KeyId: keyId })).TotalCount).toBe(1);
  await setKeyFields(h.database, keyId, {
    state: "PendingDelete",
    deletionAtMs: nowMs + 2.5 * dayMs,
  });
  await remind();
  expect((await alarms({ KeyId: keyId })).TotalCount).toBe(2);
});

test("a webhook gets signed JSON that its public key verifies", async () => {
  await addTarget("webhook", hook.url);
  const keyId = await doomed("hooked");
  await record({ keyId });
  await deliver();
  const [post] = hook.posts;
  const { headers, body } = post ?? { headers: {}, body: "" };
  const { WebhookPublicKey } = (await call("DescribeNotificationTargets")).response;
  const x = Buffer.from(String(WebhookPublicKey).replace("whpk_", ""), "base64");
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: x.toString("base64url") },
    format: "jwk",
  });
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const signature = Buffer.from(String(headers["webhook-signature"]).replace("v1a,", ""), "base64");
  expect(verify(null, Buffer.from(signed), key, signature)).toBe(true);
  expect(Math.abs(Number(headers["webhook-timestamp"]) * 1000 - nowMs)).toBeLessThan(1_000);
  expect(JSON.parse(body)).toMatchObject({
    type: "kms.key.used-while-pending-deletion",
    data: { keyId, alias: "hooked", attempts: 1, lastAction: "Encrypt" },
  });
  expect(hook.posts).toHaveLength(1);
});

test("a robot gets text in its own form, and only its errcode 0 counts", async () => {
  await addTarget("wecom", `${hook.url}?key=robot-key`);
  await doomed("robot", nowMs + 2 * dayMs);
  await remind();
  hook.answer = { status: 200, body: '{"errcode":45009,"errmsg":"too fast"}' };
  await deliver();
  const last = async () =>
    ((await call("DescribeNotificationTargets")).response.Targets as Record<string, unknown>[])[0];
  expect(await last()).toMatchObject({ LastState: "Waiting", LastResult: "errcode 45009" });
  hook.answer = { status: 200, body: '{"errcode":0,"errmsg":"ok"}' };
  nowMs += 60_000;
  await deliver();
  expect(await last()).toMatchObject({
    Kind: "wecom",
    LastState: "Delivered",
    Address: expect.not.stringContaining("robot-key"),
  });
  const { msgtype, text } = JSON.parse(hook.posts[1]?.body ?? "{}");
  expect(msgtype).toBe("text");
  expect(text.content).toContain("CancelKeyDeletion");
  expect(text.content).toContain("销毁");
  expect(Buffer.byteLength(text.content)).toBeLessThanOrEqual(2048);
});

test("a mail server gets mail, and a refusal for good ends it", async () => {
  await addTarget("email", "security@bank.example");
  const keyId = await doomed("mailed");
  await record({ keyId });
  mail.status = 451;
  await deliver();
  nowMs += 60_000;
  mail.status = 250;
  await deliver();
  expect(mail.mails).toHaveLength(1);
  expect(mail.mails[0]?.to).toEqual(["security@bank.example"]);
  expect(mail.mails[0]?.text).toContain("kms@bank.example");
  await record({ keyId });
  nowMs += 120_000;
  mail.status = 550;
  await deliver();
  const { Targets } = (await call("DescribeNotificationTargets")).response;
  expect((Targets as object[])[0]).toMatchObject({ LastState: "GivenUp", LastResult: "SMTP 550" });
});

test("a thousand attempts are a thousand alarms and few messages", async () => {
  await addTarget("webhook", hook.url);
  const keyId = await doomed("hammered");
  await record({ keyId });
  await deliver();
  for (let n = 0; n < 3; n++) await record(...Array.from({ length: 333 }, () => ({ keyId })));
  await deliver();
  expect(hook.posts).toHaveLength(1);
  nowMs += 61_000;
  await deliver();
  const told = hook.posts.map(({ body }) => JSON.parse(body).data.attempts as number);
  expect(told).toEqual([1, 999]);
  expect((await alarms({ KeyId: keyId, Limit: 0 })).TotalCount).toBe(1_000);
});

test("alarms that come while a message is on its way are told of in the next", async () => {
  await addTarget("webhook", hook.url);
  const keyId = await doomed("racing");
  await record({ keyId });
  const racing: NotificationServices = {
    ...services,
    receivers: {
      ...services.receivers,
      async post(...args) {
        const answer = await services.receivers.post(...args);
        if (hook.posts.length === 1) await record({ keyId }, { keyId });
        return answer;
      },
    },
  };
  await deliverNotifications(racing);
  nowMs += 61_000;
  await deliver();
  expect(hook.posts.map(({ body }) => JSON.parse(body).data.attempts)).toEqual([1, 2]);
  expect(new Set(hook.posts.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
});

test("a receiver that is away gets the message later, once, and a crash of the sender loses none", async () => {
  await addTarget("webhook", hook.url);
  const keyId = await doomed("away");
  await record({ keyId });
  hook.answer = { status: 0, body: "" };
  await deliver();
  hook.answer = { status: 302, body: "" };
  nowMs += 6_000;
  await deliver();
  expect(hook.posts).toHaveLength(2);
  hook.answer = { status: 204, body: "" };
  // Another copy claims it and dies before it has sent anything.
  nowMs += 31_000;
  await h.database.transaction((tx) => claimDueNotifications(tx, nowMs, nowMs + 60_000, 10));
  await deliver();
  expect(hook.posts).toHaveLength(2);
  nowMs += 61_000;
  await Promise.all([deliver(), deliver()]);
  expect(hook.posts).toHaveLength(3);
  const ids = new Set(hook.posts.map(({ headers }) => headers["webhook-id"]));
  expect(ids.size).toBe(1);
});

test("a message that nobody takes is given up after about two days", async () => {
  await addTarget("webhook", hook.url);
  await record({ keyId: await doomed("unheard") });
  hook.answer = { status: 500, body: "" };
  const startMs = nowMs;
  for (let n = 0; n < 20; n++) {
    await deliver();
    nowMs += 57_600_000;
  }
  expect(hook.posts).toHaveLength(12);
  expect(nowMs - startMs).toBeGreaterThan(2 * dayMs);
});

test("targets: tested on demand, named once, removed with what waits for them, seen by their account only", async () => {
  const TargetId = await addTarget("webhook", hook.url);
  expect((await call("TestNotificationTarget", { TargetId })).code).toBeUndefined();
  await deliver();
  expect(JSON.parse(hook.posts[0]?.body ?? "{}")).toMatchObject({ type: "kms.test" });
  const again = await call("CreateNotificationTarget", { Kind: "webhook", Address: hook.url });
  expect(again.code).toBe("ResourceInUse");
  const stranger = await h.account();
  for (const action of ["TestNotificationTarget", "DeleteNotificationTarget"]) {
    expect((await stranger.call(action, { TargetId }, { version })).code).toBe("ResourceNotFound");
  }
  await record({ keyId: await doomed("dropped") });
  expect((await call("DeleteNotificationTarget", { TargetId })).code).toBeUndefined();
  await deliver();
  expect(hook.posts).toHaveLength(1);
  expect((await call("DescribeNotificationTargets")).response.Targets).toEqual([]);
});

test.each([
  ["webhook", "http://example.com/"],
  ["webhook", "https://10.0.0.1/"],
  ["wecom", "not a url"],
  ["email", "not an address"],
  ["email", "a@b.example\r\nBcc: c@d.example"],
])("%s refuses the address %j", async (Kind, Address) => {
  const { code } = await call("CreateNotificationTarget", { Kind, Address });
  expect(code).toBe("InvalidParameterValue");
});

test("an account has at most 20 targets", async () => {
  for (let n = 0; n < 20; n++) await addTarget("email", `a${n}@bank.example`);
  const { code } = await call("CreateNotificationTarget", {
    Kind: "email",
    Address: "b@bank.example",
  });
  expect(code).toBe("LimitExceeded");
});
