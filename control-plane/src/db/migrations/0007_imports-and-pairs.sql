ALTER TABLE "keys" ADD COLUMN "has_material" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "material_step" text;--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "material_step_until_ms" bigint;--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "public_key_statement" text;--> statement-breakpoint
CREATE INDEX "keys_with_expiring_material" ON "keys" USING btree ("valid_to_ms") WHERE "keys"."valid_to_ms" is not null;--> statement-breakpoint
CREATE INDEX "keys_with_material_step" ON "keys" USING btree ("material_step_until_ms") WHERE "keys"."material_step_until_ms" is not null;--> statement-breakpoint
ALTER TABLE "keys" ADD CONSTRAINT "keys_material_step" CHECK ("keys"."material_step" in ('import', 'delete'));