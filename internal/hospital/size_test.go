package hospital_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/catalog/catalogtest"
	"chartvault/catalog/postgres"
	"chartvault/catalog/sqlite"
	"chartvault/internal/hospital"
	"chartvault/internal/testserver"
	"chartvault/ocr"
	"chartvault/record"
	"chartvault/search"
)

// BenchmarkFinding files a synthetic hospital into both catalogues and the
// sealed index, and asks them what people ask, at each of the sizes in
// CHARTVAULT_PAGES ("100000,300000,1000000"; 20,000 without it). Beside them,
// the same text in a plain SQLite FTS5 table and a PostgreSQL tsvector column,
// neither encrypted, unless CHARTVAULT_PLAIN is "no". It prints a table, and
// how each figure grows with the size: 1 is in proportion, 0 not at all.
func BenchmarkFinding(b *testing.B) {
	sizes := []int{20_000}
	if s := os.Getenv("CHARTVAULT_PAGES"); s != "" {
		sizes = nil
		for _, f := range strings.Split(s, ",") {
			n, err := strconv.Atoi(f)
			if err != nil {
				b.Fatal(err)
			}
			sizes = append(sizes, n)
		}
	}
	for b.Loop() {
		h := hospital.New(1)
		engines := []engine{newOurs(b)}
		if os.Getenv("CHARTVAULT_PLAIN") != "no" {
			engines = append(engines, newFTS5(b), newTSVector(b))
		}
		report := table{}
		for _, e := range engines {
			at := 0
			for _, pages := range sizes {
				documents := pages / hospital.PagesPerDocument
				began := time.Now()
				e.file(b, h, at, documents)
				took := time.Since(began)
				report.add(e.name(), "filed, pages a second", pages, float64((documents-at)*hospital.PagesPerDocument)/took.Seconds())
				at = documents
				e.measure(b, h, documents, report)
			}
			e.close(b)
		}
		report.print()
	}
}

// engine is something that finds.
type engine interface {
	name() string
	file(b *testing.B, h *hospital.Hospital, from, to int)
	measure(b *testing.B, h *hospital.Hospital, documents int, t table)
	close(b *testing.B)
}

// table is figures by engine, what they are of, and pages.
type table map[string]map[int]float64

func (t table) add(engine, what string, pages int, v float64) {
	k := engine + "\t" + what
	if t[k] == nil {
		t[k] = map[int]float64{}
	}
	t[k][pages] = v
}

func (t table) print() {
	keys := make([]string, 0, len(t))
	for k := range t {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		sizes := make([]int, 0, len(t[k]))
		for n := range t[k] {
			sizes = append(sizes, n)
		}
		slices.Sort(sizes)
		engine, what, _ := strings.Cut(k, "\t")
		fmt.Printf("finding: %-18s %-26s", engine, what)
		for _, n := range sizes {
			fmt.Printf("  %9d: %10.2f", n, t[k][n])
		}
		if len(sizes) > 1 {
			a, z := sizes[0], sizes[len(sizes)-1]
			fmt.Printf("  grows %.2f", math.Log(t[k][z]/t[k][a])/math.Log(float64(z)/float64(a)))
		}
		fmt.Println()
	}
}

// question is a kind of query: words to look for, drawn from the hospital.
type question struct {
	kind string
	draw func(r *rand.Rand, h *hospital.Hospital, documents int) []string
}

// questions are asked of every engine, the same ones.
func questions() []question {
	any := func(r *rand.Rand, h *hospital.Hospital, documents int) ocr.PageText {
		return h.Page(r.IntN(documents), r.IntN(hospital.PagesPerDocument))
	}
	stop := func(h *hospital.Hospital, w string) bool {
		for i := range 50 {
			if h.Word(i) == w {
				return true
			}
		}
		return false
	}
	return []question{
		{"common word", func(r *rand.Rand, h *hospital.Hospital, _ int) []string { return []string{h.Word(50 + r.IntN(250))} }},
		{"two words", func(r *rand.Rand, h *hospital.Hospital, documents int) []string {
			for {
				p := any(r, h, documents)
				a, z := p.Words[r.IntN(len(p.Words))].Text, p.Words[r.IntN(len(p.Words))].Text
				if a != z && !stop(h, a) && !stop(h, z) {
					return []string{a, z}
				}
			}
		}},
		{"phrase", func(r *rand.Rand, h *hospital.Hospital, documents int) []string {
			for {
				p := any(r, h, documents)
				i := r.IntN(len(p.Words) - 1)
				a, z := p.Words[i].Text, p.Words[i+1].Text
				if !stop(h, a) || !stop(h, z) { // "of the" is nobody's phrase
					return []string{a, z}
				}
			}
		}},
		{"prefix", func(r *rand.Rand, h *hospital.Hospital, _ int) []string {
			w := h.Word(100 + r.IntN(20000))
			return []string{w[:min(len(w), 5)]}
		}},
		{"fuzzy", func(r *rand.Rand, h *hospital.Hospital, _ int) []string {
			for {
				if w := h.Word(300 + r.IntN(20000)); len(w) >= 5 {
					return []string{hospital.Damage(r, w)}
				}
			}
		}},
	}
}

