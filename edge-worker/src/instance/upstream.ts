/** Signed requests of the instance to the control plane's `/edge/v1/`, and their answers checked by schema. */

import { hexEncode, type SignedMessageType, utf8DecodeStrict } from "@edge-kms/protocol";
import * as v from "valibot";
import type { Bindings } from "../bindings.ts";
import { readAtMost } from "../http/read-at-most.ts";
import { type SignedPayload, signMessage } from "../signing/ed25519.ts";

/** Longest answer that is read. A lease of 20 keys has about 40 KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const DEADLINE_MS = 8_000;

/** The control plane did not answer, or with something else than an answer. The message has no secret and no body. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
}

export interface Origin {
  readonly edge: string;
  readonly instance: string;
  readonly nonce: string;
  readonly timeMs: number;
}

export interface Sent<T> {
  readonly answer: T;
  /** SHA-256 of the payload, hexadecimal: what a grant must name. */
  readonly requestHash: string;
  readonly sentAtMs: number;
}

export class Upstream {
  readonly #bindings: Bindings;
  readonly #instanceId: string;
  readonly #now: () => number;
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  readonly #key: Promise<CryptoKey>;

  constructor(
    bindings: Bindings,
    instanceId: string,
    now: () => number,
    key: Promise<CryptoKey>,
    sha256: (bytes: Uint8Array) => Uint8Array,
  ) {
    this.#bindings = bindings;
    this.#instanceId = instanceId;
    this.#now = now;
    this.#key = key;
    this.#sha256 = sha256;
  }

  /** The fields that every request of an edge begins with; the nonce is fresh. */
  origin(): Origin {
    return {
      edge: this.#bindings.edgeId,
      instance: this.#instanceId,
      nonce: hexEncode(crypto.getRandomValues(new Uint8Array(16))),
      timeMs: this.#now(),
    };
  }

  async sign(type: SignedMessageType, content: object): Promise<SignedPayload> {
    return signMessage(type, content, await this.#key);
  }

  /** Signs and posts one request. @throws UpstreamError */
  async post<S extends v.GenericSchema, C extends Origin>(
    path: string,
    type: SignedMessageType,
    content: C,
    schema: S,
  ): Promise<Sent<v.InferOutput<S>>> {
    const { message, payload } = await this.sign(type, content);
    const response = await this.#fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const parsed = v.safeParse(schema, await readJson(response));
    if (!parsed.success) throw new UpstreamError(`no answer of the form of ${path}`);
    const sha256 = this.#sha256;
    return {
      answer: parsed.output,
      // Only grants need it; a delivery of records is long.
      get requestHash() {
        return hexEncode(sha256(payload));
      },
      sentAtMs: content.timeMs,
    };
  }

  /** Opens the held connection; the signed hello travels in a header. @throws UpstreamError */
  async openWebSocket(path: string, header: string, value: string): Promise<WebSocket> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
    const response = await this.#fetch(path, {
      headers: { Upgrade: "websocket", [header]: value },
      signal: deadline.signal,
    }).finally(() => clearTimeout(timer));
    if (response.webSocket !== null) return response.webSocket;
    await response.body?.cancel();
    throw new UpstreamError(`no WebSocket at ${path}: HTTP ${response.status}`);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#bindings.fetchControlPlane(`${this.#bindings.controlPlaneUrl}${path}`, {
        ...init,
        redirect: "manual",
      });
    } catch (cause) {
      throw new UpstreamError(`the control plane is not reachable at ${path}`, { cause });
    }
  }
}

/** The JSON of an answer of bounded length, whatever its status: errors have a form of their own. */
async function readJson(response: Response): Promise<unknown> {
  const length = Number(response.headers.get("content-length") ?? "0");
  if (response.body === null || length > MAX_ANSWER_BYTES) {
    await response.body?.cancel();
    throw new UpstreamError(`an answer of ${length} bytes with HTTP ${response.status}`);
  }
  let bytes: Uint8Array;
  try {
    bytes = await readAtMost(response.body, MAX_ANSWER_BYTES);
  } catch (cause) {
    throw new UpstreamError("the answer broke off", { cause });
  }
  const text = utf8DecodeStrict(bytes);
  try {
    return JSON.parse(text ?? "");
  } catch {
    throw new UpstreamError(`an answer that is no JSON with HTTP ${response.status}`);
  }
}
