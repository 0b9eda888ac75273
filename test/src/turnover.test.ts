/**
 * Branch keys turned over by what the bridge permitted with them, on the whole system: every lease of an edge permits a million
 * encryptions, and here two of them are the bound. Edges take the next branch key up when they refresh; nobody is refused.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { decodeEnvelope } from "@edge-kms/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { base64, createClient, type Kms, newAlias } from "./support/client.ts";
import { type ExtraEdge, startExtraEdge } from "./support/extra-edge.ts";
import { bridgeClient } from "./support/spy-edge.ts";
import { discard, type System, startSystem } from "./support/system.ts";

const regions = ["ap-singapore", "ap-guangzhou"] as const;

let system: System;
let second: ExtraEdge;
beforeAll(async () => {
  system = await startSystem({
    config: {
      bridge: { branchTurnover: 2_000_000 },
      controlPlane: { keyLease: { refreshAfterMs: 500, expiresAfterMs: 60_000 } },
    },
  });
  second = await startExtraEdge(system, "second");
}, 120_000);
afterAll(async () => {
  await second?.discard();
  await discard(system);
}, 60_000);

const branchOf = (blob: string): string => decodeEnvelope(blob)?.branchId ?? "none";

it.each(regions)(
  "takes up one branch key after the other in %s, and decrypts under all of them",
  async (region) => {
    const here = createClient(system, { region });
    const there = createClient(system, { region, endpoint: second.url });
    const { KeyId = "" } = await here.CreateKey({ Alias: newAlias() });
    const encrypt = async (kms: Kms): Promise<string> => {
      const Plaintext = base64("a secret");
      const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
      return CiphertextBlob;
    };
    const blobs = new Map<string, string>();
    const startedMs = performance.now();
    while (blobs.size < 4) {
      for (const kms of [here, there]) {
        const blob = await encrypt(kms);
        blobs.set(branchOf(blob), blob);
      }
      if (performance.now() - startedMs > 45_000) throw new Error(`${blobs.size} branch keys only`);
      await sleep(50);
    }

    for (const blob of blobs.values()) {
      for (const kms of [here, there]) {
        expect((await kms.Decrypt({ CiphertextBlob: blob })).Plaintext).toBe(base64("a secret"));
      }
    }
    const [oldest = ""] = blobs.values();
    const moved = await there.ReEncrypt({ CiphertextBlob: oldest });
    expect(branchOf(moved.CiphertextBlob ?? "")).not.toBe(branchOf(oldest));
    const { Plaintext } = await here.Decrypt({ CiphertextBlob: moved.CiphertextBlob ?? "" });
    expect(Plaintext).toBe(base64("a secret"));

    const operator = bridgeClient(system, "operator");
    const { entries } = await operator.call("readLog", { afterSeq: 0, limit: 1000 });
    operator.close();
    const turns = entries
      .filter(({ event, details }) => event === "branch-created" && details.keyId === KeyId)
      .map(({ details }) => details.turn);
    // In order, and none for the leases that only decrypt.
    expect(turns).toEqual(turns.map((_, n) => n));
    const leases = entries.filter(
      ({ event, details }) =>
        event === "branch-leased" && details.keyId === KeyId && details.purpose === "encrypt",
    );
    expect(turns.length).toBeLessThanOrEqual(Math.ceil(leases.length / 2));
  },
  90_000,
);
