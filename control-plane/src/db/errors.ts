/**
 * The one place where errors of the database become ours. A `DrizzleQueryError` carries the values of the query in its
 * message, and PostgreSQL's own messages may repeat them: neither leaves this folder, not as a cause and not to a log.
 */

import { DrizzleQueryError } from "drizzle-orm/errors";

/** What a caller inside can act on. */
export type DatabaseErrorKind =
  /** A unique constraint stands against it; `constraint` names it. */
  | "unique-violation"
  /** Lost to a concurrent transaction: the same transaction may be run again. */
  | "conflict"
  /** No connection, no answer in time, or no room: nothing wrong with the work, which may be tried again later. */
  | "unavailable"
  /** The connection was lost while a commit was under way: the change was made, or it was not. */
  | "in-doubt"
  | "other";

/** A failure of the database, told by SQLSTATE and constraint name only. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly kind: DatabaseErrorKind;
  /** SQLSTATE (PostgreSQL appendix A), a system error code such as `ECONNREFUSED`, or `unknown`. */
  readonly code: string;
  readonly constraint: string | undefined;

  constructor(kind: DatabaseErrorKind, code: string, constraint: string | undefined) {
    super(`database: ${kind} (${code}${constraint === undefined ? "" : `, ${constraint}`})`);
    this.kind = kind;
    this.code = code;
    this.constraint = constraint;
  }
}

const sqlState = /^[0-9A-Z]{5}$/;
const systemCode = /^E[A-Z_]{2,30}$/;
/** connection_exception, insufficient_resources (disk, memory, connections), operator_intervention (shutdowns, starts). */
const unavailableClass = /^(08|53|57P)/;
const identifier = /^[a-z0-9_]{1,63}$/;

function kindOf(code: string): DatabaseErrorKind {
  switch (code) {
    case "23505":
      return "unique-violation";
    case "40001":
    case "40P01":
      return "conflict";
    // read_only_sql_transaction: a standby, or a primary that was made read-only.
    case "25006":
    // idle_in_transaction_session_timeout, transaction_timeout
    case "25P03":
    case "25P04":
    // lock_not_available: lock_timeout
    case "55P03":
    // query_canceled: statement_timeout
    case "57014":
    // io_error
    case "58030":
      return "unavailable";
    default:
      return unavailableClass.test(code) || systemCode.test(code) ? "unavailable" : "other";
  }
}

/**
 * Whether the connection that a failure came over is not to be used again: gone, silent, or to a server that is
 * read-only (after a failover there is another one).
 */
export function endsConnection(failure: unknown): boolean {
  if (!(failure instanceof DatabaseError) || failure.kind !== "unavailable") return false;
  return !sqlState.test(failure.code) || /^(08|57P|25006|25P03|25P04)/.test(failure.code);
}

/**
 * Whether a failed COMMIT may have been carried out. With most SQLSTATEs the server says that it was not; a connection that
 * ends, a shutdown, or a failure inside the server says nothing.
 */
export function isUndecided(failure: unknown): failure is DatabaseError {
  if (!(failure instanceof DatabaseError)) return false;
  return !sqlState.test(failure.code) || /^(08|57|58|XX|25P0[34])/.test(failure.code);
}

function textOf(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const member: unknown = Reflect.get(value, name);
  return typeof member === "string" ? member : undefined;
}

/** Whether pg itself gave up on the connection; those errors carry no code. */
function isConnectionLoss(error: unknown): boolean {
  const message = textOf(error, "message") ?? "";
  return /connection|timeout/i.test(message);
}

/**
 * Runs database work; what the database throws becomes a {@link DatabaseError} without any value in it, everything else
 * passes through.
 */
export async function translatingErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

/** See {@link translatingErrors}. */
export function translate(error: unknown): unknown {
  const isQueryError = error instanceof DrizzleQueryError;
  const cause: unknown = isQueryError ? error.cause : error;
  if (cause instanceof DatabaseError) return cause;
  const code = textOf(cause, "code");
  if (code !== undefined && (sqlState.test(code) || systemCode.test(code))) {
    const constraint = textOf(cause, "constraint");
    return new DatabaseError(
      kindOf(code),
      code,
      constraint !== undefined && identifier.test(constraint) ? constraint : undefined,
    );
  }
  if (isQueryError || isPgOwn(error)) {
    return new DatabaseError(
      isConnectionLoss(cause) ? "unavailable" : "other",
      "unknown",
      undefined,
    );
  }
  return error;
}

/** Errors that pg and its pool throw without a code, outside of any query. */
function isPgOwn(error: unknown): boolean {
  const message = textOf(error, "message") ?? "";
  return (
    message === "Connection terminated unexpectedly" ||
    message === "Connection terminated" ||
    message === "timeout exceeded when trying to connect" ||
    message === "timeout expired" ||
    message.startsWith("Connection terminated due to") ||
    message === "Cannot use a pool after calling end on the pool" ||
    message === "Query read timeout"
  );
}
