/**
 * Leases per second, client and bridge in one process: `node hsm-bridge/bench/leases.ts` (EDGE_KMS_NO_HSM=1 without a
 * token). Each row: concurrent callers, keys in a request, leases per second, latency of a request.
 */

import { randomUUID } from "node:crypto";
import { cpus } from "node:os";
import { encryptWith, TestBridge } from "../src/testing/bridge.ts";
import { TestEdge } from "../src/testing/edge.ts";
import { storeBackends } from "../src/testing/stores.ts";

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`);
for (const backend of storeBackends) {
  const bridge = await TestBridge.start(backend);
  const edge = await TestEdge.make("edge-1");
  await bridge.enroll(edge);
  const keyIds = Array.from({ length: 20 }, () => randomUUID());
  for (const keyId of keyIds) await bridge.createKey(keyId);
  const lease = async (count: number): Promise<void> => {
    const keys = keyIds.slice(0, count);
    const request = edge.leaseRequest(keys.map((keyId) => encryptWith(keyId)));
    const results = await bridge.lease(
      request,
      {},
      keys.map((_, index) => index),
    );
    if (results.some((result) => !("grant" in result))) throw new Error("a lease was refused");
  };
  await lease(20);
  for (const [callers, keys, requests] of [
    [1, 1, 1000],
    [16, 1, 2000],
    [16, 20, 200],
  ] as const) {
    const latencies: number[] = [];
    const startMs = performance.now();
    let left = requests;
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (left-- > 0) {
          const sentMs = performance.now();
          await lease(keys);
          latencies.push(performance.now() - sentMs);
        }
      }),
    );
    const seconds = (performance.now() - startMs) / 1000;
    latencies.sort((a, b) => a - b);
    const at = (share: number): string =>
      (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(1);
    console.log(
      `${backend.name}: ${callers} callers, ${keys} keys: ${Math.round((requests * keys) / seconds)} leases/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    );
  }
  await bridge.remove();
}
