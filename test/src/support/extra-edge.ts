/** Further edges of a running system: enrolled by the operator, each a `workerd serve` of its own, as an edge elsewhere is. */

import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleDirectory, workerdConfig } from "@edge-kms/edge-worker/node";
import { bridgeClient } from "./spy-edge.ts";
import { freePort, type System } from "./system.ts";

export type ExtraEdge = {
  readonly name: string;
  readonly url: string;
  /** Folder of the edge instance's storage. */
  readonly storage: string;
  /** Starts it, or starts it again, and waits until it answers and holds its connection. */
  start(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Takes its storage away, as a lost machine does. Only while it is stopped. */
  loseStorage(): void;
  /** Stops it and removes its files. */
  discard(): Promise<void>;
};

export type ExtraEdgeOptions = {
  /** Where it reaches the control plane; its own port unless something stands between. */
  readonly controlPlanePort?: number;
  readonly group?: string;
};

const account = "100000000001";
const regions = [
  { name: "ap-singapore", suite: "AES_256" },
  { name: "ap-guangzhou", suite: "SM4" },
] as const;

/** Enrols an edge and starts it. */
export async function startExtraEdge(
  system: System,
  name: string,
  { controlPlanePort = system.port + 1, group = "default" }: ExtraEdgeOptions = {},
): Promise<ExtraEdge> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const operator = bridgeClient(system, "operator");
  await operator.call("enrollEdge", {
    edge: name,
    publicKey: Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString(
      "base64",
    ),
    accounts: [account],
    regions: regions.map((region) => region.name),
    group,
  });
  const { publicKey: bridgePublicKey } = await operator.call("status", {});
  operator.close();

  const folder = mkdtempSync(join(tmpdir(), "edge-kms-edge-"));
  const storage = join(folder, "storage");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const file = join(folder, "workerd.capnp");
  const keyFile = join(system.home, "pki", "control-plane-forwarding.pub");
  writeFileSync(
    file,
    workerdConfig({
      bundle: relative(folder, bundleDirectory),
      listen: `127.0.0.1:${port}`,
      controlPlane: `127.0.0.1:${controlPlanePort}`,
      storage,
      edgeId: name,
      edgeGroup: group,
      signingKey: { fromEnvironment: "EDGE_SIGNING_KEY" },
      bridgePublicKey,
      controlPlanePublicKey: readFileSync(keyFile, "utf8").trim(),
      regions,
    }),
  );
  const env = {
    EDGE_SIGNING_KEY: privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
    TZ: "UTC",
  };
  const workerd = createRequire(import.meta.resolve("@edge-kms/launcher/main")).resolve(
    "workerd/bin/workerd",
  );
  let child: ChildProcess | null = null;
  const stop: ExtraEdge["stop"] = async (signal = "SIGTERM") => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await ended;
  };
  const edge: ExtraEdge = {
    name,
    url,
    storage,
    async start() {
      mkdirSync(storage, { recursive: true });
      const started = spawn(workerd, ["serve", "--experimental", file], {
        env,
        stdio: process.env.EDGE_LOG ? "inherit" : "ignore",
      });
      child = started;
      while (!(await isConnected(url))) {
        if (started.exitCode !== null) throw new Error(`the edge ${name} ended`);
        await sleep(20);
      }
    },
    stop,
    loseStorage: () => rmSync(storage, { recursive: true, force: true }),
    async discard() {
      await stop("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await edge.start();
  return edge;
}

async function isConnected(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) });
    const { controlPlane } = (await response.json()) as { controlPlane: string };
    return controlPlane === "connected";
  } catch {
    return false;
  }
}
