/** Load over HTTP with autocannon: many distinct requests, signed beforehand, every answer checked. */

import autocannon from "autocannon";

export type PreparedRequest = {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type LoadFigures = {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** Runs for `seconds`; throws when any answer is an error of HTTP or of the API. */
export async function load(
  url: string,
  requests: readonly PreparedRequest[],
  connections: number,
  seconds: number,
): Promise<LoadFigures> {
  // The tool's own histogram counts whole milliseconds; most answers take less than one.
  const latencies: number[] = [];
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(
      {
        url,
        connections,
        duration: seconds,
        requests: requests.map((request) => ({ ...request, headers: { ...request.headers } })),
        verifyBody: (body) => !String(body).includes('"Error"'),
      },
      (error, done) => (error ? reject(error) : resolve(done)),
    );
    running.on("response", (_client, _status, _bytes, responseTimeMs) => {
      latencies.push(responseTimeMs);
    });
  });
  const bad = result.errors + result.timeouts + result.non2xx + result.mismatches;
  if (bad > 0) throw new Error(`${bad} of ${result.requests.total} answers were errors`);
  return {
    requestsPerSecond: result.requests.total / result.duration,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

export function quantile(values: number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
