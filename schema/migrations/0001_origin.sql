ALTER TABLE "pages" ADD COLUMN "origin" text;--> statement-breakpoint
ALTER TABLE "pages" ADD CONSTRAINT "pages_origin" CHECK ("pages"."origin" in ('generated', 'imported'));