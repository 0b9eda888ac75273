/**
 * What a call costs by where its branch key is: nowhere yet, with another edge only, or in the memory of the edge that is called; in
 * time, and in calls of the HSM, which the bridge counts.
 */

import { base64, createClient, type Kms, newAlias } from "../src/support/client.ts";
import { edgeKmsJson } from "../src/support/edge-kms.ts";
import { startExtraEdge } from "../src/support/extra-edge.ts";
import { bridgeClient } from "../src/support/spy-edge.ts";
import { discard, startSystem } from "../src/support/system.ts";
import { quantile } from "./load.ts";

export type TierRow = {
  readonly what: string;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the HSM, per call of a client. */
  readonly hsmCallsPerCall: number;
};

/** The row whose calls cost a lease each and nothing else. */
export const leaseOnly = "first use at another edge";

/** Refresh of leases, where the configuration says nothing else (control-plane README). */
export const refreshSeconds = 60;

/** Measures so many calls of each tier; master keys where the launcher puts them by default. */
export async function benchTiers(calls: number, report: (row: TierRow) => void): Promise<void> {
  const system = await startSystem({ store: "auto" });
  const operator = bridgeClient(system, "operator");
  const second = await startExtraEdge(system, "second");
  try {
    const [here, there] = [createClient(system), createClient(system, { endpoint: second.url })];
    const management = createClient(system, { door: "control plane" });
    for (const kms of [here, there]) await kms.GenerateRandom({ NumberOfBytes: 8 });
    const keyIds: string[] = [];
    // As many as an account may have, less what was there before.
    for (let n = 0; n < Math.min(calls, 150); n++) {
      keyIds.push((await management.CreateKey({ Alias: newAlias() })).KeyId ?? "");
    }
    const [warm = ""] = keyIds;
    const encrypt = (kms: Kms, KeyId: string) =>
      kms.Encrypt({ KeyId, Plaintext: base64(crypto.randomUUID()) });
    const measure = async (what: string, each: readonly (() => Promise<unknown>)[]) => {
      const { total: before } = await operator.call("storeCalls", {});
      const tookMs: number[] = [];
      for (const call of each) {
        const startedMs = performance.now();
        await call();
        tookMs.push(performance.now() - startedMs);
      }
      const { total } = await operator.call("storeCalls", {});
      report({
        what,
        calls: each.length,
        p50Ms: quantile(tookMs, 0.5),
        p99Ms: quantile(tookMs, 0.99),
        hsmCallsPerCall: (total - before) / each.length,
      });
    };
    const onEach = (kms: Kms) => keyIds.map((keyId) => () => encrypt(kms, keyId));
    await measure("first use of a key", onEach(here));
    await measure(leaseOnly, onEach(there));
    const warmCalls = Array.from({ length: calls }, () => () => encrypt(here, warm));
    await measure("warm", warmCalls);
    await edgeKmsJson(system, ["key", "edge-settings", warm, "--mode", "proxy"]);
    // Until the edge has heard of it, which shows in the HSM being asked.
    const { total: before } = await operator.call("storeCalls", {});
    do await encrypt(here, warm);
    while ((await operator.call("storeCalls", {})).total === before);
    await measure("in the bridge (mode proxy)", warmCalls);
  } finally {
    operator.close();
    await second.discard();
    await discard(system);
  }
}
