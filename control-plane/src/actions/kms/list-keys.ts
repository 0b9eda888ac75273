/** ListKeys: ids of keys that are Enabled, Disabled or PendingImport, newest first. */

import { kmsActions } from "@edge-kms/protocol";
import { listKeys as queryKeys } from "../../db/queries/keys.ts";
import { listedStates } from "../../keys/states.ts";
import { controlAction } from "../action.ts";

export const listKeys = controlAction(kmsActions.ListKeys, {
  async act(call, input) {
    const filter = {
      states: listedStates,
      isUserMade: input.Role === 0,
      origin: null,
      keyUsage: null,
      search: null,
      tags: [],
    };
    const page = { offset: input.Offset, limit: input.Limit, order: "newest-first" } as const;
    const { keys, total } = await call.services.database.read((db) =>
      queryKeys(db, call.scope, filter, page),
    );
    return { Keys: keys.map(({ keyId }) => ({ KeyId: keyId })), TotalCount: total };
  },
});
