/** SecretKeys are sealed for tokens that came later, once, and never for fewer than there are. */

import { afterEach, beforeEach, expect, test } from "vitest";
import { findAccessKey } from "../db/queries/access-keys.ts";
import { silentLog } from "../log.ts";
import { type Harness, startHarness } from "../testing/harness.ts";
import { resealAccessKeys } from "./reseal.ts";

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
}, 60_000);
afterEach(() => h.close());

const token = (label: string, state: "closed" | "open" = "closed") => ({
  label,
  state,
  sinceMs: 0,
  reason: null,
  lacks: 0,
});
const reseal = () => resealAccessKeys({ database: h.database, bridge: h.bridge }, silentLog);
const sealedOf = async (secretId: string) =>
  (await h.database.read((db) => findAccessKey(db, secretId, null)))?.sealed;
const calls = () => h.bridge.calls.filter(({ name }) => name === "resealCredential").length;

test("seals every access key anew when a token has come, and no more than once", async () => {
  const accounts = [await h.account(), await h.account()];
  const before = await Promise.all(accounts.map(({ secretId }) => sealedOf(secretId)));
  h.bridge.tokens = [token("first")];
  await reseal();
  expect(calls()).toBe(0);
  h.bridge.tokens = [token("second"), token("first")];
  await reseal();
  const after = await Promise.all(accounts.map(({ secretId }) => sealedOf(secretId)));
  for (const [n, sealed] of after.entries()) expect(sealed).not.toBe(before[n]);
  for (const account of accounts) {
    expect((await account.call("ListKeys", {})).code).toBeUndefined();
  }
  const once = calls();
  h.bridge.tokens = [token("first"), token("second")];
  await reseal();
  expect(calls()).toBe(once);
  h.bridge.tokens = [token("first"), token("third")];
  await reseal();
  expect(calls()).toBe(2 * once);
});

test("waits until every token serves", async () => {
  const { secretId } = await h.account();
  const before = await sealedOf(secretId);
  h.bridge.tokens = [token("first"), token("second", "open")];
  await reseal();
  expect(await sealedOf(secretId)).toBe(before);
});

test("leaves what failed to the next time, and what does not open alone", async () => {
  const { secretId } = await h.account();
  const before = await sealedOf(secretId);
  h.bridge.tokens = [token("first"), token("second")];
  h.bridge.failNext("resealCredential", "hsm-unavailable");
  await expect(reseal()).rejects.toMatchObject({ code: "hsm-unavailable" });
  h.bridge.failNext("resealCredential", "corrupt");
  await reseal();
  const all = calls();
  await reseal();
  expect(calls()).toBe(all + 1);
  expect(await sealedOf(secretId)).not.toBe(before);
});
