import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase, testTimes } from "../testing/database.ts";
import type { Database, Queryable } from "./database.ts";
import { DatabaseError } from "./errors.ts";
import { NewerDatabaseError, newestKnownMigrationMs, refuseNewerDatabase } from "./migrate.ts";
import { insertAccount, raiseEpoch, raiseEpochsToAtLeast, readEpochs } from "./queries/accounts.ts";
import { countKeys, foldKeyCounts } from "./queries/key-counts.ts";
import {
  abandonCreation,
  beginCreation,
  countTowardsQuota,
  finishCreation,
  type NewKey,
  removeAbandoned,
} from "./queries/key-creation.ts";
import { aliasConstraint, findKey, lockKey, updateKey } from "./queries/keys.ts";
import { recordSignature, removeExpiredSignatures } from "./queries/used-signatures.ts";

let opened: TestDatabase;
let database: Database;
beforeAll(async () => {
  opened = await openTestDatabase();
  database = opened.database;
  await database.transaction((tx) => insertAccount(tx, { account, appId: 1, createdAtMs: 0 }));
});
afterAll(() => opened.close());

const account = "100000000001";
const scope = { account, region: "ap-singapore" };
let keyCount = 0;
const newKey = (alias: string): NewKey => {
  keyCount += 1;
  return {
    ...scope,
    keyId: `00000000-0000-4000-8000-${String(keyCount).padStart(12, "0")}`,
    alias,
    description: "",
    keyUsage: "ENCRYPT_DECRYPT",
    origin: "TENCENT_KMS",
    suite: "AES_256",
    creatorUin: account,
    createdAtMs: 1,
    nextRotateAtMs: 2,
    creatingUntilMs: 3,
    tags: [],
  };
};
const make = (key: NewKey) =>
  database.transaction(async (tx) => {
    await beginCreation(tx, key);
    await finishCreation(tx, key, { version: 1, createdAtMs: 1, publicKeyStatement: null });
  });
const epochOf = async () => (await database.read(readEpochs))[0]?.epoch;

test("a transaction that throws leaves nothing behind, and throws what was thrown", async () => {
  const key = newKey("rolled-back");
  const thrown = new RangeError("mine");
  const work = database.transaction(async (tx) => {
    await beginCreation(tx, key);
    throw thrown;
  });
  await expect(work).rejects.toBe(thrown);
  await make(newKey("rolled-back"));
});

test("a violated constraint is told by name, without the values", async () => {
  await make(newKey("twice-taken"));
  const error = await make(newKey("twice-taken")).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(DatabaseError);
  expect(error).toMatchObject({ kind: "unique-violation", constraint: aliasConstraint });
  expect(JSON.stringify(error) + String(error)).not.toContain("twice-taken");
});

test("two who change one key wait for each other", async () => {
  const key = newKey("counter");
  await make(key);
  await Promise.all(
    Array.from({ length: 8 }, () =>
      database.transaction(async (tx) => {
        const locked = await lockKey(tx, scope, key.keyId);
        if (locked === null) throw new Error("not found");
        await updateKey(tx, locked, { description: `${locked.description}x` });
      }),
    ),
  );
  const found = await database.read((db) => findKey(db, scope, key.keyId));
  expect(found?.description).toBe("x".repeat(8));
});

test("transactions that lock in opposite orders all happen in the end", async () => {
  const [a, b] = [newKey("lock-a"), newKey("lock-b")];
  await make(a);
  await make(b);
  const touch = (first: string, second: string) =>
    database.transaction(async (tx) => {
      for (const keyId of [first, second]) {
        const key = await lockKey(tx, scope, keyId);
        if (key !== null) await updateKey(tx, key, { description: `${key.description}x` });
      }
    });
  await Promise.all([touch(a.keyId, b.keyId), touch(b.keyId, a.keyId)]);
  const found = await database.read((db) => findKey(db, scope, a.keyId));
  expect(found?.description).toBe("xx");
});

test("epochs rise and never fall", async () => {
  await database.transaction((tx) => raiseEpoch(tx, account));
  await database.transaction((tx) => raiseEpochsToAtLeast(tx, 7, [{ account, counter: 5 }]));
  expect(await epochOf()).toEqual({ generation: 7, counter: 5 });
  await database.transaction((tx) => raiseEpochsToAtLeast(tx, 6, [{ account, counter: 4 }]));
  expect(await epochOf()).toEqual({ generation: 7, counter: 5 });
  await database.transaction((tx) => raiseEpoch(tx, account));
  expect(await epochOf()).toEqual({ generation: 7, counter: 6 });
});

test("a raised epoch is told when it is committed, and not when it is rolled back", async () => {
  let notices = 0;
  const listener = await database.listen("edge_kms_epoch", () => {
    notices += 1;
  });
  await expect.poll(() => notices).toBe(1);
  const rolledBack = database.transaction(async (tx) => {
    await raiseEpoch(tx, account);
    throw new Error("no");
  });
  await rolledBack.catch(() => {});
  await database.transaction((tx) => raiseEpoch(tx, account));
  await expect.poll(() => notices).toBe(2);
  await listener.close();
  await database.transaction((tx) => raiseEpoch(tx, account));
  expect(notices).toBe(2);
});

