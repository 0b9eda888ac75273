// Compiles assembly/ twice: dist/relaxed.wasm and dist/plain.wasm. Run by `npm run build -w @edge-kms/wasm-core`.
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const asc = join(dirname(require.resolve("assemblyscript/package.json")), "bin", "asc.js");

const common = [
  "--runtime",
  "stub",
  "--use",
  "abort=",
  "-O3",
  "--noAssert",
  "--uncheckedBehavior",
  "always",
];
mkdirSync(join(root, "dist"), { recursive: true });
for (const [name, features] of [
  ["relaxed", ["simd", "relaxed-simd"]],
  ["plain", ["simd"]],
]) {
  const flags = features.flatMap((feature) => ["--enable", feature]);
  const part = `dist/${name}.${process.pid}.wasm`;
  execFileSync(
    process.execPath,
    [asc, "assembly/index.ts", "--outFile", part, ...common, ...flags],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  renameSync(join(root, part), join(root, `dist/${name}.wasm`)); // whole or not at all
}
