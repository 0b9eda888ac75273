/** The command line, as the launcher and operators use it: real processes. */

import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "edge-kms-main-"));
  mkdirSync(join(home, "pki"));
  // Read when the first connection to the bridge is made, which is not there.
  for (const name of ["ca.crt", "control-plane.crt", "control-plane.key"]) {
    writeFileSync(join(home, "pki", name), "");
  }
  const settings = { databaseTimes: { startMs: 500 } };
  writeFileSync(join(home, "config.json"), JSON.stringify({ controlPlane: settings }));
});
afterAll(() => rmSync(home, { recursive: true }));

function run(...args: string[]) {
  const env = { PATH: process.env.PATH };
  const child: ChildProcess = fork(join(import.meta.dirname, "main.ts"), args, {
    env,
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const exited = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
    // After a disconnect from this side there is no `close`; what was written last may come a moment after `exit`.
    child.on("exit", (status) => setTimeout(() => resolve({ status, stdout, stderr }), 50)),
  );
  const ready = new Promise<string>((resolve, reject) => {
    child.on("message", (message: { type: string; url: string }) => resolve(message.url));
    void exited.then(({ stderr }) => reject(new Error(stderr)));
  });
  ready.catch(() => {});
  return { child, exited, ready };
}

const serve = (...more: string[]) =>
  run(
    ...["serve", "--home", home, "--listen", "127.0.0.1:0", "--database-url", "memory:"],
    ...["--bridge-url", "https://127.0.0.1:1", ...more],
  );

test("says when it is ready, and ends in order when it is asked to or its launcher is gone", async () => {
  const [asked, orphaned] = [serve(), serve()];
  const url = await asked.ready;
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  // Without its bridge it is alive and not ready.
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  asked.child.kill("SIGTERM");
  await orphaned.ready;
  orphaned.child.disconnect();
  for (const { exited } of [asked, orphaned]) {
    expect(await exited).toMatchObject({ status: 0, stderr: "" });
  }
}, 30_000);

test.each([
  ["--help", ["--help"], 0, ""],
  ["an unknown flag", ["serve", "--colour"], 1, "colour"],
  ["no certificates", ["serve", "--database-url", "memory:", "--home", "/nonexistent"], 1, "pki"],
  [
    "a database that is not there",
    ["serve", "--home", "HOME", "--database-url", "postgresql://u:hunter2@127.0.0.1:1/d"],
    1,
    "The database cannot be reached (ECONNREFUSED).",
  ],
])(
  "with %s it ends with one sentence",
  async (_name, args, status, sentence) => {
    const words = args.map((word) => (word === "HOME" ? home : word));
    const ended = await run(...words).exited;
    expect(ended.status).toBe(status);
    expect(ended.stderr).toContain(sentence);
    expect(ended.stderr).not.toContain("hunter2");
    if (status === 1) expect(ended.stderr.trim().split("\n")).toHaveLength(1);
  },
  20_000,
);
