/**
 * The kinds of fields that actions have, as valibot schemas. Each carries its description for the documentation, and each
 * rule carries the code that breaking it gives and the words that follow the parameter's name in the message.
 */

import * as v from "valibot";
import { base64Decode, isUuid, utf8Length } from "../bytes.ts";
import { canonicalEncryptionContext } from "../encryption-context.ts";
import type { ErrorCode } from "../errors.ts";

/** A rule as the message of a schema: `parseInput` takes it apart with `splitRule`. */
export type Rule = `${ErrorCode}|${string}`;

/** `words` follow the name of the parameter: "must be …". */
export function rule(code: ErrorCode, words: string): Rule {
  return `${code}|${words}`;
}

/** A rule's code and words, or `null` for a message that is no rule. */
export function splitRule(
  message: string,
): { readonly code: string; readonly words: string } | null {
  const bar = message.indexOf("|");
  return bar < 1 ? null : { code: message.slice(0, bar), words: message.slice(bar + 1) };
}

/** What a kind of field tells its readers beyond its structure: JSON Schema keywords, and a rule that is checked by code. */
export interface FieldMetadata {
  readonly jsonSchema?: Readonly<Record<string, string | number>>;
  readonly rule?: Rule;
}

const mustBeString = rule("InvalidParameter", "must be a string");
const mustBeInteger = rule("InvalidParameter", "must be an integer");
const mustBeBoolean = rule("InvalidParameter", "must be true or false");
const mustBeArray = rule("InvalidParameter", "must be an array");
const mustBeObject = rule("InvalidParameter", "must be an object");

/** Longest free text where the API names no limit, in bytes of UTF-8. */
const maxTextBytes = 8192;

/** A text that is not longer than `maxBytes` of UTF-8 and has no lone surrogate. */
export function text(description: string, { maxBytes = maxTextBytes } = {}) {
  return v.pipe(
    v.string(mustBeString),
    v.check(
      (value) => value.length <= maxBytes && value.isWellFormed() && utf8Length(value) <= maxBytes,
      rule("InvalidParameter", `must be text of at most ${maxBytes} bytes`),
    ),
    v.description(description),
  );
}

const integerText = /^-?[0-9]{1,16}$/;

/**
 * An integer from `min` to `max`, as a number or as its decimal text: official examples write numbers as text now and
 * then, and flattened parameters always do.
 */
export function integer(
  description: string,
  {
    min = 0,
    max = Number.MAX_SAFE_INTEGER,
    code = "InvalidParameter",
  }: { min?: number; max?: number; code?: ErrorCode } = {},
) {
  const words =
    max === Number.MAX_SAFE_INTEGER
      ? `must be an integer of at least ${min}`
      : `must be an integer from ${min} to ${max}`;
  return v.pipe(
    v.custom<number>(
      (value) =>
        Number.isSafeInteger(value) ||
        (typeof value === "string" &&
          integerText.test(value) &&
          Number.isSafeInteger(Number(value))),
      mustBeInteger,
    ),
    v.transform((value) => Number(value)),
    v.check((value) => value >= min && value <= max, rule(code, words)),
    v.description(description),
    v.metadata({
      jsonSchema: { minimum: min, ...(max === Number.MAX_SAFE_INTEGER ? {} : { maximum: max }) },
    } satisfies FieldMetadata),
  );
}

/** True or false. Where parameters arrive as text, `parseInput` has turned the words into these before. */
export function boolean(description: string) {
  return v.pipe(v.boolean(mustBeBoolean), v.description(description));
}

/** One of some words; `code` when it is another one. */
export function oneOf<const T extends readonly string[]>(
  description: string,
  words: T,
  code: ErrorCode = "InvalidParameter",
) {
  const listed = words.filter((word) => word !== "").join(", ");
  return v.pipe(
    v.string(mustBeString),
    v.picklist(words, rule(code, `must be one of ${listed}`)),
    v.description(description),
  );
}

/** An array of `min` to `max` items; `code` when it has fewer or more. */
export function list<T extends v.GenericSchema>(
  description: string,
  item: T,
  {
    min = 0,
    max = 100,
    code = "InvalidParameter",
  }: { min?: number; max?: number; code?: ErrorCode } = {},
) {
  const words = rule(code, `must have ${min} to ${max} items`);
  return v.pipe(
    v.array(item, mustBeArray),
    v.minLength(min, words),
    v.maxLength(max, words),
    v.description(description),
  );
}

