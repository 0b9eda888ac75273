import type { LeasedKey } from "@edge-kms/protocol";
import { loadCore } from "@edge-kms/wasm-core/node";
import { expect, test } from "vitest";
import type { KeyLoan } from "../instance/messages.ts";
import { OpenKeys } from "./open-keys.ts";

const core = await loadCore();
const NOW = 1_000_000;

const keyOf = (keyId: string): LeasedKey => ({
  purpose: "encrypt",
  account: "1",
  region: "ap-singapore",
  keyId,
});

const loanOf = (leaseId: string, changes: Partial<KeyLoan> = {}): KeyLoan => ({
  leaseId,
  version: 1,
  branch: "00".repeat(8),
  suite: 1,
  group: "default",
  epoch: { generation: 1, counter: 1 },
  store: "software",
  refreshAtMs: NOW + 60_000,
  expiresAtMs: NOW + 180_000,
  sealed: { enc: new Uint8Array(0), ciphertext: new Uint8Array(0) },
  ...changes,
});

const bytes = new Uint8Array(32).fill(1);

test("a key is found for encryption and for decryption of its own branch, and for nothing else", () => {
  const keys = new OpenKeys(core, "default");
  keys.add(keyOf("a"), loanOf("lease"), bytes);
  const decrypt: LeasedKey = {
    ...keyOf("a"),
    purpose: "decrypt",
    version: 1,
    branch: "00".repeat(8),
    suite: 1,
  };
  const open = keys.find(keyOf("a"), NOW);
  expect(open?.leaseId).toBe("lease");
  expect(keys.find(decrypt, NOW)).toBe(open);
  for (const other of [
    keyOf("b"),
    { ...keyOf("a"), account: "2" },
    { ...keyOf("a"), region: "ap-guangzhou" },
    { ...decrypt, version: 2 },
    { ...decrypt, branch: "11".repeat(8) },
    { ...decrypt, suite: 2 as const },
  ]) {
    expect(keys.find(other, NOW)).toBe(null);
  }
});

test("a key that was leased for decryption does not encrypt", () => {
  const keys = new OpenKeys(core, "default");
  keys.add(
    { ...keyOf("a"), purpose: "decrypt", version: 1, branch: "00".repeat(8), suite: 1 },
    loanOf("lease"),
    bytes,
  );
  expect(keys.find(keyOf("a"), NOW)).toBe(null);
});

test("an expired key is released, whether it is asked for or not", () => {
  const keys = new OpenKeys(core, "default");
  keys.add(keyOf("a"), loanOf("one"), bytes);
  keys.add(keyOf("b"), loanOf("two"), bytes);
  const open = keys.find(keyOf("a"), NOW);
  expect(keys.find(keyOf("a"), NOW + 180_000)).toBe(null);
  expect(keys.size).toBe(0);
  expect(() => open?.suiteKey.encrypt(new Uint8Array(24), bytes, bytes)).toThrow("released");
});

test("a newer epoch releases what it voids, an older one is not believed", () => {
  const keys = new OpenKeys(core, "default");
  keys.add(keyOf("a"), loanOf("one"), bytes);
  keys.raiseEpochs([["2", { generation: 9, counter: 9 }]]);
  expect(keys.size).toBe(1);
  keys.raiseEpochs([["1", { generation: 1, counter: 2 }]]);
  expect(keys.size).toBe(0);
  keys.raiseEpochs([["1", { generation: 1, counter: 1 }]]);
  keys.add(keyOf("a"), loanOf("late"), bytes);
  expect(keys.find(keyOf("a"), NOW)).toBe(null);
});

test("the least recently used key makes room", () => {
  const keys = new OpenKeys(core, "default", 2);
  keys.add(keyOf("a"), loanOf("one"), bytes);
  keys.add(keyOf("b"), loanOf("two"), bytes);
  keys.find(keyOf("a"), NOW);
  keys.add(keyOf("c"), loanOf("three"), bytes);
  expect(keys.find(keyOf("b"), NOW)).toBe(null);
  expect(keys.find(keyOf("a"), NOW)?.leaseId).toBe("one");
  expect(keys.find(keyOf("c"), NOW)?.leaseId).toBe("three");
});

test("a branch key of another group is a fault", () => {
  const keys = new OpenKeys(core, "default");
  expect(() => keys.add(keyOf("a"), loanOf("one", { group: "other" }), bytes)).toThrow(RangeError);
});
