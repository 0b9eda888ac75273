/** Edges beside the one that the launcher runs: enrolled by the operator, each a workerd of its own. */

import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forwardingKeyName } from "@edge-kms/control-plane";
import { bundleDirectory, workerdConfig } from "@edge-kms/edge-worker/node";
import type { BridgeClient } from "@edge-kms/hsm-bridge";
import { freePorts, type System } from "./system.ts";

export type MoreEdge = {
  /** `http://host:port` of its door. */
  readonly url: string;
  stop(): Promise<void>;
};

export type MoreEdgeOptions = {
  readonly edge: string;
  readonly group: string;
  readonly account: string;
};

const regions = [
  { name: "ap-singapore", suite: "AES_256" },
  { name: "ap-guangzhou", suite: "SM4" },
] as const;

/** Enrols an edge with a fresh key and starts it. */
export async function startEdge(
  system: System,
  operator: BridgeClient,
  { edge, group, account }: MoreEdgeOptions,
): Promise<MoreEdge> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x } = publicKey.export({ format: "jwk" });
  await operator.call("enrollEdge", {
    edge,
    publicKey: Buffer.from(x ?? "", "base64url").toString("base64"),
    accounts: [account],
    regions: regions.map(({ name }) => name),
    group,
  });
  const folder = mkdtempSync(join(tmpdir(), "edge-kms-more-"));
  const storage = join(folder, "storage");
  mkdirSync(storage);
  const listen = `127.0.0.1:${await freePorts()}`;
  const config = join(folder, "workerd.capnp");
  const { publicKey: bridgePublicKey } = await operator.call("status", {});
  writeFileSync(
    config,
    workerdConfig({
      bundle: relative(folder, bundleDirectory),
      listen,
      controlPlane: `127.0.0.1:${system.port + 1}`,
      storage,
      edgeId: edge,
      edgeGroup: group,
      signingKey: { fromEnvironment: "SIGNING_KEY" },
      bridgePublicKey,
      controlPlanePublicKey: readFileSync(
        join(system.home, "pki", `${forwardingKeyName}.pub`),
        "utf8",
      ).trim(),
      regions,
    }),
  );
  const require = createRequire(import.meta.resolve("@edge-kms/launcher/main"));
  const child = spawn(require.resolve("workerd/bin/workerd"), ["serve", "--experimental", config], {
    env: {
      SIGNING_KEY: privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
      TZ: "UTC",
    },
    stdio: "ignore",
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = `http://${listen}`;
  // The control plane reads the list of edges once a second; until then it does not know this one.
  while (!(await isConnected(url))) {
    if (child.exitCode !== null) throw new Error(`workerd of ${edge} ended`);
    await sleep(20);
  }
  return {
    url,
    async stop() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function isConnected(url: string): Promise<boolean> {
  const response = await fetch(`${url}/healthz`).catch(() => null);
  if (response?.ok !== true) return false;
  const { controlPlane } = (await response.json()) as { controlPlane: string };
  return controlPlane === "connected";
}
