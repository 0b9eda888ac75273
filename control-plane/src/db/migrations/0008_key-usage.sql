CREATE TABLE "branch_usage" (
	"key_id" uuid NOT NULL,
	"version" bigint NOT NULL,
	"branch" text NOT NULL,
	"messages_encrypted" bigint NOT NULL,
	"last_used_at_ms" bigint NOT NULL,
	CONSTRAINT "branch_usage_key_id_version_branch_pk" PRIMARY KEY("key_id","version","branch")
);
--> statement-breakpoint
CREATE TABLE "key_usage" (
	"key_id" uuid PRIMARY KEY NOT NULL,
	"last_used_at_ms" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "branch_usage" ADD CONSTRAINT "branch_usage_key_id_keys_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."keys"("key_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "key_usage" ADD CONSTRAINT "key_usage_key_id_keys_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."keys"("key_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
-- What is stored counts too. A record with an escaped NUL is no JSON to PostgreSQL.
INSERT INTO "branch_usage"
SELECT k.key_id, (u->>'version')::bigint, u->>'branch', count(*) FILTER (WHERE u->>'use' = 'encrypt'), max(least(r.time_ms, r.received_at_ms))
FROM "edge_audit_records" r
CROSS JOIN LATERAL json_array_elements(r.record::json->'event'->'uses') u
JOIN "keys" k ON k.key_id::text = u->>'keyId' AND k.account = r.account
WHERE r.error_code = '' AND position('\u0000' in r.record) = 0
GROUP BY 1, 2, 3;
--> statement-breakpoint
INSERT INTO "key_usage"
SELECT k.key_id, max(least(r.time_ms, r.received_at_ms))
FROM "edge_audit_records" r
CROSS JOIN LATERAL (
	SELECT json_array_elements_text(r.record::json->'event'->'keyIds') AS id
	UNION SELECT u->>'keyId' FROM json_array_elements(r.record::json->'event'->'uses') u
) named
JOIN "keys" k ON k.key_id::text = named.id AND k.account = r.account
WHERE r.error_code = '' AND r.action <> 'GetPublicKey' AND position('\u0000' in r.record) = 0
GROUP BY 1;
