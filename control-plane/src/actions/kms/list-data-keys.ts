/** ListDataKeys: ids of data keys that do not wait for deletion, as ListKeys does, newest first. */

import { kmsActions } from "@edge-kms/protocol";
import { listDataKeys as queryDataKeys } from "../../db/queries/data-keys.ts";
import { controlAction } from "../action.ts";

export const listDataKeys = controlAction(kmsActions.ListDataKeys, {
  async act(call, input) {
    // There are no data keys of cloud products.
    if (input.Role === 1) return { DataKeys: [], TotalCount: 0 };
    const filter = {
      states: ["Enabled", "Disabled"] as const,
      origin: null,
      keyId: null,
      numberOfBytes: null,
      search: null,
      tags: [],
    };
    const page = { offset: input.Offset, limit: input.Limit, order: "newest-first" } as const;
    const { dataKeys, total } = await call.services.database.read((db) =>
      queryDataKeys(db, call.scope, filter, page),
    );
    return {
      DataKeys: dataKeys.map(({ dataKeyId }) => ({ DataKeyId: dataKeyId })),
      TotalCount: total,
    };
  },
});
