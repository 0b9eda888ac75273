/**
 * The order in which a home comes to life: bridge and database, enrolment and root access key, control plane, edge, one
 * call through all of them. Every step finds what an earlier start made and goes on from there.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bootstrap, bootstrapFile, forwardingKeyName } from "@edge-kms/control-plane";
import { type BridgeClient, createBridgeClient } from "@edge-kms/hsm-bridge";
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
import { bridgePart, controlPlanePart } from "./node-parts.ts";
import { createPart, type Part, type PartCommand, type PartEvents } from "./part.ts";
import { requireFreePorts } from "./ports.ts";
import { preparePostgres } from "./postgres.ts";
import { chooseStore, makeToken, type StoreChoice } from "./store.ts";

/** Root account of a new home. Any number would do: it names the owner in every row and policy. */
const ACCOUNT = "100000000001";
const APP_ID = 1250000001;

export type Running = {
  readonly home: Home;
  readonly store: StoreChoice;
  readonly edgeUrl: string;
  readonly controlPlaneUrl: string;
  /** Ends every part in order: edge, control plane, database, bridge. */
  stop(): Promise<void>;
};

export type StartEvents = PartEvents & { note(line: string): void };

/**
 * Starts everything. Throws StartError when something does not start, or the signal's reason when it is aborted
 * meanwhile; either way what already ran has been stopped.
 */
export async function start(
  config: LauncherConfig,
  home: Home,
  events: StartEvents,
  signal: AbortSignal,
): Promise<Running> {
  const recorded = readHomeRecord(home);
  const store = chooseStore(config, recorded?.store ?? null);
  const record: HomeRecord = recorded ?? {
    format: 1,
    store: store.kind,
    account: ACCOUNT,
    appId: APP_ID,
  };
  const ports = [config.port, config.port + 1, config.port + 2] as const;
  await requireFreePorts(config.host, ports);
  if (store.kind === "software") {
    events.note(`master keys are in the software store, which is no HSM, ${store.reason}`);
  }
  // A token is made with the home only: a lost one must not be replaced by an empty one.
  if (store.kind === "pkcs11" && !recorded) makeToken(home, store);

  const at = (host: string) =>
    ports.map((port) => address(host, port)) as [
      edge: string,
      controlPlane: string,
      bridge: string,
    ];
  const listen = at(config.host);
  // Who listens everywhere is reached here.
  const [edge, controlPlane, bridge] = at(reachedAt[config.host] ?? config.host);
  const edgeUrl = `http://${edge}`;
  const controlPlaneUrl = `http://${controlPlane}`;
  const bridgeUrl = `https://${bridge}`;

  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  aborted.catch(() => {});
  const parts: Part[] = [];
  const run = async (command: PartCommand) => {
    const part = createPart(command, events);
    parts.unshift(part);
    await Promise.race([part.start(), aborted]);
  };
  const stop = async () => {
    for (const part of parts) await part.stop();
  };

  try {
    await run(bridgePart(config, home, store, listen[2]));
    const postgres = config.databaseUrl ? null : await preparePostgres(home);
    if (postgres) await run(postgres.part);
    if (!recorded) writeHomeRecord(home, record);

    const edgeKey = ensureEdgeKey(home);
    const operator = operatorClient(home, bridgeUrl);
    const env: ClientEnv = {
      ...(await rootAccessKey(home, record, operator)),
      TENCENTCLOUD_REGION: config.regions[0]?.name ?? "",
      KMS_ENDPOINT: edgeUrl,
      CONTROL_PLANE_ENDPOINT: controlPlaneUrl,
    };
    // Before the parts run: should the start be cut short, the next one finds the access key that it made.
    writeClientEnv(home.clientEnv, env);
    await operator.call("enrollEdge", {
      edge: EDGE_ID,
      publicKey: edgeKey.publicKey,
      accounts: [record.account],
      regions: config.regions.map(({ name }) => name),
      group: EDGE_GROUP,
    });
    const { publicKey: bridgePublicKey } = await operator.call("status", {});
    operator.close();

    await run(
      controlPlanePart(home, {
        listen: listen[1],
        plainHttpBehindProxy: config.plainHttpBehindProxy,
        databaseUrl: config.via.database ?? postgres?.url ?? config.databaseUrl ?? "",
        bridgeUrl: config.via.bridge ?? bridgeUrl,
        edgeUrl,
      }),
    );
    await run(
      edgePart(home, edgeUrl, {
        listen: listen[0],
        controlPlane: config.via.controlPlane ?? controlPlane,
        bridgePublicKey,
        controlPlanePublicKey: readFileSync(
          join(home.pki, `${forwardingKeyName}.pub`),
          "utf8",
        ).trim(),
        // What new keys may be for is the control plane's alone.
        regions: config.regions.map(({ name, suite }) => ({ name, suite })),
      }),
    );
    await Promise.race([proveRoad(env), aborted]);
    return { home, store, edgeUrl, controlPlaneUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const reachedAt: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** `host:port` as it stands in a URL. */
function address(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function operatorClient(home: Home, url: string): BridgeClient {
  const read = (name: string) => readFileSync(join(home.pki, name), "utf8");
  return createBridgeClient({
    url,
    ca: read("ca.crt"),
    cert: read("operator.crt"),
    key: read("operator.key"),
  });
}

/**
 * The root account's access key: the one in client.env, or a new one that the bridge makes. The SecretKey goes from
 * the bridge to client.env; the control plane gets it sealed, in the bootstrap file.
 */
async function rootAccessKey(
  home: Home,
  record: HomeRecord,
  operator: BridgeClient,
): Promise<Pick<ClientEnv, "TENCENTCLOUD_SECRET_ID" | "TENCENTCLOUD_SECRET_KEY">> {
  const bootstrap = join(home.root, bootstrapFile);
  const known = existsSync(bootstrap) ? readAccessKey(home.clientEnv) : null;
  if (known) {
    return { TENCENTCLOUD_SECRET_ID: known.secretId, TENCENTCLOUD_SECRET_KEY: known.secretKey };
  }
  const { account, appId } = record;
  const { secretId, secretKey, sealed } = await operator.call("createCredential", {
    principal: { account, appId, uin: account, type: "root" },
  });
  const content: Bootstrap = { account, appId, uin: account, secretId, sealed };
  writePrivateFile(bootstrap, `${JSON.stringify(content)}\n`);
  return { TENCENTCLOUD_SECRET_ID: secretId, TENCENTCLOUD_SECRET_KEY: secretKey };
}
