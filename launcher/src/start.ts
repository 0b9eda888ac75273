/**
 * The order in which a home comes to life: bridge and database, enrolment and root access key, control plane, edge, one
 * call through all of them. Every step finds what an earlier start made and goes on from there.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { workerdConfig } from "@edge-kms/edge-worker/node";
import { createBridgeClient } from "@edge-kms/hsm-bridge";
import { type ClientEnv, readAccessKey, writeClientEnv } from "./client-env.ts";
import type { LauncherConfig } from "./config.ts";
import { EDGE_GROUP, EDGE_ID, edgePart, ensureEdgeKey } from "./edge.ts";
import { proveRoad } from "./first-call.ts";
import {
  type Home,
  type HomeRecord,
  readHomeRecord,
  writeHomeRecord,
  writePrivateFile,
} from "./home.ts";
import { createPart, type Part, type PartCommand, type PartEvents } from "./part.ts";
import { requireFreePorts } from "./ports.ts";
import { preparePostgres } from "./postgres.ts";
import { StartError } from "./start-error.ts";
import {
  chooseStore,
  ensurePins,
  type StoreChoice,
  softhsmEnvironment,
  TOKEN_LABEL,
} from "./store.ts";

/** Root account of a home. Any number would do: it names the owner in every row and policy. */
const ACCOUNT = "100000000001";
const APP_ID = 1250000001;

export type Running = {
  readonly store: StoreChoice;
  readonly edgeUrl: string;
  readonly controlPlaneUrl: string;
  readonly home: Home;
  /** Ends every part in order: edge, control plane, database, bridge. */
  stop(): Promise<void>;
};

export type StartEvents = PartEvents & { note(line: string): void };

/** Sections of `<home>/config.json` that say what stands between parts; the parts read the rest themselves. */
export type Detours = { readonly bridgeUrl?: string; readonly controlPlaneAddress?: string };

/**
 * Starts everything. Throws {@link StartError} when something does not start, or the signal's reason when it is aborted
 * meanwhile; either way what already ran has been stopped.
 */
export async function start(
  config: LauncherConfig,
  home: Home,
  events: StartEvents,
  signal: AbortSignal,
): Promise<Running> {
  const at = (offset: number) => `${bracketed(config.host)}:${config.port + offset}`;
  const edgeUrl = `http://${at(0)}`;
  const controlPlaneUrl = `http://${at(1)}`;
  const bridgeUrl = `https://${at(2)}`;
  const recorded = readHomeRecord(home);
  const store = chooseStore(config, recorded?.store ?? null);
  const record: HomeRecord = recorded ?? {
    format: 1,
    store: store.kind,
    account: ACCOUNT,
    appId: APP_ID,
  };
  await requireFreePorts(config.host, [config.port, config.port + 1, config.port + 2]);
  if (store.kind === "software") {
    events.note(`keys are in the software store, which is no HSM, ${store.reason}`);
  }

  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  aborted.catch(() => {});
  const started: Part[] = [];
  const run = async (command: PartCommand) => {
    const part = createPart(command, events);
    started.unshift(part);
    await Promise.race([part.start(), aborted]);
  };
  const stop = async () => {
    for (const part of started) await part.stop();
  };
  try {
    const bridge = run(bridgePart(config, home, store, at(2)));
    const postgres = config.databaseUrl ? null : await preparePostgres(home);
    await Promise.all([bridge, postgres ? run(postgres.part) : undefined]);
    if (!recorded) writeHomeRecord(home, record);

    const edgeKey = ensureEdgeKey(home);
    const operator = operatorClient(home, bridgeUrl);
    const env: ClientEnv = {
      ...(await rootAccessKey(home, record, operator)),
      TENCENTCLOUD_REGION: config.regions[0].name,
      KMS_ENDPOINT: edgeUrl,
      CONTROL_PLANE_ENDPOINT: controlPlaneUrl,
    };
    await operator.call("enrollEdge", {
      edge: EDGE_ID,
      publicKey: edgeKey.publicKey,
      accounts: [record.account],
      regions: config.regions.map(({ name }) => name),
      group: EDGE_GROUP,
    });
    const { publicKey } = await operator.call("status", {});
    operator.close();

    await run(controlPlanePart(config, home, postgres?.url ?? config.databaseUrl ?? "", at(1)));
    await run(edgePart(home, edgeUrl, ""));
    await proveRoad(env);
    writeClientEnv(home.clientEnv, env);
    return { store, edgeUrl, controlPlaneUrl, home, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An IPv6 address as it stands in a URL. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
