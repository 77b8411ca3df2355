package catalogtest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/record"
)

// objects: what was stored is recorded once, found by owner and by sum, looked
// at in turn, and forgotten with its document.
func objects(t *testing.T, c *catalog.DB) {
	d := Fill(t, c)
	docs, batches, err := c.Unrecorded(t.Context(), 10)
	if err != nil || !slices.Equal(docs, []record.ID{d.ID}) || !slices.Equal(batches, []record.ID{d.Batch}) {
		t.Errorf("unrecorded: got %v, %v, %v", docs, batches, err)
	}
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var os []catalog.Object
	for i := range 4 {
		owner := d.ID
		if i == 3 {
			owner = d.Batch
		}
		os = append(os, catalog.Object{Name: fmt.Sprintf("d/x/%d", i), Owner: owner, Size: int64(i), Version: "v", Sum: bytes.Repeat([]byte{byte(i + 1)}, 32), Seen: day, Read: day})
	}
	for range 2 {
		if err := c.PutObjects(t.Context(), os); err != nil {
			t.Fatal(err)
		}
	}
	if docs, batches, err := c.Unrecorded(t.Context(), 10); err != nil || len(docs)+len(batches) > 0 {
		t.Errorf("recorded: got %v, %v, %v", docs, batches, err)
	}
	if got, err := c.ObjectsOf(t.Context(), d.ID); err != nil || !reflect.DeepEqual(got, os[:3]) {
		t.Errorf("of document: got %+v, %v, want %+v", got, err, os[:3])
	}
	if name, err := c.ObjectBySum(t.Context(), os[2].Sum); err != nil || name != "d/x/2" {
		t.Errorf("by sum: got %q, %v", name, err)
	}
	if name, err := c.ObjectBySum(t.Context(), make([]byte, 32)); err != nil || name != "" {
		t.Errorf("by nobody's sum: got %q, %v", name, err)
	}
	later := day.Add(time.Hour)
	if err := c.Looked(t.Context(), later, []catalog.Look{{Name: "d/x/0", Read: true}, {Name: "d/x/1"}, {Name: "d/x/2", Fault: "missing"}}); err != nil {
		t.Fatal(err)
	}
	names := func(os []catalog.Object, err error) (out []string) {
		if err != nil {
			t.Error(err)
		}
		for _, o := range os {
			out = append(out, o.Name)
		}
		return out
	}
	if got := names(c.Unseen(t.Context(), later, 10)); !slices.Equal(got, []string{"d/x/3"}) {
		t.Errorf("unseen: got %v", got)
	}
	if got := names(c.Unread(t.Context(), later, 2)); !slices.Equal(got, []string{"d/x/1", "d/x/2"}) {
		t.Errorf("unread: got %v", got)
	}
	if n, err := c.Census(t.Context(), later, later); err != nil || n != (catalog.Census{Objects: 4, Bytes: 6, Faults: 1, Seen: 3, Read: 1}) {
		t.Errorf("census: got %+v, %v", n, err)
	}
	// A glance does not mend what was found; reading does.
	if err := c.Looked(t.Context(), later, []catalog.Look{{Name: "d/x/2"}}); err != nil {
		t.Fatal(err)
	}
	if got := names(c.Faulty(t.Context())); !slices.Equal(got, []string{"d/x/2"}) {
		t.Errorf("after a glance: got %v", got)
	}
	if err := c.Looked(t.Context(), later, []catalog.Look{{Name: "d/x/2", Read: true}}); err != nil {
		t.Fatal(err)
	}
	if got := names(c.Faulty(t.Context())); got != nil {
		t.Errorf("after reading it: got %v", got)
	}
	locksAndHolds(t, c, d)
	if err := c.Tombstone(t.Context(), d.ID, later, "certificate"); err != nil {
		t.Fatal(err)
	}
	if err := c.DropBatch(t.Context(), d.Batch); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Census(t.Context(), later, later); err != nil || n.Objects != 0 {
		t.Errorf("after destruction: got %+v, %v", n, err)
	}
}

// locksAndHolds: objects of living documents and of their batch are locked in
// turn, with the day that limits the lock, and held while a hold binds their document.
func locksAndHolds(t *testing.T, c *catalog.DB, d record.Document) {
	ctx, day := t.Context(), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	due := record.Date{Year: 2026, Month: 12, Day: 1}
	if err := c.PutDues(ctx, []catalog.Due{{Document: d.ID, Verdict: "keep", Due: due, Class: "x", Schedule: "s", Run: 1}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.ToLock(ctx, day, 10)
	if err != nil || len(got) != 4 || got[0].Due != due || !got[0].Locked.IsZero() || got[3].Name != "d/x/3" || got[3].Due != due {
		t.Errorf("to lock: got %+v, %v, want the document's three objects and its batch's, due %s", got, err, due)
	}
	if err := c.Locked(ctx, map[string]time.Time{"d/x/0": day, "d/x/1": day.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ToLock(ctx, day, 10); err != nil || len(got) != 3 || got[0].Name != "d/x/2" || got[2].Name != "d/x/1" {
		t.Errorf("after locking one to its end: got %+v, %v", got, err)
	}
	for _, bind := range []func() error{
		func() error { return c.SetHeld(ctx, "h", nil, []record.ID{d.ID}) },
		func() error { return c.SetHeld(ctx, "h", [][]byte{c.ChartToken(d.Chart)}, nil) },
		func() error {
			return errors.Join(c.SetHeld(ctx, "h", nil, nil), c.PutDues(ctx, []catalog.Due{{Document: d.ID, Verdict: "held", Due: due, Class: "x", Schedule: "s", Run: 2}}))
		},
	} {
		if err := bind(); err != nil {
			t.Fatal(err)
		}
		if on, off, err := c.ToHold(ctx, 10); err != nil || len(on)+len(off) > 3 {
			t.Errorf("bound: got %v, %v, %v", on, off, err)
		}
		for _, name := range []string{"d/x/0", "d/x/1", "d/x/2"} {
			if err := c.SetObjectHeld(ctx, name, true); err != nil {
				t.Fatal(err)
			}
		}
		if on, off, err := c.ToHold(ctx, 10); err != nil || len(on)+len(off) != 0 {
			t.Errorf("bound and held: got %v, %v, %v", on, off, err)
		}
	}
	if err := c.PutDues(ctx, []catalog.Due{{Document: d.ID, Verdict: "due", Due: due, Class: "x", Schedule: "s", Run: 3}}); err != nil {
		t.Fatal(err)
	}
	if on, off, err := c.ToHold(ctx, 10); err != nil || len(on) != 0 || len(off) != 3 {
		t.Errorf("released: got %v, %v, %v", on, off, err)
	}
}
