/**
 * The first account. The launcher, or an operator, has the bridge make the root's access key and writes what the control
 * plane may know of it to `<home>/bootstrap.json` (0600): the sealed SecretKey, never the SecretKey itself. It is imported
 * at every start; what is there already stays as it is.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Database } from "./db/index.ts";
import { insertAccessKey } from "./db/queries/access-keys.ts";
import { insertAccount } from "./db/queries/accounts.ts";

const number = v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,18}$/));

export const bootstrapSchema = v.strictObject({
  account: number,
  appId: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** The root's own number: the account's. */
  uin: number,
  secretId: v.pipe(v.string(), v.regex(/^AKID[0-9A-Za-z]{32}$/)),
  /** As `createCredential` of the bridge returned it. */
  sealed: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
});

/** Contents of `<home>/bootstrap.json`. */
export type Bootstrap = v.InferOutput<typeof bootstrapSchema>;

export const bootstrapFile = "bootstrap.json";

/** The home's bootstrap file, null when there is none. @throws Error with one sentence when it is damaged. */
export function readBootstrap(home: string): Bootstrap | null {
  const path = join(home, bootstrapFile);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`${path} cannot be read`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON`);
  }
  const parsed = v.safeParse(bootstrapSchema, json);
  if (!parsed.success) throw new Error(`${path} is not of the expected form`);
  return parsed.output;
}

/** Makes the root account and its access key, unless they are there. */
export async function importBootstrap(
  database: Database,
  bootstrap: Bootstrap,
  nowMs: number,
): Promise<void> {
  const { account, appId, uin, secretId, sealed } = bootstrap;
  await database.transaction(async (tx) => {
    await insertAccount(tx, { account, appId, createdAtMs: nowMs });
    const principal = { account, appId, uin, type: "root" } as const;
    await insertAccessKey(tx, { secretId, principal, sealed, createdAtMs: nowMs });
  });
}
