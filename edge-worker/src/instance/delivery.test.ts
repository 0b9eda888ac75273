/** Delivery to a control plane that answers as the test says. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startClock } from "./clock.ts";
import { Delivery } from "./delivery.ts";
import type { Outbox } from "./outbox.ts";
import { type Upstream, UpstreamError } from "./upstream.ts";

type Reply = "acknowledged" | "away" | "refused";

let waiting: Map<string, number>;
let replies: (of: string) => Reply;
/** Which incarnation was delivered, each time. */
let sent: string[];
let delivery: Delivery;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  waiting = new Map();
  sent = [];
  replies = () => "acknowledged";
  const outbox = {
    get size() {
      return [...waiting.values()].reduce((sum, n) => sum + n, 0);
    },
    get instances() {
      return [...waiting.keys()];
    },
    waiting: (of: string) => waiting.get(of) ?? 0,
    next: (of: string) => {
      const count = waiting.get(of) ?? 0;
      return count === 0 ? null : { instance: of, lastSeq: count, records: Array(count).fill("r") };
    },
    acknowledge: (of: string) => waiting.delete(of),
  } as unknown as Outbox;
  const post = async (_path: string, _type: string, { of }: { of: string }) => {
    sent.push(of);
    const reply = replies(of);
    if (reply === "away") throw new UpstreamError("away");
    const answer =
      reply === "refused"
        ? { error: { code: "audit-gap" } }
        : { acknowledgedSeq: waiting.get(of) ?? 0 };
    return { answer };
  };
  const upstream = { origin: () => ({}), post } as unknown as Upstream;
  delivery = new Delivery(
    outbox,
    upstream,
    startClock(0, () => 0),
  );
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("pauses longer and longer while nobody answers, and not longer than half a minute", async () => {
  replies = () => "away";
  waiting.set("a", 3);
  delivery.kick();
  await vi.advanceTimersByTimeAsync(10_000);
  const early = sent.length;
  expect(early).toBeGreaterThan(3);
  await vi.advanceTimersByTimeAsync(600_000);
  const between = (600_000 / 30_000) * 2;
  expect(sent.length - early).toBeLessThanOrEqual(between);
  expect(sent.length - early).toBeGreaterThanOrEqual(600_000 / 30_000 - 1);
});

test("is tried at once when the control plane is there again, and goes on until nothing waits", async () => {
  replies = () => "away";
  waiting.set("a", 3);
  delivery.kick();
  await vi.advanceTimersByTimeAsync(300_000);
  const before = sent.length;
  // More to deliver does not shorten the pause.
  for (let n = 0; n < 5; n++) delivery.kick();
  await vi.advanceTimersByTimeAsync(10);
  expect(sent).toHaveLength(before);
  replies = () => "acknowledged";
  delivery.retry();
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toHaveLength(before + 1);
  expect(waiting.size).toBe(0);
  waiting.set("a", 1);
  delivery.kick();
  await vi.advanceTimersByTimeAsync(100);
  expect(waiting.size).toBe(0);
});

test("of one incarnation that is refused does not hold up another", async () => {
  replies = (of) => (of === "old" ? "refused" : "acknowledged");
  waiting.set("old", 7);
  waiting.set("new", 2);
  delivery.kick();
  await vi.advanceTimersByTimeAsync(100);
  expect([...waiting.keys()]).toEqual(["old"]);
  expect(delivery.blockedRecords).toBe(7);
  replies = () => "acknowledged";
  await vi.advanceTimersByTimeAsync(60_000);
  expect(waiting.size).toBe(0);
  expect(delivery.blockedRecords).toBe(0);
});
