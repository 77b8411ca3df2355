package catalog

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chartvault/record"
)

// Due is what an evaluation decided about a document, for lists and forecasts.
// It is a cache: what is destroyed is decided again from scratch.
type Due struct {
	Document record.ID
	Verdict  string
	Due      record.Date // first day of destruction; zero when unknown
	Class    string
	Schedule string
	Run      int64
}

// DueSum counts the documents of one verdict, class and month.
type DueSum struct {
	Verdict   string
	Class     string
	Month     string // "2031-05"; "" when the day is unknown
	Documents int
	Pages     int
	Bytes     int64
}

// ChartDocuments is a chart's facts and its documents that are not destroyed.
type ChartDocuments struct {
	Token     []byte
	Facts     Facts
	Documents []Row // without Document.Chart
}

// Charts returns up to limit charts that have documents, in the order of their
// tokens, after one of them: what an evaluation goes through.
func (c *DB) Charts(ctx context.Context, after []byte, limit int) ([]ChartDocuments, error) {
	if err := c.unlocked(); err != nil {
		return nil, err
	}
	if after == nil {
		after = []byte{}
	}
	rows, err := c.sql.QueryContext(ctx, `SELECT d.id, d.version, d.batch, d.chart, d.type, d.service_date, d.state, d.pages, d.bytes, c.sealed
		FROM documents d JOIN charts c ON c.token = d.chart
		WHERE d.chart IN (SELECT DISTINCT chart FROM documents WHERE chart > $1 ORDER BY chart LIMIT $2) AND d.state <> $3
		ORDER BY d.chart`, after, limit, string(record.DocumentDestroyed))
	if err != nil {
		return nil, fmt.Errorf("list charts: %w", err)
	}
	defer rows.Close()
	var out []ChartDocuments
	for rows.Next() {
		if out, err = c.addRow(rows, out); err != nil {
			return nil, fmt.Errorf("list charts: %w", err)
		}
	}
	if err := rows.Err(); err != nil || len(out) > 0 {
		return out, err
	}
	return c.skipDestroyed(ctx, after, limit)
}

// skipDestroyed goes on behind a page whose documents are all destroyed.
func (c *DB) skipDestroyed(ctx context.Context, after []byte, limit int) ([]ChartDocuments, error) {
	var last []byte
	err := c.sql.QueryRowContext(ctx, `SELECT chart FROM documents WHERE chart > $1 AND state <> $2 ORDER BY chart LIMIT 1`, after, string(record.DocumentDestroyed)).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list charts: %w", err)
	}
	var before []byte
	err = c.sql.QueryRowContext(ctx, `SELECT MAX(chart) FROM documents WHERE chart < $1`, last).Scan(&before)
	if err != nil {
		return nil, fmt.Errorf("list charts: %w", err)
	}
	return c.Charts(ctx, before, limit)
}

func (c *DB) addRow(rows *sql.Rows, out []ChartDocuments) ([]ChartDocuments, error) {
	var id, batch, date, state string
	var token, sealed []byte
	var r Row
	if err := rows.Scan(&id, &r.Version, &batch, &token, &r.Type, &date, &state, &r.Pages, &r.Bytes, &sealed); err != nil {
		return nil, err
	}
	var errs [3]error
	r.ID, errs[0] = record.ParseID(id)
	r.Batch, errs[1] = record.ParseID(batch)
	r.ServiceDate, errs[2] = record.ParseDate(date)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	r.State, r.ChartToken = record.DocumentState(state), token
	if n := len(out); n > 0 && bytes.Equal(out[n-1].Token, token) {
		out[n-1].Documents = append(out[n-1].Documents, r)
		return out, nil
	}
	var row chartRow
	if err := openRow(c.secrets.CatalogueKey(), chartPlace(token), sealed, &row); err != nil {
		return nil, err
	}
	return append(out, ChartDocuments{Token: token, Facts: row.Facts, Documents: []Row{r}}), nil
}

// duesAtOnce is how many decisions one statement writes.
const duesAtOnce = 100

