/** Freezes at the bridge end what was granted before, on every copy, and a bridge that is away ends nothing. */

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { epochOf } from "../testing/epochs.ts";
import { type Account, type Harness, heartbeatMs, startHarness } from "../testing/harness.ts";

let h: Harness;
let root: Account;
let other: Account;
beforeAll(async () => {
  h = await startHarness();
});
beforeEach(async () => {
  root = await h.account();
  other = await h.account();
  await settled();
});
afterAll(() => h.close());

const counterOf = ({ principal }: Account) => epochOf(h.database, principal.account);
/** Waits until the control plane has looked at the bridge twice. */
async function settled(): Promise<void> {
  const looks = () => h.bridge.calls.filter(({ name }) => name === "status").length;
  const before = looks();
  await expect.poll(looks, { interval: 10, timeout: 5_000 }).toBeGreaterThan(before + 1);
}

test("of an account raise its epoch, and so does the end of the freeze", async () => {
  h.bridge.freeze("account", root.principal.account);
  await expect.poll(() => counterOf(root)).toBe(1);
  h.bridge.unfreeze("account", root.principal.account);
  await expect.poll(() => counterOf(root)).toBe(2);
  await settled();
  expect([await counterOf(root), await counterOf(other)]).toEqual([2, 0]);
});

test("of a key raise the epoch of the account that it belongs to", async () => {
  const keyId = await root.createKey("frozen");
  h.bridge.freeze("key", keyId);
  await expect.poll(() => counterOf(root)).toBe(1);
  expect(await counterOf(other)).toBe(0);
});

test("of an edge raise the epochs of all accounts it is enrolled for", async () => {
  const edge = h.edge(root);
  h.bridge.edges.at(-1)?.accounts.push(other.principal.account);
  h.bridge.freeze("edge", edge.edge);
  await expect.poll(() => counterOf(root)).toBe(1);
  expect(await counterOf(other)).toBe(1);
});

test("of what nobody knows raise nothing", async () => {
  h.bridge.freeze("edge", "not-enrolled-yet");
  h.bridge.freeze("key", "00000000-0000-4000-8000-000000000000");
  await settled();
  expect([await counterOf(root), await counterOf(other)]).toEqual([0, 0]);
});

test("that were lifted before anyone looked raise the epochs of all accounts", async () => {
  h.bridge.freeze("account", root.principal.account);
  h.bridge.unfreeze("account", root.principal.account);
  await expect.poll(() => counterOf(root)).toBe(1);
  expect(await counterOf(other)).toBe(1);
});

test("that another copy has seen raise nothing a second time, also after a restart", async () => {
  await h.another();
  h.bridge.freeze("account", root.principal.account);
  await expect.poll(() => counterOf(root)).toBe(1);
  await h.another();
  await settled();
  expect(await counterOf(root)).toBe(1);
});

test("made while no control plane could ask are found when the bridge is back; its absence raises nothing", async () => {
  const { call } = h.bridge;
  h.bridge.call = async () => {
    throw new Error("away");
  };
  h.bridge.freeze("account", root.principal.account);
  await new Promise((resolve) => setTimeout(resolve, 5 * heartbeatMs));
  expect([await counterOf(root), await counterOf(other)]).toEqual([0, 0]);
  h.bridge.call = call;
  await expect.poll(() => counterOf(root)).toBe(1);
  // Each of the copies says so once, and not every second.
  const told = h.logLines.filter((line) => line.includes("freezes not read"));
  expect(told.length).toBeLessThanOrEqual(3);
});

test("of a bridge of another generation are read anew, and its generation goes to all accounts", async () => {
  h.bridge.generation = 2;
  await expect.poll(() => counterOf(root)).toBeGreaterThan(0);
  h.bridge.freeze("account", root.principal.account);
  await settled();
});
