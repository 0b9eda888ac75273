/** The two parts that are Node processes of ours: how they are started here. Their own settings stay their own. */

import { fileURLToPath } from "node:url";
import type { LauncherConfig } from "./config.ts";
import type { Home } from "./home.ts";
import type { PartCommand } from "./part.ts";
import { pinFiles, type StoreChoice, softhsmEnvironment, TOKEN_LABEL } from "./store.ts";

/** Path of a part's command line program. */
export function program(part: "hsm-bridge" | "control-plane"): string {
  return fileURLToPath(new URL("main.ts", import.meta.resolve(`@edge-kms/${part}`)));
}

export function bridgePart(
  config: LauncherConfig,
  home: Home,
  store: StoreChoice,
  listen: string,
): PartCommand {
  const token = [
    ...["--pkcs11-module", store.module],
    ...["--token-label", TOKEN_LABEL],
    ...["--pin-file", pinFiles(home).pinFile],
  ];
  return {
    name: "bridge",
    command: process.execPath,
    args: [
      program("hsm-bridge"),
      "serve",
      ...["--home", home.root, "--listen", listen, "--store", store.kind],
      ...(store.kind === "pkcs11" ? token : []),
      // On one machine root may be verified at the edge, unless config.json says otherwise (design §4).
      ...(config.leaseRootCredentials ? ["--lease-root-credentials"] : []),
    ],
    env: { ...process.env, ...softhsmEnvironment(home) },
    logFile: `${home.logs}/bridge.log`,
    speaksIpc: true,
    stopSignal: "SIGTERM",
  };
}

export type ControlPlaneAddresses = {
  readonly listen: string;
  readonly plainHttpBehindProxy: boolean;
  readonly databaseUrl: string;
  readonly bridgeUrl: string;
  readonly edgeUrl: string;
};

export function controlPlanePart(home: Home, addresses: ControlPlaneAddresses): PartCommand {
  const { listen, plainHttpBehindProxy, databaseUrl, bridgeUrl, edgeUrl } = addresses;
  return {
    name: "control plane",
    command: process.execPath,
    args: [
      program("control-plane"),
      "serve",
      ...[
        "--home",
        home.root,
        "--listen",
        listen,
        "--bridge-url",
        bridgeUrl,
        "--edge-url",
        edgeUrl,
      ],
    ],
    // Not an argument: the URL may have a password in it, and arguments are everybody's to read.
    env: {
      ...process.env,
      EDGE_KMS_DATABASE_URL: databaseUrl,
      EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY: plainHttpBehindProxy ? "1" : "0",
    },
    logFile: `${home.logs}/control-plane.log`,
    speaksIpc: true,
    stopSignal: "SIGTERM",
  };
}
