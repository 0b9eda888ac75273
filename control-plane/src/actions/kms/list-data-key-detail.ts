/** ListDataKeyDetail: data keys of every state with their metadata, filtered. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { dataKeyMetadata } from "../../data-keys/metadata.ts";
import { type DataKeyFilter, listDataKeys } from "../../db/queries/data-keys.ts";
import { findKey } from "../../db/queries/keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

/** Numbers for states; 0 is all. */
const states = [null, "Enabled", "Disabled", "PendingDelete"] as const;

export const listDataKeyDetail = controlAction(kmsActions.ListDataKeyDetail, {
  keyIds: (input) => (input.KeyId === "" ? [] : [input.KeyId]),
  async act(call, input) {
    for (const member of input.MemberAccounts ?? []) refuseMemberAccount(call, member);
    const { database } = call.services;
    if (input.KeyId !== "") {
      const key = await database.read((db) => findKey(db, call.scope, input.KeyId));
      if (key === null) throw new ApiError("ResourceUnavailable.CmkNotFound");
    }
    if (input.Role === 1) return { TotalCount: 0, DataKeyMetadatas: [] };
    const state = states[input.KeyState] ?? null;
    const filter: DataKeyFilter = {
      states: state === null ? null : [state],
      origin: input.Origin === "" || input.Origin === "ALL" ? null : input.Origin,
      keyId: input.KeyId === "" ? null : input.KeyId,
      numberOfBytes: input.DataKeyLen === 0 ? null : input.DataKeyLen,
      search: input.SearchKeyAlias === "" ? null : input.SearchKeyAlias,
      tags: (input.TagFilters ?? []).map((tag) => ({
        key: tag.TagKey,
        values: tag.TagValue ?? [],
      })),
    };
    const order = input.OrderType === 1 ? "oldest-first" : "newest-first";
    const { dataKeys, total } = await database.read((db) =>
      listDataKeys(db, call.scope, filter, { offset: input.Offset, limit: input.Limit, order }),
    );
    return {
      TotalCount: total,
      DataKeyMetadatas: dataKeys.map((row) => dataKeyMetadata(row, call.principal)),
    };
  },
});
