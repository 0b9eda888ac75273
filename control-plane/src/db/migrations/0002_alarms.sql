CREATE TABLE "alarms" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "alarms_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"account" text NOT NULL,
	"region" text NOT NULL,
	"key_id" uuid NOT NULL,
	"alias" text NOT NULL,
	"kind" text NOT NULL,
	"time_ms" bigint NOT NULL,
	"deletion_at_ms" bigint NOT NULL,
	"days_left" integer,
	"request_id" text DEFAULT '' NOT NULL,
	"action" text DEFAULT '' NOT NULL,
	"uin" text DEFAULT '' NOT NULL,
	"secret_id" text DEFAULT '' NOT NULL,
	"source_address" text DEFAULT '' NOT NULL,
	CONSTRAINT "alarms_kind" CHECK ("alarms"."kind" in ('UseOfKeyPendingDeletion', 'DeletionApproaching'))
);
--> statement-breakpoint
CREATE TABLE "notification_targets" (
	"target_id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"kind" text NOT NULL,
	"address" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "notification_targets_kind" CHECK ("notification_targets"."kind" in ('webhook', 'wecom', 'email'))
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"notification_id" uuid PRIMARY KEY NOT NULL,
	"target_id" uuid NOT NULL,
	"account" text NOT NULL,
	"key_id" uuid,
	"kind" text NOT NULL,
	"alarm_id" bigint,
	"untold" integer NOT NULL,
	"state" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"due_at_ms" bigint NOT NULL,
	"claimed_until_ms" bigint,
	"created_at_ms" bigint NOT NULL,
	"settled_at_ms" bigint,
	"last_result" text DEFAULT '' NOT NULL,
	CONSTRAINT "notifications_state" CHECK ("notifications"."state" in ('Waiting', 'Delivered', 'GivenUp'))
);
--> statement-breakpoint
ALTER TABLE "notification_targets" ADD CONSTRAINT "notification_targets_account_accounts_account_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("account") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_target_id_notification_targets_target_id_fk" FOREIGN KEY ("target_id") REFERENCES "public"."notification_targets"("target_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_alarm_id_alarms_id_fk" FOREIGN KEY ("alarm_id") REFERENCES "public"."alarms"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alarms_by_account" ON "alarms" USING btree ("account","time_ms","id");--> statement-breakpoint
CREATE INDEX "alarms_by_key" ON "alarms" USING btree ("key_id","time_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "alarms_reminder_once" ON "alarms" USING btree ("key_id","deletion_at_ms","days_left") WHERE "alarms"."kind" = 'DeletionApproaching';--> statement-breakpoint
CREATE UNIQUE INDEX "notification_targets_once" ON "notification_targets" USING btree ("account","kind","address");--> statement-breakpoint
CREATE UNIQUE INDEX "notifications_waiting_once" ON "notifications" USING btree ("target_id","key_id","kind") WHERE "notifications"."state" = 'Waiting' and "notifications"."kind" <> 'Test';--> statement-breakpoint
CREATE INDEX "notifications_due" ON "notifications" USING btree ("due_at_ms") WHERE "notifications"."state" = 'Waiting';--> statement-breakpoint
CREATE INDEX "notifications_by_target" ON "notifications" USING btree ("target_id","created_at_ms");