/**
 * Management calls at the control plane's door, through the official SDK, with few and with many keys in the database. Many are rows
 * without HSM objects. The rival is a call that reads nothing (GetRegions): authentication, replay memory and audit record cost the same.
 */

import { randomUUID } from "node:crypto";
import { createClient, newAlias } from "../src/support/client.ts";
import { withDatabase } from "../src/support/database.ts";
import { discard, type System, startSystem } from "../src/support/system.ts";
import { type InTurn, measureInTurn } from "./in-turn.ts";

export type ManagementRow = InTurn & {
  readonly what: string;
  /** Keys of the account and region. */
  readonly keys: number;
};

const SIZES = [10, 1_000, 100_000];

/** Fills up to `keys` keys with rows alone. */
async function fill(system: System, account: string, keys: number): Promise<void> {
  await withDatabase(system, async (query) => {
    await query(
      `insert into keys (key_id, account, region, alias, state, key_usage, origin, suite, creator_uin, created_at_ms, current_version)
       select gen_random_uuid(), $1, 'ap-singapore', 'row-' || $3 || '-' || n, 'Enabled', 'ENCRYPT_DECRYPT', 'TENCENT_KMS', 'AES_256', $1,
              1700000000000 + n, 1
       from generate_series(1, $2 - (select count(*) from keys where region = 'ap-singapore')::integer) as n`,
      [account, keys, randomUUID().slice(0, 8)],
    );
    await query("vacuum analyze keys");
  });
}

/** `report` hears of each row as it is done. */
export async function benchManagement(
  calls: number,
  report: (row: ManagementRow) => void,
): Promise<ManagementRow[]> {
  const system = await startSystem({
    store: "auto",
    config: { controlPlane: { cmkQuota: 1_000_000, signatureReuseMs: 5_000 } },
  });
  const rows: ManagementRow[] = [];
  try {
    const kms = createClient(system, { door: "control plane", region: "ap-singapore" });
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    const { KeyMetadata } = await kms.DescribeKey({ KeyId });
    const account = KeyMetadata?.CreatorUinString ?? "";
    for (const keys of SIZES) {
      await fill(system, account, keys);
      const subjects: [string, () => Promise<unknown>][] = [
        ["CreateKey", () => kms.CreateKey({ Alias: newAlias() })],
        ["DescribeKey", () => kms.DescribeKey({ KeyId })],
        ["ListKeys", () => kms.ListKeys({ Limit: 10 })],
        ["ListKeyDetail", () => kms.ListKeyDetail({ Limit: 10 })],
      ];
      for (const [what, call] of subjects) {
        const row = { what, keys, ...(await measureInTurn(call, () => kms.GetRegions(), calls)) };
        rows.push(row);
        report(row);
      }
    }
    return rows;
  } finally {
    await discard(system);
  }
}
