package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"chartvault/catalog"
	"chartvault/internal/testserver"
	"chartvault/record"
)

// planted are words, numbers and dates of the sample charts and of the facts
// and lists given with them.
func planted() []string {
	return []string{"metoprolol", "auscultation", "9118427", "9237654", "9345178", "TESTPATIENT", "Bravo", "1962-07-14", "19620714", "monday-box", "plantedreason"}
}

// spelled are the ways a word may lie in a file.
func spelled(w string) [][]byte {
	out := [][]byte{[]byte(w), []byte(hex.EncodeToString([]byte(w)))}
	for skip := range 3 { // base64 depends on where in the stream a word begins
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", skip) + w))
		if len(w) > 8 {
			out = append(out, []byte(enc[4:len(enc)-4]))
		}
	}
	var wide []byte
	for _, r := range []byte(w) {
		wide = append(wide, r, 0)
	}
	return append(out, wide)
}

// sweepFiles looks for planted words in every file below a directory, in any
// case, and returns how many bytes it looked at.
func sweepFiles(t *testing.T, what, dir string) (looked int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || !d.Type().IsRegular()) {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file has gone
		}
		looked += len(b)
		low := bytes.ToLower(b)
		for _, w := range planted() {
			for _, s := range spelled(w) {
				if bytes.Contains(low, bytes.ToLower(s)) {
					t.Errorf("%s: %q is in %s", what, w, name)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return looked
}

// TestBlind files charts, a patient list and facts, holds, corrects, searches
// and destroys, and then reads every file of the catalogue's engine: tables,
// write-ahead log, and the temporary files of a sort that does not fit in
// memory; and every file of the servers, of which there are two in one case. None
// holds a planted word, number, name or date of birth.
func TestBlind(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		a := newArchive(t, atOnce)
		a.plain()
		a.plant()
		// The whole data directory, index and log too; only the configuration and a draft are in clear.
		if n := sweepFiles(t, "archive", a.dir); n < 100_000 {
			t.Errorf("looked at %d bytes only", n)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := testserver.StartPostgres(t)
		a := newArchive(t, atOnce+"[catalogue]\nengine = \"postgres\"\ndsn_file = \""+dsnFile(t, dsn)+"\"\n")
		a.plain()
		a.plant()
		sweepPostgres(t, dsn)
		sweepFiles(t, "archive", a.dir)
	})
	t.Run("two servers", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, 2)
		here, there := c.servers[0], c.servers[1]
		var log syncBuffer
		daemon := there.serve(&log)
		here.plant()
		there.await("the other server's documents", time.Minute, func() bool {
			out, code := there.runWith("metoprolol\n", "search")
			return code == 0 && strings.Contains(out, "[metoprolol]")
		})
		sweepPostgres(t, c.dsn)
		sweepFiles(t, "the server that took everything in", here.dir)
		sweepFiles(t, "the server that heard of it", there.dir)
		daemon.Process.Kill()
		daemon.Wait()
		for _, w := range planted() {
			if strings.Contains(log.String(), w) {
				t.Errorf("the daemon's log says %q", w)
			}
		}
	})
}

// sweepPostgres looks for planted words in all of a server's files, temporary ones
// too.
func sweepPostgres(t *testing.T, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var dir string
	if err := db.QueryRowContext(t.Context(), `SHOW data_directory`).Scan(&dir); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`SET work_mem = '64kB'`, `CHECKPOINT`} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	temporary := sortOnDisk(t, db, dir)
	n := sweepFiles(t, "database", dir)
	t.Logf("looked at %d bytes, %d of them temporary", n, temporary)
	if n < 1_000_000 || temporary == 0 {
		t.Errorf("looked at %d bytes of the database, %d of them temporary", n, temporary)
	}
}

func dsnFile(t *testing.T, dsn string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(name, []byte(dsn+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// sortOnDisk has the server sort every table's rows, many times over, in files,
// and looks at those while they are there.
func sortOnDisk(t *testing.T, db *sql.DB, dir string) (looked int) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for i, table := range []string{"documents", "charts", "batches", "registers", "objects"} {
		if _, err := tx.ExecContext(t.Context(), fmt.Sprintf(`SET LOCAL work_mem = '64kB'; DECLARE c%d CURSOR FOR
			SELECT t.*, g FROM %s t, generate_series(1, 2000) g ORDER BY md5(g::text), t.*::text`, i, table)); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), fmt.Sprintf(`FETCH 1 FROM c%d`, i)); err != nil {
			t.Fatal(err)
		}
	}
	return sweepFiles(t, "temporary files", filepath.Join(dir, "base", "pgsql_tmp"))
}

