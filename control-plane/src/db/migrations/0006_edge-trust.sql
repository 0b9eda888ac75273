CREATE TABLE "bridge_freezes" (
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"frozen_at_ms" bigint NOT NULL,
	CONSTRAINT "bridge_freezes_kind_id_pk" PRIMARY KEY("kind","id")
);
--> statement-breakpoint
CREATE TABLE "bridge_revisions" (
	"id" integer PRIMARY KEY NOT NULL,
	"generation" bigint NOT NULL,
	"freezes_revision" bigint NOT NULL,
	CONSTRAINT "bridge_revisions_one_row" CHECK ("bridge_revisions"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "edge_instance_budgets" (
	"account" text NOT NULL,
	"edge" text NOT NULL,
	"instance" text NOT NULL,
	"max_unacknowledged" bigint NOT NULL,
	"leases_end_at_ms" bigint NOT NULL,
	"accepted_at_ms" bigint,
	CONSTRAINT "edge_instance_budgets_account_edge_instance_pk" PRIMARY KEY("account","edge","instance")
);
--> statement-breakpoint
CREATE TABLE "edge_instances" (
	"edge" text NOT NULL,
	"instance" text NOT NULL,
	"first_heard_at_ms" bigint NOT NULL,
	"last_heard_at_ms" bigint NOT NULL,
	"connected_at_ms" bigint,
	"reported_seq" bigint DEFAULT 0 NOT NULL,
	"settled_at_ms" bigint,
	CONSTRAINT "edge_instances_edge_instance_pk" PRIMARY KEY("edge","instance")
);
--> statement-breakpoint
CREATE TABLE "edge_leases" (
	"lease_id" text PRIMARY KEY NOT NULL,
	"edge" text NOT NULL,
	"instance" text NOT NULL,
	"account" text NOT NULL,
	"region" text NOT NULL,
	"key_id" uuid NOT NULL,
	"version" bigint NOT NULL,
	"branch" text NOT NULL,
	"epoch_generation" bigint NOT NULL,
	"epoch_counter" bigint NOT NULL,
	"max_operations" bigint NOT NULL,
	"max_unacknowledged" bigint NOT NULL,
	"granted_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "edge_revocations" (
	"account" text NOT NULL,
	"edge" text NOT NULL,
	"revoked_at_ms" bigint NOT NULL,
	CONSTRAINT "edge_revocations_account_edge_pk" PRIMARY KEY("account","edge")
);
--> statement-breakpoint
CREATE TABLE "key_edge_revocations" (
	"key_id" uuid NOT NULL,
	"edge" text NOT NULL,
	"account" text NOT NULL,
	"revoked_at_ms" bigint NOT NULL,
	CONSTRAINT "key_edge_revocations_key_id_edge_pk" PRIMARY KEY("key_id","edge")
);
--> statement-breakpoint
ALTER TABLE "edge_revocations" ADD CONSTRAINT "edge_revocations_account_accounts_account_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("account") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "key_edge_revocations" ADD CONSTRAINT "key_edge_revocations_key_id_keys_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."keys"("key_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "edge_instances_by_time" ON "edge_instances" USING btree ("edge","last_heard_at_ms");--> statement-breakpoint
CREATE INDEX "edge_leases_by_key" ON "edge_leases" USING btree ("key_id","expires_at_ms");--> statement-breakpoint
CREATE INDEX "edge_leases_by_edge" ON "edge_leases" USING btree ("account","edge","expires_at_ms");--> statement-breakpoint
CREATE INDEX "edge_leases_by_expiry" ON "edge_leases" USING btree ("expires_at_ms");