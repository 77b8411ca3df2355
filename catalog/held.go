package catalog

import (
	"context"
	"database/sql"
	"fmt"

	"chartvault/record"
)

// SetHeld says what an active hold binds by itself: every document of some
// charts, and single documents that its saved search found. It takes the place
// of what was said of the hold before; with neither the hold binds nothing any
// more. Conditions that are read off a row (types, dates) are not kept here.
func (c *DB) SetHeld(ctx context.Context, hold string, charts [][]byte, documents []record.ID) error {
	err := c.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM held WHERE hold = $1`, hold); err != nil {
			return err
		}
		for _, t := range charts {
			if _, err := tx.ExecContext(ctx, `INSERT INTO held (hold, chart) VALUES ($1, $2)`, hold, t); err != nil {
				return err
			}
		}
		for _, id := range documents {
			if _, err := tx.ExecContext(ctx, `INSERT INTO held (hold, document) VALUES ($1, $2)`, hold, id.String()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("hold %s: %w", hold, err)
	}
	return nil
}

// Held reports whether an active hold binds a chart or a document by itself.
func (c *DB) Held(ctx context.Context, id record.ID, chart []byte) (bool, error) {
	var n int
	err := c.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM held WHERE chart = $1 OR document = $2`, chart, id.String()).Scan(&n)
	if err != nil {
		return true, fmt.Errorf("look for holds on document %s: %w", id, err)
	}
	return n > 0, nil
}

// Found returns the documents that saved searches of active holds found.
func (c *DB) Found(ctx context.Context) (map[string]map[record.ID]bool, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT hold, document FROM held WHERE document <> ''`)
	if err != nil {
		return nil, fmt.Errorf("list held documents: %w", err)
	}
	defer rows.Close()
	out := map[string]map[record.ID]bool{}
	for rows.Next() {
		var hold, s string
		if err := rows.Scan(&hold, &s); err != nil {
			return nil, fmt.Errorf("list held documents: %w", err)
		}
		id, err := record.ParseID(s)
		if err != nil {
			return nil, fmt.Errorf("list held documents: %w", err)
		}
		if out[hold] == nil {
			out[hold] = map[record.ID]bool{}
		}
		out[hold][id] = true
	}
	return out, rows.Err()
}
