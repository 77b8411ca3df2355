package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
)

// Signal tells every other server that something they keep in memory is not as
// it was. It is given after the change is in force.
// It returns how often it was given by now.
func (c *DB) Signal(ctx context.Context, name string) (n int64, err error) {
	err = c.sql.QueryRowContext(ctx, `INSERT INTO signals (name, n) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = signals.n + 1 RETURNING n`, name).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("signal %s: %w", name, struckOff(err))
	}
	return n, nil
}

// Heard is what others may have done: the signals there are, the newest change of
// a document, and the length of the servers' log.
type Heard struct {
	Signals map[string]int64 // how often each was given
	Change  int64
	Log     int64
}

// Hear returns what others may have done.
func (c *DB) Hear(ctx context.Context) (Heard, error) {
	h := Heard{Signals: map[string]int64{}}
	rows, err := c.sql.QueryContext(ctx, `SELECT '' || name, n FROM signals UNION ALL SELECT ' change', COALESCE(MAX(seq), 0) FROM changes
		UNION ALL SELECT ' log', COALESCE(MAX(seq) + 1, 0) FROM log`)
	if err != nil {
		return h, fmt.Errorf("read signals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return h, fmt.Errorf("read signals: %w", err)
		}
		switch name {
		case " change":
			h.Change = n
		case " log":
			h.Log = n
		default:
			h.Signals[name] = n
		}
	}
	return h, rows.Err()
}

// PutList keeps a sealed list for all servers, in place of the one there is. A
// rebuild leaves it.
func (c *DB) PutList(ctx context.Context, name string, sealed []byte) error {
	if _, err := c.sql.ExecContext(ctx, `INSERT INTO lists (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`, name, sealed); err != nil {
		return fmt.Errorf("keep list %s: %w", name, struckOff(err))
	}
	return nil
}

// List returns a sealed list; record.ErrNotFound when there is none.
func (c *DB) List(ctx context.Context, name string) (sealed []byte, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT sealed FROM lists WHERE name = $1`, name).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("list %s: %w", name, record.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", name, err)
	}
	return sealed, nil
}

// Time returns the time all servers on one catalogue go by: the database's, or
// here where there is one server.
func (c *DB) Time(ctx context.Context, here time.Time) (time.Time, error) {
	if c.dialect.Members == nil {
		return here, nil
	}
	var ms int64
	if err := c.sql.QueryRowContext(ctx, `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)`).Scan(&ms); err != nil {
		return here, fmt.Errorf("the database's time: %w", err)
	}
	return fromMillis(ms), nil
}
