/** GetServiceStatus: the service is on; counters and quotas are those that creation goes by. */

import { kmsActions } from "@edge-kms/protocol";
import { countDataKeys } from "../../db/queries/data-keys.ts";
import { countTowardsQuota } from "../../db/queries/key-creation.ts";
import { controlAction } from "../action.ts";

export const getServiceStatus = controlAction(kmsActions.GetServiceStatus, {
  async act(call) {
    const { database, cmkQuota, dataKeyQuota } = call.services;
    const [cmks, dataKeys] = await Promise.all([
      database.read((db) => countTowardsQuota(db, call.scope)),
      database.read((db) => countDataKeys(db, call.scope)),
    ]);
    return {
      ServiceEnabled: true,
      InvalidType: 1,
      // Nothing was bought that could end.
      UserLevel: 0,
      ProExpireTime: 0,
      ProRenewFlag: 0,
      ProResourceId: "",
      ExclusiveVSMEnabled: false,
      ExclusiveHSMEnabled: false,
      SubscriptionInfo: "",
      CmkUserCount: cmks,
      CmkLimit: cmkQuota,
      ExclusiveHSMList: [],
      IsAllowedDataKeyHosted: true,
      DataKeyLimit: dataKeyQuota,
      FreeDataKeyLimit: dataKeyQuota,
      DataKeyUsedCount: dataKeys,
      SyncTaskList: [],
      IsAllowedSync: false,
      QpsLimit: 0,
      QpsTotalLimit: 0,
      RegionsQps: [],
      ResourceZone: 0,
      ResourceRegion: 0,
    };
  },
});
