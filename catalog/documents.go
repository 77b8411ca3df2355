package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"chartvault/record"
)

// Row is a document as the catalogue holds it. Document.Chart is set only when
// the row was opened with the document's key.
type Row struct {
	record.Document
	ChartToken  []byte
	DestroyedAt time.Time
	Certificate string
}

// Keyed is a document and the key its row is sealed under.
type Keyed struct {
	record.Document
	Key []byte // 32 bytes, derived from the document's identity
}

// documentRow is what a document's row seals.
type documentRow struct {
	Chart string `json:"chart"`
}

// File records the documents of a batch and ends the batch, in one
// transaction. Repeating it changes nothing.
func (c *DB) File(ctx context.Context, batch record.ID, s record.BatchState, n record.Counts, docs []Keyed) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	return c.tx(ctx, func(tx *sql.Tx) error {
		for _, d := range docs {
			if err := c.putDocument(ctx, tx, d); err != nil {
				return fmt.Errorf("file document %s: %w", d.ID, err)
			}
		}
		return setBatch(ctx, tx, batch, s, n)
	})
}

// PutDocument writes one document's row and notes the change for the index.
func (c *DB) PutDocument(ctx context.Context, d Keyed) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	err := c.tx(ctx, func(tx *sql.Tx) error { return c.putDocument(ctx, tx, d) })
	if err != nil {
		return fmt.Errorf("catalogue document %s: %w", d.ID, err)
	}
	return nil
}

