/**
 * P1: what the control plane, its database and its logs hold. A client works through the edge's door while taps read
 * everything between the parts, mTLS included; then every byte is searched for what must not be there. The branch keys to
 * look for are known because the test enrols an edge of its own in the same group.
 */

import { createHash, createHmac } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { decodeEnvelope } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { findNeedles } from "./support/needles.ts";
import { bridgeClient, permitted, SpyEdge } from "./support/spy-edge.ts";
import { type System, startSystem } from "./support/system.ts";
import { type Tap, tapMutualTls, tapTcp } from "./support/taps.ts";

const account = "100000000001";
const marker = (name: string) => createHash("sha256").update(`marker ${name}`).digest();
const throughEdge = marker("through the edge");
const throughControlPlane = marker("through the control plane");

let system: System;
let taps: Tap[] = [];
const needles: Record<string, Buffer> = {};
/** Both suites, with keys that are leased to the edge and with keys that stay in the bridge. */
const cases = [
  { region: "ap-singapore", suite: 1, mode: "lease" },
  { region: "ap-guangzhou", suite: 2, mode: "lease" },
  { region: "ap-singapore", suite: 1, mode: "proxy" },
  { region: "ap-guangzhou", suite: 2, mode: "proxy" },
] as const;

beforeAll(async () => {
  // The first start makes the certificates that the tap needs.
  const first = await startSystem();
  await first.stop();
  const { home, port } = first;
  const bridgeTap = await tapMutualTls(home, port + 2);
  const controlPlaneTap = await tapTcp(port + 1);
  taps = [bridgeTap, controlPlaneTap];
  system = await startSystem({
    home,
    port,
    config: {
      via: {
        bridge: `https://127.0.0.1:${bridgeTap.port}`,
        controlPlane: `127.0.0.1:${controlPlaneTap.port}`,
      },
    },
  });
  const { TENCENTCLOUD_SECRET_ID: secretId = "", TENCENTCLOUD_SECRET_KEY: secretKey = "" } =
    system.env;
  needles.SecretKey = Buffer.from(secretKey);
  needles["plaintext through the edge"] = throughEdge;
  needles["plaintext through the control plane"] = throughControlPlane;
  needles["SecretId, which is no secret"] = Buffer.from(secretId);

  const operator = bridgeClient(system, "operator");
  const asControlPlane = bridgeClient(system, "control-plane");
  const spy = new SpyEdge("spy");
  await spy.enroll(operator, account, "default");
  const { generation, epochs } = await operator.call("status", {});
  const counter = epochs.find((epoch) => epoch.account === account)?.counter ?? 0;
  for (const { region, suite, mode } of cases) {
    const kms = createClient(system, { region });
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    await withDatabase(system, (query) =>
      query("update keys set edge_mode = $1 where key_id = $2", [mode, KeyId]),
    );
    const Plaintext = base64(throughEdge);
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
    await kms.ReEncrypt({ CiphertextBlob, DestinationEncryptionContext: '{"a":"b"}' });
    const dataKey = await kms.GenerateDataKey({ KeyId, KeySpec: "AES_256" });
    needles[`data key of ${region}, ${mode}`] = Buffer.from(dataKey.Plaintext ?? "", "base64");
    const random = await kms.GenerateRandom({ NumberOfBytes: 32 });
    needles[`random of ${region}, ${mode}`] = Buffer.from(random.Plaintext ?? "", "base64");
    for (const signMethod of ["HmacSHA256", "HmacSHA1"] as const) {
      await createClient(system, { region, signMethod }).Encrypt({ KeyId, Plaintext });
    }
    const envelope = decodeEnvelope(CiphertextBlob);
    const { results } = await asControlPlane.call("lease", {
      request: await spy.request([
        {
          purpose: "decrypt",
          account,
          region,
          keyId: KeyId,
          version: envelope?.versionId ?? 0,
          branch: envelope?.branchId ?? "",
          suite,
        },
      ]),
      permitted: [permitted(counter, generation)],
    });
    const [result] = results;
    if (!result || !("grant" in result)) throw new Error(`no grant: ${JSON.stringify(results)}`);
    const { grant, key } = await spy.open(result.grant);
    expect(grant.branch).toBe(envelope?.branchId);
    expect(key).toHaveLength(suite === 1 ? 32 : 16);
    needles[`branch key of ${region}, ${mode}`] = Buffer.from(key);
  }
  const date = new Date().toISOString().slice(0, 10);
  const hmac = (key: string | Buffer, text: string) =>
    createHmac("sha256", key).update(text).digest();
  const kDate = hmac(`TC3${secretKey}`, date);
  needles.kDate = kDate;
  for (const service of ["kms", "127"]) {
    needles[`kSigning of ${service}`] = hmac(hmac(kDate, service), "tc3_request");
  }
  operator.close();
  asControlPlane.close();
}, 120_000);

