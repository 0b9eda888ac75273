import { expect, test } from "vitest";
import { Epochs } from "./epochs.ts";

test("an epoch only rises, and what is older is void", () => {
  const epochs = new Epochs();
  const at = (generation: number, counter: number) => ({ generation, counter });
  expect(epochs.isCurrent("1", at(1, 1))).toBe(true);
  epochs.raise("1", at(1, 5));
  epochs.raise("1", at(1, 4));
  expect([4, 5, 6].map((counter) => epochs.isCurrent("1", at(1, counter)))).toEqual([
    false,
    true,
    true,
  ]);
  epochs.raise("1", at(2, 0));
  expect(epochs.isCurrent("1", at(1, 9))).toBe(false);
  expect(epochs.isCurrent("2", at(1, 0))).toBe(true);
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
