/** GetDataKeyCiphertextBlob: what Decrypt, at an edge, opens. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { nextDataKeyState } from "../../data-keys/states.ts";
import { findDataKey } from "../../db/queries/data-keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const getDataKeyCiphertextBlob = controlAction(kmsActions.GetDataKeyCiphertextBlob, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { database } = call.services;
    const row = await database.read((db) => findDataKey(db, call.scope, input.DataKeyId));
    if (row === null) throw new ApiError("ResourceUnavailable.DataKeyNotFound");
    nextDataKeyState(row, "readCiphertext");
    return { CiphertextBlob: row.blob };
  },
});
