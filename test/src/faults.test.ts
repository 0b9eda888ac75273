/**
 * Promises P2, P3, P4 and P6 while parts are killed, stopped, cut off, slowed and corrupted under clients that never stop: no wrong
 * plaintext, no answer beyond a lease, no answered call missing from the audit, no acknowledged write lost, and service again without a
 * human. `EDGE_KMS_SOAK_SECONDS` has faults come at random for so long; `EDGE_KMS_FAULTS` names the only ones to run, by parts of their
 * names, with commas between.
 */

import { NSS_MODULE } from "@edge-kms/hsm-bridge/testing/modules";
import { describe, expect, it } from "vitest";
import { type Fault, faults, tokenFaults } from "./faults/faults.ts";
import { runFaults, tableHead, tableLine, tableRule } from "./faults/run.ts";
import type { Store } from "./faults/world.ts";
import { testStore } from "./support/system.ts";

const names = process.env.EDGE_KMS_FAULTS?.split(",");
const soakSeconds = Number(process.env.EDGE_KMS_SOAK_SECONDS ?? 0);

const isWanted = ({ name, isRare }: Fault): boolean =>
  names?.some((part) => name.includes(part)) ?? !isRare;

type Module = {
  readonly store: Store;
  /** Each comes once. */
  readonly wanted: readonly Fault[];
  /** Of a soak. */
  readonly possible: readonly Fault[];
};
const modules: readonly Module[] = [
  { store: testStore, wanted: faults.filter(isWanted), possible: faults },
  ...(testStore === "pkcs11" && NSS_MODULE !== null
    ? [
        {
          store: "nss" as const,
          wanted: faults.filter((fault) => fault.isAboutTheHsm && isWanted(fault)),
          possible: faults,
        },
        {
          store: "two tokens" as const,
          wanted: tokenFaults.filter(isWanted),
          possible: [...faults, ...tokenFaults],
        },
      ]
    : []),
];

/** Each once; or, in a soak, any of them until its time has passed. */
function order({ wanted, possible }: Module): () => Fault | undefined {
  const left = [...wanted];
  if (soakSeconds === 0) return () => left.shift();
  let endMs: number | null = null;
  return () => {
    // From the first one: the system takes its time to start.
    endMs ??= performance.now() + (soakSeconds * 1000) / modules.length;
    return performance.now() < endMs
      ? possible[Math.floor(Math.random() * possible.length)]
      : undefined;
  };
}

describe.each(modules)("with master keys in $store", (module) => {
  it("loses nothing to any fault, and serves again by itself", {
    timeout: 600_000 + 1000 * soakSeconds,
  }, async () => {
    const { store } = module;
    const lines = [`\nFaults, master keys in ${store}:\n`, tableHead, tableRule];
    const onRow = (row: Parameters<typeof tableLine>[0]) => void lines.push(tableLine(row));
    try {
      const { violations } = await runFaults({ store, next: order(module), onRow });
      expect(violations).toEqual([]);
      expect(lines.length).toBeGreaterThan(3);
    } finally {
      process.stdout.write(`${lines.join("\n")}\n`);
    }
  });
});
