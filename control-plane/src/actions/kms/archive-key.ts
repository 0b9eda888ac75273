/** ArchiveKey: from then on the key decrypts and no longer encrypts. */

import { kmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";
import { changeState } from "./change-state.ts";

export const archiveKey = controlAction(kmsActions.ArchiveKey, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await changeState(call, { keyIds: [input.KeyId], member: input.MemberAccount }, "archive");
    return {};
  },
});
