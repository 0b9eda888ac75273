import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError, checkSettings, readConfig } from "./config.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "edge-kms-config-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const writeFile = (controlPlane: unknown, more = {}) =>
  writeFileSync(join(home, "config.json"), JSON.stringify({ controlPlane, ...more }));

test("takes flags before environment before file before defaults", () => {
  writeFile({ listen: "127.0.0.1:1", databaseUrl: "postgresql://file", cmkQuota: 7 }, { port: 1 });
  const env = { EDGE_KMS_HOME: home, DATABASE_URL: "postgresql://env" };
  const config = readConfig(["--listen", "[::1]:3"], env, "/");
  expect(config.listen).toEqual({ host: "::1", port: 3 });
  expect(config.databaseUrl).toBe("postgresql://env");
  expect(config.cmkQuota).toBe(7);
  expect(config.bridgeUrl).toBe("https://127.0.0.1:8789");
  expect(config.regions.map(({ name, suite }) => `${name}:${suite}`)).toEqual([
    "ap-singapore:AES_256",
    "ap-guangzhou:SM4",
  ]);
});

test("EDGE_KMS_DATABASE_URL is nearer than DATABASE_URL", () => {
  const env = { EDGE_KMS_DATABASE_URL: "postgresql://near", DATABASE_URL: "postgresql://far" };
  expect(readConfig(["--home", home], env, "/").databaseUrl).toBe("postgresql://near");
});

test("takes several edges from flags and environment", () => {
  const flags = ["--home", home, "--database-url", "memory:", "--edge-url", "https://a"];
  expect(readConfig([...flags, "--edge-url", "https://b"], {}, "/").edgeUrls).toEqual([
    "https://a",
    "https://b",
  ]);
  const env = { EDGE_KMS_EDGE_URLS: "https://c,https://d" };
  expect(readConfig(flags.slice(0, 4), env, "/").edgeUrls).toEqual(["https://c", "https://d"]);
});

test("forwards the data plane by default, and never in production", () => {
  const database = { databaseUrl: "postgresql://x" };
  expect(checkSettings(home, database).forwardDataPlane).toBe(true);
  expect(checkSettings(home, { ...database, production: true }).forwardDataPlane).toBe(false);
  const both = { ...database, production: true, forwardDataPlane: true };
  expect(() => checkSettings(home, both)).toThrow("must not pass the control plane");
});

test.each([
  ["no database", {}],
  ["memory in production", { databaseUrl: "memory:", production: true }],
  ["an unknown setting", { databaseUrl: "memory:", colour: "blue" }],
  ["a bridge without TLS", { databaseUrl: "memory:", bridgeUrl: "http://127.0.0.1:1" }],
  ["a region twice", { databaseUrl: "memory:", regions: [region("a"), region("a")] }],
  ["no region", { databaseUrl: "memory:", regions: [] }],
  ["a rate of nothing", { databaseUrl: "memory:", callRates: { perAccount: 0 } }],
  ["a lease beyond 900 s", { databaseUrl: "memory:", keyLease: { expiresAfterMs: 900_001 } }],
  ["a port that is none", { databaseUrl: "memory:", listen: "127.0.0.1:99999" }],
])("refuses %s", (_name, settings) => {
  expect(() => checkSettings(home, settings)).toThrow(ConfigError);
});

test("keeps a database password out of the refusal", () => {
  const url = "mysql://user:hunter2@host/db";
  expect(() => checkSettings(home, { databaseUrl: url })).toThrow(ConfigError);
  expect(() => checkSettings(home, { databaseUrl: url })).not.toThrow(/hunter2/);
});

test.each([["not json"], ["[]"], ['{"controlPlane": 1}']])("refuses a file with %s", (text) => {
  writeFileSync(join(home, "config.json"), text);
  expect(() => readConfig(["--home", home], {}, "/")).toThrow("config.json");
});

test("refuses unknown flags", () => {
  expect(() => readConfig(["--colour", "blue"], {}, "/")).toThrow(ConfigError);
});

function region(name: string) {
  return { name: `ap-${name}`, suite: "SM4" };
}

test.each([
  ["a certificate without its key", { tlsCertificateFile: "a" }, "one of them is missing"],
  ["every address without TLS", { listen: "0.0.0.0:1" }, "0.0.0.0 is no loopback address"],
  ["a name without TLS", { listen: "127.0.0.1.example.test:1" }, "no loopback address"],
  ["an edge over plain http", { edgeUrls: ["http://edge.example.test"] }, "needs an https URL"],
])("refuses %s", (_name, settings, sentence) => {
  const check = () => checkSettings(home, { databaseUrl: "memory:", ...settings });
  expect(check).toThrow(ConfigError);
  expect(check).toThrow(sentence);
});

test.each([
  [{ listen: "[::1]:1", edgeUrls: ["http://[::1]:2", "http://127.0.0.2:3", "http://localhost"] }],
  [{ listen: "0.0.0.0:1", tlsCertificateFile: "a", tlsKeyFile: "b" }],
  [{ listen: "[::]:1", plainHttpBehindProxy: true, edgeUrls: ["http://edge.example.test"] }],
])("listens with TLS, on loopback, or behind a proxy: %j", (settings) => {
  expect(checkSettings(home, { databaseUrl: "memory:", ...settings })).toMatchObject({
    plainHttpBehindProxy: "plainHttpBehindProxy" in settings,
  });
});

test("the proxy in front is told by the environment, too", () => {
  const args = ["--home", home, "--database-url", "memory:", "--listen", "0.0.0.0:1"];
  const at = (word: string) => readConfig(args, { EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY: word }, "/");
  expect(at("1").plainHttpBehindProxy).toBe(true);
  expect(() => at("0")).toThrow("no loopback address");
  expect(() => at("yes")).toThrow("EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY must be 1 or 0");
});
