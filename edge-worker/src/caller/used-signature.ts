/**
 * What the replay memory is told of a request: SHA-256, cut to 8 bytes, of SecretId and signature, and of what TC3 leaves
 * open (protocol.md "Replay"): version, action, region, token. v1 signatures cover these and serve nothing else ever.
 */

import { type RequestHead, utf8Encode } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { REPLAY_BYTES } from "../instance/messages.ts";
import type { Caller } from "./authenticate.ts";

export function usedSignature(
  core: Core,
  caller: Pick<Caller, "secretId" | "signature" | "method">,
  head: Pick<RequestHead, "version" | "action" | "region" | "token">,
): Uint8Array {
  const used = new Uint8Array(REPLAY_BYTES);
  const signature = core.sha256(utf8Encode(`${caller.secretId}\n${caller.signature}`));
  used.set(signature.subarray(0, 8));
  used.set(bindingOf(core, head).subarray(0, 8), 8);
  used[16] = caller.method === "TC3-HMAC-SHA256" ? 1 : 0;
  return used;
}

/** Few combinations occur, and none of them is secret but a token, which is never kept. */
const MAX_KNOWN = 256;
const known = new Map<string, Uint8Array>();

function bindingOf(
  core: Core,
  head: Pick<RequestHead, "version" | "action" | "region" | "token">,
): Uint8Array {
  const binding = JSON.stringify([head.version, head.action, head.region, head.token]);
  if (head.token !== null) return core.sha256(utf8Encode(binding));
  let digest = known.get(binding);
  if (digest === undefined) {
    digest = core.sha256(utf8Encode(binding));
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(binding, digest);
  }
  return digest;
}
