import { expect, test } from "vitest";
import { createNonceMemory } from "./nonces.ts";

test("accepts a nonce once within the time of remembering, per owner", () => {
  let now = 0;
  const memory = createNonceMemory(() => now, 1000);
  expect(memory.isFresh("a", "1")).toBe(true);
  expect(memory.isFresh("a", "1")).toBe(false);
  expect(memory.isFresh("b", "1")).toBe(true);
  for (const at of [500, 999, 1000]) {
    now = at;
    expect(memory.isFresh("a", "1")).toBe(false);
  }
});

test("forgets nothing early, whenever it was seen", () => {
  for (let seenAt = 0; seenAt < 3000; seenAt += 250) {
    let now = 0;
    const memory = createNonceMemory(() => now, 1000);
    now = seenAt;
    expect(memory.isFresh("a", "1")).toBe(true);
    now = seenAt + 999;
    expect(memory.isFresh("a", "1"), `seen at ${seenAt}`).toBe(false);
  }
});

test("refuses everything rather than forgetting early when it is full", () => {
  const memory = createNonceMemory(() => 0, 1000, 2);
  expect(memory.isFresh("a", "1")).toBe(true);
  expect(memory.isFresh("a", "2")).toBe(true);
  expect(memory.isFresh("a", "3")).toBe(false);
});

test("an owner that fills its room takes none of another's", () => {
  const memory = createNonceMemory(() => 0, 1000, 2);
  for (const nonce of ["1", "2", "3"]) memory.isFresh("a", nonce);
  expect(memory.isFresh("b", "1")).toBe(true);
});
