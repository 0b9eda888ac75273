CREATE TABLE "data_key_tags" (
	"data_key_id" uuid NOT NULL,
	"account" text NOT NULL,
	"tag_key" text NOT NULL,
	"tag_value" text NOT NULL,
	CONSTRAINT "data_key_tags_data_key_id_tag_key_pk" PRIMARY KEY("data_key_id","tag_key")
);
--> statement-breakpoint
CREATE TABLE "data_keys" (
	"data_key_id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"region" text NOT NULL,
	"key_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"state" text NOT NULL,
	"number_of_bytes" integer NOT NULL,
	"origin" text NOT NULL,
	"creator_uin" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"deletion_at_ms" bigint,
	"blob" text,
	"request_id" uuid NOT NULL,
	CONSTRAINT "data_keys_state" CHECK ("data_keys"."state" in ('Enabled', 'Disabled', 'PendingDelete', 'Deleted')),
	CONSTRAINT "data_keys_blob" CHECK (("data_keys"."state" = 'Deleted') = ("data_keys"."blob" is null))
);
--> statement-breakpoint
ALTER TABLE "data_key_tags" ADD CONSTRAINT "data_key_tags_data_key_id_data_keys_data_key_id_fk" FOREIGN KEY ("data_key_id") REFERENCES "public"."data_keys"("data_key_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "data_keys" ADD CONSTRAINT "data_keys_account_accounts_account_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("account") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "data_keys" ADD CONSTRAINT "data_keys_key_id_keys_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."keys"("key_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "data_key_tags_by_value" ON "data_key_tags" USING btree ("account","tag_key","tag_value");--> statement-breakpoint
CREATE UNIQUE INDEX "data_keys_name_unique" ON "data_keys" USING btree ("account","region","name") WHERE "data_keys"."state" <> 'Deleted';--> statement-breakpoint
CREATE UNIQUE INDEX "data_keys_request_once" ON "data_keys" USING btree ("account","request_id");--> statement-breakpoint
CREATE INDEX "data_keys_for_listing" ON "data_keys" USING btree ("account","region","created_at_ms","data_key_id");--> statement-breakpoint
CREATE INDEX "data_keys_by_key" ON "data_keys" USING btree ("key_id");--> statement-breakpoint
CREATE INDEX "data_keys_to_delete" ON "data_keys" USING btree ("deletion_at_ms") WHERE "data_keys"."state" = 'PendingDelete';