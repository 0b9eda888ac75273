import { expect, test } from "vitest";
import { describeCause } from "./log.ts";

test("a foreign error is told by name and code, never by its message", () => {
  let thrown: unknown;
  try {
    JSON.parse('{"Plaintext":"c2VjcmV0"');
  } catch (error) {
    thrown = error;
  }
  expect((thrown as Error).message).toContain("JSON");
  expect(describeCause(thrown)).toBe("SyntaxError");
  const coded = Object.assign(new TypeError("secret"), { code: "ERR_INVALID_URL" });
  expect(describeCause(coded)).toBe("TypeError ERR_INVALID_URL");
  const named = Object.assign(new Error("secret"), { name: "secret words", code: "two words" });
  expect(describeCause(named)).toBe("Error");
  for (const other of [undefined, "secret", { message: "secret" }]) {
    expect(describeCause(other)).toBe("");
  }
});
