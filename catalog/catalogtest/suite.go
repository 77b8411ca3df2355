// Package catalogtest is the conformance suite of the catalogue: every engine
// passes it.
package catalogtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/record"
)

// Secrets are fixed secrets for tests.
type Secrets struct{}

// Token implements catalog.Secrets.
func (Secrets) Token(kind, value string) []byte {
	m := hmac.New(sha256.New, []byte("test"))
	m.Write([]byte(kind + "\x00" + value))
	return m.Sum(nil)
}

// CatalogueKey implements catalog.Secrets.
func (Secrets) CatalogueKey() []byte { return bytes.Repeat([]byte{7}, 32) }

// Local is the machine's key in tests.
func Local() []byte { return bytes.Repeat([]byte{9}, 32) }

// Run holds an engine to the contract. open returns an empty catalogue.
func Run(t *testing.T, open func(t *testing.T) *catalog.DB) {
	t.Run("claim", func(t *testing.T) { claim(t, open(t)) })
	t.Run("file", func(t *testing.T) { file(t, open(t)) })
	t.Run("facts", func(t *testing.T) { facts(t, open(t)) })
	t.Run("holds", func(t *testing.T) { holds(t, open(t)) })
	t.Run("dues", func(t *testing.T) { dues(t, open(t)) })
	t.Run("parts", func(t *testing.T) { parts(t, open(t)) })
	t.Run("sums", func(t *testing.T) { sums(t, open(t)) })
	t.Run("destroy", func(t *testing.T) { destroy(t, open(t)) })
	t.Run("registers", func(t *testing.T) { registers(t, open(t)) })
	t.Run("objects", func(t *testing.T) { objects(t, open(t)) })
	t.Run("raise", func(t *testing.T) { raise(t, open(t)) })
	t.Run("jobs", func(t *testing.T) { jobs(t, open(t)) })
	t.Run("clear", func(t *testing.T) { clearAll(t, open(t)) })
}

