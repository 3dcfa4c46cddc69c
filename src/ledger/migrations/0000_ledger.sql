CREATE TABLE "grades" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "grades_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"rollout_id" text NOT NULL,
	"grader" text NOT NULL,
	"version" text NOT NULL,
	"source" text NOT NULL,
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
	CONSTRAINT "grades_outcome" CHECK ("grades"."outcome" in ('scored', 'ungradable', 'failed')),
	CONSTRAINT "grades_score" CHECK (("grades"."outcome" = 'scored') = ("grades"."score" is not null))
);
--> statement-breakpoint
CREATE TABLE "items" (
	"hash" text PRIMARY KEY NOT NULL,
	"content" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rollouts" (
	"id" text PRIMARY KEY NOT NULL,
	"item_hash" text NOT NULL,
	"calls" integer DEFAULT 0 NOT NULL,
	"state" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tool_calls" (
	"rollout_id" text NOT NULL,
	"call_id" text NOT NULL,
	"seq" integer NOT NULL,
	"tool" text NOT NULL,
	"arguments" jsonb NOT NULL,
	"outcome" text NOT NULL,
	"output" text NOT NULL,
	"code" text,
	"attempt" integer DEFAULT 1 NOT NULL,
	"claim" text,
	"lease_until" timestamp (3) with time zone,
	"started_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	CONSTRAINT "tool_calls_rollout_id_call_id_pk" PRIMARY KEY("rollout_id","call_id"),
	CONSTRAINT "tool_calls_outcome" CHECK ("tool_calls"."outcome" in ('running', 'ok', 'refused', 'failed'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX "grades_once" ON "grades" USING btree ("rollout_id","grader","sample_hash") WHERE "grades"."outcome" = 'scored' and "grades"."source" = 'trainer';--> statement-breakpoint
CREATE INDEX "grades_rollout" ON "grades" USING btree ("rollout_id");--> statement-breakpoint
CREATE INDEX "rollouts_item_hash" ON "rollouts" USING btree ("item_hash");--> statement-breakpoint
CREATE INDEX "rollouts_created_at" ON "rollouts" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "tool_calls_running" ON "tool_calls" USING btree ("lease_until") WHERE "tool_calls"."outcome" = 'running';