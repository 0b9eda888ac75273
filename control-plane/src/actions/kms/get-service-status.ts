/** GetServiceStatus: the service is on; counter and quota are those that CreateKey goes by. */

import { kmsActions } from "@edge-kms/protocol";
import { countTowardsQuota } from "../../db/queries/key-creation.ts";
import { controlAction } from "../action.ts";

export const getServiceStatus = controlAction(kmsActions.GetServiceStatus, {
  async act(call) {
    const { database, cmkQuota } = call.services;
    return {
      ServiceEnabled: true,
      InvalidType: 1,
      UserLevel: 1,
      ProExpireTime: 0,
      ProRenewFlag: 0,
      ProResourceId: "",
      ExclusiveVSMEnabled: false,
      ExclusiveHSMEnabled: false,
      SubscriptionInfo: "",
      CmkUserCount: await database.read((db) => countTowardsQuota(db, call.scope)),
      CmkLimit: cmkQuota,
      ExclusiveHSMList: [],
      IsAllowedDataKeyHosted: false,
      DataKeyLimit: 0,
      FreeDataKeyLimit: 0,
      DataKeyUsedCount: 0,
      SyncTaskList: [],
      IsAllowedSync: false,
    };
  },
});
