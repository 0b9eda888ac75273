/**
 * Lease, revocation, partition, clocks and audit delivery as a state machine: one edge instance with its storage, two copies of
 * the control plane over one database, the bridge, and a network that loses, repeats, delays and reorders. `successors`
 * gives every step that could come next; a step that breaks a promise leaves a sentence in `broken` (README.md).
 *
 * What the parts decide is asked of the functions that the product itself uses.
 */

import { DISCONNECTED_AFTER_MS, type Epoch } from "@edge-kms/protocol";
import { continuation } from "../../control-plane/src/audit/continuation.ts";
import { unaccountedAtMost } from "../../control-plane/src/audit/unaccounted.ts";
import { startClock } from "../../edge-worker/src/instance/clock.ts";
import { localTimes } from "../../edge-worker/src/instance/lease-times.ts";
import { hasRoom, isCurrentEpoch, isUsable } from "../../edge-worker/src/instance/rules.ts";
import { judgeEpoch } from "../../hsm-bridge/src/epoch-rule.ts";

/** Each breaks one rule of the protocol, to show that the model would see it. */
export const mutations = [
  "expiry-checked-at-start",
  "clock-read-before-work",
  "no-high-water-mark",
  "duration-counted-from-arrival",
  "epoch-not-checked-at-commit",
  "older-epoch-lowers-the-known-one",
  "epoch-compared-by-counter-only",
  "bridge-forgets-highest-epoch",
  "bridge-grants-frozen",
  "nonce-granted-twice",
  "heartbeat-without-reading",
  "state-and-epoch-read-apart",
  "revocation-without-epoch",
  "grant-not-compared-with-request",
  "lease-outlives-crash",
  "answer-before-sync",
  "acknowledged-before-stored",
  "deleted-before-acknowledged",
  "repeated-delivery-stored-again",
  "sequence-begins-again",
  "budget-not-checked",
  "grant-passed-on-before-budget-written",
  "settled-with-records-waiting",
  "operations-not-counted",
] as const;
export type Mutation = (typeof mutations)[number];

/** How often each may happen in one run; absent: never. Without bounds nothing would be exhausted. */
export interface Bounds {
  readonly asks: number;
  readonly calls: number;
  readonly beats?: number;
  readonly revocations?: number;
  readonly enablings?: number;
  readonly freezes?: number;
  readonly restores?: number;
  readonly crashes?: number;
  readonly lostStorages?: number;
  readonly losses?: number;
  readonly repeats?: number;
  readonly disconnections?: number;
  readonly clockJumps?: number;
  readonly writeOffs?: number;
  readonly deliveries?: number;
  readonly copyCrashes?: number;
  readonly bridgeRestarts?: number;
  readonly ticks: number;
}

export interface Config {
  readonly bounds: Bounds;
  readonly tickMs: number;
  readonly leaseMs: number;
  readonly maxUnacknowledged: number;
  readonly maxOperations: number;
  readonly mutation?: Mutation;
}

