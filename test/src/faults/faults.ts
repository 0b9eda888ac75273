/** What is done to each part in turn: killed, stopped, cut off, slowed, corrupted. */

import type { LinkState } from "../support/fault-proxy.ts";
import { SHORT_LEASE_MS } from "./clients.ts";
import type { LinkName, Part, TokenName, World } from "./world.ts";

export type Fault = {
  readonly name: string;
  /** Brings it about, and gives what ends it. A part that was killed has been replaced by then. */
  begin(world: World): Promise<() => Promise<void>>;
  readonly lastsMs: number;
  /** While it lasts no edge can be given a lease, so a key is used no longer than its last one lasts. */
  readonly cutsEdgeOff?: boolean;
  /** While it lasts callers have no edge to ask. */
  readonly takesEdgeAway?: boolean;
  /** Nobody changes keys meanwhile: answers of the control plane that an edge passes on are not signed. */
  readonly holdsChanges?: boolean;
  /** The HSM is behind it: done over each PKCS#11 module. */
  readonly isAboutTheHsm?: boolean;
  /** Much like another one: only in soaks and benchmarks. */
  readonly isRare?: boolean;
};

const BRIEFLY_MS = 2_000;
/** Until leases of the key `short-lived` are over, and then some. */
const LONG_MS = SHORT_LEASE_MS + 2_000;

type Traits = Omit<Fault, "name" | "begin" | "lastsMs">;

const hsm: Traits = { isAboutTheHsm: true };
const rare: Traits = { isRare: true };

function killed(parts: readonly Part[], traits: Traits = {}): Fault {
  return {
    name: `${parts.join(" and ")}: kill -9`,
    async begin(world) {
      await Promise.all(parts.map((part) => world.kill(part)));
      return async () => {};
    },
    lastsMs: 0,
    ...traits,
  };
}

function stopped(parts: readonly Part[], lastsMs: number, traits: Traits = {}): Fault {
  return {
    name: `${parts.join(" and ")}: stopped for ${lastsMs / 1000} s`,
    async begin(world) {
      const pids = parts.flatMap((part) => world.pids(part));
      for (const pid of pids) signal(pid, "SIGSTOP");
      return async () => {
        for (const pid of pids) signal(pid, "SIGCONT");
      };
    },
    lastsMs,
    ...traits,
  };
}

/** A connection of the database may have ended by itself. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const saying: Readonly<Record<Exclude<LinkState, "whole">, string>> = {
  refuse: "connections refused",
  reset: "answers broken off",
  drop: "silence, connections lost",
  slow: "slow",
  corrupt: "bits flipped",
};

function link(
  name: LinkName,
  state: Exclude<LinkState, "whole">,
  lastsMs: number,
  traits: Traits = {},
): Fault {
  return {
    name: `${name}: ${saying[state]} for ${lastsMs / 1000} s`,
    async begin({ links }) {
      await links[name].become(state);
      return () => links[name].become("whole");
    },
    lastsMs,
    ...traits,
  };
}

function gone(token: TokenName, lastsMs: number): Fault {
  return {
    name: `${token} of two: gone for ${lastsMs / 1000} s`,
    begin: (world) => world.takeAway(token),
    lastsMs,
  };
}

const copies = ["control plane", "second control plane"] as const;

export const faults: readonly Fault[] = [
  killed(["edge"], { takesEdgeAway: true }),
  stopped(["edge"], BRIEFLY_MS, { takesEdgeAway: true }),
  killed(["control plane"]),
  stopped(["second control plane"], BRIEFLY_MS, rare),
  killed(copies, rare),
  stopped(copies, BRIEFLY_MS),
  stopped(copies, LONG_MS, { cutsEdgeOff: true, isRare: true }),
  killed(["database"]),
  stopped(["database"], BRIEFLY_MS, rare),
  killed(["bridge"], hsm),
  stopped(["bridge"], BRIEFLY_MS, rare),
  killed(["PKCS#11 process"], hsm),
  stopped(["PKCS#11 process"], BRIEFLY_MS, hsm),
  link("edge – control planes", "refuse", LONG_MS, { cutsEdgeOff: true, isRare: true }),
  link("edge – control planes", "reset", BRIEFLY_MS, rare),
  link("edge – control planes", "drop", LONG_MS, { cutsEdgeOff: true }),
  link("edge – control planes", "slow", BRIEFLY_MS),
  link("edge – control planes", "corrupt", BRIEFLY_MS, { holdsChanges: true }),
  link("control planes – database", "refuse", BRIEFLY_MS, rare),
  link("control planes – database", "reset", BRIEFLY_MS, rare),
  link("control planes – database", "drop", BRIEFLY_MS),
  link("control planes – database", "slow", BRIEFLY_MS, rare),
  link("control planes – bridge", "refuse", BRIEFLY_MS, rare),
  link("control planes – bridge", "reset", BRIEFLY_MS, rare),
  link("control planes – bridge", "drop", BRIEFLY_MS),
  link("control planes – bridge", "slow", BRIEFLY_MS, rare),
  link("control planes – bridge", "corrupt", BRIEFLY_MS, rare),
];

/** Of a bridge with two tokens, either of which is enough. */
export const tokenFaults: readonly Fault[] = [
  { ...killed(["first token"]), name: "first token of two: kill -9" },
  { ...stopped(["second token"], BRIEFLY_MS), name: "second token of two: stopped for 2 s" },
  gone("first token", LONG_MS),
  gone("second token", LONG_MS),
];
