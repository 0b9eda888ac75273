export type { KeyMetadata } from "./actions/answers.ts";
export type {
  ActionDefinition,
  ActionInput,
  ActionOutput,
  ActionRequest,
} from "./actions/definition.ts";
export { edgeModes, maxLeaseSeconds } from "./actions/edgekms/modify-key-edge-settings.ts";
export {
  isAlias,
  isKeyId,
  type KeyOrigin,
  type KeyState,
  type KeyUsage,
  keyOrigins,
  keyStates,
  keyUsages,
  type ReplyAlgorithm,
  replyAlgorithmOf,
  replyAlgorithms,
} from "./actions/fields.ts";
export { dataKeyBytes } from "./actions/kms/generate-data-key.ts";
export {
  isDigestOf,
  type RsaDecryptAlgorithm,
  type SignAlgorithm,
  signAlgorithmRows,
  type WrappingAlgorithm,
} from "./actions/kms/key-pairs.ts";
export { parseInput } from "./actions/parse-input.ts";
export {
  type EdgekmsActionName,
  edgekmsActions,
  findAction,
  type KmsActionName,
  kmsActions,
  listActions,
} from "./actions/registry.ts";
export {
  type Bytes,
  base64Decode,
  base64Encode,
  base64UrlDecode,
  base64UrlEncode,
  compareBytes,
  concatBytes,
  equalBytes,
  hexDecode,
  hexEncode,
  isUuid,
  readU16,
  readU32,
  readU64,
  utf8DecodeStrict,
  utf8Encode,
  utf8Length,
  uuidDecode,
  uuidEncode,
  writeU16,
  writeU32,
  writeU64,
} from "./bytes.ts";
export {
  canonicalEncryptionContext,
  encodeEncryptionContext,
  maxEncryptionContextLength,
  noEncryptionContext,
} from "./encryption-context.ts";
export {
  decodeEnvelope,
  type Envelope,
  type EnvelopeHeader,
  type EnvelopeSuite,
  encodeEnvelope,
  encodeEnvelopeHeader,
  envelopeAssociatedData,
  envelopeBytes,
  envelopeFormat,
  envelopeMagic,
  envelopeSuites,
} from "./envelope.ts";
export {
  ApiError,
  type ApiErrorOptions,
  type ErrorCode,
  errorCodes,
  failure,
  isErrorCode,
  mayRetry,
  type Result,
  success,
  toApiError,
  unwrap,
} from "./errors.ts";
export { openApiDocument } from "./reference/open-api.ts";
export {
  type Language,
  parseJsonObject,
  parseRequest,
  parseRequestHead,
  parseRequestParams,
  type RequestHead,
  type RequestParams,
  requestLimits,
} from "./request.ts";
export { encodeError, encodeSuccess, responseContentType, responseStatus } from "./response.ts";
export { isRegionName, type ServiceName, serviceOfVersion, services } from "./services.ts";
export { type FormFields, parseForm } from "./signature/form.ts";
export {
  type HeaderReader,
  type Hmac,
  headersOf,
  hostCandidates,
  isSecretId,
  isTimely,
  maxClockSkewSeconds,
  parseTimestamp,
  type RequestParts,
  type Sha256,
  signatureLimits,
  signatureReuseMs,
  utcDate,
} from "./signature/parts.ts";
export {
  deriveTc3DateKey,
  deriveTc3ServiceKey,
  deriveTc3SigningKey,
  parseTc3,
  type Tc3Signature,
  tc3SigningKey,
  verifyTc3WithSigningKey,
} from "./signature/tc3.ts";
export { signTc3, type Tc3Signed, type Tc3SigningInput } from "./signature/tc3-signer.ts";
export {
  parseV1,
  signV1,
  type V1Method,
  type V1Signature,
  v1Methods,
  verifyV1WithSecretKey,
} from "./signature/v1.ts";
export {
  AUDIT_CHAIN_START,
  type AuditDelivery,
  type AuditDeliveryResponse,
  type AuditEvent,
  type AuditRecord,
  type AuditSettled,
  auditDelivery,
  auditDeliveryResponse,
  auditEvent,
  auditRecord,
  auditSettled,
  auditSettledResponse,
  decodeAuditRecord,
  encodeAuditEvent,
  encodeAuditRecord,
  MAX_AUDIT_RECORD_BYTES,
  MAX_DELIVERED_RECORDS,
  MAX_SETTLED_INSTANCES,
} from "./wire/audit.ts";
export {
  type BridgeCall,
  type BridgeErrorCode,
  type BridgeRequest,
  type BridgeResponse,
  type BridgeRole,
  bridgeApi,
  bridgeErrorResponse,
  bridgeErrors,
} from "./wire/bridge.ts";
export {
  type CallRates,
  CONNECT_HEADER,
  type ConnectRequest,
  type ControlMessage,
  callRates,
  connectRequest,
  controlMessage,
  DISCONNECTED_AFTER_MS,
  defaultCallRates,
  type EdgeMessage,
  edgeMessage,
  HEARTBEAT_MS,
} from "./wire/connection.ts";
export {
  type BridgeSealingKey,
  bridgeSealingKey,
  type CallerProof,
  type CredentialGrant,
  type CredentialRequest,
  type CredentialResponse,
  callerProof,
  credentialGrant,
  credentialRequest,
  credentialResponse,
  PROOF_SEAL_INFO,
  type Principal,
  principal,
  proofSealAad,
  type SealedProof,
  type SealedProofContent,
  type SealingKeyRequest,
  type SealingKeyResponse,
  sealedProofContent,
  sealingKeyRequest,
  sealingKeyResponse,
} from "./wire/credential.ts";
export {
  type ReadDataKeyRequest,
  type ReadDataKeyResponse,
  readDataKeyRequest,
  readDataKeyResponse,
  type StoreDataKeyRequest,
  type StoreDataKeyResponse,
  storeDataKeyRequest,
  storeDataKeyResponse,
} from "./wire/data-key.ts";
export {
  compareEpochs,
  type EdgeMode,
  type Epoch,
  type HpkeSealed,
  type WireError,
} from "./wire/fields.ts";
export {
  CONTROL_PLANE_FORWARDER,
  FORWARD_HEADER,
  type ForwardedCall,
  forwardedCall,
  forwardedHeaders,
  MAX_FORWARD_AGE_MS,
} from "./wire/forwarding.ts";
export { type ImportTokenContent, importTokenContent } from "./wire/import-token.ts";
export {
  type AsymmetricKeyUsage,
  asymmetricKeyUsages,
  type PublicKeyStatement,
  publicKeyStatement,
} from "./wire/key-pair.ts";
export {
  type LeasedKey,
  type LeaseGrant,
  type LeaseLimits,
  type LeaseRequest,
  type LeaseResponse,
  leaseGrant,
  leaseRequest,
  leaseResponse,
  MAX_LEASED_KEYS,
  MAX_REQUEST_AGE_MS,
} from "./wire/lease.ts";
export {
  decodeOperands,
  encodeOperands,
  isPairOperation,
  OPERANDS_SEAL_INFO,
  type Operands,
  type Operation,
  type OperationRequest,
  type OperationResponse,
  type OperationResult,
  operandsSealAad,
  operationRequest,
  operationResponse,
  operationResult,
  type PairOperation,
} from "./wire/operation.ts";
export {
  type PublicKeyRequest,
  type PublicKeyResponse,
  publicKeyRequest,
  publicKeyResponse,
} from "./wire/public-key.ts";
export {
  preAuthenticationEncoding,
  type SignedMessage,
  type SignedMessageType,
  signedMessageSchema,
  signedMessageTypes,
} from "./wire/signed-message.ts";
