/** A second control plane beside the one of a running system: same home, a door of its own. */

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { System } from "./system.ts";

const program = fileURLToPath(new URL("main.ts", import.meta.resolve("@edge-kms/control-plane")));

export type SecondCopy = {
  readonly url: string;
  readonly pid: number;
  /** Signals it and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
};

export type SecondCopyOptions = {
  readonly databaseUrl: string;
  /** The system's own when absent. */
  readonly bridgeUrl?: string;
  /** Any free one when absent. */
  readonly port?: number;
};

/** Starts one and waits until it serves. */
export async function startSecondCopy(
  system: System,
  { databaseUrl, bridgeUrl = `https://127.0.0.1:${system.port + 2}`, port = 0 }: SecondCopyOptions,
): Promise<SecondCopy> {
  const log = openSync(join(system.home, "logs", "second-control-plane.log"), "a", 0o600);
  const child = spawn(
    process.execPath,
    [
      ...[program, "serve", "--home", system.home, "--listen", `127.0.0.1:${port}`],
      ...["--bridge-url", bridgeUrl, "--edge-url", `http://127.0.0.1:${system.port}`],
    ],
    {
      env: { ...process.env, EDGE_KMS_DATABASE_URL: databaseUrl },
      stdio: ["ignore", log, log, "ipc"],
    },
  );
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once("message", (message: { url: string }) => resolve(message.url));
    child.once("exit", (code) => reject(new Error(`the second control plane ended (${code})`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    async end(signal) {
      child.kill(signal);
      await ended;
    },
  };
}
