/** One fault after another under clients that never stop, and what each did to the service. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Call, CallLog } from "./calls.ts";
import { checkAudit, checkDeadlines, checkExpiry, checkRefusals, checkWrites } from "./checker.ts";
import { type Clients, kindOf, startClients } from "./clients.ts";
import type { Fault } from "./faults.ts";
import { type Store, startWorld, type World } from "./world.ts";

export type FaultRow = {
  readonly fault: string;
  /** Between the first call that was not served and the end of the last one; 0 when all were. */
  readonly degradedMs: number;
  /** From the end of the fault until every kind of call had been served again; of a killed part, from its next start. */
  readonly servesAgainMs: number;
  readonly served: number;
  /** Calls that were not served, by code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly longestMs: number;
};

export type Outcome = {
  readonly rows: readonly FaultRow[];
  /** What broke a rule. None may. */
  readonly violations: readonly string[];
};

/** Every kind of call is served again within this, without a human. */
export const SERVES_AGAIN_WITHIN_MS = 60_000;

export type RunOptions = {
  readonly store: Store;
  /** In this order; asked for the next one until it has none. */
  readonly next: () => Fault | undefined;
  readonly onRow?: (row: FaultRow) => void;
};

export async function runFaults({ store, next, onRow }: RunOptions): Promise<Outcome> {
  const world = await startWorld(store);
  const log = new CallLog();
  const rows: FaultRow[] = [];
  let clients: Clients | null = null;
  try {
    clients = await startClients(world, log);
    await untilServed(clients);
    for (let fault = next(); fault !== undefined; fault = next()) {
      const row = await runFault(world, clients, fault);
      rows.push(row);
      onRow?.(row);
    }
    await clients.stop();
    await checkWrites(world, clients);
    log.violations.push(...(await checkAudit(world, log.calls)));
    return { rows, violations: log.violations };
  } catch (error) {
    const { system } = world;
    const message = `${(error as Error).message}\n${system.output()}\n${system.troubles()}`;
    throw new Error(message, { cause: error });
  } finally {
    await clients?.stop();
    await world.close();
  }
}

async function runFault(world: World, clients: Clients, fault: Fault): Promise<FaultRow> {
  const { log } = clients;
  if (fault.holdsChanges) await clients.holdChanges(true);
  const first = log.calls.length;
  const end = await fault.begin(world);
  const fromMs = performance.now();
  await sleep(fault.lastsMs);
  const untilMs = performance.now();
  await end();
  const toMs = performance.now();
  if (fault.holdsChanges) await clients.holdChanges(false);
  const servedMs = await untilServed(clients);
  const calls = log.calls.slice(first);
  log.violations.push(
    ...checkRefusals(calls, fault),
    ...checkDeadlines(calls, fault),
    ...checkExpiry(calls, fault, { fromMs, untilMs }),
  );
  return { fault: fault.name, ...degradation(calls), servesAgainMs: servedMs - toMs };
}

/** Waits until every kind of call was served that was sent from now on; when the last of them was. */
async function untilServed({ log, kinds }: Clients): Promise<number> {
  const first = log.calls.length;
  const deadline = performance.now() + SERVES_AGAIN_WITHIN_MS;
  for (;;) {
    const served = new Map<string, number>();
    for (const call of log.calls.slice(first)) {
      if (call.outcome !== "ok") continue;
      const kind = kindOf(call);
      served.set(kind, Math.min(served.get(kind) ?? call.endedAtMs, call.endedAtMs));
    }
    const missing = kinds.filter((kind) => !served.has(kind));
    if (missing.length === 0) return Math.max(...kinds.map((kind) => served.get(kind) ?? 0));
    if (performance.now() > deadline) throw new Error(`not served again: ${missing.join(", ")}`);
    await sleep(10);
  }
}

function degradation(calls: readonly Call[]): Omit<FaultRow, "fault" | "servesAgainMs"> {
  const ended = calls.filter(({ outcome }) => outcome !== null);
  const bad = ended.filter(({ outcome }) => outcome !== "ok");
  const refused: Record<string, number> = {};
  for (const call of bad) {
    const code = call.requestId === null ? "no answer" : (call.outcome ?? "");
    refused[code] = (refused[code] ?? 0) + 1;
  }
  const span = (all: readonly Call[]) =>
    Math.max(...all.map((call) => call.endedAtMs)) - Math.min(...all.map((call) => call.sentAtMs));
  return {
    degradedMs: bad.length === 0 ? 0 : span(bad),
    served: ended.length - bad.length,
    refused,
    longestMs: Math.max(0, ...ended.map(({ sentAtMs, endedAtMs }) => endedAtMs - sentAtMs)),
  };
}

export const tableHead =
  "| fault | degraded ms | serves again after ms | served | refused | lost |";
export const tableRule = "|---|---|---|---|---|---|";

/** What was lost stands in `violations`, and then the run fails. */
export function tableLine(row: FaultRow): string {
  const refused = Object.entries(row.refused).map(([code, n]) => `\`${code}\` × ${n}`);
  const times = [row.degradedMs, row.servesAgainMs].map((ms) => ms.toFixed(0));
  return `| ${[row.fault, ...times, row.served, refused.join(", ") || "nothing", "nothing"].join(" | ")} |`;
}
