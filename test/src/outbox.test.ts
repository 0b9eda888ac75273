/**
 * Promise P3 on the whole system: every answered call is in the audit log, in order, once, hash-chained, however deliveries, control
 * planes and edges fail in between; and when too many records wait, calls are refused, by a code and not in silence.
 */

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AUDIT_CHAIN_START, decodeAuditRecord, utf8Encode } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, newAlias } from "./support/client.ts";
import { type Courier, startCourier } from "./support/courier.ts";
import { withDatabase } from "./support/database.ts";
import { edgeKmsJson } from "./support/edge-kms.ts";
import { type ExtraEdge, startExtraEdge } from "./support/extra-edge.ts";
import { outboxRows, withOutbox } from "./support/outbox-file.ts";
import { discard, type System, startSystem } from "./support/system.ts";

/** Records that an instance may keep to itself. */
const budget = 40;
const auditPath = "/edge/v1/audit";

let system: System;
let KeyId: string;
beforeAll(async () => {
  const lease = { maxUnacknowledged: budget };
  system = await startSystem({
    config: { controlPlane: { keyLease: lease, credentialLease: lease } },
  });
  KeyId = (await createClient(system).CreateKey({ Alias: newAlias() })).KeyId ?? "";
}, 120_000);
afterAll(() => discard(system), 60_000);

/** An edge with a courier between it and the control plane. */
async function withEdge(
  name: string,
  test: (edge: ExtraEdge, courier: Courier) => Promise<void>,
): Promise<void> {
  const courier = await startCourier(system.port + 1);
  const edge = await startExtraEdge(system, name, { controlPlanePort: courier.port });
  try {
    await test(edge, courier);
  } finally {
    courier.close();
    await edge.discard();
  }
}

/** Request ids of answered calls, and codes of refused ones. */
type Outcomes = { readonly answered: string[]; readonly refused: string[] };

async function encrypt(edge: ExtraEdge, { answered, refused }: Outcomes): Promise<void> {
  const kms = createClient(system, { endpoint: edge.url });
  try {
    const { RequestId = "" } = await kms.Encrypt({
      KeyId,
      Plaintext: base64(crypto.randomUUID()),
    });
    answered.push(RequestId);
  } catch (error) {
    refused.push((error as { code?: string }).code ?? "no answer");
  }
}

async function encryptAtOnce(edge: ExtraEdge, count: number, outcomes: Outcomes): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => encrypt(edge, outcomes)));
}

const nothing = (): Outcomes => ({ answered: [], refused: [] });

type Stored = { instance: string; seq: string; prev: string; hash: string; record: string };

const storedOf = (edge: ExtraEdge): Promise<Stored[]> =>
  withDatabase(system, async (query) => {
    const { rows } = (await query(
      "select instance, seq, prev, hash, record from edge_audit_records where edge = $1 order by instance, seq",
      [edge.name],
    )) as { rows: Stored[] };
    return rows;
  });
const requestIds = (stored: readonly Stored[]): string[] =>
  stored.map(({ record }) => JSON.parse(record).event.requestId as string);

/** Everything answered is stored, once; nothing else is; and each incarnation's records are one chain without a gap. */
async function expectAllStored(edge: ExtraEdge, { answered }: Outcomes): Promise<void> {
  await expect
    .poll(async () => (await storedOf(edge)).length, { timeout: 40_000, interval: 100 })
    .toBe(answered.length);
  const stored = await storedOf(edge);
  expect(requestIds(stored).sort()).toEqual([...answered].sort());
  const heads = new Map<string, { seq: number; hash: string }>();
  for (const { instance, seq, prev, hash, record } of stored) {
    const head = heads.get(instance) ?? { seq: 0, hash: AUDIT_CHAIN_START };
    expect([Number(seq), prev]).toEqual([head.seq + 1, head.hash]);
    expect(hash).toBe(createHash("sha256").update(record).digest("hex"));
    expect(decodeAuditRecord(utf8Encode(record))).toMatchObject({ instance, edge: edge.name });
    heads.set(instance, { seq: head.seq + 1, hash });
  }
}

async function healthOf(edge: ExtraEdge): Promise<{ blockedRecords: number }> {
  const answer = await fetch(`${edge.url}/healthz`);
  return (await answer.json()) as { blockedRecords: number };
}

const stateOf = async (edge: ExtraEdge) =>
  (await edgeKmsJson(system, ["edge", "list", edge.name])).Edges[0];

