/** A control plane on a free port with a database and a fake bridge, and accounts to call it with. */

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CONNECT_HEADER,
  type ControlMessage,
  type Principal,
  type SignedMessage,
  type SignedMessageType,
  signedMessageTypes,
} from "@edge-kms/protocol";
import WebSocket from "ws";
import type { Clock } from "../clock.ts";
import { checkSettings } from "../config.ts";
import { type ControlPlane, startControlPlane } from "../control-plane.ts";
import type { Database } from "../db/index.ts";
import { insertAccessKey } from "../db/queries/access-keys.ts";
import { insertAccount, raiseEpochsToAtLeast } from "../db/queries/accounts.ts";
import { createLog } from "../log.ts";
import { exportPublicKey } from "../signed-messages/ed25519.ts";
import { encodeHeader, signMessage } from "../signed-messages/signed-messages.ts";
import { type ApiAnswer, type CallOptions, type Credentials, callApi } from "./client.ts";
import { openTestDatabase } from "./database.ts";
import { FakeBridge, random16 } from "./fake-bridge.ts";

export interface Account extends Credentials {
  readonly principal: Principal;
  /** Calls the API as this account. Every call gets a second of its own, so that no signature occurs twice. */
  call(action: string, params?: object, options?: CallOptions): Promise<ApiAnswer>;
  /** Makes a key and returns its id. */
  createKey(alias: string, region?: string): Promise<string>;
}

