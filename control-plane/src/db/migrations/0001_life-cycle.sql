CREATE TABLE "cloud_bindings" (
	"key_id" uuid NOT NULL,
	"product_id" text NOT NULL,
	"resource_id" text NOT NULL,
	"account" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "cloud_bindings_key_id_product_id_resource_id_pk" PRIMARY KEY("key_id","product_id","resource_id")
);
--> statement-breakpoint
ALTER TABLE "keys" DROP CONSTRAINT "keys_state";--> statement-breakpoint
DROP INDEX "keys_alias_unique";--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "rotation_task_id" uuid;--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "rotating_until_ms" bigint;--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "deletion_step_until_ms" bigint;--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "deleted_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "cloud_bindings" ADD CONSTRAINT "cloud_bindings_key_id_keys_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."keys"("key_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "keys_to_rotate" ON "keys" USING btree ("next_rotate_at_ms") WHERE "keys"."rotation_enabled" or "keys"."rotation_task_id" is not null;--> statement-breakpoint
CREATE INDEX "keys_to_destroy" ON "keys" USING btree ("deletion_at_ms") WHERE "keys"."state" = 'PendingDelete';--> statement-breakpoint
CREATE INDEX "keys_with_deletion_step" ON "keys" USING btree ("deletion_step_until_ms") WHERE "keys"."deletion_step_until_ms" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "keys_alias_unique" ON "keys" USING btree ("account","region","alias") WHERE "keys"."state" not in ('Abandoned', 'Deleted');--> statement-breakpoint
ALTER TABLE "keys" ADD CONSTRAINT "keys_state" CHECK ("keys"."state" in ('Creating', 'Abandoned', 'Enabled', 'Disabled', 'PendingImport', 'PendingDelete', 'Archived', 'Deleted'));