package catalogtest

import (
	"bytes"
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
