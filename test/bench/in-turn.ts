/** One call after the other, subject and rival in turn, so that whatever the machine does meets both. */

export type InTurn = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the rival. */
  readonly bareP50Ms: number;
};

const warmUp = 5;

export async function measureInTurn(
  subject: () => Promise<unknown>,
  rival: () => Promise<unknown>,
  calls: number,
): Promise<InTurn> {
  const own: number[] = [];
  const bare: number[] = [];
  for (let n = 0; n < calls + warmUp; n++) {
    const startedMs = performance.now();
    await subject();
    const betweenMs = performance.now();
    await rival();
    if (n < warmUp) continue;
    own.push(betweenMs - startedMs);
    bare.push(performance.now() - betweenMs);
  }
  return { p50Ms: quantile(own, 0.5), p99Ms: quantile(own, 0.99), bareP50Ms: quantile(bare, 0.5) };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