/** The members of an object; unknown ones are ignored, so that newer clients keep working. */
export function members<T extends v.ObjectEntries>(entries: T) {
  return v.object(entries, mustBeObject);
}

/** Bytes in canonical base64, decoded: at most `maxBytes` of them. Breaking any of that gives `code`. */
export function base64Bytes(description: string, maxBytes: number, code: ErrorCode) {
  const longestText = Math.ceil(maxBytes / 3) * 4;
  const message = rule(code, `must be base64 of at most ${maxBytes} bytes`);
  return v.pipe(
    v.string(mustBeString),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const bytes = dataset.value.length <= longestText ? base64Decode(dataset.value) : null;
      if (bytes !== null && bytes.length <= maxBytes) return bytes;
      addIssue({ message });
      return NEVER;
    }),
    v.description(description),
    v.metadata({
      jsonSchema: { contentEncoding: "base64" },
      rule: message,
    } satisfies FieldMetadata),
  );
}

// ---------------------------------------------------------------------------- fields that several actions share

/** Whether a text is a CMK id: a UUID in lower case. */
export function isKeyId(value: string): boolean {
  return isUuid(value);
}

export function keyId(description = "The id of the CMK, a UUID.") {
  return v.pipe(
    v.string(mustBeString),
    v.check(isKeyId, rule("InvalidParameterValue.InvalidKeyId", "must be the id of a CMK")),
    v.description(description),
  );
}

/** A key id, or empty where that means the key that another parameter names. */
export function keyIdOrEmpty(description: string) {
  return v.pipe(
    v.string(mustBeString),
    v.check(
      (value) => value === "" || isKeyId(value),
      rule("InvalidParameterValue.InvalidKeyId", "must be the id of a CMK, or empty"),
    ),
    v.description(description),
  );
}

/** 1 to 100 key ids, none twice. */
export function keyIds(description = "The ids of 1 to 100 CMKs, none twice.") {
  return v.pipe(
    list(description, keyId(), { min: 1, max: 100 }),
    v.check(
      (ids) => new Set(ids).size === ids.length,
      rule("InvalidParameterValue.DuplicatedKeyId", "must not name a CMK twice"),
    ),
  );
}

/** The id of a hosted data key. */
export function dataKeyId() {
  return v.pipe(
    v.string(mustBeString),
    v.check(
      isUuid,
      rule("InvalidParameterValue.InvalidDataKeyId", "must be the id of a hosted data key"),
    ),
    v.description("The id of the hosted data key, a UUID."),
  );
}

/** 1 to 100 ids of hosted data keys, none twice. */
export function dataKeyIds() {
  return v.pipe(
    list("The ids of 1 to 100 hosted data keys, none twice.", dataKeyId(), {
      min: 1,
      max: 100,
      code: "InvalidParameterValue",
    }),
    v.check(
      (ids) => new Set(ids).size === ids.length,
      rule("InvalidParameterValue.DuplicatedDataKeyId", "must not name a data key twice"),
    ),
  );
}

const aliasText = /^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$/;
const reservedAlias = /^kms-/i;

/**
 * Whether a text may be an alias: 1 to 60 letters, digits, `-` or `_`, the first a letter or digit, and not beginning with
 * `kms-` in any case, which is kept for cloud products.
 */
export function isAlias(value: string): boolean {
  return aliasText.test(value) && !reservedAlias.test(value);
}

export function alias(description = "The alias of the CMK, unique within account and region.") {
  return v.pipe(
    v.string(mustBeString),
    v.check(
      isAlias,
      rule(
        "InvalidParameterValue.InvalidAlias",
        "must have 1 to 60 letters, digits, '-' or '_', begin with a letter or digit, and not begin with 'kms-'",
      ),
    ),
    v.description(description),
  );
}

export const dataKeyNameWords =
  "must have 1 to 60 letters, digits, '-' or '_', begin with a letter or digit, and not begin with 'kms-'";

/** The name of a hosted data key, formed as an alias is (the contract has no rule of its own). */
export function dataKeyName(description: string) {
  return v.pipe(
    v.string(mustBeString),
    v.check(isAlias, rule("InvalidParameterValue.InvalidDataKeyName", dataKeyNameWords)),
    v.description(description),
  );
}