export interface TestEdge {
  readonly edge: string;
  readonly instance: string;
  readonly privateKey: KeyObject;
  /** A fresh request origin of this edge. */
  origin(): { edge: string; instance: string; nonce: string; timeMs: number };
  sign(type: SignedMessageType, payload: object): SignedMessage;
  post(path: string, message: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Holds a connection and answers on it, until the function it gives is called. */
  connect(): Promise<() => void>;
}

export interface Harness {
  readonly url: string;
  readonly home: string;
  readonly database: Database;
  /** What the control planes have of it; a test may break it. */
  readonly shared: Database;
  readonly bridge: FakeBridge;
  readonly logLines: string[];
  /** The control plane's time: ahead of ours by a second for each edge. */
  readonly clock: Clock;
  account(type?: "root" | "user"): Promise<Account>;
  /** Another access key of the same principal. */
  secondKey(account: Account): Promise<Account>;
  /** The same account at another copy. */
  at(account: Account, url: string): Account;
  edge(account: Account, name?: string): TestEdge;
  /** A second copy of the control plane on the same database. */
  another(settings?: Record<string, unknown>): Promise<ControlPlane>;
  close(): Promise<void>;
}

let accounts = 0;

/** Short, so that tests need not wait for the real second. */
export const heartbeatMs = 100;

/** @param time what the control planes' clocks are set by. */
export async function startHarness(
  settings: Record<string, unknown> = {},
  time: Clock = Date.now,
): Promise<Harness> {
  const { database, close: closeDatabase } = await openTestDatabase();
  const bridge = new FakeBridge();
  const home = mkdtempSync(join(tmpdir(), "edge-kms-control-plane-"));
  const logLines: string[] = [];
  // Jumps ahead with every enrolment: the list of edges is asked for once a second at most.
  let aheadMs = 0;
  const clock = (): number => time() + aheadMs;
  const shared: Database = { ...database, close: async () => {} };
  const copies: ControlPlane[] = [];
  const start = async (more: Record<string, unknown>): Promise<ControlPlane> => {
    const config = checkSettings(home, {
      listen: "127.0.0.1:0",
      databaseUrl: "memory:",
      // Strict, so that tests of replay need not wait; the five seconds of production have a test of their own.
      signatureReuseMs: 0,
      ...settings,
      ...more,
    });
    const log = createLog((line) => void logLines.push(line));
    const copy = await startControlPlane(config, {
      log,
      clock,
      bridge,
      database: shared,
      heartbeatMs,
      // Tests deliver by themselves, at times of their own.
      notifyEveryMs: 3_600_000,
    });
    copies.push(copy);
    return copy;
  };
  const { url } = await start({});
  return {
    url,
    home,
    database,
    shared,
    bridge,
    logLines,
    account: (type = "root") => makeAccount(url, database, bridge, type),
    secondKey: ({ principal }) => makeAccessKey(url, database, bridge, principal),
    at: (account, other) => callerAt(other, account),
    clock,
    edge(account, name = `edge-${random16().slice(0, 8)}`) {
      aheadMs += 1_001;
      return makeEdge(url, bridge, clock, account, name);
    },
    another: (more = {}) => start(more),
    async close() {
      for (const copy of copies) await copy.close();
      await closeDatabase();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function makeAccount(
  url: string,
  database: Database,
  bridge: FakeBridge,
  type: "root" | "user",
): Promise<Account> {
  accounts += 1;
  const account = String(100_000_000_000 + accounts);
  const uin = type === "root" ? account : String(200_000_000_000 + accounts);
  const principal: Principal = { account, appId: 1_250_000_000 + accounts, uin, type };
  await database.transaction(async (tx) => {
    await insertAccount(tx, { account, appId: principal.appId, createdAtMs: 0 });
    await raiseEpochsToAtLeast(tx, bridge.generation, []);
  });
  return makeAccessKey(url, database, bridge, principal);
}

async function makeAccessKey(
  url: string,
  database: Database,
  bridge: FakeBridge,
  principal: Principal,
): Promise<Account> {
  const { secretId, secretKey, sealed } = bridge.makeCredential(principal);
  await database.transaction((tx) =>
    insertAccessKey(tx, { secretId, principal, sealed, createdAtMs: 0 }),
  );
  return callerAt(url, { principal, secretId, secretKey });
}

function callerAt(
  url: string,
  { principal, secretId, secretKey }: Credentials & Pick<Account, "principal">,
): Account {
  let nextSecond = Math.floor(Date.now() / 1000) - 200;
  const call: Account["call"] = (action, params = {}, options = {}) => {
    nextSecond += 1;
    return callApi(url, { secretId, secretKey }, action, params, {
      timestampSeconds: nextSecond,
      ...options,
    });
  };
  return {
    principal,
    secretId,
    secretKey,
    call,
    async createKey(alias, region = "ap-singapore") {
      const { response, text } = await call("CreateKey", { Alias: alias }, { region });
      if (typeof response.KeyId !== "string") throw new Error(`CreateKey: ${text}`);
      return response.KeyId;
    },
  };
}

function makeEdge(
  url: string,
  bridge: FakeBridge,
  clock: Clock,
  account: Account,
  name: string,
): TestEdge {
  const { privateKey } = generateKeyPairSync("ed25519");
  const instance = random16();
  bridge.edges.push({
    edge: name,
    publicKey: exportPublicKey(privateKey),
    accounts: [account.principal.account],
    regions: ["ap-singapore", "ap-guangzhou"],
    frozen: false,
  });
  return {
    edge: name,
    instance,
    privateKey,
    origin: () => ({ edge: name, instance, nonce: random16(), timeMs: clock() }),
    sign: (type, payload) => signMessage(type, payload, privateKey),
    connect() {
      const origin = { edge: name, instance, nonce: random16(), timeMs: clock() };
      const hello = signMessage(signedMessageTypes.connect, origin, privateKey);
      const headers = { [CONNECT_HEADER]: encodeHeader(hello) };
      const socket = new WebSocket(`${url.replace("http", "ws")}/edge/v1/connect`, { headers });
      socket.on("message", (data) => {
        const message = JSON.parse(String(data)) as ControlMessage;
        if (message.type === "ping") socket.send(JSON.stringify({ type: "pong", id: message.id }));
      });
      return new Promise((resolve, reject) => {
        socket.on("error", reject);
        socket.on("open", () => resolve(() => socket.terminate()));
      });
    },
    async post(path, message) {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        body: JSON.stringify(message),
      });
      return {
        status: response.status,
        body: (await response.json()) as Record<string, unknown>,
      };
    },
  };
}
