/** DataKeyMetadata as the API shows a hosted data key (contract §2.2). */

import type { Principal } from "@edge-kms/protocol";
import type { DataKey } from "../db/queries/data-keys.ts";
import { unixSeconds } from "../keys/metadata.ts";

export function dataKeyMetadata(row: DataKey, account: Pick<Principal, "account" | "appId">) {
  return {
    DataKeyId: row.dataKeyId,
    KeyId: row.keyId,
    KeyName: row.keyAlias,
    DataKeyName: row.name,
    NumberOfBytes: row.numberOfBytes,
    CreateTime: unixSeconds(row.createdAtMs),
    Description: row.description,
    KeyState: row.state,
    CreatorUin: Number(row.creatorUin),
    Owner: "user",
    DeletionDate: unixSeconds(row.deletionAtMs),
    Origin: row.origin,
    HsmClusterId: "",
    ResourceId: `creatorUin/${row.creatorUin}/${row.dataKeyId}`,
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
    CreatorUinString: row.creatorUin,
  };
}
