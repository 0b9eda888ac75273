// The proof of constant time (promise P5): every exported function of the very files that ship runs in an interpreter that
// tracks secrets (support/taint/machine.ts), over lengths around every limit in the code. Keys, plaintexts, derived keys and all
// that is computed from them are secret. Lengths, nonces, associated data and ciphertexts to decrypt are not.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AES, SHA256, SM3, SM4 } from "../common/const.ts";
import { type CompiledModule, type ExportedMemory, instantiate } from "../src/web-assembly.ts";
import { BUILDS, moduleOf } from "./support/builds.ts";
import { Random } from "./support/random.ts";
import { Leak, Machine } from "./support/taint/machine.ts";
import { decode } from "./support/taint/module.ts";

/** Where the driver below puts things, above the module's own data. */
const KEY = 65536;
const NONCE = KEY + 512;
const CONTEXT = KEY + 1024;
const COMMITMENT = KEY + 1536;
const TAG = KEY + 1600;
const AAD = KEY + 2048;
const HANDLE = KEY + 4096;
const SECOND = KEY + 8192;
const TEXT = KEY + 12288;
const LENGTHS = [0, 1, 16, 17, 63, 64, 225, 600, 1100];

interface Exports {
  readonly [name: string]: (...args: number[]) => number;
}

/** Runs everything on the interpreter and, the same calls, in the runtime: the results must be the same bytes. */
class Driver {
  readonly machine: Machine;
  readonly called = new Set<string>();
  readonly #native: Exports;
  readonly #memory: Uint8Array;
  readonly #random = new Random("constant time");

  constructor(bytes: Uint8Array, module: CompiledModule) {
    this.machine = new Machine(decode(bytes));
    this.machine.grow(2);
    const exports = instantiate(module) as Exports & { memory: ExportedMemory };
    exports.memory.grow(2);
    this.#native = exports;
    this.#memory = new Uint8Array(exports.memory.buffer);
  }

