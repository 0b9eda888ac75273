/**
 * A part of the system as a child process: started, watched, restarted when it dies, stopped in order. Its output goes
 * to a log file; the last lines are kept for the sentence that says why it did not start.
 *
 * Node children end when the IPC channel closes. Others (workerd, postgres) cannot see that, so `setpriv --pdeathsig`
 * (util-linux) has the kernel end them when the launcher dies; without it the next start finds and ends them.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { StartError } from "./start-error.ts";

export type PartCommand = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly logFile: string;
  /** True for our Node parts: they say `{type: "ready"}` over IPC and end when the channel closes. */
  readonly speaksIpc: boolean;
  /** Signal that asks for an orderly end. */
  readonly stopSignal: NodeJS.Signals;
  /** Resolves once the part serves; rejects when it never will. Not used with `speaksIpc`. */
  readonly probe?: (signal: AbortSignal) => Promise<void>;
};

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
/** More deaths than this within the window, and the launcher gives up. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;

const hasSetpriv = spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0;

/** Prefix that makes the kernel send `signal` to the command when its parent dies; empty where that is not to be had. */
export function endWithParent(signal: "INT" | "TERM" | "KILL"): readonly string[] {
  return hasSetpriv ? ["setpriv", "--pdeathsig", signal] : [];
}

export type Part = {
  readonly name: string;
  /** Starts and waits until it serves. Throws {@link StartError}. */
  start(): Promise<void>;
  /** Asks it to end, then makes it. Never throws. */
  stop(): Promise<void>;
};

export type PartEvents = {
  /** It serves: after the first start, and after every restart. */
  serving(name: string, pid: number, restarted: boolean): void;
  /** It died and is being restarted. */
  restarting(name: string, how: string): void;
  /** It died and will not be restarted. */
  lost(name: string, why: string): void;
};

export function createPart(command: PartCommand, events: PartEvents): Part {
  let child: ChildProcess | null = null;
  let stopping = false;
  let deaths: number[] = [];

  async function launch(): Promise<void> {
    const logStart = existsSync(command.logFile) ? statSync(command.logFile).size : 0;
    const log = openSync(command.logFile, "a", 0o600);
    writeSync(log, `--- ${command.name} started at ${new Date().toISOString()}\n`);
    const started = spawn(command.command, [...command.args], {
      cwd: command.cwd,
      env: command.env,
      // A process group of its own: Ctrl-C in the terminal reaches the launcher, which ends the parts in order.
      detached: true,
      stdio: command.speaksIpc ? ["ignore", log, log, "ipc"] : ["ignore", log, log],
    });
    closeSync(log);
    child = started;
    const abort = new AbortController();
    let serving = false;
    const ended = new Promise<never>((_, reject) => {
      const end = (how: string) => {
        abort.abort();
        if (child === started) child = null;
        if (serving) void died(how);
        else {
          const last = lastSentence(command.logFile, logStart);
          reject(
            new StartError(`${command.name} did not start (${how})${last ? `: ${last}` : "."}`),
          );
        }
      };
      started.once("error", (error) => end(error.message));
      started.once("exit", (code, signal) => end(signal ?? `exit ${code}`));
    });
    ended.catch(() => {});
    const timeout = new Promise<never>((_, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new StartError(
              `${command.name} did not answer within ${START_TIMEOUT_MS / 1000} s; see ${command.logFile}`,
            ),
          ),
        START_TIMEOUT_MS,
      );
      abort.signal.addEventListener("abort", () => clearTimeout(timer));
    });
    const ready = command.speaksIpc
      ? new Promise<void>((resolve) => {
          started.on("message", (message) => {
            if ((message as { type?: unknown }).type === "ready") resolve();
          });
        })
      : (command.probe?.(abort.signal) ?? Promise.resolve());
    try {
      await Promise.race([ready, ended, timeout]);
      serving = true;
      events.serving(command.name, started.pid ?? 0, deaths.length > 0);
    } catch (error) {
      await end(started);
      throw error;
    } finally {
      if (serving) abort.abort();
    }
  }

  async function died(how: string): Promise<void> {
    if (stopping) return;
    const now = Date.now();
    deaths = [...deaths.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (deaths.length > MAX_RESTARTS) {
      events.lost(command.name, `it died ${deaths.length} times within a minute (last: ${how})`);
      return;
    }
    events.restarting(command.name, how);
    try {
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** deaths.length));
      if (!stopping) await launch();
    } catch (error) {
      // Killed while it started, or what it needs is not back yet: a further death, until there are too many.
      await died((error as Error).message);
    }
  }

  async function end(target: ChildProcess): Promise<void> {
    if (target.exitCode !== null || target.signalCode !== null || target.pid === undefined) return;
    const exited = new Promise<void>((resolve) => target.once("exit", () => resolve()));
    target.kill(command.stopSignal);
    const timer = setTimeout(() => target.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  return {
    name: command.name,
    start: launch,
    async stop() {
      stopping = true;
      if (child) await end(child);
    },
  };
}

/** The last line a part wrote since `from`, as the reason it gave for ending. */
function lastSentence(path: string, from: number): string {
  try {
    const lines = readFileSync(path).subarray(from).toString("utf8").trim().split("\n");
    const last = lines.filter((line) => line && !line.startsWith("---")).at(-1) ?? "";
    return last.slice(0, 500);
  } catch {
    return "";
  }
}
