// A decoder for the part of the WebAssembly binary format (core specification 2.0, §5; relaxed SIMD) that the built modules use.
// Anything it does not know, it refuses: nothing is skipped over.

export type ValueType = "i32" | "i64" | "v128";

export interface Instruction {
  /** One byte, or 0xfc00 / 0xfd00 + the number after a prefix. */
  readonly op: number;
  /** Immediate: an index, a depth, a constant, an offset; for block, loop and if the number of results. */
  readonly a: number;
  /** 64-bit constant. */
  readonly big: bigint;
  /** v128 constant or shuffle lanes. */
  readonly bytes: Uint8Array;
  readonly targets: readonly number[];
  /** block, loop, if: index of the matching end; if: of its else, or of the end. */
  end: number;
  otherwise: number;
}

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface WasmFunction {
  readonly type: FunctionType;
  readonly locals: readonly ValueType[];
  readonly code: readonly Instruction[];
}

export interface WasmModule {
  readonly functions: readonly WasmFunction[];
  readonly globals: readonly (number | bigint)[];
  readonly functionExports: ReadonlyMap<string, number>;
  readonly globalExports: ReadonlyMap<string, number>;
  readonly pages: number;
  readonly start: number | undefined;
  readonly data: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

export const FC = 0xfc00;
export const FD = 0xfd00;

const NO_BYTES = new Uint8Array(0);
const TYPES: Readonly<Record<number, ValueType>> = { 127: "i32", 126: "i64", 123: "v128" };

class Reader {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new Error("module ends early");
    return value;
  }

  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }

  u32(): number {
    return Number(this.leb(false));
  }

  leb(isSigned: boolean): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte & 0x80) continue;
      if (isSigned && byte & 0x40) value -= 1n << (shift + 7n);
      return value;
    }
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.u32()));
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.u32() }, read);
  }

  type(): ValueType {
    const type = TYPES[this.byte()];
    if (type === undefined) throw new Error("value type not supported");
    return type;
  }
}

/** Memory instructions with alignment and offset. */
function isMemoryOp(op: number): boolean {
  if (op >= 0x28 && op <= 0x3e) return true;
  return op >= FD && (op <= FD + 11 || op === FD + 92 || op === FD + 93);
}

function isLaneOp(op: number): boolean {
  return op >= FD + 21 && op <= FD + 34;
}

function readCode(reader: Reader, types: readonly FunctionType[], end: number): Instruction[] {
  const code: Instruction[] = [];
  const open: number[] = [];
  while (reader.at < end) {
    let op = reader.byte();
    if (op === 0xfc || op === 0xfd) op = (op << 8) + reader.u32();
    let a = 0;
    let big = 0n;
    let bytes: Uint8Array = NO_BYTES;
    let targets: number[] = [];
    if (op === 0x02 || op === 0x03 || op === 0x04) {
      const type = Number(reader.leb(true));
      if (type >= 0) {
        if ((types[type]?.params.length ?? 1) > 0) throw new Error("block parameters");
        a = types[type]?.results.length ?? 0;
      } else a = type === -64 ? 0 : 1;
    } else if (op === 0x0e) {
      targets = reader.list(() => reader.u32());
      a = reader.u32();
    } else if (op === 0x0c || op === 0x0d || op === 0x10 || (op >= 0x20 && op <= 0x24)) {
      a = reader.u32();
    } else if (op === 0x11) {
      throw new Error("indirect calls are not supported: the modules have none");
    } else if (op === 0x1c) reader.list(() => reader.type());
    else if (op === 0x41) a = Number(BigInt.asIntN(32, reader.leb(true)));
    else if (op === 0x42) big = BigInt.asUintN(64, reader.leb(true));
    else if (op === 0x3f || op === 0x40) reader.byte();
    else if (op === FC + 10) reader.take(2);
    else if (op === FC + 11) reader.take(1);
    else if (op === FD + 12 || op === FD + 13) bytes = reader.take(16);
    else if (isLaneOp(op)) a = reader.byte();
    else if (isMemoryOp(op)) {
      reader.u32();
      a = reader.u32();
    } else if (op >= 0x43 && op <= 0x44) throw new Error("floating point is not supported");
    const at = code.push({ op, a, big, bytes, targets, end: 0, otherwise: 0 }) - 1;
    if (op === 0x02 || op === 0x03 || op === 0x04) open.push(at);
    else if (op === 0x05) {
      const opener = code[open.at(-1) ?? -1];
      if (opener) opener.otherwise = at;
    } else if (op === 0x0b) {
      const opener = code[open.pop() ?? -1];
      if (opener) {
        opener.end = at;
        const otherwise = code[opener.otherwise];
        if (opener.otherwise === 0) opener.otherwise = at;
        else if (otherwise) otherwise.end = at;
      }
    }
  }
  return code;
}

