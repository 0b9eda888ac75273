/** What an operator says to a running bridge, with the operator's own certificate. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BridgeCallError, type BridgeClient, createBridgeClient } from "../client.ts";
import { type FlagValues, parseListen, readSources } from "../config.ts";
import { StartupError } from "../errors.ts";
import { readSecretFile } from "../files.ts";
import { homePaths } from "../settings.ts";
import { UsageError } from "./usage.ts";

export const operatorOptions = {
  url: { type: "string" },
  edge: { type: "string" },
  "public-key": { type: "string" },
  accounts: { type: "string" },
  regions: { type: "string" },
  group: { type: "string" },
  reason: { type: "string" },
  after: { type: "string" },
  limit: { type: "string" },
  "so-pin-file": { type: "string" },
} as const;

type OperatorFlags = FlagValues & {
  readonly [N in keyof typeof operatorOptions | "json"]?: string | boolean | undefined;
};
type OperatorCommand = (flags: OperatorFlags, rest: readonly string[]) => Promise<void>;

/** Runs with a client, closes it, prints the result as JSON or as the lines of `show`. */
function command<T extends object>(
  run: (client: BridgeClient, flags: OperatorFlags, rest: readonly string[]) => Promise<T>,
  show: (result: T) => readonly string[],
): OperatorCommand {
  return async (flags, rest) => {
    const client = await openClient(flags);
    try {
      const result = await run(client, flags, rest);
      const lines = flags.json === true ? [JSON.stringify(result)] : show(result);
      process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    } finally {
      client.close();
    }
  };
}

export const operatorCommands: Readonly<Record<string, OperatorCommand>> = {
  status: command(
    async (client) => ({
      ...(await client.call("status", {})),
      health: await client.call("health", {}).catch((error: unknown) => {
        if (error instanceof BridgeCallError && error.code === "hsm-unavailable")
          return error.message;
        throw error;
      }),
      storeCalls: await client.call("storeCalls", {}),
    }),
    (result) => [
      `store       ${result.store}${result.store === "software" ? " (NO HSM)" : ""}`,
      `generation  ${result.generation}`,
      `started     ${new Date(result.startedAtMs).toISOString()}`,
      `public key  ${result.publicKey}`,
      typeof result.health === "string"
        ? `HSM         DOES NOT SERVE. ${printable(result.health)}`
        : `HSM         wraps and unwraps in ${result.health.tookMs} ms`,
      `            ${result.storeCalls.total} calls since the start`,
      ...result.tokens.map(
        ({ label, state, sinceMs, lacks }) =>
          `token       "${printable(label)}" ${state} since ${new Date(sinceMs).toISOString()}${lacks === 0 ? "" : `, lacks ${lacks} copies`}`,
      ),
      ...result.epochs.map(({ account, counter }) => `epoch       ${account} ${counter}`),
    ],
  ),

  enroll: command(
    (client, flags) =>
      client.call("enrollEdge", {
        edge: text(flags, "edge"),
        publicKey: text(flags, "public-key"),
        accounts: text(flags, "accounts").split(","),
        regions: text(flags, "regions").split(","),
        group: text(flags, "group"),
      }),
    () => ["Enrolled."],
  ),

  list: command(
    async (client) => ({
      ...(await client.call("listEdges", {})),
      ...(await client.call("listFreezes", {})),
      ...(await client.call("listEdgeModeCeilings", {})),
    }),
    ({ edges, freezes, ceilings }) => [
      ...edges.map(
        (edge) =>
          `edge ${edge.edge} group ${edge.group} accounts ${edge.accounts.join(",")} regions ${edge.regions.join(",")}${edge.frozen ? " FROZEN" : ""}`,
      ),
      ...freezes.map(
        ({ kind, id, reason, frozenAtMs }) =>
          `frozen ${kind} ${id} since ${new Date(frozenAtMs).toISOString()}: ${printable(reason)}`,
      ),
      ...ceilings.map(({ keyId, ceiling }) => `ceiling ${ceiling} key ${keyId}`),
    ],
  ),

  freeze: command(
    (client, flags, rest) =>
      client.call("freeze", { ...target(rest), reason: text(flags, "reason") }),
    () => ["Frozen."],
  ),

  unfreeze: command(
    (client, _flags, rest) => client.call("unfreeze", target(rest)),
    () => ["Unfrozen."],
  ),

  ceiling: command(
    (client, _flags, [ceiling, keyId]) => {
      if (ceiling !== "lease" && ceiling !== "proxy" && ceiling !== "deny") {
        throw new UsageError("Say which ceiling: lease, proxy or deny, and the id of the key.");
      }
      return client.call("setEdgeModeCeiling", { keyId: keyId ?? "", ceiling });
    },
    () => ["Set."],
  ),

  log: command(
    (client, flags) =>
      client.call("readLog", {
        afterSeq: number(flags.after, 0),
        limit: number(flags.limit, 100),
      }),
    ({ entries }) =>
      entries.map(
        ({ seq, timeMs, event, role, details }) =>
          `${seq} ${new Date(timeMs).toISOString()} ${role} ${event} ${printable(JSON.stringify(details))}`,
      ),
  ),

  random: command(
    (client, _flags, [bytes]) => client.call("random", { bytes: number(bytes, 32) }),
    ({ random }) => [random],
  ),
};

async function openClient(flags: OperatorFlags): Promise<BridgeClient> {
  const sources = await readSources(flags, process.env);
  const { pki } = homePaths(sources.home);
  const { host, port } = parseListen(sources.text("listen"), process.env);
  const name = host.includes(":") ? `[${host}]` : host;
  try {
    return createBridgeClient({
      url: typeof flags.url === "string" ? flags.url : `https://${name}:${port}`,
      ca: await readFile(join(pki, "ca.crt"), "utf8"),
      cert: await readFile(join(pki, "operator.crt"), "utf8"),
      key: (await readSecretFile(join(pki, "operator.key"), "The operator's key")).toString("utf8"),
    });
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`There is no operator certificate in ${pki}.`, error);
  }
}

function text(flags: OperatorFlags, name: keyof typeof operatorOptions): string {
  const value = flags[name];
  if (typeof value !== "string" || value === "") throw new UsageError(`--${name} is missing.`);
  return value;
}

function target(rest: readonly string[]): { kind: "edge" | "key" | "account"; id: string } {
  const [kind, id] = rest;
  if ((kind === "edge" || kind === "key" || kind === "account") && id !== undefined) {
    return { kind, id };
  }
  throw new UsageError("Say what: edge, key or account, and its id.");
}

function number(value: string | boolean | undefined, fallback: number): number {
  const result = value === undefined ? fallback : Number(value);
  if (!Number.isSafeInteger(result) || result < 0) throw new UsageError("A number is expected.");
  return result;
}

/** Text of others on a terminal: no control characters. */
function printable(textOfOthers: string): string {
  return textOfOthers.replace(/\p{Cc}/gu, "?");
}