func (c *DB) putDocument(ctx context.Context, tx *sql.Tx, d Keyed) error {
	id := d.ID.String()
	sealed, err := sealRow(d.Key, "document "+id, documentRow{d.Chart.Reveal()})
	if err != nil {
		return err
	}
	var token []byte
	if !d.Chart.IsZero() {
		token = c.ChartToken(d.Chart)
		if err := c.ensureChart(ctx, tx, token, d.Chart); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO documents
		(id, version, batch, chart, type, service_date, filed_at, state, doubts, pages, bytes, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, chart = excluded.chart, type = excluded.type,
		service_date = excluded.service_date, state = excluded.state, doubts = excluded.doubts, sealed = excluded.sealed`,
		id, d.Version, d.Batch.String(), token, d.Type, d.ServiceDate.String(), millis(d.FiledAt), string(d.State),
		joinDoubts(d.Doubts), d.Pages, d.Bytes, sealed)
	if err != nil {
		return err
	}
	return c.change(ctx, tx, d.ID)
}

func joinDoubts(ds []record.Doubt) string {
	s := make([]string, len(ds))
	for i, d := range ds {
		s[i] = string(d)
	}
	return strings.Join(s, ",")
}

func splitDoubts(s string) []record.Doubt {
	if s == "" {
		return nil
	}
	var out []record.Doubt
	for _, d := range strings.Split(s, ",") {
		out = append(out, record.Doubt(d))
	}
	return out
}

const rowColumns = `id, version, batch, chart, type, service_date, filed_at, state, doubts, pages, bytes, destroyed_at, certificate`

func scanRow(scan func(...any) error) (r Row, err error) {
	var id, batch, date, state, doubts string
	var filed, destroyed int64
	if err := scan(&id, &r.Version, &batch, &r.ChartToken, &r.Type, &date, &filed, &state, &doubts, &r.Pages, &r.Bytes, &destroyed, &r.Certificate); err != nil {
		return r, err
	}
	var errs [3]error
	r.ID, errs[0] = record.ParseID(id)
	r.Batch, errs[1] = record.ParseID(batch)
	r.ServiceDate, errs[2] = record.ParseDate(date)
	r.FiledAt, r.DestroyedAt = fromMillis(filed), fromMillis(destroyed)
	r.State, r.Doubts = record.DocumentState(state), splitDoubts(doubts)
	return r, errors.Join(errs[:]...)
}

// Document returns one row; record.ErrNotFound when there is none.
func (c *DB) Document(ctx context.Context, id record.ID) (Row, error) {
	r, err := scanRow(c.sql.QueryRowContext(ctx, `SELECT `+rowColumns+` FROM documents WHERE id = $1`, id.String()).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("document %s: %w", id, record.ErrNotFound)
	}
	return r, err
}

// ChartAsRead returns the chart number a document was filed under, as it was
// read, from its sealed row.
func (c *DB) ChartAsRead(ctx context.Context, id record.ID, key []byte) (string, error) {
	var sealed []byte
	err := c.sql.QueryRowContext(ctx, `SELECT sealed FROM documents WHERE id = $1`, id.String()).Scan(&sealed)
	if err != nil {
		return "", fmt.Errorf("document %s: %w", id, err)
	}
	var row documentRow
	err = openRow(key, "document "+id.String(), sealed, &row)
	return row.Chart, err
}

// OfChart returns every document of a chart, destroyed ones too, oldest first.
func (c *DB) OfChart(ctx context.Context, n record.ChartNumber) ([]Row, error) {
	if err := c.unlocked(); err != nil {
		return nil, err
	}
	return c.rows(ctx, `WHERE chart = $1 ORDER BY filed_at, id`, c.ChartToken(n))
}

// OfToken returns the documents of a chart, by its token.
func (c *DB) OfToken(ctx context.Context, token []byte) ([]Row, error) {
	return c.rows(ctx, `WHERE chart = $1 ORDER BY filed_at, id`, token)
}

// OfBatch returns the documents of a batch.
func (c *DB) OfBatch(ctx context.Context, id record.ID) ([]Row, error) {
	return c.rows(ctx, `WHERE batch = $1 ORDER BY filed_at, id`, id.String())
}

// LiveOfBatch counts the documents of a batch that are not destroyed, besides
// one of them.
func (c *DB) LiveOfBatch(ctx context.Context, batch, besides record.ID) (n int, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM documents WHERE batch = $1 AND id <> $2 AND state <> $3`,
		batch.String(), besides.String(), string(record.DocumentDestroyed)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count documents of batch %s: %w", batch, err)
	}
	return n, nil
}

// InState returns the documents in a state.
func (c *DB) InState(ctx context.Context, s record.DocumentState) ([]Row, error) {
	return c.rows(ctx, `WHERE state = $1 ORDER BY filed_at, id`, string(s))
}

// Waiting returns the documents that wait for a person's decision, oldest first.
func (c *DB) Waiting(ctx context.Context) ([]Row, error) {
	return c.rows(ctx, `WHERE state = $1 OR state = $2 AND doubts <> '' ORDER BY filed_at, id`, string(record.DocumentQA), string(record.DocumentFiled))
}

// Totals are what a catalogue has, counted by the database.
type Totals struct {
	Documents int // that are not destroyed
	QA        int
	Batches   int
	Open      int // batches on their way
	Pages     int // that came in
}

// Totals counts.
func (c *DB) Totals(ctx context.Context) (t Totals, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN state = $1 THEN 1 ELSE 0 END), 0) FROM documents WHERE state NOT IN ($2, $3)`,
		string(record.DocumentQA), string(record.DocumentDestroyed), string(record.DocumentSuperseded)).Scan(&t.Documents, &t.QA)
	if err == nil {
		err = c.sql.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN state IN ($1, $2) THEN 1 ELSE 0 END), 0), COALESCE(SUM(pages_in), 0) FROM batches`,
			string(record.BatchClaimed), string(record.BatchSplit)).Scan(&t.Batches, &t.Open, &t.Pages)
	}
	if err != nil {
		return t, fmt.Errorf("count: %w", err)
	}
	return t, nil
}

// Documents returns every document that is not destroyed.
func (c *DB) Documents(ctx context.Context) ([]Row, error) {
	return c.rows(ctx, `WHERE state <> $1 ORDER BY filed_at, id`, string(record.DocumentDestroyed))
}