describe("records", () => {
  it(
    "of calls that come together are written together, and before the answers",
    () =>
      withEdge("grouped", async (edge, courier) => {
        const warm = nothing();
        await encrypt(edge, warm);
        await expectAllStored(edge, warm);
        courier.fate = () => "lose";
        const outcomes = nothing();
        await encryptAtOnce(edge, budget, outcomes);
        await edge.stop("SIGKILL");
        expect(outcomes.answered).toHaveLength(budget);
        const rows = outboxRows(edge.storage);
        // One durable write for several of them.
        expect(rows.length).toBeLessThan(budget / 2);
        let [seq, head] = [2, ""];
        const found: string[] = [];
        for (const row of rows) {
          expect(row.first_seq).toBe(seq);
          for (const line of Buffer.from(row.records).toString("utf8").trimEnd().split("\n")) {
            const record = decodeAuditRecord(utf8Encode(line));
            expect(record?.seq).toBe(seq);
            if (head !== "") expect(record?.prev).toBe(head);
            head = createHash("sha256").update(line).digest("hex");
            found.push(record?.event.requestId ?? "");
            seq += 1;
          }
          expect(row.last_seq).toBe(seq - 1);
        }
        expect(found.sort()).toEqual([...outcomes.answered].sort());
        // Killed and found again, they arrive behind the one that was there.
        courier.fate = () => "pass";
        await edge.start();
        await expectAllStored(edge, {
          answered: [...warm.answered, ...outcomes.answered],
          refused: [],
        });
      }),
    90_000,
  );

  it(
    "arrive once, and all of them, when answers to deliveries are lost and control plane and edge are killed",
    () =>
      withEdge("shaken", async (edge, courier) => {
        const outcomes = nothing();
        await encrypt(edge, outcomes);
        let deliveries = 0;
        courier.fate = (path) => {
          if (path !== auditPath) return "pass";
          deliveries += 1;
          return (["lose-answer", "lose", "pass"] as const)[deliveries % 3] ?? "pass";
        };
        let isOver = false;
        const callers = Array.from({ length: 4 }, async () => {
          while (!isOver) {
            await encrypt(edge, outcomes);
            await sleep(25);
          }
        });
        await sleep(500);
        await system.killAndWait("control plane", "SIGKILL");
        await sleep(1_000);
        isOver = true;
        await Promise.all(callers);
        const before = outcomes.answered.length;
        expect(before).toBeGreaterThan(10);
        // At most the outbox was full meanwhile; nothing else may be told to a caller whose leases are good.
        for (const code of outcomes.refused) expect(code).toBe("RequestLimitExceeded");
        await edge.stop("SIGKILL");
        await edge.start();
        await encryptAtOnce(edge, 5, outcomes);
        courier.fate = () => "pass";
        await expectAllStored(edge, outcomes);
        const sent = courier.seen
          .filter(({ path }) => path === auditPath)
          .flatMap(({ body }) => {
            const payload = Buffer.from(JSON.parse(body).payload, "base64").toString("utf8");
            return JSON.parse(payload).records as string[];
          });
        // They were delivered more than once, and stored once.
        expect(sent.length).toBeGreaterThan(new Set(sent).size);
        expect(new Set(sent).size).toBe(outcomes.answered.length);
      }),
    120_000,
  );

  it(
    "with a gap before them are refused, which shows, and what is lost stays owed",
    () =>
      withEdge("gapped", async (edge, courier) => {
        const outcomes = nothing();
        await encrypt(edge, outcomes);
        await expectAllStored(edge, outcomes);
        courier.fate = (path) => (path === auditPath ? "lose" : "pass");
        for (let n = 0; n < 6; n++) await encrypt(edge, outcomes);
        await edge.stop("SIGKILL");
        // Somebody with a pen in the storage: one row less.
        withOutbox(edge.storage, (database) => {
          const { id } = database.prepare("SELECT min(id) AS id FROM outbox").get() as {
            id: number;
          };
          database.prepare("DELETE FROM outbox WHERE id = ?").run(id);
        });
        courier.fate = () => "pass";
        await edge.start();
        await expect
          .poll(async () => (await healthOf(edge)).blockedRecords, { timeout: 20_000 })
          .toBeGreaterThan(0);
        expect(await storedOf(edge)).toHaveLength(1);
        // The calls of the new incarnation are not held up by it, and the lost ones stay owed.
        const later = nothing();
        await encryptAtOnce(edge, 3, later);
        expect(later.answered).toHaveLength(3);
        await expect.poll(async () => (await storedOf(edge)).length, { timeout: 20_000 }).toBe(4);
        expect(requestIds(await storedOf(edge))).toEqual(expect.arrayContaining(later.answered));
        // Until 5 s after its end the old incarnation counts as there.
        await expect
          .poll(async () => (await stateOf(edge)).UnaccountedAtMost, {
            timeout: 15_000,
            interval: 200,
          })
          .toBe(budget);
        expect((await healthOf(edge)).blockedRecords).toBe(5);
      }),
    90_000,
  );
});

describe("when too many records wait", () => {
  it(
    "calls are refused with a code, and served again once there is room",
    () =>
      withEdge("full", async (edge, courier) => {
        const outcomes = nothing();
        await encrypt(edge, outcomes);
        await expectAllStored(edge, outcomes);
        courier.fate = (path) => (path === auditPath ? "lose" : "pass");
        const pressed = nothing();
        await encryptAtOnce(edge, 2 * budget, pressed);
        expect(pressed.answered).toHaveLength(budget);
        expect(new Set(pressed.refused)).toEqual(new Set(["RequestLimitExceeded"]));
        expect(pressed.answered.length + pressed.refused.length).toBe(2 * budget);
        await encrypt(edge, pressed);
        expect(pressed.refused).toHaveLength(budget + 1);
        expect(await storedOf(edge)).toHaveLength(1);

        courier.fate = () => "pass";
        outcomes.answered.push(...pressed.answered);
        await expectAllStored(edge, outcomes);
        await encrypt(edge, outcomes);
        expect(outcomes.refused).toEqual([]);
        await expectAllStored(edge, outcomes);
      }),
    90_000,
  );

  it(
    "an edge that is lost with them owes no more than it is said to",
    () =>
      withEdge("lost", async (edge, courier) => {
        const outcomes = nothing();
        await encrypt(edge, outcomes);
        await expectAllStored(edge, outcomes);
        courier.fate = (path) => (path === auditPath ? "lose" : "pass");
        await encryptAtOnce(edge, 2 * budget, outcomes);
        await edge.stop("SIGKILL");
        edge.loseStorage();
        const missing = outcomes.answered.length - (await storedOf(edge)).length;
        expect(missing).toBe(budget);
        await expect
          .poll(async () => (await stateOf(edge)).Connected, { timeout: 10_000, interval: 200 })
          .toBe(false);
        expect((await stateOf(edge)).UnaccountedAtMost).toBe(budget);
      }),
    90_000,
  );
});
