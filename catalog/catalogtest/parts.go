package catalogtest

import (
	"slices"
	"strings"
	"testing"

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
			bs, err := c.NewestBatches(t.Context(), p)
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
