CREATE TABLE "access_keys" (
	"secret_id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"uin" text NOT NULL,
	"principal_type" text NOT NULL,
	"sealed" text NOT NULL,
	"status" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "access_keys_principal_type" CHECK ("access_keys"."principal_type" in ('root', 'user')),
	CONSTRAINT "access_keys_status" CHECK ("access_keys"."status" in ('Active', 'Inactive'))
);
--> statement-breakpoint
CREATE TABLE "accounts" (
	"account" text PRIMARY KEY NOT NULL,
	"app_id" bigint NOT NULL,
	"epoch_generation" bigint DEFAULT 0 NOT NULL,
	"epoch_counter" bigint DEFAULT 0 NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "accounts_epoch_not_negative" CHECK ("accounts"."epoch_counter" >= 0 and "accounts"."epoch_generation" >= 0)
);
--> statement-breakpoint
CREATE TABLE "call_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "call_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"event" text NOT NULL,
	"account" text NOT NULL,
	"region" text NOT NULL,
	"time_ms" bigint NOT NULL,
	"request_id" text NOT NULL,
	"action" text NOT NULL,
	"uin" text NOT NULL,
	"secret_id" text NOT NULL,
	"error_code" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "edge_audit_records" (
	"edge" text NOT NULL,
	"instance" text NOT NULL,
	"seq" bigint NOT NULL,
	"prev" text NOT NULL,
	"hash" text NOT NULL,
	"record" text NOT NULL,
	"received_at_ms" bigint NOT NULL,
	"account" text NOT NULL,
	"region" text NOT NULL,
	"time_ms" bigint NOT NULL,
	"request_id" text NOT NULL,
	"action" text NOT NULL,
	"uin" text NOT NULL,
	"secret_id" text NOT NULL,
	"error_code" text NOT NULL,
	CONSTRAINT "edge_audit_records_edge_instance_seq_pk" PRIMARY KEY("edge","instance","seq")
);
--> statement-breakpoint
CREATE TABLE "edge_chains" (
	"edge" text NOT NULL,
	"instance" text NOT NULL,
	"last_seq" bigint NOT NULL,
	"last_hash" text NOT NULL,
	CONSTRAINT "edge_chains_edge_instance_pk" PRIMARY KEY("edge","instance")
);
--> statement-breakpoint
CREATE TABLE "key_tags" (
	"key_id" uuid NOT NULL,
	"account" text NOT NULL,
	"tag_key" text NOT NULL,
	"tag_value" text NOT NULL,
	CONSTRAINT "key_tags_key_id_tag_key_pk" PRIMARY KEY("key_id","tag_key")
);
--> statement-breakpoint
CREATE TABLE "key_versions" (
	"key_id" uuid NOT NULL,
	"version" bigint NOT NULL,
	"account" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "key_versions_key_id_version_pk" PRIMARY KEY("key_id","version")
);
--> statement-breakpoint
CREATE TABLE "keys" (
	"key_id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"region" text NOT NULL,
	"alias" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"state" text NOT NULL,
	"key_usage" text NOT NULL,
	"origin" text NOT NULL,
	"suite" text NOT NULL,
	"owner" text DEFAULT 'user' NOT NULL,
	"creator_uin" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"creating_until_ms" bigint,
	"current_version" bigint DEFAULT 0 NOT NULL,
	"edge_mode" text DEFAULT 'lease' NOT NULL,
	"lease_refresh_after_ms" integer,
	"lease_expires_after_ms" integer,
	"rotation_enabled" boolean DEFAULT false NOT NULL,
	"rotate_days" integer DEFAULT 365 NOT NULL,
	"last_rotated_at_ms" bigint,
	"next_rotate_at_ms" bigint,
	"deletion_at_ms" bigint,
	"valid_to_ms" bigint,
	"hsm_cluster_id" text DEFAULT '' NOT NULL,
	CONSTRAINT "keys_state" CHECK ("keys"."state" in ('Creating', 'Abandoned', 'Enabled', 'Disabled', 'PendingImport', 'PendingDelete', 'Archived')),
	CONSTRAINT "keys_edge_mode" CHECK ("keys"."edge_mode" in ('lease', 'proxy', 'deny')),
	CONSTRAINT "keys_lease_limit" CHECK ("keys"."lease_expires_after_ms" between 0 and 900000)
);
--> statement-breakpoint
CREATE TABLE "used_signatures" (
	"secret_id" text NOT NULL,
	"signature" text NOT NULL,
	"account" text NOT NULL,
	"binding" text NOT NULL,
	"is_state_change" boolean NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	CONSTRAINT "used_signatures_secret_id_signature_pk" PRIMARY KEY("secret_id","signature")
);
--> statement-breakpoint
ALTER TABLE "access_keys" ADD CONSTRAINT "access_keys_account_accounts_account_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("account") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "key_tags" ADD CONSTRAINT "key_tags_key_id_keys_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."keys"("key_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "key_versions" ADD CONSTRAINT "key_versions_key_id_keys_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."keys"("key_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "keys" ADD CONSTRAINT "keys_account_accounts_account_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("account") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "access_keys_by_owner" ON "access_keys" USING btree ("account","uin");--> statement-breakpoint
CREATE INDEX "call_events_by_account" ON "call_events" USING btree ("account","time_ms","id");--> statement-breakpoint
CREATE INDEX "edge_audit_records_by_account" ON "edge_audit_records" USING btree ("account","time_ms");--> statement-breakpoint
CREATE INDEX "key_tags_by_value" ON "key_tags" USING btree ("account","tag_key","tag_value");--> statement-breakpoint
CREATE UNIQUE INDEX "keys_alias_unique" ON "keys" USING btree ("account","region","alias") WHERE "keys"."state" <> 'Abandoned';--> statement-breakpoint
CREATE INDEX "keys_for_listing" ON "keys" USING btree ("account","region","created_at_ms","key_id");--> statement-breakpoint
CREATE INDEX "keys_being_created" ON "keys" USING btree ("creating_until_ms") WHERE "keys"."state" in ('Creating', 'Abandoned');--> statement-breakpoint
CREATE INDEX "used_signatures_by_expiry" ON "used_signatures" USING btree ("expires_at_ms");