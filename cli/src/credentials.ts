/**
 * Whom to call and as whom: flags, then EDGE_KMS_*, then the `client.env` that `npm start` leaves in the home. SecretId and
 * SecretKey come from one source, so that no key of one is tried with the id of another; a SecretKey is never a flag, because
 * every user of the machine can read those.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "./errors.ts";

export interface ConnectionFlags {
  readonly endpoint?: string;
  readonly region?: string;
  readonly secretId?: string;
  readonly secretKeyFile?: string;
  readonly home?: string;
  readonly plainHttp?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Connection {
  /** The door: scheme, host and port. */
  readonly endpoint: URL;
  readonly region: string;
  readonly secretId: string;
  readonly secretKey: string;
}

/** @throws UsageError when something is missing or not usable. */
export function readConnection(flags: ConnectionFlags, env: Environment): Connection {
  const home = flags.home ?? present(env.EDGE_KMS_HOME) ?? ".edge-kms";
  const file = readEnvFile(join(home, "client.env"));
  const endpoint = flags.endpoint ?? present(env.EDGE_KMS_ENDPOINT) ?? file.CONTROL_PLANE_ENDPOINT;
  if (endpoint === undefined) {
    throw new UsageError(
      `Whom to call is unknown: give --endpoint or EDGE_KMS_ENDPOINT, or --home of a system (${home} has no client.env).`,
    );
  }
  const region = flags.region ?? present(env.EDGE_KMS_REGION) ?? file.TENCENTCLOUD_REGION;
  if (region === undefined) throw new UsageError("Give --region or EDGE_KMS_REGION.");
  return {
    endpoint: readEndpoint(endpoint, flags.plainHttp === true),
    region,
    ...readAccessKey(flags, env, file),
  };
}

function readAccessKey(
  flags: ConnectionFlags,
  env: Environment,
  file: Environment,
): Pick<Connection, "secretId" | "secretKey"> {
  const givenId = flags.secretId ?? present(env.EDGE_KMS_SECRET_ID);
  const givenKey =
    flags.secretKeyFile === undefined
      ? present(env.EDGE_KMS_SECRET_KEY)
      : readSecretKey(flags.secretKeyFile);
  if (givenId === undefined && givenKey === undefined) {
    const { TENCENTCLOUD_SECRET_ID: secretId, TENCENTCLOUD_SECRET_KEY: secretKey } = file;
    if (secretId !== undefined && secretKey !== undefined) return { secretId, secretKey };
    throw new UsageError("Give an access key: EDGE_KMS_SECRET_ID and EDGE_KMS_SECRET_KEY.");
  }
  if (givenId === undefined) throw new UsageError("The SecretId is missing: EDGE_KMS_SECRET_ID.");
  if (givenKey === undefined) {
    throw new UsageError("The SecretKey is missing: EDGE_KMS_SECRET_KEY or --secret-key-file.");
  }
  return { secretId: givenId, secretKey: givenKey };
}

function readSecretKey(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    throw new UsageError(`${path} cannot be read.`);
  }
}

const loopback = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/;

function readEndpoint(text: string, isPlainHttpAllowed: boolean): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UsageError("The endpoint must be a URL with http or https.");
  }
  if (url.protocol === "http:" && !loopback.test(url.hostname) && !isPlainHttpAllowed) {
    throw new UsageError(
      "The endpoint is not on this machine: use https, or say --plain-http when the way there is protected otherwise.",
    );
  }
  return url;
}

/** Lines `NAME=value`, as the launcher writes them; empty when there is no such file. */
function readEnvFile(path: string): Record<string, string | undefined> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new UsageError(`${path} cannot be read.`);
  }
  const values: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) values[line.slice(0, at)] = line.slice(at + 1);
  }
  return values;
}

function present(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
