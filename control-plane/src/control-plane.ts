/** Putting the control plane together, in the order in which its parts need one another, and taking it apart again. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { HEARTBEAT_MS } from "@edge-kms/protocol";
import { rememberSignatureMs } from "./access/replay.ts";
import { resealAccessKeys } from "./access/reseal.ts";
import type { ActionServices } from "./actions/call.ts";
import { remindOfDeletions } from "./alarms/reminders.ts";
import { createApp, type EdgeServices } from "./app.ts";
import { importBootstrap, readBootstrap } from "./bootstrap.ts";
import { type Bridge, openBridge } from "./bridge/client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Config, ConfigError } from "./config.ts";
import { raiseEpochsFromBridge, watchEpochs } from "./connections/epochs.ts";
import { createFreezeWatch, type FreezeWatch } from "./connections/freezes.ts";
import { createHub } from "./connections/hub.ts";
import { type Database, openDatabase } from "./db/index.ts";
import { deleteDueDataKeys } from "./db/queries/data-keys.ts";
import { removeOldInstances } from "./db/queries/edge-instances.ts";
import { removeEndedLeases } from "./db/queries/edge-leases.ts";
import { foldKeyCounts } from "./db/queries/key-counts.ts";
import { removeExpiredSignatures } from "./db/queries/used-signatures.ts";
import { createEdgeDirectory } from "./edges/directory.ts";
import { createNonceMemory } from "./edges/nonces.ts";
import { createPresence } from "./edges/presence.ts";
import { createEdgeForwarder } from "./forwarding/forward-to-edge.ts";
import { repeat } from "./jobs/recurring.ts";
import { finishOverdueCreations } from "./keys/creation.ts";
import { finishDueDeletions } from "./keys/deletion.ts";
import { endDueMaterial } from "./keys/material.ts";
import { rotateDueKeys } from "./keys/rotation.ts";
import { createGrantLedger } from "./leases/granted.ts";
import { createLog, describeError, type Log } from "./log.ts";
import { deliverNotifications, type NotificationServices } from "./notifications/deliver.ts";
import { createMailer } from "./notifications/mail.ts";
import { createReceivers } from "./notifications/receiver.ts";
import { createReadiness } from "./readiness.ts";
import { listen, type TlsIdentity } from "./server.ts";
import { ensureSigningKey, forwardingKeyName, webhookKeyName } from "./signed-messages/key-file.ts";

export interface ControlPlane {
  readonly url: string;
  /** Says that it is not ready, stops accepting, finishes what is under way, closes connections and database. */
  close(): Promise<void>;
}

/** In place of the real ones: for tests and embedding. */
export interface ControlPlaneOptions {
  readonly log?: Log;
  readonly clock?: Clock;
  /** Between heartbeats to edges; a second when absent. */
  readonly heartbeatMs?: number;
  /** Between looks for messages to deliver; two seconds when absent. */
  readonly notifyEveryMs?: number;
  /** Closed with the control plane. */
  readonly bridge?: Bridge;
  /** Closed with the control plane. */
  readonly database?: Database;
}

const minuteMs = 60_000;
/** Leases end with the material to the millisecond; this is how long the state may lag behind. */
const materialMs = 5_000;
/** Time stamps of edges may be this far off, either way; their nonces are remembered longer than both ways together. */
const rememberNonceMs = 150_000;

