/** One signed call of the admin API (service edgekms, docs/edgekms-api.md). */

import { createHash, createHmac, randomUUID } from "node:crypto";
import {
  type ActionOutput,
  type ActionRequest,
  type EdgekmsActionName,
  edgekmsActions,
  services,
  signTc3,
  utf8Encode,
} from "@edge-kms/protocol";
import * as v from "valibot";
import type { Connection } from "./credentials.ts";
import { RefusedError, UnreachableError } from "./errors.ts";

type Actions = typeof edgekmsActions;
export type Request<N extends EdgekmsActionName> = ActionRequest<Actions[N]>;
export type Output<N extends EdgekmsActionName> = ActionOutput<Actions[N]>;

export interface Client {
  /** @throws RefusedError, UnreachableError. */
  call<N extends EdgekmsActionName>(action: N, params: Request<N>): Promise<Output<N>>;
}

const deadlineMs = 30_000;
const maxAnswerBytes = 4 * 1024 * 1024;

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac("sha256", key).update(bytes).digest());

export function createClient(connection: Connection): Client {
  const { endpoint, region, secretId, secretKey } = connection;
  return {
    async call(action, params) {
      const body = JSON.stringify(params);
      const timestampSeconds = Math.floor(Date.now() / 1000);
      // Signed with the rest, so that two calls of one second are two signatures.
      const furtherHeaders = { "x-tc-traceid": randomUUID() };
      const { authorization } = signTc3(
        {
          secretId,
          secretKey,
          method: "POST",
          host: endpoint.host,
          contentType: "application/json",
          body: utf8Encode(body),
          service: "edgekms",
          timestampSeconds,
          furtherHeaders,
        },
        sha256,
        hmacSha256,
      );
      const response = await post(endpoint, body, {
        authorization,
        "content-type": "application/json",
        "x-tc-action": action,
        "x-tc-version": services.edgekms.version,
        "x-tc-timestamp": String(timestampSeconds),
        "x-tc-region": region,
        "x-tc-requestclient": "edge-kms",
        ...furtherHeaders,
      });
      const answer = v.safeParse(edgekmsActions[action].output, readAnswer(response, endpoint));
      if (!answer.success)
        throw new UnreachableError(`${endpoint.origin} answers in another form.`);
      return answer.output as Output<typeof action>;
    },
  };
}

async function post(
  endpoint: URL,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  try {
    const response = await fetch(endpoint.origin, {
      method: "POST",
      headers,
      body,
      redirect: "error",
      signal: AbortSignal.timeout(deadlineMs),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new UnreachableError(`${endpoint.origin} answered with HTTP ${response.status}.`);
    }
    return await readAtMost(response, maxAnswerBytes);
  } catch (error) {
    if (error instanceof UnreachableError) throw error;
    throw new UnreachableError(`${endpoint.origin} does not answer.`, { cause: error });
  }
}

async function readAtMost(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new UnreachableError("The answer is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

interface Envelope {
  readonly Response?: {
    readonly RequestId?: string;
    readonly Error?: { readonly Code?: string; readonly Message?: string };
  };
}

/** The members of an answer, `RequestId` apart. */
function readAnswer(text: string, endpoint: URL): object {
  let envelope: Envelope;
  try {
    envelope = JSON.parse(text) as Envelope;
  } catch {
    envelope = {};
  }
  const { Response: response } = envelope;
  if (typeof response !== "object" || typeof response.RequestId !== "string") {
    throw new UnreachableError(`What answers at ${endpoint.origin} is not this API.`);
  }
  const { RequestId, Error: error, ...output } = response;
  if (error === undefined) return output;
  throw new RefusedError(error.Code ?? "InternalError", error.Message ?? "", RequestId);
}
