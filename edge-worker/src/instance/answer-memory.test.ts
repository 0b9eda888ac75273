import { expect, test } from "vitest";
import { AnswerMemory } from "./answer-memory.ts";

test("an answer counts for its time and no longer", () => {
  const memory = new AnswerMemory<string>(10, 1_000);
  memory.keep("a", "no", 5_000);
  expect(memory.find("a", 5_999)).toBe("no");
  expect(memory.find("a", 6_000)).toBeNull();
  expect(memory.find("b", 5_000)).toBeNull();
});

test("a flood of names takes no more room than there is, and what has ended takes none", () => {
  const memory = new AnswerMemory<string>(10, 1_000);
  for (let n = 0; n < 1_000; n++) memory.keep(`name ${n}`, "no", 5_000);
  expect(memory.size).toBe(10);
  expect(memory.find("name 999", 5_000)).toBe("no");
  expect(memory.find("name 989", 5_000)).toBeNull();
  memory.keep("later", "no", 6_000);
  expect(memory.size).toBe(1);
});
