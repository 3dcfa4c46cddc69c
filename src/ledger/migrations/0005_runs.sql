-- The tables of before are kept in a schema of their own until their rows are taken over, which is resumable.
CREATE SCHEMA "before_runs";--> statement-breakpoint
ALTER TABLE "items" SET SCHEMA "before_runs";--> statement-breakpoint
ALTER TABLE "rollouts" SET SCHEMA "before_runs";--> statement-breakpoint
ALTER TABLE "tool_calls" SET SCHEMA "before_runs";--> statement-breakpoint
ALTER TABLE "grades" SET SCHEMA "before_runs";--> statement-breakpoint
CREATE SEQUENCE "public"."grade_numbers" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE SEQUENCE "public"."rollout_numbers" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "grades" (
	"run" text NOT NULL,
	"id" bigint DEFAULT nextval('grade_numbers') NOT NULL,
	"rollout" bigint NOT NULL,
	"grader" text NOT NULL,
	"version" text NOT NULL,
	"code_hash" text,
	"source" text NOT NULL,
	"execution" text DEFAULT gen_random_uuid()::text NOT NULL,
	"sample_hash" text NOT NULL,
	"sample" jsonb NOT NULL,
	"item_hash" text NOT NULL,
	"outcome" text NOT NULL,
	"score" double precision,
	"parts" jsonb,
	"reason" text,
	"code" text,
	"duration_ms" double precision NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "grades_run_id_pk" PRIMARY KEY("run","id"),
	CONSTRAINT "grades_outcome" CHECK ("grades"."outcome" in ('scored', 'ungradable', 'failed')),
	CONSTRAINT "grades_score" CHECK (("grades"."outcome" = 'scored') = ("grades"."score" is not null))
);
--> statement-breakpoint
CREATE TABLE "items" (
	"run" text NOT NULL,
	"hash" text NOT NULL,
	"content" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "items_run_hash_pk" PRIMARY KEY("run","hash")
);
--> statement-breakpoint
CREATE TABLE "replays" (
	"run" text NOT NULL,
	"rollout" bigint NOT NULL,
	"calls" integer DEFAULT 0 NOT NULL,
	"gradings" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "replays_run_rollout_pk" PRIMARY KEY("run","rollout")
);
--> statement-breakpoint
CREATE TABLE "rollouts" (
	"run" text NOT NULL,
	"number" bigint DEFAULT nextval('rollout_numbers') NOT NULL,
	"id" text NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"item_hash" text NOT NULL,
	"calls" integer DEFAULT 0 NOT NULL,
	"state" jsonb,
	"wire" text,
	"key_name" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"graded_at" timestamp (3) with time zone,
	"due_at" timestamp (3) with time zone DEFAULT now() + interval '1 hour' NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"outcome" text,
	"lease_until" timestamp (3) with time zone,
	"released_at" timestamp (3) with time zone,
	CONSTRAINT "rollouts_run_number_pk" PRIMARY KEY("run","number")
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"name" text PRIMARY KEY NOT NULL,
	"title" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tool_calls" (
	"run" text NOT NULL,
	"rollout" bigint NOT NULL,
	"call_id" text NOT NULL,
	"nth" integer DEFAULT 1 NOT NULL,
	"seq" integer NOT NULL,
	"tool" text NOT NULL,
	"arguments" jsonb NOT NULL,
	"arguments_hash" text,
	"outcome" text NOT NULL,
	"output" text NOT NULL,
	"code" text,
	"cause" jsonb,
	"execution" integer DEFAULT 1 NOT NULL,
	"claim" text,
	"lease_until" timestamp (3) with time zone,
	"started_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"state_before" jsonb,
	"state_after" jsonb,
	CONSTRAINT "tool_calls_run_rollout_call_id_nth_pk" PRIMARY KEY("run","rollout","call_id","nth"),
	CONSTRAINT "tool_calls_outcome" CHECK ("tool_calls"."outcome" in ('running', 'ok', 'refused', 'failed'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX "grades_execution" ON "grades" USING btree ("run","rollout","execution");--> statement-breakpoint
CREATE UNIQUE INDEX "grades_once" ON "grades" USING btree ("run","rollout","grader","sample_hash","item_hash") WHERE "grades"."outcome" = 'scored' and "grades"."source" = 'trainer';--> statement-breakpoint
CREATE UNIQUE INDEX "grades_regraded_once" ON "grades" USING btree ("run","rollout","grader","sample_hash","item_hash","version",coalesce("code_hash", '')) WHERE "grades"."outcome" = 'scored' and "grades"."source" = 'regrade';--> statement-breakpoint
CREATE INDEX "grades_created_at" ON "grades" USING btree ("created_at") WHERE "grades"."source" = 'trainer';--> statement-breakpoint
CREATE UNIQUE INDEX "rollouts_attempt" ON "rollouts" USING btree ("run","id","attempt");--> statement-breakpoint
CREATE INDEX "rollouts_item_hash" ON "rollouts" USING btree ("run","item_hash");--> statement-breakpoint
CREATE INDEX "rollouts_created_at" ON "rollouts" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "rollouts_unreleased" ON "rollouts" USING btree ("created_at") WHERE "rollouts"."released_at" is null;--> statement-breakpoint
CREATE INDEX "tool_calls_running" ON "tool_calls" USING btree ("lease_until") WHERE "tool_calls"."outcome" = 'running';