// Node only: reads and compiles the best build that this runtime validates.

import { readFile } from "node:fs/promises";
import { type Core, createCore } from "./core.ts";
import type { CoreLimits } from "./memory.ts";
import { type CompiledModule, compile, validates } from "./web-assembly.ts";

export type Build = "relaxed" | "plain";

/** The compiled module of one build. */
export async function loadModule(build: Build): Promise<CompiledModule> {
  return compile(await readBuild(build));
}

/** The relaxed build where the runtime validates it, else the plain one. They compute the same bytes. */
export async function loadCore(limits: Partial<CoreLimits> = {}): Promise<Core> {
  const relaxed = await readBuild("relaxed");
  const module = validates(relaxed) ? await compile(relaxed) : await loadModule("plain");
  return createCore(module, limits);
}

async function readBuild(build: Build): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL(`../dist/${build}.wasm`, import.meta.url)));
}
