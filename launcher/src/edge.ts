/** The local edge: its enrolled key and its workerd process. */

import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleDirectory, type WorkerdConfig, workerdConfig } from "@edge-kms/edge-worker/node";
import type { Home } from "./home.ts";
import { writePrivateFile } from "./home.ts";
import { endWithParent, type PartCommand } from "./part.ts";
import { StartError } from "./start-error.ts";

export const EDGE_ID = "local";
export const EDGE_GROUP = "default";
const SIGNING_KEY_FILE = "signing.key";

export type EdgeKey = {
  /** PKCS#8, base64: the secret binding of the worker. */
  readonly privateKey: string;
  /** Ed25519, raw 32 bytes, base64: what is enrolled. */
  readonly publicKey: string;
};

/** Reads the edge's signing key, or makes it. */
export function ensureEdgeKey(home: Home): EdgeKey {
  const path = join(home.edge, SIGNING_KEY_FILE);
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync("ed25519");
    const der = privateKey.export({ type: "pkcs8", format: "der" });
    // Nothing but the key: workerd takes the whole file as the value of the binding.
    writePrivateFile(path, der.toString("base64"));
    der.fill(0);
  }
  const privateKey = readFileSync(path, "utf8").trim();
  try {
    const key = createPrivateKey({
      key: Buffer.from(privateKey, "base64"),
      type: "pkcs8",
      format: "der",
    });
    const { x } = createPublicKey(key).export({ format: "jwk" });
    return { privateKey, publicKey: Buffer.from(x ?? "", "base64url").toString("base64") };
  } catch {
    throw new StartError(`${path} is no Ed25519 key. Restore it from a backup.`);
  }
}

export type EdgeSettings = Pick<
  WorkerdConfig,
  "listen" | "controlPlane" | "bridgePublicKey" | "controlPlanePublicKey" | "regions"
>;

/** The worker's process, and workerd's configuration for it. */
export function edgePart(home: Home, url: string, settings: EdgeSettings): PartCommand {
  const configFile = join(home.edge, "workerd.capnp");
  const storage = join(home.edge, "storage");
  mkdirSync(storage, { recursive: true, mode: 0o700 });
  const configuration = workerdConfig({
    ...settings,
    bundle: relative(realpathSync(home.edge), realpathSync(bundleDirectory)),
    storage,
    edgeId: EDGE_ID,
    edgeGroup: EDGE_GROUP,
    signingKey: { file: SIGNING_KEY_FILE },
  });
  writePrivateFile(configFile, configuration);
  const workerd = createRequire(import.meta.url).resolve("workerd/bin/workerd");
  const [command = "", ...args] = [
    ...endWithParent("TERM"),
    workerd,
    ...["serve", configFile, "--experimental"],
  ];
  return {
    name: "edge",
    command,
    args,
    env: { PATH: process.env.PATH, TZ: "UTC" },
    logFile: join(home.logs, "edge.log"),
    speaksIpc: false,
    stopSignal: "SIGTERM",
    probe: async (signal) => {
      while (!signal.aborted) {
        const healthy = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1000) }).then(
          (response) => response.ok,
          () => false,
        );
        if (healthy) return;
        await sleep(50);
      }
    },
  };
}
