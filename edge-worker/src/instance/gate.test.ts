import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Gate } from "./gate.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Work that ends when it is told to. */
function makeWork() {
  const ends: (() => void)[] = [];
  const work = () => new Promise<string>((resolve) => ends.push(() => resolve("done")));
  return { ends, work };
}

test("so many run at once, the others in order", async () => {
  const gate = new Gate(2, 10, 1_000);
  const { ends, work } = makeWork();
  const runs = Array.from({ length: 5 }, () => gate.run(work));
  for (let ended = 0; ended < 5; ended++) {
    await vi.advanceTimersByTimeAsync(0);
    expect(ends).toHaveLength(Math.min(ended + 2, 5));
    ends[ended]?.();
  }
  expect(await Promise.all(runs)).toEqual(Array(5).fill("done"));
});

test("who waits too long, or finds too many waiting, is refused; the place goes to who still waits", async () => {
  const gate = new Gate(1, 2, 1_000);
  const { ends, work } = makeWork();
  const first = gate.run(work);
  const second = gate.run(work);
  await vi.advanceTimersByTimeAsync(600);
  const third = gate.run(work);
  expect(await gate.run(work)).toBeNull();
  await vi.advanceTimersByTimeAsync(400);
  expect(await second).toBeNull();
  ends[0]?.();
  await first;
  await vi.advanceTimersByTimeAsync(0);
  ends[1]?.();
  expect(await third).toBe("done");
  // Nothing is left of any of them.
  const last = gate.run(work);
  await vi.advanceTimersByTimeAsync(0);
  ends[2]?.();
  expect(await last).toBe("done");
});

test("work that fails gives its place back", async () => {
  const gate = new Gate(1, 1, 1_000);
  await expect(gate.run(() => Promise.reject(new Error("away")))).rejects.toThrow("away");
  expect(await gate.run(async () => 1)).toBe(1);
});