func id(t testing.TB) record.ID {
	t.Helper()
	v, err := record.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func chart(t testing.TB, s string) record.ChartNumber {
	t.Helper()
	n, err := record.ParseChartNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func key() []byte { return bytes.Repeat([]byte{3}, 32) }

func batch(t testing.TB, source string) record.Batch {
	return record.Batch{ID: id(t), SHA256: sha256.Sum256([]byte(source)), Size: int64(len(source)), Name: record.NewPrivate("zanzibar.tif"),
		ReceivedAt: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC), State: record.BatchClaimed}
}

// Fill puts a batch with one document of the planted chart into the catalogue.
func Fill(t testing.TB, c *catalog.DB) record.Document {
	t.Helper()
	b := batch(t, "fill"+id(t).String())
	if _, _, err := c.Claim(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	d := document(t, b.ID, "ZANZIBAR4711")
	err := c.File(t.Context(), b.ID, record.BatchFiled, record.Counts{PagesIn: 2, Filed: 2}, []catalog.Keyed{{Document: d, Key: key()}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func document(t testing.TB, batch record.ID, number string) record.Document {
	d := record.Document{ID: id(t), Version: 1, Batch: batch, Type: "LAB_REPORT", ServiceDate: record.Date{Year: 2001, Month: 2},
		FiledAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), State: record.DocumentFiled, Pages: 2, Bytes: 1234}
	if number != "" {
		d.Chart = chart(t, number)
	}
	return d
}

func claim(t *testing.T, c *catalog.DB) {
	b := batch(t, "one")
	got, fresh, err := c.Claim(t.Context(), b)
	if err != nil || !fresh || got.ID != b.ID {
		t.Fatalf("first claim: got %v, %v, %v, want it new", got.ID, fresh, err)
	}
	again := b
	again.ID = id(t)
	got, fresh, err = c.Claim(t.Context(), again)
	if err != nil || fresh || got.ID != b.ID || got.Name.Reveal() != "zanzibar.tif" || got.SHA256 != b.SHA256 || !got.ReceivedAt.Equal(b.ReceivedAt) {
		t.Errorf("same source: got %v, %v, %v, want the first batch", got.ID, fresh, err)
	}
	if err := c.SetBatch(t.Context(), b.ID, record.BatchSplit, record.Counts{PagesIn: 3, Filed: 3}); err != nil {
		t.Error(err)
	}
	if err := c.SetBatch(t.Context(), id(t), record.BatchSplit, record.Counts{}); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("unknown batch: got %v, want ErrNotFound", err)
	}
	bs, err := c.Batches(t.Context())
	if err != nil || len(bs) != 1 || bs[0].State != record.BatchSplit || bs[0].Counts.PagesIn != 3 {
		t.Errorf("batches: got %+v, %v", bs, err)
	}
}

func file(t *testing.T, c *catalog.DB) {
	b := batch(t, "one")
	if _, _, err := c.Claim(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	d, q := document(t, b.ID, "NG-139 537"), document(t, b.ID, "")
	q.State, q.Doubts = record.DocumentQA, []record.Doubt{record.DoubtNoChartNumber, record.DoubtPoorText}
	n := record.Counts{PagesIn: 5, Filed: 2, QA: 2, Separators: 1}
	for range 2 { // a repetition changes nothing
		if err := c.File(t.Context(), b.ID, record.BatchFiled, n, []catalog.Keyed{{Document: d, Key: key()}, {Document: q, Key: key()}}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := c.OfChart(t.Context(), chart(t, "ng139537"))
	if err != nil || len(rows) != 1 || rows[0].ID != d.ID || rows[0].ServiceDate != d.ServiceDate || !rows[0].FiledAt.Equal(d.FiledAt) {
		t.Errorf("of chart: got %+v, %v, want the document", rows, err)
	}
	if s, err := c.ChartAsRead(t.Context(), d.ID, key()); err != nil || s != "NG-139 537" {
		t.Errorf("chart as read: got %q, %v", s, err)
	}
	if _, err := c.ChartAsRead(t.Context(), d.ID, bytes.Repeat([]byte{4}, 32)); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("with another key: got %v, want ErrCorrupt", err)
	}
	row, err := c.Document(t.Context(), q.ID)
	if err != nil || row.ChartToken != nil || !slices.Equal(row.Doubts, q.Doubts) || row.State != record.DocumentQA {
		t.Errorf("qa document: got %+v, %v", row, err)
	}
	if rows, err := c.OfBatch(t.Context(), b.ID); err != nil || len(rows) != 2 {
		t.Errorf("of batch: got %d, %v, want 2", len(rows), err)
	}
	if n, err := c.Totals(t.Context()); err != nil || n.Documents != 2 || n.QA != 1 || n.Batches != 1 || n.Open != 0 {
		t.Errorf("totals: got %+v, %v, want two documents of one batch, one of them in QA", n, err)
	}
	if rows, err := c.Waiting(t.Context()); err != nil || len(rows) != 1 || rows[0].State != record.DocumentQA {
		t.Errorf("waiting: got %d, %v, want the one in QA", len(rows), err)
	}
	changed, err := c.Changes(t.Context(), 0, 100)
	if err != nil || len(changed) != 4 {
		t.Fatalf("changes: got %d, %v, want 4", len(changed), err)
	}
	for i, ch := range changed[1:] {
		if ch.Seq <= changed[i].Seq {
			t.Errorf("change %d: got number %d after %d, want a higher one", i+1, ch.Seq, changed[i].Seq)
		}
	}
	if some, err := c.Changes(t.Context(), changed[1].Seq, 1); err != nil || len(some) != 1 || some[0] != changed[2] {
		t.Errorf("the change after: got %v, %v, want %v", some, err, changed[2])
	}
	if more, err := c.Changes(t.Context(), changed[3].Seq, 100); err != nil || len(more) != 0 {
		t.Errorf("no more changes: got %d, %v", len(more), err)
	}
}

func facts(t *testing.T, c *catalog.DB) {
	n := chart(t, "1-2-3")
	day := record.Date{Year: 2001, Month: 2, Day: 3}
	f := catalog.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: record.Date{Year: 1950}, Source: record.SourcePatientList}},
		Encounters: []record.Encounter{{ID: "e1", Begin: day, End: day}}}
	if err := c.SetFacts(t.Context(), n, f); err != nil {
		t.Fatal(err)
	}
	if !f.Add(catalog.Facts{Known: []record.Fact{{Name: record.FactDied, Date: day, Source: record.SourcePatientList}}}) {
		t.Error("a new fact changes nothing")
	}
	if err := c.SetFacts(t.Context(), chart(t, "123"), f); err != nil {
		t.Fatal(err)
	}
	got, err := c.ChartByToken(t.Context(), c.ChartToken(n))
	if err != nil || !reflect.DeepEqual(got.Facts, f) || got.Number.Reveal() != "1-2-3" {
		t.Errorf("got %+v, %v, want %+v under the first spelling", got.Facts, err, f)
	}
	if _, err := c.ChartByToken(t.Context(), c.ChartToken(chart(t, "124"))); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("unknown chart: got %v, want ErrNotFound", err)
	}
}

func holds(t *testing.T, c *catalog.DB) {
	d := Fill(t, c)
	token := c.ChartToken(d.Chart)
	for _, tt := range []struct {
		name      string
		charts    [][]byte
		documents []record.ID
		held      bool
	}{
		{"its chart", [][]byte{[]byte("other"), token}, nil, true},
		{"itself", nil, []record.ID{id(t), d.ID}, true},
		{"another chart", [][]byte{[]byte("other")}, []record.ID{id(t)}, false},
	} {
		if err := c.SetHeld(t.Context(), "h", tt.charts, tt.documents); err != nil {
			t.Fatal(err)
		}
		if held, err := c.Held(t.Context(), d.ID, token); err != nil || held != tt.held {
			t.Errorf("%s: held: got %v, %v, want %v", tt.name, held, err, tt.held)
		}
		if tt.held {
			if err := c.Destroying(t.Context(), d.ID); !errors.Is(err, record.ErrHeld) {
				t.Errorf("%s: got %v, want ErrHeld", tt.name, err)
			}
		}
	}
	if err := c.Destroying(t.Context(), d.ID); err != nil {
		t.Errorf("free: got %v", err)
	}
}

// dues: what is decided is found by what it is, in the order of charts, and
// goes with the document.
func dues(t *testing.T, c *catalog.DB) {
	a, b := Fill(t, c), Fill(t, c)
	if err := c.SetFacts(t.Context(), a.Chart, catalog.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: record.Date{Year: 1950}}}}); err != nil {
		t.Fatal(err)
	}
	var charts, docs int
	var after []byte
	for {
		page, err := c.Charts(t.Context(), after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		charts, docs, after = charts+1, docs+len(page[0].Documents), page[0].Token
		if len(page[0].Facts.Known) != 1 || page[0].Documents[0].Pages != 2 || page[0].Documents[0].Type != "LAB_REPORT" {
			t.Errorf("got %+v", page[0])
		}
	}
	if charts != 1 || docs != 2 {
		t.Errorf("got %d charts with %d documents, want 1 with 2", charts, docs)
	}
	day := record.Date{Year: 2020, Month: 5, Day: 6}
	err := c.PutDues(t.Context(), []catalog.Due{{Document: a.ID, Verdict: "due", Due: day, Class: "k", Schedule: "1", Run: 1}, {Document: b.ID, Verdict: "keep", Due: day.AddYears(20), Class: "k", Schedule: "1", Run: 1}})
	if err != nil {
		t.Fatal(err)
	}
	sums, err := c.DueSums(t.Context())
	if err != nil || len(sums) != 2 || sums[0].Documents != 1 || sums[0].Pages != 2 || sums[0].Month != "2020-05" {
		t.Errorf("sums: got %+v, %v", sums, err)
	}
	if got, err := c.DueDocuments(t.Context(), day); err != nil || len(got) != 1 || got[0] != a.ID {
		t.Errorf("due: got %v, %v, want the first", got, err)
	}
	if got, err := c.DueDocuments(t.Context(), day.AddYears(30)); err != nil || len(got) != 2 {
		t.Errorf("due thirty years on: got %v, %v, want both", got, err)
	}
	if err := c.Tombstone(t.Context(), a.ID, time.UnixMilli(5000), "000001"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.DueDocuments(t.Context(), day); err != nil || len(got) != 0 {
		t.Errorf("due after its end: got %v, %v", got, err)
	}
	if n, err := c.DestroyedSince(t.Context(), time.UnixMilli(5000)); err != nil || n != 1 {
		t.Errorf("destroyed since: got %d, %v, want 1", n, err)
	}
	if n, err := c.DestroyedSince(t.Context(), time.UnixMilli(5001)); err != nil || n != 0 {
		t.Errorf("destroyed later: got %d, %v, want 0", n, err)
	}
	if n, err := c.TypeCounts(t.Context()); err != nil || n["LAB_REPORT"] != 1 {
		t.Errorf("types: got %v, %v", n, err)
	}
	if err := c.SetProgress(t.Context(), "evaluate", "x"); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Progress(t.Context(), "evaluate"); err != nil || s != "x" {
		t.Errorf("progress: got %q, %v", s, err)
	}
	if s, err := c.Progress(t.Context(), "other"); err != nil || s != "" {
		t.Errorf("no progress: got %q, %v", s, err)
	}
}

func destroy(t *testing.T, c *catalog.DB) {
	d := Fill(t, c)
	if err := c.Destroying(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	if err := c.Tombstone(t.Context(), d.ID, at, "000007"); err != nil {
		t.Fatal(err)
	}
	rows, err := c.OfChart(t.Context(), d.Chart)
	if err != nil || len(rows) != 1 || rows[0].State != record.DocumentDestroyed || rows[0].Certificate != "000007" || !rows[0].DestroyedAt.Equal(at) {
		t.Errorf("got %+v, %v, want the tombstone", rows, err)
	}
	if _, err := c.ChartAsRead(t.Context(), d.ID, key()); err == nil {
		t.Error("the sealed row is still there")
	}
	if err := c.Destroying(t.Context(), d.ID); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("destroying it again: got %v, want ErrNotFound", err)
	}
	if live, err := c.Documents(t.Context()); err != nil || len(live) != 0 {
		t.Errorf("live documents: got %d, %v, want none", len(live), err)
	}
	if err := c.DropBatch(t.Context(), d.Batch); err != nil {
		t.Error(err)
	}
	if b, err := c.Batch(t.Context(), d.Batch); err != nil || !b.Name.IsZero() || b.SHA256 != [32]byte{} || b.Counts.PagesIn != 2 {
		t.Errorf("batch: got %+v, %v, want its counts alone", b, err)
	}
	if err := c.Upkeep(t.Context()); err != nil {
		t.Error(err)
	}
}

func registers(t *testing.T, c *catalog.DB) {
	for i, s := range []string{"b", "a", "c"} {
		e := catalog.Entry{Kind: "plan", ID: s, State: "open", At: time.UnixMilli(int64(1000 + i)), Body: json.RawMessage(`{"n":"` + s + `"}`)}
		if err := c.PutEntry(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	es, err := c.Entries(t.Context(), "plan")
	if err != nil || len(es) != 3 || es[0].ID != "b" || string(es[2].Body) != `{"n":"c"}` {
		t.Errorf("got %+v, %v, want b, a, c in the order of their time", es, err)
	}
	if es, err := c.EntriesIn(t.Context(), "plan", "done", "open"); err != nil || len(es) != 3 {
		t.Errorf("in a state: got %d, %v, want 3", len(es), err)
	}
	if es, err := c.EntriesIn(t.Context(), "plan", "done"); err != nil || len(es) != 0 {
		t.Errorf("in another state: got %d, %v, want none", len(es), err)
	}
	if _, err := c.Entry(t.Context(), "hold", "b"); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("another kind: got %v, want ErrNotFound", err)
	}
	if es, err := c.EntriesSince(t.Context(), "plan", time.UnixMilli(1001)); err != nil || len(es) != 2 || es[0].ID != "a" {
		t.Errorf("since: got %+v, %v, want a and c", es, err)
	}
	if err := c.DropEntries(t.Context(), "plan", time.UnixMilli(1001)); err != nil {
		t.Fatal(err)
	}
	if err := c.DropEntry(t.Context(), "plan", "c"); err != nil {
		t.Fatal(err)
	}
	if es, err := c.Entries(t.Context(), "plan"); err != nil || len(es) != 1 || es[0].ID != "a" {
		t.Errorf("dropped: got %+v, %v, want a alone", es, err)
	}
}

func clearAll(t *testing.T, c *catalog.DB) {
	Fill(t, c)
	before, err := c.Dump(t.Context())
	if err != nil || len(before) != 3 {
		t.Fatalf("dump: got %d lines, %v, want 3", len(before), err)
	}
	if err := c.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, err := c.Dump(t.Context()); err != nil || len(after) != 0 {
		t.Errorf("after clear: got %v, %v", after, err)
	}
}
