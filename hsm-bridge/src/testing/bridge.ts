/** A running bridge in a temporary home, with a client for each role and everything it wrote. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { BridgeResponse, BridgeRole, LeasedKey } from "@edge-kms/protocol";
import { branchTurnovers } from "../branch-keys.ts";
import { type BridgeClient, createBridgeClient } from "../client.ts";
import type { KeyStore } from "../key-store.ts";
import { defaultCaps } from "../limits.ts";
import { createLogger } from "../log.ts";
import { type BridgeSettings, homePaths } from "../settings.ts";
import { openSoftwareStore } from "../software/software-store.ts";
import { type RunningBridge, startBridge } from "../start.ts";
import { UPKEEP_MS } from "../upkeep.ts";
import type { SignedRequest, TestEdge } from "./edge.ts";
import { type PreparedStore, type StoreBackend, silentLogger } from "./stores.ts";

export const ACCOUNT = "100000000001";
export const REGION = "ap-singapore";
export const LIMITS = {
  refreshAfterMs: 60_000,
  expiresAfterMs: 180_000,
  maxOperations: 1000,
  maxUnacknowledged: 100,
};

export class TestBridge {
  readonly home: string;
  readonly prepared: PreparedStore;
  readonly settings: BridgeSettings;
  /** Lines the bridge wrote. */
  readonly output: string[] = [];
  /** Added to the system's clock. */
  clockOffsetMs = 0;
  /** For the next start. */
  upkeepMs = UPKEEP_MS;
  running: RunningBridge | null = null;
  clients: Record<BridgeRole, BridgeClient> | null = null;

  private constructor(home: string, prepared: PreparedStore, changes: Partial<BridgeSettings>) {
    this.home = home;
    this.prepared = prepared;
    this.settings = {
      home,
      host: "127.0.0.1",
      port: 0,
      store: prepared.settings,
      isProduction: false,
      allowSoftwareStore: false,
      leaseRootCredentials: false,
      branchPeriodDays: 30,
      branchTurnover: branchTurnovers[1],
      serverNames: [],
      caps: defaultCaps,
      ...changes,
    };
  }

  static async start(
    backend: StoreBackend,
    changes: Partial<BridgeSettings> = {},
  ): Promise<TestBridge> {
    const home = await mkdtemp(join(tmpdir(), "edge-kms-bridge-"));
    const bridge = new TestBridge(home, await backend.prepare(), changes);
    await bridge.start();
    return bridge;
  }

  async start(): Promise<void> {
    const write = (line: string): void => {
      this.output.push(line);
    };
    this.running = await startBridge({
      ...this.settings,
      logger: createLogger(write, write),
      clock: () => Date.now() + this.clockOffsetMs,
      upkeepMs: this.upkeepMs,
    });
    this.clients = {
      "control-plane": await this.client("control-plane"),
      operator: await this.client("operator"),
    };
  }

  async stop(): Promise<void> {
    for (const client of Object.values(this.clients ?? {})) client.close();
    await this.running?.close();
    this.running = null;
  }

  async restart(meanwhile: () => Promise<void> | void = () => {}): Promise<void> {
    await this.stop();
    await meanwhile();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.stop();
    await this.prepared.remove();
    await rm(this.home, { recursive: true, force: true });
  }

  async client(certificate: string): Promise<BridgeClient> {
    const pem = (file: string): Promise<string> =>
      readFile(join(homePaths(this.home).pki, file), "utf8");
    return createBridgeClient({
      url: this.running?.url ?? "",
      ca: await pem("ca.crt"),
      cert: await pem(`${certificate}.crt`),
      key: await pem(`${certificate}.key`),
    });
  }

  get controlPlane(): BridgeClient {
    return (this.clients as Record<BridgeRole, BridgeClient>)["control-plane"];
  }

  get operator(): BridgeClient {
    return (this.clients as Record<BridgeRole, BridgeClient>).operator;
  }

  get publicKey(): string {
    return this.running?.publicKey ?? "";
  }

  /** Of every account; tests that raise it leave it raised. */
  epochCounter = 1;

  epoch(counter = this.epochCounter) {
    return { generation: this.running?.generation ?? 0, counter };
  }

  async enroll(edge: TestEdge, changes: object = {}): Promise<void> {
    await this.operator.call("enrollEdge", {
      edge: edge.name,
      publicKey: edge.publicKey,
      accounts: [ACCOUNT],
      regions: [REGION],
      group: edge.group,
      ...changes,
    });
  }

  async createKey(keyId: string, suite: 1 | 2 = 1): Promise<void> {
    await this.controlPlane.call("createKey", { account: ACCOUNT, region: REGION, keyId, suite });
  }

  /** Passes a request on with everything permitted. */
  async lease(
    request: SignedRequest,
    changes: object = {},
    indexes: readonly number[] = [0],
  ): Promise<BridgeResponse<"lease">["results"]> {
    const { results } = await this.controlPlane.call("lease", {
      request: request.message,
      permitted: indexes.map((index) => ({
        index,
        epoch: this.epoch(),
        limits: LIMITS,
        ...changes,
      })),
    });
    return results;
  }

  /** Code of the one result of a lease: `granted`, or that of its error. */
  async leaseOutcome(request: SignedRequest, changes: object = {}): Promise<string> {
    try {
      const [result] = await this.lease(request, changes);
      if (result === undefined) return "nothing";
      return "grant" in result ? "granted" : result.error.code;
    } catch (error) {
      return `call: ${(error as { code?: string }).code}`;
    }
  }

  /** The store of this home, while the bridge is stopped. */
  openStore(): Promise<KeyStore> {
    return this.settings.store.kind === "pkcs11"
      ? this.prepared.open()
      : openSoftwareStore({ directory: homePaths(this.home).bridge, logger: silentLogger });
  }

  /** Reads and writes the registry while the bridge is stopped. */
  editRegistry<T>(edit: (database: DatabaseSync) => T): T {
    const database = new DatabaseSync(homePaths(this.home).registry);
    try {
      return edit(database);
    } finally {
      database.close();
    }
  }
}

export const encryptWith = (keyId: string, changes: object = {}): LeasedKey => ({
  purpose: "encrypt",
  account: ACCOUNT,
  region: REGION,
  keyId,
  ...changes,
});
