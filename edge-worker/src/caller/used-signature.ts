/**
 * What the replay memory is told of a request: SHA-256, cut to 16 bytes, of SecretId and signature, and of what the signature
 * leaves open (design §4 "Replay"): version, action, region, token.
 */

import { type RequestHead, utf8Encode } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { REPLAY_BYTES } from "../instance/messages.ts";
import type { Caller } from "./authenticate.ts";

export function usedSignature(
  core: Core,
  caller: Pick<Caller, "secretId" | "signature">,
  head: Pick<RequestHead, "version" | "action" | "region" | "token">,
): Uint8Array {
  const half = REPLAY_BYTES / 2;
  const used = new Uint8Array(REPLAY_BYTES);
  const signature = core.sha256(utf8Encode(`${caller.secretId}\n${caller.signature}`));
  used.set(signature.subarray(0, half));
  used.set(bindingOf(core, head).subarray(0, half), half);
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
