/** Branch keys against a store that misbehaves, and the memory they leave. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  branchAssociatedData,
  branchTurnovers,
  currentBranch,
  openBranch,
  periodAt,
} from "./branch-keys.ts";
import type { Bridge } from "./bridge.ts";
import { encodeFields } from "./bytes.ts";
import { KeyedMutex } from "./mutex.ts";
import { type Database, openDatabase } from "./registry/database.ts";
import {
  addPermittedEncryptions,
  findKey,
  insertKey,
  insertVersion,
  type KeyRow,
} from "./registry/keys.ts";

const DAY_MS = 86_400_000;
const name = { account: "1", region: "ap-singapore", keyId: "k" };
const version = { version: 1, objectId: "object", createdAtMs: 1 };

let directory: string;
let database: Database;
let key: KeyRow;
/** Every buffer the store handed out, random and opened. */
let handedOut: Uint8Array[];
let spoil: (opened: Uint8Array) => void;
let bridge: Bridge;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-kms-branch-"));
  database = await openDatabase(join(directory, "registry.sqlite"));
  await database.commit(() => {
    database.run("INSERT INTO objects VALUES ('object', 'key-version', 'ready', 1)");
    insertKey(database, name, 1, "active", 1);
    insertVersion(database, name.keyId, 1, "object", 1);
  });
  key = findKey(database, name.keyId) as KeyRow;
  handedOut = [];
  spoil = () => {};
  const give = (bytes: Uint8Array): Uint8Array => {
    handedOut.push(bytes);
    return bytes;
  };
  bridge = {
    store: {
      random: async (count: number) => give(new Uint8Array(count).fill(0xa5)),
      // No cipher: what is sealed here never leaves this test.
      aesGcmEncrypt: async (_id: string, plaintext: Uint8Array) => Uint8Array.from(plaintext),
      aesGcmDecrypt: async (_id: string, sealed: Uint8Array) => {
        const opened = give(Uint8Array.from(sealed));
        spoil(opened);
        return opened;
      },
    },
    database,
    clock: () => 1_000 * DAY_MS,
    branchPeriodDays: 30,
    branchTurnover: branchTurnovers[1],
    keyLocks: new KeyedMutex(),
  } as unknown as Bridge;
});
afterEach(async () => {
  database.close();
  await rm(directory, { recursive: true, force: true });
});

const branches = () =>
  database.get<{ n: number }>("SELECT count(*) AS n FROM branches")?.n ?? Number.NaN;

describe("branch keys", () => {
  it("are used only when the store opened what it wrapped", async () => {
    spoil = (opened) => {
      opened[31] = 0;
    };
    await expect(currentBranch(bridge, key, version, "g")).rejects.toMatchObject({
      code: "internal",
    });
    expect(branches()).toBe(0);
    spoil = () => {};
    await currentBranch(bridge, key, version, "g");
    expect(branches()).toBe(1);
  });

  it("leave no copy in the buffers the store handed out", async () => {
    await currentBranch(bridge, key, version, "g");
    const secrets = handedOut.filter((bytes) => bytes.length === 32);
    expect(secrets).toHaveLength(2);
    expect(secrets.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
  });

  it("leave none either when it fails", async () => {
    spoil = (opened) => {
      opened[0] = 1;
    };
    await currentBranch(bridge, key, version, "g").catch(() => {});
    for (const bytes of handedOut.filter(({ length }) => length === 32)) {
      expect(bytes.every((byte) => byte === 0)).toBe(true);
    }
  });

  it("are refused when they have not their suite's length", async () => {
    const row = await currentBranch(bridge, key, version, "g");
    const short = { ...row, wrapped: new Uint8Array(16) };
    await expect(openBranch(bridge, key, version, short)).rejects.toMatchObject({
      code: "corrupt",
    });
  });

  it("are not made for a key that was destroyed meanwhile", async () => {
    spoil = () => {
      database.run("UPDATE keys SET state = 'destroying'");
    };
    await expect(currentBranch(bridge, key, version, "g")).rejects.toMatchObject({
      code: "destroyed",
    });
    expect(branches()).toBe(0);
  });

  it("have a period named by its first day, whatever its length", () => {
    expect(periodAt(0, 30)).toBe(0);
    expect(periodAt(30 * DAY_MS - 1, 30)).toBe(0);
    expect(periodAt(30 * DAY_MS, 30)).toBe(30);
    expect(periodAt(1_000 * DAY_MS, 30)).toBe(990);
    expect(periodAt(1_000 * DAY_MS, 1)).toBe(1_000);
  });

  it.each([
    [1, 2 ** 40],
    [2, 2 ** 36],
  ] as const)(
    "of suite %i have a successor once so many encryptions were permitted: %i",
    async (suite, turnover) => {
      expect(branchTurnovers[suite]).toBe(turnover);
      const keyBytes = suite === 1 ? 32 : 16;
      spoil = (opened) => expect(opened).toHaveLength(keyBytes);
      const branchOf = async () =>
        (await currentBranch(bridge, { ...key, suite }, version, "g")).turn;
      const permit = (branch: string, count: number) =>
        database.commit(() => addPermittedEncryptions(database, branch, count));
      const first = await currentBranch(bridge, { ...key, suite }, version, "g");
      await permit(first.branch, turnover - 1);
      expect(await branchOf()).toBe(0);
      // The random bytes of this test's store are always the same, and ids are theirs.
      await database.commit(() => database.run("UPDATE branches SET branch = 'first'"));
      await permit("first", 1);
      expect(await Promise.all([branchOf(), branchOf(), branchOf()])).toEqual([1, 1, 1]);
      expect(branches()).toBe(2);
    },
  );

  it("bind every name they belong to, injectively", () => {
    const row = { keyId: "k", version: 1, branch: "b", group: "g", period: 1 };
    const all = [
      branchAssociatedData(key, row),
      branchAssociatedData({ ...key, account: "2" }, row),
      branchAssociatedData({ ...key, region: "r" }, row),
      branchAssociatedData({ ...key, suite: 2 }, row),
      branchAssociatedData(key, { ...row, keyId: "l" }),
      branchAssociatedData(key, { ...row, version: 2 }),
      branchAssociatedData(key, { ...row, branch: "c" }),
      branchAssociatedData(key, { ...row, group: "h" }),
      branchAssociatedData(key, { ...row, period: 2 }),
      encodeFields("x", ["ab", "c"]),
      encodeFields("x", ["a", "bc"]),
      encodeFields("x", ["abc"]),
    ];
    expect(new Set(all.map((bytes) => Buffer.from(bytes).toString("hex"))).size).toBe(all.length);
  });
});
