/**
 * What the launcher is told: flags, then `EDGE_KMS_*`, then `<home>/config.json`, then defaults. The file's sections
 * `bridge`, `controlPlane` belong to those parts, which read and check them by themselves; here they may only exist.
 */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Config, ConfigError, checkSettings, memoryUrl } from "@edge-kms/control-plane";
import * as v from "valibot";
import { StartError } from "./start-error.ts";

export const usage = `usage: npm start -- [options]

Runs the whole of edge-kms on this machine: HSM bridge, database, control plane, edge.

  --home DIR          where everything it makes lives        (EDGE_KMS_HOME, default .edge-kms in the checkout)
  --port N            port of the edge; control plane N+1, bridge N+2   (EDGE_KMS_PORT, default 8787)
  --host ADDRESS      address all of them listen on          (EDGE_KMS_HOST, default 127.0.0.1)
  --plain-http-behind-proxy   allow another than a loopback address: a proxy that speaks TLS stands in front
                                                             (EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY=1)
  --store KIND        pkcs11, software or auto               (EDGE_KMS_STORE, default auto)
  --pkcs11-module F   PKCS#11 module                         (EDGE_KMS_PKCS11_MODULE, default SoftHSM where it is found)
  --database-url URL  an own PostgreSQL                      (DATABASE_URL, default one that the launcher runs in the home)
  --help              this text
`;

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65533));
const store = v.picklist(["auto", "pkcs11", "software"]);
const host = v.pipe(v.string(), v.regex(/^[0-9a-zA-Z.:-]+$/, "an address or host name"));

const fileSchema = v.strictObject({
  host: v.optional(host),
  port: v.optional(port),
  plainHttpBehindProxy: v.optional(v.boolean(), false),
  store: v.optional(store),
  pkcs11Module: v.optional(v.string()),
  databaseUrl: v.optional(v.string()),
  /** Where parts reach each other when something stands between them, such as a proxy that a test puts there. */
  via: v.optional(
    v.strictObject({
      bridge: v.optional(v.pipe(v.string(), v.regex(/^https:\/\//, "an https URL"))),
      controlPlane: v.optional(v.pipe(v.string(), v.regex(/^[^/]+:\d+$/, "host:port"))),
      database: v.optional(v.pipe(v.string(), v.regex(/^postgresql:\/\//, "a postgresql URL"))),
    }),
    {},
  ),
  bridge: v.optional(v.looseObject({ leaseRootCredentials: v.optional(v.boolean(), true) }), {}),
  controlPlane: v.optional(v.record(v.string(), v.unknown()), {}),
});
type File = v.InferOutput<typeof fileSchema>;

export type LauncherConfig = {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  /** Whether a TLS proxy stands in front, so that `host` may be another than a loopback address. */
  readonly plainHttpBehindProxy: boolean;
  readonly store: "auto" | "pkcs11" | "software";
  readonly pkcs11Module: string | null;
  readonly databaseUrl: string | null;
  readonly via: File["via"];
  readonly leaseRootCredentials: boolean;
  /** The control plane's, which the edge and its enrolment must know too. */
  readonly regions: Config["regions"];
};

/** Checks one setting and names it, never its neighbours, when it is wrong. */
function check<S extends v.GenericSchema>(
  schema: S,
  name: string,
  value: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new StartError(`${name}: ${result.issues[0]?.message ?? "not usable"}`);
}

function readFile(path: string): File {
  if (!existsSync(path)) return v.parse(fileSchema, {});
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new StartError(`${path} is not readable as JSON: ${(error as Error).message}`);
  }
  const result = v.safeParse(fileSchema, json);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new StartError(`${path}: ${v.getDotPath(issue) ?? "the file"}: ${issue.message}`);
}

/** The configuration, or null when help was asked for. Throws {@link StartError} for anything unusable. */
export function readConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  defaultHome: string,
): LauncherConfig | null {
  const option = { type: "string" } as const;
  let flags: Record<string, string | boolean | undefined>;
  try {
    flags = parseArgs({
      args: [...args],
      options: {
        home: option,
        host: option,
        port: option,
        "plain-http-behind-proxy": { type: "boolean" },
        store: option,
        "pkcs11-module": option,
        "database-url": option,
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new StartError(`${(error as Error).message}\n\n${usage}`);
  }
  if (flags.help) return null;
  const home = resolve(String(flags.home ?? (env.EDGE_KMS_HOME || defaultHome)));
  const file = readFile(join(home, "config.json"));
  const told = (flag: string, variable: string) =>
    (flags[flag] as string | undefined) ?? (env[variable] || undefined);
  const toldPort = told("port", "EDGE_KMS_PORT");
  const plainHttpBehindProxy =
    flags["plain-http-behind-proxy"] === true ||
    env.EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY === "1" ||
    file.plainHttpBehindProxy;
  return {
    home,
    host: listenOn(
      check(host, "host", told("host", "EDGE_KMS_HOST") ?? file.host ?? "127.0.0.1"),
      plainHttpBehindProxy,
    ),
    plainHttpBehindProxy,
    port: check(
      port,
      "port",
      toldPort === undefined ? (file.port ?? 8787) : Number(toldPort.trim() || Number.NaN),
    ),
    store: check(store, "store", told("store", "EDGE_KMS_STORE") ?? file.store ?? "auto"),
    pkcs11Module: told("pkcs11-module", "EDGE_KMS_PKCS11_MODULE") ?? file.pkcs11Module ?? null,
    databaseUrl: told("database-url", "DATABASE_URL") ?? file.databaseUrl ?? null,
    via: file.via,
    leaseRootCredentials: file.bridge.leaseRootCredentials,
    regions: regionsOf(home, file),
  };
}

/** Off loopback everything is TLS (design §4 "Replay"): SDKs sign neither action nor region. */
function listenOn(address: string, plainHttpBehindProxy: boolean): string {
  if (plainHttpBehindProxy || /^(127\.[0-9.]+|::1|localhost)$/.test(address)) return address;
  throw new StartError(
    `host: ${address} is no loopback address, and edge-kms speaks plain http here; put a proxy that speaks TLS in front ` +
      "and say so with --plain-http-behind-proxy.",
  );
}

function regionsOf(home: string, file: File): Config["regions"] {
  try {
    return checkSettings(home, { ...file.controlPlane, databaseUrl: memoryUrl }).regions;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new StartError(`${join(home, "config.json")}: ${error.message}`);
  }
}
