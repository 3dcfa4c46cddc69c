DROP TABLE "company_terms" CASCADE;--> statement-breakpoint
DROP TABLE "search_pages" CASCADE;--> statement-breakpoint
DROP TABLE "search_terms" CASCADE;--> statement-breakpoint
ALTER TABLE "search_index" DROP COLUMN "pages";--> statement-breakpoint
ALTER TABLE "search_index" DROP COLUMN "terms";--> statement-breakpoint
ALTER TABLE "search_index" ADD COLUMN "version" uuid DEFAULT gen_random_uuid() NOT NULL;--> statement-breakpoint
CREATE FUNCTION "pages_changed"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	UPDATE search_index SET version = gen_random_uuid();
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER "pages_changed" AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON "pages"
	FOR EACH STATEMENT EXECUTE FUNCTION "pages_changed"();
