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
CREATE FUNCTION public.chartvault_fence() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
	me TEXT := current_setting('chartvault.member', true);
BEGIN
	IF me = 'migration' THEN
		RETURN NULL;
	END IF;
	-- Held to the end of the transaction: whoever strikes a member off waits for it.
	PERFORM pg_advisory_xact_lock_shared(hashtextextended('fence ' || split_part(me, ':', 1), 0));
	PERFORM 1 FROM members WHERE server = split_part(me, ':', 1) AND epoch = CAST(split_part(me, ':', 2) AS BIGINT);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no member of the catalogue, or not any more' USING ERRCODE = 'CV001';
	END IF;
	RETURN NULL;
END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.batches (
    id text NOT NULL,
    state text NOT NULL,
    source bytea,
    received_at bigint NOT NULL,
    local bytea,
    sealed bytea NOT NULL,
    pages_in bigint DEFAULT 0 NOT NULL,
    filed bigint DEFAULT 0 NOT NULL,
    separators bigint DEFAULT 0 NOT NULL,
    blanks bigint DEFAULT 0 NOT NULL,
    qa bigint DEFAULT 0 NOT NULL,
    server text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.changes (
    seq bigint NOT NULL,
    document text NOT NULL
);
CREATE SEQUENCE public.changes_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.changes_seq_seq OWNED BY public.changes.seq;
CREATE TABLE public.charts (
    token bytea NOT NULL,
    sealed bytea NOT NULL
);
CREATE TABLE public.documents (
    id text NOT NULL,
    version bigint NOT NULL,
    batch text NOT NULL,
    chart bytea,
    type text NOT NULL,
    service_date text NOT NULL,
    filed_at bigint NOT NULL,
    state text NOT NULL,
    doubts text NOT NULL,
    pages bigint NOT NULL,
    bytes bigint NOT NULL,
    sealed bytea,
    destroyed_at bigint DEFAULT 0 NOT NULL,
    certificate text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.dues (
    document text NOT NULL,
    verdict text NOT NULL,
    due text NOT NULL,
    class text NOT NULL,
    schedule text NOT NULL,
    run bigint NOT NULL
);
CREATE TABLE public.held (
    hold text NOT NULL,
    chart bytea,
    document text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.jobs (
    name text NOT NULL,
    due bigint NOT NULL,
    server text NOT NULL,
    fence bigint NOT NULL,
    until bigint NOT NULL,
    began bigint NOT NULL,
    ended bigint NOT NULL,
    attempts bigint NOT NULL,
    error text NOT NULL
);
CREATE TABLE public.lists (
    name text NOT NULL,
    sealed bytea NOT NULL
);
CREATE TABLE public.log (
    seq bigint NOT NULL,
    server text NOT NULL,
    line bytea NOT NULL
);
CREATE TABLE public.members (
    server text NOT NULL,
    epoch bigint NOT NULL,
    since bigint NOT NULL,
    present bigint NOT NULL
);
CREATE TABLE public.objects (
    name text NOT NULL,
    owner text NOT NULL,
    size bigint NOT NULL,
    version text NOT NULL,
    sum bytea NOT NULL,
    seen_at bigint NOT NULL,
    read_at bigint NOT NULL,
    fault text NOT NULL,
    locked bigint DEFAULT 0 NOT NULL,
    held bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.progress (
    name text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.registers (
    kind text NOT NULL,
    id text NOT NULL,
    chart bytea,
    state text NOT NULL,
    at bigint NOT NULL,
    sealed bytea NOT NULL
);
CREATE TABLE public.schema_version (
    version bigint NOT NULL
);
CREATE TABLE public.signals (
    name text NOT NULL,
    n bigint NOT NULL
);
ALTER TABLE ONLY public.changes ALTER COLUMN seq SET DEFAULT nextval('public.changes_seq_seq'::regclass);
INSERT INTO public.batches VALUES ('jnqtxebm6flf5zxuzuh3qhf47i', 'filed', '\x9cd3327804d56240fc7a8141a2d806082e0c25974d7fa5c109de09159317b165', 1767323045006, '\x1376c3029b790ef5203072f6833db333a755ff1345c70462e3aff88d7d1678738ed73781eed48dbf0f90afc617a908c909bdcb906a4a72abe132065fed7f5ee39f665a107294e902367b', '\xf700303f02788800e75ad3b3c07dbe8ec7e30e7e95529b00cbcc1cbc46ad63ce072bdfccbf98aa5ffb3841246de0cb543c320caf2f8a4fcede489a75a6d0096c232223ca27167f8cb003d34aaea647aecc340bde487370b2a75284d17bd95eca0a33baf2d5c6672cdb028405e7ea73881e2bdcf6b1', 2, 2, 0, 0, 0, 'one');
INSERT INTO public.batches VALUES ('4c4o4v3ywtfz7u63ktzqrzr7ce', 'filed', '\x7c617bded6859dcc34cd13193d6901c2aec18a3737dca3797ee939d8849f8b6f', 1767323045006, '\x568f4f44a6180f7c60c0b4e28f0b73c16dbbca670e7affb458a668378439106fd257cebaa7479dadc3903211b861043a1026314b3f1755d473741133efa6f3314ade5009659500605ee2', '\x1bfaae3edfb6692134f414199718a63c10e94f7ee7d23327f7d8e185fa27e3f699c8f6f720f3eb14cace80ffc89b81a4b96d362c97c91cae9952bdc60c2c81f5763575c0a7fba719e4dbe17a160e4eaa56189ce2d83ea1793c1fa071b447656710bc42479f3551feabd5b693e36c06f37668db6a04', 2, 2, 0, 0, 0, 'one');
INSERT INTO public.batches VALUES ('r2fikgwsy3htcgipsuipp6h6ly', 'filed', '\xd0b729784325b8760b112d240ead3da6bf7dedd184e0814aab10928de2bd7eef', 1767323045006, '\x30fed6ac030e67cde00923b9e62a28733ca13db237fda57be93133c5a873f967e3fff25189f407a2c7e669a6197ed7d418f6dd7d661b0f0082ddefe3f7d502751c4098f5c5aa9383ad63', '\xf0851367d4723d83dcc01e46c7b90e5ac9b25d9f6994c053e980d04980f87a882a4b71ee17b7457d7c60702006b5cec3a2c106cac9f11f6e3f383a520913026297b823b66f735e1894f7df25f91908a270735d22e895e144c1784a73d33fb602c6fd333f537d8c4ee43bb22d0026400413204678e5', 2, 2, 0, 0, 0, 'one');
INSERT INTO public.changes VALUES (1, 'arkc2kdixhik2m4snfhv7et66u');
INSERT INTO public.changes VALUES (2, '45s2zm4v45oskeob5n3rrztbam');
INSERT INTO public.changes VALUES (3, 'wdcq566cy7m32mh7owow6uduwe');
INSERT INTO public.changes VALUES (4, 'wdcq566cy7m32mh7owow6uduwe');
INSERT INTO public.charts VALUES ('\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', '\xacb160ef121deedeababe1c314fed9ae5b282891b575bf7b16492d66efe0d004c32641cc031d0e715f7812dbd73e1b05450cd327cf765424d498df335ced0d831a1e11c1687d090330dd8fd1b9f8997ddb09c93f87ba66a267d3a5ade2f573cf7a8d63a87a990cccca18f6d8431d203ec0af42');
INSERT INTO public.documents VALUES ('arkc2kdixhik2m4snfhv7et66u', 1, 'jnqtxebm6flf5zxuzuh3qhf47i', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\x024258fa17946c134880351b1602b4cdee25858045fe5cc16e4dc9bc3e19e742dc0816920411ee2842be495f8c8709f4fea45847', 0, '');
INSERT INTO public.documents VALUES ('45s2zm4v45oskeob5n3rrztbam', 1, '4c4o4v3ywtfz7u63ktzqrzr7ce', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\x60c2f5929acfe6b9a527d961f51af29744c3ed8d0585d57678ff91dbefe75401e7ff4691e449a42a54a0ad1eeed6884ef5d764da', 0, '');
INSERT INTO public.documents VALUES ('wdcq566cy7m32mh7owow6uduwe', 1, 'r2fikgwsy3htcgipsuipp6h6ly', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'destroyed', '', 2, 1234, NULL, 1700000001000, '000007');
INSERT INTO public.members VALUES ('one', 1, 1795851023938, 1);
INSERT INTO public.registers VALUES ('plan', 'golden', NULL, 'open', 1700000000000, '\xbb028a73d2d9439c1ce0ddef023913402aeb983ee342832c736aecd2c42d3dcd8346f5c3140770faff05889d71e522');
INSERT INTO public.schema_version VALUES (1);
INSERT INTO public.schema_version VALUES (2);
INSERT INTO public.schema_version VALUES (3);
INSERT INTO public.schema_version VALUES (4);
INSERT INTO public.schema_version VALUES (5);
SELECT pg_catalog.setval('public.changes_seq_seq', 4, true);
ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_source_key UNIQUE (source);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.charts
    ADD CONSTRAINT charts_pkey PRIMARY KEY (token);
ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.dues
    ADD CONSTRAINT dues_pkey PRIMARY KEY (document);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.lists
    ADD CONSTRAINT lists_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_pkey PRIMARY KEY (server);
ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.progress
    ADD CONSTRAINT progress_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.registers
    ADD CONSTRAINT registers_pkey PRIMARY KEY (kind, id);
ALTER TABLE ONLY public.signals
    ADD CONSTRAINT signals_pkey PRIMARY KEY (name);
CREATE INDEX documents_batch ON public.documents USING btree (batch);
CREATE INDEX documents_chart ON public.documents USING btree (chart);
CREATE INDEX documents_doubted ON public.documents USING btree (filed_at, id) WHERE (doubts <> ''::text);
CREATE INDEX documents_ended ON public.documents USING btree (destroyed_at);
CREATE INDEX documents_state ON public.documents USING btree (state);
CREATE INDEX dues_due ON public.dues USING btree (verdict, due);
CREATE INDEX held_chart ON public.held USING btree (chart);
CREATE INDEX held_document ON public.held USING btree (document);
CREATE INDEX held_hold ON public.held USING btree (hold);
CREATE INDEX objects_locked ON public.objects USING btree (locked);
CREATE INDEX objects_owner ON public.objects USING btree (owner);
CREATE INDEX objects_read ON public.objects USING btree (read_at, name);
CREATE INDEX objects_seen ON public.objects USING btree (seen_at, name);
CREATE INDEX objects_sum ON public.objects USING btree (sum);
CREATE INDEX registers_chart ON public.registers USING btree (chart);
CREATE INDEX registers_state ON public.registers USING btree (kind, state);
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.batches FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.changes FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.charts FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.documents FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.dues FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.held FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.jobs FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.lists FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.log FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.objects FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.progress FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.registers FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
CREATE TRIGGER fence BEFORE INSERT OR DELETE OR UPDATE ON public.signals FOR EACH STATEMENT EXECUTE FUNCTION public.chartvault_fence();
