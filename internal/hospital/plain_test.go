package hospital_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"chartvault/internal/hospital"
	"chartvault/internal/testserver"
)

// databaseSize is the bytes of a PostgreSQL database.
func databaseSize(b *testing.B, dsn string) (n float64) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(b.Context(), `SELECT pg_database_size(current_database())`).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// fts5Plain is an SQLite FTS5 table without any encryption, ranked by bm25.
type fts5Plain struct {
	db    *sql.DB
	terms []string // the vocabulary in memory, for what reads nearly the same
}

func newFTS5(b *testing.B) *fts5Plain {
	db, err := driver.Open("file:"+filepath.Join(b.TempDir(), "plain.db"), func(c *sqlite3.Conn) error { return fts5.Register(c) })
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	e := &fts5Plain{db: db}
	e.exec(b, `PRAGMA journal_mode=WAL`)
	e.exec(b, `PRAGMA synchronous=NORMAL`)
	e.exec(b, `PRAGMA cache_size=-65536`)
	e.exec(b, `CREATE VIRTUAL TABLE f USING fts5(body)`)
	e.exec(b, `CREATE VIRTUAL TABLE v USING fts5vocab(f, 'row')`)
	return e
}

func (e *fts5Plain) exec(b *testing.B, s string) {
	if _, err := e.db.ExecContext(b.Context(), s); err != nil {
		b.Fatal(s, err)
	}
}

func (e *fts5Plain) name() string { return "plain FTS5" }

func (e *fts5Plain) file(b *testing.B, h *hospital.Hospital, from, to int) {
	insert(b, e.db, `INSERT INTO f (body) VALUES ($1)`, h, from, to)
	e.terms = nil
	rows, err := e.db.QueryContext(b.Context(), `SELECT term FROM v`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			b.Fatal(err)
		}
		e.terms = append(e.terms, t)
	}
}

// insert files pages, a transaction for each 60 documents.
func insert(b *testing.B, db *sql.DB, stmt string, h *hospital.Hospital, from, to int) {
	for at := from; at < to; at += 60 {
		tx, err := db.BeginTx(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		for n := at; n < min(at+60, to); n++ {
			for i := range hospital.PagesPerDocument {
				if _, err := tx.ExecContext(b.Context(), stmt, h.Page(n, i).String()); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func (e *fts5Plain) measure(b *testing.B, h *hospital.Hospital, documents int, t table) {
	ask(b, t, e.name(), h, documents, func(kind string, words []string) error {
		expr := `"` + strings.Join(words, `" "`) + `"`
		switch kind {
		case "phrase":
			expr = `"` + strings.Join(words, " ") + `"`
		case "prefix":
			expr += " *"
		case "fuzzy":
			expr = `"` + strings.Join(near(words[0], e.terms), `" OR "`) + `"`
		}
		return e.find(b, expr)
	})
}

func (e *fts5Plain) find(b *testing.B, expr string) error {
	rows, err := e.db.QueryContext(b.Context(), `SELECT rowid FROM f WHERE f MATCH $1 ORDER BY rank LIMIT 20`, expr)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func (e *fts5Plain) close(b *testing.B) { e.db.Close() }

// near lists the words of a vocabulary that are at most one edit from w, and w.
func near(w string, terms []string) []string {
	out := []string{w}
	for _, t := range terms {
		if d := len(t) - len(w); d >= -1 && d <= 1 && t != w && oneEdit(w, t) {
			out = append(out, t)
		}
	}
	return out
}

// oneEdit reports whether a and b differ by one insertion, deletion,
// replacement or swap of neighbours.
func oneEdit(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// tsvector is a PostgreSQL column without any encryption, ranked by ts_rank.
type tsvector struct{ db *sql.DB }

func newTSVector(b *testing.B) *tsvector {
	db, err := sql.Open("pgx", testserver.StartPostgres(b))
	if err != nil {
		b.Fatal(err)
	}
	e := &tsvector{db}
	e.exec(b, `CREATE TABLE p (id BIGSERIAL PRIMARY KEY, t TSVECTOR)`)
	e.exec(b, `CREATE INDEX p_t ON p USING GIN (t)`)
	e.exec(b, `CREATE EXTENSION pg_trgm`)
	e.exec(b, `CREATE EXTENSION fuzzystrmatch`)
	return e
}

func (e *tsvector) exec(b *testing.B, s string) {
	if _, err := e.db.ExecContext(b.Context(), s); err != nil {
		b.Fatal(s, err)
	}
}

func (e *tsvector) name() string { return "PostgreSQL" }

func (e *tsvector) file(b *testing.B, h *hospital.Hospital, from, to int) {
	insert(b, e.db, `INSERT INTO p (t) VALUES (to_tsvector('simple', $1))`, h, from, to)
}

func (e *tsvector) measure(b *testing.B, h *hospital.Hospital, documents int, t table) {
	e.exec(b, `DROP TABLE IF EXISTS v`)
	e.exec(b, `CREATE TABLE v AS SELECT word FROM ts_stat('SELECT t FROM p')`)
	e.exec(b, `CREATE INDEX v_word ON v USING GIN (word gin_trgm_ops)`)
	e.exec(b, `VACUUM ANALYZE p`)
	e.exec(b, `VACUUM ANALYZE v`)
	ask(b, t, e.name(), h, documents, func(kind string, words []string) error {
		expr := strings.Join(words, " & ")
		switch kind {
		case "phrase":
			expr = strings.Join(words, " <-> ")
		case "prefix":
			expr += ":*"
		case "fuzzy":
			var err error
			if expr, err = e.near(b, words[0]); err != nil {
				return err
			}
		}
		return e.find(b, expr)
	})
}

func (e *tsvector) near(b *testing.B, w string) (string, error) {
	rows, err := e.db.QueryContext(b.Context(), `SELECT word FROM v WHERE word % $1 AND levenshtein(word, $1) <= 1`, w)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	out := []string{w}
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return "", err
		}
		if t != w {
			out = append(out, t)
		}
	}
	return strings.Join(out, " | "), rows.Err()
}

func (e *tsvector) find(b *testing.B, expr string) error {
	rows, err := e.db.QueryContext(b.Context(), `SELECT id FROM p, to_tsquery('simple', $1) q WHERE t @@ q ORDER BY ts_rank(t, q) DESC LIMIT 20`, expr)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func (e *tsvector) close(*testing.B) { e.db.Close() }
