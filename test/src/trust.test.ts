/** What a control plane can get from the bridge by itself: nothing. Requests come signed by enrolled edges, or not at all. */

import { createHash } from "node:crypto";
import { BridgeCallError } from "@edge-kms/hsm-bridge";
import type { LeasedKey, SignedMessage } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, newAlias } from "./support/client.ts";
import { bridgeClient, permitted, SpyEdge } from "./support/spy-edge.ts";
import { discard, type System, startSystem } from "./support/system.ts";

type Client = ReturnType<typeof bridgeClient>;

const account = "100000000001";
let system: System;
let operator: Client;
let controlPlane: Client;
let enrolled: SpyEdge;
let keys: readonly LeasedKey[];
let permit: ReturnType<typeof permitted>;

beforeAll(async () => {
  system = await startSystem();
  const { KeyId = "" } = await createClient(system).CreateKey({ Alias: newAlias() });
  keys = [{ purpose: "encrypt", account, region: "ap-singapore", keyId: KeyId }];
  operator = bridgeClient(system, "operator");
  controlPlane = bridgeClient(system, "control-plane");
  enrolled = new SpyEdge("enrolled");
  await enrolled.enroll(operator, account, "default");
  const { generation, epochs } = await operator.call("status", {});
  permit = permitted(epochs.find((epoch) => epoch.account === account)?.counter ?? 0, generation);
}, 60_000);
afterAll(async () => {
  operator?.close();
  controlPlane?.close();
  await discard(system);
}, 60_000);

/** `granted`, or the code with which the bridge refused, whole or for the one key. */
async function ask(request: SignedMessage, client = controlPlane): Promise<string> {
  try {
    const { results } = await client.call("lease", { request, permitted: [permit] });
    const [result] = results;
    if (!result) return "nothing";
    return "grant" in result ? "granted" : result.error.code;
  } catch (error) {
    if (error instanceof BridgeCallError) return error.code;
    throw error;
  }
}

function altered(
  message: SignedMessage,
  change: (payload: Record<string, unknown>) => void,
): SignedMessage {
  const payload = JSON.parse(Buffer.from(message.payload, "base64").toString("utf8"));
  change(payload);
  return { ...message, payload: Buffer.from(JSON.stringify(payload)).toString("base64") };
}

describe("the bridge", () => {
  it("serves an enrolled edge's own request", async () => {
    expect(await ask(await enrolled.request(keys))).toBe("granted");
  });

  it("refuses a request signed with a key that is not enrolled", async () => {
    expect(await ask(await new SpyEdge("enrolled").request(keys))).toBe("edge-refused");
    expect(await ask(await new SpyEdge("stranger").request(keys))).toBe("edge-refused");
  });

  it("refuses a request that was altered on the way, in any field", async () => {
    const message = await enrolled.request(keys);
    const other = new SpyEdge("other");
    const changes: ((payload: Record<string, unknown>) => void)[] = [
      (payload) => (payload.timeMs = Date.now() + 1),
      (payload) => (payload.instance = "0".repeat(32)),
      (payload) => (payload.hpkePublicKey = `${"B".repeat(43)}=`),
      (payload) => (payload.nonce = createHash("md5").update("x").digest("hex")),
      (payload) => (payload.edge = other.edge),
      (payload) => (payload.keys = [{ ...keys[0], region: "ap-guangzhou" }]),
    ];
    for (const change of changes) expect(await ask(altered(message, change))).toBe("edge-refused");
    const flipped = Buffer.from(message.signature, "base64");
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    expect(await ask({ ...message, signature: flipped.toString("base64") })).toBe("edge-refused");
    // Unaltered it is still good: the attempts above used nothing up.
    expect(await ask(message)).toBe("granted");
  });

  it("refuses a request a second time, one that is old, and one from the future", async () => {
    const message = await enrolled.request(keys);
    expect(await ask(message)).toBe("granted");
    expect(await ask(message)).toBe("edge-refused");
    for (const timeMs of [Date.now() - 61_000, Date.now() + 61_000]) {
      expect(await ask(await enrolled.request(keys, { timeMs }))).toBe("edge-refused");
    }
  });

  it("refuses a signature over another kind of message", async () => {
    const message = await enrolled.request(keys);
    expect(await ask({ ...message, type: "edge-kms/credential-request/1" })).not.toBe("granted");
  });

  it("serves no account, region or group beyond the enrolment", async () => {
    const elsewhere = [{ ...keys[0], account: "100000000002" }] as LeasedKey[];
    expect(await ask(await enrolled.request(elsewhere))).toBe("edge-refused");
    const foreign = [{ ...keys[0], region: "eu-frankfurt" }] as LeasedKey[];
    expect(await ask(await enrolled.request(foreign))).toBe("edge-refused");
  });

  it("lets only the control plane's certificate ask, and only the operator's enrol", async () => {
    expect(await ask(await enrolled.request(keys), operator)).toBe("not-permitted");
    await expect(
      new SpyEdge("smuggled").enroll(controlPlane, account, "default"),
    ).rejects.toMatchObject({
      code: "not-permitted",
    });
  });

  it("serves nothing of what an operator froze, until it is unfrozen", async () => {
    for (const [kind, id] of [
      ["edge", enrolled.edge],
      ["key", keys[0]?.keyId ?? ""],
      ["account", account],
    ] as const) {
      await operator.call("freeze", { kind, id, reason: "test" });
      expect(await ask(await enrolled.request(keys))).toBe("frozen");
      await operator.call("unfreeze", { kind, id });
      expect(await ask(await enrolled.request(keys))).toBe("granted");
    }
  });

  it("has every lease in its log, with edge, key and branch", async () => {
    const { entries } = await operator.call("readLog", { afterSeq: 0, limit: 1000 });
    const text = JSON.stringify(entries);
    expect(text).toContain(enrolled.edge);
    expect(text).toContain(keys[0]?.keyId);
  });
});
