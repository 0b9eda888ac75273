/** The key that a request names by account, region and id: all three must fit, or it is `not-found`. */

import type { Bridge } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import { findKey, type KeyName, type KeyRow } from "../registry/keys.ts";

export function findNamedKey(bridge: Bridge, name: KeyName): KeyRow | null {
  const key = findKey(bridge.database, name.keyId);
  return key === null || key.account !== name.account || key.region !== name.region ? null : key;
}

export function requireNamedKey(bridge: Bridge, name: KeyName): KeyRow {
  const key = findNamedKey(bridge, name);
  if (key === null) throw new BridgeError("not-found", "The bridge has no such key.");
  return key;
}
