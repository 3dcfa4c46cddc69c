-- Written by pg_dump from a database of the one migration chain that came before the two: five migrations, and rows in every table.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA drizzle;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE drizzle.__drizzle_migrations (
    id integer NOT NULL,
    hash text NOT NULL,
    created_at bigint
);
CREATE SEQUENCE drizzle.__drizzle_migrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE drizzle.__drizzle_migrations_id_seq OWNED BY drizzle.__drizzle_migrations.id;
CREATE TABLE public.company_terms (
    term text NOT NULL,
    company text NOT NULL,
    strength real NOT NULL
);
CREATE TABLE public.grades (
    id bigint NOT NULL,
    rollout_id text NOT NULL,
    grader text NOT NULL,
    version text NOT NULL,
    source text NOT NULL,
    sample_hash text NOT NULL,
    sample jsonb NOT NULL,
    item_hash text NOT NULL,
    outcome text NOT NULL,
    score double precision,
    parts jsonb,
    reason text,
    code text,
    duration_ms double precision NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    code_hash text,
    CONSTRAINT grades_outcome CHECK ((outcome = ANY (ARRAY['scored'::text, 'ungradable'::text, 'failed'::text]))),
    CONSTRAINT grades_score CHECK (((outcome = 'scored'::text) = (score IS NOT NULL)))
);
ALTER TABLE public.grades ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.grades_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.items (
    hash text NOT NULL,
    content jsonb NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp(3) with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.page_vectors (
    page_id integer NOT NULL,
    model text NOT NULL,
    text_hash text NOT NULL,
    vector real[] NOT NULL,
    signs bit varying NOT NULL
);
CREATE TABLE public.pages (
    path text NOT NULL,
    id integer NOT NULL,
    company text NOT NULL,
    year integer,
    title text NOT NULL,
    text_before text NOT NULL,
    table_rows jsonb NOT NULL,
    text_after text NOT NULL,
    origin text,
    CONSTRAINT pages_origin CHECK ((origin = ANY (ARRAY['generated'::text, 'imported'::text])))
);
ALTER TABLE public.pages ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.pages_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.rollouts (
    id text NOT NULL,
    item_hash text NOT NULL,
    calls integer DEFAULT 0 NOT NULL,
    state jsonb,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.search_index (
    "only" boolean DEFAULT true NOT NULL,
    built_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    pages integer NOT NULL,
    terms integer NOT NULL,
    current boolean NOT NULL,
    model text,
    dimensions integer,
    pgvector boolean DEFAULT false NOT NULL,
    CONSTRAINT search_index_one CHECK ("only")
);
CREATE TABLE public.search_pages (
    page_id integer NOT NULL,
    path text NOT NULL,
    company text NOT NULL,
    year integer
);
CREATE TABLE public.search_terms (
    term text NOT NULL,
    idf real NOT NULL,
    page_ids integer[] NOT NULL,
    weights real[] NOT NULL
);
CREATE TABLE public.tool_calls (
    rollout_id text NOT NULL,
    call_id text NOT NULL,
    seq integer NOT NULL,
    tool text NOT NULL,
    arguments jsonb NOT NULL,
    outcome text NOT NULL,
    output text NOT NULL,
    code text,
    attempt integer DEFAULT 1 NOT NULL,
    claim text,
    lease_until timestamp(3) with time zone,
    started_at timestamp(3) with time zone NOT NULL,
    finished_at timestamp(3) with time zone,
    CONSTRAINT tool_calls_outcome CHECK ((outcome = ANY (ARRAY['running'::text, 'ok'::text, 'refused'::text, 'failed'::text])))
);
ALTER TABLE ONLY drizzle.__drizzle_migrations ALTER COLUMN id SET DEFAULT nextval('drizzle.__drizzle_migrations_id_seq'::regclass);
INSERT INTO drizzle.__drizzle_migrations VALUES (1, 'e084ff0b9aec96458e02224caecb4b210077dcf91a16db9bf96adbd42f1d21fd', 1795376741098);
INSERT INTO drizzle.__drizzle_migrations VALUES (2, 'a300db3f26875d12d8d8f8c3194f0d59645f14cdb42915cc17cd7d2805d4f1b0', 1795379346236);
INSERT INTO drizzle.__drizzle_migrations VALUES (3, '14b9e023de3b65ccb208be8b258d78e98c4e70ef0ae06357465fc01f52ec5e0f', 1795387651617);
INSERT INTO drizzle.__drizzle_migrations VALUES (4, 'de6a3bb5b05c75837d63a98214b06cf18c430300dea6948338ead713a3605654', 1795400744571);
INSERT INTO drizzle.__drizzle_migrations VALUES (5, '28dd326a461e757ed856674b5f6ea7a31fba65bbba6b1cda6d8cf2b023be5bd2', 1795403330107);
INSERT INTO public.company_terms VALUES ('acm', 'ACME', 1);
INSERT INTO public.grades OVERRIDING SYSTEM VALUE VALUES (1, 'rollout-1', 'finqa', '1', 'trainer', 'sample-1', '{"output_text": "94"}', 'item-a', 'scored', 1, '{"answer": 1}', NULL, NULL, 1.5, '2026-11-20 10:00:03+00', 'code-1');
INSERT INTO public.grades OVERRIDING SYSTEM VALUE VALUES (2, 'rollout-1', 'finqa', '2', 'regrade', 'sample-1', '{"output_text": "94"}', 'item-a', 'scored', 0.5, NULL, 'half', NULL, 2.25, '2026-11-21 10:00:03+00', 'code-2');
INSERT INTO public.grades OVERRIDING SYSTEM VALUE VALUES (3, 'rollout-2', 'finqa', '1', 'trainer', 'sample-2', '{"output_text": "?"}', 'item-b', 'failed', NULL, NULL, NULL, 'grader_failed', 3, '2026-11-20 10:00:04+00', NULL);
INSERT INTO public.items VALUES ('item-a', '{"messages": [{"role": "user", "content": "how much?"}], "reference_answer": "94"}', '2026-11-20 10:00:00+00', '2026-11-20 10:00:01+00');
INSERT INTO public.items VALUES ('item-b', '{"reference_answer": "O''Hara \\ ü"}', '2026-11-20 10:00:00+00', '2026-11-20 10:00:02+00');
INSERT INTO public.page_vectors VALUES (1, 'model', 'hash', '{1,0}', B'10');
INSERT INTO public.pages OVERRIDING SYSTEM VALUE VALUES ('ACME/2020/page_1', 1, 'ACME', 2020, 'Revenue', 'before', '[["", "2020"], ["revenue", "94"]]', 'after', 'generated');
INSERT INTO public.pages OVERRIDING SYSTEM VALUE VALUES ('ACME/2021/page_2', 2, 'ACME', 2021, 'Costs', 'before', '[]', 'after', NULL);
INSERT INTO public.rollouts VALUES ('rollout-1', 'item-a', 3, '{"notes": ["first"]}', '2026-11-20 10:00:00+00');
INSERT INTO public.rollouts VALUES ('rollout-2', 'item-b', 0, NULL, '2026-11-20 10:00:02+00');
INSERT INTO public.search_index VALUES (true, '2026-11-20 09:00:00+00', 1, 1, true, 'model', 2, false);
INSERT INTO public.search_pages VALUES (1, 'ACME/2020/page_1', 'ACME', 2020);
INSERT INTO public.search_terms VALUES ('revenu', 1.5, '{1}', '{0.5}');
INSERT INTO public.tool_calls VALUES ('rollout-1', 'call-1', 1, 'search', '{"query": "revenue"}', 'ok', 'a page', NULL, 1, NULL, NULL, '2026-11-20 10:00:00+00', '2026-11-20 10:00:00.5+00');
INSERT INTO public.tool_calls VALUES ('rollout-1', 'call-2', 2, 'cat', '{"path": "x"}', 'refused', 'there is no page x', 'refused', 1, NULL, NULL, '2026-11-20 10:00:01+00', '2026-11-20 10:00:01.5+00');
INSERT INTO public.tool_calls VALUES ('rollout-1', 'call-3', 3, 'cat', '{}', 'running', '', NULL, 2, 'a-claim', '2026-11-20 10:01:00+00', '2026-11-20 10:00:02+00', NULL);
SELECT pg_catalog.setval('drizzle.__drizzle_migrations_id_seq', 5, true);
SELECT pg_catalog.setval('public.grades_id_seq', 3, true);
SELECT pg_catalog.setval('public.pages_id_seq', 2, true);
ALTER TABLE ONLY drizzle.__drizzle_migrations
    ADD CONSTRAINT __drizzle_migrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.company_terms
    ADD CONSTRAINT company_terms_term_company_pk PRIMARY KEY (term, company);
ALTER TABLE ONLY public.grades
    ADD CONSTRAINT grades_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.page_vectors
    ADD CONSTRAINT page_vectors_pkey PRIMARY KEY (page_id);
ALTER TABLE ONLY public.pages
    ADD CONSTRAINT pages_id_unique UNIQUE (id);
ALTER TABLE ONLY public.pages
    ADD CONSTRAINT pages_pkey PRIMARY KEY (path);
ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.search_index
    ADD CONSTRAINT search_index_pkey PRIMARY KEY ("only");
ALTER TABLE ONLY public.search_pages
    ADD CONSTRAINT search_pages_pkey PRIMARY KEY (page_id);
ALTER TABLE ONLY public.search_terms
    ADD CONSTRAINT search_terms_pkey PRIMARY KEY (term);
ALTER TABLE ONLY public.tool_calls
    ADD CONSTRAINT tool_calls_rollout_id_call_id_pk PRIMARY KEY (rollout_id, call_id);
CREATE UNIQUE INDEX grades_once ON public.grades USING btree (rollout_id, grader, sample_hash) WHERE ((outcome = 'scored'::text) AND (source = 'trainer'::text));
CREATE UNIQUE INDEX grades_regraded_once ON public.grades USING btree (rollout_id, grader, sample_hash, version, COALESCE(code_hash, ''::text)) WHERE ((outcome = 'scored'::text) AND (source = 'regrade'::text));
CREATE INDEX grades_rollout ON public.grades USING btree (rollout_id);
CREATE INDEX pages_path_bytes ON public.pages USING btree (path COLLATE "C");
CREATE INDEX rollouts_created_at ON public.rollouts USING btree (created_at);
CREATE INDEX rollouts_item_hash ON public.rollouts USING btree (item_hash);
CREATE INDEX tool_calls_running ON public.tool_calls USING btree (lease_until) WHERE (outcome = 'running'::text);
ALTER TABLE ONLY public.page_vectors
    ADD CONSTRAINT page_vectors_page_id_pages_id_fk FOREIGN KEY (page_id) REFERENCES public.pages(id) ON DELETE CASCADE;
