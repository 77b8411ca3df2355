package catalogtest

import (
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/record"
)

// GoldenSchemas is how many schemas have been shipped: each engine has a database
// that a program of each of them filled, as Golden wants it.
const GoldenSchemas = 5

// Lay fills an empty catalogue as Golden wants it. A database that is to be the
// present schema's in testdata is laid so: the engine's tests do it, in the folder
// that CHARTVAULT_GOLDEN names.
func Lay(t *testing.T, c *catalog.DB) {
	t.Helper()
	n := chart(t, "ZANZIBAR4711")
	var last record.ID
	for range 3 {
		last = Fill(t, c).ID
	}
	for _, err := range []error{
		c.SetFacts(t.Context(), n, catalog.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: record.Date{Year: 1950}}}}),
		c.PutEntry(t.Context(), catalog.Entry{Kind: "plan", ID: "golden", State: "open", At: time.UnixMilli(1_700_000_000_000), Body: []byte(`{"zanzibar":"4711"}`)}),
		c.MarkDestroying(t.Context(), last),
		c.Tombstone(t.Context(), last, time.UnixMilli(1_700_000_001_000), "000007"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Golden reads a database that an earlier program filled: three documents of the
// planted chart, of which the last was destroyed under certificate 000007, the
// chart's date of birth, and a plan. c has brought it to the present schema.
func Golden(t *testing.T, c *catalog.DB) {
	t.Helper()
	if catalog.Schema() != GoldenSchemas {
		t.Errorf("schema %d has no database of its own in testdata: lay one down before the next", catalog.Schema())
	}
	n := chart(t, "ZANZIBAR4711")
	rows, err := c.OfChart(t.Context(), n)
	if err != nil || len(rows) != 3 {
		t.Fatalf("documents: got %d, %v, want 3", len(rows), err)
	}
	states := map[record.DocumentState]int{}
	for _, r := range rows {
		states[r.State]++
		if r.Type != "LAB_REPORT" || r.Pages != 2 || r.Bytes != 1234 || r.ServiceDate != (record.Date{Year: 2001, Month: 2}) {
			t.Errorf("document: got %+v", r)
		}
		if r.State == record.DocumentDestroyed && (r.Certificate != "000007" || !r.DestroyedAt.Equal(time.UnixMilli(1_700_000_001_000))) {
			t.Errorf("destroyed: got %+v", r)
		}
		b, err := c.Batch(t.Context(), r.Batch)
		if err != nil || b.State != record.BatchFiled || b.Counts.PagesIn != 2 || b.Counts.Filed != 2 {
			t.Errorf("batch: got %+v, %v", b, err)
		}
		if r.State == record.DocumentFiled && b.Name.Reveal() != "zanzibar.tif" {
			t.Errorf("batch: its name is %q", b.Name.Reveal())
		}
	}
	if states[record.DocumentFiled] != 2 || states[record.DocumentDestroyed] != 1 {
		t.Errorf("states: got %v", states)
	}
	ch, err := c.ChartByToken(t.Context(), c.ChartToken(n))
	if err != nil || ch.Number.Canonical() != n.Canonical() || len(ch.Facts.Known) != 1 || ch.Facts.Known[0].Name != record.FactBorn || ch.Facts.Known[0].Date != (record.Date{Year: 1950}) {
		t.Errorf("chart: got %+v, %v", ch, err)
	}
	e, err := c.Entry(t.Context(), "plan", "golden")
	if err != nil || e.State != "open" || string(e.Body) != `{"zanzibar":"4711"}` || !e.At.Equal(time.UnixMilli(1_700_000_000_000)) {
		t.Errorf("entry: got %+v, %v", e, err)
	}
	// And it goes on from there.
	if d := Fill(t, c); d.ID.IsZero() {
		t.Error("nothing can be filed")
	}
	if rows, err := c.OfChart(t.Context(), n); err != nil || len(rows) != 4 {
		t.Errorf("filed: got %d documents, %v, want 4", len(rows), err)
	}
	if ws, err := c.Waiting(t.Context()); err != nil || len(ws) != 0 {
		t.Errorf("waiting: got %d, %v", len(ws), err)
	}
	if n, err := c.CountDue(t.Context(), "due"); err != nil || n != 0 {
		t.Errorf("due: got %d, %v", n, err)
	}
}
