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
    qa bigint DEFAULT 0 NOT NULL
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
ALTER TABLE ONLY public.changes ALTER COLUMN seq SET DEFAULT nextval('public.changes_seq_seq'::regclass);
INSERT INTO public.batches VALUES ('2vmi6leb3gzwlq5mfud6iv3ule', 'filed', '\x4aa103412ed507f9a500d1193167726610dd5dc1174a861c56635a69688f5a62', 1767323045006, '\xf64b91e3f750cd6332e05dbe0d9678edf5785fa06000062d76304c4c36cb819831f43a76618d9047b89f880f788c2a4b010a143a4e3d56653451b6c785018c9cd22bd1ab50242a60127e', '\x5d04cb4db7daa88468cea94e3ca5ffbc88a418cb8ed4d0172c92e5b65a4c5e5f74d5937726a4444a829b0efe8c230e0b9e2dd8484ff6adf406c3de4d7803454f05b75030cad62bb41725600cdb45a196c80a0632d056287a6c3da76a2e1b0937b2e6193ef693c7d04d2b8af17ed0846d1031e8b5ab', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('esoidxkan44bsc4nyu2ic6arvy', 'filed', '\x3ff9f4dcc4bba6aac2d7e279e7c644b6b0a48e3ac640aafe5f3d4822b8e82dd8', 1767323045006, '\xd6bae12307d38e55662adc7cc7005ecbc24672d78a807bc092f2d13e11541ec763443f0ff57f68996b847c2027a5a7507d177f22745870e5e5c29f97e6b271837c4e2ee38cfad73d93f1', '\x624c8c357b9840f9fcd83f8505fda1d1431f9e30fc0a343b643d1d9a179b051ae4949bcb791aa859ec587a16f9884dd25b912e9e06dcb6a49cae403ef598b1054fa676ae27b1dea203d4cdec1ef7f193493823137b1106a7c53fb0d9d7a49c579addb8cae1ee188fd5407a74e84a204b390f652269', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('xn7o5twf7w2rmcphab7czt7kkq', 'filed', '\x4c7c92a280edb6a6c30607412053f0ca25c9726e13979e608faefecbed589a60', 1767323045006, '\x0362394a3c14cefd6865f753091a8a1f05944d588067ac11ee6579be661c894a517564f58f2e395dc4e65da95725d8bd1388a51b38688664c997bbf1a04ce007928ff62b0bffb271668c', '\xd06683b7ef7264ff575c4c46a2a356a17428fa3e63bd0c048fd7b294d2743f92c1eda97f850392256bbb965d723b192b03185fcbb72e4e74a8bbb419a3a8f7544abf1682e6201cb8b3e3479967afa6e430b3b03eb0d66a87ded0124da3658a6acd4f86adea95981d0d400aeb3f94a3a7aefbc35510', 2, 2, 0, 0, 0);
INSERT INTO public.changes VALUES (1, 'fdwrp3uvjdj6rbofd7mzkaiyva');
INSERT INTO public.changes VALUES (2, '6ffla543lkioezwuglaw7aya2m');
INSERT INTO public.changes VALUES (3, 'ivx2aiwnzgdfke32ulmaijefvm');
INSERT INTO public.changes VALUES (4, 'ivx2aiwnzgdfke32ulmaijefvm');
INSERT INTO public.changes VALUES (5, 'ivx2aiwnzgdfke32ulmaijefvm');
INSERT INTO public.charts VALUES ('\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', '\x48b6f6003a3cd04664b691c8a9ff47feef782fd5277eddb162cafc3cccc946397d7ff4a3917e06724ce786c01d995bf0e6a86131010d74d3ef215043bc1fcc93c56596a772350765a00469393b20bae510089867c2cbd3368fe08206c170b2e79a6ba5101507a749361a60dfe8d11fe5f2fd6fe7f9a3981bd933b11ccc9025');
INSERT INTO public.documents VALUES ('fdwrp3uvjdj6rbofd7mzkaiyva', 1, '2vmi6leb3gzwlq5mfud6iv3ule', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\xdb2f412857e5abd4d87956aef36f41b9d77542a9d184d2fb930dd2d9ac0ff452b322ac1a1f51feef38550e39639f78232bffef85', 0, '');
INSERT INTO public.documents VALUES ('6ffla543lkioezwuglaw7aya2m', 1, 'esoidxkan44bsc4nyu2ic6arvy', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\xb2f6827852fe6b1acec5b19ddcd806d5b738560eaa19ccf4e4a99d764bb40879c9ad2bc1bcab3f032c50f16301f42b7ea96d4d3b', 0, '');
INSERT INTO public.documents VALUES ('ivx2aiwnzgdfke32ulmaijefvm', 1, 'xn7o5twf7w2rmcphab7czt7kkq', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'destroyed', '', 2, 1234, NULL, 1700000001000, '000007');
INSERT INTO public.registers VALUES ('plan', 'golden', NULL, 'open', 1700000000000, '\x67bebbdeddb9a7336e39da5b63654320bbaa9bf49f3d391f677246e1634b6536109f4d073ad717dd23df00c52d5087');
INSERT INTO public.schema_version VALUES (1);
INSERT INTO public.schema_version VALUES (2);
INSERT INTO public.schema_version VALUES (3);
SELECT pg_catalog.setval('public.changes_seq_seq', 5, true);
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
ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.progress
    ADD CONSTRAINT progress_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.registers
    ADD CONSTRAINT registers_pkey PRIMARY KEY (kind, id);
CREATE INDEX documents_batch ON public.documents USING btree (batch);
CREATE INDEX documents_chart ON public.documents USING btree (chart);
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
