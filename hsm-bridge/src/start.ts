/** Builds a bridge from its settings, in the order in which each part may refuse, and takes it down again. */

import { base64Encode, utf8Encode } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { loadCore } from "@edge-kms/wasm-core/node";
import type { Bridge } from "./bridge.ts";
import { countCalls, type StoreCalls } from "./counted-store.ts";
import { StartupError } from "./errors.ts";
import { makePrivateDirectory } from "./files.ts";
import { openIdentity } from "./identity.ts";
import type { KeyStore, StoreKind } from "./key-store.ts";
import { createLogger, type Logger } from "./log.ts";
import { KeyedMutex } from "./mutex.ts";
import { checkStoreAllowed, openStore } from "./open-store.ts";
import { openPki } from "./pki/pki.ts";
import { Readiness } from "./readiness.ts";
import { type Database, openDatabase } from "./registry/database.ts";
import { appendLog, isLogIntact } from "./registry/log.ts";
import { readMetaText, writeMeta } from "./registry/meta.ts";
import { createObject, systemObject } from "./registry/objects.ts";
import { REPAIR_MS, startRepair } from "./replicas/repair.ts";
import { ReplicatedStore } from "./replicas/replicated-store.ts";
import { makeSealingKey } from "./sealing-key.ts";
import { startServer } from "./server.ts";
import { type BridgeSettings, homePaths } from "./settings.ts";
import { checkStoreKind, readRecordedStoreKind, recordStoreKind } from "./store-record.ts";
import { sweep } from "./sweep.ts";
import { startUpkeep, UPKEEP_MS } from "./upkeep.ts";

export interface StartOptions extends BridgeSettings {
  readonly logger?: Logger;
  /** Milliseconds since the epoch; the system's unless a test says otherwise. */
  readonly clock?: () => number;
  /** Time from one upkeep to the next; a minute unless a test says otherwise. */
  readonly upkeepMs?: number;
}

export interface RunningBridge {
  /** `https://host:port`. */
  readonly url: string;
  readonly store: StoreKind;
  readonly generation: number;
  /** Ed25519, raw, base64: what edges verify grants with. */
  readonly publicKey: string;
  /** Directory of the certificates. */
  readonly pki: string;
  /** Lets calls under way end and releases everything. Idempotent. */
  close(): Promise<void>;
}

/** Starts a bridge. Rejects with a StartupError whose message is one sentence for the operator. */
export async function startBridge(options: StartOptions): Promise<RunningBridge> {
  const { logger = createLogger(), clock = Date.now, upkeepMs = UPKEEP_MS, ...settings } = options;
  const paths = homePaths(settings.home);
  checkStoreAllowed(settings);
  const recordedKind = await readRecordedStoreKind(settings.home);
  checkStoreKind(recordedKind, settings.store.kind);
  // The home itself may be shared with parts that run as another user; what is the bridge's in it is not.
  await makePrivateDirectory(paths.bridge);

  // What is open, to be closed in the opposite order.
  const closers: (() => Promise<void> | void)[] = [];
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const closer of closers.reverse()) await closer();
    })();
    return closing;
  };

  try {
    const database = await openDatabase(paths.registry);
    closers.push(() => database.close());
    if (!isLogIntact(database)) {
      throw new StartupError(
        `The log in the registry ${paths.registry} was changed outside the bridge: restore the registry from a backup.`,
      );
    }
    checkStoreKind(readMetaText(database, "store-kind"), settings.store.kind);
    const opened = await openStore(settings, database, logger);
    closers.push(() => opened.close());
    const { store, calls } = countCalls(opened);
    const bridge = await buildBridge(settings, database, store, calls, logger, clock);
    closers.push(startUpkeep(bridge, upkeepMs));
    if (opened instanceof ReplicatedStore) {
      closers.push(startRepair(bridge, opened, Math.min(upkeepMs, REPAIR_MS)));
    }
    if (recordedKind === null) await recordStoreKind(settings.home, store.kind);
    const credentials = await openPki(paths.pki, settings.serverNames, clock(), logger);
    const server = await startServer(bridge, credentials, settings.host, settings.port);
    closers.push(() => server.close());
    const host = server.host.includes(":") ? `[${server.host}]` : server.host;
    return {
      url: `https://${host}:${server.port}`,
      store: store.kind,
      generation: bridge.generation,
      publicKey: base64Encode(bridge.identity.publicKey),
      pki: paths.pki,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function buildBridge(
  settings: BridgeSettings,
  database: Database,
  store: KeyStore,
  storeCalls: StoreCalls,
  logger: Logger,
  clock: () => number,
): Promise<Bridge> {
  const nowMs = clock();
  const generation = await readGeneration(database, store.kind, nowMs);
  const identity = await openIdentity(database, store, nowMs);
  const sealingObject = await openSystemObject(database, store, "sealing", nowMs);
  const probeObject = await openSystemObject(database, store, "probe", nowMs);
  await store.prove(probeObject);
  const keyLocks = new KeyedMutex();
  const report = await sweep({ database, store, clock, logger, keyLocks });
  const startedAtMs = clock();
  await database.commit(() =>
    appendLog(database, startedAtMs, "bridge-started", "bridge", { store: store.kind, ...report }),
  );
  return {
    store,
    storeCalls,
    database,
    identity,
    sealingKey: await makeSealingKey(identity, startedAtMs),
    core: await loadModule(),
    logger,
    clock,
    startedAtMs,
    generation,
    sealingObject,
    probeObject,
    readiness: new Readiness(store, probeObject),
    caps: settings.caps,
    branchPeriodDays: settings.branchPeriodDays,
    branchTurnover: settings.branchTurnover,
    leaseRootCredentials: settings.leaseRootCredentials,
    noncesUnderWay: new Set(),
    keyLocks,
  };
}

async function loadModule(): Promise<Core> {
  try {
    return await loadCore();
  } catch (error) {
    throw new StartupError("The module wasm-core is not built: run `npm run build`.", error);
  }
}

/**
 * A registry's generation is the second of its making: a registry made anew after a loss has a higher one than any before,
 * so edges leave the old epochs behind.
 */
async function readGeneration(database: Database, kind: StoreKind, nowMs: number): Promise<number> {
  const text = readMetaText(database, "generation");
  if (text !== null) {
    const generation = Number(text);
    if (!Number.isSafeInteger(generation) || generation < 1) {
      throw new StartupError("The registry is damaged: its generation is no number.");
    }
    return generation;
  }
  const generation = Math.floor(nowMs / 1000);
  await database.commit(() => {
    writeMeta(database, "generation", utf8Encode(String(generation)));
    writeMeta(database, "store-kind", utf8Encode(kind));
  });
  return generation;
}

async function openSystemObject(
  database: Database,
  store: KeyStore,
  purpose: "sealing" | "probe",
  nowMs: number,
): Promise<string> {
  return (
    systemObject(database, purpose) ??
    (await createObject(database, store, purpose, nowMs, (objectId) => objectId))
  );
}
