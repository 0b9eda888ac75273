/** Revoking and restoring access keys. */

import { ApiError } from "@edge-kms/protocol";
import { setAccessKeyStatus } from "../../db/queries/access-keys.ts";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import type { Call } from "../call.ts";

/** Sets the status of an access key of the caller's account, and the epoch with it. @throws ApiError `ResourceNotFound`. */
export async function changeAccessKey(
  call: Call,
  secretId: string,
  status: "Active" | "Inactive",
): Promise<void> {
  const { account } = call.principal;
  await call.change(async (tx) => {
    const isChanged = await setAccessKeyStatus(tx, account, secretId, status);
    if (isChanged === null) {
      throw new ApiError("ResourceNotFound", { message: "The account has no such access key." });
    }
    if (isChanged) await raiseEpoch(tx, account);
  });
}
