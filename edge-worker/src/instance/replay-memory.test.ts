import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { REPLAY_BYTES } from "./messages.ts";
import { ReplayMemory } from "./replay-memory.ts";

const START = 1_700_000_000_000;
const entryOf = (name: Uint8Array, use: number, mayBeReused = true): Uint8Array => {
  const entry = new Uint8Array(REPLAY_BYTES);
  entry.set(name.subarray(0, 8));
  entry[15] = use;
  entry[16] = mayBeReused ? 1 : 0;
  return entry;
};
const name = () => new Uint8Array(randomBytes(8));

test("a signature serves the same again for 600 s, and something else for 5 s after its first use", () => {
  const memory = new ReplayMemory(START, 5_000);
  const signature = name();
  const see = (use: number, ms: number) => memory.see(entryOf(signature, use), 0, START + ms);
  expect(see(1, 0)).toBe("new");
  expect(see(1, 10)).toBe("same");
  expect(see(2, 4_900)).toBe("reused");
  expect(see(1, 4_950)).toBe("same");
  expect(see(2, 5_200)).toBe("other");
  // Reuse does not prolong itself, nor does a new generation.
  expect(see(2, 300_100)).toBe("other");
  expect(see(1, 300_200)).toBe("same");
  expect(see(2, 590_000)).toBe("other");
});

test("what may not be reused is refused from the first use on", () => {
  const memory = new ReplayMemory(START, 5_000);
  const signature = name();
  expect(memory.see(entryOf(signature, 1, false), 0, START)).toBe("new");
  expect(memory.see(entryOf(signature, 2, false), 0, START)).toBe("other");
  const strict = new ReplayMemory(START, 0);
  expect(strict.see(entryOf(signature, 1), 0, START)).toBe("new");
  expect(strict.see(entryOf(signature, 2), 0, START)).toBe("other");
});

test("nothing is remembered after both generations have turned", () => {
  const memory = new ReplayMemory(START, 0);
  const signature = name();
  expect(memory.see(entryOf(signature, 1), 0, START)).toBe("new");
  expect(memory.see(entryOf(signature, 2), 0, START + 600_000)).toBe("new");
});

test("thousands are told apart while the table grows, and a full one refuses what is new", () => {
  const slots = 16_384;
  const memory = new ReplayMemory(START, 0, slots);
  const names = Array.from({ length: slots * 0.75 }, name);
  for (const signature of names) {
    expect(memory.see(entryOf(signature, 1), 0, START)).toBe("new");
  }
  expect(memory.see(entryOf(name(), 1), 0, START)).toBe("full");
  for (const signature of names) {
    expect(memory.see(entryOf(signature, 1), 0, START + 1)).toBe("same");
    expect(memory.see(entryOf(signature, 2), 0, START + 1)).toBe("other");
  }
  // Room comes with the next generation.
  expect(memory.see(entryOf(name(), 1), 0, START + 300_000)).toBe("new");
});

test("entries are read at their index", () => {
  const memory = new ReplayMemory(START, 0);
  const first = entryOf(name(), 1);
  const second = entryOf(name(), 1);
  const both = new Uint8Array([...first, ...second]);
  expect([memory.see(both, 0, START), memory.see(both, 1, START)]).toEqual(["new", "new"]);
  expect(memory.see(second, 0, START)).toBe("same");
});
