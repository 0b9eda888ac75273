/** The README's commands, as printed, in a copy of the checkout: `npm start` first, the others beside it. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePorts, testStore } from "./support/system.ts";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(checkout, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```sh run\n(.*?)^```$/gms)].map(([, text = ""]) =>
  text.trim(),
);

let copy: string;
let started: ChildProcess;
let output = "";
const env: NodeJS.ProcessEnv = {};

beforeAll(async () => {
  copy = mkdtempSync(join(tmpdir(), "edge-kms-readme-"));
  const list = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], {
    cwd: checkout,
    encoding: "utf8",
  });
  for (const file of [...list.trim().split("\n"), "wasm-core/dist", "edge-worker/dist"]) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(checkout, file), join(copy, file), { recursive: true });
  }
  // Linked file by file, not as a folder: whatever npm does to the copy, the checkout keeps its packages.
  const packages = [join(checkout, "node_modules"), join(copy, "node_modules")];
  try {
    execFileSync("cp", ["-al", ...packages], { stdio: "ignore" });
  } catch {
    rmSync(join(copy, "node_modules"), { recursive: true, force: true });
    execFileSync("cp", ["-a", ...packages]);
  }
  for (const [name, value] of Object.entries(process.env)) {
    // What npm and vitest set for themselves is not what a newcomer's shell has.
    if (!/^(npm_|VITEST|EDGE_KMS_|TENCENTCLOUD_|NODE_ENV$|INIT_CWD$)/i.test(name))
      env[name] = value;
  }
  env.EDGE_KMS_PORT = String(await freePorts());
  env.EDGE_KMS_STORE = testStore;
}, 60_000);

afterAll(async () => {
  if (started?.pid && started.exitCode === null && started.signalCode === null) {
    const ended = new Promise((resolve) => started.once("exit", resolve));
    process.kill(-started.pid, "SIGTERM");
    await ended;
  }
  rmSync(copy, { recursive: true, force: true });
}, 60_000);

it("begins with npm start", () => {
  expect(blocks[0]).toBe("npm start");
  expect(blocks.length).toBeGreaterThan(1);
});

it("npm start gets ready", async () => {
  started = spawn("sh", ["-c", `exec ${blocks[0]}`], {
    cwd: copy,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [started.stdout, started.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  while (!/^ready/m.test(output)) {
    if (started.exitCode !== null) throw new Error(`npm start ended:\n${output}`);
    await sleep(50);
  }
}, 120_000);

it.each(blocks.slice(1))("%s", (command) => {
  const printed = execFileSync("sh", ["-ec", command], { cwd: copy, env, encoding: "utf8" });
  expect(printed).not.toBe("");
  if (command.includes("first-light")) {
    expect(printed).toMatch(/decrypted +some text/);
    expect(printed).toContain("the same 32 bytes");
  }
});

it("prints what the README shows", () => {
  const shown = [...readme.matchAll(/^ {4}(ready|created key|ciphertext|decrypted|data key)/gm)];
  expect(shown.length).toBeGreaterThanOrEqual(5);
  expect(output).toMatch(/^ready {2}edge http:/m);
  expect(output).toContain("credentials in .edge-kms/client.env");
});

it("stops on SIGTERM to npm, and git has nothing new", async () => {
  const ended = new Promise<number | null>((resolve) => started.once("exit", resolve));
  process.kill(started.pid ?? 0, "SIGTERM");
  await ended;
  expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(copy);
  const ignored = readFileSync(join(copy, ".gitignore"), "utf8");
  expect(ignored).toMatch(/^\.edge-kms\/$/m);
}, 60_000);
