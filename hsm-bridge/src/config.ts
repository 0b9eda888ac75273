/**
 * Settings from flags, then EDGE_KMS_* variables, then `<home>/config.json` (section `bridge`), then defaults. Read once, at
 * the door. Secrets come from files (0600) or the environment, never from arguments, and leave the environment here.
 */

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { branchTurnovers } from "./branch-keys.ts";
import { StartupError } from "./errors.ts";
import { readSecretFile } from "./files.ts";
import { defaultCaps, type LeaseCaps } from "./limits.ts";
import { MAX_LABEL_BYTES, MAX_TOKENS } from "./replicas/sealed-copies.ts";
import {
  type BridgeSettings,
  homePaths,
  type Pkcs11Settings,
  type TokenSettings,
} from "./settings.ts";
import { readRecordedStoreKind } from "./store-record.ts";

/** One row per setting: its flag and, derived from that, its variable and its name in the file. */
const settingRows = {
  listen: { type: "string", help: "address and port to listen on (127.0.0.1:8789)" },
  store: { type: "string", help: "pkcs11 or software; by default the one this home was made with" },
  "pkcs11-module": { type: "string", help: "path of the vendor's PKCS#11 library" },
  "token-label": { type: "string", help: "label of the token" },
  "pin-file": { type: "string", help: "file (0600) with the user PIN; or EDGE_KMS_PIN" },
  "pkcs11-sessions": { type: "string", help: "sessions open at once, 2 to 256 (8)" },
  "pkcs11-deadline-seconds": {
    type: "string",
    help: "without an answer for so long the library hangs: its process is replaced (10)",
  },
  "library-parameters": { type: "string", help: "initialisation string of the library (NSS)" },
  "further-tokens": {
    type: "string",
    help: "JSON file that names more tokens, each to have copies of all keys (docs/operators.md)",
  },
  "write-quorum": {
    type: "string",
    help: "tokens that a new key must be in before it is answered (all of them)",
  },
  "retired-tokens": {
    type: "string",
    help: "labels of tokens that are gone for good, comma-separated",
  },
  "accept-extracting-token": {
    type: "boolean",
    help: "use a token that exports non-extractable keys",
  },
  "passphrase-file": {
    type: "string",
    help: "file (0600) with the software store's passphrase; or EDGE_KMS_SOFTWARE_PASSPHRASE",
  },
  production: { type: "boolean", help: "refuse what is only for development" },
  "allow-software-store": { type: "boolean", help: "permit the software store in production" },
  "lease-root-credentials": {
    type: "boolean",
    help: "let edges verify root's signatures by themselves",
  },
  "branch-period-days": { type: "string", help: "days until a new branch key is made (30)" },
  "branch-turnover": {
    type: "string",
    help: "encryptions permitted until a new one is made (2^40; SM4 keys 2^36)",
  },
  "server-names": { type: "string", help: "more names for the certificate, comma-separated" },
  "max-lease-seconds": { type: "string", help: "upper bound of a lease's life (900)" },
} as const;
type SettingName = keyof typeof settingRows;

/** For node:util's parseArgs. */
export const settingOptions = {
  home: { type: "string" },
  ...(Object.fromEntries(
    Object.entries(settingRows).map(([name, { type }]) => [name, { type }]),
  ) as { [N in SettingName]: { type: (typeof settingRows)[N]["type"] } }),
} as const;

const PIN_FILE = "The PIN file";

export type FlagValues = Partial<Record<SettingName | "home", string | boolean | undefined>>;
type Environment = Record<string, string | undefined>;

const variableOf = (name: SettingName): string =>
  name === "listen"
    ? "EDGE_KMS_BRIDGE_LISTEN"
    : `EDGE_KMS_${name.toUpperCase().replaceAll("-", "_")}`;
const keyOf = (name: SettingName): string =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** `<home>/config.json`: other parts have sections of their own, this one is strict. */
const configSchema = v.looseObject({
  bridge: v.optional(
    v.strictObject(
      Object.fromEntries(
        Object.entries(settingRows).map(([name, { type }]) => [
          keyOf(name as SettingName),
          v.optional(type === "boolean" ? v.boolean() : v.union([v.string(), v.number()])),
        ]),
      ),
    ),
  ),
});

export function settingsHelp(): string {
  return Object.entries(settingRows)
    .map(([name, { help }]) => `  --${name.padEnd(24)} ${help}`)
    .join("\n");
}

