/**
 * The log: one JSON object per line on standard output. It takes names, codes and numbers; bodies, parameters, headers
 * and messages of foreign errors have no way in, because any of them may hold what must not be kept.
 */

import { ApiError } from "@edge-kms/protocol";
import { BridgeError } from "./bridge/errors.ts";
import { DatabaseError } from "./db/index.ts";

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;
export type LogLevel = "info" | "warn" | "error";

export interface Log {
  /** @param event what happened, in a few fixed words. */
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** A log that writes lines through `write`. */
export function createLog(write: (line: string) => void, clock: () => number = Date.now): Log {
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) =>
      write(
        `${JSON.stringify({ time: new Date(clock()).toISOString(), level, event, ...fields })}\n`,
      );
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

/** For tests and embedding: says nothing. */
export const silentLog: Log = { info() {}, warn() {}, error() {} };

const maxFrames = 6;

/**
 * What may be told of a thrown value. Our own errors have messages made for it. Of any other only name, code and the
 * places in the code it came through: its message may repeat a caller's data.
 */
export function describeError(thrown: unknown): LogFields {
  if (thrown instanceof ApiError) {
    const cause = thrown.cause === undefined ? {} : prefixed("cause", describeError(thrown.cause));
    return { error: thrown.code, detail: thrown.detail, ...cause };
  }
  if (thrown instanceof DatabaseError || thrown instanceof BridgeError) {
    return { error: thrown.name, detail: thrown.message };
  }
  if (!(thrown instanceof Error)) return { error: typeof thrown };
  const code: unknown = Reflect.get(thrown, "code");
  const frames = (thrown.stack ?? "")
    .split("\n")
    .filter((line) => line.startsWith("    at "))
    .slice(0, maxFrames)
    .map((line) => line.trim())
    .join("; ");
  return {
    error: thrown.name,
    code: typeof code === "string" ? code : undefined,
    frames: frames === "" ? undefined : frames,
  };
}

function prefixed(prefix: string, fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [`${prefix}.${name}`, value]),
  );
}
