/** The system whose parts are broken: as the launcher runs it, with a second control plane, and a link that can fail between each two parts. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import {
  discard,
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

/** The launcher's parts, and those that it does not run itself. */
export type Part = PartName | "second control plane" | "PKCS#11 process";

export type World = {
  readonly system: System;
  readonly links: Readonly<Record<LinkName, FaultProxy>>;
  /** The processes of a part as it runs now; none while it does not. */
  pids(part: Part): readonly number[];
  /** Kills a part with SIGKILL and waits until another one runs in its place. */
  kill(part: Part): Promise<void>;
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
  const second = await startSecondControlPlane(system, secondPort, bridgeUrl, database);
  const pids: World["pids"] = (part) => {
    switch (part) {
      case "second control plane":
        return second.pid() === null ? [] : [second.pid() as number];
      case "PKCS#11 process":
        return childrenOf(system.pid("bridge"));
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
      if (part === "second control plane") return second.kill();
      if (part !== "PKCS#11 process") return system.killAndWait(part, "SIGKILL");
      const old = pids(part);
      for (const pid of old) process.kill(pid, "SIGKILL");
      while (pids(part).length === 0 || pids(part).some((pid) => old.includes(pid)))
        await sleep(20);
    },
    async close() {
      await second.stop();
      await discard(system);
      for (const link of Object.values(links)) await link.close();
    },
  };
}

type SecondControlPlane = {
  pid(): number | null;
  kill(): Promise<void>;
  stop(): Promise<void>;
};

/** A copy of the control plane on the same database, started again whenever it dies, as whoever runs copies does. */
async function startSecondControlPlane(
  system: System,
  port: number,
  bridgeUrl: string,
  databaseUrl: string,
): Promise<SecondControlPlane> {
  const program = fileURLToPath(new URL("main.ts", import.meta.resolve("@edge-kms/control-plane")));
  const addresses = ["--listen", `127.0.0.1:${port}`, "--bridge-url", bridgeUrl];
  const edgeUrl = `http://127.0.0.1:${system.port}`;
  const log = openSync(join(system.home, "logs", "second-control-plane.log"), "a", 0o600);
  let child: ChildProcess | null = null;
  let isStopping = false;
  const run = (): void => {
    const started = spawn(
      process.execPath,
      [program, "serve", "--home", system.home, ...addresses, "--edge-url", edgeUrl],
      {
        env: { ...process.env, EDGE_KMS_DATABASE_URL: databaseUrl },
        stdio: ["ignore", log, log, "ipc"],
      },
    );
    started.once("message", () => {
      child = started;
    });
    started.once("exit", () => {
      child = null;
      if (!isStopping) setTimeout(run, 100);
    });
  };
  const isUp = async (): Promise<void> => {
    while (child === null) await sleep(20);
  };
  run();
  await isUp();
  return {
    pid: () => child?.pid ?? null,
    async kill() {
      const old = child;
      old?.kill("SIGKILL");
      while (child === old) await sleep(20);
      await isUp();
    },
    async stop() {
      isStopping = true;
      const last = child;
      const ended = new Promise((resolve) => last?.once("exit", resolve));
      last?.kill("SIGKILL");
      if (last !== null) await ended;
      closeSync(log);
    },
  };
}

/** The folder of the socket is the fifth line of postmaster.pid, the port the fourth. */
function databaseSocket(data: string): string {
  const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
  return join(lines[4] ?? "", `.s.PGSQL.${lines[3]}`);
}

function childrenOf(pid: number): number[] {
  try {
    const text = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
    return text.split("\n").map(Number).filter(Boolean);
  } catch {
    // ps says 1 when there are none.
    return [];
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
