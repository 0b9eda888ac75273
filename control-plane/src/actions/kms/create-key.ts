/** CreateKey. `keys/creation.ts` has the order of events. */

import { randomUUID } from "node:crypto";
import { ApiError, kmsActions } from "@edge-kms/protocol";
import { BridgeError, toManagementError } from "../../bridge/errors.ts";
import { DatabaseError } from "../../db/index.ts";
import {
  abandonCreation,
  beginCreation,
  countTowardsQuota,
  finishCreation,
  lockQuota,
  type MadeKey,
  type NewKey,
} from "../../db/queries/key-creation.ts";
import { aliasConstraint } from "../../db/queries/keys.ts";
import { creationTimeMs, giveUpCreation } from "../../keys/creation.ts";
import { firstRotationMs, unixSeconds } from "../../keys/metadata.ts";
import { suites } from "../../keys/suites.ts";
import { isAsymmetric, usageForCreation } from "../../keys/usages.ts";
import { controlAction } from "../action.ts";
import type { Call } from "../call.ts";

export const createKey = controlAction(kmsActions.CreateKey, {
  async act(call, input) {
    const keyUsage = usageForCreation(call.region, input.KeyUsage);
    const isExternal = input.Type === 2;
    if (isExternal && keyUsage !== "ENCRYPT_DECRYPT") {
      throw new ApiError("InvalidParameterValue.InvalidKeyUsage", {
        message: "Imported material (Type 2) is for ENCRYPT_DECRYPT only.",
      });
    }
    const tags = (input.Tags ?? []).map((tag) => ({ key: tag.TagKey, value: tag.TagValue }));
    const key: NewKey = {
      ...call.scope,
      keyId: randomUUID(),
      alias: input.Alias,
      description: input.Description,
      keyUsage,
      origin: isExternal ? "EXTERNAL" : "TENCENT_KMS",
      suite: call.region.suite,
      creatorUin: call.principal.uin,
      createdAtMs: call.nowMs,
      nextRotateAtMs: firstRotationMs(call.nowMs),
      creatingUntilMs: call.nowMs + creationTimeMs,
      tags,
    };
    await reserve(call, key);
    await make(call, key);
    return {
      KeyId: key.keyId,
      Alias: key.alias,
      CreateTime: unixSeconds(key.createdAtMs),
      Description: input.Description,
      KeyState: isExternal ? "PendingImport" : "Enabled",
      KeyUsage: keyUsage,
      TagCode: 0,
      TagMsg: tags.length === 0 ? "no tags to save" : "ok",
      HsmClusterId: "",
    };
  },
});

/** Step 1: alias and place within the quota are taken, or the call is refused. */
async function reserve(call: Call, key: NewKey): Promise<void> {
  const { cmkQuota } = call.services;
  try {
    await call.prepare(async (tx) => {
      await lockQuota(tx, key);
      if ((await countTowardsQuota(tx, key)) >= cmkQuota) {
        throw new ApiError("LimitExceeded.CmkLimitExceeded");
      }
      await beginCreation(tx, key);
    });
  } catch (error) {
    // Reserved or not: the alias is not to wait for the overdue, nor the caller who tries again to hear that it is taken.
    if (error instanceof DatabaseError && error.kind === "in-doubt") {
      call.services.background("give up key creation", () => giveUpCreation(call.services, key));
    }
    throw toAliasError(error);
  }
}

/** Steps 2 and 3. What fails here is given up; the caller may try again with the same alias. */
async function make(call: Call, key: NewKey): Promise<void> {
  const { database, background } = call.services;
  try {
    const made = await makeAtBridge(call, key).catch((error: unknown) => {
      // Idempotent, so a call that may or may not have arrived is made once more.
      const isUncertain = error instanceof BridgeError && error.code === "no-answer";
      if (!isUncertain) throw error;
      return makeAtBridge(call, key);
    });
    call.noteKey(key.keyId);
    await call.change(async (tx) => {
      if (!(await finishCreation(tx, key, made))) {
        throw new ApiError("InternalError", { detail: "the creation was given up meanwhile" });
      }
    });
  } catch (error) {
    // The alias falls free before the caller hears of the failure; the bridge is asked to let go afterwards.
    await database.transaction((tx) => abandonCreation(tx, key)).catch(() => false);
    background("give up key creation", () => giveUpCreation(call.services, key));
    throw toCreationError(error);
  }
}

/** A key that was made just now and is destroyed was given up meanwhile; CreateKey has no code that speaks of a key. */
function toCreationError(error: unknown): unknown {
  const isGivenUp = error instanceof BridgeError && error.code === "destroyed";
  if (!isGivenUp) return toManagementError(error);
  return new ApiError("InternalError", { detail: error.message, cause: error });
}

async function makeAtBridge({ services: { bridge } }: Call, key: NewKey): Promise<MadeKey> {
  const { account, region, keyId } = key;
  const name = { account, region, keyId };
  const suite = suites[key.suite].wire;
  if (key.origin === "EXTERNAL") {
    const { createdAtMs } = await bridge.call("createExternalKey", { ...name, suite });
    return { version: 0, createdAtMs, publicKeyStatement: null };
  }
  if (isAsymmetric(key.keyUsage)) {
    const made = await bridge.call("createKeyPair", { ...name, usage: key.keyUsage });
    return { ...made, publicKeyStatement: JSON.stringify(made.statement) };
  }
  const made = await bridge.call("createKey", { ...name, suite });
  return { ...made, publicKeyStatement: null };
}

/** The unique index decides between callers who want one alias at the same time. */
export function toAliasError(error: unknown): unknown {
  const isTaken =
    error instanceof DatabaseError &&
    error.kind === "unique-violation" &&
    error.constraint === aliasConstraint;
  return isTaken ? new ApiError("InvalidParameterValue.AliasAlreadyExists") : error;
}
