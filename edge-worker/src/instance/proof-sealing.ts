/**
 * v1 proofs, sealed to the bridge before they leave: what a v1 signature covers has every parameter in the clear, Plaintext
 * included, and the control plane carries the request. The bridge's key is fetched once and kept in memory; the control
 * plane passes it on and is not believed.
 */

import {
  type BridgeSealingKey,
  base64Decode,
  base64Encode,
  bridgeSealingKey,
  type CallerProof,
  PROOF_SEAL_INFO,
  proofSealAad,
  type SealedProof,
  type SealedProofContent,
  sealingKeyResponse,
  signedMessageTypes,
  utf8Encode,
} from "@edge-kms/protocol";
import { openMessage } from "../signing/ed25519.ts";
import { seal } from "../signing/sealing.ts";
import { type Origin, type Upstream, UpstreamError } from "./upstream.ts";

export class ProofSealing {
  readonly #upstream: Upstream;
  readonly #bridgeKey: Promise<CryptoKey>;
  #key: BridgeSealingKey | null = null;
  #fetching: Promise<BridgeSealingKey> | null = null;

  constructor(upstream: Upstream, bridgeKey: Promise<CryptoKey>) {
    this.#upstream = upstream;
    this.#bridgeKey = bridgeKey;
  }

  /** The bridge's key; who comes while it is being fetched waits for the same answer. @throws UpstreamError */
  async key(): Promise<BridgeSealingKey> {
    if (this.#key !== null) return this.#key;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  /** Forgets a key that the bridge has no more. */
  forget(key: BridgeSealingKey): void {
    if (this.#key === key) this.#key = null;
  }

  /** The proof as only the bridge can read it, and only in the request of this origin. */
  async seal(proof: CallerProof, key: BridgeSealingKey, origin: Origin): Promise<SealedProof> {
    const { secretId, method, stringsToSign, signature } = proof;
    if (method === "TC3-HMAC-SHA256") throw new TypeError("expected a v1 proof");
    const content: SealedProofContent = { stringsToSign, signature };
    const bytes = utf8Encode(JSON.stringify(content));
    try {
      const publicKey = base64Decode(key.publicKey) ?? new Uint8Array(0);
      const { enc, ciphertext } = await seal(
        publicKey,
        bytes,
        PROOF_SEAL_INFO,
        proofSealAad(origin),
      );
      const sealed = {
        kem: 0x0020,
        enc: base64Encode(enc),
        ciphertext: base64Encode(ciphertext),
      } as const;
      return { secretId, method, sealingKeyId: key.keyId, sealed };
    } finally {
      bytes.fill(0);
    }
  }

  async #fetch(): Promise<BridgeSealingKey> {
    const { answer } = await this.#upstream.post(
      "/edge/v1/sealing-key",
      signedMessageTypes.sealingKeyRequest,
      this.#upstream.origin(),
      sealingKeyResponse,
    );
    if ("error" in answer) throw new UpstreamError(`no sealing key: ${answer.error.code}`);
    const key = await openMessage(
      answer.sealingKey,
      signedMessageTypes.bridgeSealingKey,
      bridgeSealingKey,
      await this.#bridgeKey,
    );
    if (key === null) throw new UpstreamError("a sealing key that the bridge did not sign");
    this.#key = key;
    return key;
  }
}
