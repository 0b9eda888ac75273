/**
 * Hosted data keys of the control plane: asked for anew with every call, so that disabling one takes effect at once. What travels is
 * encrypted under a CMK; nothing of it is kept here.
 */

import {
  isErrorCode,
  type ReadDataKeyResponse,
  readDataKeyResponse,
  type SignedMessageType,
  signedMessageTypes,
  storeDataKeyResponse,
} from "@edge-kms/protocol";
import type * as v from "valibot";
import { Gate } from "./gate.ts";
import { CONCURRENT, MAX_WAIT_MS, MAX_WAITING } from "./limits.ts";
import type { Answer, DataKeyToRead, DataKeyToStore } from "./messages.ts";
import { type Upstream, UpstreamError } from "./upstream.ts";

/** An answer of the control plane: what was asked for, or a code fit for the caller. */
type Told = { readonly error: { readonly code: string } } | object;

export class HostedDataKeys {
  readonly #upstream: Upstream;
  readonly #gate = new Gate(CONCURRENT, MAX_WAITING, MAX_WAIT_MS);

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** The id under which it is kept. */
  async store(dataKey: DataKeyToStore): Promise<Answer<string>> {
    const told = await this.#ask(
      "/edge/v1/data-keys/store",
      signedMessageTypes.dataKeyStore,
      dataKey,
      storeDataKeyResponse,
    );
    return told.ok ? { ok: true, value: told.value.dataKeyId } : told;
  }

  /** The envelope of a data key that may be read now, and its CMK. */
  read(question: DataKeyToRead): Promise<Answer<Exclude<ReadDataKeyResponse, { error: unknown }>>> {
    return this.#ask(
      "/edge/v1/data-keys/read",
      signedMessageTypes.dataKeyRead,
      question,
      readDataKeyResponse,
    );
  }

  async #ask<S extends v.GenericSchema<unknown, Told>>(
    path: string,
    type: SignedMessageType,
    content: object,
    schema: S,
  ): Promise<Answer<Exclude<v.InferOutput<S>, { error: unknown }>>> {
    const upstream = this.#upstream;
    try {
      const sent = await this.#gate.run(() =>
        upstream.post(path, type, { ...upstream.origin(), ...content }, schema),
      );
      if (sent === null) {
        return { ok: false, code: "RequestLimitExceeded", reason: "data-key-queue-full" };
      }
      const { answer } = sent;
      if (!("error" in answer)) {
        // What is left of the union once the refusal is gone.
        return { ok: true, value: answer as Exclude<v.InferOutput<S>, { error: unknown }> };
      }
      const { code } = answer.error;
      return isErrorCode(code)
        ? { ok: false, code, reason: "data-key-refused" }
        : { ok: false, code: "InternalError", reason: "data-key-refused" };
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError)) throw thrown;
      console.error(`hosted data key: ${thrown.message}`);
      return { ok: false, code: "InternalError", reason: "control-plane-unreachable" };
    }
  }
}
