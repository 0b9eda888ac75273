/** Which key store a home uses: chosen when the home is made, kept for its life. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LauncherConfig } from "./config.ts";
import type { Home, HomeRecord } from "./home.ts";
import { StartError } from "./start-error.ts";

/** Where Debian, Ubuntu and Fedora put SoftHSM's module. */
const softhsmModules = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
];

export const TOKEN_LABEL = "edge-kms";

export type StoreChoice = {
  readonly kind: HomeRecord["store"];
  /** Path of the PKCS#11 module; empty for the software store. */
  readonly module: string;
  /** What to tell the person at the terminal about the choice. */
  readonly reason: string;
};

type Availability = { readonly module: string } | { readonly missing: string };

/** Can this machine talk to a PKCS#11 module, and to which? */
function pkcs11(config: LauncherConfig): Availability {
  const module = config.pkcs11Module ?? softhsmModules.find(existsSync);
  if (!module) return { missing: "SoftHSM is not installed (Debian: apt-get install softhsm2)" };
  if (!existsSync(module)) return { missing: `there is no PKCS#11 module at ${module}` };
  try {
    createRequire(import.meta.resolve("@edge-kms/hsm-bridge")).resolve(
      "pkcs11js/build/Release/pkcs11.node",
    );
  } catch {
    return {
      missing:
        `${module} is there, but the addon pkcs11js was not built when packages were installed: it needs python3, make, ` +
        "g++ and Node's headers (Debian: build-essential python3 libnode-dev); after installing them delete node_modules and start again",
    };
  }
  return { module };
}

/** The store for a new home, or the recorded one of an old home. Throws {@link StartError} when they do not agree. */
export function chooseStore(
  config: LauncherConfig,
  recorded: HomeRecord["store"] | null,
): StoreChoice {
  if (recorded && config.store !== "auto" && config.store !== recorded) {
    throw new StartError(
      `The home ${config.home} was made with the ${recorded} store and does not start with ${config.store}; use another EDGE_KMS_HOME.`,
    );
  }
  const wanted = recorded ?? config.store;
  if (wanted === "software") {
    return {
      kind: "software",
      module: "",
      reason: recorded ? "as this home was made" : "as configured",
    };
  }
  const available = pkcs11(config);
  if ("module" in available)
    return { kind: "pkcs11", module: available.module, reason: available.module };
  if (wanted === "pkcs11") {
    throw new StartError(
      recorded
        ? `The home ${config.home} was made with the pkcs11 store, and ${available.missing}.`
        : `The pkcs11 store was asked for, but ${available.missing}.`,
    );
  }
  return { kind: "software", module: "", reason: `because ${available.missing}` };
}

/** Environment and files with which SoftHSM keeps its tokens inside the home. */
export function softhsmEnvironment(home: Home): Record<string, string> {
  const tokens = join(home.tokens, "softhsm");
  const conf = join(home.tokens, "softhsm2.conf");
  mkdirSync(tokens, { recursive: true, mode: 0o700 });
  writeFileSync(
    conf,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`,
    { mode: 0o600 },
  );
  return { SOFTHSM2_CONF: conf };
}

/** Where the token's PINs are: the user's, and the security officer's. */
export function pinFiles(home: Home): { readonly pinFile: string; readonly soPinFile: string } {
  return { pinFile: join(home.tokens, "pin"), soPinFile: join(home.tokens, "so-pin") };
}

/** Makes the home's token and its PINs; finds them when an earlier start made them. In a process of its own, as the module demands. */
export function makeToken(home: Home, store: StoreChoice): void {
  const { pinFile, soPinFile } = pinFiles(home);
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      fileURLToPath(new URL("main.ts", import.meta.resolve("@edge-kms/hsm-bridge"))),
      "init-token",
      ...["--home", home.root, "--pkcs11-module", store.module, "--token-label", TOKEN_LABEL],
      ...["--pin-file", pinFile, "--so-pin-file", soPinFile],
    ],
    { encoding: "utf8", env: { ...process.env, ...softhsmEnvironment(home) } },
  );
  if (status !== 0) {
    throw new StartError(`The token could not be made: ${stderr.trim().split("\n").at(-1)}`);
  }
}
