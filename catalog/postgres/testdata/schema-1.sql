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
INSERT INTO public.batches VALUES ('lbt32fsgbfbvm4dbl7gej4yxrm', 'filed', '\xc4392d3e92428b2d75e789c9347eb75f41a98c4ac2824fab123c2c3fa0b910bb', 1767323045006, '\x630a12f37651fc0f21857512826e8b72c237ec646eed470c30a4ea065890a46e41f1e4bf01df76ae0e5cf16ebccbb43e22915088cfa17f1ca89e20ebfdd7808e253a067978c3c572d178', '\x62b97cca3bbafc8696246fb2337bf235cd1164d560dae3d6d44d0a20abb4df5d63fede33ae655d575f46cc01f2edfca89a87fed7c9651fea1bc8ea2c98b9177c2610a4c2c63a726624dc3eae71763510f52fb00bec30c8620bcc2cebccb139071bebb691e15cb220f3012cb77cf7a76f5f970decbf', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('4t243honzylmjksb4kjlzkvwie', 'filed', '\x47ad62ac3d9307b8abcdc9dc697af2e0b6755dcdd0bb7bdb1c6c6c9dc885f4f6', 1767323045006, '\xbc7cd90b84b1821960e283dd2dfe4bfe5d0a55ca3a9f19bd266492b0055c68da70c81a3a50753d6a804a6d61204a67b0349e094600d7e7f18aab66eed8cd621055d6753ebc164287c911', '\xb3dc5fda78dc3152e7a7a4c51f4e4c67af69197a170276e0aae01725424e76726432bf085d7c35a31ea632f9513582b6ad58cfc90df2fcac292e170979806c30963062dc41cc793930fcb9060f9216222ec2420919c9f2f517dfe4941c6a7b2be0e017cc1700aeef87affea8452c1b3a952053a3fc', 2, 2, 0, 0, 0);
INSERT INTO public.batches VALUES ('nnwamtd7ijseee34dlfraw4n2q', 'filed', '\xb222ab122873500fbe53402e0b8a17b9e2bc08aa87bc094bb22698274f7bb475', 1767323045006, '\xdc56d3207884e9694bb95cb3857cf85170010a897debce1e96b38aa8cac171080a100bc6805ecb04aebdb3b324d7d0361310c434d7efd4d369aef3a257c767690bd66bdc9bbda9c563ca', '\x0868f5574614effacad2e5e6eadac9418844692a55e8d977813dc406ee18f9b1cb3f504c9a2c310296f9174ffaaca6df62680ae5e7b151a20eb750d6ce5f67ad7f9596798a1fd10c7471a803cce40107af640ebfe2613414a55a8857133e8bd845cc66756cf79120d9e6c3fe9924475c3338e57a58', 2, 2, 0, 0, 0);
INSERT INTO public.changes VALUES (1, '2jvkcl2gmq4c45uaaw64ma4lza');
INSERT INTO public.changes VALUES (2, 'deqjs5nwtpyz4x3bstko2yzhja');
INSERT INTO public.changes VALUES (3, '6ttbdrfy34labayu56jwrb3sei');
INSERT INTO public.changes VALUES (4, '6ttbdrfy34labayu56jwrb3sei');
INSERT INTO public.changes VALUES (5, '6ttbdrfy34labayu56jwrb3sei');
INSERT INTO public.charts VALUES ('\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', '\x2550b311ae4ef3b364a099691f0053d252a0498f5c33e98f3664fb882d10321e29a525ea55a572359e532465849d7a3001ef0fdf08c97088636d2c9cd2bf5478494d939dcc69129b2b87307af378d991f8b3c0176061968e8edd146c624f41f5ab1fe90e29c3d2709cd7b2');
INSERT INTO public.documents VALUES ('2jvkcl2gmq4c45uaaw64ma4lza', 1, 'lbt32fsgbfbvm4dbl7gej4yxrm', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\x4a3d719a5608ca68315ed974ff66d5a2b75f91961ada6cec1946a13764849c2958ee341dc3720c01ce83fca1820c01f165367537', 0, '');
INSERT INTO public.documents VALUES ('deqjs5nwtpyz4x3bstko2yzhja', 1, '4t243honzylmjksb4kjlzkvwie', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'filed', '', 2, 1234, '\xa17535b5158ac766ee86a90568b368d0c52588d37c58aee809d1cc8baf5479faeaba03f304b41f70f0e999467f5ce0a803444a50', 0, '');
INSERT INTO public.documents VALUES ('6ttbdrfy34labayu56jwrb3sei', 1, 'nnwamtd7ijseee34dlfraw4n2q', '\x452348249c162d4a29202351def0c18ad6277e050f500f9e41cab8c876dacc6b', 'LAB_REPORT', '2001-02', 1767323045000, 'destroyed', '', 2, 1234, NULL, 1700000001000, '000007');
INSERT INTO public.registers VALUES ('plan', 'golden', NULL, 'open', 1700000000000, '\x34479792931c41b9350ed82e809ef2c2f4ddf08fcc98b6e5fd7943d046a353403fb08e88ddd0624cf13b3aeb642ec8');
INSERT INTO public.schema_version VALUES (1);
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
ALTER TABLE ONLY public.registers
    ADD CONSTRAINT registers_pkey PRIMARY KEY (kind, id);
CREATE INDEX documents_batch ON public.documents USING btree (batch);
CREATE INDEX documents_chart ON public.documents USING btree (chart);
CREATE INDEX documents_state ON public.documents USING btree (state);
CREATE INDEX registers_chart ON public.registers USING btree (chart);
