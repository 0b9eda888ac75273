import { expect, test, vi } from "vitest";
import { DeadlineError } from "./deadline.ts";
import { SingleFlight } from "./single-flight.ts";

const DEADLINE_MS = 60;
const forever = () => new Promise<void>(() => {});
const waitUntil = () => {};

test("work of one name is done once at a time, and its outcome is everybody's", async () => {
  const flights = new SingleFlight(DEADLINE_MS);
  const work = vi.fn(async () => {});
  await Promise.all(Array.from({ length: 10 }, () => flights.do("a", waitUntil, work)));
  expect(work).toHaveBeenCalledTimes(1);
  const failing = vi.fn(() => Promise.reject(new Error("no")));
  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, () => flights.do("a", waitUntil, failing)),
  );
  expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  expect(failing).toHaveBeenCalledTimes(1);
  await Promise.all(["a", "b"].map((name) => flights.do(name, waitUntil, work)));
  expect(work).toHaveBeenCalledTimes(3);
});

test("nobody waits beyond the deadline, and after it the work is begun anew", async () => {
  const flights = new SingleFlight(DEADLINE_MS);
  const first = flights.do("a", waitUntil, forever);
  const second = flights.do("a", waitUntil, forever);
  await Promise.all([first, second].map((flight) => expect(flight).rejects.toThrow(DeadlineError)));
  expect(flights.isFlying("a")).toBe(false);
  await flights.do("a", waitUntil, async () => {});
});
