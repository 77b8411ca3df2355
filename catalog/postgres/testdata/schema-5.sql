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
    session bigint NOT NULL,
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
    sealed bytea NOT NULL,
    said bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.schema_version (
    version bigint NOT NULL
);
CREATE TABLE public.signals (
    name text NOT NULL,
    n bigint NOT NULL
);
ALTER TABLE ONLY public.changes ALTER COLUMN seq SET DEFAULT nextval('public.changes_seq_seq'::regclass);
INSERT INTO public.batches VALUES ('rlm4px22k42rxuai6zk6xi2w7e', 'filed', '\xfee2b1b93f3216310a9fa6799174a3d7f9feafc32379e38c75edf96ac89dd37f', 1767323045006, '\x1b97c5e59500a91330d7d22bb5055f3deb03803436735bb1d780d6608adceac81e2f971153dda68e98fbcfb8396972efd1db55f02f039530c4dfa46f409475a43b6bb44f33be95522861', '\xe691fa3d1f2da5c86d6f58da2b0315751a4e0bf49eeb161abeee2c8e1635520c0b18a6b33f6032afaea80eedf6a784a1c760416e305bf05807e8279adde2d7aae0f84a718be603d472239a849cd903bf8c13ec2efa15fe02eedf46065f2632fa25fa379e5f2b4ca02043420d774c6ba7175797ec64', 2, 2, 0, 0, 0, 'one');
INSERT INTO public.batches VALUES ('5jly3j4adqcaex75qmuwzfpjx4', 'filed', '\x89fcad577059211ca427a7a106b2dd15a444806259e411699599e670e8dc713e', 1767323045006, '\xa54fcaadf8aeedae1f1f2e01855c0831de06c1f07afed1435ca63cc721b39c98f16045f6b9e493c3b812621b34df5a6373bcb610bbd5bfe26a9fc95dbd07301819db11024bb36f162d7e', '\x5900f94b9f9229e6bb3ef27da08deca847e5205944cc3b0b1d5aa38426e342976dba2a0c5363a4b761948cebe6672451401b290da8a5326ceee2d571b37397aab384d845d9af977ed6507e4ee158a698be61607b279eb9bc4e8f6201691adb075ba636fce106d5decee3f80c1bac8ed37faac84532', 2, 2, 0, 0, 0, 'one');
INSERT INTO public.batches VALUES ('v44xhzrflceqglk5c22mqolsze', 'filed', '\x2426e646ac17574bc444c49ee59a0872eba65dc9494757fe7a4608e22c9d9854', 1767323045006, '\x0995a4dd0b5a9fda7962a5da1f2799220986274e6fa34ece1d661d2b91d8cdef7e053b30c047750dfd0cd4803d3c19e78dce3affe8f1158f6c8b131558a5e7bcf8539ed65fee4e20fe71', '\x4b8c75be54643419b9b560c0fe24d192a25fd7abcbe4248ef2ad3fcfaad8552e6409bbb7904450384c36714b12212c5b49bd2c25ce694b08570f16ac379f70b65e45ebc16c0bd9f2e174d9c9326816430639227adcac49d8828905a904931e44010450ad8e12ad4f1acc442cba5fef47a0332c2ac6', 2, 2, 0, 0, 0, 'one');
INSERT INTO public.changes VALUES (1, 'dp7rq3toiqhkoiovbusdedeoqa');
INSERT INTO public.changes VALUES (2, 'pcwe54gentovmmtuiha7yo4q3i');
INSERT INTO public.changes VALUES (3, 'vftd5dd643cetn3hr6brujapny');
INSERT INTO public.changes VALUES (4, 'vftd5dd643cetn3hr6brujapny');
INSERT INTO public.charts VALUES ('\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', '\x0e779c97ae12de2f9bbc2ce6bd80f27a7338d15f6e40515128daac0f9f30c9123de9c4bc0d25de64106491285922789f40aea61947b4b9f987bfe8b9e249f3b51d35197a403006e395dbf6eb1a8a7b358b166bf2a995a9b315c6b7d248d7df971c1fa9c641ee68db5b1fb50bf3717964677fe6');
INSERT INTO public.documents VALUES ('dp7rq3toiqhkoiovbusdedeoqa', 1, 'rlm4px22k42rxuai6zk6xi2w7e', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\xde8a76a735692a0c1b3a574a06c2dc65b7e4ea363888650e716d65fc3e6c187fdbf4769b8e467eb9d2394503f5cee6cd2c92ec1c', 0, '');
INSERT INTO public.documents VALUES ('pcwe54gentovmmtuiha7yo4q3i', 1, '5jly3j4adqcaex75qmuwzfpjx4', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\x8d288f952a94d5f626d5c99c4a575619f05e38359b7bf2d2003006689f14a904100564c72af8facc9a984ddf6fb6c4c4be76b605', 0, '');
INSERT INTO public.documents VALUES ('vftd5dd643cetn3hr6brujapny', 1, 'v44xhzrflceqglk5c22mqolsze', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'destroyed', '', 2, 1234, NULL, 1700000001000, '000007');
INSERT INTO public.members VALUES ('one', 1, 1795855087393, 13099, 1);
INSERT INTO public.registers VALUES ('plan', 'golden', NULL, 'open', 1700000000000, '\xfd8d9c7ae04db7ba2603dad8e40391cfcbd021e04b093f5afeca31421a16ff177e08f264d9a590004bf046bc7ac1f3', 0);
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
