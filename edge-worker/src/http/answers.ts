/** Answers of this door. Everything the API says is HTTP 200 with exactly `Content-Type: application/json`. */

import {
  type ApiError,
  encodeError,
  responseContentType,
  responseStatus,
} from "@edge-kms/protocol";

const apiInit = { status: responseStatus, headers: { "content-type": responseContentType } };

export function apiAnswer(body: string | Uint8Array<ArrayBuffer>): Response {
  return new Response(body, apiInit);
}

export function errorAnswer(
  requestId: string,
  error: Pick<ApiError, "code" | "publicMessage">,
): Response {
  return apiAnswer(encodeError(requestId, error));
}

/** For what is not the API: health, and paths that do not exist. */
export function plainAnswer(status: number, body: object): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
