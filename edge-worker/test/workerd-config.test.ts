import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMPATIBILITY_DATE, type WorkerdConfig, workerdConfig } from "../node/index.ts";

const config: WorkerdConfig = {
  bundle: "../dist",
  listen: "127.0.0.1:8787",
  controlPlane: "127.0.0.1:8788",
  storage: "/var/lib/edge",
  edgeId: "edge-1",
  edgeGroup: "default",
  signingKey: { file: "signing.key" },
  bridgePublicKey: "bridge",
  controlPlanePublicKey: "control",
  regions: [{ name: "ap-singapore", suite: "AES_256" }],
};

test("secrets are named, not written", () => {
  expect(workerdConfig(config)).toContain(
    '(name = "EDGE_SIGNING_KEY", text = embed "signing.key")',
  );
  const fromEnvironment = workerdConfig({ ...config, signingKey: { fromEnvironment: "KEY" } });
  expect(fromEnvironment).toContain('(name = "EDGE_SIGNING_KEY", fromEnvironment = "KEY")');
});

test("no value can leave its quotes", () => {
  expect(workerdConfig({ ...config, edgeId: 'a"), (b\\' })).toContain('text = "a\\"), (b\\\\"');
  expect(() => workerdConfig({ ...config, storage: "/a\nb" })).toThrow(RangeError);
});

test("the platform's configuration has the same runtime date", () => {
  const toml = readFileSync(new URL("../../wrangler.toml", import.meta.url), "utf8");
  expect(toml).toContain(`compatibility_date = "${COMPATIBILITY_DATE}"`);
});
