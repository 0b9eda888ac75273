/** The proof of an edge's credential request in the clear (protocol.md "A caller's credential"). */

import {
  type CallerProof,
  type CredentialRequest,
  PROOF_SEAL_INFO,
  proofSealAad,
  sealedProofContent,
} from "@edge-kms/protocol";
import type { Bridge } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { parseJson, refused } from "../edge-request.ts";
import { BridgeError } from "../errors.ts";

/** `sealing-key-changed` when it is sealed to another key, `edge-refused` when it does not open for this very request. */
export async function openProof(
  { sealingKey }: Bridge,
  request: CredentialRequest,
): Promise<CallerProof> {
  const { proof } = request;
  if (!("sealed" in proof)) return proof;
  if (proof.sealingKeyId !== sealingKey.keyId) {
    throw new BridgeError("sealing-key-changed", "The proof is sealed to another key.");
  }
  const opened = await sealingKey.open(proof.sealed, PROOF_SEAL_INFO, proofSealAad(request));
  const content = opened === null ? null : parseJson(sealedProofContent, opened);
  wipe(opened);
  if (content === null) throw refused("sealed proof");
  const { secretId, method } = proof;
  return { secretId, method, date: "", service: "", ...content };
}
