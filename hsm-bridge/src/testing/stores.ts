/** The stores that the shared suites run over, each in a temporary directory of its own. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeyStore, StoreKind } from "../key-store.ts";
import { createLogger } from "../log.ts";
import { initToken, openPkcs11Store, type Pkcs11Store } from "../pkcs11/pkcs11-store.ts";
import { type Database, openDatabase } from "../registry/database.ts";
import { openReplicatedStore } from "../replicas/open.ts";
import type { Pkcs11Settings, SoftwareSettings } from "../settings.ts";
import { openSoftwareStore } from "../software/software-store.ts";
import { NSS_MODULE, SOFTHSM_MODULE } from "./modules.ts";

/** Long enough to be found if it leaked anywhere. */
export const TEST_PIN = "pin-3f1c94d2a7";

export const silentLogger = createLogger(
  () => {},
  () => {},
);

export interface PreparedStore {
  readonly settings: Pkcs11Settings | SoftwareSettings;
  /** Opens the same store again and again, one at a time. */
  open(): Promise<KeyStore>;
  remove(): Promise<void>;
}

export interface StoreBackend {
  readonly name: string;
  readonly kind: StoreKind;
  prepare(): Promise<PreparedStore>;
}

const software: StoreBackend = {
  name: "software",
  kind: "software",
  async prepare() {
    const directory = await mkdtemp(join(tmpdir(), "edge-kms-software-"));
    return {
      settings: { kind: "software", passphrase: null },
      open: () => openSoftwareStore({ directory, logger: silentLogger }),
      remove: () => rm(directory, { recursive: true, force: true }),
    };
  },
};

export interface PreparedToken extends PreparedStore {
  readonly settings: Pkcs11Settings;
  open(): Promise<Pkcs11Store>;
}

/** A SoftHSM token of its own. */
export async function prepareToken(tokenLabel = "edge-kms test"): Promise<PreparedToken> {
  const directory = await mkdtemp(join(tmpdir(), "edge-kms-softhsm-"));
  await mkdir(join(directory, "tokens"));
  const conf = join(directory, "softhsm2.conf");
  await writeFile(conf, `directories.tokendir = ${join(directory, "tokens")}\nlog.level = ERROR\n`);
  const settings: Pkcs11Settings = {
    kind: "pkcs11",
    modulePath: SOFTHSM_MODULE,
    tokenLabel,
    pin: TEST_PIN,
    env: { SOFTHSM2_CONF: conf },
  };
  return makePrepared(settings, directory);
}

/** A token of NSS of its own. It exports keys that are not extractable, so it needs the operator's word. */
export async function prepareNssToken(tokenLabel = "edge-kms test"): Promise<PreparedToken> {
  const directory = await mkdtemp(join(tmpdir(), "edge-kms-nss-"));
  const settings: Pkcs11Settings = {
    kind: "pkcs11",
    modulePath: NSS_MODULE ?? "",
    tokenLabel,
    pin: TEST_PIN,
    libraryParameters: `configdir='sql:${directory}' dbTokenDescription='${tokenLabel}'`,
    acceptExtractingToken: true,
    // NSS keeps every object under a key of its own that it derives from the PIN at each use, 10,000 rounds long.
    env: { NSS_MAX_MP_PBE_ITERATION_COUNT: "1" },
  };
  return makePrepared(settings, directory);
}

async function makePrepared(settings: Pkcs11Settings, directory: string): Promise<PreparedToken> {
  await initToken({ ...settings, securityOfficerPin: "so-5521" });
  return {
    settings,
    open: () => openPkcs11Store({ ...settings, logger: silentLogger }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Two tokens of modules that have nothing in common, where there are two. */
export async function prepareTwoTokens(): Promise<readonly [PreparedToken, PreparedToken]> {
  const second = NSS_MODULE === null ? prepareToken : prepareNssToken;
  return [await prepareToken("first"), await second("second")];
}

/** Settings of a store over several tokens. */
export function severalTokens(
  [first, ...further]: readonly PreparedToken[],
  more: Partial<Pkcs11Settings> = {},
): Pkcs11Settings {
  if (first === undefined) throw new TypeError("no token");
  const furtherTokens = further.map(({ settings: { kind: _, ...token } }) => token);
  return { ...first.settings, furtherTokens, ...more };
}

const severalStores: StoreBackend = {
  name: "two tokens",
  kind: "pkcs11",
  async prepare() {
    const tokens = await prepareTwoTokens();
    const settings = severalTokens(tokens);
    const directory = await mkdtemp(join(tmpdir(), "edge-kms-registry-"));
    let database: Database | null = null;
    return {
      settings,
      async open() {
        database?.close();
        database = await openDatabase(join(directory, "registry.sqlite"));
        return openReplicatedStore(settings, database, silentLogger);
      },
      async remove() {
        database?.close();
        for (const token of tokens) await token.remove();
        await rm(directory, { recursive: true, force: true });
      },
    };
  },
};

const softhsm: StoreBackend = { name: "pkcs11", kind: "pkcs11", prepare: () => prepareToken() };
const nss: StoreBackend = { name: "nss", kind: "pkcs11", prepare: () => prepareNssToken() };

/** `EDGE_KMS_NO_HSM=1` says that a run is not a full one; without it a machine without SoftHSM fails. */
export const isWithoutHsm = process.env.EDGE_KMS_NO_HSM === "1";
export const storeBackends: readonly StoreBackend[] = isWithoutHsm
  ? [software]
  : [softhsm, software];
/** With one store over two tokens: for what is about keys. */
export const keyBackends: readonly StoreBackend[] = isWithoutHsm
  ? storeBackends
  : [...storeBackends, severalStores];
/** With NSS where it is installed: for what touches the store itself. */
export const allStoreBackends: readonly StoreBackend[] =
  isWithoutHsm || NSS_MODULE === null ? keyBackends : [...keyBackends, nss];
