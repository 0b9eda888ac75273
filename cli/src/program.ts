/** The command line: one tree of commands, options that all share, and what becomes of errors. */

import { Command, CommanderError } from "commander";
import { addAccessKeyCommands } from "./commands/access-key.ts";
import { addEdgeCommands } from "./commands/edge.ts";
import { addKeyCommands } from "./commands/key.ts";
import type { World } from "./context.ts";
import { exitCodes, RefusedError, UnreachableError, UsageError } from "./errors.ts";
import { printable } from "./output.ts";

const epilogue = `
Credentials come from EDGE_KMS_SECRET_ID and EDGE_KMS_SECRET_KEY, or from client.env in the home.
Exit codes: 0 done, 1 refused by the service (its code is printed), 2 wrong usage, 3 no answer.`;

function createProgram(world: World): Command {
  const program = new Command("edge-kms")
    .description("administers edge-kms: what runs at the edge, and taking rights away from it")
    .option(
      "--endpoint <url>",
      "the door to call (EDGE_KMS_ENDPOINT; the control plane of the home)",
    )
    .option("--region <name>", "the region of the keys (EDGE_KMS_REGION; that of the home)")
    .option("--secret-id <id>", "the access key (EDGE_KMS_SECRET_ID; that of the home)")
    .option("--secret-key-file <path>", "a file with its SecretKey (or EDGE_KMS_SECRET_KEY)")
    .option("--home <path>", "the home of a system on this machine (EDGE_KMS_HOME; .edge-kms)")
    .option("--plain-http", "call an endpoint elsewhere without TLS")
    .option("--json", "print answers as JSON, and errors too")
    .option("--yes", "do not ask before something is taken away")
    .addHelpText("after", epilogue)
    .showHelpAfterError("(add --help for what there is)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: world.stdout, writeErr: world.stderr })
    .exitOverride();
  addEdgeCommands(program, world);
  addKeyCommands(program, world);
  addAccessKeyCommands(program, world);
  inherit(program);
  return program;
}

/** Subcommands do not take these settings over when they are made by `command()` before the parent's are complete. */
function inherit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inherit(child);
  }
}

/** Runs one command line. @returns the exit code. */
export async function runCommand(args: readonly string[], world: World): Promise<number> {
  const program = createProgram(world);
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    return report(error, world, args.includes("--json"));
  }
}

function report(error: unknown, world: World, isJson: boolean): number {
  // Commander has said what was wrong, or has shown the help that was asked for.
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (error instanceof RefusedError) {
    const { code, message, requestId } = error;
    const json = { Error: { Code: code, Message: message }, RequestId: requestId };
    world.stderr(
      isJson
        ? `${JSON.stringify(json, null, 2)}\n`
        : `${printable(code)}: ${printable(message)} (request ${printable(requestId)})\n`,
    );
    return exitCodes.refused;
  }
  if (error instanceof UsageError || error instanceof UnreachableError) {
    world.stderr(`${printable(error.message)}\n`);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.unreachable;
  }
  throw error;
}
