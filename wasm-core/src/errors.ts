// What can go wrong short of a caller's bug. A caller's bug (a wrong type, a wrong length) is a TypeError or RangeError.

export type CoreErrorCode =
  /** All handles of this kind are in use: release some, or create the core with more. */
  | "HandlesExhausted"
  /** The handle was released before this call. */
  | "HandleReleased"
  /** Input and output share memory in a way that would destroy input before it is read. */
  | "BuffersOverlap"
  /** More data than GCM allows in one message. */
  | "MessageTooLong"
  /** A stream was used after its end. */
  | "StreamEnded";

export class CoreError extends Error {
  readonly code: CoreErrorCode;

  constructor(code: CoreErrorCode, message: string) {
    super(message);
    this.name = "CoreError";
    this.code = code;
  }
}

/** Bytes of text in one GCM message at most: 2^39 - 256 bits (SP 800-38D §5.2.1.1). */
export const MAX_TEXT_BYTES = 2 ** 36 - 32;

export function assertTextLength(length: number): void {
  if (length > MAX_TEXT_BYTES) {
    throw new CoreError("MessageTooLong", `${length} bytes are more than one message may have`);
  }
}

export function assertBytes(value: Uint8Array, name: string, length?: number): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name}: expected a Uint8Array`);
  if (length !== undefined && value.length !== length) {
    throw new RangeError(`${name}: expected ${length} bytes, got ${value.length}`);
  }
}

/** Messages that are read twice must not change in between, as memory shared with another thread may. */
export function assertUnshared(value: Uint8Array, name: string): void {
  if (!(value.buffer instanceof ArrayBuffer)) throw new TypeError(`${name}: memory is shared`);
}
