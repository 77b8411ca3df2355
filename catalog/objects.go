package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
)

// Object is a stored object as the catalogue holds it: what the census and the
// rolling re-read compare the store with. All of it stands in clear: a name is
// random, and the sum is of ciphertext.
type Object struct {
	Name    string
	Owner   record.ID // the document or batch it belongs to
	Size    int64     // bytes
	Version string    // the store's version id
	Sum     []byte    // of the ciphertext, as archive.Object has it
	Seen    time.Time // last found to be there, with its size and version
	Read    time.Time // last read to its end, and right
	Fault   string    // what is wrong with it; "" for nothing
}

const objectColumns = `name, owner, size, version, sum, seen_at, read_at, fault`

// PutRebuilt writes documents' rows and their objects in one transaction, as a
// rebuild reads them.
func (c *DB) PutRebuilt(ctx context.Context, docs []Keyed, objects []Object) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	err := c.tx(ctx, func(tx *sql.Tx) error {
		for _, d := range docs {
			if err := c.putDocument(ctx, tx, d); err != nil {
				return fmt.Errorf("document %s: %w", d.ID, err)
			}
		}
		return putObjects(ctx, tx, objects)
	})
	if err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	return nil
}

// PutObjects records objects, or records them anew as what they are now.
func (c *DB) PutObjects(ctx context.Context, objects []Object) error {
	if err := c.tx(ctx, func(tx *sql.Tx) error { return putObjects(ctx, tx, objects) }); err != nil {
		return fmt.Errorf("catalogue objects: %w", err)
	}
	return nil
}

func putObjects(ctx context.Context, tx *sql.Tx, objects []Object) error {
	for _, o := range objects {
		_, err := tx.ExecContext(ctx, `INSERT INTO objects (`+objectColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (name) DO UPDATE SET size = excluded.size, version = excluded.version, sum = excluded.sum`,
			o.Name, o.Owner.String(), o.Size, o.Version, o.Sum, millis(o.Seen), millis(o.Read), o.Fault)
		if err != nil {
			return err
		}
	}
	return nil
}

// DropObjects forgets the objects of a document or batch that was destroyed.
func (c *DB) DropObjects(ctx context.Context, owner record.ID) error {
	if _, err := c.sql.ExecContext(ctx, `DELETE FROM objects WHERE owner = $1`, owner.String()); err != nil {
		return fmt.Errorf("forget objects of %s: %w", owner, err)
	}
	return nil
}

// Unrecorded returns up to limit documents, then batches, that are stored and
// whose objects are not recorded.
func (c *DB) Unrecorded(ctx context.Context, limit int) (documents, batches []record.ID, err error) {
	documents, err = c.owners(ctx, `SELECT id FROM documents WHERE state NOT IN ($1, $2) AND NOT EXISTS (SELECT 1 FROM objects WHERE owner = documents.id)
		ORDER BY id LIMIT $3`, string(record.DocumentDestroying), string(record.DocumentDestroyed), limit)
	if err != nil {
		return nil, nil, err
	}
	batches, err = c.owners(ctx, `SELECT id FROM batches WHERE state IN ($1, $2) AND source IS NOT NULL AND NOT EXISTS (SELECT 1 FROM objects WHERE owner = batches.id)
		ORDER BY id LIMIT $3`, string(record.BatchFiled), string(record.BatchUnread), limit-len(documents))
	return documents, batches, err
}

func (c *DB) owners(ctx context.Context, query string, args ...any) ([]record.ID, error) {
	texts, err := c.names(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var out []record.ID
	for _, s := range texts {
		id, err := record.ParseID(s)
		if err != nil {
			return nil, fmt.Errorf("list unrecorded: %w", err)
		}
		out = append(out, id)
	}
	return out, nil
}

// ObjectsOf returns the objects of a document or batch.
func (c *DB) ObjectsOf(ctx context.Context, owner record.ID) ([]Object, error) {
	return c.objects(ctx, `WHERE owner = $1 ORDER BY name`, owner.String())
}

// ObjectBySum returns the name under which these bytes were stored, "" for
// none.
func (c *DB) ObjectBySum(ctx context.Context, sum []byte) (name string, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT name FROM objects WHERE sum = $1`, sum).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find object: %w", err)
	}
	return name, nil
}

// Unseen returns up to limit objects that nobody looked at since t, the
// longest first.
func (c *DB) Unseen(ctx context.Context, t time.Time, limit int) ([]Object, error) {
	return c.objects(ctx, `WHERE seen_at < $1 ORDER BY seen_at, name LIMIT $2`, millis(t), limit)
}

// Unread returns up to limit objects that nobody read since t, the longest
// first.
func (c *DB) Unread(ctx context.Context, t time.Time, limit int) ([]Object, error) {
	return c.objects(ctx, `WHERE read_at < $1 ORDER BY read_at, name LIMIT $2`, millis(t), limit)
}

// Faulty returns the objects with a fault.
func (c *DB) Faulty(ctx context.Context) ([]Object, error) {
	return c.objects(ctx, `WHERE fault <> '' ORDER BY name`)
}

func (c *DB) objects(ctx context.Context, where string, args ...any) ([]Object, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT `+objectColumns+` FROM objects `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	defer rows.Close()
	var out []Object
	for rows.Next() {
		var o Object
		var owner string
		var seen, read int64
		if err := rows.Scan(&o.Name, &owner, &o.Size, &o.Version, &o.Sum, &seen, &read, &o.Fault); err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		if o.Owner, err = record.ParseID(owner); err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		o.Seen, o.Read = fromMillis(seen), fromMillis(read)
		out = append(out, o)
	}
	return out, rows.Err()
}

// Look is what somebody who looked at an object found.
type Look struct {
	Name  string
	Fault string // "" when it is as it was stored
	Read  bool   // it was read to its end, not only looked at
}

// Looked records what was found. A glance does not take back a fault that only
// reading it could have found.
func (c *DB) Looked(ctx context.Context, at time.Time, looks []Look) error {
	err := c.tx(ctx, func(tx *sql.Tx) error {
		for _, l := range looks {
			q, args := `UPDATE objects SET seen_at = $1 WHERE name = $2`, []any{millis(at), l.Name}
			switch {
			case l.Fault != "":
				q, args = `UPDATE objects SET seen_at = $1, fault = $2 WHERE name = $3`, []any{millis(at), l.Fault, l.Name}
			case l.Read:
				q = `UPDATE objects SET seen_at = $1, read_at = $1, fault = '' WHERE name = $2`
			}
			if _, err := tx.ExecContext(ctx, q, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("catalogue what was looked at: %w", err)
	}
	return nil
}

// Census sums up the objects.
type Census struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	Faults  int   `json:"faults"`
	Seen    int   `json:"seen"` // looked at since the day asked for
	Read    int   `json:"read"` // read since the day asked for
}

// Census counts the objects, and those seen and read since the given times.
func (c *DB) Census(ctx context.Context, seen, read time.Time) (n Census, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(SUM(CASE WHEN fault <> '' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN seen_at >= $1 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN read_at >= $2 THEN 1 ELSE 0 END), 0) FROM objects`,
		millis(seen), millis(read)).Scan(&n.Objects, &n.Bytes, &n.Faults, &n.Seen, &n.Read)
	if err != nil {
		return n, fmt.Errorf("count objects: %w", err)
	}
	return n, nil
}
