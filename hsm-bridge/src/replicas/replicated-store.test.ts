/** Two tokens of independent modules, either of which is taken away, hangs, or is lost. */

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pkcs11Store } from "../pkcs11/pkcs11-store.ts";
import { type Database, openDatabase } from "../registry/database.ts";
import {
  isWithoutHsm,
  type PreparedToken,
  prepareToken,
  prepareTwoTokens,
  severalTokens,
  silentLogger,
} from "../testing/stores.ts";
import { TokenSwitch } from "../testing/token-switch.ts";
import { openReplicatedStore } from "./open.ts";
import type { ReplicatedStore } from "./replicated-store.ts";
import { decodeCopies, encodeCopies } from "./sealed-copies.ts";

const aad = Buffer.from("aad");
const code = (value: string) => expect.objectContaining({ code: value });
const text = (opened: Uint8Array) => Buffer.from(opened).toString();

describe.skipIf(isWithoutHsm)("a store over two tokens", () => {
  let tokens: readonly [PreparedToken, PreparedToken];
  let directory: string;
  let database: Database;
  let store: ReplicatedStore;

  const open = (more: object = {}, of: readonly PreparedToken[] = tokens) =>
    openReplicatedStore(severalTokens(of, more), database, silentLogger);
  const reopen = async (more: object = {}, of: readonly PreparedToken[] = tokens) => {
    await store.close();
    store = await open(more, of);
  };
  const switchOf = (n: 0 | 1) =>
    new TokenSwitch(tokens[n], () => store.replicas[n]?.store as Pkcs11Store);
  const seal = (plaintext: string) => store.aesGcmEncrypt("k1", Buffer.from(plaintext), aad);
  const opened = (sealed: Uint8Array) => store.aesGcmDecrypt("k1", sealed, aad).then(text);

  beforeEach(async () => {
    tokens = await prepareTwoTokens();
    directory = await mkdtemp(join(tmpdir(), "edge-kms-registry-"));
    database = await openDatabase(join(directory, "registry.sqlite"));
    store = await open();
    await store.generateAesKey("k1");
  }, 30_000);
  afterEach(async () => {
    await store?.close();
    database?.close();
    for (const token of tokens) await token.remove();
    await rm(directory, { recursive: true, force: true });
  });

  it("opens what it sealed with either token alone", async () => {
    const sealed = await seal("both");
    expect([...(decodeCopies(sealed) ?? new Map()).keys()]).toEqual(["first", "second"]);
    for (const n of [0, 1] as const) {
      const away = switchOf(n);
      await away.takeAway();
      expect(await opened(sealed)).toBe("both");
      expect(store.tokens[n]?.state).not.toBe("closed");
      await store.prove("k1");
      expect(await store.random(8)).toHaveLength(8);
      await away.bringBack();
      expect(await opened(sealed)).toBe("both");
    }
  }, 60_000);

  it("writes nothing when a token is away, unless fewer are declared to be enough", async () => {
    const away = switchOf(1);
    await away.takeAway();
    await expect(store.generateAesKey("k2")).rejects.toEqual(code("hsm-unavailable"));
    await expect(seal("x")).rejects.toEqual(code("hsm-unavailable"));
    await reopen({ writeQuorum: 1 });
    await store.generateAesKey("k3");
    const sealed = await store.aesGcmEncrypt("k3", Buffer.from("one"), aad);
    expect([...(decodeCopies(sealed) ?? new Map()).keys()]).toEqual(["first"]);
    await expect(store.importAesKey("k4", randomBytes(32))).rejects.toEqual(
      code("hsm-unavailable"),
    );
  }, 60_000);

  it("waits a second for a token that hangs, and then asks the other", async () => {
    const sealed = await seal("both");
    const pid = store.replicas[0]?.store as Pkcs11Store;
    process.kill(pid.workerPid as number, "SIGSTOP");
    const startMs = performance.now();
    const all = await Promise.all(Array.from({ length: 20 }, () => opened(sealed)));
    expect(new Set(all)).toEqual(new Set(["both"]));
    expect(performance.now() - startMs).toBeLessThan(9_000);
  }, 30_000);

  it("opens what one copy of is altered, and refuses what all are", async () => {
    const sealed = await seal("both");
    const copies = decodeCopies(sealed) ?? new Map<string, Uint8Array>();
    const altered = (labels: readonly string[]) =>
      encodeCopies(
        new Map(
          [...copies].map(([label, wrapping]) => {
            const changed = Uint8Array.from(wrapping);
            if (labels.includes(label)) changed[20] = (changed[20] as number) ^ 1;
            return [label, changed];
          }),
        ),
      );
    for (let n = 0; n < 4; n++) expect(await opened(altered(["first"]))).toBe("both");
    expect(await opened(altered(["second"]))).toBe("both");
    await expect(opened(altered(["first", "second"]))).rejects.toEqual(code("corrupt"));
    // What is wrapped for one token opens under no other.
    const swapped = new Map([
      ["first", copies.get("second") as Uint8Array],
      ["second", copies.get("first") as Uint8Array],
    ]);
    await expect(opened(encodeCopies(swapped))).rejects.toEqual(code("corrupt"));
    await expect(store.aesGcmDecrypt("k1", sealed, Buffer.from("other"))).rejects.toEqual(
      code("corrupt"),
    );
    const elsewhere = encodeCopies(new Map([["third", randomBytes(40)]]));
    await expect(opened(elsewhere)).rejects.toEqual(code("hsm-unavailable"));
    for (const length of [0, 1, 6, sealed.length - 1]) {
      await expect(opened(sealed.subarray(0, length))).rejects.toEqual(code("corrupt"));
    }
  }, 30_000);

  it("has destroyed a key when every token has, and not before", async () => {
    const sealed = await seal("both");
    const away = switchOf(1);
    await away.takeAway();
    await expect(store.destroyKey("k1")).rejects.toEqual(code("hsm-unavailable"));
    await expect(opened(sealed)).rejects.toEqual(code("hsm-unavailable"));
    await away.bringBack();
    expect(await store.destroyKey("k1")).toBe(true);
    await expect(opened(sealed)).rejects.toEqual(code("not-found"));
    expect((await store.listObjects()).map(({ id }) => id)).not.toContain("k1");
  }, 60_000);

  it("destroys nothing on behalf of a token that nobody asked, until it is retired", async () => {
    await reopen({}, [tokens[0]]);
    await expect(store.destroyKey("k1")).rejects.toThrow(/"second" has a copy/);
    await reopen({ retiredTokens: ["second"] }, [tokens[0]]);
    // The first one did it at the first call; what is left is to say so.
    expect(await store.destroyKey("k1")).toBe(false);
    await expect(seal("x")).rejects.toEqual(code("not-found"));
  }, 30_000);

  it("destroys nothing in the name of a token that has not what it should have", async () => {
    const impostor = await prepareToken("second");
    await reopen({}, [tokens[0], impostor]);
    await expect(store.destroyKey("k1")).rejects.toThrow(/"second" lacks an object/);
    await reopen();
    expect(await store.destroyKey("k1")).toBe(true);
    expect((await store.listObjects()).map(({ id }) => id)).not.toContain("k1");
    await impostor.remove();
  }, 30_000);

  it("makes one key in a token that was late with it, and destroys that one", async () => {
    await reopen({ writeQuorum: 1 });
    const second = store.replicas[1]?.store as Pkcs11Store;
    process.kill(second.workerPid as number, "SIGSTOP");
    await store.generateAesKey("late");
    const copying = store.copyObject("second", "late", () => []);
    process.kill(second.workerPid as number, "SIGCONT");
    await copying;
    const count = async (id: string) =>
      (await second.listObjects()).filter((object) => object.id === id).length;
    expect(await count("late")).toBe(1);

    process.kill(second.workerPid as number, "SIGSTOP");
    await store.generateAesKey("later");
    const destroying = store.destroyKey("later");
    process.kill(second.workerPid as number, "SIGCONT");
    expect(await destroying).toBe(true);
    expect(await count("later")).toBe(0);
  }, 30_000);

  it("opens with any token what another has wrapped under imported material", async () => {
    await database.commit(() => {
      const sql = [
        "INSERT INTO objects VALUES ('imported', 'key-version', 'ready', 0)",
        "INSERT INTO keys (key_id, account, region, suite, state, created_at_ms, origin) VALUES ('key', 'a', 'r', 1, 'active', 0, 'imported')",
        "INSERT INTO key_versions VALUES ('key', 1, 'imported', 0)",
      ];
      for (const one of sql) database.run(one);
    });
    await store.importAesKey("imported", randomBytes(32));
    const sealed = await store.aesGcmEncrypt("imported", Buffer.from("both"), aad);
    const byFirst = encodeCopies(
      new Map([["first", decodeCopies(sealed)?.get("first") as Uint8Array]]),
    );
    await switchOf(0).takeAway();
    expect(text(await store.aesGcmDecrypt("imported", byFirst, aad))).toBe("both");
  }, 30_000);

  it("does not start when none of its tokens serves, or one that is new with several does not", async () => {
    await store.close();
    const third = await prepareToken("third");
    const gone = { ...third, settings: { ...third.settings, tokenLabel: "gone" } };
    await expect(open({}, [gone])).rejects.toThrow(/None of the 1 tokens serves/);
    const fresh = await openDatabase(join(directory, "fresh.sqlite"));
    await expect(
      openReplicatedStore(severalTokens([third, gone]), fresh, silentLogger),
    ).rejects.toThrow(/"gone" does not serve/);
    fresh.close();
    store = await open({}, [tokens[0], gone]);
    expect(store.tokens.map(({ state }) => state === "closed")).toEqual([true, false]);
    await third.remove();
  }, 30_000);
});

describe("sealed copies", () => {
  it("are what they were, and nothing else is taken for them", () => {
    const copies = new Map([
      ["a", Uint8Array.of(1, 2, 3)],
      ["label of a token, 32 bytes long!", new Uint8Array(1_300)],
    ]);
    const encoded = encodeCopies(copies);
    expect(decodeCopies(encoded)).toEqual(copies);
    for (let length = 0; length < encoded.length; length++) {
      expect(decodeCopies(encoded.subarray(0, length))).toBeNull();
    }
    expect(decodeCopies(Buffer.concat([encoded, Buffer.alloc(1)]))).toBeNull();
    expect(decodeCopies(Buffer.concat([Buffer.from("EKRS"), Buffer.alloc(60)]))).toBeNull();
    expect(decodeCopies(Uint8Array.from(encoded).fill(0, 5, 6))).toBeNull();
    for (let n = 0; n < 1000; n++) expect(decodeCopies(randomBytes(60))).toBeNull();
  });
});
