/** The command `edge-kms`, run as a shell runs it, against a whole system. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { base64, createClient, newAlias } from "./support/client.ts";
import { edgeKms, edgeKmsJson } from "./support/edge-kms.ts";
import { discard, type System, startSystem } from "./support/system.ts";

let system: System;
let KeyId: string;
beforeAll(async () => {
  system = await startSystem();
  const kms = createClient(system);
  KeyId = (await kms.CreateKey({ Alias: newAlias() })).KeyId ?? "";
  await kms.Encrypt({ KeyId, Plaintext: base64("x") });
}, 60_000);
afterAll(() => discard(system), 60_000);

it("lists the edges, and says who holds a key", async () => {
  const { Edges } = await edgeKmsJson(system, ["edge", "list"]);
  expect(Edges).toMatchObject([
    { EdgeId: "local", Connected: true, Revoked: false, Frozen: false, UnaccountedAtMost: 0 },
  ]);
  const [edge] = Edges;
  expect(edge.LeasedKeys).toBeGreaterThan(0);
  const { Holders } = await edgeKmsJson(system, ["key", "holders", KeyId]);
  const { InstanceId } = edge.Instances[0];
  expect(Holders).toMatchObject([{ EdgeId: "local", InstanceId, Version: 1, Connected: true }]);
  const { out } = await edgeKms(system, ["key", "holders", KeyId]);
  expect(out).toMatch(new RegExp(`^local +${InstanceId} +yes +1 `, "m"));
});

it("says how a key was used", async () => {
  const usage = ["key", "usage", KeyId];
  await expect.poll(() => edgeKmsJson(system, usage)).toMatchObject({ MessagesEncrypted: 1 });
  const { LastUsedTime, Branches } = await edgeKmsJson(system, usage);
  expect(Math.abs(LastUsedTime - Date.now() / 1000)).toBeLessThan(60);
  expect(Branches).toMatchObject([{ Version: 1, MessagesEncrypted: 1, LastUsedTime }]);
  const { out } = await edgeKms(system, usage);
  expect(out).toMatch(/^last used +\d{4}-.*\nmessages encrypted +1\n\nVERSION /);
  expect(out).toContain(Branches[0].BranchId);
});

it("answers the same at the edge's door, which forwards", async () => {
  const env = { EDGE_KMS_ENDPOINT: system.env.KMS_ENDPOINT ?? "" };
  const { code, out } = await edgeKms(system, ["edge", "list"], env);
  expect(code).toBe(0);
  expect(out).toMatch(/^local +default +ok +yes /m);
});

it("sets and shows how edges may use a key", async () => {
  const change = ["key", "edge-settings", KeyId, "--refresh", "30", "--expiry", "90"];
  expect(await edgeKmsJson(system, change)).toMatchObject({
    EdgeMode: "lease",
    LeaseRefreshSeconds: 30,
    LeaseExpirySeconds: 90,
    IsDefault: false,
  });
  expect(
    await edgeKmsJson(system, ["key", "edge-settings", KeyId, "--default-times"]),
  ).toMatchObject({ LeaseExpirySeconds: 180, IsDefault: true });
});

it("ends with 1 and the code when the service refuses", async () => {
  const { TENCENTCLOUD_SECRET_ID: own = "" } = system.env;
  const self = await edgeKms(system, ["access-key", "revoke", own]);
  expect(self.code).toBe(1);
  expect(self.err).toContain("UnsupportedOperation: An access key cannot revoke itself");
  const unknown = await edgeKms(system, ["edge", "revoke", "no-such-edge", "--json"]);
  expect(unknown.code).toBe(1);
  expect(JSON.parse(unknown.err)).toMatchObject({ Error: { Code: "ResourceNotFound" } });
  const wrong = { EDGE_KMS_SECRET_ID: own, EDGE_KMS_SECRET_KEY: "x".repeat(32) };
  const forged = await edgeKms(system, ["edge", "list"], wrong);
  expect(forged).toMatchObject({ code: 1, out: "" });
  expect(forged.err).toContain("AuthFailure.SignatureFailure");
});

it("ends with 2 for what it does not know, and with 3 when nobody answers", async () => {
  expect(await edgeKms(system, ["edge", "vanish"])).toMatchObject({ code: 2 });
  const nobody = ["edge", "list", "--endpoint", "http://127.0.0.1:9"];
  expect(await edgeKms(system, nobody)).toMatchObject({ code: 3 });
});
