/**
 * The one table from PKCS#11 return values (OASIS PKCS#11 Base Specification v2.40, §5.1 and the header pkcs11t.h) to
 * the bridge's error codes, and what each says about the session and the login it happened on.
 */

import type { BridgeErrorCode } from "@edge-kms/protocol";
import type { WorkerFailure } from "./messages.ts";

/**
 * What has to be thrown away. Every error costs its session: a failed operation can leave it active for ever.
 * `login`: sessions, login and handles are gone, open again and retry once. `start`: trying again cannot help.
 */
type Loss = "session" | "login" | "start";

interface ReturnValueRow {
  readonly name: string;
  readonly code: BridgeErrorCode;
  readonly loss: Loss;
}

const row = (name: string, code: BridgeErrorCode, loss: Loss = "session"): ReturnValueRow => ({
  name,
  code,
  loss,
});

export const returnValues: Readonly<Record<number, ReturnValueRow>> = {
  2: row("CKR_HOST_MEMORY", "hsm-unavailable"),
  5: row("CKR_GENERAL_ERROR", "hsm-unavailable"),
  6: row("CKR_FUNCTION_FAILED", "hsm-unavailable"),
  7: row("CKR_ARGUMENTS_BAD", "internal"),
  17: row("CKR_ATTRIBUTE_SENSITIVE", "internal"),
  18: row("CKR_ATTRIBUTE_TYPE_INVALID", "internal"),
  19: row("CKR_ATTRIBUTE_VALUE_INVALID", "internal"),
  32: row("CKR_DATA_INVALID", "internal"),
  33: row("CKR_DATA_LEN_RANGE", "internal"),
  48: row("CKR_DEVICE_ERROR", "hsm-unavailable", "login"),
  49: row("CKR_DEVICE_MEMORY", "hsm-unavailable"),
  50: row("CKR_DEVICE_REMOVED", "hsm-unavailable", "login"),
  64: row("CKR_ENCRYPTED_DATA_INVALID", "corrupt"),
  65: row("CKR_ENCRYPTED_DATA_LEN_RANGE", "corrupt"),
  // Added by PKCS#11 v3.0; newer tokens answer it under the older interface too.
  66: row("CKR_AEAD_DECRYPT_FAILED", "corrupt"),
  84: row("CKR_FUNCTION_NOT_SUPPORTED", "internal"),
  96: row("CKR_KEY_HANDLE_INVALID", "hsm-unavailable", "login"),
  99: row("CKR_KEY_TYPE_INCONSISTENT", "internal"),
  104: row("CKR_KEY_FUNCTION_NOT_PERMITTED", "internal"),
  112: row("CKR_MECHANISM_INVALID", "internal"),
  113: row("CKR_MECHANISM_PARAM_INVALID", "internal"),
  130: row("CKR_OBJECT_HANDLE_INVALID", "hsm-unavailable", "login"),
  144: row("CKR_OPERATION_ACTIVE", "hsm-unavailable"),
  145: row("CKR_OPERATION_NOT_INITIALIZED", "hsm-unavailable"),
  160: row("CKR_PIN_INCORRECT", "hsm-unavailable", "start"),
  161: row("CKR_PIN_INVALID", "hsm-unavailable", "start"),
  162: row("CKR_PIN_LEN_RANGE", "hsm-unavailable", "start"),
  163: row("CKR_PIN_EXPIRED", "hsm-unavailable", "start"),
  164: row("CKR_PIN_LOCKED", "hsm-unavailable", "start"),
  176: row("CKR_SESSION_CLOSED", "hsm-unavailable", "login"),
  177: row("CKR_SESSION_COUNT", "hsm-unavailable"),
  179: row("CKR_SESSION_HANDLE_INVALID", "hsm-unavailable", "login"),
  209: row("CKR_TEMPLATE_INCONSISTENT", "internal"),
  224: row("CKR_TOKEN_NOT_PRESENT", "hsm-unavailable", "login"),
  225: row("CKR_TOKEN_NOT_RECOGNIZED", "hsm-unavailable", "login"),
  226: row("CKR_TOKEN_WRITE_PROTECTED", "hsm-unavailable"),
  257: row("CKR_USER_NOT_LOGGED_IN", "hsm-unavailable", "login"),
  258: row("CKR_USER_PIN_NOT_INITIALIZED", "hsm-unavailable", "start"),
  400: row("CKR_CRYPTOKI_NOT_INITIALIZED", "hsm-unavailable", "login"),
};

export const CKR_GENERAL_ERROR = 0x05;
export const CKR_ARGUMENTS_BAD = 0x07;
export const CKR_MECHANISM_INVALID = 0x70;
export const CKR_MECHANISM_PARAM_INVALID = 0x71;
export const CKR_SESSION_COUNT = 0xb1;
export const CKR_USER_NOT_LOGGED_IN = 0x101;
export const CKR_USER_ALREADY_LOGGED_IN = 0x100;

/** A return value that no function of the library gave, because it did not notice. */
export class ReturnValueError extends Error {
  override readonly name = "ReturnValueError";
  readonly code: number;
  constructor(code: number) {
    super("the library did not notice");
    this.code = code;
  }
}

/** A refusal made on this side of the library. */
export class TokenError extends Error {
  override readonly name = "TokenError";
  readonly failure: WorkerFailure;
  constructor(code: BridgeErrorCode, message: string, options: { isFinal?: boolean } = {}) {
    super(message);
    this.failure = { code, message, detail: "", isFinal: options.isFinal === true };
  }
}

/**
 * Sessions and login were lost and could not be had again, or were lost once more at once. What is left is to
 * re-initialise the library, which this process does by ending: another is started in its place.
 */
export class TokenLostError extends Error {
  override readonly name = "TokenLostError";
  constructor(cause: unknown) {
    super("the token is lost to this process", { cause });
  }
}

/**
 * The CK_RV of an error that pkcs11js threw, or null for any other. Most calls throw `Pkcs11Error {code}`; C_FindObjects
 * and C_CreateObject throw a plain `Error("CKR_…:145")`.
 */
export function returnValueOf(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const code: unknown = (error as { code?: unknown }).code;
  if (typeof code === "number" && code !== 0) return code;
  const match = /CKR_\w+:(\d+)/.exec(error.message);
  return match === null ? null : Number(match[1]);
}

/** What an error costs, by the table; an unknown value costs its session. */
export function lossOf(error: unknown): Loss {
  const value = returnValueOf(error);
  return value === null ? "session" : (returnValues[value]?.loss ?? "session");
}

/** An error as it travels to the bridge. Texts come from the table, never from the vendor's library. */
export function toFailure(error: unknown): WorkerFailure {
  if (error instanceof TokenError) return error.failure;
  if (error instanceof TokenLostError) {
    const { detail } = toFailure(error.cause);
    return { code: "hsm-unavailable", message: "The token is lost.", detail, isFinal: false };
  }
  const value = returnValueOf(error);
  if (value === null) {
    const name = error instanceof Error ? error.name : typeof error;
    return {
      code: "internal",
      message: "The PKCS#11 process failed.",
      detail: name,
      isFinal: false,
    };
  }
  const known = returnValues[value];
  const method: unknown = (error as { method?: unknown }).method;
  return {
    code: known?.code ?? "hsm-unavailable",
    message: "The token refused the operation.",
    detail: `${known?.name ?? `CKR 0x${value.toString(16)}`}${typeof method === "string" && method !== "" ? ` in ${method}` : ""}`,
    isFinal: known?.loss === "start",
    isPinRefused: known?.name.startsWith("CKR_PIN_") === true,
  };
}
