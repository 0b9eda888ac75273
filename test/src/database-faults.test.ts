/**
 * The database under faults (P6): two control planes over one PostgreSQL, written to all the time, while the database is
 * killed, stopped, starved, made read-only, and the way to it is cut or falls silent. After each fault:
 *
 * - what was acknowledged is there, what was not is there as a whole or not at all;
 * - callers heard `InternalError` and nothing that speaks of their keys or signatures;
 * - no call took longer than its deadline, and readiness told the truth, in time.
 */

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { base64, createClient, type Kms, newAlias } from "./support/client.ts";
import { type DatabaseProxy, startDatabaseProxy } from "./support/database-proxy.ts";
import { databaseUrl, type PostgresServer, startPostgres } from "./support/postgres-server.ts";
import { type SecondCopy, startSecondCopy } from "./support/second-copy.ts";
import { discard, type System, startSystem } from "./support/system.ts";

/** Of a call that changes something, with the database silent from its first statement on (control-plane README). */
const deadlineMs = 15_000;
/** Until `/readyz` is what the database is, and until it is answered. */
const truthMs = 6_000;
const answerMs = 2_500;
/** What a caller may be told while the database is away. The SDK has no code where nobody answers. */
const allowed =
  /^(InternalError|UnsupportedOperation\.ServiceTemporaryUnavailable|ClientError\.NetworkError|no-code)$/;

let postgres: PostgresServer;
let proxy: DatabaseProxy;
let system: System;
let second: SecondCopy;
let first: string;

beforeAll(async () => {
  postgres = await startPostgres();
  if (canMount) {
    const space = join(postgres.folder, "space");
    mount("-t", "tmpfs", "-o", "size=48m,mode=0777", "tmpfs", space);
    await postgres.query(`create tablespace small location '${space}'`);
    await postgres.query("alter role edge_kms set default_tablespace = small");
  }
  proxy = await startDatabaseProxy(postgres.port);
  system = await startSystem({
    env: { DATABASE_URL: databaseUrl(proxy.port) },
    store: "software",
    // Callers make keys as fast as they can.
    config: { controlPlane: { cmkQuota: 1_000_000 } },
  });
  first = system.env.CONTROL_PLANE_ENDPOINT ?? "";
  second = await startSecondCopy(system, { databaseUrl: databaseUrl(postgres.port) });
}, 120_000);

afterAll(async () => {
  await second?.end("SIGKILL");
  await discard(system);
  proxy?.close();
  await postgres?.end();
  if (canMount) spawnSync("umount", [join(postgres.folder, "space")]);
  rmSync(postgres.folder, { recursive: true, force: true });
}, 60_000);

/** Whether this user may mount a small file system to fill. */
const canMount = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;

