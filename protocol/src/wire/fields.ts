/** Field shapes that several wire messages share. Everything is strict: an unknown field is refused. */

import * as v from "valibot";

const HEX = /^[0-9a-f]+$/;

/** Milliseconds since the Unix epoch. */
export const timeMs = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Lower-case hexadecimal of exactly `bytes` bytes. */
export const hexOf = (bytes: number) =>
  v.pipe(v.string(), v.length(bytes * 2), v.regex(HEX, "lower-case hexadecimal"));
/** Base64 text; the decoder that reads it checks the canonical form. */
export const base64Text = (maxChars = 64 * 1024) => v.pipe(v.string(), v.maxLength(maxChars));

/** Root account number, decimal (`uin`); also the account every row carries. */
export const accountId = v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,18}$/, "an account number"));
/** Number of a principal: the account's own for root, another for a sub-user. */
export const uin = accountId;
export const region = v.pipe(v.string(), v.regex(/^[a-z]{2,8}-[a-z0-9-]{1,32}$/, "a region name"));
export const keyId = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "a UUID"),
);
export const secretId = v.pipe(v.string(), v.regex(/^AKID[0-9A-Za-z]{32}$/, "a SecretId"));
/** Name of an enrolled edge, chosen at enrolment. */
export const edgeId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "an edge name"));
export const edgeGroup = edgeId;
/** Random id of one incarnation of an edge instance: 16 bytes. */
export const instanceId = hexOf(16);
/** Ciphertext suite: 1 AES, 2 SM4 (envelope.ts). */
export const suite = v.picklist([1, 2]);
/** Number of a key version, allocated by the bridge: 1, 2, 3 … below 2^32. */
export const keyVersion = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(1),
  v.maxValue(0xffffffff),
);
/** Random id of a branch key: 8 bytes. */
export const branchId = hexOf(8);
export const leaseId = hexOf(16);
/** Random, 16 bytes; remembered by whoever must refuse replays. */
export const nonce = hexOf(16);

/**
 * The policy epoch of an account: every change that takes a right away raises `counter`; `generation` belongs to the
 * bridge's registry. Epochs compare by generation, then counter; older ones are refused.
 */
export const epoch = v.strictObject({ generation: count, counter: count });
export type Epoch = v.InferOutput<typeof epoch>;

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`. */
export function compareEpochs(a: Epoch, b: Epoch): number {
  return a.generation - b.generation || a.counter - b.counter;
}

/** Which store holds the master keys: a PKCS#11 token, or the software file that is no HSM. */
export const storeKind = v.picklist(["pkcs11", "software"]);

/**
 * A secret sealed to an edge instance with HPKE base mode (RFC 9180 §5.1.1, §6.1): KEM 0x0020 DHKEM(X25519, HKDF-SHA256),
 * KDF 0x0001 HKDF-SHA256, AEAD 0x0002 AES-256-GCM. `info` is the signed type of the grant, `aad` the UTF-8 of
 * `${requestHash}:${leaseId}`. The KEM travels by number, so that a hybrid one can follow.
 */
export const hpkeSealed = v.strictObject({
  kem: v.literal(0x0020),
  enc: base64Text(64),
  ciphertext: base64Text(256),
});
export type HpkeSealed = v.InferOutput<typeof hpkeSealed>;

/** How far edges may go with a key: hold its branch keys, have the bridge do the work, or neither. From most to least. */
export const edgeMode = v.picklist(["lease", "proxy", "deny"]);
export type EdgeMode = v.InferOutput<typeof edgeMode>;

/** Error a part answers to another in place of a result; `code` is for programs, `message` for logs. */
export const wireError = v.strictObject({
  code: v.pipe(v.string(), v.maxLength(128)),
  message: v.optional(v.pipe(v.string(), v.maxLength(1024))),
});
export type WireError = v.InferOutput<typeof wireError>;