interface Link {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

interface Row extends Link {
  readonly instance: number;
  isDurable: boolean;
}

/** `…At` are true times, `…Ms` readings of a part's clock. */
interface Held {
  readonly instance: number;
  readonly serial: number;
  readonly epoch: Epoch;
  readonly expiresAtMs: number;
  operationsLeft: number;
  readonly maxUnacknowledged: number;
  /** When it must have ended by true time; later by as much as the edge's clock was set back since it was asked for. */
  endAt: number;
  hasEnded: boolean;
  uses: number;
}

interface Work {
  readonly leaseSerial: number;
  readonly startedMs: number;
  readonly wasUsable: boolean;
  /** The record, once written. */
  seq: number | null;
}

interface Memory {
  readonly instance: number;
  clockMs: number;
  known: Epoch | null;
  asking: { readonly nonce: number; readonly sentMs: number; endAt: number } | null;
  lease: Held | null;
  work: Work | null;
  seq: number;
  head: string;
  connection: { copy: 0 | 1; frames: { readonly epoch: Epoch; readonly readAt: number }[] } | null;
  /** When the database said what the newest heard heartbeat tells; null: none was heard on this connection. */
  toldAt: number | null;
}

type Message =
  | { kind: "ask"; nonce: number; instance: number; timeMs: number; wasEnabled?: boolean }
  | { kind: "permitted"; nonce: number; instance: number; timeMs: number; epoch: Epoch }
  | { kind: "granted" | "grant"; nonce: number; instance: number; grant: Grant }
  | { kind: "refused"; nonce: number }
  | { kind: "delivery"; instance: number; records: Link[] }
  | { kind: "stored"; instance: number; seq: number }
  | { kind: "settled"; instance: number };

interface Grant {
  readonly serial: number;
  readonly epoch: Epoch;
  readonly notBeforeMs: number;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
}

export interface State {
  now: number;
  broken: string | null;
  counts: Record<keyof Bounds, number>;
  edgeSkewMs: number;
  /** What survives a crash of the edge. */
  storage: { rows: Row[]; highWaterMs: number; earlier: number[] };
  memory: Memory | null;
  instances: number;
  database: {
    epoch: Epoch;
    isEnabled: boolean;
    stored: Record<number, Link[]>;
    budget: Record<number, number>;
    settled: number[];
    accepted: number[];
  };
  copies: [boolean, boolean];
  bridge: {
    generation: number;
    highest: number;
    isFrozen: boolean;
    nonces: number[];
    startedMs: number;
  };
  net: Message[];
  /** Kept by nobody: what the promises are held against. */
  truth: {
    revoked: { at: number; epoch: Epoch } | null;
    granted: number[];
    answered: { instance: number; seq: number }[];
    hasLostStorage: number[];
  };
}

export type Step = readonly [label: string, next: State];

export function initial(): State {
  return {
    now: 0,
    broken: null,
    counts: {} as State["counts"],
    edgeSkewMs: 0,
    storage: { rows: [], highWaterMs: 0, earlier: [] },
    memory: null,
    instances: 0,
    database: {
      epoch: { generation: 1, counter: 1 },
      isEnabled: true,
      stored: {},
      budget: {},
      settled: [],
      accepted: [],
    },
    copies: [true, true],
    bridge: { generation: 1, highest: 0, isFrozen: false, nonces: [], startedMs: 0 },
    net: [],
    truth: { revoked: null, granted: [], answered: [], hasLostStorage: [] },
  };
}

const chainStart = "0";

/** All steps that can come next. */
export function successors(state: State, config: Config): Step[] {
  const steps: Step[] = [];
  const is = (mutation: Mutation): boolean => config.mutation === mutation;
  const may = (what: keyof Bounds): boolean =>
    (state.counts[what] ?? 0) < (config.bounds[what] ?? 0);
  const step = (label: string, change: (next: State) => void, counted?: keyof Bounds): void => {
    if (counted !== undefined && !may(counted)) return;
    const next = JSON.parse(JSON.stringify(state)) as State;
    if (counted !== undefined) next.counts[counted] = (next.counts[counted] ?? 0) + 1;
    change(next);
    next.broken ??= brokenAudit(next);
    steps.push([label, next]);
  };
  /** A reading of the edge's clock, which remembers the latest. */
  const read = (next: State): number => {
    const memory = next.memory as Memory;
    const platform = next.now + next.edgeSkewMs;
    if (is("no-high-water-mark")) return platform;
    memory.clockMs = startClock(memory.clockMs, () => platform).now();
    return memory.clockMs;
  };
  const isCurrent = (held: Held, known: Epoch | null): boolean => {
    if (is("epoch-not-checked-at-commit")) return true;
    if (is("epoch-compared-by-counter-only")) {
      return known === null || held.epoch.counter >= known.counter;
    }
    return isCurrentEpoch(held.epoch, known);
  };
  const raise = (memory: Memory, epoch: Epoch): void => {
    if (isCurrentEpoch(epoch, memory.known) || is("older-epoch-lowers-the-known-one")) {
      memory.known = epoch;
    }
  };
  /** The truth allows a lease as much more as the clock was set back: an instance cannot know (README.md "Clocks"). */
  const setBack = (next: State, byMs: number): void => {
    next.edgeSkewMs -= byMs;
    if (next.memory?.lease) next.memory.lease.endAt += byMs;
    if (next.memory?.asking) next.memory.asking.endAt += byMs;
  };

  step(
    "a tick passes",
    (next) => {
      next.now += config.tickMs;
    },
    "ticks",
  );

  edgeSteps();
  databaseSteps();
  for (const [index, message] of state.net.entries()) {
    networkSteps(index, message);
  }
  return steps;

  function edgeSteps(): void {
    const { memory, storage } = state;
    if (memory === null) {
      step("edge: a new incarnation starts", (next) => {
        next.instances += 1;
        const instance = next.instances;
        next.memory = {
          instance,
          clockMs: next.storage.highWaterMs,
          known: null,
          asking: null,
          lease: null,
          work: null,
          seq: 0,
          head: chainStart,
          connection: null,
          toldAt: null,
        };
        next.storage.earlier.push(instance);
      });
      step(
        "edge: the storage is lost",
        (next) => {
          next.truth.hasLostStorage.push(...next.storage.earlier);
          next.storage = { rows: [], highWaterMs: 0, earlier: [] };
        },
        "lostStorages",
      );
      return;
    }
    const { work, lease } = memory;
    step(
      "edge: crashes",
      (next) => {
        const kept = is("lease-outlives-crash") ? next.memory : null;
        next.memory = null;
        next.storage.rows = next.storage.rows.filter(({ isDurable }) => isDurable);
        if (kept === null) return;
        next.instances += 1;
        next.storage.earlier.push(next.instances);
        const fresh = { connection: null, known: null, work: null, asking: null, toldAt: null };
        next.memory = { ...kept, ...fresh, instance: next.instances, seq: 0, head: chainStart };
      },
      "crashes",
    );
    step("edge: its clock is set back", (next) => setBack(next, 2 * config.tickMs), "clockJumps");
    step(
      "edge: its clock stands still for a tick",
      (next) => {
        next.now += config.tickMs;
        setBack(next, config.tickMs);
      },
      "clockJumps",
    );
    step(
      "edge: its clock jumps ahead",
      (next) => {
        next.edgeSkewMs += 2 * config.tickMs;
      },
      "clockJumps",
    );
    if (memory.asking === null) {
      step(
        "edge: asks for a lease",
        (next) => {
          const nonce = next.counts.asks;
          const own = next.memory as Memory;
          const sentMs = read(next);
          const behindMs = sentMs - (next.now + next.edgeSkewMs);
          own.asking = { nonce, sentMs, endAt: next.now + config.leaseMs + behindMs };
          next.net.push({ kind: "ask", nonce, instance: own.instance, timeMs: sentMs });
        },
        "asks",
      );
    } else if (may("asks")) {
      step("edge: gives up waiting for a lease", (next) => {
        (next.memory as Memory).asking = null;
      });
    }
    if (work === null && lease !== null) {
      step(
        "edge: computes a result under its lease",
        (next) => {
          const own = next.memory as Memory;
          const held = own.lease as Held;
          const startedMs = read(next);
          const wasUsable = isUsable(held, startedMs);
          own.work = { leaseSerial: held.serial, startedMs, wasUsable, seq: null };
        },
        "calls",
      );
    }
    if (work !== null && work.seq === null) step("edge: commit point", commit);
    if (work !== null && work.seq !== null) {
      const row = storage.rows.find(
        ({ instance, seq }) => instance === memory.instance && seq === work.seq,
      );
      if (row !== undefined && !row.isDurable) {
        step("edge: the storage is synchronised", (next) => {
          for (const one of next.storage.rows) one.isDurable = true;
        });
      }
      if (row === undefined || row.isDurable || is("answer-before-sync")) {
        step("edge: ANSWERS", (next) => {
          const own = next.memory as Memory;
          next.truth.answered.push({ instance: own.instance, seq: work.seq as number });
          own.work = null;
        });
      }
    }
    for (const instance of new Set(storage.rows.map((row) => row.instance))) {
      step(
        `edge: delivers the records of incarnation ${instance}`,
        (next) => {
          const records = next.storage.rows
            .filter((row) => row.instance === instance)
            .map(({ seq, prev, hash }) => ({ seq, prev, hash }));
          next.net.push({ kind: "delivery", instance, records });
          if (is("deleted-before-acknowledged")) acknowledge(next, instance, Infinity);
        },
        "deliveries",
      );
    }
    for (const instance of storage.earlier) {
      if (instance === memory.instance) continue;
      const isWaiting = storage.rows.some((row) => row.instance === instance);
      if (isWaiting && !is("settled-with-records-waiting")) continue;
      step(`edge: says that nothing of incarnation ${instance} waits`, (next) => {
        next.net.push({ kind: "settled", instance });
        next.storage.earlier = next.storage.earlier.filter((one) => one !== instance);
      });
    }
    connectionSteps(memory);
  }

  function commit(next: State): void {
    const own = next.memory as Memory;
    const work = own.work as Work;
    const held = own.lease;
    const clockMs = read(next);
    const nowMs = is("clock-read-before-work") ? work.startedMs : clockMs;
    const isOurs = held !== null && held.serial === work.leaseSerial;
    const isInTime =
      held !== null && (is("expiry-checked-at-start") ? work.wasUsable : isUsable(held, nowMs));
    if (held === null || !isOurs || !isInTime || !isCurrent(held, own.known)) {
      if (held !== null && isOurs) held.hasEnded = true;
      own.work = null;
      return;
    }
    const waiting = next.storage.rows.length;
    if (!hasRoom(waiting, held.maxUnacknowledged) && !is("budget-not-checked")) {
      own.work = null;
      return;
    }
    if (!is("operations-not-counted")) held.operationsLeft -= 1;
    held.uses += 1;
    own.seq += 1;
    const hash = `${own.head}.${own.instance}:${own.seq}`;
    next.storage.rows.push({
      instance: own.instance,
      seq: own.seq,
      prev: own.head,
      hash,
      isDurable: false,
    });
    own.head = hash;
    work.seq = own.seq;
    next.storage.highWaterMs = Math.max(next.storage.highWaterMs, nowMs);
    next.broken ??= brokenCommit(next, held, config, own.known);
  }

  function connectionSteps(memory: Memory): void {
    const { connection } = memory;
    if (connection === null) {
      for (const copy of [0, 1] as const) {
        if (!state.copies[copy]) continue;
        step(`edge: connects to copy ${copy + 1}`, (next) => {
          (next.memory as Memory).connection = { copy, frames: [] };
        });
      }
      return;
    }
    step(
      "network: the connection is cut",
      (next) => {
        const own = next.memory as Memory;
        own.connection = null;
        own.toldAt = null;
      },
      "disconnections",
    );
    if (connection.frames.length < 2) {
      step(
        `copy ${connection.copy + 1}: reads the epochs and sends a heartbeat`,
        (next) => {
          const { epoch } = next.database;
          const told = is("heartbeat-without-reading") ? { generation: 1, counter: 1 } : epoch;
          (next.memory as Memory).connection?.frames.push({ epoch: told, readAt: next.now });
        },
        "beats",
      );
    }
    if (connection.frames.length > 0) {
      step("edge: hears a heartbeat", (next) => {
        const own = next.memory as Memory;
        const frame = own.connection?.frames.shift();
        if (frame === undefined) return;
        const before = own.known;
        raise(own, frame.epoch);
        own.toldAt = frame.readAt;
        next.broken ??= lowered(before, own.known);
      });
    }
  }

  function databaseSteps(): void {
    if (state.database.isEnabled) {
      step(
        "control plane: a revocation is ACKNOWLEDGED",
        (next) => {
          next.database.isEnabled = false;
          if (!is("revocation-without-epoch")) next.database.epoch.counter += 1;
          const epoch = { ...next.database.epoch };
          if (is("revocation-without-epoch")) epoch.counter += 1;
          next.truth.revoked = { at: next.now, epoch };
        },
        "revocations",
      );
    } else {
      step(
        "control plane: the key is enabled again",
        (next) => {
          next.database.isEnabled = true;
          next.database.epoch.counter += 1;
        },
        "enablings",
      );
    }
    for (const copy of [0, 1] as const) {
      if (!state.copies[copy])
        step(`copy ${copy + 1}: starts`, (next) => {
          next.copies[copy] = true;
        });
      else
        step(
          `copy ${copy + 1}: crashes`,
          (next) => {
            next.copies[copy] = false;
            if (next.memory?.connection?.copy !== copy) return;
            next.memory.connection = null;
            next.memory.toldAt = null;
          },
          "copyCrashes",
        );
    }
    step(
      "bridge: freezes the key",
      (next) => {
        next.bridge.isFrozen = true;
      },
      "freezes",
    );
    step(
      "bridge: restarts",
      (next) => {
        next.bridge.startedMs = next.now;
      },
      "bridgeRestarts",
    );
    step(
      "bridge: is restored under a new generation",
      (next) => {
        next.bridge.generation += 1;
        next.bridge.highest = 0;
      },
      "restores",
    );
    if (state.database.epoch.generation < state.bridge.generation) {
      step("control plane: takes over the bridge's generation", (next) => {
        next.database.epoch = { generation: next.bridge.generation, counter: 1 };
      });
    }
    for (const instance of Object.keys(state.database.budget).map(Number)) {
      const isGone = state.memory?.instance !== instance;
      if (!isGone || state.database.accepted.includes(instance)) continue;
      step(
        `control plane: incarnation ${instance} is written off`,
        (next) => void next.database.accepted.push(instance),
        "writeOffs",
      );
    }
  }

  function networkSteps(index: number, message: Message): void {
    const take = (label: string, change: (next: State) => void): void =>
      step(label, (next) => {
        next.net.splice(index, 1);
        change(next);
      });
    step(`network: loses ${message.kind}`, (next) => void next.net.splice(index, 1), "losses");
    step(`network: repeats ${message.kind}`, (next) => void next.net.push(message), "repeats");
    const hasCopy = state.copies.some((isUp) => isUp);
    switch (message.kind) {
      case "ask":
        if (hasCopy) take("control plane: decides on the lease", (next) => permit(next, message));
        return;
      case "permitted":
        take("bridge: decides on the lease", (next) => grant(next, message));
        return;
      case "granted":
        if (!hasCopy) return;
        take("control plane: writes the grant down and passes it on", (next) => {
          writeBudget(next, message.instance);
          next.net.push({ ...message, kind: "grant" });
        });
        return;
      case "grant":
        if (state.memory !== null) take("edge: takes the grant", (next) => accept(next, message));
        return;
      case "refused":
        if (state.memory === null) return;
        take("edge: takes the refusal", (next) => {
          const own = next.memory as Memory;
          if (own.asking?.nonce !== message.nonce) return;
          own.asking = null;
          own.lease = null;
        });
        return;
      case "delivery":
        if (hasCopy) take("control plane: stores a delivery", (next) => store(next, message));
        return;
      case "stored":
        if (state.memory === null) return;
        take("edge: deletes what is acknowledged", (next) => {
          acknowledge(next, message.instance, message.seq);
          next.storage.highWaterMs = Math.max(next.storage.highWaterMs, read(next));
        });
        return;
      case "settled":
        if (hasCopy) {
          take(`control plane: incarnation ${message.instance} is settled`, (next) => {
            next.database.settled.push(message.instance);
          });
        }
    }
  }

  function writeBudget(next: State, instance: number): void {
    next.database.budget[instance] = config.maxUnacknowledged;
  }

  function permit(next: State, message: Extract<Message, { kind: "ask" }>): void {
    const { isEnabled, epoch } = next.database;
    const { nonce, instance, timeMs } = message;
    if (is("state-and-epoch-read-apart") && message.wasEnabled === undefined) {
      next.net.push({ ...message, wasEnabled: isEnabled });
      return;
    }
    next.net.push(
      (message.wasEnabled ?? isEnabled)
        ? { kind: "permitted", nonce, instance, timeMs, epoch: { ...epoch } }
        : { kind: "refused", nonce },
    );
  }

  function grant(next: State, message: Extract<Message, { kind: "permitted" }>): void {
    const { bridge } = next;
    const { nonce, instance, timeMs, epoch } = message;
    const highest = is("bridge-forgets-highest-epoch") ? 0 : bridge.highest;
    const isReplayed = bridge.nonces.includes(nonce) && !is("nonce-granted-twice");
    const isFrozen = bridge.isFrozen && !is("bridge-grants-frozen");
    const verdict = judgeEpoch(epoch, bridge.generation, highest);
    if (isReplayed || isFrozen || timeMs < bridge.startedMs || verdict !== "current") {
      next.net.push({ kind: "refused", nonce });
      return;
    }
    if (bridge.isFrozen) next.broken ??= "P2: the bridge granted a lease of a frozen key";
    if (bridge.nonces.includes(nonce)) next.broken ??= "P2: one signed request was granted twice";
    if (epoch.counter < bridge.highest) next.broken ??= "P2: the bridge granted an older epoch";
    bridge.nonces.push(nonce);
    bridge.highest = Math.max(bridge.highest, epoch.counter);
    const serial = next.truth.granted.length + 1;
    next.truth.granted.push(nonce);
    const expiresAtMs = next.now + config.leaseMs;
    next.net.push({
      kind: is("grant-passed-on-before-budget-written") ? "grant" : "granted",
      nonce,
      instance,
      grant: { serial, epoch, notBeforeMs: next.now, refreshAtMs: next.now, expiresAtMs },
    });
  }

  function accept(
    next: State,
    { nonce, instance, grant: given }: Extract<Message, { kind: "granted" | "grant" }>,
  ): void {
    const own = next.memory as Memory;
    const { asking } = own;
    if (asking === null) return;
    const isAnswer = asking.nonce === nonce && own.instance === instance;
    if (!isAnswer && !is("grant-not-compared-with-request")) return;
    const isFromArrival = is("duration-counted-from-arrival");
    const sentMs = isFromArrival ? read(next) : asking.sentMs;
    const expiresAtMs = isFromArrival ? sentMs + config.leaseMs : given.expiresAtMs;
    const notBeforeMs = expiresAtMs - config.leaseMs;
    const times = localTimes({ notBeforeMs, refreshAtMs: notBeforeMs, expiresAtMs }, sentMs, 0);
    if (times === null) return;
    const before = own.known;
    raise(own, given.epoch);
    own.lease = {
      instance,
      serial: given.serial,
      epoch: given.epoch,
      expiresAtMs: times.expiresAtMs,
      operationsLeft: config.maxOperations,
      maxUnacknowledged: config.maxUnacknowledged,
      endAt: asking.endAt,
      hasEnded: false,
      uses: 0,
    };
    own.asking = null;
    if (!isAnswer) next.broken ??= "P2: a grant that answers another request was taken";
    next.broken ??= lowered(before, own.known);
  }

  function store(next: State, { instance, records }: Extract<Message, { kind: "delivery" }>): void {
    const stored = next.database.stored[instance] ?? [];
    const last = stored.at(-1);
    const head = { lastSeq: last?.seq ?? 0, lastHash: last?.hash ?? chainStart };
    let fresh = continuation(head, records, (link) => link);
    if (is("repeated-delivery-stored-again")) fresh = records;
    if (typeof fresh === "string") return;
    const seq = fresh.at(-1)?.seq ?? head.lastSeq;
    if (!is("acknowledged-before-stored")) {
      next.database.stored[instance] = [...stored, ...fresh];
    }
    next.net.push({ kind: "stored", instance, seq });
  }

  function acknowledge(next: State, instance: number, upTo: number): void {
    next.storage.rows = next.storage.rows.filter(
      (row) => row.instance !== instance || row.seq > upTo,
    );
    if (is("sequence-begins-again") && next.memory?.instance === instance) {
      next.memory.seq = 0;
      next.memory.head = chainStart;
    }
  }
}

/** What a record that was just written breaks of promise P2. */
function brokenCommit(next: State, held: Held, config: Config, known: Epoch | null): string | null {
  const { revoked, granted } = next.truth;
  const memory = next.memory as Memory;
  if (held.serial > granted.length) return "P2: a call passed without a lease from the bridge";
  if (held.instance !== memory.instance) return "P2: a lease of an earlier incarnation served";
  if (held.hasEnded) return "P2: a lease that had ended served again";
  if (next.now >= held.endAt) return "P2: a call passed after the end of its lease";
  if (held.uses > config.maxOperations) return "P2: more calls passed than the lease allows";
  if (known !== null && !isCurrentEpoch(held.epoch, known))
    return "P2: a lease of an older epoch served";
  const isConnected = memory.toldAt !== null && next.now - memory.toldAt <= DISCONNECTED_AFTER_MS;
  const isRevoked =
    revoked !== null &&
    next.now > revoked.at + DISCONNECTED_AFTER_MS &&
    (!isCurrentEpoch(held.epoch, revoked.epoch) || !next.database.isEnabled);
  if (isConnected && isRevoked) return "P2: a revoked key served at a connected edge after 5 s";
  return null;
}

function lowered(before: Epoch | null, after: Epoch | null): string | null {
  const isLower = before !== null && (after === null || !isCurrentEpoch(after, before));
  return isLower ? "P2: an older epoch took the place of a newer one" : null;
}

/** What a state breaks of promise P3. */
function brokenAudit(state: State): string | null {
  const { stored, budget, settled, accepted } = state.database;
  for (const links of Object.values(stored)) {
    let prev = chainStart;
    for (const [index, link] of links.entries()) {
      if (link.seq !== index + 1)
        return "P3: stored records are not numbered without a gap, each once";
      if (link.prev !== prev) return "P3: the stored chain is broken";
      prev = link.hash;
    }
  }
  const missing: Record<number, number> = {};
  const seen = new Set<string>();
  for (const { instance, seq } of state.truth.answered) {
    const name = `${instance}:${seq}`;
    if (seen.has(name)) return "P3: two answered calls share one record";
    seen.add(name);
    const isStored = (stored[instance] ?? []).some((link) => link.seq === seq);
    if (isStored) continue;
    missing[instance] = (missing[instance] ?? 0) + 1;
    const isWaiting = state.storage.rows.some(
      (row) => row.instance === instance && row.seq === seq && row.isDurable,
    );
    const isLost = state.truth.hasLostStorage.includes(instance);
    if (!isWaiting && !isLost) return "P3: an answered call has no durable record";
  }
  for (const [name, count] of Object.entries(missing)) {
    const instance = Number(name);
    const shown = unaccountedAtMost({
      isConnected: state.memory?.instance === instance,
      isSettled: settled.includes(instance),
      isAccepted: false,
      maxUnacknowledged: budget[instance] ?? 0,
    });
    const isExcused = state.memory?.instance === instance || accepted.includes(instance);
    if (!isExcused && count > shown) return "P3: more answered calls are missing than are shown";
  }
  return null;
}
