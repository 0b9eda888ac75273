/** A second control plane beside the one of a running system: same home, same bridge, a door of its own. */

import { fork } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { System } from "./system.ts";

const program = join(
  dirname(fileURLToPath(import.meta.resolve("@edge-kms/control-plane"))),
  "main.ts",
);

export type SecondCopy = {
  readonly url: string;
  /** Signals it and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
};

export async function startSecondCopy(system: System, databaseUrl: string): Promise<SecondCopy> {
  const bridge = `https://127.0.0.1:${system.port + 2}`;
  const child = fork(
    program,
    ["serve", "--home", system.home, "--listen", "127.0.0.1:0", "--bridge-url", bridge],
    {
      env: { ...process.env, EDGE_KMS_DATABASE_URL: databaseUrl },
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    },
  );
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once("message", (message: { url: string }) => resolve(message.url));
    child.once("exit", (code) => reject(new Error(`the second control plane ended (${code})`)));
  });
  return {
    url,
    async end(signal) {
      child.kill(signal);
      await ended;
    },
  };
}
