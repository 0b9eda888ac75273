// A WebAssembly interpreter that knows which bytes are secret.
//
// Every byte of memory and every value has one bit of taint. What is computed from a secret is secret; nothing but a constant
// or a store of something public makes it public again. Execution stops with a `Leak` when a secret
//   - decides a branch, an `if`, a `select` or a table of branches,
//   - is part of a memory address or of the length of a bulk operation,
//   - is an operand of an instruction whose time may depend on it: division, remainder, multiplication,
//   - would be an undefined index of relaxed_swizzle (no leak, but a different result on different machines).
// A multiplication takes constant time on the processors of today; it is on the list because nothing here needs one.
//
// One memory word is the exception, the `verdict` of assembly/declassify.ts: what is loaded from it is public.

import { FC, FD, type Instruction, type ValueType, type WasmModule } from "./module.ts";

type Value = number | bigint | Uint8Array;

export class Leak extends Error {
  readonly kind: string;
  readonly path: readonly string[];

  constructor(kind: string, path: readonly string[], at: number) {
    super(`${kind} depends on a secret, in ${path.join(" > ")} at instruction ${at}`);
    this.name = "Leak";
    this.kind = kind;
    this.path = path;
  }
}

interface Label {
  readonly isLoop: boolean;
  readonly pc: number;
  readonly height: number;
  readonly results: number;
}

const PAGE = 65536;
const MASK64 = (1n << 64n) - 1n;

export class Machine {
  readonly module: WasmModule;
  memory: Uint8Array;
  /** 1 for every byte of memory that is secret. */
  secret: Uint8Array;
  /** Function and, once for each declassified value, where it happened. */
  readonly declassified: string[] = [];
  /** Instructions executed so far, by function. */
  readonly covered: Set<number>[];
  steps = 0;

  readonly #names: string[];
  readonly #verdict: number;
  #globals: Value[];
  #globalSecret: number[];
  #view: DataView;
  #values: Value[] = [];
  #taints: number[] = [];
  /** Taint of the operands of the instruction at work. */
  #t = 0;
  #path: string[] = [];
  #pc = 0;

  constructor(module: WasmModule) {
    this.module = module;
    this.memory = new Uint8Array(module.pages * PAGE);
    this.secret = new Uint8Array(module.pages * PAGE);
    this.#view = new DataView(this.memory.buffer);
    this.#globals = [...module.globals];
    this.#globalSecret = module.globals.map(() => 0);
    this.#names = module.functions.map((_, index) => `#${index}`);
    for (const [name, index] of module.functionExports) this.#names[index] = name;
    this.covered = module.functions.map(() => new Set<number>());
    const verdict = module.globalExports.get("verdict");
    this.#verdict = verdict === undefined ? -16 : Number(module.globals[verdict]);
    for (const { offset, bytes } of module.data) this.memory.set(bytes, offset);
    if (module.start !== undefined) this.#run(module.start);
  }

  grow(pages: number): void {
    const memory = new Uint8Array(this.memory.length + pages * PAGE);
    const secret = new Uint8Array(memory.length);
    memory.set(this.memory);
    secret.set(this.secret);
    this.memory = memory;
    this.secret = secret;
    this.#view = new DataView(memory.buffer);
  }

  /** Calls an export with public arguments. */
  call(name: string, ...args: number[]): { value: number; isSecret: boolean } {
    const index = this.module.functionExports.get(name);
    if (index === undefined) throw new Error(`no export ${name}`);
    this.#values = [...args];
    this.#taints = args.map(() => 0);
    this.#path = [];
    this.#run(index);
    const value = this.#values.pop();
    return { value: typeof value === "number" ? value : 0, isSecret: this.#taints.pop() === 1 };
  }

  /** Puts bytes into memory. */
  write(at: number, bytes: Uint8Array, isSecret: boolean): void {
    this.memory.set(bytes, at);
    this.secret.fill(isSecret ? 1 : 0, at, at + bytes.length);
  }

  #leak(kind: string): never {
    throw new Leak(kind, [...this.#path], this.#pc);
  }

  #pop(): Value {
    this.#t |= this.#taints.pop() ?? 0;
    const value = this.#values.pop();
    if (value === undefined) throw new Error("stack is empty");
    return value;
  }

  #i32(): number {
    return this.#pop() as number;
  }