  put(at: number, length: number, kind: "secret" | "public"): void {
    this.putBytes(at, this.#random.bytes(length), kind);
  }

  putBytes(at: number, bytes: Uint8Array, kind: "secret" | "public"): void {
    this.machine.write(at, bytes, kind === "secret");
    this.#memory.set(bytes, at);
  }

  /** What came out is known to an attacker from here on. */
  publish(at: number, length: number): void {
    this.machine.secret.fill(0, at, at + length);
  }

  call(name: string, ...args: number[]): number {
    this.called.add(name);
    const { value } = this.machine.call(name, ...args);
    const native = this.#native[name]?.(...args);
    if (native !== undefined) expect(value).toBe(native);
    return value;
  }

  assertSameMemory(): void {
    expect(Buffer.compare(this.machine.memory, this.#memory)).toBe(0);
  }
}

function gcm(driver: Driver, cipher: number, keyBytes: number): void {
  driver.put(KEY, 32, "secret");
  if (cipher === AES) driver.call("aesExpand", HANDLE, KEY, keyBytes);
  else driver.call("sm4Expand", HANDLE, KEY);
  driver.call("gcmKeyReady", HANDLE);
  for (const length of LENGTHS) {
    for (const nonceBytes of [12, 8, 33]) {
      driver.put(NONCE, nonceBytes, "public");
      driver.put(AAD, 100, "public");
      driver.put(TEXT, length, "secret");
      driver.call("gcmSeal", HANDLE, NONCE, nonceBytes, AAD, length % 37, TEXT, length);
      driver.publish(TEXT, length + 16);
      expect(
        driver.call("gcmOpen", HANDLE, NONCE, nonceBytes, AAD, length % 37, TEXT, length),
      ).toBe(1);
      driver.put(TEXT, length + 16, "public");
      expect(driver.call("gcmOpen", HANDLE, NONCE, nonceBytes, AAD, 0, TEXT, length)).toBe(0);
      if (length === 225) driver.call("gcmExpect", HANDLE, 5000); // the rest with six powers of H
    }
  }
  // A stream in pieces, both ways.
  for (const nonceBytes of [12, 20]) {
    driver.call("gcmStart", CONTEXT, HANDLE, NONCE, nonceBytes);
    driver.call("gcmAad", CONTEXT, AAD, 21);
    let at = 0;
    for (const part of [1, 15, 5, 800, 30]) {
      driver.put(TEXT + at, part, "secret");
      driver.call("gcmEncrypt", CONTEXT, TEXT + at, part);
      at += part;
    }
    driver.call("gcmTag", CONTEXT, TAG);
    driver.publish(TEXT, at);
    driver.publish(TAG, 16);
    driver.call("gcmStart", CONTEXT, HANDLE, NONCE, nonceBytes);
    driver.call("gcmAad", CONTEXT, AAD, 21);
    driver.call("gcmAuthenticate", CONTEXT, TEXT, 33);
    driver.call("gcmAuthenticate", CONTEXT, TEXT + 33, at - 33);
    expect(driver.call("gcmVerify", CONTEXT, TAG)).toBe(1);
    driver.call("gcmDecrypt", CONTEXT, TEXT, 7);
    driver.call("gcmDecrypt", CONTEXT, TEXT + 7, at - 7);
    driver.call("gcmWipe", CONTEXT);
  }
  driver.put(TEXT, 160, "secret");
  driver.put(TAG, 16, "secret");
  driver.call("ghashBlocks", HANDLE, TAG, TEXT, 10);
}

function suite(driver: Driver, number: number): void {
  driver.put(KEY, 32, "secret");
  driver.call("suiteInit", HANDLE, number, KEY);
  for (const length of LENGTHS) {
    driver.put(NONCE, 24, "public");
    driver.put(AAD, 80, "public");
    driver.put(TEXT, length, "secret");
    driver.call("suiteSeal", HANDLE, NONCE, AAD, 80, TEXT, length, COMMITMENT);
    driver.publish(TEXT, length + 16);
    driver.publish(COMMITMENT, 32);
    const open = () => driver.call("suiteOpen", HANDLE, NONCE, AAD, 80, TEXT, length, COMMITMENT);
    expect(open()).toBe(1);
    driver.put(TEXT, length + 16, "public");
    expect(open()).toBe(0);
  }
  driver.put(TEXT, 700, "secret");
  driver.call("suiteDerive", HANDLE, NONCE, COMMITMENT, SECOND);
  driver.call("suiteStart", HANDLE, NONCE, COMMITMENT, 700);
  driver.call("suiteAad", AAD, 64);
  driver.call("suiteEncrypt", TEXT, 700);
  driver.call("suiteFinish", TAG);
  driver.publish(TEXT, 700);
  driver.publish(TAG, 16);
  driver.publish(COMMITMENT, 32);
  for (const aadBytes of [64, 65]) {
    driver.call("suiteStartOpen", HANDLE, NONCE, COMMITMENT, 700);
    driver.call("suiteAad", AAD, aadBytes);
    driver.call("suiteAuthenticate", TEXT, 700);
    if (driver.call("suiteVerify", TAG) === 1) driver.call("suiteDecrypt", TEXT, 700);
    driver.call("suiteWipe");
  }
}

function blocks(driver: Driver, cipher: number, keyBytes: number): void {
  driver.put(KEY, 32, "secret");
  if (cipher === AES) driver.call("aesExpand", HANDLE, KEY, keyBytes);
  else driver.call("sm4Expand", HANDLE, KEY);
  driver.call("invertKey", SECOND, HANDLE);
  driver.put(NONCE, 16, "public");
  driver.putBytes(NONCE + 8, new Uint8Array([255, 255, 255, 255, 255, 255, 255, 250]), "public");
  for (const count of [1, 3, 16, 27, 80]) {
    driver.put(TEXT, count * 16, "secret");
    driver.call("encryptBlocks", HANDLE, TEXT, TEXT, count);
    driver.call("decryptBlocks", SECOND, TEXT, TEXT, count);
    driver.call("cbcEncrypt", HANDLE, TAG, TEXT, count);
    driver.call("cbcDecrypt", SECOND, TAG, TEXT, count);
    driver.call("ctrBlocks", HANDLE, NONCE, TEXT, count);
    driver.call("ctrTail", HANDLE, NONCE, TEXT, 9);
    driver.call("cmac", HANDLE, TAG, TEXT, count * 16 - (count & 7));
  }
  driver.call("wipeCipher");
}

function hashes(driver: Driver, kind: number): void {
  for (const length of [0, 1, 55, 56, 64, 119, 300]) {
    driver.put(TEXT, length, "secret");
    driver.call("hash", kind, TEXT, length, TAG);
    driver.put(KEY, 100, "secret");
    driver.call("hmacInit", HANDLE, kind, KEY, length % 100);
    driver.call("hmac", HANDLE, TEXT, length, TAG);
    driver.call("hmacStart", CONTEXT, HANDLE);
    driver.call("hashUpdate", CONTEXT, TEXT, length);
    driver.call("hashUpdate", CONTEXT, TEXT, 70);
    driver.call("hmacFinish", CONTEXT, HANDLE, TAG);
    driver.call("hashStart", CONTEXT, kind);
    driver.call("hashUpdate", CONTEXT, TEXT, length);
    driver.call("hashFinish", CONTEXT, COMMITMENT);
    driver.call("equal", TAG, COMMITMENT, length & 31);
  }
  driver.call("wipe", TEXT, 1000);
}

describe.each(BUILDS)("constant time, %s build", (build) => {
  const path = new URL(`../dist/${build}.wasm`, import.meta.url);
  const driver = new Driver(new Uint8Array(readFileSync(path)), moduleOf(build));

  test.each([
    ["GCM, AES-128", () => gcm(driver, AES, 16)],
    ["GCM, AES-256", () => gcm(driver, AES, 32)],
    ["GCM, SM4", () => gcm(driver, SM4, 16)],
    ["suite 1", () => suite(driver, 1)],
    ["suite 2", () => suite(driver, 2)],
    ["block modes and CMAC, AES-128", () => blocks(driver, AES, 16)],
    ["block modes and CMAC, AES-192", () => blocks(driver, AES, 24)],
    ["block modes and CMAC, AES-256", () => blocks(driver, AES, 32)],
    ["block modes and CMAC, SM4", () => blocks(driver, SM4, 16)],
    ["SHA-256 and HMAC", () => hashes(driver, SHA256)],
    ["SM3 and HMAC", () => hashes(driver, SM3)],
  ] as const)("%s: no branch, address or variable-time instruction sees a secret", (_, run) => {
    run();
    driver.assertSameMemory();
  });

  test("declassifies the verdict on tag and commitment, and nothing else", () => {
    expect([...new Set(driver.machine.declassified)].sort()).toEqual([
      "gcmOpen",
      "suiteOpen",
      "suiteOpen > suiteVerify",
      "suiteVerify",
    ]);
  });

  test("has executed every export, every function and nearly every instruction", () => {
    const { module, covered } = driver.machine;
    driver.call("heapBase");
    const exported = [...module.functionExports.keys()].sort();
    expect([...driver.called].sort()).toEqual(exported);
    const missed = module.functions.map(({ code }, index) =>
      // `end` and `else` are passed by, not executed, when a branch leads past them.
      code.flatMap(({ op }, at) =>
        op === 0x0b || op === 0x05 || covered[index]?.has(at) ? [] : at,
      ),
    );
    const total = module.functions.reduce((sum, { code }) => sum + code.length, 0);
    for (const [index, list] of missed.entries()) {
      const whole = module.functions[index]?.code.length ?? 0;
      expect(list.length, `function ${index} was never called`).toBeLessThan(whole - 1);
    }
    // What is left is the byte loops of copies and wipes that were inlined where lengths are whole blocks.
    expect(missed.flat().length / total).toBeLessThan(0.05);
  });
});

describe("the interpreter itself", () => {
  const folder = mkdtempSync(join(tmpdir(), "leaky-"));
  let leaky: Machine;
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeAll(() => {
    const require = createRequire(import.meta.url);
    const asc = join(dirname(require.resolve("assemblyscript/package.json")), "bin", "asc.js");
    const source = new URL("../assembly/test/leaky.ts", import.meta.url).pathname;
    const options = "--runtime stub --use abort= -O3 --noAssert --enable simd --initialMemory 1";
    const out = join(folder, "leaky.wasm");
    execFileSync(process.execPath, [asc, source, "--outFile", out, ...options.split(" ")]);
    leaky = new Machine(decode(new Uint8Array(readFileSync(out))));
    leaky.call("fillSbox");
    leaky.write(4096, new Random("leaky").bytes(64), true);
  });

  test.each([
    ["tableAes", [4096, 4112, 8192], "memory address"],
    ["earlyExit", [4096, 4128, 16], "branch"],
    ["choose", [4096, 1, 2], "select"],
    ["remainder", [4096], "multiplication or division"],
    ["laundered", [4096, 8192], "memory address"],
    ["writesByIndex", [4096, 8192], "memory address"],
  ] as const)("catches %s", (name, args, kind) => {
    const run = () => leaky.call(name, ...args);
    expect(run).toThrow(Leak);
    if (kind === "branch") expect(run).toThrow(/^(if|branch|select) depends/);
    else expect(run).toThrow(`${kind} depends on a secret, in ${name}`);
  });

  test("lets the same table AES run on public data, and computes what AES computes", () => {
    // FIPS 197 Appendix B, round 1.
    leaky.write(512, Buffer.from("193de3bea0f4e22b9ac68d2ae9f84808", "hex"), false);
    leaky.write(528, Buffer.from("a0fafe1788542cb123a339392a6c7605", "hex"), false);
    leaky.call("tableAes", 512, 528, 544);
    expect(Buffer.from(leaky.memory.subarray(544, 560)).toString("hex")).toBe(
      "a49c7ff2689f352b6b5bea43026a5049",
    );
  });

  test("lets secrets pass where nothing depends on them", () => {
    leaky.call("harmless", 4096, 8192);
    expect(leaky.secret.subarray(8192, 8196)).toEqual(new Uint8Array([1, 1, 1, 1]));
  });
});
