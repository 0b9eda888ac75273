/** Builds the bundle that the tests run, once per run, in a folder of its own: `dist` may be in use meanwhile. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the tests find it. */
export const BUNDLE_VARIABLE = "EDGE_KMS_TEST_BUNDLE";

export function setup(): () => void {
  const bundle = mkdtempSync(join(tmpdir(), "edge-kms-bundle-"));
  const script = fileURLToPath(new URL("../../build.mjs", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, bundle], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the worker does not build:\n${stderr}`);
  process.env[BUNDLE_VARIABLE] = bundle;
  return () => rmSync(bundle, { recursive: true, force: true });
}
