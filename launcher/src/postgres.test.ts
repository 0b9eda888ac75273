import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { endLeftover } from "./postgres.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edge-kms-postgres-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process by the name of postgres that works in this folder. */
async function postgresIn(cwd: string) {
  // The kernel takes the name from the file: a copy of sleep will do.
  const program = join(folder, "postgres");
  if (!existsSync(program)) copyFileSync("/bin/sleep", program);
  const child = spawn(program, ["600"], { cwd });
  const ended = new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
  await new Promise((resolve) => child.once("spawn", resolve));
  return { child, ended };
}

function dataFolder(name: string): string {
  const data = join(folder, name);
  mkdirSync(data);
  return data;
}

function leave(data: string, pid: number): void {
  writeFileSync(join(data, "postmaster.pid"), `${pid}\n${data}\n`);
}

test("a server that outlived its launcher is ended", async () => {
  const data = dataFolder("data");
  const { child, ended } = await postgresIn(data);
  leave(data, child.pid ?? 0);
  await endLeftover(data);
  expect(await ended).toBe("SIGINT");
});

test("another server that has its number by now is left alone, and the stale file removed", async () => {
  const data = dataFolder("data");
  const { child, ended } = await postgresIn(dataFolder("others"));
  leave(data, child.pid ?? 0);
  await endLeftover(data);
  expect(child.exitCode ?? child.signalCode).toBeNull();
  expect(existsSync(join(data, "postmaster.pid"))).toBe(false);
  child.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
});

test.each(["0", "1", "-1", "no number"])("%s is nobody's number", async (text) => {
  const data = dataFolder("data");
  writeFileSync(join(data, "postmaster.pid"), `${text}\n`);
  await endLeftover(data);
  expect(existsSync(join(data, "postmaster.pid"))).toBe(false);
});
