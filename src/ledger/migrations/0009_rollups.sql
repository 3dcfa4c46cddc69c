CREATE TABLE "rollup_alarms" (
	"run" text NOT NULL,
	"name" text NOT NULL,
	"since" timestamp (3) with time zone NOT NULL,
	"level" text NOT NULL,
	"seen" text NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "rollup_alarms_run_name_since_pk" PRIMARY KEY("run","name","since")
);
--> statement-breakpoint
CREATE TABLE "rollup_cursor" (
	"id" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"begun_at" timestamp (3) with time zone DEFAULT '-infinity' NOT NULL,
	"graded_at" timestamp (3) with time zone DEFAULT '-infinity' NOT NULL,
	"opened_at" timestamp (3) with time zone DEFAULT '-infinity' NOT NULL,
	"folded_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rollup_groups" (
	"run" text NOT NULL,
	"item_hash" text NOT NULL,
	"visit" integer NOT NULL,
	"burst" integer NOT NULL,
	"first_at" timestamp (3) with time zone NOT NULL,
	"last_at" timestamp (3) with time zone NOT NULL,
	"began" integer NOT NULL,
	"scored" integer NOT NULL,
	"sum" double precision NOT NULL,
	"squares" double precision NOT NULL,
	"least" double precision,
	"most" double precision,
	CONSTRAINT "rollup_groups_run_item_hash_visit_pk" PRIMARY KEY("run","item_hash","visit")
);
--> statement-breakpoint
CREATE TABLE "rollup_open" (
	"run" text NOT NULL,
	"rollout" bigint NOT NULL,
	"seq" integer NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "rollup_open_run_rollout_pk" PRIMARY KEY("run","rollout")
);
--> statement-breakpoint
CREATE TABLE "rollup_refusals" (
	"minute" bigint NOT NULL,
	"code" text NOT NULL,
	"count" integer NOT NULL,
	CONSTRAINT "rollup_refusals_minute_code_pk" PRIMARY KEY("minute","code")
);
--> statement-breakpoint
CREATE TABLE "rollup_runs" (
	"run" text PRIMARY KEY NOT NULL,
	"burst" integer NOT NULL,
	"burst_first_at" timestamp (3) with time zone NOT NULL,
	"burst_last_at" timestamp (3) with time zone NOT NULL,
	"wire" text,
	"key_name" text
);
--> statement-breakpoint
CREATE TABLE "rollups" (
	"run" text NOT NULL,
	"kind" text NOT NULL,
	"bucket" bigint NOT NULL,
	"first_at" timestamp (3) with time zone NOT NULL,
	"last_at" timestamp (3) with time zone NOT NULL,
	"stats" jsonb NOT NULL,
	CONSTRAINT "rollups_run_kind_bucket_pk" PRIMARY KEY("run","kind","bucket")
);
--> statement-breakpoint
CREATE INDEX "rollup_alarms_open" ON "rollup_alarms" USING btree ("run") WHERE "rollup_alarms"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "rollup_open_due_at" ON "rollup_open" USING btree ("due_at");