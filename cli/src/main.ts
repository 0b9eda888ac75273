/** The process around the command: its streams, its terminal, its exit code. */

import { createInterface } from "node:readline/promises";
import type { World } from "./context.ts";
import { runCommand } from "./program.ts";

/** Runs the command line of this process. @returns the exit code. */
export function main(): Promise<number> {
  const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const world: World = {
    env: process.env,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    ask: isTerminal ? ask : null,
  };
  return runCommand(process.argv.slice(2), world);
}

async function ask(question: string): Promise<boolean> {
  // To stderr, so that stdout has the answer of the service only.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
