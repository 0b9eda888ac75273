import { describe, expect, test } from "vitest";
import type { KeyState } from "../db/queries/keys.ts";
import { type KeyAction, nextState, stateTable, transition } from "./states.ts";

const states = ["Enabled", "Disabled", "PendingImport", "PendingDelete", "Archived"] as const;
const names = Object.keys(stateTable) as KeyAction[];
const user = { owner: "user" };

/** The transitions of the contract (§3.1) that this version has, copied; the tests are made of the text. */
const transitions = `
| Enabled | DisableKey | Disabled | [C] |
| Disabled | EnableKey | Enabled | [C] |
| Disabled | ScheduleKeyDeletion | PendingDelete | [S][C] |
| Enabled | ScheduleKeyDeletion | error RU.CmkShouldBeDisabled | [C] |
| PendingImport, Archived | ScheduleKeyDeletion | PendingDelete | [T] |
| PendingDelete | CancelKeyDeletion | Disabled | [S] |
| not PendingDelete | CancelKeyDeletion | error RU.CmkNotPendingDelete | [C] |
| Enabled, Disabled | ArchiveKey | Archived | [T] |
| Archived | CancelKeyArchive | Enabled | [C] |
| Enabled | EnableKey | Enabled | [T] |
| Disabled | DisableKey | Disabled | [T] |
| PendingImport | ImportKeyMaterial | Enabled | [C] |
| Enabled | ImportKeyMaterial | Enabled | [T] |
| Enabled, Disabled | DeleteImportedKeyMaterial | PendingImport | [C] |
| Enabled, Disabled, Archived | ValidTo passes | PendingImport | [C] |
`;

/** What each state permits: the same. `?` of the contract is decided here, as the README says. */
const permissions = `
| | Enabled | Disabled | PendingImport | PendingDelete | Archived |
| describe | yes | yes | yes | yes | yes |
| rename | yes | yes | yes | RU.CmkStateNotSupport | yes |
| encrypt | yes | RU.CmkDisabled | RU.CmkStateNotSupport | RU.KeyPendingDelete | RU.CmkArchived |
| decrypt | yes | RU.CmkDisabled | RU.CmkStateNotSupport | RU.CmkDisabled | yes |
| enableRotation | yes | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport |
| disableRotation | yes | yes | yes | yes | yes |
| rotate | yes | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport |
| bind | yes | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport |
| unbind | yes | yes | yes | yes | yes |
| usePair | yes | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport | RU.CmkStateNotSupport |
| prepareImport | yes | RU.CmkStateNotSupport | yes | RU.CmkStateNotSupport | RU.CmkStateNotSupport |
`;

const actionNames: Record<string, KeyAction> = {
  EnableKey: "enable",
  DisableKey: "disable",
  ScheduleKeyDeletion: "scheduleDeletion",
  CancelKeyDeletion: "cancelDeletion",
  ArchiveKey: "archive",
  CancelKeyArchive: "cancelArchive",
  ImportKeyMaterial: "importMaterial",
  DeleteImportedKeyMaterial: "deleteMaterial",
  "ValidTo passes": "expireMaterial",
};

const cellsOf = (row: string) =>
  row
    .split("|")
    .map((cell) => cell.trim())
    .slice(1, -1);
const rowsOf = (table: string) => table.trim().split("\n").map(cellsOf);

/** `from/action` → the state that follows, or a code. */
const expected = new Map<string, string>();
for (const [from = "", action = "", to = ""] of rowsOf(transitions)) {
  const left = from.startsWith("not ")
    ? states.filter((state) => state !== from.slice(4))
    : from.split(", ");
  for (const state of left) {
    const end = to.replace(/^error RU\./, "ResourceUnavailable.");
    expected.set(`${state}/${actionNames[action]}`, end);
  }
}
// Nobody asks for it, so nobody is refused: the state stays.
for (const state of ["PendingImport", "PendingDelete"]) {
  expected.set(`${state}/expireMaterial`, state);
}
for (const [action = "", ...cells] of rowsOf(permissions).slice(1)) {
  states.forEach((state, i) => {
    const cell = cells[i] ?? "";
    const end = cell === "yes" ? state : cell.replace(/^RU\./, "ResourceUnavailable.");
    expected.set(`${state}/${action}`, end);
  });
}

describe.each(names)("%s", (action) => {
  test.each(states)("in state %s", (state) => {
    const result = transition({ state, ...user }, action);
    // What the contract has no transition for is refused for its state.
    const end = expected.get(`${state}/${action}`) ?? "ResourceUnavailable.CmkStateNotSupport";
    expect(result.ok ? result.state : result.error).toBe(end);
  });
});

test("the contract's copy names no action that the table lacks", () => {
  for (const name of expected.keys()) expect(names).toContain(name.split("/")[1]);
});

test("keys that a cloud product made are described and rotated, and nothing else", () => {
  // Time is no caller.
  const called = names.filter((action) => action !== "expireMaterial");
  const permitted = called.filter(
    (action) => transition({ state: "Enabled", owner: "cos" }, action).ok,
  );
  expect(permitted).toEqual(["describe", "enableRotation", "disableRotation", "rotate"]);
  const codes = (action: KeyAction) =>
    new Set(
      states.map((state) => {
        const result = transition({ state, owner: "cos" }, action);
        return result.ok ? "" : result.error;
      }),
    );
  expect(codes("archive")).toEqual(new Set(["UnsupportedOperation.NotUserCreatedCmk"]));
  expect(codes("disable")).toEqual(new Set(["FailedOperation.CmkUsedByCloudProduct"]));
  expect(codes("scheduleDeletion")).toEqual(new Set(["FailedOperation.CmkUsedByCloudProduct"]));
  expect(codes("encrypt")).toEqual(new Set(["UnauthorizedOperation"]));
});

test("bound keys keep their state and their material, and all else is permitted", () => {
  const differing = names.filter((action) =>
    states.some((state) => {
      const free = transition({ state, ...user }, action);
      const bound = transition({ state, ...user, isBound: true }, action);
      if (!bound.ok && bound.error === "FailedOperation.CmkUsedByCloudProduct") return true;
      expect(bound).toEqual(free);
      return false;
    }),
  );
  expect(differing).toEqual(["disable", "scheduleDeletion", "archive", "deleteMaterial"]);
});

test("no key leaves PendingDelete but to Disabled", () => {
  const ends = names.map((action) => transition({ state: "PendingDelete", ...user }, action));
  const reached = ends.flatMap((end): KeyState[] => (end.ok ? [end.state] : []));
  expect(new Set(reached)).toEqual(new Set(["PendingDelete", "Disabled"]));
});

test("a deletion that is cancelled leaves a key without its material waiting for it", () => {
  const key = { state: "PendingDelete", ...user, hasMaterial: false } as const;
  expect(transition(key, "cancelDeletion")).toEqual({ ok: true, state: "PendingImport" });
});

test("nextState throws the refusal", () => {
  expect(() => nextState({ state: "PendingDelete", ...user }, "rename")).toThrow(
    "CmkStateNotSupport",
  );
});