// ask times queries of each kind: up to 200 of them, or for half a minute.
func ask(b *testing.B, t table, engine string, h *hospital.Hospital, documents int, find func(kind string, words []string) error) {
	b.Helper()
	for _, q := range questions() {
		r := rand.New(rand.NewPCG(uint64(documents), 11))
		var took []time.Duration
		for began := time.Now(); len(took) < 200 && (time.Since(began) < 30*time.Second || len(took) < 20); {
			words := q.draw(r, h, documents)
			at := time.Now()
			if err := find(q.kind, words); err != nil {
				b.Fatalf("%s: %s %q: %v", engine, q.kind, words, err)
			}
			took = append(took, time.Since(at))
		}
		t.times(engine, q.kind, documents, took)
	}
}

func (t table) times(engine, what string, documents int, took []time.Duration) {
	slices.Sort(took)
	pages := documents * hospital.PagesPerDocument
	t.add(engine, what+", p50 ms", pages, took[len(took)/2].Seconds()*1000)
	t.add(engine, what+", p99 ms", pages, took[len(took)*99/100].Seconds()*1000)
}

// ours is Chartvault: the sealed index, and the catalogue on both engines.
type ours struct {
	dir, dsn string
	index    *search.Index
	cats     map[string]*catalog.DB
	spent    map[string]time.Duration
}

func newOurs(b *testing.B) *ours {
	o := &ours{dir: b.TempDir(), dsn: testserver.StartPostgres(b), spent: map[string]time.Duration{}}
	var err error
	if o.index, err = search.Open(b.Context(), filepath.Join(o.dir, "index"), ring{}); err != nil {
		b.Fatal(err)
	}
	lite, err := sqlite.Open(b.Context(), filepath.Join(o.dir, "catalogue.db"), catalogtest.Secrets{}, catalogtest.Local())
	if err != nil {
		b.Fatal(err)
	}
	pg, err := postgres.Open(b.Context(), o.dsn, catalogtest.Secrets{}, catalogtest.Local(), "one")
	if err != nil {
		b.Fatal(err)
	}
	o.cats = map[string]*catalog.DB{"sqlite": lite, "postgres": pg}
	return o
}

// ring is a keys place that always has the same key.
type ring struct{}

func (ring) ShardKey(_ context.Context, name string) ([]byte, error) {
	return []byte(fmt.Sprintf("%-32s", name)), nil
}
func (ring) ShardKeys(context.Context) ([]string, error)   { return nil, nil }
func (ring) DestroyShardKey(context.Context, string) error { return nil }

func (o *ours) name() string { return "chartvault" }

// batchDocuments is how many documents a batch has: 64 pages, one scan file.
const batchDocuments = 8

func (o *ours) file(b *testing.B, h *hospital.Hospital, from, to int) {
	var c search.Change
	for at := from; at < to; at += batchDocuments {
		id := record.ID{'b', byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at)}
		var keyed []catalog.Keyed
		for n := at; n < min(at+batchDocuments, to); n++ {
			d := h.Document(n)
			number, err := record.ParseChartNumber(d.Chart)
			if err != nil {
				b.Fatal(err)
			}
			e := search.Entry{ID: d.ID, Chart: number, Type: d.Type, Service: d.Service, Batch: id}
			for i := range d.Pages {
				e.Pages = append(e.Pages, h.Page(n, i))
			}
			c.Put = append(c.Put, e)
			keyed = append(keyed, catalog.Keyed{Key: catalogtest.Local(), Document: record.Document{
				ID: d.ID, Version: 1, Batch: id, Chart: number, Type: d.Type, ServiceDate: d.Service,
				FiledAt: time.Unix(1_700_000_000+int64(n), 0), State: record.DocumentFiled, Pages: d.Pages, Bytes: 400_000,
			}})
		}
		for name, cat := range o.cats {
			began := time.Now()
			batch := record.Batch{ID: id, State: record.BatchClaimed, Name: record.NewPrivate("scan.tif"), ReceivedAt: time.Unix(1_700_000_000, 0), SHA256: [32]byte(append(id[:], id[:]...))}
			if err := cat.PutBatch(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			if err := cat.File(b.Context(), id, record.BatchFiled, record.Counts{PagesIn: 64, Filed: 64}, keyed); err != nil {
				b.Fatal(err)
			}
			o.spent[name] += time.Since(began)
		}
		if len(c.Put) >= 60 || at+batchDocuments >= to {
			if err := o.index.Apply(b.Context(), c); err != nil {
				b.Fatal(err)
			}
			c = search.Change{}
		}
	}
}

