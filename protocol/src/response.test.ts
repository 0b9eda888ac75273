import { expect, test } from "vitest";
import { ApiError } from "./errors.ts";
import { encodeError, encodeSuccess, responseContentType, responseStatus } from "./response.ts";

const requestId = "6a1c6f1c-3a39-4f6b-8a93-0ae1ff0c5b57";

test("a success is the output and the request id", () => {
  expect(encodeSuccess(requestId, { KeyId: "k", CreateTime: 1700000000, Gone: undefined })).toBe(
    `{"Response":{"KeyId":"k","CreateTime":1700000000,"RequestId":"${requestId}"}}`,
  );
  expect(encodeSuccess(requestId, {})).toBe(`{"Response":{"RequestId":"${requestId}"}}`);
});

test("a refusal has code, public message and request id, and nothing from inside", () => {
  const error = new ApiError("ResourceUnavailable.CmkNotFound", { detail: "row 7", cause: "x" });
  expect(encodeError(requestId, error)).toBe(
    `{"Response":{"Error":{"Code":"ResourceUnavailable.CmkNotFound","Message":"The CMK does not exist."},"RequestId":"${requestId}"}}`,
  );
});

test("an output cannot pass for a refusal or forge the request id", () => {
  for (const name of ["RequestId", "Error", "DeprecatedWarning"]) {
    expect(() => encodeSuccess(requestId, { [name]: "x" })).toThrow(TypeError);
  }
});

test("status and content type are those that clients insist on", () => {
  expect(responseStatus).toBe(200);
  expect(responseContentType).toBe("application/json");
});
