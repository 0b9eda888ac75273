// What is measured, the same code in Node and in workerd. A case prepares its inputs for one size and returns what one
// operation is, with the key ready where a key can be kept.
//
// Copies: the suites and HMAC take bytes from JavaScript arrays and give bytes back, as their callers do. GCM, GHASH and SHA-256
// find theirs in the core's workspace, memory of the module that a caller may use directly; "copied" is GCM for a caller who
// does not, "in wasm" the module's own export, without the wrapper.

import { gcm } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type CompiledModule, type Core, createCore } from "../src/index.ts";
import { type ExportedMemory, instantiate } from "../src/web-assembly.ts";

export interface Case {
  readonly subject: string;
  readonly implementation: string;
  readonly sizes: readonly number[];
  readonly prepare: (bytes: number) => Operation | Promise<Operation>;
}

export type Operation = () => unknown;

export const SIZES = [32, 256, 1024, 4096, 65_536, 1_048_576] as const;
export const HMAC_SIZES = [32, 300, 4096, 65_536] as const;

const EMPTY = new Uint8Array(0);

function filled(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, n) => n * 167 + (n >> 8));
}

interface Raw {
  readonly memory: ExportedMemory;
  heapBase(): number;
  aesExpand(ck: number, key: number, keyBytes: number): void;
  gcmKeyReady(gk: number): void;
  gcmExpect(gk: number, bytes: number): void;
  gcmSeal(
    gk: number,
    nonce: number,
    nonceBytes: number,
    aad: number,
    aadBytes: number,
    text: number,
    length: number,
  ): void;
  ghashBlocks(gk: number, y: number, data: number, blocks: number): void;
}

function gcmCases(name: string, core: Core, subject: string, keyBytes: number): Case[] {
  const key = core.gcmKey(subject === "sm4-gcm" ? "SM4" : "AES", filled(keyBytes));
  const nonce = filled(12);
  return [
    {
      subject,
      implementation: name,
      sizes: SIZES,
      prepare: (bytes) => {
        const text = core.workspace.subarray(0, bytes);
        const sealed = core.workspace.subarray(0, bytes + 16);
        return () => key.encryptInto(nonce, EMPTY, text, sealed);
      },
    },
    {
      subject,
      implementation: `${name}, copied`,
      sizes: SIZES,
      prepare: (bytes) => {
        const text = filled(bytes);
        const sealed = new Uint8Array(bytes + 16);
        return () => key.encryptInto(nonce, EMPTY, text, sealed);
      },
    },
  ];
}

function suiteCase(name: string, core: Core, suite: 1 | 2): Case {
  const key = core.suiteKey(suite, filled(suite === 1 ? 32 : 16));
  const nonce = filled(24);
  return {
    subject: `suite${suite}`,
    implementation: name,
    sizes: SIZES,
    prepare: (bytes) => {
      const text = filled(bytes);
      const sealed = new Uint8Array(bytes + 16);
      const commitment = new Uint8Array(32);
      return () => key.encryptInto(nonce, EMPTY, text, sealed, commitment);
    },
  };
}

/** The module's own exports: GHASH, which has no door in the wrapper, and GCM without the wrapper's checks. */
function rawCases(name: string, module: CompiledModule): Case[] {
  const raw = instantiate(module) as Raw;
  raw.memory.grow(20);
  const key = (raw.heapBase() + 4095) & ~4095;
  raw.aesExpand(key, key + 8192, 32);
  raw.gcmKeyReady(key);
  raw.gcmExpect(key, 1 << 20);
  return [
    {
      subject: "ghash",
      implementation: name,
      sizes: SIZES,
      prepare: (bytes) => () => raw.ghashBlocks(key, key + 8192, key + 12288, bytes >> 4),
    },
    {
      subject: "aes-256-gcm",
      implementation: `${name}, in wasm`,
      sizes: SIZES,
      prepare: (bytes) => () => raw.gcmSeal(key, key + 8192, 12, key, 0, key + 12288, bytes),
    },
  ];
}

export function coreCases(name: string, module: CompiledModule): Case[] {
  const core = createCore(module, { workspaceBytes: (1 << 20) + 64 });
  const key = core.hmacKey(filled(32));
  return [
    ...gcmCases(name, core, "aes-256-gcm", 32),
    ...gcmCases(name, core, "sm4-gcm", 16),
    suiteCase(name, core, 1),
    suiteCase(name, core, 2),
    ...rawCases(name, module),
    {
      subject: "sha256",
      implementation: name,
      sizes: SIZES,
      prepare: (bytes) => {
        const data = core.workspace.subarray(0, bytes);
        return () => core.sha256(data);
      },
    },
    {
      subject: "hmac-sha256",
      implementation: name,
      sizes: HMAC_SIZES,
      prepare: (bytes) => {
        const data = filled(bytes);
        return () => key.sign(data);
      },
    },
  ];
}

/** Rivals that run everywhere. */
export function portableRivals(): Case[] {
  const { subtle } = globalThis.crypto;
  const iv = filled(12);
  const importAes = () => subtle.importKey("raw", filled(32), "AES-GCM", false, ["encrypt"]);
  return [
    {
      subject: "aes-256-gcm",
      implementation: "@noble/ciphers",
      sizes: SIZES,
      prepare: (bytes) => {
        const text = filled(bytes);
        const key = filled(32);
        return () => gcm(key, iv).encrypt(text);
      },
    },
    {
      subject: "aes-256-gcm",
      implementation: "WebCrypto",
      sizes: SIZES,
      prepare: async (bytes) => {
        const key = await importAes();
        const text = filled(bytes);
        return () => subtle.encrypt({ name: "AES-GCM", iv }, key, text);
      },
    },
    {
      subject: "suite1",
      implementation: "WebCrypto",
      sizes: SIZES,
      prepare: (bytes) => {
        const text = filled(bytes);
        const raw = filled(32);
        return async () => {
          const key = await subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
          return subtle.encrypt({ name: "AES-GCM", iv }, key, text);
        };
      },
    },
    {
      subject: "sha256",
      implementation: "@noble/hashes",
      sizes: SIZES,
      prepare: (bytes) => {
        const data = filled(bytes);
        return () => sha256(data);
      },
    },
    {
      subject: "sha256",
      implementation: "WebCrypto",
      sizes: SIZES,
      prepare: (bytes) => {
        const data = filled(bytes);
        return () => subtle.digest("SHA-256", data);
      },
    },
    {
      subject: "hmac-sha256",
      implementation: "@noble/hashes",
      sizes: HMAC_SIZES,
      prepare: (bytes) => {
        const data = filled(bytes);
        const key = filled(32);
        return () => hmac(sha256, key, data);
      },
    },
    {
      subject: "hmac-sha256",
      implementation: "WebCrypto",
      sizes: HMAC_SIZES,
      prepare: async (bytes) => {
        const hash = { name: "HMAC", hash: "SHA-256" };
        const key = await subtle.importKey("raw", filled(32), hash, false, ["sign"]);
        const data = filled(bytes);
        return () => subtle.sign("HMAC", key, data);
      },
    },
  ];
}

/** Runs an operation `count` times, one after the other; the first tells whether to wait for the others. */
export async function repeat(operation: Operation, count: number): Promise<void> {
  if (count === 0) return;
  const first = operation();
  if (first instanceof Promise) {
    await first;
    for (let n = 1; n < count; n++) await operation();
  } else for (let n = 1; n < count; n++) operation();
}
