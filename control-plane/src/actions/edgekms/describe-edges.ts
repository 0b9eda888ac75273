/** DescribeEdges: what the bridge has enrolled for the account, beside what this database knows of it. */

import { type ActionOutput, edgekmsActions } from "@edge-kms/protocol";
import { unaccountedAtMost } from "../../audit/unaccounted.ts";
import { type Instance, listInstances } from "../../db/queries/edge-instances.ts";
import { countKeysHeld } from "../../db/queries/edge-leases.ts";
import { countKeysRevoked, listRevokedEdges } from "../../db/queries/edge-revocations.ts";
import { controlAction } from "../action.ts";
import { edgesOf, seconds } from "./find.ts";

const maxInstances = 100;

export const describeEdges = controlAction(edgekmsActions.DescribeEdges, {
  isRegionless: true,
  async act(call, input) {
    const { database } = call.services;
    const { account } = call.principal;
    const all = await edgesOf(call);
    const matching = all.filter(({ edge }) => input.EdgeId === undefined || edge === input.EdgeId);
    const page = matching.slice(input.Offset, input.Offset + input.Limit);
    const names = page.map(({ edge }) => edge);
    const revoked = await database.read((db) => listRevokedEdges(db, account));
    const held = await database.read((db) => countKeysHeld(db, account, names, call.nowMs));
    const taken = await database.read((db) => countKeysRevoked(db, account, names));
    const instances = await database.read((db) => listInstances(db, account, names));
    return {
      TotalCount: matching.length,
      Edges: page.map((edge) => {
        const own = instances.filter((instance) => instance.edge === edge.edge);
        return {
          EdgeId: edge.edge,
          Group: edge.group,
          Regions: [...edge.regions],
          EnrolledTime: seconds(edge.enrolledAtMs),
          Revoked: revoked.has(edge.edge),
          RevokedTime: seconds(revoked.get(edge.edge) ?? 0),
          Frozen: edge.isFrozen,
          Connected: own.some(({ isConnected }) => isConnected),
          LastHeardTime: seconds(own[0]?.lastHeardAtMs ?? 0),
          LeasedKeys: held.get(edge.edge) ?? 0,
          RevokedKeys: taken.get(edge.edge) ?? 0,
          LastAuditSequence: own[0]?.storedSeq ?? 0,
          UnaccountedAtMost: own.reduce((sum, one) => sum + unaccountedAtMost(one), 0),
          Instances: own.slice(0, maxInstances).map(describeInstance),
        };
      }),
    };
  },
});

type Description = ActionOutput<
  typeof edgekmsActions.DescribeEdges
>["Edges"][number]["Instances"][number];

function describeInstance(instance: Instance): Description {
  return {
    InstanceId: instance.instance,
    Connected: instance.isConnected,
    FirstHeardTime: seconds(instance.firstHeardAtMs),
    LastHeardTime: seconds(instance.lastHeardAtMs),
    LeasesEndTime: seconds(instance.leasesEndAtMs),
    StoredSequence: instance.storedSeq,
    ReportedSequence: Math.max(instance.reportedSeq, instance.storedSeq),
    Settled: instance.isSettled,
    UnaccountedAtMost: unaccountedAtMost(instance),
  };
}
