/** ListKeyDetail: keys of every state with their metadata, filtered. Without KeyUsage only symmetric ones. */

import { kmsActions } from "@edge-kms/protocol";
import { type KeyFilter, listKeys } from "../../db/queries/keys.ts";
import { keyMetadata } from "../../keys/metadata.ts";
import { stateNumbers } from "../../keys/states.ts";
import { usageForListing } from "../../keys/usages.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const listKeyDetail = controlAction(kmsActions.ListKeyDetail, {
  async act(call, input) {
    for (const member of input.MemberAccounts ?? []) refuseMemberAccount(call, member);
    const state = stateNumbers[input.KeyState] ?? null;
    const filter: KeyFilter = {
      states: state === null ? null : [state],
      isUserMade: input.Role === 0,
      origin: input.Origin === "" || input.Origin === "ALL" ? null : input.Origin,
      keyUsage: usageForListing(input.KeyUsage),
      search: input.SearchKeyAlias === "" ? null : input.SearchKeyAlias,
      tags: (input.TagFilters ?? []).map((tag) => ({
        key: tag.TagKey,
        values: tag.TagValue ?? [],
      })),
    };
    const order = input.OrderType === 1 ? "oldest-first" : "newest-first";
    const { keys, total } = await call.services.database.read((db) =>
      listKeys(db, call.scope, filter, { offset: input.Offset, limit: input.Limit, order }),
    );
    return {
      TotalCount: total,
      KeyMetadatas: keys.map((key) => keyMetadata(key, call.principal)),
    };
  },
});
