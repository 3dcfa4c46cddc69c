CREATE TABLE "sandbox_hosts" (
	"host" text PRIMARY KEY NOT NULL,
	"seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sandboxes" (
	"run" text NOT NULL,
	"rollout" bigint NOT NULL,
	"name" text NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"status" text NOT NULL,
	"provider" text NOT NULL,
	"host" text,
	"handle" text,
	"claim" text,
	"lease_until" timestamp (3) with time zone,
	"requested_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"granted_at" timestamp (3) with time zone,
	"opened_at" timestamp (3) with time zone,
	"closed_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"closings" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp (3) with time zone,
	"cause" text,
	CONSTRAINT "sandboxes_run_rollout_name_pk" PRIMARY KEY("run","rollout","name"),
	CONSTRAINT "sandboxes_status" CHECK ("sandboxes"."status" in ('requested', 'opening', 'open', 'closing', 'closed', 'failed'))
);
--> statement-breakpoint
CREATE INDEX "sandboxes_existing" ON "sandboxes" USING btree ("status") WHERE "sandboxes"."closed_at" is null;--> statement-breakpoint
CREATE INDEX "sandboxes_granted" ON "sandboxes" USING btree ("run","granted_at");--> statement-breakpoint
CREATE INDEX "sandboxes_rollout" ON "sandboxes" USING btree ("rollout");