package main

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/archive/seal"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/ingest/correct"
	"chartvault/internal/testserver"
	"chartvault/ocr"
	"chartvault/record"
	"chartvault/search"
)

// leaf is what the model knows of a page: the word that only it has.
type leaf string

// modelDoc is what the model knows of a document.
type modelDoc struct {
	chart, typ string
	date       record.Date // of service
	leaves     []leaf
	state      record.DocumentState
	of         []record.ID // what it was made of
}

// world is a model of an archive and the archive beside it. Whatever is done to
// one is done to the other, and they must not differ.
type world struct {
	t *testing.T
	r *mrand.Rand
	e *env
	a *app

	// The other server, where there are two: which one does what is random.
	otherEnv *env
	other    *app

	papers map[record.ID]*modelDoc
	order  []record.ID // so that a seed gives the same run
	links  map[string][2]string
	holds  map[string]string // chart by hold
	apart  map[string]bool   // charts that an undone link holds
	said   int               // pages made
	done   map[string]int
}

// pageReader stands for the worker: a document is its pages' numbers.
type pageReader struct{ ocr.Reader }

func (pageReader) Document(_ context.Context, _ ocr.Source, next func() (ocr.DocumentPage, error), w io.Writer) (ocr.Document, error) {
	for {
		p, err := next()
		if errors.Is(err, io.EOF) {
			return ocr.Document{Exact: true}, nil
		}
		if err != nil {
			return ocr.Document{}, err
		}
		if _, err := fmt.Fprintf(w, "page %d\n", p.Number); err != nil {
			return ocr.Document{}, err
		}
	}
}

// TestModel does what people do to an archive, at random, and compares it with
// a model after every few steps: file, correct, link and unlink charts, hold and
// release, destroy, restart, rebuild; on both engines of the catalogue, and on two
// servers that share one, each of which ends without a word now and then.
// CHARTVAULT_STEPS says how many (120 without it), CHARTVAULT_SEED with what.
func TestModel(t *testing.T) {
	steps := told(t, "CHARTVAULT_STEPS", 120)
	seed := seedOf(t)
	for _, engine := range []string{"sqlite", "postgres", "two servers"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			config := atOnce
			if engine != "sqlite" {
				dsn := filepath.Join(t.TempDir(), "dsn")
				if err := os.WriteFile(dsn, []byte(testserver.StartPostgres(t)+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				config += "[catalogue]\nengine = \"postgres\"\ndsn_file = \"" + dsn + "\"\n"
			}
			w := newWorld(t, config, seed)
			if engine == "two servers" {
				w.join(config)
			}
			t.Logf("CHARTVAULT_SEED=%d", seed)
			for i := range steps {
				w.step()
				if i%20 == 19 {
					w.compare()
					w.swap()
					w.compare()
				}
				if t.Failed() {
					t.Fatalf("at step %d: %v", i, w.done)
				}
			}
			w.restart()
			w.compare()
			if out := w.op("verify", verifyParams{}); !strings.Contains(out, `"faults":0`) {
				t.Errorf("verify: %s", out)
			}
			t.Logf("%v", w.done)
		})
	}
}

func newWorld(t *testing.T, config string, seed uint64) *world {
	a, e := modelApp(t, config)
	return &world{t: t, r: mrand.New(mrand.NewPCG(seed, 1)), e: e, a: a, papers: map[record.ID]*modelDoc{}, links: map[string][2]string{}, holds: map[string]string{}, apart: map[string]bool{}, done: map[string]int{}}
}

// modelApp makes a server whose documents are what the model says.
func modelApp(t *testing.T, config string) (*app, *env) {
	a := openApp(t, config)
	a.pipeline.Reader = pageReader{a.pipeline.Reader}
	return a, &env{data: a.cfg.dir, passFile: filepath.Join(filepath.Dir(a.cfg.dir), "pass"), workFactor: 10, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: a.log}
}

// join adds a second server to the archive.
func (w *world) join(config string) {
	config += fmt.Sprintf("[storage]\nobjects = %q\nkeys = [%q]\n", w.a.cfg.path(w.a.cfg.Storage.Objects), w.a.cfg.path(w.a.cfg.Storage.Keys[0]))
	w.other, w.otherEnv = modelApp(w.t, config)
}

