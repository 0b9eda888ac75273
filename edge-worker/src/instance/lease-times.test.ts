import { expect, test } from "vitest";
import { localTimes } from "./lease-times.ts";

const grant = { notBeforeMs: 10_000, refreshAtMs: 70_000, expiresAtMs: 190_000 };

test("a lease ends at the earlier of its date and its duration after the request was sent", () => {
  expect(localTimes(grant, 10_000, 0)).toEqual({ refreshAtMs: 70_000, expiresAtMs: 190_000 });
  // The edge's clock is behind the bridge's: the date would come too late.
  expect(localTimes(grant, 5_000, 0)).toEqual({ refreshAtMs: 65_000, expiresAtMs: 185_000 });
  // It is ahead, or the answer took long: the date counts.
  expect(localTimes(grant, 50_000, 0)).toEqual({ refreshAtMs: 70_000, expiresAtMs: 190_000 });
});

test("refreshing is spread over a tenth of the time until it is due, and only earlier", () => {
  expect(localTimes(grant, 10_000, 1)?.refreshAtMs).toBe(64_000);
});

test("times that contradict one another are none", () => {
  expect(localTimes({ ...grant, expiresAtMs: 10_000 }, 10_000, 0)).toBe(null);
  expect(localTimes({ ...grant, refreshAtMs: 9_999 }, 10_000, 0)).toBe(null);
  expect(localTimes({ ...grant, refreshAtMs: 190_001 }, 10_000, 0)).toBe(null);
});
