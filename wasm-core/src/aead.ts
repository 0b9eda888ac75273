// How a message passes through the module, the same for a GCM key and for a suite key.
//
//   short   associated data and text fit the text area: one call;
//   long    in pieces through the text area; decryption reads the ciphertext twice, once to authenticate it and,
//           only when the tag was right, once to decrypt it;
//   placed  input and output are one place in the core's workspace: no copy at all.
//
// Calls are synchronous, so nothing can change a caller's buffer between the two readings, except another thread when it is
// a SharedArrayBuffer: those are refused for decryption in pieces.

import { TAG_BYTES } from "../common/const.ts";
import { assertBytes, assertTextLength, assertUnshared, CoreError } from "./errors.ts";
import { type CoreMemory, copyIn, copyOut, inPieces, TEXT_BYTES } from "./memory.ts";

/** One key's way to the module. Nonce and commitment are already in their places when `seal` or `begin` is called. */
export interface AeadEngine {
  /** The whole message: `length` bytes at `text`, encrypted in place, tag behind. */
  seal(aad: number, aadBytes: number, text: number, length: number): void;
  /** The reverse: 1 when it opened. */
  open(aad: number, aadBytes: number, text: number, length: number): number;
  /** In pieces: begin or beginOpen, aad, then encrypt and finish, or authenticate, verify and decrypt; end always. */
  begin(expected: number): void;
  beginOpen(expected: number): void;
  aad(at: number, length: number): void;
  encrypt(at: number, length: number): void;
  finish(tag: number): void;
  authenticate(at: number, length: number): void;
  verify(tag: number): number;
  decrypt(at: number, length: number): void;
  end(): void;
}

/**
 * Output may start where input starts, or share nothing with it. Looks at `buffer` as late as it can: asking a small array for
 * it makes V8 allocate one.
 */
function assertApart(input: Uint8Array, output: Uint8Array): void {
  const gap = output.byteOffset - input.byteOffset;
  if (gap === 0 || input.length === 0 || output.length === 0) return;
  if (gap > 0 ? gap >= input.length : -gap >= output.length) return;
  if (input.buffer === output.buffer) {
    throw new CoreError("BuffersOverlap", "input and output overlap");
  }
}

/** Encrypts `plaintext` to `ciphertext`, which has room for the tag. */
export function sealInto(
  memory: CoreMemory,
  engine: AeadEngine,
  aad: Uint8Array,
  plaintext: Uint8Array,
  ciphertext: Uint8Array,
): void {
  assertBytes(aad, "aad");
  assertBytes(plaintext, "plaintext");
  assertTextLength(plaintext.length);
  assertBytes(ciphertext, "ciphertext", plaintext.length + TAG_BYTES);
  assertApart(plaintext, ciphertext);
  const { bytes, text, tag } = memory;
  const length = plaintext.length;
  if (isPlaced(memory, plaintext, ciphertext) && aad.length <= TEXT_BYTES) {
    copyIn(bytes, text, aad);
    engine.seal(text, aad.length, plaintext.byteOffset, length);
    return;
  }
  if (aad.length + length <= TEXT_BYTES) {
    const start = text + aad.length;
    copyIn(bytes, text, aad);
    copyIn(bytes, start, plaintext);
    engine.seal(text, aad.length, start, length);
    copyOut(memory, start, ciphertext, 0, length + TAG_BYTES);
    return;
  }
  try {
    engine.begin(aad.length + length);
    inPieces(memory, aad, (size) => engine.aad(text, size));
    inPieces(memory, plaintext, (size, offset) => {
      engine.encrypt(text, size);
      copyOut(memory, text, ciphertext, offset, size);
    });
    engine.finish(tag);
    copyOut(memory, tag, ciphertext, length, TAG_BYTES);
  } finally {
    engine.end();
  }
}

/** Decrypts `ciphertextAndTag` to `plaintext`; false, with nothing written, when it does not open. */
export function openInto(
  memory: CoreMemory,
  engine: AeadEngine,
  aad: Uint8Array,
  ciphertextAndTag: Uint8Array,
  plaintext: Uint8Array,
): boolean {
  assertBytes(aad, "aad");
  assertBytes(ciphertextAndTag, "ciphertext");
  const length = ciphertextAndTag.length - TAG_BYTES;
  assertBytes(plaintext, "plaintext", Math.max(length, 0));
  if (length < 0) return false;
  assertTextLength(length);
  assertApart(ciphertextAndTag, plaintext);
  const { exports, bytes, text, tag } = memory;
  if (isPlaced(memory, ciphertextAndTag, plaintext) && aad.length <= TEXT_BYTES) {
    copyIn(bytes, text, aad);
    return engine.open(text, aad.length, plaintext.byteOffset, length) === 1;
  }
  if (aad.length + length <= TEXT_BYTES) {
    const start = text + aad.length;
    copyIn(bytes, text, aad);
    copyIn(bytes, start, ciphertextAndTag);
    if (engine.open(text, aad.length, start, length) === 0) return false;
    copyOut(memory, start, plaintext, 0, length);
    exports.wipe(start, length);
    return true;
  }
  assertUnshared(ciphertextAndTag, "ciphertext");
  const body = ciphertextAndTag.subarray(0, length);
  copyIn(bytes, tag, ciphertextAndTag.subarray(length));
  try {
    engine.beginOpen(aad.length + length);
    inPieces(memory, aad, (size) => engine.aad(text, size));
    inPieces(memory, body, (size) => engine.authenticate(text, size));
    if (engine.verify(tag) === 0) return false;
    inPieces(memory, body, (size, offset) => {
      engine.decrypt(text, size);
      copyOut(memory, text, plaintext, offset, size);
    });
    return true;
  } finally {
    engine.end();
    exports.wipe(text, TEXT_BYTES);
  }
}

function isPlaced(memory: CoreMemory, input: Uint8Array, output: Uint8Array): boolean {
  return (
    output.byteOffset === input.byteOffset &&
    memory.workspace.has(input) &&
    memory.workspace.has(output)
  );
}
