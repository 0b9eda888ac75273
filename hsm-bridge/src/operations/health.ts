/** Readiness, for control planes and operators. */

import type { Operation } from "../bridge.ts";

export const health: Operation<"health"> = async ({ store, readiness }) => ({
  store: store.kind,
  tookMs: await readiness.check(),
});
