/**
 * Keys that stay in the bridge: edge modes, operators' ceilings, and ciphertexts of another edge group, with unmodified
 * clients at two edges. secrets.test.ts shows what the control plane sees of it.
 */

import { decodeEnvelope } from "@edge-kms/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { type MoreEdge, startEdge } from "./support/more-edges.ts";
import { bridgeClient } from "./support/spy-edge.ts";
import { discard, type System, startSystem } from "./support/system.ts";

const account = "100000000001";
const Plaintext = base64("a secret");
const regions = ["ap-singapore", "ap-guangzhou"] as const;

let system: System;
let operator: ReturnType<typeof bridgeClient>;
let second: MoreEdge;

beforeAll(async () => {
  system = await startSystem();
  operator = bridgeClient(system, "operator");
  second = await startEdge(system, operator, { edge: "second", group: "elsewhere", account });
}, 60_000);
afterAll(async () => {
  await second?.stop();
  operator?.close();
  await discard(system);
}, 60_000);

const here = (region: string = regions[0]) => createClient(system, { region });
const there = (region: string = regions[0]) =>
  createClient(system, { region, endpoint: second.url });

async function newKey(kms: Kms): Promise<string> {
  const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
  return KeyId;
}

/** Sets a key's edge settings as the action for it does: with the epoch. */
const configure = (keyId: string, settings: string) =>
  withDatabase(system, async (query) => {
    await query("begin");
    await query(`update keys set ${settings} where key_id = $1`, [keyId]);
    await query("update accounts set epoch_counter = epoch_counter + 1 where account = $1", [
      account,
    ]);
    await query("select pg_notify('edge_kms_epoch', '')");
    await query("commit");
  });

/**
 * What the bridge did with a key, as its log has it: event, edge, group; each once, since a call that meets a raised epoch is
 * performed again.
 */
async function workOf(keyId: string): Promise<string[]> {
  const { entries } = await operator.call("readLog", { afterSeq: 0, limit: 1000 });
  const work = entries
    .filter(({ event, details }) => details.keyId === keyId && /leased|performed/.test(event))
    .map(({ event, details }) => `${event} ${details.edge} ${details.group}`);
  return [...new Set(work)];
}

it.each(regions)("serves every action of %s with a key that is never leased", async (region) => {
  const kms = here(region);
  const KeyId = await newKey(kms);
  await configure(KeyId, "edge_mode = 'proxy'");
  const EncryptionContext = '{"a":"b"}';
  const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext, EncryptionContext });
  expect((await kms.Decrypt({ CiphertextBlob, EncryptionContext })).Plaintext).toBe(Plaintext);
  await expectCode(kms.Decrypt({ CiphertextBlob }), "InvalidParameterValue.InvalidCiphertext");
  const moved = await kms.ReEncrypt({ CiphertextBlob, SourceEncryptionContext: EncryptionContext });
  expect((await kms.Decrypt({ CiphertextBlob: moved.CiphertextBlob ?? "" })).Plaintext).toBe(
    Plaintext,
  );
  const dataKey = await kms.GenerateDataKey({ KeyId, KeySpec: "AES_256" });
  expect((await kms.Decrypt({ CiphertextBlob: dataKey.CiphertextBlob ?? "" })).Plaintext).toBe(
    dataKey.Plaintext,
  );
  expect(await workOf(KeyId)).toEqual(["operation-performed local default"]);

  // An ordinary ciphertext: it opens under a lease, once the key may be leased.
  await configure(KeyId, "edge_mode = 'lease'");
  expect((await kms.Decrypt({ CiphertextBlob, EncryptionContext })).Plaintext).toBe(Plaintext);
  await expect
    .poll(async () => {
      await kms.Decrypt({ CiphertextBlob, EncryptionContext });
      return (await workOf(KeyId)).at(-1);
    })
    .toBe("branch-leased local default");
});

it("refuses everything of a key that is not for edges, at every door", async () => {
  const kms = here();
  const KeyId = await newKey(kms);
  const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
  await configure(KeyId, "edge_mode = 'deny'");
  const denied = "UnauthorizedOperation";
  // A lease that is out ends with the epoch, which is on its way to the first edge.
  await expect.poll(() => kms.Encrypt({ KeyId, Plaintext }).catch(({ code }) => code)).toBe(denied);
  const atTheControlPlane = createClient(system, { door: "control plane" });
  for (const client of [kms, there(), atTheControlPlane]) {
    await expectCode(client.Encrypt({ KeyId, Plaintext }), denied);
    await expectCode(client.Decrypt({ CiphertextBlob }), denied);
    await expectCode(client.ReEncrypt({ CiphertextBlob }), denied);
    await expectCode(client.GenerateDataKey({ KeyId, KeySpec: "AES_128" }), denied);
  }
});

it("proxies a key without a lease length, and one that an operator keeps in the bridge", async () => {
  const kms = here();
  const [zero, kept, ruledOut] = [await newKey(kms), await newKey(kms), await newKey(kms)];
  await configure(zero, "lease_expires_after_ms = 0");
  await operator.call("setEdgeModeCeiling", { keyId: kept, ceiling: "proxy" });
  await operator.call("setEdgeModeCeiling", { keyId: ruledOut, ceiling: "deny" });
  for (const KeyId of [zero, kept]) {
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
    expect(await workOf(KeyId)).toEqual(["operation-performed local default"]);
  }
  await expectCode(kms.Encrypt({ KeyId: ruledOut, Plaintext }), "UnauthorizedOperation");
  expect(await workOf(ruledOut)).toEqual([]);
});

it("decrypts a ciphertext of another edge group by proxy, and makes it this group's by ReEncrypt", async () => {
  const KeyId = await newKey(here());
  const { CiphertextBlob = "" } = await here().Encrypt({ KeyId, Plaintext });
  expect((await there().Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
  expect(await workOf(KeyId)).toEqual([
    "branch-leased local default",
    "operation-performed second default",
  ]);
  const moved = await there().ReEncrypt({ CiphertextBlob });
  const blob = moved.CiphertextBlob ?? "";
  expect(decodeEnvelope(blob)?.branchId).not.toBe(decodeEnvelope(CiphertextBlob)?.branchId);
  for (const client of [there(), here()]) {
    expect((await client.Decrypt({ CiphertextBlob: blob })).Plaintext).toBe(Plaintext);
  }
  expect(await workOf(KeyId)).toEqual([
    "branch-leased local default",
    "operation-performed second default",
    "branch-leased second elsewhere",
    "operation-performed local elsewhere",
  ]);
  // Disabled it is so for proxies too.
  await here().DisableKey({ KeyId });
  const disabled = "ResourceUnavailable.CmkDisabled";
  await expect
    .poll(() =>
      there()
        .Decrypt({ CiphertextBlob })
        .catch(({ code }) => code),
    )
    .toBe(disabled);
  await there().EnableKey({ KeyId });
  expect((await there().Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
});

it("serves on after the bridge was killed: operands are sealed to its new key", async () => {
  const kms = here();
  const KeyId = await newKey(kms);
  await configure(KeyId, "edge_mode = 'proxy'");
  await kms.Encrypt({ KeyId, Plaintext });
  await system.killAndWait("bridge", "SIGKILL");
  const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
  expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
});
