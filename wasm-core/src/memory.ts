// One instance of the module and the division of its linear memory above the module's own data:
//
//     parameters | text | pool | pool | … | workspace
//
// Memory grows once, here, before the first view is made, and never again: the views stay valid.

import { CoreError } from "./errors.ts";
import {
  type CompiledModule,
  type ExportedMemory,
  type ExportedNumber,
  instantiate,
} from "./web-assembly.ts";

/** The module's exports (assembly/index.ts). Arguments that are not lengths or kinds are addresses. */
export interface CoreExports {
  readonly memory: ExportedMemory;
  readonly cipherKeySize: ExportedNumber;
  readonly gcmKeySize: ExportedNumber;
  readonly gcmContextSize: ExportedNumber;
  readonly suiteKeySize: ExportedNumber;
  readonly hashContextSize: ExportedNumber;
  readonly hmacKeySize: ExportedNumber;
  heapBase(): number;
  suiteInit(sk: number, suite: number, key: number): void;
  suiteDerive(sk: number, nonce: number, commitment: number, messageKey: number): void;
  suiteStart(sk: number, nonce: number, commitment: number, expected: number): void;
  suiteStartOpen(sk: number, nonce: number, commitment: number, expected: number): void;
  suiteAad(aad: number, length: number): void;
  suiteEncrypt(text: number, length: number): void;
  suiteFinish(tag: number): void;
  suiteAuthenticate(text: number, length: number): void;
  suiteVerify(tag: number): number;
  suiteDecrypt(text: number, length: number): void;
  suiteWipe(): void;
  suiteSeal(
    sk: number,
    nonce: number,
    aad: number,
    aadBytes: number,
    text: number,
    length: number,
    commitment: number,
  ): void;
  suiteOpen(
    sk: number,
    nonce: number,
    aad: number,
    aadBytes: number,
    text: number,
    length: number,
    commitment: number,
  ): number;
  aesExpand(ck: number, key: number, keyBytes: number): void;
  sm4Expand(ck: number, key: number): void;
  encryptBlocks(ck: number, to: number, from: number, count: number): void;
  wipeCipher(): void;
  invertKey(dk: number, ck: number): void;
  decryptBlocks(dk: number, to: number, from: number, count: number): void;
  cbcEncrypt(ck: number, iv: number, text: number, blocks: number): void;
  cbcDecrypt(dk: number, iv: number, text: number, blocks: number): void;
  ctrBlocks(ck: number, counter: number, text: number, blocks: number): void;
  ctrTail(ck: number, counter: number, text: number, length: number): void;
  gcmKeyReady(gk: number): void;
  gcmStart(ctx: number, gk: number, nonce: number, nonceBytes: number): void;
  gcmExpect(gk: number, bytes: number): void;
  gcmAad(ctx: number, aad: number, length: number): void;
  gcmEncrypt(ctx: number, text: number, length: number): void;
  gcmAuthenticate(ctx: number, text: number, length: number): void;
  gcmTag(ctx: number, tag: number): void;
  gcmVerify(ctx: number, tag: number): number;
  gcmDecrypt(ctx: number, text: number, length: number): void;
  gcmWipe(ctx: number): void;
  gcmSeal(
    gk: number,
    nonce: number,
    nonceBytes: number,
    aad: number,
    aadBytes: number,
    text: number,
    length: number,
  ): void;
  gcmOpen(
    gk: number,
    nonce: number,
    nonceBytes: number,
    aad: number,
    aadBytes: number,
    text: number,
    length: number,
  ): number;
  cmac(ck: number, mac: number, data: number, length: number): void;
  hashStart(ctx: number, kind: number): void;
  hashUpdate(ctx: number, data: number, length: number): void;
  hashFinish(ctx: number, digest: number): void;
  hash(kind: number, data: number, length: number, digest: number): void;
  hmacInit(hk: number, kind: number, key: number, length: number): void;
  hmacStart(ctx: number, hk: number): void;
  hmacFinish(ctx: number, hk: number, mac: number): void;
  hmac(hk: number, data: number, length: number, mac: number): void;
  equal(a: number, b: number, length: number): number;
  wipe(at: number, length: number): void;
}

/** How many handles of each kind a core holds at most. */
export interface CoreLimits {
  readonly suiteKeys: number;
  readonly gcmKeys: number;
  readonly blockKeys: number;
  readonly hmacKeys: number;
  /** GCM streams open at the same time. */
  readonly streams: number;
  /** Size of the workspace, for callers who want no copies. */
  readonly workspaceBytes: number;
}

export const DEFAULT_LIMITS: CoreLimits = {
  suiteKeys: 1024,
  gcmKeys: 64,
  blockKeys: 64,
  hmacKeys: 1024,
  streams: 16,
  workspaceBytes: 0,
};

const PAGE = 65536;
/** The longest nonce that GCM keys take; the standard has no practical bound. */
export const MAX_NONCE_BYTES = 1024;
/** Data passes through this much memory at a time; it stays in the second-level cache. */
export const TEXT_BYTES = 65536;

/** Slots of one size. Slots are handed out zeroed and taken back zeroed. */
export class Pool {
  readonly #exports: CoreExports;
  readonly #kind: string;
  readonly #size: number;
  readonly #free: number[] = [];

  constructor(exports: CoreExports, kind: string, base: number, size: number, count: number) {
    this.#exports = exports;
    this.#kind = kind;
    this.#size = size;
    for (let n = count - 1; n >= 0; n--) this.#free.push(base + n * size);
  }

  take(): number {
    const slot = this.#free.pop();
    if (slot === undefined) {
      throw new CoreError("HandlesExhausted", `all ${this.#kind} handles are in use`);
    }
    return slot;
  }

