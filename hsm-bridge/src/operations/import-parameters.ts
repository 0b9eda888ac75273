/** A pair to wrap material with, and the token that names it. */

import { createHash } from "node:crypto";
import { base64Encode } from "@edge-kms/protocol";
import type { Operation } from "../bridge.ts";
import { makeImportPair } from "../imports/import-pairs.ts";
import { encodeToken } from "../imports/token.ts";
import { requireExternalKey } from "./require-external-key.ts";

export const importParameters: Operation<"importParameters"> = (bridge, request) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const key = requireExternalKey(bridge, request);
    const { row, publicKey } = await makeImportPair(bridge, key, request.algorithm);
    const token = encodeToken(bridge, {
      importId: row.importId,
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      algorithm: row.algorithm,
      publicKeyHash: createHash("sha256").update(publicKey).digest("hex"),
      expiresAtMs: row.expiresAtMs,
    });
    return { token, publicKey: base64Encode(publicKey), validToMs: row.expiresAtMs };
  });
