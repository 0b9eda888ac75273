import { expect, test } from "vitest";
import { Epochs } from "./epochs.ts";

const account = "100000000001";
const at = (generation: number, counter: number) => ({ generation, counter });

test("what was granted at an older epoch is void, at the same or a newer one it holds", () => {
  const epochs = new Epochs();
  epochs.raise(account, at(3, 7));
  expect(epochs.isCurrent(account, at(3, 6))).toBe(false);
  expect(epochs.isCurrent(account, at(3, 7))).toBe(true);
  expect(epochs.isCurrent(account, at(3, 8))).toBe(true);
});

test("a generation counts before every counter: a restored bridge's grants void those from before", () => {
  const epochs = new Epochs();
  epochs.raise(account, at(3, 7));
  epochs.raise(account, at(4, 0));
  expect(epochs.isCurrent(account, at(3, 1_000_000))).toBe(false);
  expect(epochs.isCurrent(account, at(4, 0))).toBe(true);
});

test("an older epoch that comes late changes nothing, of an older generation neither", () => {
  const epochs = new Epochs();
  epochs.raise(account, at(4, 2));
  const { revision } = epochs;
  for (const late of [at(4, 1), at(3, 99), at(4, 2)]) epochs.raise(account, late);
  expect(epochs.revision).toBe(revision);
  expect(epochs.isCurrent(account, at(4, 1))).toBe(false);
  expect(epochs.entries()).toEqual([[account, at(4, 2)]]);
});

test("accounts have epochs of their own", () => {
  const epochs = new Epochs();
  epochs.raise(account, at(4, 2));
  expect(epochs.isCurrent("100000000002", at(1, 0))).toBe(true);
});

test("what is remembered of an account has another name after each change of it, and each touch", () => {
  const epochs = new Epochs();
  const marks = new Set<string>();
  const see = () => marks.add(epochs.mark("1")).size;
  see();
  epochs.raise("1", { generation: 1, counter: 1 });
  expect(see()).toBe(2);
  epochs.raise("1", { generation: 1, counter: 1 });
  epochs.raise("2", { generation: 1, counter: 7 });
  expect(see()).toBe(2);
  epochs.touch();
  expect(see()).toBe(3);
  epochs.raise("1", { generation: 1, counter: 2 });
  expect(see()).toBe(4);
});
