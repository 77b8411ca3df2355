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
INSERT INTO public.batches VALUES ('y2zbu4oyrmrvgv2x4ghosfrngm', 'filed', '\xbba061c7769dcffd31aa43345a1576ffaa4e072bc84077ed2c7f1d89dd7c7b11', 1767323045006, '\x1f3e037aa0c8d10ed42c3c268757fbfb9877a0eb6497f9e9e66e27cf18272222c1c5157cb2399bc016c0b408afde384711c95b09ba32e9486ade8bd1195c7cf2d1f70d92bca0597de154', '\x41b5bca7499b40fbf223a17b7eed3b9d0e70a63081ef27698552c02e0f1af60715b6d0a1313b5129edb74292f314f6d9666d3c6037a76fe1e65f997caa0cc6ff85d1db2600631607fd7a9edf48d76dd80af22c8e985bed75fbec2c681b5b88680fa05c7534449b9104efafe483936937ea39dba20d', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('cxdeyu4gn6fgux6dvwh6vdrura', 'filed', '\x6614608cf0507588fb1f6ecbdb9b8427f7f0ade633f9e19da299a7ab95f0ab6d', 1767323045006, '\x1213db8cb0b18a6d4b5ab5e3fdeae270997be6221539d58035b093c4a7de3586b9b843a3333b83ccde81e65fa282b43d97a42ea69ab0a0afd14f5d2b7d0d476760aca69844504fa06da2', '\xfa3f6c89af2d46d6fa6f0af6a44961315d151012131d5739167417e5de2e7ef6917db5f969d6f4d806e12990cc30cdedfbc265b17b48d442576cfd71cfe44d9020739ab2de946a834f7d265e3a7373b28a28ed34d140b7d3ab36fc44b4cbe1e12546b101f06e05a909e373dbc46ddf2595d99c2f6a', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('gicsoypymeh56prtqcb27cz5qa', 'filed', '\xaa1efd2dba3a1cd0a88500234b50bc1887f10d57b6ae68eaff41fd11c91552b2', 1767323045006, '\xdb981cf2e85116bb7646d0cb8756694f5ea79486997d46666675049dfa6ff35858532b3b4de794df8662b0143e626cf513952b8d9c635efa5ba7c8c931375f23818fc4aa98b476f5c752', '\xc22d06fc6622b02be3aee50537810ba1c394a73dab7e2c54545ed64f304fe930f7690682b30fffab139fc529f8bad8503ef66a5942e688e1e4480de2a010c68f2125446efb505ad3f741612d752333d64e69982afa6fe7e70b4be3257fc28bae92ff195f84f84c07098bd9f08d7873d2bb97ec11a9', 2, 2, 0, 0, 0);
INSERT INTO public.changes VALUES (1, 'dcv346ea32r2baljvpwd46gsd4');
INSERT INTO public.changes VALUES (2, '524w5lby7rjxkcoy43nvyfndn4');
INSERT INTO public.changes VALUES (3, 'a3kc3kj6b2b34cf5un7pcamjwe');
INSERT INTO public.changes VALUES (4, 'a3kc3kj6b2b34cf5un7pcamjwe');
INSERT INTO public.changes VALUES (5, 'a3kc3kj6b2b34cf5un7pcamjwe');
INSERT INTO public.charts VALUES ('\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', '\x2fbe47ae0b28bb6f5ba88080b91f6f6cadd8518d02422227a9a28d3568b702a84e8d76599584054ff5ac7ce30a11efd24d32e0913c667016fce0c6420f8944b3849a2876e20499f926cee86327bbd0447e0b649f8fbe6c68133d298ae01ddbb583dc056c2da7313e68dd5efacc87073f5533581838878ff0830e5e51026ac4');
INSERT INTO public.documents VALUES ('dcv346ea32r2baljvpwd46gsd4', 1, 'y2zbu4oyrmrvgv2x4ghosfrngm', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\xf1326753660177cdc9a6b8895a960159a4f7b8a66171f740f1e042a60d6304bc409d57b6333064e43072e874896cc01702ee4690', 0, '');
INSERT INTO public.documents VALUES ('524w5lby7rjxkcoy43nvyfndn4', 1, 'cxdeyu4gn6fgux6dvwh6vdrura', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\x7ae121b8b83bf045a1552fe4a3171dac6bf9ab5844b26396483b71e22df91a42b4f934a1d1a96b6e127898d319f6096db7ff23d3', 0, '');
INSERT INTO public.documents VALUES ('a3kc3kj6b2b34cf5un7pcamjwe', 1, 'gicsoypymeh56prtqcb27cz5qa', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'destroyed', '', 2, 1234, NULL, 1700000001000, '000007');
INSERT INTO public.registers VALUES ('plan', 'golden', NULL, 'open', 1700000000000, '\x985bdbd2b2e00ce1498b4aad0802992f6e9b7ef626e87435bb57066123adb2cabca52ce177a226c142b4ed1135fb2a');
INSERT INTO public.schema_version VALUES (1);
INSERT INTO public.schema_version VALUES (2);
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
CREATE INDEX registers_chart ON public.registers USING btree (chart);
CREATE INDEX registers_state ON public.registers USING btree (kind, state);