export function dataKeyDescription() {
  return text("What the data key is for; up to 100 bytes of UTF-8.", { maxBytes: 100 });
}

export const maxDescriptionBytes = 1024;

export function keyDescription(description = "What the CMK is for; up to 1024 bytes of UTF-8.") {
  return text(description, { maxBytes: maxDescriptionBytes });
}

/** The key usages that the API names. Which of them a region offers is for the control plane to say. */
export const keyUsages = [
  "ENCRYPT_DECRYPT",
  "ASYMMETRIC_DECRYPT_RSA_2048",
  "ASYMMETRIC_DECRYPT_SM2",
  "ASYMMETRIC_SIGN_VERIFY_SM2",
  "ASYMMETRIC_SIGN_VERIFY_ECC",
  "ASYMMETRIC_SIGN_VERIFY_RSA_2048",
  "ASYMMETRIC_SIGN_VERIFY_ECDSA384",
] as const;

export type KeyUsage = (typeof keyUsages)[number];

export const keyStates = [
  "Enabled",
  "Disabled",
  "PendingImport",
  "PendingDelete",
  "Archived",
] as const;

export type KeyState = (typeof keyStates)[number];

export const keyOrigins = ["TENCENT_KMS", "EXTERNAL"] as const;

export type KeyOrigin = (typeof keyOrigins)[number];

const mustBeContext = rule(
  "InvalidParameter",
  "must be a JSON object of distinct names and string values, of at most 1024 characters",
);

/** An EncryptionContext, turned into its canonical bytes; an absent one has a canonical form too. */
export function encryptionContext(description: string) {
  return v.optional(
    v.pipe(
      v.string(mustBeString),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        const canonical = canonicalEncryptionContext(dataset.value);
        if (canonical.ok) return canonical.value;
        addIssue({ message: mustBeContext });
        return NEVER;
      }),
      v.description(description),
      v.metadata({
        jsonSchema: { contentMediaType: "application/json" },
        rule: mustBeContext,
      } satisfies FieldMetadata),
    ),
    "",
  );
}

/** A CiphertextBlob as text: `decodeEnvelope` reads it. */
export function ciphertextBlob(description = "What Encrypt or GenerateDataKey returned.") {
  return v.pipe(v.string(mustBeString), v.description(description));
}

/** What a plaintext may be encrypted to on its way back. */
export const replyAlgorithms = [
  "SM2",
  "SM2_C1C3C2_ASN1",
  "RSAES_PKCS1_V1_5",
  "RSAES_OAEP_SHA_1",
  "RSAES_OAEP_SHA_256",
] as const;

export type ReplyAlgorithm = (typeof replyAlgorithms)[number];

/** The two members with which a caller asks for the plaintext encrypted to a public key. */
export const replyEncryption = {
  EncryptionPublicKey: v.optional(
    text(
      "A public key in PEM, RSA-2048 or SM2, to which the returned plaintext is encrypted. Empty: it is not.",
      { maxBytes: 4096 },
    ),
  ),
  EncryptionAlgorithm: v.optional(
    text(
      "How, when EncryptionPublicKey is given: SM2 (the default), SM2_C1C3C2_ASN1, RSAES_PKCS1_V1_5, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256.",
      { maxBytes: 64 },
    ),
  ),
};

/** The algorithm of a reply: `null` when no public key was given, which leaves the algorithm unread. */
export function replyAlgorithmOf(input: {
  readonly EncryptionPublicKey?: string | undefined;
  readonly EncryptionAlgorithm?: string | undefined;
}): ReplyAlgorithm | null | "unknown" {
  if (input.EncryptionPublicKey === undefined || input.EncryptionPublicKey === "") return null;
  if (input.EncryptionAlgorithm === undefined || input.EncryptionAlgorithm === "") return "SM2";
  return replyAlgorithms.find((name) => name === input.EncryptionAlgorithm) ?? "unknown";
}

/** The check of an input with `replyEncryption` that its algorithm is known, to be forwarded to EncryptionAlgorithm. */
export function replyAlgorithmRule(code: ErrorCode): Rule {
  return rule(code, `must be one of ${replyAlgorithms.join(", ")}`);
}

