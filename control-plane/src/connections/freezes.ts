/**
 * Freezes at the bridge, as they reach connected edges. The bridge itself grants nothing for what is frozen; what was granted
 * before is ended here, by raising the epochs of the accounts concerned. A bridge that does not answer has frozen nothing.
 *
 * The stored list says for what epochs were raised already. It is shared by all copies and outlives them, so a freeze made while
 * no control plane ran is found at the next start.
 */

import type { BridgeResponse } from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import type { Database, Queryable } from "../db/index.ts";
import { raiseEpoch } from "../db/queries/accounts.ts";
import {
  accountsOfKeys,
  allAccounts,
  lockRevision,
  readFreezes,
  replaceFreezes,
  type StoredFreeze,
} from "../db/queries/bridge-freezes.ts";
import type { EdgeDirectory } from "../edges/directory.ts";

export interface FreezeWatch {
  /**
   * Asks the bridge whether anything changed, and if so ends what was granted before. Never asks the HSM.
   * @throws BridgeError, DatabaseError; nothing is changed then.
   */
  refresh(): Promise<void>;
  /** Edges that are frozen, of which all connected edges have been told by epochs. */
  frozenEdges(): ReadonlySet<string>;
}

export interface FreezeServices {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
  readonly directory: Pick<EdgeDirectory, "list">;
  /** Reads generation and epochs from the bridge again. */
  readonly raiseEpochs: () => Promise<void>;
}

type Listed = BridgeResponse<"listFreezes">;

export function createFreezeWatch(services: FreezeServices): FreezeWatch {
  const { database, bridge, directory, raiseEpochs } = services;
  let known: { generation: number; revision: number } | null = null;
  let edges: ReadonlySet<string> = new Set();
  return {
    async refresh() {
      const { generation, freezesRevision } = await bridge.call("status", {});
      const isKnown = known?.generation === generation && known.revision === freezesRevision;
      if (isKnown) return;
      if (known?.generation !== generation) await raiseEpochs();
      const listed = await bridge.call("listFreezes", {});
      const enrolled = await directory.list();
      const accountsOfEdge = new Map(enrolled.map(({ edge, accounts }) => [edge, accounts]));
      await database.transaction((tx) => endGrants(tx, generation, listed, accountsOfEdge));
      known = { generation, revision: listed.revision };
      edges = new Set(listed.freezes.filter(({ kind }) => kind === "edge").map(({ id }) => id));
    },
    frozenEdges: () => edges,
  };
}

async function endGrants(
  tx: Queryable,
  generation: number,
  { revision, freezes }: Listed,
  accountsOfEdge: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<void> {
  const before = await lockRevision(tx);
  if (before?.generation === generation && before.freezesRevision === revision) return;
  const changed = difference(await readFreezes(tx), freezes);
  // A freeze that was lifted before anybody looked has left nothing but the count. Whom it was for is unknown.
  const isComplete =
    before === null ||
    (before.generation === generation && revision - before.freezesRevision === changed.length);
  const concerned = isComplete
    ? await accountsConcerned(tx, changed, accountsOfEdge)
    : await allAccounts(tx);
  for (const account of concerned.toSorted()) await raiseEpoch(tx, account);
  await replaceFreezes(
    tx,
    { generation, freezesRevision: revision },
    freezes.map(({ kind, id, frozenAtMs }) => ({ kind, id, frozenAtMs })),
  );
}

/** Freezes that are in one of the lists only. One that was lifted and made again counts twice, as at the bridge. */
function difference(before: readonly StoredFreeze[], now: Listed["freezes"]): StoredFreeze[] {
  const nameOf = ({ kind, id, frozenAtMs }: StoredFreeze): string => `${kind}:${id}:${frozenAtMs}`;
  const [old, fresh] = [new Set(before.map(nameOf)), new Set(now.map(nameOf))];
  return [
    ...before.filter((freeze) => !fresh.has(nameOf(freeze))),
    ...now.filter((freeze) => !old.has(nameOf(freeze))),
  ];
}

async function accountsConcerned(
  tx: Queryable,
  changed: readonly StoredFreeze[],
  accountsOfEdge: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<string[]> {
  const idsOf = (kind: StoredFreeze["kind"]): string[] =>
    changed.filter((freeze) => freeze.kind === kind).map(({ id }) => id);
  return [
    ...new Set([
      ...idsOf("account"),
      ...idsOf("edge").flatMap((edge) => [...(accountsOfEdge.get(edge) ?? [])]),
      ...(await accountsOfKeys(tx, idsOf("key"))),
    ]),
  ];
}