// PutDues writes decisions, in one transaction. No document may be among them
// twice.
func (c *DB) PutDues(ctx context.Context, dues []Due) error {
	err := c.tx(ctx, func(tx *sql.Tx) error {
		many, err := tx.PrepareContext(ctx, putDues(duesAtOnce))
		if err != nil {
			return err
		}
		defer many.Close() // goes with the transaction
		for len(dues) >= duesAtOnce {
			if _, err := many.ExecContext(ctx, dueValues(dues[:duesAtOnce])...); err != nil {
				return err
			}
			dues = dues[duesAtOnce:]
		}
		if len(dues) == 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx, putDues(len(dues)), dueValues(dues)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep decisions: %w", err)
	}
	return nil
}

// putDues is the statement that writes n decisions; those that say what is
// there already write nothing.
func putDues(n int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO dues (document, verdict, due, class, schedule, run) VALUES `)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "($%d, $%d, $%d, $%d, $%d, CAST($%d AS BIGINT))", 6*i+1, 6*i+2, 6*i+3, 6*i+4, 6*i+5, 6*i+6)
	}
	b.WriteString(` ON CONFLICT (document) DO UPDATE SET verdict = excluded.verdict, due = excluded.due, class = excluded.class,
		schedule = excluded.schedule, run = excluded.run
		WHERE dues.verdict <> excluded.verdict OR dues.due <> excluded.due OR dues.class <> excluded.class OR dues.schedule <> excluded.schedule`)
	return b.String()
}

func dueValues(dues []Due) []any {
	out := make([]any, 0, 6*len(dues))
	for _, d := range dues {
		out = append(out, d.Document.String(), d.Verdict, d.Due.String(), d.Class, d.Schedule, d.Run)
	}
	return out
}

// DueSums counts decided documents by verdict, class and month.
func (c *DB) DueSums(ctx context.Context) ([]DueSum, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT u.verdict, u.class, SUBSTR(u.due, 1, 7), COUNT(*), SUM(d.pages), SUM(d.bytes)
		FROM dues u JOIN documents d ON d.id = u.document GROUP BY 1, 2, 3 ORDER BY 3, 2, 1`)
	if err != nil {
		return nil, fmt.Errorf("sum decisions: %w", err)
	}
	defer rows.Close()
	var out []DueSum
	for rows.Next() {
		var s DueSum
		if err := rows.Scan(&s.Verdict, &s.Class, &s.Month, &s.Documents, &s.Pages, &s.Bytes); err != nil {
			return nil, fmt.Errorf("sum decisions: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// DueDays returns the days on which the documents of charts may end, as last
// decided, by document; those whose day is not known are missing.
func (c *DB) DueDays(ctx context.Context, charts [][]byte) (map[record.ID]record.Date, error) {
	out := map[record.ID]record.Date{}
	for _, chart := range charts {
		rows, err := c.sql.QueryContext(ctx, `SELECT u.document, u.due FROM documents d JOIN dues u ON u.document = d.id WHERE d.chart = $1 AND u.due <> ''`, chart)
		if err != nil {
			return nil, fmt.Errorf("list due days: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, day string
			if err := rows.Scan(&id, &day); err != nil {
				return nil, fmt.Errorf("list due days: %w", err)
			}
			doc, err := record.ParseID(id)
			if err != nil {
				return nil, fmt.Errorf("list due days: %w", err)
			}
			if out[doc], err = record.ParseDate(day); err != nil {
				return nil, fmt.Errorf("list due days: %w", err)
			}
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("list due days: %w", err)
		}
	}
	return out, nil
}

// DueDocuments returns the documents whose day, as last decided, has come, in
// the order of their days.
func (c *DB) DueDocuments(ctx context.Context, today record.Date) ([]record.ID, error) {
	return c.ids(ctx, `SELECT document FROM dues WHERE due <> '' AND due <= $1 ORDER BY due, document`, today.String())
}

// ids returns the documents that a query names.
func (c *DB) ids(ctx context.Context, query string, args ...any) ([]record.ID, error) {
	rows, err := c.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list due documents: %w", err)
	}
	defer rows.Close()
	var out []record.ID
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("list due documents: %w", err)
		}
		id, err := record.ParseID(s)
		if err != nil {
			return nil, fmt.Errorf("list due documents: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// DestroyedSince counts the documents whose destruction ended at or after t.
func (c *DB) DestroyedSince(ctx context.Context, t time.Time) (n int, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM documents WHERE destroyed_at >= $1 AND state = $2`, t.UnixMilli(), string(record.DocumentDestroyed)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count destroyed documents: %w", err)
	}
	return n, nil
}

// TypeCounts counts the documents that are not destroyed, by type.
func (c *DB) TypeCounts(ctx context.Context) (map[string]int, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT type, COUNT(*) FROM documents WHERE state <> $1 GROUP BY type`, string(record.DocumentDestroyed))
	if err != nil {
		return nil, fmt.Errorf("count types: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var typ string
		var n int
		if err := rows.Scan(&typ, &n); err != nil {
			return nil, fmt.Errorf("count types: %w", err)
		}
		out[typ] = n
	}
	return out, rows.Err()
}

// Progress returns how far a piece of work that can be resumed has come; ""
// when it has not begun.
func (c *DB) Progress(ctx context.Context, name string) (value string, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT value FROM progress WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("progress of %s: %w", name, err)
	}
	return value, nil
}

// Reached returns the number that Raise or SetProgress recorded; 0 before any.
func (c *DB) Reached(ctx context.Context, name string) (n int64, err error) {
	text, err := c.Progress(ctx, name)
	if err != nil || text == "" {
		return 0, err
	}
	if n, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, fmt.Errorf("progress of %s: %w", name, record.ErrCorrupt)
	}
	return n, nil
}

// Raise records a number that only grows, and reports whether it grew.
func (c *DB) Raise(ctx context.Context, name string, n int64) (bool, error) {
	r, err := c.sql.ExecContext(ctx, `INSERT INTO progress (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value
		WHERE CAST(progress.value AS BIGINT) < CAST(excluded.value AS BIGINT)`, name, fmt.Sprint(n))
	if err != nil {
		return false, fmt.Errorf("progress of %s: %w", name, struckOff(err))
	}
	k, err := r.RowsAffected()
	return k == 1, err
}

// SetProgress records how far a piece of work has come.
func (c *DB) SetProgress(ctx context.Context, name, value string) error {
	_, err := c.sql.ExecContext(ctx, `INSERT INTO progress (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	if err != nil {
		return fmt.Errorf("progress of %s: %w", name, err)
	}
	return nil
}