  #i64(): bigint {
    return this.#pop() as bigint;
  }

  #v128(): Uint8Array {
    return this.#pop() as Uint8Array;
  }

  #push(value: Value): void {
    this.#values.push(value);
    this.#taints.push(this.#t);
  }

  #pushI32(value: number): void {
    this.#push(value | 0);
  }

  #pushI64(value: bigint): void {
    this.#push(value & MASK64);
  }

  /** An operand that must be public. */
  #publicI32(kind: string): number {
    const value = this.#i32();
    if (this.#t) this.#leak(kind);
    return value;
  }

  #address(offset: number): number {
    return (this.#publicI32("memory address") >>> 0) + offset;
  }

  #loaded(at: number, length: number): void {
    if (at + length > this.memory.length) throw new Error(`load at ${at} is out of bounds`);
    if (at === this.#verdict) {
      this.declassified.push(this.#path.filter((name) => !name.startsWith("#")).join(" > "));
      return;
    }
    for (let n = 0; n < length; n++) this.#t |= this.secret[at + n] ?? 0;
  }

  #stored(at: number, length: number, taint: number): void {
    if (at + length > this.memory.length) throw new Error(`store at ${at} is out of bounds`);
    this.secret.fill(taint, at, at + length);
  }

  #run(index: number): void {
    const { type, locals: declared, code } = this.module.functions[index] ?? missing(index);
    const covered = this.covered[index] ?? missing(index);
    const locals: Value[] = [];
    const taints: number[] = [];
    for (let n = type.params.length - 1; n >= 0; n--) {
      this.#t = 0;
      locals[n] = this.#pop();
      taints[n] = this.#t;
    }
    for (const local of declared) {
      locals.push(zeroOf(local));
      taints.push(0);
    }
    const base = this.#values.length;
    const labels: Label[] = [
      { isLoop: false, pc: code.length, height: base, results: type.results.length },
    ];
    this.#path.push(this.#names[index] ?? "?");
    let pc = 0;
    while (pc < code.length) {
      const instruction = code[pc] ?? missing(pc);
      covered.add(pc);
      this.#pc = pc;
      this.#t = 0;
      this.steps++;
      const { op, a } = instruction;
      switch (op) {
        case 0x00:
          throw new Error(`unreachable, in ${this.#path.join(" > ")}`);
        case 0x01:
          break;
        case 0x02:
          labels.push(this.#label(false, instruction.end + 1, a));
          break;
        case 0x03:
          labels.push(this.#label(true, pc + 1, 0));
          break;
        case 0x04: {
          const condition = this.#publicI32("if");
          labels.push(this.#label(false, instruction.end + 1, a));
          if (condition === 0)
            pc = instruction.otherwise - (instruction.otherwise === instruction.end ? 1 : 0);
          break;
        }
        case 0x05:
          pc = instruction.end - 1; // end of the first arm: on to the end, which drops the label
          break;
        case 0x0b:
          labels.pop();
          break;
        case 0x0c:
          pc = this.#branch(labels, a) - 1;
          break;
        case 0x0d:
          if (this.#publicI32("branch") !== 0) pc = this.#branch(labels, a) - 1;
          break;
        case 0x0e: {
          const target = instruction.targets[this.#publicI32("branch table") >>> 0] ?? a;
          pc = this.#branch(labels, target) - 1;
          break;
        }
        case 0x0f:
          pc = this.#branch(labels, labels.length - 1) - 1;
          break;
        case 0x10:
          this.#run(a);
          break;
        case 0x1a:
          this.#pop();
          break;
        case 0x1b:
        case 0x1c: {
          const condition = this.#publicI32("select");
          const second = this.#pop();
          const first = this.#pop();
          this.#push(condition ? first : second);
          break;
        }
        case 0x20:
          this.#t = taints[a] ?? 0;
          this.#push(locals[a] ?? missing(a));
          break;
        case 0x21:
          locals[a] = this.#pop();
          taints[a] = this.#t;
          break;
        case 0x22:
          locals[a] = this.#pop();
          taints[a] = this.#t;
          this.#push(locals[a] ?? missing(a));
          break;
        case 0x23:
          this.#t = this.#globalSecret[a] ?? 0;
          this.#push(this.#globals[a] ?? missing(a));
          break;
        case 0x24:
          this.#globals[a] = this.#pop();
          this.#globalSecret[a] = this.#t;
          break;
        default:
          if (op < 0x41 || op >= FC) this.#memoryOrVector(instruction);
          else this.#scalar(instruction);
      }
      pc++;
    }
    this.#path.pop();
  }

  #label(isLoop: boolean, pc: number, results: number): Label {
    return { isLoop, pc, height: this.#values.length, results };
  }

  /** Unwinds to a label; returns where to go on. */
  #branch(labels: Label[], depth: number): number {
    labels.length -= depth;
    const label = labels.at(-1) ?? missing(depth);
    const keep = label.isLoop ? 0 : label.results;
    const drop = this.#values.length - label.height - keep;
    this.#values.splice(label.height, drop);
    this.#taints.splice(label.height, drop);
    if (!label.isLoop) labels.pop();
    return label.pc;
  }

  #memoryOrVector({ op, a, bytes }: Instruction): void {
    const view = this.#view;
    switch (op) {
      case 0x28: {
        const at = this.#address(a);
        this.#loaded(at, 4);
        this.#pushI32(view.getInt32(at, true));
        return;
      }
      case 0x29: {
        const at = this.#address(a);
        this.#loaded(at, 8);
        this.#pushI64(view.getBigUint64(at, true));
        return;
      }
      case 0x2d: {
        const at = this.#address(a);
        this.#loaded(at, 1);
        this.#pushI32(view.getUint8(at));
        return;
      }
      case 0x36:
      case 0x3a: {
        const value = this.#i32();
        const taint = this.#t;
        this.#t = 0;
        const at = this.#address(a);
        this.#stored(at, op === 0x36 ? 4 : 1, taint);
        if (op === 0x36) view.setInt32(at, value, true);
        else view.setUint8(at, value);
        return;
      }
      case 0x37: {
        const value = this.#i64();
        const taint = this.#t;
        this.#t = 0;
        const at = this.#address(a);
        this.#stored(at, 8, taint);
        view.setBigUint64(at, value, true);
        return;
      }
      case FC + 10: {
        const length = this.#publicI32("length of a copy");
        const from = this.#address(0);
        const to = this.#address(0);
        this.memory.copyWithin(to, from, from + length);
        this.secret.copyWithin(to, from, from + length);
        return;
      }
      case FC + 11: {
        const length = this.#publicI32("length of a fill");
        const value = this.#i32();
        const taint = this.#t;
        this.#t = 0;
        const at = this.#address(0);
        this.memory.fill(value, at, at + length);
        this.secret.fill(taint, at, at + length);
        return;
      }
      case FD: {
        const at = this.#address(a);
        this.#loaded(at, 16);
        this.#push(this.memory.slice(at, at + 16));
        return;
      }
      case FD + 7:
      case FD + 9:
      case FD + 92:
      case FD + 93: {
        const at = this.#address(a);
        const width = op === FD + 7 ? 1 : op === FD + 93 ? 8 : 4;
        this.#loaded(at, width);
        const isSplat = op === FD + 7 || op === FD + 9;
        this.#push(map16((n) => (isSplat || n < width ? (this.memory[at + (n % width)] ?? 0) : 0)));
        return;
      }
      case FD + 11: {
        const value = this.#v128();
        const taint = this.#t;
        this.#t = 0;
        const at = this.#address(a);
        this.#stored(at, 16, taint);
        this.memory.set(value, at);
        return;
      }
      case FD + 12:
        this.#push(bytes);
        return;
      case FD + 13: {
        const second = this.#v128();
        const first = this.#v128();
        this.#push(
          map16((n) => {
            const lane = bytes[n] ?? 0;
            return (lane < 16 ? first[lane] : second[lane - 16]) ?? 0;
          }),
        );
        return;
      }
      case FD + 14:
      case FD + 256: {
        const index = this.#v128();
        const table = this.#v128();
        if (op === FD + 256 && index.some((lane) => lane > 15 && lane < 128)) {
          throw new Error(`undefined relaxed index, in ${this.#path.join(" > ")}`);
        }
        this.#push(map16((n) => table[index[n] ?? 255] ?? 0));
        return;
      }
      default:
        this.#vector(op, a);
    }
  }

  #vector(op: number, a: number): void {
    switch (op) {
      case FD + 15: {
        const value = this.#i32();
        this.#push(map16(() => value));
        return;
      }
      case FD + 17: {
        const value = this.#i32();
        this.#push(map16((n) => value >>> (8 * (n & 3))));
        return;
      }
      case FD + 18: {
        const value = this.#i64();
        this.#push(map16((n) => Number((value >> BigInt(8 * (n & 7))) & 255n)));
        return;
      }
      case FD + 21:
        this.#pushI32(((this.#v128()[a] ?? 0) << 24) >> 24);
        return;
      case FD + 22:
        this.#pushI32(this.#v128()[a] ?? 0);
        return;
      case FD + 27:
        this.#pushI32(viewOf(this.#v128()).getInt32(a * 4, true));
        return;
      case FD + 29:
        this.#pushI64(viewOf(this.#v128()).getBigUint64(a * 8, true));
        return;
      case FD + 28: {
        const value = this.#i32();
        const vector = this.#v128().slice();
        viewOf(vector).setInt32(a * 4, value, true);
        this.#push(vector);
        return;
      }
      case FD + 30: {
        const value = this.#i64();
        const vector = this.#v128().slice();
        viewOf(vector).setBigUint64(a * 8, value, true);
        this.#push(vector);
        return;
      }
      case FD + 77: {
        const x = this.#v128();
        this.#push(map16((n) => ~(x[n] ?? 0)));
        return;
      }
      case FD + 35:
        this.#bytewise((x, y) => (x === y ? 255 : 0));
        return;
      case FD + 78:
        this.#bytewise((x, y) => x & y);
        return;
      case FD + 79:
        this.#bytewise((x, y) => x & ~y);
        return;
      case FD + 80:
        this.#bytewise((x, y) => x | y);
        return;
      case FD + 81:
        this.#bytewise((x, y) => x ^ y);
        return;
      case FD + 107:
      case FD + 108: {
        const by = this.#i32() & 7;
        const x = this.#v128();
        const isLeft = op === FD + 107;
        this.#push(map16((n) => (isLeft ? (x[n] ?? 0) << by : (((x[n] ?? 0) << 24) >> 24) >> by)));
        return;
      }
      case FD + 171:
        this.#lanes32Shift((x, by) => x << by);
        return;
      case FD + 173:
        this.#lanes32Shift((x, by) => x >>> by);
        return;
      case FD + 174: {
        const y = viewOf(this.#v128());
        const x = viewOf(this.#v128());
        this.#lanes32((n) => x.getInt32(n, true) + y.getInt32(n, true));
        return;
      }
      case FD + 205: {
        const by = BigInt(this.#i32() & 63);
        const x = viewOf(this.#v128());
        const result = new Uint8Array(16);
        const view = viewOf(result);
        for (let n = 0; n < 16; n += 8) view.setBigUint64(n, x.getBigUint64(n, true) >> by, true);
        this.#push(result);
        return;
      }
      default:
        throw new Error(`vector instruction ${op - FD} is not supported`);
    }
  }

  #bytewise(combine: (x: number, y: number) => number): void {
    const y = this.#v128();
    const x = this.#v128();
    this.#push(map16((n) => combine(x[n] ?? 0, y[n] ?? 0)));
  }

  #lanes32(lane: (at: number) => number): void {
    const result = new Uint8Array(16);
    const view = viewOf(result);
    for (let n = 0; n < 16; n += 4) view.setInt32(n, lane(n), true);
    this.#push(result);
  }

  #lanes32Shift(shift: (x: number, by: number) => number): void {
    const by = this.#i32() & 31;
    const x = viewOf(this.#v128());
    this.#lanes32((n) => shift(x.getInt32(n, true), by));
  }

  #scalar({ op, a, big }: Instruction): void {
    if (op === 0x41) {
      this.#pushI32(a);
      return;
    }
    if (op === 0x42) {
      this.#pushI64(big);
      return;
    }
    if (op === 0x45) {
      this.#pushI32(this.#i32() === 0 ? 1 : 0);
      return;
    }
    if (op === 0x50) {
      this.#pushI32(this.#i64() === 0n ? 1 : 0);
      return;
    }
    if (op === 0xa7) {
      this.#pushI32(Number(BigInt.asIntN(32, this.#i64())));
      return;
    }
    if (op === 0xac) {
      this.#pushI64(BigInt(this.#i32()));
      return;
    }
    if (op === 0xad) {
      this.#pushI64(BigInt(this.#i32() >>> 0));
      return;
    }
    if (op >= 0x46 && op <= 0x4f) {
      const y = this.#i32();
      const x = this.#i32();
      this.#pushI32(compare(op - 0x46, x, y, x >>> 0, y >>> 0));
      return;
    }
    if (op >= 0x51 && op <= 0x5a) {
      const y = this.#i64();
      const x = this.#i64();
      this.#pushI32(compare(op - 0x51, BigInt.asIntN(64, x), BigInt.asIntN(64, y), x, y));
      return;
    }
    if (op >= 0x6a && op <= 0x78) {
      const y = this.#i32();
      const x = this.#i32();
      if (this.#t && op >= 0x6c && op <= 0x70) this.#leak("multiplication or division");
      this.#pushI32(arithmetic32(op, x, y));
      return;
    }
    if (op >= 0x7c && op <= 0x8a) {
      const y = this.#i64();
      const x = this.#i64();
      if (this.#t && op >= 0x7e && op <= 0x82) this.#leak("multiplication or division");
      this.#pushI64(arithmetic64(op, x, y));
      return;
    }
    throw new Error(`instruction 0x${op.toString(16)} is not supported`);
  }
}

function missing(what: number): never {
  throw new Error(`${what} does not exist`);
}

function zeroOf(type: ValueType): Value {
  return type === "i32" ? 0 : type === "i64" ? 0n : new Uint8Array(16);
}

function viewOf(vector: Uint8Array): DataView {
  return new DataView(vector.buffer, vector.byteOffset, 16);
}

function map16(lane: (n: number) => number): Uint8Array {
  const result = new Uint8Array(16);
  for (let n = 0; n < 16; n++) result[n] = lane(n);
  return result;
}

/** eq, ne, lt_s, lt_u, gt_s, gt_u, le_s, le_u, ge_s, ge_u */
function compare<T extends number | bigint>(which: number, x: T, y: T, ux: T, uy: T): number {
  const results = [
    x === y,
    x !== y,
    x < y,
    ux < uy,
    x > y,
    ux > uy,
    x <= y,
    ux <= uy,
    x >= y,
    ux >= uy,
  ];
  return results[which] ? 1 : 0;
}

function arithmetic32(op: number, x: number, y: number): number {
  switch (op) {
    case 0x6a:
      return x + y;
    case 0x6b:
      return x - y;
    case 0x6c:
      return Math.imul(x, y);
    case 0x6e:
      return Math.trunc((x >>> 0) / (y >>> 0));
    case 0x70:
      return (x >>> 0) % (y >>> 0);
    case 0x71:
      return x & y;
    case 0x72:
      return x | y;
    case 0x73:
      return x ^ y;
    case 0x74:
      return x << y;
    case 0x75:
      return x >> y;
    case 0x76:
      return x >>> y;
    case 0x77:
      return (x << y) | (x >>> -y);
    case 0x78:
      return (x >>> y) | (x << -y);
    default:
      throw new Error(`instruction 0x${op.toString(16)} is not supported`);
  }
}

function arithmetic64(op: number, x: bigint, y: bigint): bigint {
  const by = y & 63n;
  switch (op) {
    case 0x7c:
      return x + y;
    case 0x7d:
      return x - y;
    case 0x7e:
      return x * y;
    case 0x80:
      return x / y;
    case 0x82:
      return x % y;
    case 0x83:
      return x & y;
    case 0x84:
      return x | y;
    case 0x85:
      return x ^ y;
    case 0x86:
      return x << by;
    case 0x87:
      return BigInt.asIntN(64, x) >> by;
    case 0x88:
      return x >> by;
    case 0x89:
      return (x << by) | (x >> (64n - by));
    case 0x8a:
      return (x >> by) | (x << (64n - by));
    default:
      throw new Error(`instruction 0x${op.toString(16)} is not supported`);
  }
}
