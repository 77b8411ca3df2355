package search_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chartvault/ocr"
	"chartvault/record"
	"chartvault/search"
)

// ring is a keys place in memory.
type ring struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (r *ring) ShardKey(_ context.Context, name string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[name] == nil {
		r.keys[name] = make([]byte, 32)
		rand.Read(r.keys[name])
	}
	return r.keys[name], nil
}

func (r *ring) DestroyShardKey(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, name)
	return nil
}

func open(t *testing.T, dir string, r *ring) *search.Index {
	t.Helper()
	x, err := search.Open(t.Context(), dir, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func page(text string) ocr.PageText {
	p := ocr.PageText{Width: 1000, Height: 1000, DPI: 100}
	for line, l := range strings.Split(text, "\n") {
		for i, w := range strings.Fields(l) {
			p.Words = append(p.Words, ocr.Word{Text: w, Box: image.Rect(i*10, line*10, i*10+9, line*10+9), Confidence: 90, Line: line})
		}
	}
	return p
}

func id(n byte) record.ID { return record.ID{n} }

func fixture(t *testing.T) (*search.Index, string, *ring) {
	t.Helper()
	dir, r := t.TempDir(), &ring{keys: map[string][]byte{}}
	x := open(t, dir, r)
	for i, pages := range [][]ocr.PageText{
		{page("The patient was short of breath.\nMetoprolol 25 mg was given."), page("Second page: X-ray of the chest, unremarkable.")},
		{page("No shortness of breath. Metoprolo1 was stopped."), page("Café visit; naïve résumé.")},
		{page("Fracture of the left forearm, sutures removed.")},
	} {
		if err := x.Put(t.Context(), id(byte(i+1)), pages); err != nil {
			t.Fatal(err)
		}
	}
	return x, dir, r
}

func find(t *testing.T, x *search.Index, query string) []search.Hit {
	t.Helper()
	q, err := search.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	hits, err := x.Search(t.Context(), q, 10)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return hits
}

func TestQueries(t *testing.T) {
	x, _, _ := fixture(t)
	tests := []struct {
		query string
		want  string // "document/page" of each hit, in any order
		near  bool
	}{
		{"breath", "1/1 2/1", false},
		{"BREATH.", "1/1 2/1", false},
		{"short breath", "1/1", false},
		{`"short of breath"`, "1/1", false},
		{`"breath of short"`, "", false},
		{"metop*", "1/1 2/1", false},
		{"breath -metoprolol", "2/1", false},
		{"breath NOT metoprolol", "2/1", false},
		{"sutures OR chest", "1/2 3/1", false},
		{"x-ray", "1/2", false},
		{"cafe naive resume", "2/2", false},
		{"metaprolol", "1/1 2/1", true},
		{"metoprolol~", "1/1 2/1", true},
		{"metoprolol", "1/1", false},
		{"forarm", "3/1", true},
		{"zebra", "", false},
		{`breath AND "left forearm"`, "", false},
		{`") OR text MATCH "x`, "", false},
		{"body:breath", "", false},
	}
	for _, tt := range tests {
		got := map[string]bool{}
		near := false
		for _, h := range find(t, x, tt.query) {
			got[string('0'+rune(h.Document[0]))+"/"+string('0'+rune(h.Page))] = true
			near = near || h.Near
			if !strings.Contains(h.Snippet, "[") || len(h.Boxes) == 0 {
				t.Errorf("%s: got snippet %q and boxes %v, want both", tt.query, h.Snippet, h.Boxes)
			}
		}
		want := strings.Fields(tt.want)
		for _, w := range want {
			if !got[w] {
				t.Errorf("%s: got %v, want %v", tt.query, got, want)
			}
		}
		if len(got) != len(want) || near != tt.near {
			t.Errorf("%s: got %v near=%v, want %v near=%v", tt.query, got, near, want, tt.near)
		}
	}
	if h := find(t, x, `"of breath"`); len(h) == 0 || len(h[0].Boxes) != 2 {
		t.Errorf("phrase: got %+v, want the boxes of its two words", h)
	}
	for _, q := range []string{"", "   ", `""`, "-", "NOT", "OR AND", "…"} {
		if _, err := search.Parse(q); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", q, err)
		}
	}
}

// TestSealed: no file holds a readable word, while the index is open and after.
func TestSealed(t *testing.T) {
	x, dir, _ := fixture(t)
	grep(t, dir, "metoprolol", "forearm", "breath", "SQLite format")
	x.Close()
	grep(t, dir, "metoprolol", "forearm", "breath", "SQLite format")
}

func grep(t *testing.T, dir string, words ...string) {
	t.Helper()
	ents, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ents {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(w))) {
				t.Errorf("%s holds %q", e.Name(), w)
			}
		}
	}
}