  give(slot: number): void {
    this.#exports.wipe(slot, this.#size);
    this.#free.push(slot);
  }
}

/** The part of memory that callers may use: what lies there needs no copy. */
export class Workspace {
  readonly bytes: Uint8Array;
  readonly #start: number;
  // The last two arrays found inside. Asking an array for its buffer is a call of the runtime, and an array never gets another.
  #known: Uint8Array | undefined;
  #knownBefore: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#start = bytes.length > 0 ? bytes.byteOffset : Number.MAX_SAFE_INTEGER;
  }

  /** Whether `data` lies inside. The offset is looked at first: most arrays of callers start below. */
  has(data: Uint8Array): boolean {
    if (data.byteOffset < this.#start) return false;
    if (data === this.#known || data === this.#knownBefore) return true;
    if (data.buffer !== this.bytes.buffer) return false;
    this.#knownBefore = this.#known;
    this.#known = data;
    return true;
  }
}

export interface CoreMemory {
  readonly exports: CoreExports;
  /** All of linear memory. */
  readonly bytes: Uint8Array;
  /** Addresses of the parameter areas; each is wiped or overwritten by the call that uses it. */
  readonly key: number;
  readonly nonce: number;
  readonly commitment: number;
  readonly tag: number;
  readonly hashContext: number;
  readonly gcmContext: number;
  readonly text: number;
  readonly suiteKeys: Pool;
  readonly gcmKeys: Pool;
  readonly blockKeys: Pool;
  readonly hmacKeys: Pool;
  readonly streams: Pool;
  readonly workspace: Workspace;
  /** Standing views, for the results that every call copies out. */
  readonly views: Views;
  readonly commitmentView: Uint8Array;
  readonly textView32: Uint8Array;
}

export function openMemory(module: CompiledModule, limits: CoreLimits): CoreMemory {
  const exports = instantiate(module) as CoreExports;
  let next = (exports.heapBase() + 63) & ~63;
  const area = (bytes: number): number => {
    const at = next;
    next = (next + bytes + 63) & ~63;
    return at;
  };
  const key = area(64);
  const nonce = area(MAX_NONCE_BYTES);
  const commitment = area(64);
  const tag = area(64);
  const hashContext = area(exports.hashContextSize.value);
  const gcmContext = area(exports.gcmContextSize.value);
  const text = area(TEXT_BYTES + 64);
  const pool = (kind: string, size: number, count: number): Pool =>
    new Pool(exports, kind, area(size * count), size, count);
  const suiteKeys = pool("suite key", exports.suiteKeySize.value, limits.suiteKeys);
  const gcmKeys = pool("GCM key", exports.gcmKeySize.value, limits.gcmKeys);
  const blockKeys = pool("block key", 2 * exports.cipherKeySize.value, limits.blockKeys);
  const hmacKeys = pool("HMAC key", exports.hmacKeySize.value, limits.hmacKeys);
  const streams = pool("stream", exports.gcmContextSize.value, limits.streams);
  const workspace = area(limits.workspaceBytes);
  const missing = next - exports.memory.buffer.byteLength;
  if (missing > 0) exports.memory.grow(Math.ceil(missing / PAGE));
  const { buffer } = exports.memory;
  const bytes = new Uint8Array(buffer);
  return {
    exports,
    bytes,
    views: new Views(bytes),
    key,
    nonce,
    commitment,
    tag,
    hashContext,
    gcmContext,
    text,
    suiteKeys,
    gcmKeys,
    blockKeys,
    hmacKeys,
    streams,
    workspace: new Workspace(new Uint8Array(buffer, workspace, limits.workspaceBytes)),
    commitmentView: new Uint8Array(buffer, commitment, 32),
    textView32: new Uint8Array(buffer, text, 32),
  };
}

/** Up to here a loop is faster than a call of the runtime, and out of memory than making a view. */
const LOOP_IN_BYTES = 16;
const LOOP_OUT_BYTES = 24;

/** Copies `data` to linear memory. */
export function copyIn(bytes: Uint8Array, at: number, data: Uint8Array): void {
  if (data.length > LOOP_IN_BYTES) bytes.set(data, at);
  else for (let n = 0; n < data.length; n++) bytes[at + n] = data[n] as number;
}

/** A view of `length` bytes at `at`. The last one is kept: messages of one size follow each other, and a view costs 30 ns. */
export class Views {
  readonly #bytes: Uint8Array;
  #last: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#last = bytes.subarray(0, 0);
  }

  at(at: number, length: number): Uint8Array {
    const last = this.#last;
    if (last.byteOffset === at && last.length === length) return last;
    this.#last = this.#bytes.subarray(at, at + length);
    return this.#last;
  }
}

/** Copies `length` bytes from linear memory to `to`. */
export function copyOut(
  memory: CoreMemory,
  at: number,
  to: Uint8Array,
  offset: number,
  length: number,
): void {
  if (length > LOOP_OUT_BYTES) to.set(memory.views.at(at, length), offset);
  else for (let n = 0; n < length; n++) to[offset + n] = memory.bytes[at + n] as number;
}

/** Hands `data` to `take` in pieces of at most TEXT_BYTES, each copied to the text area. */
export function inPieces(
  memory: CoreMemory,
  data: Uint8Array,
  take: (length: number, offset: number) => void,
): void {
  for (let offset = 0; offset < data.length; offset += TEXT_BYTES) {
    const piece = data.subarray(offset, offset + TEXT_BYTES);
    memory.bytes.set(piece, memory.text);
    take(piece.length, offset);
  }
}
