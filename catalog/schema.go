package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"chartvault/record"
)

// migrations returns the steps from an empty database to the present schema.
// A step that has shipped is never changed. {blob} and {serial} are the
// engine's words for bytes and for a growing number, {fence} what has it refuse
// the writes of members that were struck off.
func migrations() []string {
	return []string{`
CREATE TABLE batches (
	id          TEXT PRIMARY KEY,
	state       TEXT NOT NULL,
	source      {blob} UNIQUE,        -- token of the source's SHA-256
	received_at BIGINT NOT NULL,
	local       {blob},               -- SHA-256 of the source, sealed under the machine's key
	sealed      {blob} NOT NULL,      -- name and size
	pages_in    BIGINT NOT NULL DEFAULT 0,
	filed       BIGINT NOT NULL DEFAULT 0,
	separators  BIGINT NOT NULL DEFAULT 0,
	blanks      BIGINT NOT NULL DEFAULT 0,
	qa          BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE charts (
	token  {blob} PRIMARY KEY,
	sealed {blob} NOT NULL            -- number and facts
);
CREATE TABLE documents (
	id           TEXT PRIMARY KEY,
	version      BIGINT NOT NULL,
	batch        TEXT NOT NULL,
	chart        {blob},              -- token; null while no chart is known
	type         TEXT NOT NULL,
	service_date TEXT NOT NULL,
	filed_at     BIGINT NOT NULL,
	state        TEXT NOT NULL,
	doubts       TEXT NOT NULL,       -- codes, comma between
	pages        BIGINT NOT NULL,
	bytes        BIGINT NOT NULL,
	sealed       {blob},              -- chart number as read; null once destroyed
	destroyed_at BIGINT NOT NULL DEFAULT 0,
	certificate  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX documents_chart ON documents (chart);
CREATE INDEX documents_batch ON documents (batch);
CREATE INDEX documents_state ON documents (state);
CREATE TABLE registers (
	kind   TEXT NOT NULL,             -- hold, approver, plan, certificate
	id     TEXT NOT NULL,
	chart  {blob},                    -- token, for holds
	state  TEXT NOT NULL,
	at     BIGINT NOT NULL,
	sealed {blob} NOT NULL,
	PRIMARY KEY (kind, id)
);
CREATE INDEX registers_chart ON registers (chart);
CREATE TABLE changes (
	seq      {serial},
	document TEXT NOT NULL            -- to be brought into, or out of, the index
);
`, `
CREATE TABLE held (
	hold     TEXT NOT NULL,           -- an active hold that binds
	chart    {blob},                  -- every document of this chart it describes, or
	document TEXT NOT NULL DEFAULT '' -- this document, found by its saved search
);
CREATE INDEX held_hold ON held (hold);
CREATE INDEX held_chart ON held (chart);
CREATE INDEX held_document ON held (document);
INSERT INTO held (hold, chart) SELECT id, chart FROM registers WHERE kind = 'hold' AND state = 'active' AND chart IS NOT NULL;
CREATE TABLE dues (
	document TEXT PRIMARY KEY,
	verdict  TEXT NOT NULL,
	due      TEXT NOT NULL,           -- first day of destruction; '' when unknown
	class    TEXT NOT NULL,
	schedule TEXT NOT NULL,           -- the version it was decided under
	run      BIGINT NOT NULL          -- which evaluation decided it
);
CREATE INDEX dues_due ON dues (verdict, due);
CREATE TABLE progress (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);
CREATE INDEX documents_ended ON documents (destroyed_at);
CREATE INDEX registers_state ON registers (kind, state);
`, `
CREATE TABLE objects (
	name    TEXT PRIMARY KEY,
	owner   TEXT NOT NULL,            -- document or batch
	size    BIGINT NOT NULL,
	version TEXT NOT NULL,            -- the store's version id
	sum     {blob} NOT NULL,          -- SHA-256 of the ciphertext
	seen_at BIGINT NOT NULL,
	read_at BIGINT NOT NULL,
	fault   TEXT NOT NULL,
	locked  BIGINT NOT NULL DEFAULT 0, -- until when the store refuses to delete it
	held    BIGINT NOT NULL DEFAULT 0  -- 1 while the store holds it for a legal hold
);
CREATE INDEX objects_owner ON objects (owner);
CREATE INDEX objects_sum ON objects (sum);
CREATE INDEX objects_seen ON objects (seen_at, name);
CREATE INDEX objects_read ON objects (read_at, name);
CREATE INDEX objects_locked ON objects (locked);
`, `
CREATE INDEX documents_doubted ON documents (filed_at, id) WHERE doubts <> '';
`, forServers()}
}

// Schema is the number of the present schema. A database of a larger one is
// refused; one of a smaller one is brought to it when it is opened.
func Schema() int { return len(migrations()) }

// migrate brings the database to the present schema. A database made by a
// newer program is refused.
func (c *DB) migrate(ctx context.Context) error {
	if _, err := c.sql.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)`); err != nil {
		return fmt.Errorf("migrate catalogue: %w", err)
	}
	var have int
	err := c.sql.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_version`).Scan(&have)
	if err != nil {
		return fmt.Errorf("migrate catalogue: %w", err)
	}
	steps := migrations()
	if have > len(steps) {
		return fmt.Errorf("migrate catalogue: %w: schema %d was made by a newer program; this one knows %d", record.ErrInvalid, have, len(steps))
	}
	words := strings.NewReplacer("{blob}", c.dialect.Blob, "{serial}", c.dialect.Serial, "{fence}", c.dialect.Fence)
	for i, step := range steps[have:] {
		err := c.tx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, words.Replace(step)); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version) VALUES ($1)`, have+i+1)
			return err
		})
		if err != nil {
			return fmt.Errorf("migrate catalogue to %d: %w", have+i+1, err)
		}
	}
	return nil
}

// forServers is the step from one process on a catalogue to several.
func forServers() string {
	return `
ALTER TABLE batches ADD COLUMN server TEXT NOT NULL DEFAULT ''; -- that takes it in
ALTER TABLE registers ADD COLUMN said BIGINT NOT NULL DEFAULT 0; -- by which entry of the log; 0 for what it does not have
CREATE TABLE members (
	server  TEXT PRIMARY KEY,
	epoch   BIGINT NOT NULL,          -- grows whenever it comes or is struck off: what an earlier one writes is refused
	since   BIGINT NOT NULL,
	session BIGINT NOT NULL,          -- the database's number of its session
	present BIGINT NOT NULL           -- 0 once it left or was struck off, -1 once it was forgotten
);
CREATE TABLE log (
	seq    BIGINT PRIMARY KEY,
	server TEXT NOT NULL,             -- that wrote it
	line   {blob} NOT NULL            -- as it is in every server's copy
);
CREATE TABLE signals (
	name TEXT PRIMARY KEY,
	n    BIGINT NOT NULL              -- how often it was given
);
CREATE TABLE lists (
	name   TEXT PRIMARY KEY,
	sealed {blob} NOT NULL            -- to the vault, before it came here
);
CREATE TABLE jobs (
	name     TEXT PRIMARY KEY,
	due      BIGINT NOT NULL,
	server   TEXT NOT NULL,           -- that does it, or did it last
	fence    BIGINT NOT NULL,         -- grows with every lease
	until    BIGINT NOT NULL,         -- end of the lease; 0 while nobody does it
	began    BIGINT NOT NULL,
	ended    BIGINT NOT NULL,
	attempts BIGINT NOT NULL,         -- since it last went well
	error    TEXT NOT NULL
);
{fence}`
}
