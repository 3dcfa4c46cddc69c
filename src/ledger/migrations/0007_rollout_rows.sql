-- The number of the rollout whose rows a transaction may use. Policies and defaults of rollout tables call it: without the
-- setting it fails, also on a connection on which an earlier transaction had set it.
CREATE FUNCTION "scorekeeper_rollout"() RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	IF coalesce(current_setting('scorekeeper.rollout', true), '') = '' THEN
		RAISE EXCEPTION 'the statement uses the rows of a rollout, and runs outside of any rollout'
			USING HINT = 'Use the db or tx of the tool, the grader or the hook. A tool with rows: false has no rollout tables.';
	END IF;
	RETURN current_setting('scorekeeper.rollout')::bigint;
END $$;
--> statement-breakpoint
ALTER TABLE "rollouts" ADD COLUMN "begun_at" timestamp (3) with time zone;
