CREATE TABLE "shop_lines" (
	"rollout_id" text NOT NULL,
	"order_id" text NOT NULL,
	"line" integer NOT NULL,
	"variant_id" text NOT NULL,
	CONSTRAINT "shop_lines_rollout_id_order_id_line_pk" PRIMARY KEY("rollout_id","order_id","line")
);
--> statement-breakpoint
CREATE TABLE "shop_orders" (
	"rollout_id" text NOT NULL,
	"id" text NOT NULL,
	"user_id" text NOT NULL,
	"status" text NOT NULL,
	"note" text,
	"refund_cents" integer DEFAULT 0 NOT NULL,
	"to_pay_cents" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "shop_orders_rollout_id_id_pk" PRIMARY KEY("rollout_id","id")
);
--> statement-breakpoint
CREATE TABLE "shop_users" (
	"rollout_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"zip" text NOT NULL,
	CONSTRAINT "shop_users_rollout_id_id_pk" PRIMARY KEY("rollout_id","id")
);
