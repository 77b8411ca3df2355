package main

import (
	"archive/zip"
	"crypto/sha256"
	"database/sql"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/internal/testserver"
	"chartvault/record"
)

// guest is a trusted station that deposits what a test wants.
type guest struct {
	t   *testing.T
	a   *app
	box *archive.Outbox
	n   byte
}

func newGuest(t *testing.T, a *app) *guest {
	t.Helper()
	st, err := keys.OpenStation(filepath.Join(t.TempDir(), "station.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.vault.Trust(t.Context(), keys.Depositor{Name: "s", Role: keys.RoleStation, Key: st.Public(), Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return &guest{t: t, a: a, box: newOutbox(&config{dir: t.TempDir()}, st, a.vault.Recipient())}
}

// send puts a batch of one document down at the door, changed.
func (g *guest) send(change func(*seal.BatchManifest, *seal.Manifest)) record.ID {
	g.t.Helper()
	g.n++
	batch, sum := record.ID{g.n}, sha256.Sum256([]byte{g.n})
	if _, _, err := g.box.Claim(g.t.Context(), record.Batch{ID: batch, SHA256: sum, Size: 1, ReceivedAt: time.Now().UTC()}); err != nil {
		g.t.Fatal(err)
	}
	m := seal.Manifest{ID: record.ID{g.n, 1}, Batch: batch, Chart: "5512300", Type: "PROGRESS_NOTE", FiledAt: time.Now().UTC(), State: record.DocumentFiled,
		Index: []byte("{}"), Pages: []seal.Page{{Source: 1, Text: []byte("{}")}}}
	bm := seal.BatchManifest{ID: batch, SHA256: sum[:], Size: 1, Name: "x", ReceivedAt: m.FiledAt, State: record.BatchFiled, Counts: record.Counts{PagesIn: 1, Filed: 1},
		Pages: []seal.BatchPage{{Placement: record.PlaceFiled, Document: m.ID}}}
	change(&bm, &m)
	write := func(zw *zip.Writer, _ *seal.Manifest) error {
		w, err := seal.AddPart(zw, "document.pdf")
		if err == nil {
			_, err = io.WriteString(w, "%PDF")
		}
		return err
	}
	if _, err := g.box.Deposit(g.t.Context(), m, write); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.box.DepositBatch(g.t.Context(), bm, nil); err != nil {
		g.t.Fatal(err)
	}
	if err := g.box.Send(g.t.Context(), batch, g.a.docs, g.a.places); err != nil {
		g.t.Fatal(err)
	}
	return batch
}

// state is what the server says of a deposit.
func (g *guest) state(id record.ID) string {
	g.t.Helper()
	d, err := g.a.deposited(g.t.Context(), id)
	if err != nil {
		g.t.Fatal(err)
	}
	return d.State
}

// TestVetWithoutAnswer: a database that cannot answer says nothing of a deposit.
// It waits, and is filed when the database is back.
func TestVetWithoutAnswer(t *testing.T) {
	dsn := testserver.StartPostgres(t)
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	a := openApp(t, "[catalogue]\nengine = \"postgres\"\ndsn_file = \""+dsnFile(t, dsn)+"\"\n")
	g := newGuest(t, a)
	id := g.send(func(*seal.BatchManifest, *seal.Manifest) {})
	for _, step := range []struct {
		sql   string
		fails bool
		want  string
	}{{"ALTER TABLE documents RENAME TO away", true, depositWaiting}, {"ALTER TABLE away RENAME TO documents", false, depositFiled}} {
		if _, err := admin.ExecContext(t.Context(), step.sql); err != nil {
			t.Fatal(err)
		}
		if err := a.takeOverAll(t.Context()); (err != nil) != step.fails {
			t.Errorf("%s: taking over: got %v, want an error: %t", step.sql, err, step.fails)
		}
		if got := g.state(id); got != step.want {
			t.Errorf("%s: got %s, want %s", step.sql, got, step.want)
		}
	}
}

// TestVet: whatever a trusted station says that cannot be filed, indexed and
// listed, or touches what the archive has or had, waits in quarantine; what is
// good goes on.
func TestVet(t *testing.T) {
	a := openApp(t, "")
	g := newGuest(t, a)
	deposit(t, a, 1)
	rows, err := a.cat.Documents(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatal(len(rows), err)
	}
	put := func(change func(*seal.BatchManifest, *seal.Manifest)) record.ID {
		t.Helper()
		id := g.send(change)
		if err := a.takeOverAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		return id
	}
	for what, change := range map[string]func(*seal.BatchManifest, *seal.Manifest){
		"a text that is none":         func(_ *seal.BatchManifest, m *seal.Manifest) { m.Pages[0].Text = []byte("5") },
		"an index that is none":       func(_ *seal.BatchManifest, m *seal.Manifest) { m.Index = []byte("5") },
		"a state of destruction":      func(_ *seal.BatchManifest, m *seal.Manifest) { m.State = record.DocumentDestroying },
		"a chart number that is none": func(_ *seal.BatchManifest, m *seal.Manifest) { m.Chart = "zanzibar" },
		"no chart number":             func(_ *seal.BatchManifest, m *seal.Manifest) { m.Chart = "" },
		"a type that is none":         func(_ *seal.BatchManifest, m *seal.Manifest) { m.Type = "John Doe's letter" },
		"another's document":          func(b *seal.BatchManifest, m *seal.Manifest) { m.ID = rows[0].ID; b.Pages[0].Document = m.ID },
		"a page that is nowhere": func(b *seal.BatchManifest, _ *seal.Manifest) {
			b.Pages, b.Counts = append(b.Pages, seal.BatchPage{Placement: record.PlaceFiled}), record.Counts{PagesIn: 2, Filed: 2}
		},
		"a sheet that is nowhere": func(b *seal.BatchManifest, _ *seal.Manifest) {
			b.Pages, b.Counts = append(b.Pages, seal.BatchPage{Placement: record.PlaceSeparator}), record.Counts{PagesIn: 2, Filed: 1, Separators: 1}
		},
		"a state in words":         func(_ *seal.BatchManifest, m *seal.Manifest) { m.State = "zanzibar" },
		"a batch state in words":   func(b *seal.BatchManifest, _ *seal.Manifest) { b.State = "zanzibar" },
		"a batch that is not done": func(b *seal.BatchManifest, _ *seal.Manifest) { b.State = record.BatchSplit },
	} {
		if got := g.state(put(change)); got != depositQuarantined {
			t.Errorf("%s: got %s, want quarantined", what, got)
		}
	}
	marks, err := a.arch.Marks(t.Context())
	if err != nil || len(marks) < 12 {
		t.Fatalf("got %d marks, %v", len(marks), err)
	}
	for _, m := range marks { // they lie in clear
		if strings.Contains(m.Why, "zanzibar") || strings.Contains(m.Why, "Doe") {
			t.Errorf("a mark repeats what the station wrote: %s", m.Why)
		}
	}
	if got := g.state(put(func(*seal.BatchManifest, *seal.Manifest) {})); got != depositFiled {
		t.Errorf("a good one: got %s, want filed", got)
	}
	if err := a.feed(t.Context()); err != nil {
		t.Errorf("feed: %v", err)
	}
	if row, err := a.cat.Document(t.Context(), rows[0].ID); err != nil || row.Batch != rows[0].Batch {
		t.Errorf("what was there: %v", err)
	}
}
