package catalog

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chartvault/record"
)

// batchRow is what a batch's row seals.
type batchRow struct {
	Name   string `json:"name"`
	SHA256 []byte `json:"sha256"`
	Size   int64  `json:"size"`
}

// Claim records a new batch, or finds the batch an equal source already made.
// claimed is true when the row is new. A batch on its way is taken in by the
// server that began it: to another it is record.ErrBusy, unless the other has it
// under the same id, as a deposit that went over to it.
func (c *DB) Claim(ctx context.Context, b record.Batch) (_ record.Batch, claimed bool, err error) {
	if err := c.unlocked(); err != nil {
		return record.Batch{}, false, err
	}
	err = c.tx(ctx, func(tx *sql.Tx) error {
		old, err := c.batchBy(ctx, tx, `source = $1`, c.sourceToken(b.SHA256))
		if err == nil {
			id := b.ID
			b = old
			return c.mine(ctx, tx, old, id)
		}
		if !errors.Is(err, record.ErrNotFound) {
			return err
		}
		claimed = true
		return c.putBatch(ctx, tx, b)
	})
	if err != nil {
		return record.Batch{}, false, fmt.Errorf("claim batch %s: %w", b.ID, err)
	}
	return b, claimed, nil
}

// mine makes sure that a batch which was begun is this server's.
func (c *DB) mine(ctx context.Context, tx *sql.Tx, b record.Batch, asked record.ID) error {
	var by string
	if err := tx.QueryRowContext(ctx, `SELECT server FROM batches WHERE id = $1`, b.ID.String()).Scan(&by); err != nil {
		return err
	}
	switch {
	case b.State.Done() || by == c.Self():
		return nil
	case by != "" && b.ID != asked:
		return fmt.Errorf("batch %s has the same bytes, and server %s is taking it in: %w", b.ID, by, record.ErrBusy)
	}
	_, err := tx.ExecContext(ctx, `UPDATE batches SET server = $1 WHERE id = $2`, c.Self(), b.ID.String())
	return err
}

func (c *DB) sourceToken(sum [32]byte) []byte {
	return c.secrets.Token("source", hex.EncodeToString(sum[:]))
}

// PutBatch writes a batch's row, as a rebuild does.
func (c *DB) PutBatch(ctx context.Context, b record.Batch) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	err := c.tx(ctx, func(tx *sql.Tx) error { return c.putBatch(ctx, tx, b) })
	if err != nil {
		return fmt.Errorf("catalogue batch %s: %w", b.ID, err)
	}
	return nil
}

