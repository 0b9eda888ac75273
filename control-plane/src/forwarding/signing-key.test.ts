import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureForwardingKey, forwardingKeyFile, forwardingPublicKeyFile } from "./signing-key.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edge-kms-key-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("makes the key once, closed to others, with its public half beside it", () => {
  const first = ensureForwardingKey(folder);
  expect(ensureForwardingKey(folder).publicKey).toBe(first.publicKey);
  expect(statSync(join(folder, forwardingKeyFile)).mode & 0o777).toBe(0o600);
  const written = readFileSync(join(folder, forwardingPublicKeyFile), "utf8");
  expect(written).toBe(`${first.publicKey}\n`);
  expect(Buffer.from(first.publicKey, "base64")).toHaveLength(32);
});

test("refuses a damaged key instead of making another", () => {
  writeFileSync(join(folder, forwardingKeyFile), "damaged");
  expect(() => ensureForwardingKey(folder)).toThrow("restore it from a backup");
});
