/** What answers are made of, as schemas of outputs. */

import * as v from "valibot";

export function answerText(description: string) {
  return v.pipe(v.string(), v.description(description));
}

/** A whole number below 2^53: more would lose digits in JavaScript clients. */
export function answerInteger(description: string) {
  return v.pipe(v.number(), v.safeInteger(), v.description(description));
}

export function answerBoolean(description: string) {
  return v.pipe(v.boolean(), v.description(description));
}

export function answerList<T extends v.GenericSchema>(description: string, item: T) {
  return v.pipe(v.array(item), v.description(description));
}

export const noAnswer = v.object({});

/** The result of writing tags, where an action takes some. */
export const tagAnswer = {
  TagCode: v.optional(
    answerInteger("0: the tags are written. 1: internal error. 2: refused by the tag service."),
  ),
  TagMsg: v.optional(answerText("`ok`, or what went wrong with the tags.")),
};

/** KeyMetadata: what Describe and List actions tell about a CMK. */
export const keyMetadata = v.pipe(
  v.object({
    KeyId: answerText("The id of the CMK, a UUID."),
    Alias: answerText("The alias."),
    CreateTime: answerInteger("When it was created, unix seconds."),
    Description: answerText("The description; empty when there is none."),
    KeyState: answerText("Enabled, Disabled, PendingImport, PendingDelete or Archived."),
    KeyUsage: answerText("What the key is for."),
    Type: answerInteger("2: a key of a region with AES_256. 4: of a region with SM4."),
    CreatorUin: answerInteger("The account that created it."),
    KeyRotationEnabled: answerBoolean("Whether it rotates by itself."),
    Owner: answerText("`user`, or the product that made it."),
    NextRotateTime: answerInteger("When it rotates next, unix seconds."),
    DeletionDate: answerInteger("When it will be deleted, unix seconds; 0 when it will not."),
    Origin: answerText("TENCENT_KMS, or EXTERNAL for imported key material."),
    ValidTo: answerInteger("When imported material expires, unix seconds; 0 for never."),
    ResourceId: answerText("creatorUin/<CreatorUin>/<KeyId>, as policies name it."),
    HsmClusterId: answerText("The exclusive cluster; empty."),
    RotateDays: v.optional(answerInteger("The rotation period in days.")),
    LastRotateTime: v.optional(answerInteger("When it rotated last, unix seconds.")),
    IsSyncReplica: v.optional(answerInteger("0: primary. 1: replica of a key of another region.")),
    SourceRegion: v.optional(answerText("The region of the primary.")),
    SyncStatus: v.optional(answerInteger("0: none. 1: succeeded. 2: failed. 3: running.")),
    SyncMessages: v.optional(answerText("What synchronising said.")),
    SyncStartTime: v.optional(answerInteger("When synchronising began, unix seconds.")),
    SyncEndTime: v.optional(answerInteger("When synchronising ended, unix seconds.")),
    SourceHsmClusterId: v.optional(answerText("The exclusive cluster of the primary.")),
    AccountAppId: v.optional(answerInteger("The AppId of the account.")),
    AccountUin: v.optional(answerInteger("The account.")),
    AccountName: v.optional(answerText("The account's name.")),
    CreatorUinString: v.optional(answerText("CreatorUin as text.")),
  }),
  v.description("What there is to tell of a CMK."),
);

export type KeyMetadata = v.InferOutput<typeof keyMetadata>;

/** DataKeyMetadata: what Describe and List actions tell about a hosted data key. */
export const dataKeyMetadata = v.pipe(
  v.object({
    DataKeyId: answerText("The id of the data key, a UUID."),
    KeyId: answerText("The CMK that it is encrypted under."),
    KeyName: answerText("The alias of that CMK."),
    DataKeyName: answerText("The name of the data key."),
    NumberOfBytes: answerInteger("Its length."),
    CreateTime: answerInteger("When it was made or imported, unix seconds."),
    Description: answerText("The description; empty when there is none."),
    KeyState: answerText("Enabled, Disabled or PendingDelete."),
    CreatorUin: answerInteger("Who created it."),
    Owner: answerText("`user`."),
    DeletionDate: answerInteger("When it will be deleted, unix seconds; 0 when it will not."),
    Origin: answerText("TENCENT_KMS, or EXTERNAL for an imported one."),
    HsmClusterId: answerText("The exclusive cluster; empty."),
    ResourceId: answerText("creatorUin/<CreatorUin>/<DataKeyId>, as policies name it."),
    IsSyncReplica: v.optional(answerInteger("0: primary. 1: replica of a key of another region.")),
    SourceRegion: v.optional(answerText("The region of the primary.")),
    SyncStatus: v.optional(answerInteger("0: none. 1: succeeded. 2: failed. 3: running.")),
    SyncMessages: v.optional(answerText("What synchronising said.")),
    SyncStartTime: v.optional(answerInteger("When synchronising began, unix seconds.")),
    SyncEndTime: v.optional(answerInteger("When synchronising ended, unix seconds.")),
    SourceHsmClusterId: v.optional(answerText("The exclusive cluster of the primary.")),
    AccountAppId: v.optional(answerInteger("The AppId of the account.")),
    AccountUin: v.optional(answerInteger("The account.")),
    AccountName: v.optional(answerText("The account's name.")),
    CreatorUinString: v.optional(answerText("CreatorUin as text.")),
  }),
  v.description("What there is to tell of a hosted data key."),
);

export type DataKeyMetadata = v.InferOutput<typeof dataKeyMetadata>;

export const algorithmInfo = v.object({
  KeyUsage: answerText("A KeyUsage of CreateKey."),
  Algorithm: answerText("The kind of the keys of this usage."),
});
