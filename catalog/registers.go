package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"chartvault/record"
)

// Entry is one entry of a register: what the journal says of a hold, an
// approver, a plan or a certificate, sealed under the catalogue key.
type Entry struct {
	Kind  string
	ID    string
	Chart []byte // token of the chart it binds, in entries of older archives; nil for none
	State string // in clear
	At    time.Time
	Body  json.RawMessage
	Said  int64 // number of the log's entry that says it, from 1; 0 for what the log does not have
}

// PutEntry writes an entry, or replaces the one of the same kind and id.
func (c *DB) PutEntry(ctx context.Context, e Entry) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	return c.putEntry(ctx, c.sql, e)
}

// PutSaid is PutEntry of what the log says, unless the row has a later word: said
// reports whether it was written.
func (c *DB) PutSaid(ctx context.Context, e Entry) (said bool, err error) {
	if err := c.PutEntry(ctx, e); err != nil || e.Said == 0 {
		return err == nil, err
	}
	var by int64
	if err := c.sql.QueryRowContext(ctx, `SELECT said FROM registers WHERE kind = $1 AND id = $2`, e.Kind, e.ID).Scan(&by); err != nil {
		return false, fmt.Errorf("register %s %s: %w", e.Kind, e.ID, err)
	}
	return by <= e.Said, nil
}

// execer is a database, or a transaction on it.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (c *DB) putEntry(ctx context.Context, on execer, e Entry) error {
	sealed, err := sealRow(c.secrets.CatalogueKey(), e.Kind+" "+e.ID, e.Body)
	if err != nil {
		return err
	}
	_, err = on.ExecContext(ctx, `INSERT INTO registers (kind, id, chart, state, at, sealed, said) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (kind, id) DO UPDATE SET chart = excluded.chart, state = excluded.state, at = excluded.at, sealed = excluded.sealed,
		said = CASE WHEN excluded.said = 0 THEN registers.said ELSE excluded.said END
		WHERE excluded.said = 0 OR registers.said <= excluded.said`,
		e.Kind, e.ID, e.Chart, e.State, millis(e.At), sealed, e.Said)
	if err != nil {
		return fmt.Errorf("register %s %s: %w", e.Kind, e.ID, err)
	}
	return nil
}

// Entry returns one entry; record.ErrNotFound when there is none.
func (c *DB) Entry(ctx context.Context, kind, id string) (Entry, error) {
	es, err := c.entries(ctx, `kind = $1 AND id = $2`, kind, id)
	if err != nil {
		return Entry{}, err
	}
	if len(es) == 0 {
		return Entry{}, fmt.Errorf("%s %s: %w", kind, id, record.ErrNotFound)
	}
	return es[0], nil
}

// CountEntries counts the entries of a kind.
func (c *DB) CountEntries(ctx context.Context, kind string) (n int, err error) {
	if err := c.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM registers WHERE kind = $1`, kind).Scan(&n); err != nil {
		return 0, fmt.Errorf("count register: %w", err)
	}
	return n, nil
}

// Entries returns the entries of a kind, oldest first.
func (c *DB) Entries(ctx context.Context, kind string) ([]Entry, error) {
	return c.entries(ctx, `kind = $1 ORDER BY at, id`, kind)
}

// EntriesIn returns the entries of a kind that are in one of the states, oldest
// first; all of them when none is named.
func (c *DB) EntriesIn(ctx context.Context, kind string, states ...string) ([]Entry, error) {
	if len(states) == 0 {
		return c.Entries(ctx, kind)
	}
	args, marks := []any{kind}, make([]string, len(states))
	for i, s := range states {
		args, marks[i] = append(args, s), fmt.Sprintf("$%d", i+2)
	}
	return c.entries(ctx, `kind = $1 AND state IN (`+strings.Join(marks, ", ")+`) ORDER BY at, id`, args...)
}

// EntriesSince returns the entries of a kind of a moment and later, oldest first.
func (c *DB) EntriesSince(ctx context.Context, kind string, from time.Time) ([]Entry, error) {
	return c.entries(ctx, `kind = $1 AND at >= $2 ORDER BY at, id`, kind, millis(from))
}

// DropEntries removes the entries of a kind that are older than a moment. It is for
// kinds that the log does not have.
func (c *DB) DropEntries(ctx context.Context, kind string, before time.Time) error {
	if _, err := c.sql.ExecContext(ctx, `DELETE FROM registers WHERE kind = $1 AND at < $2`, kind, millis(before)); err != nil {
		return fmt.Errorf("clear register %s: %w", kind, err)
	}
	return nil
}

// DropEntry removes an entry, as DropEntries does.
func (c *DB) DropEntry(ctx context.Context, kind, id string) error {
	if _, err := c.sql.ExecContext(ctx, `DELETE FROM registers WHERE kind = $1 AND id = $2`, kind, id); err != nil {
		return fmt.Errorf("clear register %s: %w", kind, err)
	}
	return nil
}

func (c *DB) entries(ctx context.Context, where string, args ...any) ([]Entry, error) {
	if err := c.unlocked(); err != nil {
		return nil, err
	}
	rows, err := c.sql.QueryContext(ctx, `SELECT kind, id, chart, state, at, sealed FROM registers WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read register: %w", err)
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		var e Entry
		var at int64
		var sealed []byte
		if err := rows.Scan(&e.Kind, &e.ID, &e.Chart, &e.State, &at, &sealed); err != nil {
			return nil, fmt.Errorf("read register: %w", err)
		}
		e.At = fromMillis(at)
		if err := openRow(c.secrets.CatalogueKey(), e.Kind+" "+e.ID, sealed, &e.Body); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
