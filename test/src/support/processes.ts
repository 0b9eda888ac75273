/** Processes of a system, looked up from outside. */

import { spawnSync } from "node:child_process";

/** Ids of the processes that this one has started and that are still there. */
export function childrenOf(pid: number): number[] {
  // ps says 1 when there are none.
  const { stdout } = spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
  return stdout.split("\n").map(Number).filter(Boolean);
}
