import { ApiError } from "@edge-kms/protocol";
import { DrizzleQueryError } from "drizzle-orm/errors";
import { expect, test } from "vitest";
import { BridgeError } from "./bridge/errors.ts";
import { translate } from "./db/errors.ts";
import { createLog, describeError } from "./log.ts";

const secret = "s3cr3t-value";

test("writes one JSON object per line", () => {
  const lines: string[] = [];
  createLog(
    (line) => void lines.push(line),
    () => 0,
  ).warn("something", { code: "x", ms: 1 });
  expect(lines).toEqual([
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"something","code":"x","ms":1}\n',
  ]);
});

test("tells nothing of a foreign error's message", () => {
  const described = JSON.stringify(describeError(new TypeError(`bad value ${secret}`)));
  expect(described).toContain("TypeError");
  expect(described).not.toContain(secret);
  expect(JSON.stringify(describeError(secret))).not.toContain(secret);
});

test("tells nothing of a query's parameters, wherever the error is wrapped", () => {
  const cause = Object.assign(new Error(`duplicate key value (${secret})`), {
    code: "23505",
    constraint: "keys_alias_unique",
    detail: `Key (alias)=(${secret}) already exists.`,
  });
  const translated = translate(new DrizzleQueryError("insert …", [secret], cause));
  const wrapped = new ApiError("InternalError", { cause: translated });
  const described = JSON.stringify(describeError(wrapped));
  expect(described).toContain("unique-violation (23505, keys_alias_unique)");
  expect(described).not.toContain(secret);
  expect(String(translated)).not.toContain(secret);
  expect((translated as Error).cause).toBeUndefined();
});

test("tells a query error without a code apart by name only", () => {
  const translated = translate(new DrizzleQueryError("select", [secret], new Error(secret)));
  expect(String(translated)).toBe("DatabaseError: database: other (unknown)");
});

test("names call and code of a bridge error", () => {
  const cause = new Error(secret);
  expect(describeError(new BridgeError("lease", "no-answer", cause))).toEqual({
    error: "BridgeError",
    detail: "bridge lease: no-answer",
  });
});
