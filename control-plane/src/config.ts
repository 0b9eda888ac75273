/**
 * Settings: flags, then `EDGE_KMS_*`, then the section `controlPlane` of `<home>/config.json`, then defaults. Read once, at
 * the door; a setting that is unknown or of another form stops the start with one sentence.
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { defaultCallRates, isRegionName, keyUsages, signatureReuseMs } from "@edge-kms/protocol";
import * as v from "valibot";
import { memoryUrl } from "./db/index.ts";

const positive = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));

const limits = (defaults: {
  refreshAfterMs: number;
  expiresAfterMs: number;
  maxOperations: number;
  maxUnacknowledged: number;
}) =>
  v.optional(
    v.pipe(
      v.strictObject({
        refreshAfterMs: v.optional(positive(900_000), defaults.refreshAfterMs),
        expiresAfterMs: v.optional(positive(900_000), defaults.expiresAfterMs),
        maxOperations: v.optional(positive(2 ** 40), defaults.maxOperations),
        maxUnacknowledged: v.optional(positive(2 ** 31), defaults.maxUnacknowledged),
      }),
      v.check(
        (l) => l.refreshAfterMs <= l.expiresAfterMs,
        "refreshAfterMs is beyond expiresAfterMs",
      ),
    ),
    defaults,
  );

const webUrl = (schemes: readonly string[]) =>
  v.pipe(
    v.string(),
    v.check(
      (text) => URL.canParse(text) && schemes.includes(new URL(text).protocol),
      `a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`,
    ),
  );

/** How long the database may take (README "When the database is away"), in milliseconds. */
export const databaseTimes = v.strictObject({
  /** At a start, until it accepts connections. */
  startMs: v.optional(positive(3_600_000), 30_000),
  /** For a connection that works, waiting for a place in the pool included. */
  connectMs: v.optional(positive(60_000), 3_000),
  /** For a statement; the control plane stops waiting a second later. */
  statementMs: v.optional(positive(60_000), 5_000),
  /** For a lock that another transaction holds. */
  lockMs: v.optional(positive(60_000), 3_000),
  /** Until the server ends a transaction that asks nothing. */
  idleInTransactionMs: v.optional(positive(60_000), 10_000),
  /** For a statement of a job that goes through many rows. */
  longStatementMs: v.optional(positive(3_600_000), 60_000),
});

export type DatabaseTimes = v.InferOutput<typeof databaseTimes>;

const region = v.strictObject({
  name: v.pipe(v.string(), v.check(isRegionName, "a region name")),
  suite: v.picklist(["AES_256", "SM4"]),
  /** What new keys may be for; anything when absent. */
  keyUsages: v.optional(v.pipe(v.array(v.picklist(keyUsages)), v.minLength(1))),
});

