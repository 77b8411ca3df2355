package search

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum" // registers the encrypting VFS

	"chartvault/internal/durable"
	"chartvault/ocr"
	"chartvault/record"
)

// Keys gives and destroys the keys of shards.
type Keys interface {
	ShardKey(ctx context.Context, name string) ([]byte, error)
	DestroyShardKey(ctx context.Context, name string) error
}

// Index is the open index. It is safe for concurrent use.
type Index struct {
	dir  string
	keys Keys
	zstd *zstd.Encoder // EncodeAll is safe for concurrent use

	mu     sync.RWMutex // held for writing while Rotate swaps the shard
	number int
	db     *sql.DB
}

// Open opens the index in dir, making an empty one when there is none.
func Open(ctx context.Context, dir string, keys Keys) (*Index, error) {
	if err := durable.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x := &Index{dir: dir, keys: keys, zstd: z}
	numbers, err := x.shards()
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x.number = 1
	if len(numbers) > 0 {
		x.number = numbers[len(numbers)-1]
	}
	if x.db, err = x.openShard(ctx, x.number); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	// A rotation that a crash cut short left an older shard.
	for _, n := range numbers {
		if n != x.number {
			if err := x.dropShard(ctx, n); err != nil {
				return nil, errors.Join(err, x.db.Close())
			}
		}
	}
	return x, nil
}

func shardName(n int) string { return fmt.Sprintf("main-%06d", n) }

func (x *Index) file(n int) string { return filepath.Join(x.dir, shardName(n)+".db") }

