/** All tables, for the rooms inside `db/`. */

export { accessKeys } from "./access-keys.ts";
export { accounts } from "./accounts.ts";
export { alarms } from "./alarms.ts";
export { branchUsage } from "./branch-usage.ts";
export { bridgeFreezes } from "./bridge-freezes.ts";
export { bridgeRevisions } from "./bridge-revisions.ts";
export { callEvents } from "./call-events.ts";
export { cloudBindings } from "./cloud-bindings.ts";
export { dataKeys, dataKeyTags } from "./data-keys.ts";
export { edgeAuditRecords } from "./edge-audit-records.ts";
export { edgeChains } from "./edge-chains.ts";
export { edgeInstanceBudgets } from "./edge-instance-budgets.ts";
export { edgeInstances } from "./edge-instances.ts";
export { edgeLeases } from "./edge-leases.ts";
export { edgeRevocations } from "./edge-revocations.ts";
export { keyCounts } from "./key-counts.ts";
export { keyEdgeRevocations } from "./key-edge-revocations.ts";
export { keyTags } from "./key-tags.ts";
export { keyUsage } from "./key-usage.ts";
export { keyVersions } from "./key-versions.ts";
export { keys } from "./keys.ts";
export { notificationTargets } from "./notification-targets.ts";
export { notifications } from "./notifications.ts";
export { usedSignatures } from "./used-signatures.ts";
