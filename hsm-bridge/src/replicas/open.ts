/** Opens the tokens of a home that keeps its keys in several. */

import { utf8Encode } from "@edge-kms/protocol";
import { StartupError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { openPkcs11Store } from "../pkcs11/pkcs11-store.ts";
import { setCopy } from "../registry/copies.ts";
import type { Database } from "../registry/database.ts";
import { readMetaText, writeMeta } from "../registry/meta.ts";
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
 * Writes down which token has which object of the registry, and which one the home was made with: what is sealed so far names none.
 * Answers that one, empty for a new home.
 */
async function adoptTokens(replicas: readonly Replica[], database: Database): Promise<string> {
  const absent = replicas.find((replica) => !isServing(replica));
  if (absent !== undefined) {
    const reason = absent.store.tokens[0]?.reason ?? "no reason known";
    throw new StartupError(
      `The token "${absent.label}" does not serve, and a home has several tokens for the first time only when all do: ${reason}`,
    );
  }
  const ready = new Set(objectsInState(database, "ready").map(({ object_id }) => object_id));
  const identity = systemObject(database, "identity");
  let founding = "";
  const copies: [objectId: string, token: string][] = [];
  for (const { label, store } of replicas) {
    for (const { id } of await store.listObjects()) {
      if (id === null || !ready.has(id)) continue;
      copies.push([id, label]);
      if (id === identity) founding = label;
    }
  }
  if (identity !== null && founding === "") {
    throw new StartupError(
      "None of the tokens has the bridge's identity: name the token that this home was made with among them.",
    );
  }
  await database.commit(() => {
    for (const [objectId, token] of copies) setCopy(database, objectId, token, "ready");
    writeMeta(database, "founding-token", utf8Encode(founding));
  });
  return founding;
}
