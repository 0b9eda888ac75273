/**
 * The bridge's sealing key: what the control plane carries and must not read is sealed to it. Fetched once and kept in
 * memory; the control plane passes it on and is not believed.
 */

import {
  type BridgeSealingKey,
  bridgeSealingKey,
  sealingKeyResponse,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { openMessage } from "../signing/ed25519.ts";
import { type Upstream, UpstreamError } from "./upstream.ts";

export class BridgeSealing {
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
  forget(keyId: string): void {
    if (this.#key?.keyId === keyId) this.#key = null;
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