// TestRemoveAndRotate: what is removed is not found, and after a rotation the
// old key is gone, so that a copy of the old file opens no more.
func TestRemoveAndRotate(t *testing.T) {
	x, dir, r := fixture(t)
	if err := x.Remove(t.Context(), id(3)); err != nil {
		t.Fatal(err)
	}
	if h := find(t, x, "forearm"); len(h) != 0 {
		t.Errorf("removed: got %+v", h)
	}
	if err := x.SetPosition(t.Context(), 42); err != nil {
		t.Fatal(err)
	}
	if err := x.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.keys) != 1 || r.keys["main-000002"] == nil {
		t.Errorf("keys: got %d, want the new shard's alone", len(r.keys))
	}
	if h := find(t, x, "breath"); len(h) != 2 {
		t.Errorf("after rotation: got %d hits, want 2", len(h))
	}
	x.Close()
	y := open(t, dir, r)
	if n, err := y.Position(t.Context()); err != nil || n != 42 {
		t.Errorf("position: got %d, %v, want 42", n, err)
	}
	if d, p, err := y.Count(t.Context()); err != nil || d != 2 || p != 4 {
		t.Errorf("count: got %d documents, %d pages, %v, want 2 and 4", d, p, err)
	}
	if err := y.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, _, err := y.Count(t.Context()); err != nil || d != 0 {
		t.Errorf("cleared: got %d, %v, want none", d, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`"a b" c* -d OR e~`, `"`, `)(`, `a"b`} {
		f.Add(s)
	}
	dir, err := os.MkdirTemp(f.TempDir(), "x")
	if err != nil {
		f.Fatal(err)
	}
	x, err := search.Open(f.Context(), dir, &ring{keys: map[string][]byte{}})
	if err != nil {
		f.Fatal(err)
	}
	defer x.Close()
	f.Fuzz(func(t *testing.T, s string) {
		q, err := search.Parse(s)
		if err != nil {
			return
		}
		if _, err := x.Search(t.Context(), q, 5); err != nil {
			t.Errorf("%q parsed, and the engine refused it: %v", s, err)
		}
	})
}

// TestDoubtfulLast: a page that was read badly comes after all that were not,
// however often it has the word.
func TestDoubtfulLast(t *testing.T) {
	x := open(t, t.TempDir(), &ring{keys: map[string][]byte{}})
	bad := page("penicillin penicillin penicillin penicillin")
	bad.Origin, bad.Quality = ocr.FromOCR, ocr.Quality{Score: 30, Low: 0.7}
	good := page("Allergies: none known, though a rash after penicillin was told of in a letter of long ago.")
	good.Origin, good.Quality = ocr.FromOCR, ocr.Quality{Score: 97}
	for i, p := range []ocr.PageText{bad, good} {
		if err := x.Put(t.Context(), id(byte(i+1)), []ocr.PageText{p}); err != nil {
			t.Fatal(err)
		}
	}
	hits := find(t, x, "penicillin")
	if len(hits) != 2 || hits[0].Document != id(2) || hits[0].Doubtful || !hits[1].Doubtful {
		t.Errorf("got %+v, want the page that was read well first", hits)
	}
}