func (c *DB) putBatch(ctx context.Context, tx *sql.Tx, b record.Batch) error {
	place := "batch " + b.ID.String()
	sealed, err := sealRow(c.secrets.CatalogueKey(), place, batchRow{b.Name.Reveal(), b.SHA256[:], b.Size})
	if err != nil {
		return err
	}
	local, err := sealRow(c.local, place, b.SHA256[:])
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO batches
		(id, state, source, received_at, local, sealed, pages_in, filed, separators, blanks, qa, server)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, source = excluded.source, received_at = excluded.received_at,
		local = excluded.local, sealed = excluded.sealed, pages_in = excluded.pages_in, filed = excluded.filed,
		separators = excluded.separators, blanks = excluded.blanks, qa = excluded.qa`,
		b.ID.String(), string(b.State), c.sourceToken(b.SHA256), millis(b.ReceivedAt), local, sealed,
		b.Counts.PagesIn, b.Counts.Filed, b.Counts.Separators, b.Counts.Blanks, b.Counts.QA, c.Self())
	return err
}

// SetBatch moves a batch to a state with its accounting.
func (c *DB) SetBatch(ctx context.Context, id record.ID, s record.BatchState, n record.Counts) error {
	return c.tx(ctx, func(tx *sql.Tx) error { return setBatch(ctx, tx, id, s, n) })
}

func setBatch(ctx context.Context, tx *sql.Tx, id record.ID, s record.BatchState, n record.Counts) error {
	r, err := tx.ExecContext(ctx, `UPDATE batches SET state = $1, pages_in = $2, filed = $3, separators = $4, blanks = $5, qa = $6
		WHERE id = $7`, string(s), n.PagesIn, n.Filed, n.Separators, n.Blanks, n.QA, id.String())
	if err != nil {
		return fmt.Errorf("catalogue batch %s: %w", id, err)
	}
	if k, err := r.RowsAffected(); err == nil && k == 0 {
		return fmt.Errorf("catalogue batch %s: %w", id, record.ErrNotFound)
	}
	return nil
}

const batchColumns = `id, state, received_at, local, sealed, pages_in, filed, separators, blanks, qa`

// Batch returns one batch.
func (c *DB) Batch(ctx context.Context, id record.ID) (record.Batch, error) {
	return c.batchBy(ctx, c.sql, `id = $1`, id.String())
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (c *DB) batchBy(ctx context.Context, q querier, where string, arg any) (record.Batch, error) {
	b, err := c.scanBatch(q.QueryRowContext(ctx, `SELECT `+batchColumns+` FROM batches WHERE `+where, arg).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return b, fmt.Errorf("batch: %w", record.ErrNotFound)
	}
	return b, err
}

func (c *DB) scanBatch(scan func(...any) error) (b record.Batch, err error) {
	var id, state string
	var at int64
	var local, sealed []byte
	n := &b.Counts
	if err := scan(&id, &state, &at, &local, &sealed, &n.PagesIn, &n.Filed, &n.Separators, &n.Blanks, &n.QA); err != nil {
		return b, err
	}
	if b.ID, err = record.ParseID(id); err != nil {
		return b, err
	}
	b.State, b.ReceivedAt = record.BatchState(state), fromMillis(at)
	place := "batch " + id
	if c.secrets != nil {
		var row batchRow
		if err := openRow(c.secrets.CatalogueKey(), place, sealed, &row); err != nil {
			return b, err
		}
		b.Name, b.Size = record.NewPrivate(row.Name), row.Size
		copy(b.SHA256[:], row.SHA256)
		return b, nil
	}
	var sum []byte
	if openRow(c.local, place, local, &sum) == nil {
		// A row of another machine stays without its hash until the vault opens.
		copy(b.SHA256[:], sum)
	}
	return b, nil
}

// Batches returns every batch, oldest first. Without secrets names are
// missing.
func (c *DB) Batches(ctx context.Context) ([]record.Batch, error) {
	return c.batches(ctx, `ORDER BY received_at, id`)
}

// BatchesSince returns the batches that came in at a moment or later, and before
// another, oldest first.
func (c *DB) BatchesSince(ctx context.Context, from, to time.Time) ([]record.Batch, error) {
	return c.batches(ctx, `WHERE received_at >= $1 AND received_at < $2 ORDER BY received_at, id`, millis(from), millis(to))
}

// BatchSum is what came in in a stretch of time.
type BatchSum struct {
	Batches int
	record.Counts
}

// SumBatches sums batches up between moments that grow: the first sum is of those
// from the first moment on and before the second.
func (c *DB) SumBatches(ctx context.Context, moments []time.Time) ([]BatchSum, error) {
	if len(moments) < 2 {
		return nil, nil
	}
	var stretch strings.Builder // in whose order SQLite takes the arguments
	args := make([]any, len(moments))
	for i, m := range moments {
		args[i] = millis(m)
		fmt.Fprintf(&stretch, " WHEN received_at < $%d THEN %d", i+1, i-1)
	}
	rows, err := c.sql.QueryContext(ctx, `SELECT CASE`+stretch.String()+` END AS stretch, COUNT(*), SUM(pages_in), SUM(filed), SUM(separators), SUM(blanks), SUM(qa)
		FROM batches WHERE received_at >= $1 AND received_at < $`+strconv.Itoa(len(moments))+` GROUP BY stretch`, args...)
	if err != nil {
		return nil, fmt.Errorf("sum batches: %w", err)
	}
	defer rows.Close()
	out := make([]BatchSum, len(moments)-1)
	for rows.Next() {
		var i int
		var s BatchSum
		if err := rows.Scan(&i, &s.Batches, &s.PagesIn, &s.Filed, &s.Separators, &s.Blanks, &s.QA); err != nil {
			return nil, fmt.Errorf("sum batches: %w", err)
		}
		out[i] = s
	}
	return out, rows.Err()
}

func (c *DB) batches(ctx context.Context, where string, args ...any) ([]record.Batch, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT `+batchColumns+` FROM batches `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	defer rows.Close()
	var out []record.Batch
	for rows.Next() {
		b, err := c.scanBatch(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list batches: %w", err)
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

// DropBatch removes the row of a batch whose last document is destroyed; its
// counts and state stay.
func (c *DB) DropBatch(ctx context.Context, id record.ID) error {
	empty, err := sealRow(c.secrets.CatalogueKey(), "batch "+id.String(), batchRow{})
	if err != nil {
		return err
	}
	_, err = c.sql.ExecContext(ctx, `UPDATE batches SET sealed = $1, local = NULL, source = NULL WHERE id = $2`, empty, id.String())
	if err != nil {
		return fmt.Errorf("erase batch %s: %w", id, err)
	}
	return c.DropObjects(ctx, id)
}

// ForgetBatch removes the row of a batch that was begun and never filed.
func (c *DB) ForgetBatch(ctx context.Context, id record.ID) error {
	_, err := c.sql.ExecContext(ctx, `DELETE FROM batches WHERE id = $1 AND state IN ('claimed', 'split')`, id.String())
	if err != nil {
		return fmt.Errorf("forget batch %s: %w", id, err)
	}
	return nil
}

// PutBatchTombstone writes what remains of a batch whose last document is
// destroyed, as a rebuild does.
func (c *DB) PutBatchTombstone(ctx context.Context, id record.ID, receivedMillis int64, s record.BatchState, n record.Counts) error {
	empty, err := sealRow(c.secrets.CatalogueKey(), "batch "+id.String(), batchRow{})
	if err != nil {
		return err
	}
	_, err = c.sql.ExecContext(ctx, `INSERT INTO batches (id, state, received_at, sealed, pages_in, filed, separators, blanks, qa)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`,
		id.String(), string(s), receivedMillis, empty, n.PagesIn, n.Filed, n.Separators, n.Blanks, n.QA)
	if err != nil {
		return fmt.Errorf("catalogue batch %s: %w", id, err)
	}
	return nil
}
