// Starts `workerd serve` on a generated configuration and measures through it. The source is loaded as it is: types are
// stripped, imports followed, each file becomes a module.

import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Case } from "./cases.ts";

/** Every module reachable from `entry`, its imports renamed to the names in the configuration. */
function collect(entry: string): Map<string, { name: string; source: string }> {
  const modules = new Map<string, { name: string; source: string }>();
  const visit = (file: string): string => {
    const known = modules.get(file);
    if (known) return known.name;
    const name = modules.size === 0 ? "worker.js" : `module${modules.size}.js`;
    const module = { name, source: "" };
    modules.set(file, module);
    const require = createRequire(file);
    let source = readFileSync(file, "utf8");
    if (file.endsWith(".ts")) source = stripTypeScriptTypes(source);
    module.source = source.replace(
      /^((?:import|export)\b[^;"']*?\bfrom\s*)["']([^"']+)["']/gm,
      (_, before: string, specifier: string) => `${before}"./${visit(require.resolve(specifier))}"`,
    );
    return name;
  };
  visit(entry);
  return modules;
}

const ENTRY = `import relaxed from "./relaxed.wasm";
import plain from "./plain.wasm";
import { answer } from "./worker.js";
export default { fetch: (request) => answer(request, { relaxed, plain }) };
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export interface Workerd {
  readonly origin: string;
  /** Milliseconds from a request for a new core and its first message, less those of an empty request. */
  readonly firstMs: number;
  readonly cases: readonly RemoteCase[];
  stop(): void;
}

export type RemoteCase = Omit<Case, "prepare">;

/** Milliseconds of one request. A second attempt finds a new connection when workerd had just closed the idle one. */
export async function request(origin: string, path: string, attempts = 2): Promise<number> {
  const start = performance.now();
  let response: Response;
  try {
    response = await fetch(origin + path);
  } catch (error) {
    if (attempts === 1) throw error;
    return request(origin, path, attempts - 1);
  }
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return performance.now() - start;
}

export async function startWorkerd(): Promise<Workerd> {
  const folder = mkdtempSync(join(tmpdir(), "wasm-core-bench-"));
  const modules = [...collect(fileURLToPath(new URL("worker.ts", import.meta.url))).values()];
  for (const { name, source } of modules) writeFileSync(join(folder, name), source);
  for (const build of ["relaxed", "plain"]) {
    copyFileSync(new URL(`../dist/${build}.wasm`, import.meta.url), join(folder, `${build}.wasm`));
  }
  const port = await freePort();
  const embedded = modules.map(({ name }) => `(name = "${name}", esModule = embed "${name}")`);
  writeFileSync(join(folder, "entry.js"), ENTRY);
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "entry.js", esModule = embed "entry.js"),
      (name = "relaxed.wasm", wasm = embed "relaxed.wasm"),
      (name = "plain.wasm", wasm = embed "plain.wasm"),
      ${embedded.join(",\n      ")}
    ],
    compatibilityDate = "2026-01-01"
  ))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
`,
  );
  const require = createRequire(import.meta.url);
  const binary = join(require.resolve("workerd/package.json"), "..", "bin", "workerd");
  const child = spawn(binary, ["serve", "config.capnp"], { cwd: folder, stdio: "inherit" });
  const origin = `http://127.0.0.1:${port}`;
  const stop = () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilUp(origin, child);
    let nothingMs = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 9; n++) nothingMs = Math.min(nothingMs, await request(origin, "/nothing"));
    const firstMs = (await request(origin, "/first")) - nothingMs;
    const cases = (await (await fetch(`${origin}/cases`)).json()) as RemoteCase[];
    return { origin, firstMs, cases, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

async function untilUp(origin: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`workerd ended with ${child.exitCode}`);
    try {
      await request(origin, "/nothing");
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("workerd does not answer");
}