/** The section `controlPlane` of `<home>/config.json`. */
export const settingsSchema = v.strictObject({
  /** `host:port`; port 0 takes any free one. */
  listen: v.optional(
    v.pipe(v.string(), v.regex(/^(.+):[0-9]{1,5}$/, "host:port")),
    "127.0.0.1:8788",
  ),
  /** PEM files of this door's certificate and its key; with them it speaks https. */
  tlsCertificateFile: v.optional(v.pipe(v.string(), v.minLength(1))),
  tlsKeyFile: v.optional(v.pipe(v.string(), v.minLength(1))),
  /** A proxy that speaks TLS stands in front: plain http may then go to and come from others than loopback addresses. */
  plainHttpBehindProxy: v.optional(v.boolean(), false),
  /** `postgresql://…`, or `memory:` for a database that is gone with the process. */
  databaseUrl: v.optional(
    v.pipe(v.string(), v.regex(/^(postgres(ql)?:\/\/.*|memory:)$/, "postgresql://… or memory:")),
  ),
  databaseConnections: v.optional(positive(1000), 10),
  databaseTimes: v.optional(databaseTimes, {}),
  /** From saying "not ready" to the end of accepting calls, at a stop. 5 s in production, else none. */
  drainMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(600_000))),
  bridgeUrl: v.optional(webUrl(["https:"]), "https://127.0.0.1:8789"),
  /** Edges to which data-plane calls at this door are forwarded, in order of preference. */
  edgeUrls: v.optional(v.array(webUrl(["http:", "https:"])), []),
  /** Whether they are: plaintext then passes the control plane. Off in production. */
  forwardDataPlane: v.optional(v.boolean()),
  /** Refuses settings that are for development. */
  production: v.optional(v.boolean(), false),
  /** In order. At least one, no name twice. */
  regions: v.optional(
    v.pipe(
      v.array(region),
      v.minLength(1, "at least one region"),
      v.check((all) => new Set(all.map(({ name }) => name)).size === all.length, "distinct names"),
    ),
    [
      { name: "ap-singapore", suite: "AES_256" },
      { name: "ap-guangzhou", suite: "SM4" },
    ],
  ),
  /** CMKs per account and region. */
  cmkQuota: v.optional(positive(10_000_000), 200),
  /** Hosted data keys per account and region. */
  dataKeyQuota: v.optional(positive(10_000_000), 1_000),
  /**
   * For how long after its first use a TC3 signature may serve other calls (protocol.md "Replay"), in milliseconds. 0: a
   * state change runs once, and its signature serves nothing else; clients must then not make two calls with one body
   * within a second, as official SDKs do.
   */
  signatureReuseMs: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(signatureReuseMs)),
    signatureReuseMs,
  ),
  /** Of branch keys without limits of their own. The bridge caps them again. */
  keyLease: limits({
    refreshAfterMs: 60_000,
    expiresAfterMs: 180_000,
    maxOperations: 10_000_000,
    maxUnacknowledged: 50_000,
  }),
  /** Of signing keys of callers. */
  credentialLease: limits({
    refreshAfterMs: 60_000,
    expiresAfterMs: 180_000,
    maxOperations: 10_000_000,
    maxUnacknowledged: 50_000,
  }),
  /** Data-plane calls a second that each edge instance serves of one account, and of one access key. */
  callRates: v.optional(
    v.strictObject({
      perAccount: v.optional(positive(10_000_000), defaultCallRates.perAccount),
      perAccessKey: v.optional(positive(10_000_000), defaultCallRates.perAccessKey),
    }),
    defaultCallRates,
  ),
  /** How alarms leave (README "Alarms"). */
  notifications: v.optional(
    v.strictObject({
      /** Host names of receivers that may live at private addresses and speak plain http. */
      allowedHosts: v.optional(v.array(v.pipe(v.string(), v.nonEmpty())), []),
      mail: v.optional(
        v.strictObject({
          /** User and password may stand in it; a file closed to others is the place for such a setting. */
          url: webUrl(["smtp:", "smtps:"]),
          from: v.pipe(v.string(), v.email("a mail address")),
          allowPlain: v.optional(v.boolean(), false),
        }),
      ),
    }),
    { allowedHosts: [] },
  ),
});

export type Settings = v.InferOutput<typeof settingsSchema>;

/** All that a control plane needs to know to start. */
export interface Config
  extends Omit<Settings, "databaseUrl" | "drainMs" | "forwardDataPlane" | "listen"> {
  readonly home: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly databaseUrl: string;
  readonly drainMs: number;
  readonly forwardDataPlane: boolean;
}

/** A setting that cannot be used. The message is one sentence for the operator. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const configFile = v.looseObject({
  controlPlane: v.optional(v.record(v.string(), v.unknown()), {}),
});

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the configuration. @throws ConfigError. */
export function readConfig(args: readonly string[], env: Environment, folder: string): Config {
  const flags = readFlags(args);
  const home = resolve(folder, flags.home ?? env.EDGE_KMS_HOME ?? ".edge-kms");
  const merged: Record<string, unknown> = {
    ...readSection(join(home, "config.json")),
    ...present({
      listen: env.EDGE_KMS_CONTROL_PLANE_LISTEN,
      databaseUrl: env.EDGE_KMS_DATABASE_URL ?? env.DATABASE_URL,
      bridgeUrl: env.EDGE_KMS_BRIDGE_URL,
      edgeUrls: env.EDGE_KMS_EDGE_URLS?.split(",").filter((url) => url !== ""),
      tlsCertificateFile: env.EDGE_KMS_TLS_CERTIFICATE_FILE,
      tlsKeyFile: env.EDGE_KMS_TLS_KEY_FILE,
      plainHttpBehindProxy: readBoolean(env, "EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY"),
      production: readBoolean(env, "EDGE_KMS_PRODUCTION"),
    }),
    ...present({
      listen: flags.listen,
      databaseUrl: flags["database-url"],
      bridgeUrl: flags["bridge-url"],
      edgeUrls: flags["edge-url"],
      tlsCertificateFile: flags["tls-certificate-file"],
      tlsKeyFile: flags["tls-key-file"],
      plainHttpBehindProxy: flags["plain-http-behind-proxy"],
      production: flags.production,
    }),
  };
  return checkSettings(home, merged);
}

