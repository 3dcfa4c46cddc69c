-- For people: the ledger with the trainers' ids in it. The setting scorekeeper.run limits the views to one run.
CREATE SCHEMA "ledger";--> statement-breakpoint
CREATE VIEW "ledger"."rollouts" AS
	SELECT r.run, r.id AS rollout_id, r.attempt, r.number, r.item_hash, i.content AS item, r.calls, r.state, r.wire, r.key_name,
		r.created_at, r.graded_at, r.due_at, r.ended_at, r.outcome, r.released_at
	FROM rollouts r LEFT JOIN items i ON i.run = r.run AND i.hash = r.item_hash
	WHERE coalesce(current_setting('scorekeeper.run', true), '') IN ('', r.run);--> statement-breakpoint
CREATE VIEW "ledger"."calls" AS
	SELECT r.run, r.id AS rollout_id, r.attempt, t.rollout AS number, t.call_id, t.nth, t.seq, t.tool, t.arguments, t.outcome,
		t.output, t.code, t.cause, t.execution, t.claim, t.lease_until, t.started_at, t.finished_at, t.state_before, t.state_after
	FROM tool_calls t JOIN rollouts r ON r.run = t.run AND r.number = t.rollout
	WHERE coalesce(current_setting('scorekeeper.run', true), '') IN ('', r.run);--> statement-breakpoint
CREATE VIEW "ledger"."gradings" AS
	SELECT r.run, r.id AS rollout_id, r.attempt, g.rollout AS number, g.id, g.grader, g.version, g.code_hash, g.source,
		g.sample_hash, g.sample, g.item_hash, g.outcome, g.score, g.parts, g.reason, g.code, g.duration_ms, g.created_at
	FROM grades g JOIN rollouts r ON r.run = g.run AND r.number = g.rollout
	WHERE coalesce(current_setting('scorekeeper.run', true), '') IN ('', r.run);
