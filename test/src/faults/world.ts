/** The system whose parts are broken: as the launcher runs it, with a second control plane, and a link that can fail between each two parts. */

import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { childrenOf } from "../support/processes.ts";
import { type SecondCopy, startSecondCopy } from "../support/second-copy.ts";
import { bridgeClient } from "../support/spy-edge.ts";
import {
  discard,
  freePort,
  freePorts,
  type PartName,
  type System,
  type SystemOptions,
  startSystem,
  temporaryHome,
} from "../support/system.ts";

export type LinkName =
  | "edge – control planes"
  | "control planes – database"
  | "control planes – bridge";

/** The tokens of a system with two, by the library that is loaded in their processes. */
const tokenLibraries = { "first token": "softhsm", "second token": "softokn" } as const;
export type TokenName = keyof typeof tokenLibraries;

/** The launcher's parts, and those that it does not run itself. */
export type Part = PartName | "second control plane" | "PKCS#11 process" | TokenName;

export type World = {
  readonly system: System;
  readonly links: Readonly<Record<LinkName, FaultProxy>>;
  /** The processes of a part as it runs now; none while it does not. */
  pids(part: Part): readonly number[];
  /** Kills a part with SIGKILL and waits until another one runs in its place. */
  kill(part: Part): Promise<void>;
  /** Takes what a token is made of away, and its process with it; the answer puts it back and waits until it has all copies again. */
  takeAway(token: TokenName): Promise<() => Promise<void>>;
  close(): Promise<void>;
};

export type Store = NonNullable<SystemOptions["store"]>;

const loopback = (port: number) => () => ({ host: "127.0.0.1", port });

export async function startWorld(store: Store): Promise<World> {
  const home = temporaryHome();
  const port = await freePorts();
  const secondPort = await freePort();
  const links = {
    "edge – control planes": await startFaultProxy([loopback(port + 1), loopback(secondPort)]),
    "control planes – database": await startFaultProxy([
      () => ({ path: databaseSocket(join(home, "db", "data")) }),
    ]),
    "control planes – bridge": await startFaultProxy([loopback(port + 2)]),
  };
  const bridgeUrl = `https://127.0.0.1:${links["control planes – bridge"].port}`;
  const database = `postgresql://edge_kms@127.0.0.1:${links["control planes – database"].port}/postgres`;
  const system = await startSystem({
    home,
    port,
    store,
    config: {
      via: {
        bridge: bridgeUrl,
        database,
        controlPlane: `127.0.0.1:${links["edge – control planes"].port}`,
      },
      controlPlane: { cmkQuota: 100_000 },
    },
  });
  const startSecond = () =>
    startSecondCopy(system, { databaseUrl: database, bridgeUrl, port: secondPort });
  let second: SecondCopy | null = await startSecond();
  const pids: World["pids"] = (part) => {
    switch (part) {
      case "second control plane":
        return second === null ? [] : [second.pid];
      case "PKCS#11 process":
        return childrenOf(system.pid("bridge"));
      case "first token":
      case "second token":
        return childrenOf(system.pid("bridge")).filter((pid) =>
          hasLoaded(pid, tokenLibraries[part]),
        );
      case "database":
        // Each of its connections is a process.
        return [system.pid(part), ...childrenOf(system.pid(part))];
      default:
        return [system.pid(part)];
    }
  };
  return {
    system,
    links,
    pids,
    async kill(part) {
      if (part === "second control plane") {
        const killed = second;
        second = null;
        await killed?.end("SIGKILL");
        second = await startSecond();
        return;
      }
      if (isPart(part)) return system.killAndWait(part, "SIGKILL");
      const old = pids(part);
      for (const pid of old) process.kill(pid, "SIGKILL");
      while (pids(part).length === 0 || pids(part).some((pid) => old.includes(pid)))
        await sleep(20);
    },
    async takeAway(token) {
      const directory = join(home, "tokens", token === "first token" ? "softhsm" : "nss");
      renameSync(directory, `${directory}-away`);
      for (const pid of pids(token)) process.kill(pid, "SIGKILL");
      return async () => {
        renameSync(`${directory}-away`, directory);
        await untilWhole(system);
      };
    },
    async close() {
      await second?.end("SIGKILL");
      await discard(system);
      for (const link of Object.values(links)) await link.close();
    },
  };
}

async function untilWhole(system: System): Promise<void> {
  const operator = bridgeClient(system, "operator");
  try {
    for (;;) {
      const { tokens } = await operator.call("status", {});
      if (tokens.every(({ state, lacks }) => state === "closed" && lacks === 0)) return;
      await sleep(50);
    }
  } finally {
    operator.close();
  }
}

function isPart(part: Part): part is PartName {
  return !(part in tokenLibraries) && part !== "PKCS#11 process";
}

/** Of a process that has just begun nobody knows it yet. */
function hasLoaded(pid: number, library: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/maps`, "utf8").includes(library);
  } catch {
    return false;
  }
}

/** The folder of the socket is the fifth line of postmaster.pid, the port the fourth. */
function databaseSocket(data: string): string {
  const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
  return join(lines[4] ?? "", `.s.PGSQL.${lines[3]}`);
}