function mount(...args: string[]): void {
  const { status, stderr } = spawnSync("mount", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

type KeyNow = { readonly alias: string; readonly state: string };

/** One caller with a key of its own, and what may be true of it. */
class Writer {
  readonly client: Kms;
  readonly made: { id: string; alias: string }[] = [];
  keyId = "";
  private possible: KeyNow[] = [];
  acknowledged = 0;
  refused = 0;
  slowestMs = 0;
  readonly odd: string[] = [];

  constructor(endpoint: string) {
    this.client = createClient(system, { endpoint });
  }

  async begin(): Promise<void> {
    const alias = newAlias();
    this.keyId = (await this.client.CreateKey({ Alias: alias })).KeyId ?? "";
    this.possible = [{ alias, state: "Enabled" }];
  }

  /** Makes changes, one after the other, until the signal. */
  async write(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      if (turn % 4 === 3) await this.create();
      else
        await this.change(
          turn % 2 === 0
            ? { state: turn % 4 === 0 ? "Disabled" : "Enabled" }
            : { alias: newAlias() },
        );
    }
  }

  private async change(to: Partial<KeyNow>): Promise<void> {
    const { keyId: KeyId } = this;
    const isDone = await this.call(() => {
      if (to.alias !== undefined) return this.client.UpdateAlias({ KeyId, Alias: to.alias });
      return to.state === "Disabled"
        ? this.client.DisableKey({ KeyId })
        : this.client.EnableKey({ KeyId });
    });
    const after = this.possible.map((key) => ({ ...key, ...to }));
    // Each once: a caller whose door is gone would otherwise double them with every attempt.
    const all = (isDone ? after : [...this.possible, ...after]).map((key) => JSON.stringify(key));
    this.possible = [...new Set(all)].map((key) => JSON.parse(key));
  }

  private async create(): Promise<void> {
    const alias = newAlias();
    await this.call(async () => {
      const { KeyId = "" } = await this.client.CreateKey({ Alias: alias });
      this.made.push({ id: KeyId, alias });
    });
  }

  private async call(make: () => Promise<unknown>): Promise<boolean> {
    const startedMs = performance.now();
    try {
      await make();
      this.acknowledged += 1;
      return true;
    } catch (error) {
      const { code = "no-code", message } = error as { code?: string; message: string };
      this.refused += 1;
      if (!allowed.test(code || "no-code")) this.odd.push(`${code}: ${message}`);
      await sleep(20);
      return false;
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedMs);
    }
  }

  /** What the database has, through a door that works, is what this caller can know of it. */
  async check(through: Kms): Promise<void> {
    const KeyIds = [this.keyId, ...this.made.map(({ id }) => id)];
    const found = new Map<string, KeyNow>();
    for (let at = 0; at < KeyIds.length; at += 100) {
      const { KeyMetadatas } = await through.DescribeKeys({ KeyIds: KeyIds.slice(at, at + 100) });
      for (const { KeyId = "", Alias = "", KeyState = "" } of KeyMetadatas ?? []) {
        found.set(KeyId, { alias: Alias, state: KeyState });
      }
    }
    const own = found.get(this.keyId);
    expect(this.possible).toContainEqual(own);
    if (own !== undefined) this.possible = [own];
    for (const { id, alias } of this.made) {
      expect(found.get(id)).toEqual({ alias, state: "Enabled" });
    }
    expect(this.odd).toEqual([]);
    expect(this.slowestMs).toBeLessThan(deadlineMs);
  }
}

async function readiness(url: string): Promise<boolean> {
  const startedMs = performance.now();
  const { status } = await fetch(`${url}/readyz`);
  expect(performance.now() - startedMs).toBeLessThan(answerMs);
  return status === 200;
}

async function untilReady(url: string, isReady: boolean): Promise<void> {
  await expect.poll(() => readiness(url), { timeout: truthMs, interval: 100 }).toBe(isReady);
}

/** Callers at both doors write before, during and after the fault; the checker judges when all is well again. */
async function underWrites(
  fault: () => Promise<void>,
  doors: readonly string[] = [first, second.url],
): Promise<void> {
  const writers = doors.flatMap((door) => [new Writer(door), new Writer(door)]);
  for (const writer of writers) await writer.begin();
  const stop = new AbortController();
  const writing = writers.map((writer) => writer.write(stop.signal));
  const sum = (): number => writers.reduce((all, { acknowledged }) => all + acknowledged, 0);
  const goOn = async (): Promise<void> => {
    const before = sum();
    await expect.poll(sum, { timeout: 20_000 }).toBeGreaterThan(before + 8);
  };
  try {
    await goOn();
    await fault();
    await goOn();
  } finally {
    stop.abort();
    await Promise.all(writing);
  }
  const through = createClient(system, { endpoint: first });
  for (const writer of writers) await writer.check(through);
  expect(system.output()).not.toContain("died");
}

test("kill -9 of the database under writes", async () => {
  await underWrites(async () => {
    postgres.signal("SIGKILL");
    await untilReady(first, false);
    await postgres.start();
    await untilReady(first, true);
  });
}, 60_000);

test("after kill -9 and a restart the first read is answered", async () => {
  const clients = [first, second.url].map((endpoint) => createClient(system, { endpoint }));
  for (const client of clients) await client.ListKeys({});
  postgres.signal("SIGKILL");
  await postgres.start();
  for (const client of clients) expect(await client.ListKeys({})).toHaveProperty("TotalCount");
}, 30_000);

