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
INSERT INTO public.batches VALUES ('ezbpxdmy6sinxo7tqpjdflqr2i', 'filed', '\xd60d6bd761471169207f0f0aa10b817a4970efedbaffb58815ec90d990d0dc2c', 1767323045006, '\xad539cd672f42bd219e62e185046807b384729923ea39695cdf20b92f808fdfd88d55d09cd481d1e7e3cce79686a986bac53688f80677af3ac70ddfd9f6c82e480457381ef4e08d78f91', '\x3418c3bd52eaa3e3b9f6d60ee00add07e09ba2346382c924f05d06da845c77f902a4811686d5a60819e3265a9164a862db45346eba909eeddc9dece84ea5dfc3ccb81198cc63a66385e0ca6763314b58908c4b1a4750ba114150af90899d4f1c5d9576514f02c90f20c061cd4cd6bb46f2dc7b9ca7', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('z3bxb2yzapwmappoxg756dumlm', 'filed', '\x94f1878ed35b8cebf05e8cdee2424dd132b488d5c48618b76588be8aabbf6eeb', 1767323045006, '\x1dd3fe75c88ada33545b76ed5237df9b733868967073c5b3a1c4f3ea4ea81322ed57d203c0993a0a078cc0cea4ddd7ce8abc44110196b75568cd7dd95062ff2f3ed216fbe7b7c415db78', '\x42252c696b5e63ef393f1c7c68f90ba7bef3b5612d7b35c9992dd75b6cace6f9f9079dad36977f9697cbbb5655940bedaada3fee1e34dd409d0f775633bd158dca3deb5a2f62bfada8a51994ff403180eeb8c5fbda514e5bdc03f7edadd04dd7ef71919f799a06de8a015f1f4f271f8c72aa9a7f7e', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('6yltpisi73mpjco4ascdodrume', 'filed', '\x95b9dc923877406966f14e909cd9957e75565245e4646f0a4a3d323c8380423f', 1767323045006, '\x6c9e09e7d0c428698fae39806cd341a6160e3540618912af9356f99f8694379441da4fe03f45015054fdc4e305bd09572a55d77d1fcff735d7ce52ecde01308c3ddea284a55245a82a8e', '\xd264d0e57a7ad522e5252bb8f113e9b5b4189419ff068553c214e6cc9e9dc2d2dc50acafe2ee2b648b793b4e9b83768a7b8657a6e2416c0a57522d86727c935db41e79803b58283cb6d4a1b97bfea930ed9e045b7c876cdb535178489fc31ffd0677f6063ff7941ef0484026147d901267593ebb30', 2, 2, 0, 0, 0);
INSERT INTO public.changes VALUES (1, 'ebiohi4lrbumcxbqntmalxnstm');
INSERT INTO public.changes VALUES (2, 'mkmytxvajgtqm5pngbdjzxpxgi');
INSERT INTO public.changes VALUES (3, 'l6k7sbw3row3bx3seuxu5oyiny');
INSERT INTO public.changes VALUES (4, 'l6k7sbw3row3bx3seuxu5oyiny');
INSERT INTO public.changes VALUES (5, 'l6k7sbw3row3bx3seuxu5oyiny');
INSERT INTO public.charts VALUES ('\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', '\xda701cb2e0bf15746ed136349819586ce9c8504209b512004ee7228c4a26552889095a9a6bb080dc7e6b8dcbc40a1a2d42902340627f71615a8f705453cc94bf0b4235368b14ff9583f9bd2e29d6ece87ad11dac3a9b0a43ae1e286886694797a3b96cca904858b8486e725832d8ebf9fbab482606d55eb752fd0db0c676cf');
INSERT INTO public.documents VALUES ('ebiohi4lrbumcxbqntmalxnstm', 1, 'ezbpxdmy6sinxo7tqpjdflqr2i', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\xc8585af8f9f2eadb5d155c5b3e944c1f9c4b2adb5d699dfce9692ce0cac307beb7e1f1237d58cc9eeb28d61d3b44c63f92cee8d9', 0, '');
INSERT INTO public.documents VALUES ('mkmytxvajgtqm5pngbdjzxpxgi', 1, 'z3bxb2yzapwmappoxg756dumlm', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\xaa688e92b5689feb411ac8e40d53fd285430e408421f048b3376d8be7690565de3c6244837da2b7d7bdc306c5d227be8d2371c1f', 0, '');
INSERT INTO public.documents VALUES ('l6k7sbw3row3bx3seuxu5oyiny', 1, '6yltpisi73mpjco4ascdodrume', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'destroyed', '', 2, 1234, NULL, 1700000001000, '000007');
INSERT INTO public.registers VALUES ('plan', 'golden', NULL, 'open', 1700000000000, '\x94605dd6a864775ec896f867780f3818e9c903d3ac458ef9a4a8a21ca601e24b18be9d507584ddab871c1d41fe8035');
INSERT INTO public.schema_version VALUES (1);
INSERT INTO public.schema_version VALUES (2);
INSERT INTO public.schema_version VALUES (3);
INSERT INTO public.schema_version VALUES (4);
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
