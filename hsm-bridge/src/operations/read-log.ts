/** The bridge's own log, oldest first after a sequence number. */

import type { Operation } from "../bridge.ts";
import { readLog as readEntries } from "../registry/log.ts";

export const readLog: Operation<"readLog"> = (bridge, { afterSeq, limit }) => ({
  entries: readEntries(bridge.database, afterSeq, limit),
});