test("a database that is stopped (SIGSTOP)", async () => {
  await underWrites(async () => {
    postgres.signal("SIGSTOP");
    await untilReady(first, false);
    await untilReady(second.url, false);
    postgres.signal("SIGCONT");
    await untilReady(first, true);
    await untilReady(second.url, true);
  });
}, 60_000);

test("the way of one copy falls silent: it says so, the other serves, and a disabled key ends at the edge", async () => {
  const { KeyId = "" } = await createClient(system, { endpoint: first }).CreateKey({
    Alias: newAlias(),
  });
  const edge = createClient(system);
  const use = () =>
    edge.Encrypt({ KeyId, Plaintext: base64("x") }).then(
      () => "served",
      ({ code }: { code: string }) => code,
    );
  await expect.poll(use).toBe("served");
  await underWrites(async () => {
    proxy.silenceNew(true);
    proxy.silenceOpen();
    await untilReady(first, false);
    expect(await readiness(second.url)).toBe(true);
    // Only what was open stays dead: nobody tells the control plane that it may try again.
    proxy.silenceNew(false);
    await untilReady(first, true);
  });
  // The connections of the edge's copy die without a word, the one that listens too.
  proxy.silenceOpen();
  await createClient(system, { endpoint: second.url }).DisableKey({ KeyId });
  const disabledAt = Date.now();
  // A call may wait for the copy whose connections are dead; what counts is when one was served last.
  let servedAt = disabledAt;
  while ((await use()) === "served") {
    servedAt = Date.now();
    expect(servedAt - disabledAt).toBeLessThan(5_000);
  }
}, 60_000);

test.each(["before", "after"] as const)(
  "the connection is cut in the midst of a commit, %s the server has it",
  async (when) => {
    const client = createClient(system, { endpoint: first });
    const { KeyId = "" } = await client.CreateKey({ Alias: newAlias() });
    // Jobs commit as well: cut until it was this call's.
    let told = "served";
    for (let attempt = 0; told === "served" && attempt < 20; attempt++) {
      await client.EnableKey({ KeyId });
      const cut = proxy.cutAtCommit(when);
      told = await client.DisableKey({ KeyId }).then(
        () => "served",
        ({ code }: { code: string }) => code,
      );
      await cut;
    }
    expect(told).toBe("InternalError");
    const { KeyMetadata } = await client.DescribeKey({ KeyId });
    expect(KeyMetadata?.KeyState).toBe(when === "after" ? "Disabled" : "Enabled");
    await client.DisableKey({ KeyId });
  },
  30_000,
);

test("a database that takes no changes, as after a failover", async () => {
  const setReadOnly = async (value: string): Promise<void> => {
    // The setting itself is of the server, so it can be taken back.
    await postgres.query(`alter system set default_transaction_read_only = ${value}`);
    await postgres.query("select pg_reload_conf()");
  };
  await underWrites(async () => {
    await setReadOnly("on");
    await untilReady(first, false);
    await setReadOnly("off");
    await untilReady(first, true);
  });
}, 60_000);

test.skipIf(!canMount)(
  "a disk that is full (skipped where nothing can be mounted)",
  async () => {
    const ballast = join(postgres.folder, "space", "ballast");
    await underWrites(async () => {
      const client = createClient(system, { endpoint: first });
      spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=64k"]);
      try {
        // Pages that exist have room for a while.
        const create = () =>
          client.CreateKey({ Alias: newAlias() }).then(
            () => "served",
            ({ code }: { code: string }) => code,
          );
        await expect.poll(create, { timeout: 20_000, interval: 10 }).toBe("InternalError");
      } finally {
        rmSync(ballast);
      }
    });
  },
  60_000,
);

test("one of two copies is killed, and the other one serves", async () => {
  await underWrites(async () => {
    await second.end("SIGKILL");
    expect(await readiness(first)).toBe(true);
  });
  second = await startSecondCopy(system, { databaseUrl: databaseUrl(postgres.port) });
}, 60_000);

// The last one: it leaves one copy.
test("a copy that is asked to stop finishes what it has begun", async () => {
  await underWrites(() => second.end("SIGTERM"));
}, 60_000);
