/** Bytes from the store's generator. */

import { base64Encode } from "@edge-kms/protocol";
import type { Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";

export const random: Operation<"random"> = async (bridge, { bytes }) => {
  const drawn = await bridge.store.random(bytes);
  try {
    return { random: base64Encode(drawn) };
  } finally {
    wipe(drawn);
  }
};