/** Starts a control plane. Rejects, with everything closed again, when it cannot serve. */
export async function startControlPlane(
  config: Config,
  options: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const log = options.log ?? createLog((line) => void process.stdout.write(line));
  const clock = options.clock ?? systemClock;
  const closers: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) {
      await Promise.resolve(close()).catch((error: unknown) =>
        log.warn("not closed cleanly", describeError(error)),
      );
    }
  };
  try {
    const tls = readTls(config);
    const bridge = options.bridge ?? openBridgeOf(config);
    closers.push(() => bridge.close());
    const database =
      options.database ??
      (await openDatabase({
        url: config.databaseUrl,
        maxConnections: config.databaseConnections,
        times: config.databaseTimes,
        onWait: (reason) => log.warn("waiting for the database", describeError(reason)),
      }));
    closers.push(() => database.close());

    const bootstrap = readBootstrap(config.home);
    if (bootstrap !== null) await importBootstrap(database, bootstrap, clock());
    const raiseEpochs = (): Promise<void> => raiseEpochsFromBridge(database, bridge, log);
    // Without a bridge there are no leases either; the first one that it finds too old raises the epochs then.
    await raiseEpochs().catch((error: unknown) =>
      log.warn("epochs not read from the bridge", describeError(error)),
    );

    const inBackground = new Set<Promise<void>>();
    const background: ActionServices["background"] = (name, work) => {
      const running = work()
        .catch((error: unknown) => log.warn(name, describeError(error)))
        .finally(() => inBackground.delete(running));
      inBackground.add(running);
    };
    closers.push(async () => void (await Promise.all(inBackground)));

    const directory = createEdgeDirectory(bridge, clock);
    const epochs = await watchEpochs(database, log);
    closers.push(() => epochs.close());
    const freezes = createFreezeWatch({ database, bridge, directory, raiseEpochs });
    const presence = createPresence(database, clock);
    const hub = createHub({
      epochs,
      directory,
      freezes,
      presence,
      clock,
      log,
      callRates: config.callRates,
      heartbeatMs: options.heartbeatMs,
    });
    closers.push(() => hub.close());
    const pki = join(config.home, "pki");
    const key = ensureSigningKey(pki, forwardingKeyName);
    const forwarder = config.forwardDataPlane
      ? createEdgeForwarder(config.edgeUrls, key, clock)
      : null;
    if (forwarder !== null) closers.push(() => forwarder.close());

    const allowedHosts = new Set(config.notifications.allowedHosts);
    const receivers = createReceivers(allowedHosts);
    closers.push(() => receivers.close());
    const { mail } = config.notifications;
    const mailer = mail === undefined ? null : createMailer(mail);
    if (mailer !== null) closers.push(() => mailer.close());
    const webhookKey = ensureSigningKey(pki, webhookKeyName);
    const notifications: NotificationServices = {
      database,
      receivers,
      webhookKey,
      mailer,
      clock,
      log,
    };

    const { regions, cmkQuota, dataKeyQuota, signatureReuseMs } = config;
    const edges: EdgeServices = {
      database,
      bridge,
      directory,
      clock,
      nonces: createNonceMemory(clock, rememberNonceMs),
      keyLimits: config.keyLease,
      credentialLimits: config.credentialLease,
      dataKeyQuota,
      raiseEpochs,
      ledger: createGrantLedger(database),
      presence,
      log,
    };
    const readiness = createReadiness(database, bridge);
    const app = createApp({
      dispatcher: {
        services: {
          database,
          bridge,
          regions,
          cmkQuota,
          dataKeyQuota,
          signatureReuseMs,
          notifications: {
            allowedHosts,
            hasMail: mailer !== null,
            webhookPublicKey: webhookKey.publicKey,
          },
          directory,
          keyLimits: config.keyLease,
          background,
          log,
        },
        clock,
      },
      edges,
      hub,
      forwarder,
      isReady: readiness.isReady,
      log,
    });
    const jobs = [
      repeat(
        "freezes at the bridge",
        options.heartbeatMs ?? HEARTBEAT_MS,
        createFreezeJob(freezes, log),
        log,
      ),
      repeat(
        "ended leases",
        minuteMs,
        () =>
          database.longTransaction(async (tx) => {
            await removeEndedLeases(tx, clock() - minuteMs);
            await removeOldInstances(tx);
          }),
        log,
      ),
      repeat(
        "unfinished key creations",
        minuteMs,
        () => finishOverdueCreations({ database, bridge }, clock(), log),
        log,
      ),
      repeat(
        "key rotations",
        minuteMs,
        () => rotateDueKeys({ database, bridge }, clock(), log),
        log,
      ),
      repeat(
        "key deletions",
        minuteMs,
        () => finishDueDeletions({ database, bridge }, clock(), log),
        log,
      ),
      repeat(
        "data key deletions",
        minuteMs,
        async () => void (await database.longTransaction((tx) => deleteDueDataKeys(tx, clock()))),
        log,
      ),
      repeat(
        "key material",
        materialMs,
        () => endDueMaterial({ database, bridge }, clock(), log),
        log,
      ),
      repeat("access keys", minuteMs, () => resealAccessKeys({ database, bridge }, log), log),
      repeat("key counts", minuteMs, () => database.longTransaction(foldKeyCounts), log),
      repeat("reminders of deletions", minuteMs, () => remindOfDeletions(database, clock()), log),
      repeat(
        "notifications",
        options.notifyEveryMs ?? 2_000,
        () => deliverNotifications(notifications),
        log,
      ),
      repeat(
        "spent signatures",
        rememberSignatureMs / 2,
        () => database.longTransaction((tx) => removeExpiredSignatures(tx, clock())),
        log,
      ),
    ];
    closers.push(async () => void (await Promise.all(jobs.map((job) => job.stop()))));
    const server = await listen(app, config.listen, tls);
    closers.push(() => server.close());
    closers.push(() => readiness.drain(config.drainMs));
    log.info("listening", { url: server.url, production: config.production });
    return { url: server.url, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** A bridge that is away is told of once, not every second. */
function createFreezeJob(freezes: FreezeWatch, log: Log): () => Promise<void> {
  let isAway = false;
  return async () => {
    try {
      await freezes.refresh();
      isAway = false;
    } catch (error) {
      if (!isAway) log.warn("freezes not read from the bridge", describeError(error));
      isAway = true;
    }
  };
}

/** The identity of this door; null where it speaks plain http. */
function readTls({ tlsCertificateFile, tlsKeyFile }: Config): TlsIdentity | null {
  if (tlsCertificateFile === undefined || tlsKeyFile === undefined) return null;
  try {
    const identity = {
      cert: readFileSync(tlsCertificateFile, "utf8"),
      key: readFileSync(tlsKeyFile, "utf8"),
    };
    createSecureContext(identity);
    return identity;
  } catch {
    throw new ConfigError(
      "The files tlsCertificateFile and tlsKeyFile cannot be read, or are no certificate and its key.",
    );
  }
}

function openBridgeOf({ home, bridgeUrl }: Config): Bridge {
  const read = (name: string): string => {
    try {
      return readFileSync(join(home, "pki", name), "utf8");
    } catch {
      throw new ConfigError(`${join(home, "pki", name)} cannot be read: the bridge makes it.`);
    }
  };
  return openBridge({
    url: bridgeUrl,
    tls: {
      ca: read("ca.crt"),
      cert: read("control-plane.crt"),
      key: read("control-plane.key"),
    },
  });
}
