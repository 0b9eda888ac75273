/** Whether calls should be sent here: `/readyz`, for load balancers and whoever watches. It always answers soon. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Bridge } from "./bridge/client.ts";
import type { Database } from "./db/index.ts";
import { checkDatabase } from "./db/queries/connection.ts";

export interface Readiness {
  /** Whether the database takes changes and the bridge's store works, a second ago at most. Known within 1.5 s, or false. */
  isReady(): Promise<boolean>;
  /** False from now on; waits until those who watch have had time to see it. */
  drain(ms: number): Promise<void>;
}

/** How long one look counts: anyone may ask, and each is a commit in the database and a real wrap in the HSM. */
const readyForMs = 1_000;
const answerWithinMs = 1_500;

export function createReadiness(
  database: Pick<Database, "readPromptly">,
  bridge: Pick<Bridge, "call">,
): Readiness {
  let isDraining = false;
  let seen = { isReady: false, atMs: Number.NEGATIVE_INFINITY };
  let looking: Promise<boolean> | null = null;
  const look = (): Promise<boolean> =>
    Promise.all([database.readPromptly(checkDatabase), bridge.call("health", {})]).then(
      () => true,
      () => false,
    );
  return {
    async isReady() {
      if (!isDraining && performance.now() - seen.atMs >= readyForMs) {
        // One at a time: those who ask while the other side hangs do not add to it.
        const atMs = performance.now();
        looking ??= look().then((isReady) => {
          looking = null;
          seen = { isReady, atMs };
          return isReady;
        });
        const isReady = await Promise.race([looking, after(answerWithinMs)]);
        return isReady && !isDraining;
      }
      return seen.isReady && !isDraining;
    },
    async drain(ms) {
      isDraining = true;
      if (ms > 0) await sleep(ms);
    },
  };
}

function after(ms: number): Promise<false> {
  return sleep(ms, false as const, { ref: false });
}
