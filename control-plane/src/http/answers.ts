/** Answers of the two faces: API (always 200, exactly `application/json`) and edge endpoints. */

import {
  type ApiError,
  encodeError,
  encodeSuccess,
  responseContentType,
  responseStatus,
  type WireError,
} from "@edge-kms/protocol";

// A buffer, not a text: Response would give a text a content type with a charset behind it.
const json = (status: number, body: string): Response =>
  new Response(Buffer.from(body, "utf8"), {
    status,
    headers: { "content-type": responseContentType },
  });

export const apiSuccess = (requestId: string, output: object): Response =>
  json(responseStatus, encodeSuccess(requestId, output));

export const apiFailure = (requestId: string, error: ApiError): Response =>
  json(responseStatus, encodeError(requestId, error));

export const wireAnswer = (body: object): Response => json(200, JSON.stringify(body));

/** Refusals at `/edge/v1` as a whole: not of one key, but of the request. */
export const wireRefusal = (
  status: 400 | 403 | 404 | 409 | 413 | 503,
  error: WireError,
): Response => json(status, JSON.stringify({ error }));
