package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"chartvault/record"
)

// Correct records, in one transaction, that a correction is done: its entry in
// the register, the documents that were made, and that what they were made of
// is superseded: it leaves its chart, and is in nobody's answer any more.
// Correctable was asked before.
func (c *DB) Correct(ctx context.Context, e Entry, made []Keyed, of []record.ID) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	err := c.tx(ctx, func(tx *sql.Tx) error {
		for _, id := range of {
			if ok, err := c.supersede(ctx, tx, id); err != nil || !ok {
				return fmt.Errorf("document %s is not filed any more: %w", id, errors.Join(err, record.ErrNotReady))
			}
		}
		for _, d := range made {
			if err := c.putDocument(ctx, tx, d); err != nil {
				return fmt.Errorf("document %s: %w", d.ID, err)
			}
		}
		return c.putEntry(ctx, tx, e)
	})
	if err != nil {
		return fmt.Errorf("catalogue correction: %w", err)
	}
	return nil
}

// Correctable asks whether documents may be superseded by a correction that
// holds them: record.ErrHeld when anything else holds one, but for the holds that
// besides names, record.ErrNotReady when one is not filed any more.
func (c *DB) Correctable(ctx context.Context, correction string, of []record.ID, besides ...string) error {
	for _, id := range of {
		var state string
		if err := c.sql.QueryRowContext(ctx, `SELECT state FROM documents WHERE id = $1`, id.String()).Scan(&state); err != nil {
			return fmt.Errorf("document %s: %w", id, err)
		}
		if s := record.DocumentState(state); s != record.DocumentFiled && s != record.DocumentQA {
			return fmt.Errorf("document %s is %s: %w", id, state, record.ErrNotReady)
		}
		holds, err := c.holding(ctx, id)
		if err != nil {
			return fmt.Errorf("document %s: %w", id, err)
		}
		for _, h := range holds {
			if h != correction && !slices.Contains(besides, h) {
				return fmt.Errorf("document %s: %w", id, record.ErrHeld)
			}
		}
	}
	return nil
}

// holding lists what holds a document by itself.
func (c *DB) holding(ctx context.Context, id record.ID) ([]string, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT h.hold FROM documents d JOIN held h ON h.chart = d.chart OR h.document = d.id WHERE d.id = $1`, id.String())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var h string
		if err := rows.Scan(&h); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// supersede takes a document out of sight. Its sealed cell stays: only its own
// key opens it. It reports whether the document was there to be superseded.
func (c *DB) supersede(ctx context.Context, tx *sql.Tx, id record.ID) (bool, error) {
	r, err := tx.ExecContext(ctx, `UPDATE documents SET state = $1, chart = NULL, doubts = '' WHERE id = $2 AND state IN ($3, $4, $5)`,
		string(record.DocumentSuperseded), id.String(), string(record.DocumentFiled), string(record.DocumentQA), string(record.DocumentSuperseded))
	if err != nil {
		return false, err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	for _, s := range []string{`DELETE FROM dues WHERE document = $1`, `DELETE FROM held WHERE document = $1`} {
		if _, err := tx.ExecContext(ctx, s, id.String()); err != nil {
			return false, err
		}
	}
	return true, c.change(ctx, tx, id)
}

// Supersede records again, from the log, that documents are superseded, and a
// correction's entry. What is destroyed, or not there, stays as it is.
func (c *DB) Supersede(ctx context.Context, e Entry, of []record.ID) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	err := c.tx(ctx, func(tx *sql.Tx) error {
		for _, id := range of {
			if _, err := c.supersede(ctx, tx, id); err != nil {
				return fmt.Errorf("document %s: %w", id, err)
			}
		}
		return c.putEntry(ctx, tx, e)
	})
	if err != nil {
		return fmt.Errorf("catalogue correction: %w", err)
	}
	return nil
}
