package catalog

import (
	"context"
	"fmt"

	"chartvault/record"
)

// Part is a part of a long list: so many rows, after one of them. Rows are told
// apart by where they stand and not by how many come before, so that none is
// missed while others come and go.
type Part struct {
	After record.ID // zero for the first; one that is not there any more is as good as none
	Most  int       // rows; at least one
}

// BatchFilter says which batches are wanted.
type BatchFilter string

// Filters of batches.
const (
	BatchesAll     BatchFilter = ""
	BatchesOnWay   BatchFilter = "on its way"
	BatchesUnread  BatchFilter = "unread"
	BatchesWaiting BatchFilter = "waiting" // a document of them waits for a decision
)

// asking is the condition of a document that waits with something in doubt, in the
// words for which its index is used.
const asking = `doubts <> '' AND COALESCE(state, '') IN ('qa', 'filed')`

// batchConditions are the filters as conditions, without arguments.
func batchConditions() map[BatchFilter]string {
	return map[BatchFilter]string{
		BatchesAll:     "1 = 1",
		BatchesOnWay:   "state IN ('claimed', 'split')",
		BatchesUnread:  "state = 'unread'",
		BatchesWaiting: "id IN (SELECT batch FROM documents WHERE " + asking + ")",
	}
}

// NewestBatches returns batches, newest first; record.ErrInvalid for a filter
// there is not.
func (c *DB) NewestBatches(ctx context.Context, p Part, f BatchFilter) ([]record.Batch, error) {
	condition, ok := batchConditions()[f]
	if !ok {
		return nil, fmt.Errorf("list batches: %w: they are not listed by %q", record.ErrInvalid, f)
	}
	where, args := p.where("(received_at, id) < (SELECT received_at, id FROM batches WHERE id = $1)", "SELECT 1 FROM batches WHERE id = $1")
	if where == "" {
		where = "WHERE 1 = 1"
	}
	return c.batches(ctx, where+fmt.Sprintf(` AND %s ORDER BY received_at DESC, id DESC LIMIT %d`, condition, p.Most), args...)
}

// WaitingByBatch counts what Waiting returns by its batch; those without any are
// missing.
func (c *DB) WaitingByBatch(ctx context.Context) (map[string]int, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT batch, COUNT(*) FROM documents WHERE `+asking+` GROUP BY batch`)
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return nil, fmt.Errorf("count what waits: %w", err)
		}
		out[id] = n
	}
	return out, rows.Err()
}

// WaitingPart is a part of what Waiting returns. It is asked for twice: those with
// something in doubt lie in an index of their own, in order; a document in quality
// without any is none that ingest makes, and is found all the same. COALESCE keeps
// SQLite, which has no statistics, from going by the index of states instead, which
// leads to every filed document.
func (c *DB) WaitingPart(ctx context.Context, p Part) ([]Row, error) {
	where, args := p.where("(filed_at, id) > (SELECT filed_at, id FROM documents WHERE id = $1)", "SELECT 1 FROM documents WHERE id = $1")
	if where == "" {
		where = "WHERE 1 = 1"
	}
	n := len(args)
	each := func(condition string) string {
		return fmt.Sprintf(`SELECT * FROM (SELECT `+rowColumns+` FROM documents %s AND %s ORDER BY filed_at, id LIMIT %d) w`, where, condition, p.Most)
	}
	query := each(fmt.Sprintf(`doubts <> '' AND COALESCE(state, '') IN ($%d, $%d)`, n+1, n+2)) + ` UNION ALL ` + each(fmt.Sprintf(`state = $%d AND doubts = ''`, n+1)) +
		fmt.Sprintf(` ORDER BY filed_at, id LIMIT %d`, p.Most)
	return c.query(ctx, query, append(args, string(record.DocumentQA), string(record.DocumentFiled))...)
}

// CountWaiting counts what Waiting returns.
func (c *DB) CountWaiting(ctx context.Context) (n int, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM documents WHERE doubts <> '' AND COALESCE(state, '') IN ($1, $2)) + (SELECT COUNT(*) FROM documents WHERE state = $1 AND doubts = '')`,
		string(record.DocumentQA), string(record.DocumentFiled)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what waits: %w", err)
	}
	return n, nil
}

// where is a part's condition, and its arguments: before holds for rows after the
// one that $1 names, exists finds it. Without one there is no condition.
func (p Part) where(before, exists string) (string, []any) {
	if p.After.IsZero() {
		return "", nil
	}
	return "WHERE (" + before + " OR NOT EXISTS (" + exists + "))", []any{p.After.String()}
}

// DuePart returns documents that the last evaluation found to be due, in the
// order of their days.
func (c *DB) DuePart(ctx context.Context, verdict string, p Part) ([]record.ID, error) {
	where, args := p.where("(due, document) > (SELECT due, document FROM dues WHERE document = $1)", "SELECT 1 FROM dues WHERE document = $1")
	if where == "" {
		where = "WHERE 1 = 1"
	}
	where += fmt.Sprintf(` AND verdict = $%d ORDER BY due, document LIMIT %d`, len(args)+1, p.Most)
	return c.ids(ctx, `SELECT document FROM dues `+where, append(args, verdict)...)
}

// CountDue counts what DuePart returns.
func (c *DB) CountDue(ctx context.Context, verdict string) (n int, err error) {
	if err := c.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM dues WHERE verdict = $1`, verdict).Scan(&n); err != nil {
		return 0, fmt.Errorf("count due documents: %w", err)
	}
	return n, nil
}
