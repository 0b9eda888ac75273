/**
 * SecretKeys and tokens that came later: each is sealed by the tokens of its time, and this database alone knows where they are. When the
 * bridge has several tokens and all of them serve, what was sealed for others is sealed anew, so that any one of them is enough.
 */

import type { Bridge } from "../bridge/client.ts";
import { BridgeError } from "../bridge/errors.ts";
import type { Database } from "../db/index.ts";
import { accessKeysSealedOtherwise, replaceSealed } from "../db/queries/access-keys.ts";
import { describeError, type Log } from "../log.ts";

const pageSize = 100;

export interface ResealServices {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
}

/** @throws BridgeError, DatabaseError; what was sealed until then is, and the rest comes the next time. */
export async function resealAccessKeys(
  { database, bridge }: ResealServices,
  log: Log,
): Promise<void> {
  const { tokens } = await bridge.call("status", {});
  if (tokens.length < 2 || tokens.some(({ state }) => state !== "closed")) return;
  const sealedFor = JSON.stringify(tokens.map(({ label }) => label).sort());
  let resealed = 0;
  let afterId = "";
  for (;;) {
    const from = afterId;
    const page = await database.read((db) =>
      accessKeysSealedOtherwise(db, sealedFor, from, pageSize),
    );
    for (const { secretId, principal, sealed: before } of page) {
      afterId = secretId;
      try {
        const request = { secretId, principal, sealed: before };
        const { sealed } = await bridge.call("resealCredential", request);
        const after = { sealed, sealedFor };
        await database.transaction((tx) => replaceSealed(tx, secretId, before, after));
        resealed += 1;
      } catch (error) {
        // One that does not open keeps nobody else's from being sealed.
        if (!(error instanceof BridgeError) || error.code !== "corrupt") throw error;
        log.warn("an access key cannot be sealed anew", { secretId, ...describeError(error) });
      }
    }
    if (page.length < pageSize) break;
  }
  if (resealed > 0) log.info("access keys sealed for every token", { count: resealed });
}
