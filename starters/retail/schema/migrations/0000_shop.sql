CREATE TABLE "shop_lines" (
	"rollout" bigint DEFAULT scorekeeper_rollout() NOT NULL,
	"order_id" text NOT NULL,
	"line" integer NOT NULL,
	"variant_id" text NOT NULL,
	CONSTRAINT "shop_lines_rollout_order_id_line_pk" PRIMARY KEY("rollout","order_id","line")
);
--> statement-breakpoint
ALTER TABLE "shop_lines" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "shop_orders" (
	"rollout" bigint DEFAULT scorekeeper_rollout() NOT NULL,
	"id" text NOT NULL,
	"user_id" text NOT NULL,
	"status" text NOT NULL,
	"note" text,
	"refund_cents" integer DEFAULT 0 NOT NULL,
	"to_pay_cents" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "shop_orders_rollout_id_pk" PRIMARY KEY("rollout","id")
);
--> statement-breakpoint
ALTER TABLE "shop_orders" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "shop_users" (
	"rollout" bigint DEFAULT scorekeeper_rollout() NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"zip" text NOT NULL,
	CONSTRAINT "shop_users_rollout_id_pk" PRIMARY KEY("rollout","id")
);
--> statement-breakpoint
ALTER TABLE "shop_users" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "scorekeeper_rollout" ON "shop_lines" AS PERMISSIVE FOR ALL TO public USING (rollout = scorekeeper_rollout()) WITH CHECK (rollout = scorekeeper_rollout());--> statement-breakpoint
CREATE POLICY "scorekeeper_rollout" ON "shop_orders" AS PERMISSIVE FOR ALL TO public USING (rollout = scorekeeper_rollout()) WITH CHECK (rollout = scorekeeper_rollout());--> statement-breakpoint
CREATE POLICY "scorekeeper_rollout" ON "shop_users" AS PERMISSIVE FOR ALL TO public USING (rollout = scorekeeper_rollout()) WITH CHECK (rollout = scorekeeper_rollout());