export function homeOf(flags: FlagValues, env: Environment): string {
  return resolve(String(flags.home ?? env.EDGE_KMS_HOME ?? ".edge-kms"));
}

/** A source of settings by name, first found first taken. */
export interface Sources {
  readonly home: string;
  text(name: SettingName): string | null;
  flag(name: SettingName): boolean;
}

export async function readSources(flags: FlagValues, env: Environment): Promise<Sources> {
  const home = homeOf(flags, env);
  const file = await readConfigFile(homePaths(home).configFile);
  const find = (name: SettingName): string | number | boolean | null =>
    flags[name] ?? env[variableOf(name)] ?? file[keyOf(name)] ?? null;
  return {
    home,
    text: (name) => {
      const value = find(name);
      return value === null || value === "" ? null : String(value);
    },
    flag: (name) => {
      const value = find(name);
      if (value === null || value === "" || value === false || value === "0" || value === "false") {
        return false;
      }
      if (value === true || value === "1" || value === "true") return true;
      throw new StartupError(`${variableOf(name)} must be true or false.`);
    },
  };
}

async function readConfigFile(path: string): Promise<Record<string, string | number | boolean>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new StartupError(`The configuration ${path} cannot be read.`, error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new StartupError(`The configuration ${path} is not JSON.`, error);
  }
  const parsed = v.safeParse(configSchema, json);
  if (!parsed.success) {
    const where = v.getDotPath(parsed.issues[0]) ?? "its top";
    throw new StartupError(`The configuration ${path} is not of the form at ${where}.`);
  }
  return (parsed.output.bridge ?? {}) as Record<string, string | number | boolean>;
}

/** Takes a secret out of the environment, so that no child inherits it. */
function takeSecret(env: Environment, name: string): string | null {
  const value = env[name];
  delete env[name];
  return value === undefined || value === "" ? null : value;
}

async function secretOf(
  path: string | null,
  env: Environment,
  variable: string,
  what: string,
): Promise<string | null> {
  const inherited = takeSecret(env, variable);
  return path === null ? inherited : readSecretText(resolve(path), what);
}

async function readSecretText(path: string, what: string): Promise<string> {
  const text = (await readSecretFile(path, what)).toString("utf8").replace(/\r?\n$/, "");
  if (text === "") throw new StartupError(`${what} ${path} is empty.`);
  return text;
}

export async function readBridgeSettings(
  flags: FlagValues,
  env: Environment = process.env,
): Promise<BridgeSettings> {
  const sources = await readSources(flags, env);
  const { host, port } = parseListen(sources.text("listen"), env);
  const passphrase = await secretOf(
    sources.text("passphrase-file"),
    env,
    "EDGE_KMS_SOFTWARE_PASSPHRASE",
    "The passphrase file",
  );
  const pin = await secretOf(sources.text("pin-file"), env, "EDGE_KMS_PIN", PIN_FILE);
  const kind = sources.text("store") ?? (await readRecordedStoreKind(sources.home));
  return {
    home: sources.home,
    host,
    port,
    store:
      kind === "software"
        ? { kind, passphrase }
        : await pkcs11Settings(requirePkcs11(kind), sources, pin),
    isProduction: sources.flag("production"),
    allowSoftwareStore: sources.flag("allow-software-store"),
    leaseRootCredentials: sources.flag("lease-root-credentials"),
    branchPeriodDays: integer(sources, "branch-period-days", 30, 1, 3650),
    branchTurnover: integer(sources, "branch-turnover", branchTurnovers[1], 1, branchTurnovers[1]),
    serverNames: (sources.text("server-names") ?? "").split(",").filter((name) => name !== ""),
    caps: readCaps(sources),
  };
}

function readCaps(sources: Sources): LeaseCaps {
  const maxExpiryMs =
    integer(sources, "max-lease-seconds", defaultCaps.maxExpiryMs / 1000, 1, 900) * 1000;
  return { ...defaultCaps, maxExpiryMs };
}

function requirePkcs11(kind: string | null): "pkcs11" {
  if (kind === "pkcs11") return kind;
  throw new StartupError(
    kind === null
      ? "Name the key store: --store pkcs11 or --store software."
      : "The key store is pkcs11 or software.",
  );
}

