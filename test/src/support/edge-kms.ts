/** The command `edge-kms`, as a shell runs it. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { System } from "./system.ts";

const bin = fileURLToPath(new URL("../../../node_modules/.bin/edge-kms", import.meta.url));

export type Ran = { readonly code: number; readonly out: string; readonly err: string };

/** Runs it against a system, with the credentials in its home unless `env` has others. */
export function edgeKms(
  system: System,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const whole = { PATH: process.env.PATH, EDGE_KMS_HOME: system.home, ...env };
  return new Promise((resolve) => {
    execFile(bin, [...args], { env: whole }, (error, out, err) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, out, err });
    });
  });
}

/** Its answer; throws when it did not end with 0. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the service answered; tests look into it
export async function edgeKmsJson(system: System, args: readonly string[]): Promise<any> {
  const { code, out, err } = await edgeKms(system, [...args, "--json"]);
  if (code !== 0) throw new Error(`edge-kms ${args.join(" ")}: ${code} ${err}`);
  return JSON.parse(out);
}