afterAll(async () => {
  await system?.stop();
  for (const tap of taps) tap.close();
  if (system) rmSync(system.home, { recursive: true, force: true });
}, 60_000);

const harmless = ["SecretId, which is no secret"];

/** All bytes of the files under a folder of the home. */
function filesUnder(folder: string): Buffer[] {
  return readdirSync(join(system.home, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
}

describe("the control plane's side, while clients use the edge's door", () => {
  it("sees no key, no SecretKey and no plaintext pass", () => {
    const captured = taps.flatMap((tap) => tap.captured());
    expect(captured.length).toBeGreaterThan(4);
    const found = new Set(captured.flatMap((bytes) => [...findNeedles(bytes, needles)]));
    // The SecretId shows that the search reads what passed.
    expect([...found].sort()).toEqual(harmless);
  });

  it("keeps none in its database, write-ahead log included", async () => {
    // A checkpoint is not needed: the log's files are searched too.
    const found = new Set(
      filesUnder("db/data").flatMap((bytes) => [...findNeedles(bytes, needles, 3)]),
    );
    expect([...found].sort()).toEqual(harmless);
  });

  it("writes none into any log", () => {
    const logs = filesUnder("logs");
    expect(logs.length).toBeGreaterThanOrEqual(4);
    const found = new Set(logs.flatMap((bytes) => [...findNeedles(bytes, needles)]));
    expect([...found].filter((name) => !harmless.includes(name))).toEqual([]);
  });

  it("keeps none at the edge's storage or in the bridge's registry either", () => {
    for (const folder of ["edge/storage", "bridge"]) {
      const found = new Set(
        filesUnder(folder).flatMap((bytes) => [...findNeedles(bytes, needles)]),
      );
      expect([...found].filter((name) => !harmless.includes(name))).toEqual([]);
    }
  });
});

describe("the search itself", () => {
  it("finds a plaintext that does pass: through the control plane's own door", async () => {
    const kms = createClient(system, { endpoint: `http://127.0.0.1:${taps[1]?.port}` });
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    await kms.Encrypt({ KeyId, Plaintext: base64(throughControlPlane) });
    const found = new Set(
      taps.flatMap((tap) => tap.captured()).flatMap((bytes) => [...findNeedles(bytes, needles)]),
    );
    expect([...found].sort()).toEqual([...harmless, "plaintext through the control plane"].sort());
  });

  it("finds every needle in hexadecimal, base64 and base64 of JSON", () => {
    for (const [name, needle] of Object.entries(needles)) {
      const forms = [
        needle.toString("hex"),
        `xx"${needle.toString("base64")}"`,
        base64(JSON.stringify({ key: needle.toString("base64") })),
        base64(
          JSON.stringify({
            payload: base64(JSON.stringify({ key: needle.toString("base64url") })),
          }),
        ),
      ];
      for (const form of forms) expect(findNeedles(Buffer.from(form), needles)).toContain(name);
    }
  });
});
