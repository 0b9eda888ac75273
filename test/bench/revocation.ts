/**
 * How long a revocation takes (promise P2): from the answer of DisableKey to the last Encrypt that any edge still answered, and to the
 * first refusal of the last edge to refuse. Every edge is a workerd of its own and is asked without pause by one caller.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { base64, createClient, type Kms, newAlias } from "../src/support/client.ts";
import { type ExtraEdge, startExtraEdge } from "../src/support/extra-edge.ts";
import { discard, startSystem } from "../src/support/system.ts";
import { quantile } from "./load.ts";

export type RevocationRow = {
  readonly edges: number;
  readonly revocations: number;
  /** After DisableKey was answered; 0 when no edge answered any more. */
  readonly lastAnswer: Spread;
  readonly firstRefusal: Spread;
};

type Spread = { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };

/** Between two calls of a caller: the edges share the machine with everything else. */
const pauseMs = 3;

/** Revokes so many times with so many edges, master keys where the launcher puts them by default. */
export async function benchRevocation(edges: number, revocations: number): Promise<RevocationRow> {
  const system = await startSystem({ store: "auto" });
  const extra: ExtraEdge[] = [];
  try {
    for (let n = 1; n < edges; n++) extra.push(await startExtraEdge(system, `bench-${n}`));
    const kms = createClient(system, { door: "control plane" });
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    const callers = [createClient(system)].concat(
      extra.map(({ url }) => createClient(system, { endpoint: url })),
    );
    const lastAnswers: number[] = [];
    const refusals: number[] = [];
    for (let round = 0; round < revocations; round++) {
      await Promise.all(callers.map((caller) => untilServed(caller, KeyId)));
      const watched = callers.map((caller) => watch(caller, KeyId));
      await sleep(20);
      await kms.DisableKey({ KeyId });
      const answeredMs = performance.now();
      const seen = await Promise.all(watched);
      lastAnswers.push(Math.max(...seen.map(({ lastAnswerMs }) => lastAnswerMs - answeredMs), 0));
      refusals.push(Math.max(...seen.map(({ refusedMs }) => refusedMs - answeredMs), 0));
      await kms.EnableKey({ KeyId });
    }
    return {
      edges,
      revocations,
      lastAnswer: spreadOf(lastAnswers),
      firstRefusal: spreadOf(refusals),
    };
  } finally {
    for (const edge of extra) await edge.discard();
    await discard(system);
  }
}

const spreadOf = (values: number[]): Spread => ({
  p50Ms: quantile(values, 0.5),
  p99Ms: quantile(values, 0.99),
  maxMs: Math.max(...values),
});

/** The code of the refusal, or null when the call was answered. */
async function encrypt(kms: Kms, KeyId: string): Promise<string | null> {
  try {
    await kms.Encrypt({ KeyId, Plaintext: base64(crypto.randomUUID()) });
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? "no answer";
  }
}

async function untilServed(kms: Kms, KeyId: string): Promise<void> {
  while ((await encrypt(kms, KeyId)) !== null) await sleep(10);
}

/** Calls until the key is refused as disabled; anything else that is no answer makes the figure worthless. */
async function watch(
  kms: Kms,
  KeyId: string,
): Promise<{ lastAnswerMs: number; refusedMs: number }> {
  let lastAnswerMs = 0;
  for (;;) {
    const code = await encrypt(kms, KeyId);
    const nowMs = performance.now();
    if (code === "ResourceUnavailable.CmkDisabled") return { lastAnswerMs, refusedMs: nowMs };
    if (code !== null) throw new Error(`an edge answered ${code}`);
    lastAnswerMs = nowMs;
    await sleep(pauseMs);
  }
}
