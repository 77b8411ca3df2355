package catalogtest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/record"
)

// parts walks long lists part by part: every row once, in the list's order, also
// where all rows are of one moment.
func parts(t *testing.T, c *catalog.DB) {
	var docs []record.ID
	var dues []catalog.Due
	for range 7 {
		b := batch(t, id(t).String())
		if _, _, err := c.Claim(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		d := document(t, b.ID, "ZANZIBAR4711")
		d.State = record.DocumentQA
		if len(docs)%2 == 0 { // none is made without, and none would be lost
			d.Doubts = []record.Doubt{record.DoubtNoChartNumber}
		}
		if err := c.File(t.Context(), b.ID, record.BatchFiled, record.Counts{PagesIn: 2, QA: 2}, []catalog.Keyed{{Document: d, Key: key()}}); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d.ID)
		dues = append(dues, catalog.Due{Document: d.ID, Verdict: "due", Due: record.Date{Year: 2020, Month: 5, Day: 6}, Class: "k", Schedule: "1", Run: 1})
	}
	Fill(t, c) // waits for nothing, and is not due
	if err := c.PutDues(t.Context(), dues); err != nil {
		t.Fatal(err)
	}
	all, err := c.Batches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var newest, waiting []record.ID
	for _, b := range slices.Backward(all) {
		newest = append(newest, b.ID)
	}
	rows, err := c.Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		waiting = append(waiting, r.ID)
	}
	slices.SortFunc(docs, func(x, y record.ID) int { return strings.Compare(x.String(), y.String()) })
	for name, tt := range map[string]struct {
		want []record.ID
		part func(catalog.Part) ([]record.ID, error)
	}{
		"batches": {newest, func(p catalog.Part) (out []record.ID, _ error) {
			bs, err := c.NewestBatches(t.Context(), p, catalog.BatchesAll)
			for _, b := range bs {
				out = append(out, b.ID)
			}
			return out, err
		}},
		"waiting": {waiting, func(p catalog.Part) (out []record.ID, _ error) {
			rows, err := c.WaitingPart(t.Context(), p)
			for _, r := range rows {
				out = append(out, r.ID)
			}
			return out, err
		}},
		"due": {docs, func(p catalog.Part) ([]record.ID, error) { return c.DuePart(t.Context(), "due", p) }},
	} {
		var got []record.ID
		for p := (catalog.Part{Most: 3}); ; p.After = got[len(got)-1] {
			some, err := tt.part(p)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, some...); len(some) < 3 {
				break
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		if some, err := tt.part(catalog.Part{Most: 3, After: id(t)}); err != nil || len(some) != 3 || some[0] != tt.want[0] {
			t.Errorf("%s after a row that is gone: got %v, %v, want the first three", name, some, err)
		}
	}
	if n, err := c.CountWaiting(t.Context()); err != nil || n != 7 {
		t.Errorf("waiting: got %d, %v, want 7", n, err)
	}
	if n, err := c.CountDue(t.Context(), "due"); err != nil || n != 7 {
		t.Errorf("due: got %d, %v, want 7", n, err)
	}
}

// sums holds filters, sums and stretches of batches to what a look at each one says.
func sums(t *testing.T, c *catalog.DB) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	states := []record.BatchState{record.BatchClaimed, record.BatchFiled, record.BatchUnread, record.BatchFiled, record.BatchSplit}
	var asking string // of which a document waits
	for i, s := range states {
		b := batch(t, id(t).String())
		b.ReceivedAt = start.AddDate(0, 0, 20*i) // days 0, 20, 40, 60 and 80
		if _, _, err := c.Claim(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		n := record.Counts{PagesIn: 10 + i, Filed: 7 + i, Separators: 2, Blanks: 1}
		if i == 3 {
			asking = b.ID.String()
			d := document(t, b.ID, "ZANZIBAR4711")
			d.State, d.Doubts = record.DocumentQA, []record.Doubt{record.DoubtNoChartNumber}
			if err := c.File(t.Context(), b.ID, s, n, []catalog.Keyed{{Document: d, Key: key()}}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := c.SetBatch(t.Context(), b.ID, s, n); err != nil {
			t.Fatal(err)
		}
	}
	for f, want := range map[catalog.BatchFilter]int{catalog.BatchesAll: 5, catalog.BatchesOnWay: 2, catalog.BatchesUnread: 1, catalog.BatchesWaiting: 1} {
		bs, err := c.NewestBatches(t.Context(), catalog.Part{Most: 9}, f)
		if err != nil || len(bs) != want {
			t.Errorf("batches %q: got %d, %v, want %d", f, len(bs), err, want)
		}
		if f == catalog.BatchesOnWay && len(bs) == 2 {
			if rest, err := c.NewestBatches(t.Context(), catalog.Part{After: bs[0].ID, Most: 9}, f); err != nil || len(rest) != 1 || rest[0].ID != bs[1].ID {
				t.Errorf("batches %q, a part: got %v, %v, want %s", f, rest, err, bs[1].ID)
			}
		}
	}
	if _, err := c.NewestBatches(t.Context(), catalog.Part{Most: 9}, "1 = 1"); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("by what there is not: got %v, want %v", err, record.ErrInvalid)
	}
	if n, err := c.WaitingByBatch(t.Context()); err != nil || len(n) != 1 || n[asking] != 1 {
		t.Errorf("waiting by batch: got %v, %v, want one of %s", n, err, asking)
	}
	if bs, err := c.BatchesSince(t.Context(), start.AddDate(0, 0, 20), start.AddDate(0, 0, 60)); err != nil || len(bs) != 2 {
		t.Errorf("since: got %d, %v, want 2", len(bs), err)
	}
	got, err := c.SumBatches(t.Context(), []time.Time{start.AddDate(0, 0, 1), start.AddDate(0, 1, 0), start.AddDate(0, 2, 0), start.AddDate(0, 3, 0), start.AddDate(0, 4, 0)})
	want := []catalog.BatchSum{{Batches: 1, Counts: record.Counts{PagesIn: 11, Filed: 8, Separators: 2, Blanks: 1}}, {Batches: 1, Counts: record.Counts{PagesIn: 12, Filed: 9, Separators: 2, Blanks: 1}},
		{Batches: 2, Counts: record.Counts{PagesIn: 27, Filed: 21, Separators: 4, Blanks: 2}}, {}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("sums: got %+v, %v, want %+v", got, err, want)
	}
	if got, err := c.SumBatches(t.Context(), nil); err != nil || got != nil {
		t.Errorf("sums of no time: got %v, %v", got, err)
	}
}