/** The configuration from settings given as data, for the launcher and tests. @throws ConfigError. */
export function checkSettings(home: string, input: Readonly<Record<string, unknown>>): Config {
  const parsed = v.safeParse(settingsSchema, input);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const path = (issue.path ?? []).map((item) => String(item.key)).join(".");
    // The value stays out of the sentence: a database URL may have a password in it.
    const expected = issue.expected ?? issue.message;
    throw new ConfigError(`The setting controlPlane.${path} is not valid: expected ${expected}.`);
  }
  const { databaseUrl, listen, ...settings } = parsed.output;
  if (databaseUrl === undefined) {
    throw new ConfigError(
      "No database is given: set DATABASE_URL, --database-url or controlPlane.databaseUrl.",
    );
  }
  if (settings.production && databaseUrl === memoryUrl) {
    throw new ConfigError("A database in memory is refused in production.");
  }
  if (settings.production && settings.forwardDataPlane === true) {
    throw new ConfigError(
      "forwardDataPlane is refused in production: plaintext must not pass the control plane.",
    );
  }
  const address = readListen(listen);
  refusePlainHttp(settings, address.host);
  return {
    ...settings,
    home,
    databaseUrl,
    drainMs: settings.drainMs ?? (settings.production ? 5_000 : 0),
    listen: address,
    forwardDataPlane: settings.forwardDataPlane ?? !settings.production,
  };
}

const flagTypes = {
  home: { type: "string" },
  listen: { type: "string" },
  "database-url": { type: "string" },
  "bridge-url": { type: "string" },
  "edge-url": { type: "string", multiple: true },
  "tls-certificate-file": { type: "string" },
  "tls-key-file": { type: "string" },
  "plain-http-behind-proxy": { type: "boolean" },
  production: { type: "boolean" },
} as const;

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flagTypes, strict: true, allowPositionals: false })
      .values;
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : "The flags are not valid.");
  }
}

function readBoolean(env: Environment, name: string): boolean | undefined {
  const word = env[name];
  if (word === undefined) return undefined;
  if (word === "1" || word === "true") return true;
  if (word === "0" || word === "false" || word === "") return false;
  throw new ConfigError(`${name} must be 1 or 0.`);
}

function readSection(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new ConfigError(`${path} cannot be read.`);
  }
  try {
    const json: unknown = JSON.parse(text);
    const parsed = v.safeParse(configFile, json);
    if (parsed.success && !Array.isArray(json)) return parsed.output.controlPlane;
  } catch {
    // told below
  }
  throw new ConfigError(`${path} is not a JSON object with a section controlPlane.`);
}

function readListen(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  if (port > 65_535) throw new ConfigError("The port to listen on is above 65535.");
  return { host, port };
}

const loopback = /^(localhost|127(\.[0-9]{1,3}){3}|\[?::1\]?)$/;

/** Off loopback everything is TLS (design §4 "Replay"): SDKs sign neither action nor region, and Decrypt answers plaintext. */
function refusePlainHttp(
  settings: Pick<
    Settings,
    "tlsCertificateFile" | "tlsKeyFile" | "plainHttpBehindProxy" | "edgeUrls"
  >,
  host: string,
): void {
  const hasTls = settings.tlsCertificateFile !== undefined;
  if (hasTls !== (settings.tlsKeyFile !== undefined)) {
    throw new ConfigError("tlsCertificateFile and tlsKeyFile go together: one of them is missing.");
  }
  if (settings.plainHttpBehindProxy) return;
  if (!hasTls && !loopback.test(host)) {
    throw new ConfigError(
      `${host} is no loopback address: give tlsCertificateFile and tlsKeyFile, or say with plainHttpBehindProxy that a TLS proxy stands in front.`,
    );
  }
  const isOpen = (text: string): boolean => {
    const { protocol, hostname } = new URL(text);
    return protocol === "http:" && !loopback.test(hostname);
  };
  if (settings.edgeUrls.some(isOpen)) {
    throw new ConfigError(
      "An edge that is not on loopback needs an https URL, or plainHttpBehindProxy.",
    );
  }
}

function present(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