func (o *ours) measure(b *testing.B, h *hospital.Hospital, documents int, t table) {
	pages := documents * hospital.PagesPerDocument
	settle(o.dir)
	t.add(o.name(), "index, bytes a page", pages, size(filepath.Join(o.dir, "index"))/float64(pages))
	t.add(o.name(), "rows, bytes a page, sqlite", pages, (size(filepath.Join(o.dir, "catalogue.db"))+size(filepath.Join(o.dir, "catalogue.db-wal")))/float64(pages))
	t.add(o.name(), "rows, bytes a page, pg", pages, databaseSize(b, o.dsn)/float64(pages))
	for name, cat := range o.cats {
		r := rand.New(rand.NewPCG(5, 6))
		var took []time.Duration
		for range 1000 {
			n, err := record.ParseChartNumber(h.Chart(r.IntN(max(1, pages/hospital.PagesPerChart))))
			if err != nil {
				b.Fatal(err)
			}
			at := time.Now()
			rows, err := cat.OfChart(b.Context(), n)
			if err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(at))
			_ = rows
		}
		t.times(o.name(), "chart number, "+name, documents, took)
	}
	ask(b, t, o.name(), h, documents, func(kind string, words []string) error {
		text := strings.Join(words, " ")
		switch kind {
		case "phrase":
			text = `"` + text + `"`
		case "prefix":
			text += "*"
		}
		q, err := search.Parse(text)
		if err != nil {
			return err
		}
		_, err = o.index.Search(b.Context(), q, 20, "")
		return err
	})
	o.deep(b, h, documents, t)
	t.add(o.name(), "memory in use, MiB", pages, resident())
}

// deep times the last part of a long answer: of a common word, after the
// thousandth page.
func (o *ours) deep(b *testing.B, h *hospital.Hospital, documents int, t table) {
	r := rand.New(rand.NewPCG(9, 9))
	var took []time.Duration
	for range 50 {
		q, err := search.Parse(h.Word(50 + r.IntN(250)))
		if err != nil {
			b.Fatal(err)
		}
		p, err := o.index.Search(b.Context(), q, 1000, "")
		if err != nil {
			b.Fatal(err)
		}
		if p.Next == "" {
			continue
		}
		at := time.Now()
		if _, err := o.index.Search(b.Context(), q, 20, p.Next); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(at))
	}
	if len(took) > 0 {
		t.times(o.name(), "common word, part 51", documents, took)
	}
}

func (o *ours) close(b *testing.B) {
	fmt.Printf("finding: catalogue rows took %v sqlite, %v postgres\n", o.spent["sqlite"].Round(time.Second), o.spent["postgres"].Round(time.Second))
	if err := o.index.Close(); err != nil {
		b.Fatal(err)
	}
	for _, c := range o.cats {
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// settle waits until a directory stops changing: until merges are done.
func settle(dir string) {
	for last, same := -1.0, 0; same < 4; {
		time.Sleep(500 * time.Millisecond)
		if now := size(dir); now == last {
			same++
		} else {
			last, same = now, 0
		}
	}
}

// size is the bytes of a file or of all files below a directory.
func size(name string) (sum float64) {
	filepath.Walk(name, func(_ string, i os.FileInfo, err error) error {
		if err == nil && !i.IsDir() {
			sum += float64(i.Size())
		}
		return nil
	})
	return sum
}

// resident is what the process keeps in memory that is not a mapped file, in
// MiB: those pages the system takes back when it wants them.
func resident() float64 {
	runtime.GC()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, l := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(l, "RssAnon:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}
