import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readBootstrap } from "./bootstrap.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "edge-kms-bootstrap-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const good = {
  account: "100000000001",
  appId: 1250000001,
  uin: "100000000001",
  secretId: `AKID${"a".repeat(32)}`,
  sealed: "c2VhbGVk",
};

test("reads the file, and has none where there is none", () => {
  expect(readBootstrap(home)).toBeNull();
  writeFileSync(join(home, "bootstrap.json"), JSON.stringify(good));
  expect(readBootstrap(home)).toEqual(good);
});

test("refuses a file that brings a SecretKey along, and tells no value of it", () => {
  const secretKey = "x".repeat(32);
  writeFileSync(join(home, "bootstrap.json"), JSON.stringify({ ...good, secretKey }));
  expect(() => readBootstrap(home)).toThrow("not of the expected form");
  expect(() => readBootstrap(home)).not.toThrow(secretKey);
});
