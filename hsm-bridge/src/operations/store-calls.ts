/** How often the store was called since this start. From memory. */

import type { Operation } from "../bridge.ts";

export const storeCalls: Operation<"storeCalls"> = (bridge) => ({
  sinceMs: bridge.startedAtMs,
  total: Object.values(bridge.storeCalls).reduce((sum, calls) => sum + calls, 0),
  calls: { ...bridge.storeCalls },
});
