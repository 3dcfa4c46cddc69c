-- Statistics of an empty ledger: without any, Postgres takes a run for a few rollouts, and a plan that is made in a run's
-- first seconds, and kept by its connection, may read all rollouts of the run to find one. So rows of one run are
-- analyzed and deleted again, and nobody ever sees them.
INSERT INTO "rollouts" ("run", "number", "id", "item_hash")
  SELECT 'default', -n, md5(n::text), encode(sha256((n / 4)::text::bytea), 'hex')
  FROM generate_series(1, 400) n WHERE NOT EXISTS (SELECT FROM "rollouts");--> statement-breakpoint
INSERT INTO "items" ("run", "hash", "content")
  SELECT "run", "item_hash", '{}' FROM "rollouts" WHERE "number" < 0 GROUP BY "run", "item_hash"
  ON CONFLICT DO NOTHING;--> statement-breakpoint
INSERT INTO "tool_calls" ("run", "rollout", "call_id", "seq", "tool", "arguments", "outcome", "output", "started_at")
  SELECT "run", "number", 'call_' || md5(seq::text), seq, 'search', '{}', 'ok', md5("id"), now()
  FROM "rollouts", generate_series(1, 5) seq WHERE "number" < 0;--> statement-breakpoint
INSERT INTO "grades" ("run", "id", "rollout", "grader", "version", "source", "sample_hash", "sample", "item_hash", "outcome", "score", "duration_ms")
  SELECT "run", "number", "number", 'answer', '1', 'trainer', encode(sha256("id"::bytea), 'hex'), '{}', "item_hash", 'scored', 1, 1
  FROM "rollouts" WHERE "number" < 0;--> statement-breakpoint
INSERT INTO "replays" ("run", "rollout")
  SELECT "run", "number" FROM "rollouts" WHERE "number" < 0;--> statement-breakpoint
ANALYZE "items", "rollouts", "tool_calls", "grades", "replays";--> statement-breakpoint
DELETE FROM "replays" WHERE "rollout" < 0;--> statement-breakpoint
DELETE FROM "grades" WHERE "rollout" < 0;--> statement-breakpoint
DELETE FROM "tool_calls" WHERE "rollout" < 0;--> statement-breakpoint
DELETE FROM "items" i USING "rollouts" r WHERE r."number" < 0 AND i."run" = r."run" AND i."hash" = r."item_hash";--> statement-breakpoint
DELETE FROM "rollouts" WHERE "number" < 0;
