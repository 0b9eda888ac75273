// The ratios that the README promises, computed from one run's rows.

import type { Row } from "./main.ts";

interface Promised {
  readonly subject: string;
  readonly bytes: number;
  readonly implementation: string;
  readonly rival: string;
  /** Runtime of ours and of the rival's row. */
  readonly runtime: Row["runtime"];
  readonly atLeast: number;
}

export const PROMISED: readonly Promised[] = [
  promised("aes-256-gcm", 65_536, "wasm-core relaxed", "@noble/ciphers", "node", 7.5),
  promised("aes-256-gcm", 65_536, "wasm-core plain", "@noble/ciphers", "node", 4.8),
  promised("sm4-gcm", 65_536, "wasm-core relaxed", "sm-crypto-v2", "node", 13),
  promised("sm4-gcm", 65_536, "wasm-core relaxed", "node:crypto sm4-ctr", "node", 4.2),
  promised("aes-256-gcm", 32, "wasm-core relaxed, in wasm", "WebCrypto", "workerd", 12),
  promised("suite1", 32, "wasm-core relaxed", "WebCrypto", "workerd", 8),
  promised("sha256", 65_536, "wasm-core relaxed", "@noble/hashes", "node", 2.2),
  promised("hmac-sha256", 300, "wasm-core relaxed", "WebCrypto", "workerd", 1.9),
];

function promised(
  subject: string,
  bytes: number,
  implementation: string,
  rival: string,
  runtime: Row["runtime"],
  atLeast: number,
): Promised {
  return { subject, bytes, implementation, rival, runtime, atLeast };
}

export function promises(rows: readonly Row[]): string[] {
  return PROMISED.map((one) => {
    const time = (implementation: string) =>
      rows.find(
        (row) =>
          row.subject === one.subject &&
          row.bytes === one.bytes &&
          row.runtime === one.runtime &&
          row.implementation === implementation,
      )?.nsPerOp;
    const ours = time(one.implementation);
    const theirs = time(one.rival);
    const what = `${one.subject} ${one.bytes} B, ${one.implementation} against ${one.rival} in ${one.runtime}`;
    if (ours === undefined || theirs === undefined) return `${what}: not measured`;
    const ratio = theirs / ours;
    const verdict = ratio >= one.atLeast ? "holds" : "MISSED";
    return `${what}: ${ratio.toFixed(2)} x, promised ${one.atLeast} x: ${verdict}`;
  });
}
