package search_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"maps"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"chartvault/internal/hospital"
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

func (r *ring) ShardKeys(context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.keys)), nil
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
	p := ocr.PageText{Width: 1000, Height: 1000, DPI: 100, Confidence: 92}
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
		if err := x.Apply(t.Context(), search.Change{Put: []search.Entry{{
			ID: id(byte(i + 1)), Chart: chart(t, fmt.Sprint(1000001+i)), Type: []string{"LAB_REPORT", "CONSENT", "ECG"}[i], Batch: id(9), Facility: []string{"", "NORTH", "SOUTH"}[i],
			Service: []record.Date{{Year: 2019, Month: 3, Day: 7}, {Year: 2020, Month: 2}, {}}[i], Pages: pages,
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	return x, dir, r
}

func chart(t *testing.T, s string) record.ChartNumber {
	t.Helper()
	n, err := record.ParseChartNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func find(t *testing.T, x *search.Index, query string) []search.Hit {
	t.Helper()
	q, err := search.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	p, err := x.Search(t.Context(), q, 10, "")
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return p.Hits
}

// names lists hits as "document/page", those found by nearly the same spelling
// with a '~'.
func names(hits []search.Hit) string {
	var out []string
	for _, h := range hits {
		n := fmt.Sprintf("%d/%d", h.Document[0], h.Page)
		if h.Near {
			n += "~"
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestQueries(t *testing.T) {
	x, _, _ := fixture(t)
	tests := []struct{ query, want string }{
		{"breath", "1/1 2/1"},
		{"BREATH.", "1/1 2/1"},
		{"short breath", "1/1"},
		{`"short of breath"`, "1/1"},
		{`"breath of short"`, ""},
		{`"short of breth"~`, "1/1~"},
		{"metop*", "1/1 2/1"},
		{"met?pro*l", "1/1"},
		{"*orearm", "3/1"},
		{"breath -metoprolol", "2/1"},
		{"breath NOT metoprolol", "2/1"},
		{`breath -"shortness of"`, "1/1"},
		{"sutures OR chest", "1/2 3/1"},
		{"x-ray", "1/2"},
		{"x-ra*", "1/2"},
		{"ray-x*", ""},
		{"chest -x-ra*", ""},
		{"breath?", "1/1 2/1"},
		{"cafe naive resume", "2/2"},
		{"metaprolol", "1/1~"},
		{"metaprolol~", "1/1~ 2/1~"},
		{"metoprolol", "1/1 2/1~"},
		{`"metoprolol"`, "1/1"},
		{"forarm", "3/1~"},
		{"sutures forarm", "3/1~"},
		{"zebra", ""},
		{`breath AND "left forearm"`, ""},
		{`") OR text MATCH "x`, ""},
		{"body:breath", ""},
		{"breath chart:1000001", "1/1"},
		{"breath chart:10-00-002", "2/1"},
		{"breath chart:1000001 chart:1000002", "1/1 2/1"},
		{"type:lab_report", "1/1 1/2"},
		{"breath type:CONSENT", "2/1"},
		{"breath date:2019", "1/1"},
		{"breath date:2019-03..", "1/1 2/1"},
		{"breath date:..2019-03-06", ""},
		{"breath date:2019-03-07..2020-02-01", "1/1 2/1"}, // of the second only the month is known
		{"breath date:2020-03..2020-12", ""},
		{"breath -type:consent", "1/1"},
		{"breath facility:north", "2/1"},
		{"facility:NORTH facility:SOUTH", "2/1 2/2 3/1"},
		{"breath -facility:north", "1/1"},
		{"breath confidence:90..100", "1/1 2/1"},
		{"breath confidence:0..80", ""},
		{"breath batch:" + id(9).String(), "1/1 2/1"},
		{"breath batch:" + id(8).String(), ""},
	}
	for _, tt := range tests {
		hits := find(t, x, tt.query)
		if got := names(hits); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
		}
		for _, h := range hits {
			if !strings.HasPrefix(tt.query, "type:") && !strings.HasPrefix(tt.query, "facility:") && !strings.Contains(h.Snippet, "[") {
				t.Errorf("%s: got snippet %q without a match", tt.query, h.Snippet)
			}
		}
	}
	for _, q := range []string{"", "   ", `""`, "-", "NOT", "OR AND", "…", "x date:2019..2018", "x date:soon", "x confidence:5..2", "x confidence:200", "x chart:none", "x type:ä", "x facility:ä", "x batch:1"} {
		if _, err := search.Parse(q); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", q, err)
		}
	}
}

// TestHighlight: the words a query asks for are found again on the page, and
// no others.
func TestHighlight(t *testing.T) {
	p := page("Pain of the chest. Short of breath.\nMetoprolo1 given")
	tests := []struct {
		query string
		near  bool
		want  [][4]int
	}{
		{`"of breath"`, false, [][4]int{{50, 0, 59, 9}, {60, 0, 69, 9}}},
		{"breath OR pain", false, [][4]int{{0, 0, 9, 9}, {60, 0, 69, 9}}},
		{"metoprolol", false, [][4]int{}},
		{"metoprolol", true, [][4]int{{0, 10, 9, 19}}},
		{"che*", false, [][4]int{{30, 0, 39, 9}}},
		{"g?ven", false, [][4]int{{10, 10, 19, 19}}},
	}
	for _, tt := range tests {
		q, err := search.Parse(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := search.Highlight(p, q, tt.near); !slices.Equal(got, tt.want) {
			t.Errorf("%s near=%v: got %v, want %v", tt.query, tt.near, got, tt.want)
		}
	}
}

// TestCharts: a query that narrows to a chart can be widened to all numbers of
// the same person.
func TestCharts(t *testing.T) {
	x, _, _ := fixture(t)
	q, err := search.Parse("breath chart:1000001")
	if err != nil {
		t.Fatal(err)
	}
	q.Charts(func(n string) []record.ChartNumber {
		if n != "1000001" {
			t.Errorf("asked for %q, want the canonical number", n)
		}
		return []record.ChartNumber{chart(t, "1000001"), chart(t, "1000002")}
	})
	p, err := x.Search(t.Context(), q, 10, "")
	if err != nil || names(p.Hits) != "1/1 2/1" {
		t.Errorf("got %q, %v, want both charts", names(p.Hits), err)
	}
}

// TestDamagedWords: of words damaged by one confusion or one edit, the default
// query finds the page, and pages that have the word as it is come first.
func TestDamagedWords(t *testing.T) {
	x := open(t, t.TempDir(), &ring{keys: map[string][]byte{}})
	h, r := hospital.New(1), mrand.New(mrand.NewPCG(3, 4))
	type damaged struct{ word, as string }
	var all []damaged
	var c search.Change
	for i := range 500 {
		w := h.Word(100 + r.IntN(20000))
		if len(w) < 4 {
			continue
		}
		d := hospital.Damage(r, w)
		c.Put = append(c.Put, search.Entry{ID: record.ID{1, byte(i >> 8), byte(i)}, Pages: []ocr.PageText{page("seen " + d + " today")}},
			search.Entry{ID: record.ID{2, byte(i >> 8), byte(i)}, Pages: []ocr.PageText{page("seen " + w + " today and many more words that make this page the longer one")}})
		all = append(all, damaged{w, d})
	}
	if err := x.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	found, first := 0, 0
	for _, d := range all {
		hits := find(t, x, d.word)
		if len(hits) > 0 && !hits[0].Near {
			first++
		}
		for _, h := range hits {
			if strings.Contains(h.Snippet, "["+d.as+"]") {
				found++
				break
			}
		}
	}
	if found*100 < len(all)*95 || first != len(all) {
		t.Errorf("got %d of %d damaged words found and %d exact ones first, want 95 %% and all", found, len(all), first)
	}
	t.Logf("%d of %d damaged words found", found, len(all))
}

// TestParts: an answer in parts is the answer in one, whatever the size of a
// part, without a page twice or missing.
func TestParts(t *testing.T) {
	x := open(t, t.TempDir(), &ring{keys: map[string][]byte{}})
	r := mrand.New(mrand.NewPCG(5, 6))
	var c search.Change
	for i := range 120 {
		e := search.Entry{ID: record.ID{byte(i)}}
		for range 3 {
			p := page(strings.Repeat("filler ", r.IntN(5)) + []string{"fever", "fevor", "fever fever", "cough"}[r.IntN(4)])
			if r.IntN(5) == 0 {
				p.Origin, p.Quality = ocr.FromOCR, ocr.Quality{Score: 30, Low: 0.7}
			}
			e.Pages = append(e.Pages, p)
		}
		c.Put = append(c.Put, e)
	}
	if err := x.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse("fever")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := x.Search(t.Context(), q, 1000, "")
	if err != nil {
		t.Fatal(err)
	}
	exact := 0
	for _, h := range whole.Hits {
		if !h.Near {
			exact++
		}
	}
	if whole.Next != "" || int(whole.Total) != exact || exact == 0 || exact == len(whole.Hits) {
		t.Fatalf("got %d hits, %d exact, total %d, next %q", len(whole.Hits), exact, whole.Total, whole.Next)
	}
	for _, size := range []int{1, 7, 50} {
		var got []search.Hit
		for after := ""; ; {
			p, err := x.Search(t.Context(), q, size, after)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Hits...)
			if after = p.Next; after == "" {
				break
			}
		}
		if !slices.Equal(got, whole.Hits) {
			t.Errorf("parts of %d: got %d hits in another order or number, want the %d of the whole", size, len(got), len(whole.Hits))
		}
	}
	for _, bad := range []string{"x", "e30x", "eyJjIjo5fQ"} {
		if _, err := x.Search(t.Context(), q, 5, bad); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("place %q: got %v, want ErrInvalid", bad, err)
		}
	}
}

// TestSealed: no file holds a readable word or number, while the index is open,
// after, and after a rotation.
func TestSealed(t *testing.T) {
	x, dir, _ := fixture(t)
	canaries := []string{"metoprolol", "forearm", "breath", "1000001", "lab_report", "2019-03", id(1).String()}
	grep(t, dir, canaries...)
	if err := x.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	grep(t, dir, canaries...)
	x.Close()
	grep(t, dir, canaries...)
}

func grep(t *testing.T, dir string, words ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // merged into another meanwhile
		}
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, w := range words {
			if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(w))) {
				t.Errorf("%s holds %q", filepath.Base(name), w)
			}
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

// TestRemoveAndRotate: what is removed is not found, and after a rotation the
// old key is gone, so that a copy of the old file opens no more.
func TestRemoveAndRotate(t *testing.T) {
	x, dir, r := fixture(t)
	if err := x.Apply(t.Context(), search.Change{Remove: []record.ID{id(3)}}); err != nil {
		t.Fatal(err)
	}
	if h := find(t, x, "forearm"); len(h) != 0 {
		t.Errorf("removed: got %+v", h)
	}
	if err := x.Apply(t.Context(), search.Change{Position: 42}); err != nil {
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

// TestStrayKeys: an index that is made again where one was lost destroys the
// keys of the one before.
func TestStrayKeys(t *testing.T) {
	x, dir, r := fixture(t)
	for range 2 {
		if err := x.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	x.Close()
	old, err := r.ShardKey(t.Context(), "main-000003")
	if err != nil || len(r.keys) != 1 {
		t.Fatalf("got %d keys, %v", len(r.keys), err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	open(t, dir, r)
	if len(r.keys) != 1 || r.keys["main-000003"] != nil || bytes.Equal(r.keys["main-000001"], old) {
		t.Errorf("got %d keys, want a new one alone", len(r.keys))
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
		if _, err := x.Search(t.Context(), q, 5, ""); err != nil {
			t.Errorf("%q parsed, and the engine refused it: %v", s, err)
		}
	})
}

// TestCommon: a phrase that very many pages have, and words that begin so, are
// answered with some of them, and say so; a saved search still finds them all.
func TestCommon(t *testing.T) {
	x := open(t, t.TempDir(), &ring{keys: map[string][]byte{}})
	const n = 5200
	c := search.Change{}
	for i := range n {
		c.Put = append(c.Put, search.Entry{ID: record.ID{byte(i >> 8), byte(i), 1}, Pages: []ocr.PageText{page(fmt.Sprintf("seen in the clinic today rare%d", i%600))}})
	}
	if err := x.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	few, err := search.Parse("rare1*")
	if err != nil {
		t.Fatal(err)
	}
	p, err := x.Search(t.Context(), few, 10, "")
	if err != nil || p.Least || p.Total < 900 {
		t.Errorf("words that begin so, of which few pages have one: got %d, at least %v, %v", p.Total, p.Least, err)
	}
	for query, want := range map[string]struct {
		total uint64
		least bool
	}{`"the clinic"`: {5000, true}, "clinic": {n, false}, `"the clinic" seen`: {n, false},
		"clin*": {5000, true}, "rare*": {5000, true}, "clin* seen": {n, false}} {
		q, err := search.Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		p, err := x.Search(t.Context(), q, 10, "")
		if err != nil || p.Total != want.total || p.Least != want.least || len(p.Hits) != 10 {
			t.Errorf("%s: got %d, at least %v, %d hits, %v, want %+v", query, p.Total, p.Least, len(p.Hits), err, want)
		}
		if all, err := x.Documents(t.Context(), q); err != nil || len(all) != n {
			t.Errorf("%s: a saved search finds %d, %v, want %d", query, len(all), err, n)
		}
	}
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
		if err := x.Apply(t.Context(), search.Change{Put: []search.Entry{{ID: id(byte(i + 1)), Pages: []ocr.PageText{p}}}}); err != nil {
			t.Fatal(err)
		}
	}
	hits := find(t, x, "penicillin")
	if len(hits) != 2 || hits[0].Document != id(2) || hits[0].Doubtful || !hits[1].Doubtful {
		t.Errorf("got %+v, want the page that was read well first", hits)
	}
}

// TestFormat: an index that another program wrote does not open.
func TestFormat(t *testing.T) {
	x, dir, r := fixture(t)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "state.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(b, []byte(`,"format":2`), nil, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if x, err := search.Open(t.Context(), dir, r); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("got %v, want %v", err, record.ErrCorrupt)
		if err == nil {
			x.Close()
		}
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, r)
}
