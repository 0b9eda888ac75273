/** KeyMetadata as the API shows a CMK (contract §2.2). */

import type { Principal } from "@edge-kms/protocol";
import type { Key } from "../db/queries/keys.ts";
import { suites } from "./suites.ts";

export const dayMs = 86_400_000;

/** Unix seconds, as all times of the API; 0 for none. */
export const unixSeconds = (ms: number | null): number => (ms === null ? 0 : Math.floor(ms / 1000));

/** When a key made now would first be rotated: a year later, shown even while rotation is off (contract §2.2). */
export const firstRotationMs = (createdAtMs: number): number => createdAtMs + 365 * dayMs;

/** The tail of the key's CAM resource, too. */
export const resourceIdOf = (key: Pick<Key, "creatorUin" | "keyId">): string =>
  `creatorUin/${key.creatorUin}/${key.keyId}`;

/**
 * @param account whose key it is: its numbers are part of the metadata. Numbers of accounts are far below 2^53, and
 *   `CreatorUinString` has them exactly.
 */
export function keyMetadata(key: Key, account: Pick<Principal, "account" | "appId">) {
  return {
    KeyId: key.keyId,
    Alias: key.alias,
    CreateTime: unixSeconds(key.createdAtMs),
    Description: key.description,
    KeyState: key.state,
    KeyUsage: key.keyUsage,
    Type: suites[key.suite].metadataType,
    CreatorUin: Number(key.creatorUin),
    KeyRotationEnabled: key.rotationEnabled,
    Owner: key.owner,
    NextRotateTime: unixSeconds(key.nextRotateAtMs),
    DeletionDate: unixSeconds(key.deletionAtMs),
    Origin: key.origin,
    ValidTo: unixSeconds(key.validToMs),
    ResourceId: resourceIdOf(key),
    HsmClusterId: key.hsmClusterId,
    RotateDays: key.rotateDays,
    LastRotateTime: unixSeconds(key.lastRotatedAtMs),
    IsSyncReplica: 0,
    SourceRegion: "",
    SyncStatus: 0,
    SyncMessages: "",
    SyncStartTime: 0,
    SyncEndTime: 0,
    SourceHsmClusterId: "",
    AccountAppId: account.appId,
    AccountUin: Number(account.account),
    AccountName: "",
    CreatorUinString: key.creatorUin,
  };
}
