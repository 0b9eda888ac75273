/** Runs the bridge until a signal, or until the parent that forked it is gone. */

import { type FlagValues, readBridgeSettings } from "../config.ts";
import { createLogger } from "../log.ts";
import { startBridge } from "../start.ts";

export async function serveCommand(flags: FlagValues): Promise<void> {
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  // Before anything is opened: a signal during the start ends it in order as well.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  if (process.send !== undefined) process.on("disconnect", stop);

  const logger = createLogger();
  const starting = startBridge({ ...(await readBridgeSettings(flags)), logger });
  const bridge = await Promise.race([starting, stopped]);
  // Whatever was under way is as safe to leave as for kill -9, and a token that hangs is not waited for.
  if (bridge === undefined) process.exit(0);
  const ready = {
    type: "ready",
    url: bridge.url,
    store: bridge.store,
    generation: bridge.generation,
    publicKey: bridge.publicKey,
    pki: bridge.pki,
    pid: process.pid,
  };
  if (process.connected) process.send?.(ready);
  process.stdout.write(`${JSON.stringify(ready)}\n`);

  await stopped;
  logger.info("stopping");
  await bridge.close();
  process.exit(0);
}
