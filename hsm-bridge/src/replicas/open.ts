/** Opens the tokens of a home that keeps its keys in several. */

import { utf8Encode } from "@edge-kms/protocol";
import { wipe } from "../bytes.ts";
import { BridgeError, StartupError } from "../errors.ts";
import { identityAssociatedData } from "../identity.ts";
import type { Logger } from "../log.ts";
import { openPkcs11Store } from "../pkcs11/pkcs11-store.ts";
import { setCopy } from "../registry/copies.ts";
import type { Database } from "../registry/database.ts";
import { readMeta, readMetaText, writeMeta } from "../registry/meta.ts";
import { objectsInState, systemObject } from "../registry/objects.ts";
import type { Pkcs11Settings } from "../settings.ts";
import { isServing, type Replica, ReplicatedStore } from "./replicated-store.ts";

/** Whether keys are in several tokens, or were: sealed bytes then have a form of their own. */
export function isReplicated(settings: Pkcs11Settings, database: Database): boolean {
  return (
    (settings.furtherTokens ?? []).length > 0 || readMetaText(database, "founding-token") !== null
  );
}

/**
 * One token that serves is enough to start, but all must when a home has several for the first time: what each has is written down then.
 * StartupError in one sentence.
 */
export async function openReplicatedStore(
  settings: Pkcs11Settings,
  database: Database,
  logger: Logger,
): Promise<ReplicatedStore> {
  const { kind: _, furtherTokens = [], retiredTokens = [], writeQuorum, ...first } = settings;
  const tokens = [first, ...furtherTokens];
  const replicas: readonly Replica[] = await Promise.all(
    tokens.map(async (token) => {
      const store = await openPkcs11Store({ ...token, mayBeAbsent: true, logger });
      return { label: token.tokenLabel, store };
    }),
  );
  try {
    requireOneThatServes(replicas);
    const founding =
      readMetaText(database, "founding-token") ?? (await adoptTokens(replicas, database));
    return new ReplicatedStore({
      replicas,
      founding: founding === "" ? null : founding,
      retired: retiredTokens,
      writeQuorum: writeQuorum ?? replicas.length,
      database,
      logger,
    });
  } catch (error) {
    await Promise.all(replicas.map(({ store }) => store.close()));
    throw error;
  }
}

function requireOneThatServes(replicas: readonly Replica[]): void {
  if (replicas.some(isServing)) return;
  const reason = replicas[0]?.store.tokens[0]?.reason ?? "no reason known";
  throw new StartupError(`None of the ${replicas.length} tokens serves; the first: ${reason}`);
}

/**
 * Writes down which token the home was made with, since what is sealed so far names none, and what is in it; the others are given copies.
 * Answers its label, empty for a new home.
 */
async function adoptTokens(replicas: readonly Replica[], database: Database): Promise<string> {
  const absent = replicas.find((replica) => !isServing(replica));
  if (absent !== undefined) {
    const reason = absent.store.tokens[0]?.reason ?? "no reason known";
    throw new StartupError(
      `The token "${absent.label}" does not serve, and a home has several tokens for the first time only when all do: ${reason}`,
    );
  }
  const founding = await findFounding(replicas, database);
  const ids = (await founding?.store.listObjects())?.map(({ id }) => id) ?? [];
  const present = new Set(ids);
  await database.commit(() => {
    for (const { object_id: objectId } of objectsInState(database, "ready")) {
      if (founding === null || !present.has(objectId)) continue;
      setCopy(database, objectId, founding.label, "ready");
    }
    writeMeta(database, "founding-token", utf8Encode(founding?.label ?? ""));
  });
  return founding?.label ?? "";
}

/** The token that opens the identity: another may have objects of the same ids, and other keys in them. Null for a new home. */
async function findFounding(
  replicas: readonly Replica[],
  database: Database,
): Promise<Replica | null> {
  const object = systemObject(database, "identity");
  const sealed = readMeta(database, "identity-sealed");
  if (object === null) return null;
  for (const replica of replicas) {
    try {
      // A first start that was cut off has made the object and sealed nothing.
      if (sealed === null) {
        if (await replica.store.hasObject(object)) return replica;
        continue;
      }
      wipe(await replica.store.aesGcmDecrypt(object, sealed, identityAssociatedData));
      return replica;
    } catch (error) {
      if (isUnavailable(error)) throw error;
    }
  }
  throw new StartupError(
    "None of the tokens has the bridge's identity: name the token that this home was made with among them.",
  );
}

function isUnavailable(error: unknown): boolean {
  return error instanceof BridgeError && error.code === "hsm-unavailable";
}
