/** What a command works with: the world outside, and the options that all commands share. */

import type { Command } from "commander";
import { type Client, createClient } from "./client.ts";
import { type ConnectionFlags, type Environment, readConnection } from "./credentials.ts";

/** The process, or a test's stand-in for it. */
export interface World {
  readonly env: Environment;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Asks a person, who may say no; null when nobody is there to ask. */
  readonly ask: ((question: string) => Promise<boolean>) | null;
}

export interface GlobalOptions extends ConnectionFlags {
  readonly json?: boolean;
  readonly yes?: boolean;
}

export interface Context {
  readonly client: Client;
  /** Prints an answer: as JSON when asked for, else the text. */
  print(answer: object, text: string): void;
  /** False when a person was asked and said no. */
  confirms(question: string): Promise<boolean>;
}

/** @throws UsageError when it is not known whom to call. */
export function contextOf(world: World, command: Command): Context {
  const options = command.optsWithGlobals<GlobalOptions>();
  return {
    client: createClient(readConnection(options, world.env)),
    print: (answer, text) =>
      world.stdout(options.json === true ? `${JSON.stringify(answer, null, 2)}\n` : text),
    async confirms(question) {
      if (options.yes === true || world.ask === null) return true;
      const isConfirmed = await world.ask(question);
      if (!isConfirmed) world.stderr("Nothing was changed.\n");
      return isConfirmed;
    },
  };
}
