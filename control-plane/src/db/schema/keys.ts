/**
 * CMKs. `Creating` and `Abandoned` are states of a creation that is under way or given up (`keys/creation.ts`), `Deleted` is
 * the tombstone of a key that the bridge has destroyed (`keys/deletion.ts`): no action sees such a row. The alias stays
 * taken while a key waits for deletion, and falls free with its end or with an abandoned creation.
 */

import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { accounts } from "./accounts.ts";

export const keyStates = [
  "Enabled",
  "Disabled",
  "PendingImport",
  "PendingDelete",
  "Archived",
] as const;
export const storedKeyStates = ["Creating", "Abandoned", ...keyStates, "Deleted"] as const;
export const keyOrigins = ["TENCENT_KMS", "EXTERNAL"] as const;
export const keySuites = ["AES_256", "SM4"] as const;
export const materialSteps = ["import", "delete"] as const;
export const edgeModes = ["lease", "proxy", "deny"] as const;

const ms = (name: string) => bigint(name, { mode: "number" });

export const keys = pgTable(
  "keys",
  {
    keyId: uuid("key_id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.account),
    region: text("region").notNull(),
    alias: text("alias").notNull(),
    description: text("description").notNull().default(""),
    state: text("state", { enum: storedKeyStates }).notNull(),
    keyUsage: text("key_usage").notNull(),
    origin: text("origin", { enum: keyOrigins }).notNull(),
    suite: text("suite", { enum: keySuites }).notNull(),
    /** `user`, or the name of the product that made the key. */
    owner: text("owner").notNull().default("user"),
    creatorUin: text("creator_uin").notNull(),
    createdAtMs: ms("created_at_ms").notNull(),
    /** While `Creating`: when others may give the creation up. */
    creatingUntilMs: ms("creating_until_ms"),
    /** The version that encrypts; 0 while there is none. */
    currentVersion: bigint("current_version", { mode: "number" }).notNull().default(0),
    edgeMode: text("edge_mode", { enum: edgeModes }).notNull().default("lease"),
    /** Of this key's leases; the configured ones when null. An expiry of 0: none, the key is proxied. */
    leaseRefreshAfterMs: integer("lease_refresh_after_ms"),
    leaseExpiresAfterMs: integer("lease_expires_after_ms"),
    rotationEnabled: boolean("rotation_enabled").notNull().default(false),
    rotateDays: integer("rotate_days").notNull().default(365),
    lastRotatedAtMs: ms("last_rotated_at_ms"),
    nextRotateAtMs: ms("next_rotate_at_ms"),
    /** A rotation that was asked for and has not happened yet. */
    rotationTaskId: uuid("rotation_task_id"),
    /** While someone rotates the key: when others may take that over. */
    rotatingUntilMs: ms("rotating_until_ms"),
    /** While `PendingDelete`: the date that the bridge has recorded. */
    deletionAtMs: ms("deletion_at_ms"),
    /** While someone changes the bridge's date, or destroys the key: when others may take that over. */
    deletionStepUntilMs: ms("deletion_step_until_ms"),
    deletedAtMs: ms("deleted_at_ms"),
    validToMs: ms("valid_to_ms"),
    /** False for an EXTERNAL key without its material. */
    hasMaterial: boolean("has_material").notNull().default(true),
    /** While material is imported or deleted at the bridge: which, and when others may take that over. */
    materialStep: text("material_step", { enum: materialSteps }),
    materialStepUntilMs: ms("material_step_until_ms"),
    /** Of an asymmetric key: what the bridge signed of its public key (`publicKeyStatement`), as JSON. */
    publicKeyStatement: text("public_key_statement"),
    hsmClusterId: text("hsm_cluster_id").notNull().default(""),
  },
  (t) => [
    uniqueIndex("keys_alias_unique")
      .on(t.account, t.region, t.alias)
      .where(sql`${t.state} not in ('Abandoned', 'Deleted')`),
    index("keys_for_listing").on(t.account, t.region, t.createdAtMs, t.keyId),
    index("keys_for_listing_by_state").on(t.account, t.region, t.state, t.createdAtMs, t.keyId),
    index("keys_being_created")
      .on(t.creatingUntilMs)
      .where(sql`${t.state} in ('Creating', 'Abandoned')`),
    index("keys_to_rotate")
      .on(t.nextRotateAtMs)
      .where(sql`${t.rotationEnabled} or ${t.rotationTaskId} is not null`),
    index("keys_to_destroy").on(t.deletionAtMs).where(sql`${t.state} = 'PendingDelete'`),
    index("keys_with_deletion_step")
      .on(t.deletionStepUntilMs)
      .where(sql`${t.deletionStepUntilMs} is not null`),
    index("keys_with_expiring_material").on(t.validToMs).where(sql`${t.validToMs} is not null`),
    index("keys_with_material_step")
      .on(t.materialStepUntilMs)
      .where(sql`${t.materialStepUntilMs} is not null`),
    check("keys_material_step", sql`${t.materialStep} in ('import', 'delete')`),
    check(
      "keys_state",
      sql`${t.state} in ('Creating', 'Abandoned', 'Enabled', 'Disabled', 'PendingImport', 'PendingDelete', 'Archived', 'Deleted')`,
    ),
    check("keys_edge_mode", sql`${t.edgeMode} in ('lease', 'proxy', 'deny')`),
    check("keys_lease_limit", sql`${t.leaseExpiresAfterMs} between 0 and 900000`),
    check("keys_lease_refresh", sql`${t.leaseRefreshAfterMs} between 0 and 900000`),
    check("keys_lease_order", sql`${t.leaseRefreshAfterMs} <= ${t.leaseExpiresAfterMs}`),
  ],
);
