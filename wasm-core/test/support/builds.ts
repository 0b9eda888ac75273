// Every test runs over both builds; the files read are the ones that ship.

import { readFileSync } from "node:fs";
import { type Core, type CoreLimits, createCore } from "@edge-kms/wasm-core";
import { type Build, loadModule } from "@edge-kms/wasm-core/node";

export const BUILDS: readonly Build[] = ["relaxed", "plain"];

const modules = new Map<Build, object>();
for (const build of BUILDS) modules.set(build, await loadModule(build));

export function coreOf(build: Build, limits: Partial<CoreLimits> = {}): Core {
  return createCore(modules.get(build) as object, limits);
}

export function moduleOf(build: Build): object {
  return modules.get(build) as object;
}

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A file of test/vectors. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")) as T;
}

export const EMPTY = new Uint8Array(0);
