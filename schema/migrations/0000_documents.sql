CREATE TABLE "company_terms" (
	"term" text NOT NULL,
	"company" text NOT NULL,
	"strength" real NOT NULL,
	CONSTRAINT "company_terms_term_company_pk" PRIMARY KEY("term","company")
);
--> statement-breakpoint
CREATE TABLE "page_vectors" (
	"page_id" integer PRIMARY KEY NOT NULL,
	"model" text NOT NULL,
	"text_hash" text NOT NULL,
	"vector" real[] NOT NULL,
	"signs" bit varying NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pages" (
	"path" text PRIMARY KEY NOT NULL,
	"id" integer GENERATED ALWAYS AS IDENTITY (sequence name "pages_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"company" text NOT NULL,
	"year" integer,
	"title" text NOT NULL,
	"text_before" text NOT NULL,
	"table_rows" jsonb NOT NULL,
	"text_after" text NOT NULL,
	CONSTRAINT "pages_id_unique" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "search_index" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"built_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"pages" integer NOT NULL,
	"terms" integer NOT NULL,
	"current" boolean NOT NULL,
	"model" text,
	"dimensions" integer,
	"pgvector" boolean DEFAULT false NOT NULL,
	CONSTRAINT "search_index_one" CHECK ("search_index"."only")
);
--> statement-breakpoint
CREATE TABLE "search_pages" (
	"page_id" integer PRIMARY KEY NOT NULL,
	"path" text NOT NULL,
	"company" text NOT NULL,
	"year" integer
);
--> statement-breakpoint
CREATE TABLE "search_terms" (
	"term" text PRIMARY KEY NOT NULL,
	"idf" real NOT NULL,
	"page_ids" integer[] NOT NULL,
	"weights" real[] NOT NULL
);
--> statement-breakpoint
ALTER TABLE "page_vectors" ADD CONSTRAINT "page_vectors_page_id_pages_id_fk" FOREIGN KEY ("page_id") REFERENCES "public"."pages"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "pages_path_bytes" ON "pages" USING btree (("path" collate "C"));