// swap has the other server do what comes next, where there is one.
func (w *world) swap() {
	if w.other != nil {
		w.a, w.e, w.other, w.otherEnv = w.other, w.otherEnv, w.a, w.e
	}
}

// crash ends the server as a kill does, as far as the other can see: its session is
// gone, and it says nothing.
func (w *world) crash() {
	ctx := w.t.Context()
	w.a.closed.Store(true)
	if err := errors.Join(w.a.pool.Close(), w.a.cat.Close(), w.a.arch.Log.Close(), w.a.index.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.a.unlock()
	if w.r.IntN(2) == 0 { // the other notices before it is back
		for range 500 { // the database does a moment later
			if gone, err := w.other.cat.Ended(ctx, w.a.cat.Self()); err != nil {
				w.t.Fatal(err)
			} else if gone {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := w.other.takeOverServers(ctx); err != nil {
			w.t.Error(err)
		}
		ms, err := w.other.cat.Members(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, m := range ms {
			if m.Present != (m.Server == w.other.cat.Self()) {
				w.t.Errorf("server %s after a crash: present %v", m.Server, m.Present)
			}
		}
	}
}

// step does one thing.
func (w *world) step() {
	if w.r.IntN(2) == 0 {
		w.swap()
	}
	// As around every operation.
	if err := w.a.follow(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	defer func() { w.a.tell(w.t.Context()) }()
	acts := []struct {
		name   string
		weight int
		do     func() bool
	}{
		{"file", 30, w.file}, {"index", 8, w.index}, {"split", 8, w.split}, {"merge", 6, w.merge}, {"move", 8, w.move}, {"turn", 3, w.turn}, {"redate", 4, w.redate},
		{"link", 3, w.link}, {"unlink", 1, w.unlink}, {"hold", 5, w.hold}, {"release", 5, w.release}, {"destroy", 14, w.destroy},
		{"restart", 2, w.restart}, {"rebuild", 1, w.rebuild},
	}
	sum := 0
	for _, a := range acts {
		sum += a.weight
	}
	n := w.r.IntN(sum)
	for _, a := range acts {
		if n -= a.weight; n < 0 {
			if a.do() {
				w.done[a.name]++
			}
			return
		}
	}
}

func (w *world) someChart() string { return strconv.Itoa(8_000_000 + w.r.IntN(12)) }

// some picks a document that is filed; nil when there is none.
func (w *world) some() (record.ID, *modelDoc) {
	var live []record.ID
	for _, id := range w.order {
		if w.papers[id].state == record.DocumentFiled {
			live = append(live, id)
		}
	}
	if len(live) == 0 {
		return record.ID{}, nil
	}
	id := live[w.r.IntN(len(live))]
	return id, w.papers[id]
}

// person lists the charts of a chart's person.
func (w *world) person(chart string) []string {
	out := []string{chart}
	for i := 0; i < len(out); i++ {
		for _, l := range w.links {
			for k := range l {
				if l[k] == out[i] && !slices.Contains(out, l[1-k]) {
					out = append(out, l[1-k])
				}
			}
		}
	}
	return out
}

func (w *world) held(chart string) bool {
	for _, c := range w.person(chart) {
		if w.apart[c] {
			return true
		}
		for _, h := range w.holds {
			if h == c {
				return true
			}
		}
	}
	return false
}

// try runs an operation and wants it to succeed unless a hold forbids it.
func (w *world) try(held bool, op string, params any) (string, bool) {
	w.t.Helper()
	var out strings.Builder
	err := w.a.perform(w.t.Context(), op, request{Actor: "os:test", Params: params}, func(line json.RawMessage) error {
		out.Write(append(line, '\n'))
		return nil
	})
	if held && errors.Is(err, record.ErrHeld) {
		return "", false
	}
	if held || err != nil {
		w.t.Errorf("%s %+v: held %v, got %v", op, params, held, err)
	}
	return out.String(), err == nil && !held
}

func (w *world) op(op string, params any) string {
	w.t.Helper()
	out, _ := w.try(false, op, params)
	return out
}

func (w *world) file() bool {
	batch, err := record.NewID(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(batch[:])
	bm := seal.BatchManifest{ID: batch, SHA256: sum[:], Size: 1, Name: "made.tif", ReceivedAt: time.Now().UTC(), State: record.BatchFiled}
	var rows []catalog.Keyed
	for range 1 + w.r.IntN(3) {
		p := &modelDoc{chart: w.someChart(), typ: "PROGRESS_NOTE", state: record.DocumentFiled}
		for range 1 + w.r.IntN(5) {
			w.said++
			p.leaves = append(p.leaves, leaf("leafword"+strconv.FormatInt(int64(w.said)+1_000_000, 36)))
		}
		row := w.deposit(batch, p)
		rows = append(rows, row)
		w.papers[row.ID] = p
		w.order = append(w.order, row.ID)
		for range p.leaves {
			bm.Pages = append(bm.Pages, seal.BatchPage{Placement: record.PlaceFiled, Document: row.ID})
		}
	}
	bm.Counts = record.Counts{PagesIn: len(bm.Pages), Filed: len(bm.Pages)}
	if err := w.a.cat.PutBatch(w.t.Context(), record.Batch{ID: batch, SHA256: sum, Size: 1, Name: record.NewPrivate("made.tif"), ReceivedAt: bm.ReceivedAt, State: record.BatchClaimed}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.a.arch.DepositBatch(w.t.Context(), bm, nil); err != nil {
		w.t.Fatal(err)
	}
	if err := w.a.cat.File(w.t.Context(), batch, record.BatchFiled, bm.Counts, rows); err != nil {
		w.t.Fatal(err)
	}
	return true
}

func (w *world) deposit(batch record.ID, p *modelDoc) catalog.Keyed {
	id, err := record.NewID(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	m := seal.Manifest{ID: id, Batch: batch, Chart: p.chart, Type: p.typ, FiledAt: time.Now().UTC(), State: record.DocumentFiled}
	for i, l := range p.leaves {
		m.Pages = append(m.Pages, seal.Page{Source: i + 1, Text: json.RawMessage(`{"width":100,"height":100,"words":[["` + string(l) + `",1,2,3,4,99,0]]}`)})
	}
	s, err := w.a.arch.Deposit(w.t.Context(), m, func(zw *zip.Writer, m *seal.Manifest) error {
		sum := sha256.Sum256([]byte("made"))
		m.PDF = sum[:]
		f, err := seal.AddPart(zw, "document.pdf")
		if err == nil {
			_, err = io.WriteString(f, "made")
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	row, err := ingest.Row(s.Manifest, s.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func (w *world) index() bool {
	id, p := w.some()
	if p == nil {
		return false
	}
	to, typ := w.someChart(), []string{"LAB_REPORT", "CONSENT", "PROGRESS_NOTE"}[w.r.IntN(3)]
	_, ok := w.try(w.held(p.chart) && (to != p.chart || typ != p.typ), "qa-assign", assignment{id, to, typ})
	if ok {
		p.chart, p.typ = to, typ
	}
	return ok
}

// correct asks for a correction and takes its result into the model.
func (w *world) correct(held bool, p correctParams, made ...*modelDoc) bool {
	p.Reason = "the model said so"
	out, ok := w.try(held, "correct", p)
	if !ok {
		return false
	}
	var l correctionLine
	if err := json.Unmarshal([]byte(out), &l); err != nil || len(l.Results) != len(made) || l.State != correct.Done {
		w.t.Fatalf("correction: got %s, %v, want %d documents", out, err, len(made))
	}
	for i, r := range l.Results {
		made[i].of, made[i].state = l.Sources, record.DocumentFiled
		w.papers[r.ID] = made[i]
		w.order = append(w.order, r.ID)
	}
	for _, s := range l.Sources {
		w.papers[s].state = record.DocumentSuperseded
	}
	return true
}

func (w *world) split() bool {
	id, p := w.some()
	if p == nil || len(p.leaves) < 2 {
		return false
	}
	at := 2 + w.r.IntN(len(p.leaves)-1)
	return w.correct(w.held(p.chart), correctParams{Act: correct.Split, Documents: []string{id.String()}, Pages: []int{at}},
		&modelDoc{chart: p.chart, typ: p.typ, date: p.date, leaves: p.leaves[:at-1]}, &modelDoc{chart: p.chart, typ: p.typ, date: p.date, leaves: p.leaves[at-1:]})
}

func (w *world) merge() bool {
	id, p := w.some()
	for range 20 {
		other, q := w.some()
		if p != nil && other != id && q.chart == p.chart && q.typ == p.typ {
			return w.correct(w.held(p.chart), correctParams{Act: correct.Merge, Documents: []string{id.String(), other.String()}},
				&modelDoc{chart: p.chart, typ: p.typ, date: later(p.date, q.date), leaves: slices.Concat(p.leaves, q.leaves)})
		}
	}
	return false
}

func (w *world) move() bool {
	id, p := w.some()
	to := w.someChart()
	if p == nil || to == p.chart {
		return false
	}
	n := 1 + w.r.IntN(len(p.leaves))
	made := []*modelDoc{{chart: to, typ: p.typ, date: p.date, leaves: p.leaves[n-1 : n]}}
	if rest := slices.Concat(p.leaves[:n-1], p.leaves[n:]); len(rest) > 0 {
		made = append(made, &modelDoc{chart: p.chart, typ: p.typ, date: p.date, leaves: rest})
	}
	return w.correct(w.held(p.chart), correctParams{Act: correct.Move, Documents: []string{id.String()}, Pages: []int{n}, Chart: to}, made...)
}

func (w *world) turn() bool {
	id, p := w.some()
	if p == nil {
		return false
	}
	return w.correct(w.held(p.chart), correctParams{Act: correct.Rotate, Documents: []string{id.String()}, Pages: []int{1}, Turn: 90}, &modelDoc{chart: p.chart, typ: p.typ, date: p.date, leaves: p.leaves})
}

func (w *world) redate() bool {
	id, p := w.some()
	date := record.Date{Year: 2026, Month: 1 + w.r.IntN(6)}
	if p == nil || date == p.date {
		return false
	}
	return w.correct(w.held(p.chart), correctParams{Act: correct.Redate, Documents: []string{id.String()}, Date: date.String()}, &modelDoc{chart: p.chart, typ: p.typ, date: date, leaves: p.leaves})
}

func later(a, b record.Date) record.Date {
	if b.After(a) {
		return b
	}
	return a
}

func (w *world) link() bool {
	a, b := w.someChart(), w.someChart()
	if a == b || slices.Contains(w.person(a), b) || len(w.links) > 3 {
		return false
	}
	out := w.op("patients-link", linkParams{Charts: []string{a, b}, Reason: "twice"})
	w.links[idIn(w.t, out)] = [2]string{a, b}
	return true
}

func (w *world) unlink() bool {
	ids := slices.Sorted(maps.Keys(w.links))
	if len(ids) == 0 || len(w.apart) > 4 { // nobody in the model releases what this holds
		return false
	}
	before := w.person(w.links[ids[0]][0])
	w.op("patients-unlink", linkParams{ID: ids[0], Reason: "twins"})
	delete(w.links, ids[0])
	for _, c := range before {
		w.apart[c] = true
	}
	return true
}

func (w *world) hold() bool {
	if len(w.holds) > 3 {
		return false
	}
	c := w.someChart()
	out := w.op("hold-place", holdParams{Charts: []string{c}, Matter: "m", Reason: "r", Kind: record.HoldMisfile})
	w.holds[idIn(w.t, out)] = c
	return true
}

func (w *world) release() bool {
	ids := slices.Sorted(maps.Keys(w.holds))
	if len(ids) == 0 {
		return false
	}
	id := ids[w.r.IntN(len(ids))]
	w.op("hold-release", holdParams{ID: id, Reason: "over"})
	delete(w.holds, id)
	return true
}

// destroy destroys a document past the desk, whose own tests are elsewhere.
func (w *world) destroy() bool {
	id, p := w.some()
	if p == nil {
		return false
	}
	_, err := holdings{w.a}.Destroy(w.t.Context(), id, "000001")
	if w.held(p.chart) {
		if !errors.Is(err, record.ErrHeld) {
			w.t.Errorf("destroy %s under a hold: got %v, want ErrHeld", id, err)
		}
		return false
	}
	if err != nil {
		w.t.Errorf("destroy %s: %v", id, err)
	}
	w.gone(id)
	return true
}

// gone ends a document and what it was made of.
func (w *world) gone(id record.ID) {
	p := w.papers[id]
	if p.state == record.DocumentDestroyed {
		return
	}
	p.state = record.DocumentDestroyed
	for _, s := range p.of {
		w.gone(s)
	}
}

func (w *world) restart() bool {
	if w.other != nil && w.r.IntN(2) == 0 {
		w.crash()
	} else if err := w.a.Close(context.WithoutCancel(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
	w.a = reopen(w.t, w.e)
	w.a.pipeline.Reader = pageReader{w.a.pipeline.Reader}
	return true
}

func (w *world) rebuild() bool {
	if w.other != nil { // it wants to be alone
		if err := w.a.perform(w.t.Context(), "rebuild", request{Actor: "os:test", Params: struct{}{}}, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrBusy) {
			w.t.Errorf("rebuild beside another server: got %v, want %v", err, record.ErrBusy)
		}
		if err := w.other.Close(context.WithoutCancel(w.t.Context())); err != nil {
			w.t.Fatal(err)
		}
	}
	w.op("rebuild", struct{}{})
	if w.other != nil {
		w.other = reopen(w.t, w.otherEnv)
		w.other.pipeline.Reader = pageReader{w.other.pipeline.Reader}
	}
	return true
}

// compare holds the archive to the model: every document's row, what each chart
// answers, and what a search for each of some pages finds.
func (w *world) compare() {
	w.t.Helper()
	ctx := w.t.Context()
	if err := errors.Join(w.a.follow(ctx), w.a.feed(ctx)); err != nil {
		w.t.Fatal(err)
	}
	answers := map[string][]string{}
	for _, id := range w.order {
		p := w.papers[id]
		row, err := w.a.cat.Document(ctx, id)
		if err != nil || row.State != p.state || row.Pages != len(p.leaves) || p.state == record.DocumentFiled && (row.Type != p.typ || row.ServiceDate != p.date) {
			w.t.Errorf("%s: got %s, %s of %s, %d pages, %v, want %s, %s of %s, %d", id, row.State, row.Type, row.ServiceDate, row.Pages, err, p.state, p.typ, p.date, len(p.leaves))
		}
		if p.state == record.DocumentFiled {
			answers[p.chart] = append(answers[p.chart], id.String())
		}
	}
	for n := range 12 {
		w.answer(strconv.Itoa(8_000_000+n), answers)
	}
	pages, documents := 0, 0
	for _, p := range w.papers {
		if p.state == record.DocumentFiled {
			documents++
			pages += len(p.leaves)
		}
	}
	if d, p, err := w.a.index.Count(ctx); err != nil || d != documents || p != pages {
		w.t.Errorf("index: got %d documents and %d pages, %v, want %d and %d", d, p, err, documents, pages)
	}
	for range min(10, 10*len(w.order)) { // none while nothing was filed
		id := w.order[w.r.IntN(len(w.order))]
		p := w.papers[id]
		n := w.r.IntN(len(p.leaves))
		w.find(p.leaves[n])
	}
}

// answer compares what a chart number finds, destroyed documents aside.
func (w *world) answer(chart string, filed map[string][]string) {
	w.t.Helper()
	var want []string
	for _, c := range w.person(chart) {
		want = append(want, filed[c]...)
	}
	n, err := record.ParseChartNumber(chart)
	if err != nil {
		w.t.Fatal(err)
	}
	rows, err := w.a.ofPerson(w.t.Context(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		if r.State != record.DocumentDestroyed {
			got = append(got, r.ID.String())
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("chart %s: got %v, want %v", chart, got, want)
	}
}

// find looks for a page by the word that only it has.
func (w *world) find(l leaf) {
	w.t.Helper()
	var want []string
	for _, id := range w.order {
		if p := w.papers[id]; p.state == record.DocumentFiled {
			if i := slices.Index(p.leaves, l); i >= 0 {
				want = append(want, fmt.Sprintf("%s/%d", id, i+1))
			}
		}
	}
	q, err := search.Parse(`"` + string(l) + `"`)
	if err != nil {
		w.t.Fatal(err)
	}
	part, err := w.a.index.Search(w.t.Context(), q, 10, "")
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, h := range part.Hits {
		got = append(got, fmt.Sprintf("%s/%d", h.Document, h.Page))
	}
	if !slices.Equal(got, want) || len(want) > 1 {
		w.t.Errorf("%s: found on %v, want %v", l, got, want)
	}
}
