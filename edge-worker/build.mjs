// Bundles the worker for workerd: dist/worker.js and, beside it, the wasm modules that it imports. Offline.
//
//     node build.mjs [another folder than dist]
//
// `wrangler deploy` bundles the same entry for the platform by itself; both leave the modules as files, because Workers do
// not compile WebAssembly from bytes.

import { cp, mkdir, rm } from "node:fs/promises";
import { basename, resolve as resolvePath } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = new URL(".", import.meta.url);
const folder = process.argv[2] ?? fileURLToPath(new URL("dist", root));
const dist = pathToFileURL(`${resolvePath(folder)}/`);

/** Leaves each `.wasm` import as a module beside the bundle, and puts the file there. */
const wasmModules = {
  name: "wasm-modules",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /\.wasm$/ }, async (args) => {
      if (args.pluginData === "resolved") return undefined;
      const found = await resolve(args.path, {
        importer: args.importer,
        kind: args.kind,
        resolveDir: args.resolveDir,
        pluginData: "resolved",
      });
      if (found.errors.length > 0) return { errors: found.errors };
      const name = basename(found.path);
      await cp(found.path, new URL(name, dist));
      return { path: `./${name}`, external: true };
    });
  },
};

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL("src/worker.ts", root))],
  outfile: fileURLToPath(new URL("worker.js", dist)),
  bundle: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["workerd", "worker", "import"],
  target: "es2024",
  external: ["cloudflare:*"],
  plugins: [wasmModules],
  // Names are kept: stacks and error names are all that operators see.
  minify: false,
  legalComments: "none",
  logLevel: "warning",
});
