import { describe, expect, test } from "vitest";
import {
  ApiError,
  errorCodes,
  failure,
  isErrorCode,
  mayRetry,
  success,
  toApiError,
  unwrap,
} from "./errors.ts";

describe("error codes", () => {
  test("are dotted names, two segments at most, each with a sentence", () => {
    for (const [code, row] of Object.entries(errorCodes)) {
      expect(code).toMatch(/^[A-Z][A-Za-z]*(\.[A-Z][A-Za-z]*)?$/);
      expect(row.message).toMatch(/^[A-Z].*\.$/);
    }
  });

  test("only passing conditions may be retried", () => {
    expect(mayRetry("InternalError")).toBe(true);
    expect(mayRetry("RequestLimitExceeded.UinLimitExceeded")).toBe(true);
    expect(mayRetry("AuthFailure.SignatureFailure")).toBe(false);
    expect(mayRetry("InvalidParameterValue.InvalidCiphertext")).toBe(false);
  });

  test("names from the prototype are no codes", () => {
    expect(isErrorCode("InvalidParameter")).toBe(true);
    for (const name of ["constructor", "__proto__", "toString", ""])
      expect(isErrorCode(name)).toBe(false);
  });
});

describe("ApiError", () => {
  test("keeps what the public hears apart from what happened", () => {
    const cause = new Error("socket closed");
    const error = new ApiError("InternalError", { detail: "bridge unreachable", cause });
    expect(error.publicMessage).toBe(errorCodes.InternalError.message);
    expect(error.publicMessage).not.toContain("bridge");
    expect(error.message).toContain("bridge unreachable");
    expect(error.cause).toBe(cause);
    expect(error.mayRetry).toBe(true);
    expect(error).toBeInstanceOf(Error);
  });

  test("stands for any thrown value", () => {
    const error = new ApiError("InvalidAction");
    expect(toApiError(error)).toBe(error);
    expect(toApiError("oops")).toMatchObject({ code: "InternalError", cause: "oops" });
  });

  test("a result is its value or its error", () => {
    expect(unwrap(success(7))).toBe(7);
    const refused = failure("InvalidParameter", { message: "Limit must be an integer." });
    expect(() => unwrap(refused)).toThrow(ApiError);
  });
});
