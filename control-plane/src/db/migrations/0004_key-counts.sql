CREATE TABLE "key_counts" (
	"account" text NOT NULL,
	"region" text NOT NULL,
	"is_user_made" boolean NOT NULL,
	"state" text NOT NULL,
	"key_usage" text NOT NULL,
	"origin" text NOT NULL,
	"n" integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX "key_counts_by_scope" ON "key_counts" USING btree ("account","region");--> statement-breakpoint
CREATE INDEX "keys_for_listing_by_state" ON "keys" USING btree ("account","region","state","created_at_ms","key_id");--> statement-breakpoint
CREATE FUNCTION "count_keys"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO "key_counts" SELECT "account", "region", "owner" = 'user', "state", "key_usage", "origin", count(*)
			FROM "new_keys" GROUP BY 1, 2, 3, 4, 5, 6;
	ELSIF TG_OP = 'DELETE' THEN
		INSERT INTO "key_counts" SELECT "account", "region", "owner" = 'user', "state", "key_usage", "origin", -count(*)
			FROM "old_keys" GROUP BY 1, 2, 3, 4, 5, 6;
	ELSE
		INSERT INTO "key_counts" SELECT "account", "region", "is_user_made", "state", "key_usage", "origin", sum("d")
			FROM (
				SELECT "account", "region", "owner" = 'user' AS "is_user_made", "state", "key_usage", "origin", 1 AS "d" FROM "new_keys"
				UNION ALL
				SELECT "account", "region", "owner" = 'user', "state", "key_usage", "origin", -1 FROM "old_keys"
			) AS "changes"
			GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum("d") <> 0;
	END IF;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER "count_inserted_keys" AFTER INSERT ON "keys" REFERENCING NEW TABLE AS "new_keys" FOR EACH STATEMENT EXECUTE FUNCTION "count_keys"();--> statement-breakpoint
CREATE TRIGGER "count_updated_keys" AFTER UPDATE ON "keys" REFERENCING OLD TABLE AS "old_keys" NEW TABLE AS "new_keys" FOR EACH STATEMENT EXECUTE FUNCTION "count_keys"();--> statement-breakpoint
CREATE TRIGGER "count_deleted_keys" AFTER DELETE ON "keys" REFERENCING OLD TABLE AS "old_keys" FOR EACH STATEMENT EXECUTE FUNCTION "count_keys"();--> statement-breakpoint
INSERT INTO "key_counts" SELECT "account", "region", "owner" = 'user', "state", "key_usage", "origin", count(*) FROM "keys" GROUP BY 1, 2, 3, 4, 5, 6;
