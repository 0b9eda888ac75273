#!/usr/bin/env node
// Starts the command under Node 24, which runs its TypeScript: this Node, or the one that the lock file brings.

import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(realpathSync(fileURLToPath(import.meta.url)));
const main = join(here, "..", "src", "main.ts");

if (Number(process.versions.node.split(".")[0]) >= 24) {
  const { main: run } = await import(main);
  process.exitCode = await run();
} else {
  const packaged = join(here, `../../node_modules/node-linux-${process.arch}/bin/node`);
  if (!existsSync(packaged)) {
    console.error(`edge-kms needs Node 24 or later; this is ${process.version}.`);
    process.exit(2);
  }
  const { status } = spawnSync(
    packaged,
    [fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    {
      stdio: "inherit",
    },
  );
  process.exit(status ?? 3);
}