test("a signature is new once, until its time is over", async () => {
  const signature = {
    secretId: "AKID",
    signature: "s",
    account,
    binding: "b",
    isStateChange: true,
    expiresAtMs: 1_000,
  };
  const record = () => database.transaction((tx) => recordSignature(tx, signature));
  expect(await record()).toBeNull();
  expect(await record()).toEqual(signature);
  await database.transaction((tx) => removeExpiredSignatures(tx, 1_000));
  expect(await record()).toEqual(signature);
  await database.transaction((tx) => removeExpiredSignatures(tx, 1_001));
  expect(await record()).toBeNull();
});

test("a database of a newer version is refused", () => {
  refuseNewerDatabase(null);
  refuseNewerDatabase(newestKnownMigrationMs());
  expect(() => refuseNewerDatabase(newestKnownMigrationMs() + 1)).toThrow(NewerDatabaseError);
});

test("numbers of keys are known without counting, through every change and folding", async () => {
  const own = { account: "100000000777", region: "ap-singapore" };
  await database.transaction((tx) => insertAccount(tx, { ...own, appId: 7, createdAtMs: 0 }));
  const states = ["Enabled", "Disabled"] as const;
  const known = (of: object = {}) =>
    database.read((db) =>
      countKeys(db, { ...own, states, isUserMade: true, origin: null, keyUsage: null, ...of }),
    );
  const key = (n: number) => ({ ...newKey(`counted-${n}`), account: own.account });
  const made = [key(1), key(2), key(3)];
  for (const one of made) await make(one);
  expect(await known()).toBe(3);
  expect(await known({ keyUsage: "ASYMMETRIC_DECRYPT_SM2" })).toBe(0);
  const [first, second] = made as [NewKey, NewKey];
  await database.transaction((tx) => updateKey(tx, first, { state: "PendingDelete" }));
  await database.transaction((tx) =>
    updateKey(tx, second, { alias: "renamed", state: "Disabled" }),
  );
  expect([await known(), await known({ states: ["Disabled"] })]).toEqual([2, 1]);
  expect(await database.read((db) => countTowardsQuota(db, own))).toBe(2);
  const given = key(4);
  await database.transaction(async (tx) => {
    await beginCreation(tx, given);
    expect(await countTowardsQuota(tx, own)).toBe(3);
    await abandonCreation(tx, given);
  });
  await database.transaction((tx) => removeAbandoned(tx, given));
  for (let n = 0; n < 600; n++) {
    const state = n % 2 === 0 ? "Enabled" : "Disabled";
    await database.transaction((tx) => updateKey(tx, second, { state }));
  }
  await Promise.all([1, 2].map(() => database.transaction(foldKeyCounts)));
  expect([await known(), await known({ states: ["Disabled"] })]).toEqual([2, 1]);
  await database.transaction((tx) => updateKey(tx, second, { state: "PendingDelete" }));
  expect(await known()).toBe(1);
}, 20_000);

// In memory there is one connection, which cannot be lost.
describe.runIf(process.env.EDGE_KMS_TEST_DATABASE_URL)("over a server", () => {
  const endOwnConnection = (db: Queryable) =>
    db.execute(sql`select pg_terminate_backend(pg_backend_pid())`);

  test("a transaction that went on after a failed statement is not taken for committed", async () => {
    const key = newKey("went-on");
    const work = database.transaction(async (tx) => {
      await beginCreation(tx, key);
      await tx.execute(sql`select 1 / 0`).catch(() => {});
    });
    await expect(work).rejects.toMatchObject({ kind: "other", code: "25P02" });
    await make(newKey("went-on"));
  });

  test("a connection that ends in a transaction changes nothing, and the next call gets another", async () => {
    const key = newKey("cut-off");
    const work = database.transaction(async (tx) => {
      await beginCreation(tx, key);
      await endOwnConnection(tx);
    });
    await expect(work).rejects.toMatchObject({ kind: "unavailable" });
    await make(newKey("cut-off"));
  });

  test("a read whose connection ends is done once more, and not a third time", async () => {
    let attempts = 0;
    const read = (lost: number) =>
      database.read(async (db) => {
        attempts += 1;
        if (attempts <= lost) await endOwnConnection(db);
        return db.execute(sql`select 1`);
      });
    await read(1);
    expect(attempts).toBe(2);
    attempts = 0;
    await expect(read(3)).rejects.toMatchObject({ kind: "unavailable" });
    expect(attempts).toBe(2);
  });

  test("who waits for a connection is served when one comes back, and refused in time when none does", async () => {
    const hold = (ms: number) =>
      Promise.all(
        Array.from({ length: 8 }, () =>
          database.transaction((tx) => tx.execute(sql`select pg_sleep(${ms / 1_000})`)),
        ),
      );
    const held = hold(300);
    await database.read((db) => db.execute(sql`select 1`));
    await held;
    const heldLong = hold(testTimes.connectMs + 1_500);
    const startedMs = performance.now();
    await expect(database.read((db) => db.execute(sql`select 1`))).rejects.toMatchObject({
      kind: "unavailable",
    });
    expect(performance.now() - startedMs).toBeLessThan(testTimes.connectMs + 1_000);
    await heldLong;
  }, 20_000);

  test("the answer to a read that takes too long is given up, and its connection with it", async () => {
    const startedMs = performance.now();
    await expect(
      database.readPromptly((db) => db.execute(sql`select pg_sleep(4)`)),
    ).rejects.toMatchObject({ kind: "unavailable" });
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  }, 20_000);
});