// EachDocument calls f with every document that is not destroyed, by id, a
// page of rows at a time, so that a catalogue of any size is gone through in
// little memory and f may use the catalogue. It stops at f's first error.
func (c *DB) EachDocument(ctx context.Context, f func(Row) error) error {
	const step = 1000
	for after := ""; ; {
		rows, err := c.rows(ctx, `WHERE id > $1 AND state <> $2 ORDER BY id LIMIT $3`, after, string(record.DocumentDestroyed), step)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := f(r); err != nil {
				return err
			}
		}
		if len(rows) < step {
			return nil
		}
		after = rows[len(rows)-1].ID.String()
	}
}

func (c *DB) rows(ctx context.Context, where string, args ...any) ([]Row, error) {
	return c.query(ctx, `SELECT `+rowColumns+` FROM documents `+where, args...)
}

// query returns the rows of a query for rowColumns.
func (c *DB) query(ctx context.Context, query string, args ...any) ([]Row, error) {
	rows, err := c.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	defer rows.Close()
	var out []Row
	for rows.Next() {
		r, err := scanRow(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list documents: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Destroying marks a document as past the point of no return, unless a hold on
// its chart or on itself forbids it: both are looked at in one transaction.
func (c *DB) Destroying(ctx context.Context, id record.ID) error {
	err := c.tx(ctx, func(tx *sql.Tx) error {
		var held int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM documents d JOIN held h ON h.chart = d.chart OR h.document = d.id
			WHERE d.id = $1`, id.String()).Scan(&held); err != nil {
			return err
		}
		if held > 0 {
			return record.ErrHeld
		}
		r, err := tx.ExecContext(ctx, `UPDATE documents SET state = $1 WHERE id = $2 AND state IN ($3, $4, $5)`,
			string(record.DocumentDestroying), id.String(), string(record.DocumentFiled), string(record.DocumentQA), string(record.DocumentDestroying))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err == nil && n == 0 {
			return record.ErrNotFound
		}
		return c.change(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("mark document %s: %w", id, err)
	}
	return nil
}

// MarkDestroying sets a document past the point of no return whatever its
// holds, because the log says that its destruction has begun.
func (c *DB) MarkDestroying(ctx context.Context, id record.ID) error {
	_, err := c.sql.ExecContext(ctx, `UPDATE documents SET state = $1 WHERE id = $2`, string(record.DocumentDestroying), id.String())
	if err != nil {
		return fmt.Errorf("mark document %s: %w", id, err)
	}
	return nil
}

// Tombstone erases what is sealed in a document's row and leaves what a
// requester is told: destroyed on a date, under a certificate.
func (c *DB) Tombstone(ctx context.Context, id record.ID, at time.Time, certificate string) error {
	err := c.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE documents SET state = $1, sealed = NULL, doubts = '', destroyed_at = $2, certificate = $3 WHERE id = $4`,
			string(record.DocumentDestroyed), millis(at), certificate, id.String())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM dues WHERE document = $1`, id.String()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM held WHERE document = $1`, id.String()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM objects WHERE owner = $1`, id.String()); err != nil {
			return err
		}
		return c.change(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("erase document %s: %w", id, err)
	}
	return nil
}

// PutTombstone writes the row of a destroyed document, as a rebuild does.
func (c *DB) PutTombstone(ctx context.Context, r Row) error {
	_, err := c.sql.ExecContext(ctx, `INSERT INTO documents
		(id, version, batch, chart, type, service_date, filed_at, state, doubts, pages, bytes, destroyed_at, certificate)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
		r.ID.String(), r.Version, r.Batch.String(), r.ChartToken, r.Type, r.ServiceDate.String(), millis(r.FiledAt),
		string(record.DocumentDestroyed), r.Pages, r.Bytes, millis(r.DestroyedAt), r.Certificate)
	if err != nil {
		return fmt.Errorf("catalogue tombstone %s: %w", r.ID, err)
	}
	return nil
}
