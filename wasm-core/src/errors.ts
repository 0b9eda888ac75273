// What can go wrong short of a caller's bug. A caller's bug (a wrong type, a wrong length) is a TypeError or RangeError.

export type CoreErrorCode =
  /** All handles of this kind are in use: release some, or create the core with more. */
  | "HandlesExhausted"
  /** The handle was released before this call. */
  | "HandleReleased"
  /** Input and output share memory in a way that would destroy input before it is read. */
  | "BuffersOverlap"
  /** More data than the mode allows under one nonce (SP 800-38D §5.2.1.1: 2^36 - 32 bytes of text). */
  | "MessageTooLong"
  /** A call out of order, such as text after the end of a stream. */
  | "StreamEnded";

export class CoreError extends Error {
  readonly code: CoreErrorCode;

  constructor(code: CoreErrorCode, message: string) {
    super(message);
    this.name = "CoreError";
    this.code = code;
  }
}

export function assertBytes(value: Uint8Array, name: string, length?: number): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name}: expected a Uint8Array`);
  if (length !== undefined && value.length !== length) {
    throw new RangeError(`${name}: expected ${length} bytes, got ${value.length}`);
  }
}
