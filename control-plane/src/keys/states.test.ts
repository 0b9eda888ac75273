import { describe, expect, test } from "vitest";
import { nextState, stateTable, transition } from "./states.ts";

const states = ["Enabled", "Disabled", "PendingImport", "PendingDelete", "Archived"] as const;

/** The contract's table (§3.1), written out a second time; `-` stays, a state is where it goes, else the code. */
const contract = {
  describe: ["-", "-", "-", "-", "-"],
  rename: ["-", "-", "-", "CmkStateNotSupport", "-"],
  enable: ["-", "Enabled", "CmkStateNotSupport", "CmkStateNotSupport", "CmkStateNotSupport"],
  disable: ["Disabled", "-", "CmkStateNotSupport", "CmkStateNotSupport", "CmkStateNotSupport"],
  encrypt: ["-", "CmkDisabled", "CmkStateNotSupport", "KeyPendingDelete", "CmkArchived"],
  decrypt: ["-", "CmkDisabled", "CmkStateNotSupport", "CmkDisabled", "-"],
} as const;

describe.each(Object.entries(contract))("%s", (action, row) => {
  test.each(states.map((state, i) => [state, row[i] ?? ""]))("in state %s: %s", (state, cell) => {
    const result = transition(state, action as keyof typeof stateTable);
    if (cell === "-") expect(result).toEqual({ ok: true, state });
    else if (cell.startsWith("Cmk") || cell.startsWith("Key")) {
      expect(result).toEqual({ ok: false, error: `ResourceUnavailable.${cell}` });
    } else expect(result).toEqual({ ok: true, state: cell });
  });
});

test("the table has no row that the contract's copy lacks", () => {
  expect(Object.keys(stateTable)).toEqual(Object.keys(contract));
});

test("nextState throws the refusal", () => {
  expect(() => nextState("PendingDelete", "rename")).toThrow("CmkStateNotSupport");
});