/** A constant expression: one constant. */
function readConstant(reader: Reader): number | bigint {
  const op = reader.byte();
  const value = reader.leb(true);
  if ((op !== 0x41 && op !== 0x42) || reader.byte() !== 0x0b) throw new Error("no constant");
  return op === 0x41 ? Number(value) : BigInt.asUintN(64, value);
}

export function decode(bytes: Uint8Array): WasmModule {
  const reader = new Reader(bytes);
  if (Buffer.from(reader.take(8)).toString("hex") !== "0061736d01000000") throw new Error("magic");
  const types: FunctionType[] = [];
  let signatures: number[] = [];
  const functions: WasmFunction[] = [];
  const globals: (number | bigint)[] = [];
  const functionExports = new Map<string, number>();
  const globalExports = new Map<string, number>();
  const data: { offset: number; bytes: Uint8Array }[] = [];
  let pages = 0;
  let start: number | undefined;
  while (reader.at < bytes.length) {
    const section = reader.byte();
    const end = reader.u32() + reader.at;
    if (section === 1) {
      reader.list(() => {
        if (reader.byte() !== 0x60) throw new Error("function type");
        const params = reader.list(() => reader.type());
        types.push({ params, results: reader.list(() => reader.type()) });
      });
    } else if (section === 3) signatures = reader.list(() => reader.u32());
    else if (section === 5) {
      reader.list(() => {
        const hasLimit = reader.byte() & 1;
        pages = reader.u32();
        if (hasLimit) reader.u32();
      });
    } else if (section === 6) {
      reader.list(() => {
        reader.type();
        reader.byte();
        globals.push(readConstant(reader));
      });
    } else if (section === 7) {
      reader.list(() => {
        const name = reader.name();
        const kind = reader.byte();
        const index = reader.u32();
        if (kind === 0) functionExports.set(name, index);
        else if (kind === 3) globalExports.set(name, index);
      });
    } else if (section === 8) start = reader.u32();
    else if (section === 10) {
      let index = 0;
      reader.list(() => {
        const bodyEnd = reader.u32() + reader.at;
        const locals: ValueType[] = [];
        reader.list(() => {
          const count = reader.u32();
          const type = reader.type();
          for (let n = 0; n < count; n++) locals.push(type);
        });
        const type = types[signatures[index++] ?? -1];
        if (type === undefined) throw new Error("function without a type");
        functions.push({ type, locals, code: readCode(reader, types, bodyEnd) });
        reader.at = bodyEnd;
      });
    } else if (section === 11) {
      reader.list(() => {
        if (reader.u32() !== 0) throw new Error("data segment kind");
        const offset = Number(readConstant(reader));
        data.push({ offset, bytes: reader.take(reader.u32()) });
      });
    } else if (section !== 0 && section !== 12) throw new Error(`section ${section}`);
    reader.at = end;
  }
  return { functions, globals, functionExports, globalExports, pages, start, data };
}
