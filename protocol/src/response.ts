/**
 * The response envelope: `{"Response": {…, "RequestId": "…"}}`, and `{"Response": {"Error": {"Code", "Message"},
 * "RequestId"}}` for a refusal.
 *
 * The status is 200 either way and the content type exactly `application/json`: with any parameter behind it the
 * Python SDK and tccli do not look for `Error` and take a refusal for a success full of nulls.
 */

import type { ApiError } from "./errors.ts";

export const responseStatus = 200;

export const responseContentType = "application/json";

/**
 * The body of a successful answer.
 *
 * @param requestId a UUID; every answer has one of its own.
 * @param output the action's output. Members that are undefined are left out. Numbers must be integers below 2^53.
 * @throws TypeError when the output brings a `RequestId`, an `Error` or a `DeprecatedWarning` of its own (the last
 *   makes the Python SDK warn), or holds a bigint.
 */
export function encodeSuccess(requestId: string, output: object): string {
  for (const reserved of ["RequestId", "Error", "DeprecatedWarning"]) {
    if (Object.hasOwn(output, reserved)) throw new TypeError(`output must not have ${reserved}`);
  }
  return JSON.stringify({ Response: { ...output, RequestId: requestId } });
}

/** The body of a refusal: the code and its public message, never the detail. */
export function encodeError(
  requestId: string,
  error: Pick<ApiError, "code" | "publicMessage">,
): string {
  return JSON.stringify({
    Response: { Error: { Code: error.code, Message: error.publicMessage }, RequestId: requestId },
  });
}
