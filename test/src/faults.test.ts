/**
 * Promises P2, P3, P4 and P6 while parts are killed, stopped, cut off, slowed and corrupted under clients that never stop: no wrong plaintext, no
 * answer beyond a lease, no answered call missing from the audit, no acknowledged write lost, and service again without a human.
 */

import { describe, expect, it } from "vitest";
import { type Fault, faults } from "./faults/faults.ts";
import { runFaults, tableHead, tableLine } from "./faults/run.ts";
import type { Store } from "./faults/world.ts";
import { nssModule, testStore } from "./support/system.ts";

const modules: { readonly store: Store; readonly faults: readonly Fault[] }[] = [
  { store: testStore, faults },
  ...(testStore === "pkcs11" && nssModule !== undefined
    ? [{ store: "nss" as const, faults: faults.filter(({ isAboutTheHsm }) => isAboutTheHsm) }]
    : []),
];

/** Comma-separated parts of names: only these faults. */
const only = process.env.EDGE_KMS_FAULTS?.split(",");
const isWanted = ({ name }: Fault): boolean => only?.some((part) => name.includes(part)) ?? true;

describe.each(modules)("with master keys in $store", ({ store, faults: all }) => {
  it("loses nothing to any fault, and serves again by itself", async () => {
    const left = all.filter(isWanted);
    const lines = ["", `Faults, master keys in ${store}:`, tableHead];
    const { rows, violations } = await runFaults({
      store,
      next: () => left.shift(),
      onRow: (row) => void lines.push(tableLine(row)),
    }).finally(() => process.stdout.write(`${lines.join("\n")}\n`));
    expect(violations).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  }, 600_000);
});
