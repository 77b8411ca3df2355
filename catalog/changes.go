package catalog

import (
	"context"
	"database/sql"
	"fmt"

	"chartvault/record"
)

// LastChange returns the newest sequence number; 0 before any change.
func (c *DB) LastChange(ctx context.Context) (seq int64, err error) {
	if err := c.sql.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM changes`).Scan(&seq); err != nil {
		return 0, fmt.Errorf("newest change: %w", err)
	}
	return seq, nil
}

// Change is a document that was filed, corrected or destroyed, and when in the
// order of such changes.
type Change struct {
	Seq      int64
	Document record.ID
}

// Changes returns up to limit changes after seq, in their order.
func (c *DB) Changes(ctx context.Context, seq int64, limit int) ([]Change, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT seq, document FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, limit)
	if err != nil {
		return nil, fmt.Errorf("list changes: %w", err)
	}
	defer rows.Close()
	var out []Change
	for rows.Next() {
		var ch Change
		var id string
		if err := rows.Scan(&ch.Seq, &id); err != nil {
			return nil, fmt.Errorf("list changes: %w", err)
		}
		if ch.Document, err = record.ParseID(id); err != nil {
			return nil, fmt.Errorf("list changes: %w", err)
		}
		out = append(out, ch)
	}
	return out, rows.Err()
}

// change notes a change for the index. Where transactions end in another order
// than they drew their numbers, they draw them one at a time: who follows the
// numbers must not go past one that is not there yet.
func (c *DB) change(ctx context.Context, tx *sql.Tx, id record.ID) error {
	if c.dialect.InTurn != "" {
		if _, err := tx.ExecContext(ctx, c.dialect.InTurn); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO changes (document) VALUES ($1)`, id.String())
	return err
}
