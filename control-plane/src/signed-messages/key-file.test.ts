import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureSigningKey } from "./key-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edge-kms-key-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("makes the key once, closed to others, with its public half beside it", () => {
  const first = ensureSigningKey(folder, "some");
  expect(ensureSigningKey(folder, "some").publicKey).toBe(first.publicKey);
  expect(statSync(join(folder, "some.key")).mode & 0o777).toBe(0o600);
  const written = readFileSync(join(folder, "some.pub"), "utf8");
  expect(written).toBe(`${first.publicKey}\n`);
  expect(Buffer.from(first.publicKey, "base64")).toHaveLength(32);
});

test("refuses a damaged key instead of making another", () => {
  writeFileSync(join(folder, "some.key"), "damaged");
  expect(() => ensureSigningKey(folder, "some")).toThrow("restore it from a backup");
});
