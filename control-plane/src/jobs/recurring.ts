/** Work that every copy of the control plane does again and again, and that does no harm when several do it at once. */

import { describeError, type Log } from "../log.ts";

export interface RecurringJob {
  /** Stops repeating and waits for the run under way. */
  stop(): Promise<void>;
}

/** Runs `work` now and then `everyMs` after each start of it, never twice at once. Failures are logged. */
export function repeat(
  name: string,
  everyMs: number,
  work: () => Promise<void>,
  log: Log,
): RecurringJob {
  let running: Promise<void> | null = null;
  const run = (): void => {
    running ??= work()
      .catch((error: unknown) => log.warn("job failed", { job: name, ...describeError(error) }))
      .finally(() => {
        running = null;
      });
  };
  const timer = setInterval(run, everyMs);
  run();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
