import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { checkEnvironment } from "./bindings.ts";

const key = (bytes: number): string => randomBytes(bytes).toString("base64");

const environment = {
  EDGE_ID: "edge-1",
  EDGE_GROUP: "default",
  EDGE_SIGNING_KEY: `${key(48)}\n`,
  BRIDGE_PUBLIC_KEY: key(32),
  CONTROL_PLANE_PUBLIC_KEY: key(32),
  CONTROL_PLANE: { fetch: () => undefined },
  REGIONS: '[{"name":"ap-singapore","suite":"AES_256"},{"name":"ap-guangzhou","suite":"SM4"}]',
  EDGE_INSTANCE: { idFromName: () => undefined },
};

test("an environment is read into what the worker needs", () => {
  const bindings = checkEnvironment(environment);
  expect(bindings.defaultRegion).toEqual({ name: "ap-singapore", suite: 1 });
  expect(bindings.regions.get("ap-guangzhou")).toEqual({ name: "ap-guangzhou", suite: 2 });
  expect(bindings.clientAddressHeader).toBe(null);
  expect(bindings.signatureReuseMs).toBe(5_000);
});

test("regions come as JSON text or as JSON", () => {
  const REGIONS = JSON.parse(environment.REGIONS) as unknown;
  expect(checkEnvironment({ ...environment, REGIONS }).defaultRegion.name).toBe("ap-singapore");
});

test.each([
  ["EDGE_ID", ""],
  ["EDGE_ID", "Edge_1"],
  ["EDGE_GROUP", undefined],
  ["EDGE_SIGNING_KEY", key(32)],
  ["EDGE_SIGNING_KEY", undefined],
  ["BRIDGE_PUBLIC_KEY", key(31)],
  ["BRIDGE_PUBLIC_KEY", "no base64"],
  ["CONTROL_PLANE_PUBLIC_KEY", ""],
  ["CONTROL_PLANE", "http://127.0.0.1"],
  ["REGIONS", "[]"],
  ["REGIONS", "no json"],
  ["REGIONS", '[{"name":"ap-singapore","suite":"DES"}]'],
  ["REGIONS", '[{"name":"a-b","suite":"SM4"},{"name":"a-b","suite":"SM4"}]'],
  ["CLIENT_ADDRESS_HEADER", "x y"],
  ["SIGNATURE_REUSE_MS", "5001"],
  ["EDGE_INSTANCE", undefined],
])("%s = %j is refused by name, without its value", (binding, value) => {
  const check = () => checkEnvironment({ ...environment, [binding]: value });
  expect(check).toThrow(`the binding ${binding} is missing or malformed`);
});

test.each([
  ["https://kms.example/base/", "https://kms.example/base"],
  ["https://kms.example", "https://kms.example"],
  ["http://kms.example", null],
  ["https://kms.example/?x", null],
  ["kms.example", null],
])("without a service binding CONTROL_PLANE_URL = %s", (CONTROL_PLANE_URL, expected) => {
  const { CONTROL_PLANE: _, ...rest } = environment;
  const check = () => checkEnvironment({ ...rest, CONTROL_PLANE_URL }).controlPlaneUrl;
  if (expected === null) expect(check).toThrow("CONTROL_PLANE_URL");
  else expect(check()).toBe(expected);
});
