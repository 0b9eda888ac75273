/**
 * `node hsm-bridge/src/main.ts <command>`: `serve`, `init-token`, and the operator's commands. Exit status 0 when it was
 * done, 1 when it was refused or failed, 2 for a wrong command line; the reason is one sentence on stderr.
 */

import { parseArgs } from "node:util";
import { BridgeCallError } from "./client.ts";
import { operatorCommands, operatorOptions } from "./commands/operator.ts";
import { UsageError, usage } from "./commands/usage.ts";
import { settingOptions } from "./config.ts";
import { StartupError } from "./errors.ts";
import { describeError } from "./log.ts";

const options = {
  ...settingOptions,
  ...operatorOptions,
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
} as const;

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine();
  const [command, ...rest] = positionals;
  if (values.help === true || command === undefined) {
    process.stdout.write(usage());
    if (command === undefined && values.help !== true) process.exitCode = 2;
    return;
  }
  // Loaded when needed: an operator's command does not wait for the whole bridge.
  if (command === "serve") return (await import("./commands/serve.ts")).serveCommand(values);
  if (command === "init-token") {
    return (await import("./commands/init-token.ts")).initTokenCommand(values);
  }
  const operatorCommand = Object.hasOwn(operatorCommands, command)
    ? operatorCommands[command]
    : undefined;
  if (operatorCommand === undefined) throw new UsageError(`There is no command "${command}".`);
  return operatorCommand(values, rest);
}

function parseCommandLine() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "The command line is wrong.");
  }
}

function sentenceOf(error: unknown): string {
  if (error instanceof StartupError || error instanceof UsageError) return error.message;
  if (error instanceof BridgeCallError) return `${error.message} (${error.code})`;
  return `Unexpected failure: ${JSON.stringify(describeError(error))}`;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`hsm-bridge: ${sentenceOf(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
