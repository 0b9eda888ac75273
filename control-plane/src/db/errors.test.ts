import { afterAll, beforeAll, expect, test } from "vitest";
import { raiseOnKeyChanges } from "../testing/database-errors.ts";
import { type Account, type Harness, startHarness } from "../testing/harness.ts";
import { DatabaseError, endsConnection, isUndecided, translate } from "./errors.ts";

let h: Harness;
let account: Account;
beforeAll(async () => {
  h = await startHarness();
  account = await h.account();
});
afterAll(() => h.close());

const unavailable = [
  ["connection_failure", "08006"],
  ["read_only_sql_transaction", "25006"],
  ["idle_in_transaction_session_timeout", "25P03"],
  ["transaction_timeout", "25P04"],
  ["disk_full", "53100"],
  ["out_of_memory", "53200"],
  ["too_many_connections", "53300"],
  ["lock_not_available", "55P03"],
  ["query_canceled", "57014"],
  ["admin_shutdown", "57P01"],
  ["crash_shutdown", "57P02"],
  ["cannot_connect_now", "57P03"],
  ["idle_session_timeout", "57P05"],
  ["io_error", "58030"],
] as const;

test.each([
  ...unavailable.map(([name, code]) => [name, code, "unavailable"]),
  ["no listener", "ECONNREFUSED", "unavailable"],
  ["serialization_failure", "40001", "conflict"],
  ["deadlock_detected", "40P01", "conflict"],
  ["unique_violation", "23505", "unique-violation"],
  ["undefined_table", "42P01", "other"],
  ["object_not_in_prerequisite_state", "55000", "other"],
  ["query_canceled's neighbour", "57000", "other"],
])("%s (%s) is %s", (_name, code, kind) => {
  const translated = translate(Object.assign(new Error("secret value"), { code }));
  expect(translated).toMatchObject({ kind, code });
  expect(String(translated)).not.toContain("secret");
});

test("what pg says of a connection by itself is unavailable as well", () => {
  for (const message of [
    "Connection terminated unexpectedly",
    "Connection terminated due to connection timeout",
    "timeout exceeded when trying to connect",
    "timeout expired",
    "Query read timeout",
  ]) {
    expect(translate(new Error(message))).toMatchObject({ kind: "unavailable" });
  }
});

test.each(unavailable)(
  "when the database raises %s, the caller is told InternalError, which may be sent again, and nothing has changed",
  async (_name, code) => {
    const keyId = await account.createKey(`before-${code}`);
    const calmDown = await raiseOnKeyChanges(h.database, code);
    try {
      const refused = await account.call("UpdateAlias", { KeyId: keyId, Alias: `after-${code}` });
      expect(refused.code).toBe("InternalError");
      expect(refused.text).not.toContain(code);
    } finally {
      await calmDown();
    }
    const { response } = await account.call("DescribeKey", { KeyId: keyId });
    expect(response).toMatchObject({ KeyMetadata: { Alias: `before-${code}` } });
    const again = await account.call("UpdateAlias", { KeyId: keyId, Alias: `after-${code}` });
    expect(again.code).toBeUndefined();
  },
);

test("a commit that the server refused is decided, one that it was silent about is not", () => {
  const undecided = ["ECONNRESET", "08006", "57P01", "57P02", "57014", "58030", "XX000", "25P03"];
  for (const code of [...undecided, "40001", "23505", "53100", "25006"]) {
    const failure = translate(Object.assign(new Error(""), { code }));
    expect([code, isUndecided(failure)]).toEqual([code, undecided.includes(code)]);
  }
  expect(isUndecided(translate(new Error("Query read timeout")))).toBe(true);
});

test("a connection is given up with what ends it, and kept with what refuses a statement", () => {
  const ending = ["ECONNRESET", "08006", "57P01", "25006", "25P03"];
  for (const code of [...ending, "40001", "23505", "53100", "55P03", "57014"]) {
    const failure = translate(Object.assign(new Error(""), { code }));
    expect([code, endsConnection(failure)]).toEqual([code, ending.includes(code)]);
  }
  expect(endsConnection(translate(new Error("Query read timeout")))).toBe(true);
});

test.each(["made", "not made"])(
  "a commit in doubt that was %s is InternalError, never a word of the signature, and can be found out",
  async (outcome) => {
    const keyId = await account.createKey(`doubt-${outcome.replace(" ", "-")}`);
    const { transaction } = h.shared;
    let isBroken = true;
    h.shared.transaction = async (work) => {
      if (!isBroken) return transaction(work);
      isBroken = false;
      if (outcome === "made") await transaction(work);
      throw new DatabaseError("in-doubt", "unknown", undefined);
    };
    const refused = await account.call("DisableKey", { KeyId: keyId });
    h.shared.transaction = transaction;
    expect(refused.code).toBe("InternalError");
    expect(h.logLines.at(-1)).toContain("in-doubt");
    const { response } = await account.call("DescribeKey", { KeyId: keyId });
    const KeyState = outcome === "made" ? "Disabled" : "Enabled";
    expect(response).toMatchObject({ KeyMetadata: { KeyState } });
    expect((await account.call("DisableKey", { KeyId: keyId })).code).toBeUndefined();
  },
);
