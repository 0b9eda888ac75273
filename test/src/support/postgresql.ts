/** A PostgreSQL server for a run of tests, which reach it through EDGE_KMS_TEST_DATABASE_URL. It syncs nothing: no test here cuts its power. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHome } from "@edge-kms/launcher/home";
import { preparePostgres } from "@edge-kms/launcher/postgres";

let root = "";
let server: ChildProcess | null = null;

export async function setup(): Promise<void> {
  root = mkdtempSync(join(tmpdir(), "edge-kms-postgresql-"));
  const { part, url } = await preparePostgres(openHome(root));
  const { command, args, env } = part;
  server = spawn(command, [...args, "-c", "fsync=off"], { env, stdio: "ignore" });
  await part.probe?.(AbortSignal.timeout(30_000));
  process.env.EDGE_KMS_TEST_DATABASE_URL = url;
}

export async function teardown(): Promise<void> {
  const ended = new Promise((resolve) => server?.once("exit", resolve));
  server?.kill("SIGINT");
  await ended;
  rmSync(root, { recursive: true, force: true });
}
