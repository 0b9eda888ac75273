/** An active key for imported material, by its name, that nobody has frozen. */

import { destroyed } from "../branch-keys.ts";
import type { Bridge } from "../bridge.ts";
import { frozen } from "../edge-request.ts";
import { BridgeError } from "../errors.ts";
import { isFrozen } from "../registry/freezes.ts";
import type { KeyName, KeyRow } from "../registry/keys.ts";
import { requireNamedKey } from "./find-named-key.ts";

export function requireExternalKey(bridge: Bridge, name: KeyName): KeyRow {
  const key = requireNamedKey(bridge, name);
  if (key.state !== "active") throw destroyed();
  if (key.origin !== "imported") {
    throw new BridgeError("conflict", "The key's material is not from outside.");
  }
  if (isFrozen(bridge.database, "key", key.keyId)) throw frozen("key");
  if (isFrozen(bridge.database, "account", key.account)) throw frozen("account");
  return key;
}