async function pkcs11Settings(
  kind: "pkcs11",
  sources: Sources,
  pin: string | null,
): Promise<Pkcs11Settings> {
  const modulePath = sources.text("pkcs11-module");
  const tokenLabel = sources.text("token-label");
  if (modulePath === null || tokenLabel === null || pin === null) {
    throw new StartupError(
      "The pkcs11 store needs --pkcs11-module, --token-label and --pin-file (or EDGE_KMS_PIN).",
    );
  }
  const libraryParameters = sources.text("library-parameters");
  const first = {
    modulePath: resolve(modulePath),
    tokenLabel,
    pin,
    maxSessions: integer(sources, "pkcs11-sessions", 8, 2, 256),
    deadlineMs: integer(sources, "pkcs11-deadline-seconds", 10, 1, 60) * 1000,
    acceptExtractingToken: sources.flag("accept-extracting-token"),
    ...(libraryParameters === null ? {} : { libraryParameters }),
  };
  const furtherTokens = await readFurtherTokens(sources.text("further-tokens"), first);
  const labels = [tokenLabel, ...furtherTokens.map((token) => token.tokenLabel)];
  const tokens = labels.length;
  const retiredTokens = (sources.text("retired-tokens") ?? "").split(",").filter(Boolean);
  const both = retiredTokens.find((label) => labels.includes(label));
  if (both !== undefined) {
    throw new StartupError(`The token "${both}" cannot be in use and retired.`);
  }
  return {
    kind,
    ...first,
    furtherTokens,
    writeQuorum: integer(sources, "write-quorum", tokens, 1, tokens),
    retiredTokens,
  };
}

const furtherTokensSchema = v.pipe(
  v.array(
    v.strictObject({
      label: v.pipe(v.string(), v.minBytes(1), v.maxBytes(MAX_LABEL_BYTES)),
      module: v.optional(v.string()),
      pinFile: v.optional(v.string()),
      libraryParameters: v.optional(v.string()),
      acceptExtractingToken: v.optional(v.boolean()),
    }),
  ),
  v.maxLength(MAX_TOKENS - 1),
);

/** Paths are relative to the file; module, PIN, sessions and deadline are the first token's unless it says otherwise. */
async function readFurtherTokens(
  file: string | null,
  first: TokenSettings,
): Promise<TokenSettings[]> {
  if (file === null) return [];
  const path = resolve(file);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new StartupError(`The file of further tokens ${path} cannot be read as JSON.`, error);
  }
  const parsed = v.safeParse(furtherTokensSchema, json);
  if (!parsed.success) {
    const where = v.getDotPath(parsed.issues[0]) ?? "its top";
    throw new StartupError(`The file of further tokens ${path} is not of the form at ${where}.`);
  }
  const labels = new Set([first.tokenLabel, ...parsed.output.map(({ label }) => label)]);
  if (labels.size <= parsed.output.length) {
    throw new StartupError(`The tokens of this home need labels that differ: ${path} repeats one.`);
  }
  const { libraryParameters: _, ...shared } = first;
  return Promise.all(
    parsed.output.map(async ({ label, module, pinFile, libraryParameters, ...rest }) => ({
      ...shared,
      tokenLabel: label,
      acceptExtractingToken: rest.acceptExtractingToken === true,
      ...(module === undefined ? {} : { modulePath: resolve(dirname(path), module) }),
      ...(pinFile === undefined
        ? {}
        : { pin: await readSecretText(resolve(dirname(path), pinFile), PIN_FILE) }),
      ...(libraryParameters === undefined ? {} : { libraryParameters }),
    })),
  );
}

/** `host:port`, `[v6]:port`. The default port is two above the edge's (EDGE_KMS_PORT, 8787). */
export function parseListen(text: string | null, env: Environment): { host: string; port: number } {
  const edgePort = Number(env.EDGE_KMS_PORT || 8787);
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(
    text ?? `127.0.0.1:${edgePort + 2}`,
  );
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new StartupError("--listen is an address and a port, such as 127.0.0.1:8789.");
  }
  return { host: match[1] ?? match[2] ?? "", port };
}

function integer(
  sources: Sources,
  name: SettingName,
  fallback: number,
  least: number,
  most: number,
): number {
  const text = sources.text(name);
  const value = text === null ? fallback : Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new StartupError(`--${name} is an integer from ${least} to ${most}.`);
  }
  return value;
}
