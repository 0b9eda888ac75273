/**
 * Operations with keys that stay in the bridge: operands sealed in this isolate to the bridge, results by the bridge to this
 * isolate. The instance signs the request and judges the result's terms; neither it nor the control plane reads either.
 */

import {
  ApiError,
  type BridgeSealingKey,
  base64Decode,
  encodeOperands,
  hexEncode,
  OPERANDS_SEAL_INFO,
  type Operands,
  type Operation,
  operandsSealAad,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { Answer, OperationQuestion, Performed, Proxied } from "../instance/messages.ts";
import { open, type SealingKey, seal } from "../signing/sealing.ts";

/** What a request lends to ask with. */
export interface OperationDoor {
  operate(question: OperationQuestion): Promise<Answer<Performed | Proxied>>;
  bridgeSealingKey(): Promise<Answer<Proxied>>;
}

export interface BridgeResult {
  readonly performed: Performed;
  /** Envelope, plaintext or signature, the caller's to wipe. */
  readonly content: Uint8Array;
}

export class BridgeWork {
  readonly #edge: string;
  readonly #sealingKey: () => Promise<SealingKey>;
  #bridgeKey: BridgeSealingKey | null = null;

  /** @param sealingKey the isolate's own. */
  constructor(edge: string, sealingKey: () => Promise<SealingKey>) {
    this.#edge = edge;
    this.#sealingKey = sealingKey;
  }

  learn({ sealingKey }: Proxied): void {
    this.#bridgeKey = sealingKey;
  }

  /** Has one operation done; once more when the bridge has started anew meanwhile. @throws ApiError */
  async perform(
    operation: Operation,
    operands: Operands,
    door: OperationDoor,
  ): Promise<BridgeResult> {
    const sealingKey = await this.#sealingKey();
    if (this.#bridgeKey === null) await this.#fetchBridgeKey(door);
    for (let tries = 0; tries < 2; tries++) {
      const question = await this.#question(operation, operands, sealingKey.publicKey);
      const answer = await door.operate(question);
      if (!answer.ok) throw new ApiError(answer.code, { detail: answer.reason });
      if ("leaseId" in answer.value) return openResult(answer.value, sealingKey);
      this.learn(answer.value);
    }
    throw new ApiError("InternalError", { detail: "sealing-key-changed" });
  }

  async #fetchBridgeKey(door: OperationDoor): Promise<void> {
    const answer = await door.bridgeSealingKey();
    if (!answer.ok) throw new ApiError(answer.code, { detail: answer.reason });
    this.learn(answer.value);
  }

  async #question(
    operation: Operation,
    operands: Operands,
    isolateKey: Uint8Array,
  ): Promise<OperationQuestion> {
    const bridgeKey = this.#bridgeKey;
    const publicKey = base64Decode(bridgeKey?.publicKey ?? "");
    if (bridgeKey === null || publicKey === null) {
      throw new ApiError("InternalError", { detail: "no-sealing-key" });
    }
    const nonce = hexEncode(crypto.getRandomValues(new Uint8Array(16)));
    const aad = operandsSealAad({ edge: this.#edge, nonce });
    const bytes = encodeOperands(operands);
    try {
      const sealed = await seal(publicKey, bytes, OPERANDS_SEAL_INFO, aad);
      return { operation, isolateKey, nonce, sealingKeyId: bridgeKey.keyId, sealed };
    } finally {
      bytes.fill(0);
    }
  }
}

async function openResult(performed: Performed, sealingKey: SealingKey): Promise<BridgeResult> {
  const { sealed, requestHash, leaseId } = performed;
  const type = signedMessageTypes.operationResult;
  const content = await open(sealingKey, sealed, type, `${requestHash}:${leaseId}`);
  if (content === null) throw new ApiError("InternalError", { detail: "result-does-not-open" });
  return { performed, content };
}
