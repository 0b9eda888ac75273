/**
 * The closed vocabulary of error codes, as official clients know them, and the one error type that carries them.
 *
 * Clients match on the code (some on its first segment only) and never on the text; the HTTP status is 200 for every
 * one of them. A code has one row here: what the public is told when nothing better is said, and whether the same
 * request may succeed when it is sent again later. Another service of the family adds its rows at the end.
 */

interface ErrorRow {
  /** What the caller is told unless the throwing place says more. Never holds a value that a caller sent. */
  readonly message: string;
  /** Whether a client may send the same request again (after a pause) and hope for another answer. */
  readonly mayRetry: boolean;
}

const final = (message: string): ErrorRow => ({ message, mayRetry: false });
const transient = (message: string): ErrorRow => ({ message, mayRetry: true });

export const errorCodes = {
  // Common to all actions.
  ActionOffline: final("This action is no longer available."),
  AuthFailure: final("The request could not be authenticated."),
  "AuthFailure.InvalidAuthorization": final(
    "The Authorization header of the request is malformed.",
  ),
  "AuthFailure.InvalidSecretId": final("The SecretId is not of a known form."),
  "AuthFailure.MFAFailure": final("Multi-factor authentication failed."),
  "AuthFailure.SecretIdNotFound": final("The SecretId is not found or is disabled."),
  "AuthFailure.SignatureExpire": final(
    "The signature has expired: the timestamp must be within five minutes of the server's time, and its date that of the credential.",
  ),
  "AuthFailure.SignatureFailure": final(
    "The provided credentials could not be validated. Please check your signature is correct.",
  ),
  "AuthFailure.TokenFailure": final("The token is not valid."),
  "AuthFailure.UnauthorizedOperation": final("You are not authorized to perform this operation."),
  DryRunOperation: final("The request would have succeeded, but DryRun was set."),
  FailedOperation: final("The operation failed."),
  InternalError: transient("An internal error occurred. Please try again."),
  InvalidAction: final("The requested action is not known in this version of the API."),
  InvalidParameter: final("A parameter is not of the required form."),
  InvalidParameterValue: final("The value of a parameter is not valid."),
  InvalidRequest: final("The request is not of a form that this API accepts."),
  IpInBlacklist: final("The address of the caller is not allowed."),
  IpNotInWhitelist: final("The address of the caller is not allowed."),
  LimitExceeded: final("A quota is exceeded."),
  MissingParameter: final("A required parameter is missing."),
  NoSuchProduct: final("The product does not exist."),
  NoSuchVersion: final("The requested version of the API does not exist."),
  RequestLimitExceeded: transient("Too many requests. Please slow down."),
  "RequestLimitExceeded.GlobalRegionUinLimitExceeded": transient(
    "Too many requests of this account. Please slow down.",
  ),
  "RequestLimitExceeded.IPLimitExceeded": transient(
    "Too many requests from this address. Please slow down.",
  ),
  "RequestLimitExceeded.UinLimitExceeded": transient(
    "Too many requests of this account. Please slow down.",
  ),
  RequestSizeLimitExceeded: final("The request is larger than allowed."),
  ResourceInUse: final("The resource is in use."),
  ResourceInsufficient: transient("There are not enough resources."),
  ResourceNotFound: final("The resource does not exist."),
  ResourceUnavailable: final("The resource is not available."),
  ResponseSizeLimitExceeded: final("The response would be larger than allowed."),
  ServiceUnavailable: transient("The service is temporarily unavailable. Please try again."),
  UnauthorizedOperation: final("You are not authorized to perform this operation."),
  UnknownParameter: final("A parameter is not known to this action."),
  UnsupportedOperation: final("The operation is not supported."),
  UnsupportedProtocol: final("Only GET and POST requests are supported."),
  UnsupportedRegion: final("The region is not supported by this service."),

  // kms 2019-01-18.
  "FailedOperation.CmkUsedByCloudProduct": final("The CMK is in use by a cloud product."),
  "FailedOperation.DecryptError": final("The decryption failed."),
  "FailedOperation.EncryptionError": final("The encryption failed."),
  "FailedOperation.RotateTaskRunning": transient("A rotation of the CMK is still running."),
  "FailedOperation.TaggingError": final("The tags could not be written."),
  "InvalidParameter.DecryptMaterialError": final(
    "The encrypted key material could not be decrypted, or has the wrong length.",
  ),
  "InvalidParameter.InvalidPendingWindowInDays": final("PendingWindowInDays must be from 7 to 30."),
  "InvalidParameterValue.AliasAlreadyExists": final("The alias is already in use."),
  "InvalidParameterValue.DataKeyNameAlreadyExists": final("The data key name is already in use."),
  "InvalidParameterValue.DuplicatedDataKeyId": final("A DataKeyId occurs more than once."),
  "InvalidParameterValue.DuplicatedKeyId": final("A KeyId occurs more than once."),
  "InvalidParameterValue.InvalidAlias": final(
    "The alias must have 1 to 60 letters, digits, '-' or '_', begin with a letter or digit, and not begin with 'kms-'.",
  ),
  "InvalidParameterValue.InvalidCiphertext": final(
    "The ciphertext is not valid, or does not belong to this encryption context.",
  ),
  "InvalidParameterValue.InvalidDataKeyId": final("The DataKeyId is not valid."),
  "InvalidParameterValue.InvalidDataKeyName": final("The data key name is not valid."),
  "InvalidParameterValue.InvalidHsmClusterId": final("The HsmClusterId is not valid."),
  "InvalidParameterValue.InvalidImportKeyMaterial": final("The key material is not valid."),
  "InvalidParameterValue.InvalidKeyId": final("The KeyId is not valid."),
  "InvalidParameterValue.InvalidKeyUsage": final(
    "The KeyUsage is not valid, or not one for this operation.",
  ),
  "InvalidParameterValue.InvalidPlaintext": final(
    "The plaintext must be base64 of at most 4096 bytes.",
  ),
  "InvalidParameterValue.InvalidType": final("The type is not valid."),
  "InvalidParameterValue.MaterialNotMatch": final(
    "The key material differs from the material imported before.",
  ),
  "InvalidParameterValue.TagKeysDuplicated": final("A tag key occurs more than once."),
  "InvalidParameterValue.TagsNotExisted": final("A tag does not exist."),
  "LimitExceeded.CmkLimitExceeded": final("The quota of CMKs is exceeded."),
  "LimitExceeded.DataKeyLimitExceeded": final("The quota of data keys is exceeded."),
  "LimitExceeded.FingerprintsLimitExceeded": final("The quota of device fingerprints is exceeded."),
  "LimitExceeded.KeyLimitExceeded": final("The quota of white-box keys is exceeded."),
  "RequestLimitExceeded.RotateRateLimited": final("The CMK was rotated a short time ago."),
  "ResourceUnavailable.CloudResourceBindingNotFound": final("The binding does not exist."),
  "ResourceUnavailable.CmkArchived": final("The CMK is archived."),
  "ResourceUnavailable.CmkDisabled": final("The CMK is disabled."),
  "ResourceUnavailable.CmkNotFound": final("The CMK does not exist."),
  "ResourceUnavailable.CmkNotPendingDelete": final("The CMK is not scheduled for deletion."),
  "ResourceUnavailable.CmkShouldBeDisabled": final("The CMK must be disabled first."),
  "ResourceUnavailable.CmkStateNotSupport": final(
    "The state of the CMK does not permit the operation.",
  ),
  "ResourceUnavailable.DataKeyDisabled": final("The data key is disabled."),
  "ResourceUnavailable.DataKeyNotFound": final("The data key does not exist."),
  "ResourceUnavailable.DataKeyNotPendingDelete": final(
    "The data key is not scheduled for deletion.",
  ),
  "ResourceUnavailable.DataKeyPendingDelete": final("The data key is scheduled for deletion."),
  "ResourceUnavailable.DataKeyStateNotSupport": final(
    "The state of the data key does not permit the operation.",
  ),
  "ResourceUnavailable.KeyDisabled": final("The key is disabled."),
  "ResourceUnavailable.KeyPendingDelete": final("The CMK is scheduled for deletion."),
  "ResourceUnavailable.NotPurchased": final("The feature is not enabled."),
  "ResourceUnavailable.TokenExpired": final("The import token has expired."),
  "UnsupportedOperation.ExternalCmkCanNotRotate": final(
    "A CMK with imported key material cannot be rotated.",
  ),
  "UnsupportedOperation.NotExternalCmk": final("The CMK is not one for imported key material."),
  "UnsupportedOperation.NotRoleOperation": final(
    "Acting on a member account is not permitted to this caller.",
  ),
  "UnsupportedOperation.NotUserCreatedCmk": final("The CMK was not created by a user."),
  "UnsupportedOperation.RotateNotSupported": final("The CMK does not support rotation."),
  "UnsupportedOperation.ServiceTemporaryUnavailable": transient(
    "The service is temporarily unavailable. Please try again.",
  ),
  "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion": final(
    "The KeyUsage is not offered in this region.",
  ),

  // cam 2019-01-16: policy documents.
  "InvalidParameter.ActionError": final("An action of the policy is not of the required form."),
  "InvalidParameter.ActionMiss": final("A statement of the policy has no action."),
  "InvalidParameter.ActionNotExist": final("An action of the policy does not exist."),
  "InvalidParameter.ActionServiceNotExist": final(
    "The service of an action of the policy does not exist.",
  ),
  "InvalidParameter.ConditionContentError": final(
    "A key or value of a condition of the policy is not valid.",
  ),
  "InvalidParameter.ConditionError": final(
    "A condition of the policy is not of the required form.",
  ),
  "InvalidParameter.ConditionTypeError": final(
    "A condition of the policy has an unknown operator.",
  ),
  "InvalidParameter.EffectError": final("The effect of a statement must be allow or deny."),
  "InvalidParameter.PolicyDocumentError": final("The policy document is not valid."),
  "InvalidParameter.PolicyDocumentLengthOverLimit": final("The policy document is too long."),
  "InvalidParameter.PrincipalError": final("A policy of an identity has no principal."),
  "InvalidParameter.ResourceContentError": final(
    "A resource of the policy must be * or have six segments.",
  ),
  "InvalidParameter.ResourceError": final("A statement of the policy has no valid resource."),
  "InvalidParameter.ResourceProjectError": final(
    "The project of a resource of the policy must be empty.",
  ),
  "InvalidParameter.ResourceQcsError": final("A resource of the policy must begin with qcs."),
  "InvalidParameter.ResourceRegionError": final(
    "The region of a resource of the policy is not valid.",
  ),
  "InvalidParameter.ResourceServiceNotExist": final(
    "The service of a resource of the policy does not exist.",
  ),
  "InvalidParameter.ResourceUinError": final(
    "The account of a resource of the policy is not valid.",
  ),
  "InvalidParameter.StatementError": final(
    "A statement of the policy is not of the required form.",
  ),
  "InvalidParameter.VersionError": final("The version of the policy document must be 2.0."),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorCodes;

/** Whether a text is a code of the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}

/** Whether the same request may be sent again after this code, with back-off. */
export function mayRetry(code: ErrorCode): boolean {
  return errorCodes[code].mayRetry;
}

/** What the public is told of this code when nothing better is said. */
export function publicMessageOf(code: ErrorCode): string {
  return errorCodes[code].message;
}

export interface ApiErrorOptions {
  /** The public sentence; the code's own when absent. Names parameters, never repeats their values. */
  readonly message?: string;
  /** For logs and the audit trail only: what really happened. Never sent to a caller, never a secret. */
  readonly detail?: string;
  readonly cause?: unknown;
}

/**
 * A refusal that the caller is told. `code` and `publicMessage` go out; `detail` and `cause` stay inside, as does
 * `message`, which joins all of it for a log line.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ErrorCode;
  readonly publicMessage: string;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, options: ApiErrorOptions = {}) {
    const publicMessage = options.message ?? publicMessageOf(code);
    super(
      `${code}: ${publicMessage}${options.detail === undefined ? "" : ` [${options.detail}]`}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.publicMessage = publicMessage;
    this.detail = options.detail;
  }

  get mayRetry(): boolean {
    return mayRetry(this.code);
  }
}

/** Any thrown value as an ApiError: itself when it is one, else `InternalError` with the value as its cause. */
export function toApiError(thrown: unknown): ApiError {
  return thrown instanceof ApiError ? thrown : new ApiError("InternalError", { cause: thrown });
}

/** An answer or the refusal of it. Functions of this package that judge input return one and throw nothing. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ApiError };

export function success<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function failure(code: ErrorCode, options?: ApiErrorOptions): Result<never> {
  return { ok: false, error: new ApiError(code, options) };
}

/** The value of a result, or its error thrown. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw result.error;
}
