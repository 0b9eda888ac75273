/**
 * The wasm core of this isolate: one instance, whose memory holds all opened keys. An isolate that runs both the entry and
 * an edge instance shares it; handles are never shared.
 */

import { type Core, createCore } from "@edge-kms/wasm-core";
import relaxed from "@edge-kms/wasm-core/relaxed.wasm";

export const core: Core = createCore(relaxed);
