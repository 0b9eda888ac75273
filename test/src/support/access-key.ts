/** Further access keys of the first account: made by the bridge, and written down as the first one was. */

import { withDatabase } from "./database.ts";
import { bridgeClient } from "./spy-edge.ts";
import type { System } from "./system.ts";

export const firstAccount = "100000000001";

/** Of the account itself, or of a sub-user without any right. */
export async function newAccessKey(
  system: System,
  type: "root" | "user",
): Promise<{ secretId: string; secretKey: string }> {
  const account = firstAccount;
  const uin = type === "root" ? account : "100000000777";
  const operator = bridgeClient(system, "operator");
  try {
    return await withDatabase(system, async (query) => {
      const { rows } = (await query("select app_id from accounts where account = $1", [
        account,
      ])) as { rows: { app_id: string }[] };
      const principal = { account, appId: Number(rows[0]?.app_id), uin, type };
      const { secretId, secretKey, sealed } = await operator.call("createCredential", {
        principal,
      });
      await query(
        "insert into access_keys (secret_id, account, uin, principal_type, sealed, status, created_at_ms) values ($1, $2, $3, $4, $5, 'Active', 0)",
        [secretId, account, uin, type, sealed],
      );
      return { secretId, secretKey };
    });
  } finally {
    operator.close();
  }
}