// plant does to an archive what leaves traces, with planted words.
func (a *testArchive) plant() {
	a.t.Helper()
	if out, code := a.run("ingest", putSamples(a.t)); code != 0 {
		a.t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	list := filepath.Join(a.t.TempDir(), "list.csv")
	if err := os.WriteFile(list, []byte("chart_number,name,date_of_birth\n9118427,\"TESTPATIENT, Alpha\",1950-01-02\n9237654,\"TESTPATIENT, Bravo\",1962-07-14\n"), 0o600); err != nil {
		a.t.Fatal(err)
	}
	for _, tt := range []struct {
		stdin string
		args  []string
	}{
		{"", []string{"patients", "import", list}},
		{"9237654\n", []string{"hold", "place", "--matter", "m", "--reason", "plantedreason", "--kind", "misfile"}},
		{"metoprolol\n", []string{"search"}},
		{"9118427\n", []string{"get", "--list"}},
		{"Bravo\n", []string{"patients", "find"}},
	} {
		if out, code := a.runWith(tt.stdin, tt.args...); code != 0 {
			a.t.Fatalf("%v: exit %d\n%s", tt.args, code, out)
		}
	}
	a.must("retention", "evaluate")
	a.must("verify")
}

// TestOldDump: after a document is destroyed, an old copy of the catalogue
// together with everything the vault can open says nothing of it but what
// stands there in clear: that a document was there.
func TestOldDump(t *testing.T) {
	a := openApp(t, atOnce)
	ctx := t.Context()
	deposit(t, a, 20)
	rows, err := a.cat.Documents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	victim, other := rows[0], rows[1]
	old := t.TempDir()
	copyDatabase(t, a, filepath.Join(old, "catalogue.db"))
	keyOf := func(id record.ID) []byte {
		k, err := a.vault.Key(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		b, err := k.RowKey()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := keyOf(victim.ID)
	if _, err := (holdings{a}).Destroy(ctx, victim.ID, "000001"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.vault.Key(ctx, victim.ID); !errors.Is(err, record.ErrDestroyed) {
		t.Fatalf("its key: got %v, want ErrDestroyed", err)
	}
	was, err := openCatalogue(ctx, a, old)
	if err != nil {
		t.Fatal(err)
	}
	defer was.Close()
	// The key that was destroyed did open the row: what follows can fail.
	if chart, err := was.ChartAsRead(ctx, victim.ID, before); err != nil || chart == "" {
		t.Fatalf("with the destroyed key: got %q, %v, want the number", chart, err)
	}
	keys := [][]byte{a.vault.CatalogueKey(), a.station.LocalKey(), keyOf(other.ID)}
	for i, k := range keys {
		if chart, err := was.ChartAsRead(ctx, victim.ID, k); err == nil {
			t.Errorf("key %d opens the destroyed document's row: %q", i, chart)
		}
	}
	sealed := sealedCells(t, a, old, victim.ID)
	for _, cell := range sealed {
		for i, k := range keys {
			for _, place := range []string{"document " + victim.ID.String(), "", victim.ID.String()} {
				if plain := tryOpen(k, place, cell); plain != nil {
					t.Errorf("key %d opens a cell of the destroyed document: %q", i, plain)
				}
			}
		}
	}
	if len(sealed) == 0 {
		t.Error("no sealed cell of the document was found in the old copy")
	}
	// What stands in clear is what docs/threats.md says, and no more.
	row, err := was.Document(ctx, victim.ID)
	if err != nil || !row.Chart.IsZero() || row.Type == "" {
		t.Errorf("in clear: got %+v, %v", row, err)
	}
}

func copyDatabase(t *testing.T, a *app, to string) {
	t.Helper()
	if err := a.cat.Upkeep(t.Context()); err != nil { // the write-ahead log goes into the file
		t.Fatal(err)
	}
	b, err := os.ReadFile(a.cfg.path("catalogue.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func openCatalogue(ctx context.Context, a *app, dir string) (*catalog.DB, error) {
	c := *a.cfg
	c.dir = dir
	return c.catalogue(ctx, a.vault, a.station)
}

// sealedCells returns every cell of bytes in the row of a document, from an old
// catalogue.
func sealedCells(t *testing.T, a *app, dir string, id record.ID) (out [][]byte) {
	t.Helper()
	db, err := driver.Open("file:"+filepath.Join(dir, "catalogue.db")+"?vfs=adiantum", func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA hexkey='` + hex.EncodeToString(a.station.LocalKey()) + `'`)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM documents WHERE id = $1`, id.String())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		cells, into := make([]any, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			if b, ok := c.([]byte); ok && len(b) > 0 {
				out = append(out, b)
			}
		}
	}
	return out
}

// tryOpen opens a cell with a key; nil when it does not.
func tryOpen(key []byte, place string, cell []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil
	}
	g, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil
	}
	plain, err := g.Open(nil, nil, cell, []byte(place))
	if err != nil {
		return nil
	}
	return plain
}
