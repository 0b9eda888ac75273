import { expect, test } from "vitest";
import type { Bridge } from "./bridge/client.ts";
import type { Database } from "./db/index.ts";
import { createReadiness } from "./readiness.ts";

const bridge = { call: async () => ({}) } as unknown as Bridge;

function databaseThat(answer: () => Promise<unknown>) {
  let asked = 0;
  const database = {
    readPromptly: () => {
      asked += 1;
      return answer();
    },
  } as unknown as Database;
  return { database, asked: () => asked };
}

test("a database that hangs is not ready, in time, and asked once however many look", async () => {
  const { database, asked } = databaseThat(() => new Promise(() => {}));
  const { isReady } = createReadiness(database, bridge);
  const startedMs = performance.now();
  expect(await Promise.all([isReady(), isReady(), isReady()])).toEqual([false, false, false]);
  expect(await isReady()).toBe(false);
  // Twice 1.5 s.
  expect(performance.now() - startedMs).toBeLessThan(4_500);
  expect(asked()).toBe(1);
}, 10_000);

test("one look counts for a second", async () => {
  const { database, asked } = databaseThat(async () => {});
  const { isReady } = createReadiness(database, bridge);
  expect([await isReady(), await isReady()]).toEqual([true, true]);
  expect(asked()).toBe(1);
});

test("who stops is not ready from the first moment", async () => {
  const { database } = databaseThat(async () => {});
  const readiness = createReadiness(database, bridge);
  expect(await readiness.isReady()).toBe(true);
  const drained = readiness.drain(200);
  expect(await readiness.isReady()).toBe(false);
  await drained;
});
