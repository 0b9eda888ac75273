// Compiles assembly/ twice: dist/relaxed.wasm and dist/plain.wasm. Run by `npm run build -w @edge-kms/wasm-core`.
//
// The optimizer moves a computation to where its result is first used. In the rounds of SHA-256 the order in which the source
// does things was chosen by measurement, and moving them costs a seventh of the speed: that one function is taken from a
// compilation in which nothing moves.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const asc = join(dirname(require.resolve("assemblyscript/package.json")), "bin", "asc.js");
const { default: binaryen } = await import(createRequire(asc).resolve("binaryen")); // the compiler's own

const common = [
  "--runtime",
  "stub",
  "--use",
  "abort=",
  "--noAssert",
  "--uncheckedBehavior",
  "always",
  "--memoryBase", // without it the two compilations would place data differently
  "1024",
];
const IN_ORDER = "assembly/sha256/sha256Blocks";
const KEEPING_ORDER = [
  "precompute-propagate",
  "remove-unused-names",
  "merge-blocks",
  "vacuum",
  "coalesce-locals",
  "reorder-locals",
  "vacuum",
];

function compile(name, flags) {
  const file = join(root, `dist/${name}.${process.pid}.wasm`);
  execFileSync(process.execPath, [asc, "assembly/index.ts", "--outFile", file, ...flags], {
    cwd: root,
    stdio: "inherit",
  });
  const module = binaryen.readBinary(readFileSync(file));
  rmSync(file);
  module.setFeatures(binaryen.Features.All);
  return module;
}

function heapBase(module) {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.emitBinary()));
  return instance.exports.heapBase();
}

/** Puts `from`'s function in place of `to`'s. */
function replaceFunction(to, from, name) {
  if (heapBase(to) !== heapBase(from))
    throw new Error("the two compilations place data differently");
  const { params, results, vars, body } = binaryen.getFunctionInfo(from.getFunction(name));
  to.removeFunction(name);
  to.addFunction(name, params, results, vars, to.copyExpression(body));
}

mkdirSync(join(root, "dist"), { recursive: true });
for (const [name, features] of [
  ["relaxed", ["simd", "relaxed-simd"]],
  ["plain", ["simd"]],
]) {
  const flags = [...common, "--debug", ...features.flatMap((feature) => ["--enable", feature])];
  const optimized = compile(name, [...flags, "-O3"]);
  const ordered = compile(name, [...flags, "-O0"]);
  ordered.runPassesOnFunction(IN_ORDER, KEEPING_ORDER);
  replaceFunction(optimized, ordered, IN_ORDER);
  if (!optimized.validate()) throw new Error(`${name}.wasm does not validate`);
  const part = join(root, `dist/${name}.${process.pid}.part`);
  writeFileSync(part, optimized.emitBinary());
  renameSync(part, join(root, `dist/${name}.wasm`)); // whole or not at all
}
