package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"chartvault/record"
)

// LockDue is an object whose lock in the store is to be extended.
type LockDue struct {
	Name   string
	Locked time.Time   // until when it is locked; zero for never
	Due    record.Date // first day its document may be destroyed; zero when that is not known
}

// ToLock returns up to limit objects of filed documents and of batches that are
// not locked until t, those first whose lock ends first. A batch ends with the
// last of its documents.
func (c *DB) ToLock(ctx context.Context, t time.Time, limit int) ([]LockDue, error) {
	filed, qa := string(record.DocumentFiled), string(record.DocumentQA)
	rows, err := c.sql.QueryContext(ctx, `SELECT name, locked, due FROM (
		SELECT o.name, o.locked, COALESCE(u.due, '') AS due FROM objects o JOIN documents d ON d.id = o.owner
			LEFT JOIN dues u ON u.document = o.owner WHERE o.locked < $1 AND d.state IN ($2, $3)
		UNION ALL
		SELECT o.name, o.locked, COALESCE((
			SELECT CASE WHEN SUM(CASE WHEN COALESCE(u.due, '') = '' THEN 1 ELSE 0 END) > 0 THEN '' ELSE MAX(u.due) END
			FROM documents d LEFT JOIN dues u ON u.document = d.id WHERE d.batch = b.id AND d.state IN ($4, $5)), '') AS due
			FROM objects o JOIN batches b ON b.id = o.owner WHERE o.locked < $6 AND b.state IN ($7, $8)
		) x ORDER BY locked, name LIMIT $9`,
		millis(t), filed, qa, filed, qa, millis(t), string(record.BatchFiled), string(record.BatchUnread), limit)
	if err != nil {
		return nil, fmt.Errorf("list locks: %w", err)
	}
	defer rows.Close()
	var out []LockDue
	for rows.Next() {
		var l LockDue
		var locked int64
		var due string
		if err := rows.Scan(&l.Name, &locked, &due); err != nil {
			return nil, fmt.Errorf("list locks: %w", err)
		}
		l.Locked = fromMillis(locked)
		if l.Due, err = record.ParseDate(due); err != nil {
			return nil, fmt.Errorf("list locks: %w", err)
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// Locked records until when the store refuses to delete objects. An object
// whose lock shall not be extended any more is recorded as what was asked for,
// so that it is not asked for again before that.
func (c *DB) Locked(ctx context.Context, until map[string]time.Time) error {
	return c.mark(ctx, "locks", func(tx *sql.Tx) error {
		for name, t := range until {
			if _, err := tx.ExecContext(ctx, `UPDATE objects SET locked = $1 WHERE name = $2`, millis(t), name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *DB) mark(ctx context.Context, what string, f func(*sql.Tx) error) error {
	if err := c.tx(ctx, f); err != nil {
		return fmt.Errorf("catalogue %s: %w", what, err)
	}
	return nil
}

// bound says that a document is bound by an active hold, by itself, through
// its chart, or by a condition the last evaluation looked at.
const bound = `(EXISTS (SELECT 1 FROM held h WHERE h.document = d.id) OR EXISTS (SELECT 1 FROM held h WHERE h.chart = d.chart)
	OR EXISTS (SELECT 1 FROM dues u WHERE u.document = d.id AND u.verdict = 'held'))`

// ToHold returns up to limit objects the store shall hold and does not, and
// such that it holds and need not any more.
func (c *DB) ToHold(ctx context.Context, limit int) (on, off []string, err error) {
	const from = `SELECT o.name FROM objects o JOIN documents d ON d.id = o.owner WHERE `
	if on, err = c.names(ctx, from+`o.held = 0 AND `+bound+` ORDER BY o.name LIMIT $1`, limit); err != nil {
		return nil, nil, err
	}
	off, err = c.names(ctx, from+`o.held = 1 AND NOT `+bound+` ORDER BY o.name LIMIT $1`, limit)
	return on, off, err
}

// names runs a query of one column of text.
func (c *DB) names(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := c.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// SetObjectHeld records that the store holds an object, or does not any more.
func (c *DB) SetObjectHeld(ctx context.Context, name string, on bool) error {
	n := 0
	if on {
		n = 1
	}
	return c.mark(ctx, "object holds", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE objects SET held = $1 WHERE name = $2`, n, name)
		return err
	})
}