/** An exclusive cluster. There is none here: only empty is valid, and `default` where lists are filtered. */
export function hsmClusterId({ isFilter = false } = {}) {
  const orDefault = isFilter ? " or `default`" : "";
  return v.pipe(
    v.string(mustBeString),
    v.check(
      (value) => value === "" || (isFilter && value === "default"),
      rule(
        "InvalidParameterValue.InvalidHsmClusterId",
        `must be empty${orDefault}: there are no clusters here`,
      ),
    ),
    v.description(`An exclusive cluster; there are none here, so leave it empty${orDefault}.`),
  );
}

/** Up to 50 tags, no key twice. */
export function tags() {
  return v.pipe(
    list(
      "Tags of the resource.",
      members({
        TagKey: v.pipe(
          text("The tag's key.", { maxBytes: 512 }),
          v.minLength(1, rule("InvalidParameter", "must not be empty")),
        ),
        TagValue: text("The tag's value.", { maxBytes: 1024 }),
      }),
      { max: 50 },
    ),
    v.check(
      (items) => new Set(items.map((tag) => tag.TagKey)).size === items.length,
      rule("InvalidParameterValue.TagKeysDuplicated", "must not have a key twice"),
    ),
  );
}

/** Filters by tag: values of one filter are alternatives, several filters must all hold. */
export function tagFilters() {
  return list(
    "Filters by tag. Values of one filter are alternatives; several filters must all hold.",
    members({
      TagKey: text("The tag's key.", { maxBytes: 512 }),
      TagValue: v.optional(
        list(
          "Values, any of which will do; none: the key alone.",
          text("A value.", { maxBytes: 1024 }),
        ),
      ),
    }),
    { max: 50 },
  );
}

/** An organisation feature of the real service. There are no organisations here: the control plane takes the caller's own account only. */
export function memberAccount() {
  return v.pipe(
    members({
      MemberAppId: v.optional(integer("The member's AppId.")),
      MemberUin: v.optional(integer("The member's account.")),
    }),
    v.description(
      "A member account of an organisation. There are none here: any but the own account is `NotRoleOperation`.",
    ),
  );
}

/** The short name of a cloud product. */
export function productId() {
  return v.pipe(
    text("The cloud product's short name, such as ssm; 1 to 64 bytes.", { maxBytes: 64 }),
    v.minLength(1, rule("InvalidParameter", "must not be empty")),
  );
}

/** What a cloud product uses a CMK for. */
export function resourceId() {
  return v.pipe(
    text("The product's resource, free text of 1 to 1024 bytes.", { maxBytes: 1024 }),
    v.minLength(1, rule("InvalidParameter", "must not be empty")),
  );
}

export const pageOffset = v.optional(integer("Results to skip; 0 by default."), 0);

/** @param code what a larger one gives; the lists of some actions have only this or that one. */
export function pageLimit(code: ErrorCode = "InvalidParameter") {
  return v.optional(
    integer("Results to return at most; 10 by default, 200 at most.", { max: 200, code }),
    10,
  );
}

/** @param code what another number gives. */
export function listRole(code: ErrorCode = "InvalidParameter") {
  return v.optional(
    integer("0: keys of the account's own (default). 1: keys made by cloud products.", {
      max: 1,
      code,
    }),
    0,
  );
}

const edgeIdText = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The name of an edge, as the bridge has it enrolled (`edgeId` in wire/fields.ts). */
export function edgeId(description = "The name of an enrolled edge.") {
  return v.pipe(
    v.string(mustBeString),
    v.check(
      (value) => edgeIdText.test(value),
      rule(
        "InvalidParameterValue",
        "must be the name of an edge: 1 to 63 of a-z, 0-9 and '-', the first no '-'",
      ),
    ),
    v.description(description),
  );
}

const instanceIdText = /^[0-9a-f]{32}$/;

/** The id of one incarnation of an edge instance. */
export function instanceId(description = "The id of an edge instance.") {
  return v.pipe(
    v.string(mustBeString),
    v.check(
      (value) => instanceIdText.test(value),
      rule("InvalidParameterValue", "must be 32 lower-case hexadecimal digits"),
    ),
    v.description(description),
  );
}

const secretIdText = /^AKID[0-9A-Za-z]{32}$/;

/** The SecretId of an access key. */
export function secretId(description = "The SecretId of an access key of the account.") {
  return v.pipe(
    v.string(mustBeString),
    v.check(
      (value) => secretIdText.test(value),
      rule("InvalidParameterValue", "must be a SecretId"),
    ),
    v.description(description),
  );
}
