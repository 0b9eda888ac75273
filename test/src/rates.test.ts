/** Rates of calls at the edge, on the whole system: set at the control plane, held by the edge instance, seen by clients. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { newAccessKey } from "./support/access-key.ts";
import { withDatabase } from "./support/database.ts";
import { type RawAnswer, rawCall } from "./support/raw.ts";
import { discard, type System, startSystem } from "./support/system.ts";

const callRates = { perAccount: 30, perAccessKey: 10 };

type AccessKey = Awaited<ReturnType<typeof newAccessKey>>;

let system: System;
let keys: AccessKey[];
beforeAll(async () => {
  system = await startSystem({ config: { controlPlane: { callRates } } });
  keys = [];
  for (let n = 0; n < 4; n++) keys.push(await newAccessKey(system, "root"));
  const isConnected = async () => {
    const health = await fetch(`${system.env.KMS_ENDPOINT}/healthz`);
    return ((await health.json()) as { controlPlane: string }).controlPlane;
  };
  while ((await isConnected()) !== "connected") await sleep(20);
  // So that every key is known at the edge, and asking for it takes no time later.
  for (const key of keys) expect((await calls(key, 1))[0]?.code).toBeUndefined();
}, 120_000);
afterAll(() => discard(system), 60_000);

/** Buckets are full again. */
beforeEach(() => sleep(1_100));

let bytes = 0;
/** So many calls at once. Each asks for another number of bytes: no two have one signature. */
function calls(key: AccessKey, count: number): Promise<RawAnswer[]> {
  const one = () => {
    bytes = (bytes % 1024) + 1;
    return rawCall(system, { ...key, body: JSON.stringify({ NumberOfBytes: bytes }) });
  };
  return Promise.all(Array.from({ length: count }, one));
}

const limited = "RequestLimitExceeded";
const served = (answers: readonly RawAnswer[]) =>
  answers.filter(({ code }) => code === undefined).length;

/** What came of calls, and the most that could be served in the time that they took. */
async function flood(perSecond: number, ask: () => Promise<RawAnswer[]>) {
  const startedMs = performance.now();
  const answers = await ask();
  const elapsedMs = performance.now() - startedMs;
  const codes = new Set(answers.map(({ code }) => code));
  return { answers, codes, most: Math.ceil(perSecond * (1 + elapsedMs / 1000)) };
}

it("an access key has its rate, and the others of the account go on", async () => {
  const [first, second] = keys as [AccessKey, AccessKey];
  let others: RawAnswer[] = [];
  const { answers, codes, most } = await flood(callRates.perAccessKey, async () => {
    const flooding = calls(first, 150);
    others = await calls(second, 5);
    return flooding;
  });
  expect([...codes].sort()).toEqual([limited, undefined]);
  expect(served(answers)).toBeGreaterThanOrEqual(callRates.perAccessKey);
  expect(served(answers)).toBeLessThanOrEqual(most);
  expect(others.map(({ code }) => code)).toEqual(others.map(() => undefined));
}, 60_000);

it("an account has its rate, whatever the number of its access keys", async () => {
  const { answers, codes, most } = await flood(callRates.perAccount, async () =>
    (await Promise.all(keys.map((key) => calls(key, 60)))).flat(),
  );
  expect([...codes].sort()).toEqual([limited, undefined]);
  expect(served(answers)).toBeLessThanOrEqual(most);
}, 60_000);

it("strangers who know a SecretId use up nothing of its owner's rate", async () => {
  const [own] = keys as [AccessKey];
  const forged = { ...own, secretKey: "x".repeat(32) };
  const answers = await calls(forged, 200);
  expect(new Set(answers.map(({ code }) => code))).toEqual(
    new Set(["AuthFailure.SignatureFailure"]),
  );
  expect(served(await calls(own, callRates.perAccessKey))).toBe(callRates.perAccessKey);
}, 60_000);

it("refusals are in the audit once a second and access key, with their number", async () => {
  const key = await newAccessKey(system, "root");
  const refusals = () =>
    withDatabase(system, async (query) => {
      const { rows } = (await query(
        "select record from edge_audit_records where error_code = $1 and secret_id = $2",
        [limited, key.secretId],
      )) as { rows: { record: string }[] };
      return rows.map(({ record }) => JSON.parse(record).event.reason as string);
    });
  const counted = (reasons: string[]) =>
    reasons.reduce((sum, reason) => sum + Number(/^over-rate-(\d+)$/.exec(reason)?.[1]), 0);
  const startedMs = performance.now();
  const answers = await calls(key, 200);
  const seconds = (performance.now() - startedMs) / 1000;
  const refused = answers.length - served(answers);
  expect(refused).toBeGreaterThan(0);
  await expect.poll(async () => counted(await refusals()), { timeout: 10_000 }).toBe(refused);
  expect((await refusals()).length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
}, 60_000);