// shards returns the numbers of complete shard files, ascending. Unfinished
// copies are removed.
func (x *Index) shards() ([]int, error) {
	ents, err := os.ReadDir(x.dir)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range ents {
		var n int
		if strings.Contains(e.Name(), ".new") {
			if err := durable.Remove(filepath.Join(x.dir, e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		if _, err := fmt.Sscanf(e.Name(), "main-%06d.db", &n); err == nil && e.Name() == shardName(n)+".db" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (x *Index) openShard(ctx context.Context, n int) (*sql.DB, error) {
	key, err := x.keys.ShardKey(ctx, shardName(n))
	if err != nil {
		return nil, err
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: x.file(n)}).EscapedPath(), RawQuery: "vfs=adiantum&_txlock=immediate"}).String()
	db, err := driver.Open(dsn, func(c *sqlite3.Conn) error {
		for _, p := range []string{ // the key first: anything else would read the file
			`PRAGMA hexkey='` + hex.EncodeToString(key) + `'`,
			`PRAGMA busy_timeout=60000`,
			`PRAGMA journal_mode=WAL`,
			`PRAGMA synchronous=NORMAL`, // a cache: what a power cut takes is indexed again
			`PRAGMA secure_delete=ON`,
			`PRAGMA temp_store=MEMORY`,
		} {
			if err := c.Exec(p); err != nil {
				return err
			}
		}
		return fts5.Register(c)
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	for _, s := range []string{
		`CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS page (
			id       INTEGER PRIMARY KEY,
			document TEXT NOT NULL,
			number   INTEGER NOT NULL,
			doubtful INTEGER NOT NULL, -- 1 for a page that was read badly: ranked last
			words    BLOB NOT NULL)`, // zstd of ocr.PageText as JSON
		`CREATE INDEX IF NOT EXISTS page_document ON page (document)`,
		`CREATE VIRTUAL TABLE IF NOT EXISTS text USING fts5(body, tokenize='unicode61 remove_diacritics 2')`,
		`INSERT INTO text(text, rank) VALUES('secure-delete', 1)`,
		`SELECT doubtful FROM page LIMIT 0`, // an index of before it was there is made again
		`CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5vocab(text, 'row')`,
	} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// doubtful reports whether a page was recognised so badly that what was read
// may not be what is there: handwriting, above all. Pages of before quality was
// measured have none.
func doubtful(p ocr.PageText) bool {
	return p.Origin == ocr.FromOCR && p.Quality != (ocr.Quality{}) && p.Quality.Poor(ocr.DefaultPoor)
}

// Close closes the index.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.db.Close()
}

// Position returns the catalogue change up to which the index is complete.
func (x *Index) Position(ctx context.Context) (int64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var n int64
	err := x.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'position'`).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

// SetPosition records how far the index has come.
func (x *Index) SetPosition(ctx context.Context, n int64) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, err := x.db.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('position', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, n)
	return err
}

// Put indexes the pages of a document, in place of what was there. Pages are
// numbered from 1 in order.
func (x *Index) Put(ctx context.Context, id record.ID, pages []ocr.PageText) error {
	return x.PutMany(ctx, []Entry{{id, pages}})
}

// Entry is a document for the index.
type Entry struct {
	ID    record.ID
	Pages []ocr.PageText
}

// PutMany indexes several documents in one transaction. Documents that were
// indexed before are indexed anew.
func (x *Index) PutMany(ctx context.Context, entries []Entry) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	err := x.tx(ctx, func(tx *sql.Tx) error {
		for _, e := range entries {
			if err := x.put(ctx, tx, e); err != nil {
				return fmt.Errorf("document %s: %w", e.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

func (x *Index) put(ctx context.Context, tx *sql.Tx, e Entry) error {
	if err := remove(ctx, tx, e.ID); err != nil {
		return err
	}
	for i, p := range e.Pages {
		b, err := json.Marshal(p)
		if err != nil {
			return err
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO page (document, number, doubtful, words) VALUES ($1, $2, $3, $4)`, e.ID.String(), i+1, doubtful(p), x.zstd.EncodeAll(b, nil))
		if err != nil {
			return err
		}
		row, err := r.LastInsertId()
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO text (rowid, body) VALUES ($1, $2)`, row, p.String()); err != nil {
			return err
		}
	}
	return nil
}

// Remove takes a document out of the index. An absent one is no error.
func (x *Index) Remove(ctx context.Context, id record.ID) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if err := x.tx(ctx, func(tx *sql.Tx) error { return remove(ctx, tx, id) }); err != nil {
		return fmt.Errorf("remove document %s from the index: %w", id, err)
	}
	return nil
}

func remove(ctx context.Context, tx *sql.Tx, id record.ID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM text WHERE rowid IN (SELECT id FROM page WHERE document = $1)`, id.String())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM page WHERE document = $1`, id.String())
	return err
}

func (x *Index) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
			return errors.Join(err, rerr)
		}
		return err
	}
	return tx.Commit()
}

// Has reports whether any page of a document is indexed.
func (x *Index) Has(ctx context.Context, id record.ID) (bool, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var n int
	err := x.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM page WHERE document = $1`, id.String()).Scan(&n)
	return n > 0, err
}

// Documents returns every document that has a page q means, also by words that
// read nearly the same, without a limit.
func (x *Index) Documents(ctx context.Context, q Query) ([]record.ID, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	spellings := map[string][]string{}
	if err := x.spell(ctx, q, true, spellings); err != nil {
		return nil, err
	}
	rows, err := x.db.QueryContext(ctx, `SELECT DISTINCT p.document FROM text JOIN page p ON p.id = text.rowid WHERE text MATCH $1`, q.fts(expander(spellings)))
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	defer rows.Close()
	var out []record.ID
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		id, err := record.ParseID(s)
		if err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// Count returns the number of documents and pages indexed.
func (x *Index) Count(ctx context.Context) (documents, pages int, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	err = x.db.QueryRowContext(ctx, `SELECT COUNT(DISTINCT document), COUNT(*) FROM page`).Scan(&documents, &pages)
	return documents, pages, err
}

// Rotate rewrites the index under a new key and destroys the old one: after
// it, no file and no backup of a file holds what was removed before.
func (x *Index) Rotate(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	old, next := x.number, x.number+1
	key, err := x.keys.ShardKey(ctx, shardName(next))
	if err != nil {
		return fmt.Errorf("rotate index: %w", err)
	}
	tmp := x.file(next) + ".new"
	if err := durable.Remove(tmp); err != nil {
		return fmt.Errorf("rotate index: %w", err)
	}
	// The URI with the key is made and used here and is in no message.
	uri := "file:" + (&url.URL{Path: tmp}).EscapedPath() + "?vfs=adiantum&hexkey=" + hex.EncodeToString(key)
	if _, err := x.db.ExecContext(ctx, `INSERT INTO text(text) VALUES('optimize')`); err != nil {
		return fmt.Errorf("rotate index: %w", err)
	}
	if _, err := x.db.ExecContext(ctx, `VACUUM INTO $1`, uri); err != nil {
		return fmt.Errorf("rotate index: copy failed: %w", record.ErrCorrupt)
	}
	if err := durable.Move(tmp, x.file(next)); err != nil {
		return fmt.Errorf("rotate index: %w", err)
	}
	db, err := x.openShard(ctx, next)
	if err != nil {
		return fmt.Errorf("rotate index: %w", err)
	}
	prev := x.db
	x.db, x.number = db, next
	if err := prev.Close(); err != nil {
		return fmt.Errorf("rotate index: %w", err)
	}
	return x.dropShard(ctx, old)
}

func (x *Index) dropShard(ctx context.Context, n int) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := durable.Remove(x.file(n) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("drop old index: %w", err)
		}
	}
	if err := x.keys.DestroyShardKey(ctx, shardName(n)); err != nil {
		return fmt.Errorf("drop old index: %w", err)
	}
	return nil
}

// Clear empties the index, before a rebuild, by starting a new shard.
func (x *Index) Clear(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	db, err := x.openShard(ctx, x.number+1)
	if err != nil {
		return fmt.Errorf("clear index: %w", err)
	}
	old, prev := x.number, x.db
	x.db, x.number = db, x.number+1
	if err := prev.Close(); err != nil {
		return fmt.Errorf("clear index: %w", err)
	}
	return x.dropShard(ctx, old)
}
