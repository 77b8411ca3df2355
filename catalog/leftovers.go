package catalog

import (
	"context"
	"fmt"
	"strings"

	"chartvault/record"
)

// leftover begins the names in progress of destroyed documents of which a
// retention lock keeps ciphertext in the store, of themselves or of their batch.
const leftover = "locked "

// PutLeftover records that a lock keeps something of a destroyed document.
func (c *DB) PutLeftover(ctx context.Context, id record.ID) error {
	return c.SetProgress(ctx, leftover+id.String(), "1")
}

// HasLeftover reports whether a lock keeps something of a destroyed document.
func (c *DB) HasLeftover(ctx context.Context, id record.ID) (bool, error) {
	v, err := c.Progress(ctx, leftover+id.String())
	return v != "", err
}

// Leftovers lists the destroyed documents of which a lock keeps something.
func (c *DB) Leftovers(ctx context.Context) (ids []record.ID, err error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT name FROM progress WHERE name LIKE $1`, leftover+"%")
	if err != nil {
		return nil, fmt.Errorf("list what locks keep: %w", err)
	}
	defer rows.Close() // rows.Err is checked
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list what locks keep: %w", err)
		}
		id, err := record.ParseID(strings.TrimPrefix(name, leftover))
		if err != nil {
			return nil, fmt.Errorf("list what locks keep: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// DropLeftover records that nothing is left of a destroyed document.
func (c *DB) DropLeftover(ctx context.Context, id record.ID) error {
	if _, err := c.sql.ExecContext(ctx, `DELETE FROM progress WHERE name = $1`, leftover+id.String()); err != nil {
		return fmt.Errorf("forget what a lock kept: %w", err)
	}
	return nil
}
