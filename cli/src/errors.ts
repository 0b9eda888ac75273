/** What ends the command, and the exit code that scripts see. */

export const exitCodes = {
  ok: 0,
  /** The service answered with an error code, which is printed. */
  refused: 1,
  /** The command line or the credentials are not usable. Nothing was sent. */
  usage: 2,
  /** No answer, or none of the API. Whether the call took effect is unknown. */
  unreachable: 3,
} as const;

/** The service refused. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code: string;
  readonly requestId: string;

  constructor(code: string, message: string, requestId: string) {
    super(message);
    this.code = code;
    this.requestId = requestId;
  }
}

/** One sentence that says what to give instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** One sentence that says who did not answer. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}
