package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"chartvault/archive/blob/blobtest"
	"chartvault/record"
)

// TestIngestEveryCallFails takes a scan in while every call to the documents
// store fails in turn, loses its answer, or is the last before the power goes.
// Taken in again, the scan is one batch with one document, nothing is doubled
// and all verifies.
func TestIngestEveryCallFails(t *testing.T) {
	a := openApp(t, "")
	whole := a.arch.Docs
	dir := t.TempDir()
	file := 0
	for _, how := range []struct {
		name        string
		after, stop bool
	}{{"fails", false, false}, {"answer lost", true, false}, {"power cut", false, true}} {
		for n, more := 1, true; more; n++ {
			file++
			name := filepath.Join(dir, fmt.Sprintf("scan-%d.tif", file))
			if err := os.WriteFile(name, small(t, file), 0o600); err != nil {
				t.Fatal(err)
			}
			ingest := func() error {
				return a.opIngest(t.Context(), asked{Actor: "os:test", Params: mustJSON(ingestParams{Paths: []string{name}})}, func(any) error { return nil })
			}
			f := &blobtest.Fault{At: n, After: how.after, Stop: how.stop}
			a.arch.Docs = blobtest.Faulty(whole, f)
			err := ingest()
			a.arch.Docs = whole
			if more = f.Calls() >= n; !more && err != nil {
				t.Fatalf("%s, no call failed: got %v", how.name, err)
			}
			if err != nil && !errors.Is(err, blobtest.ErrFault) {
				t.Fatalf("%s at call %d: got %v, want the fault", how.name, n, err)
			}
			if err := ingest(); err != nil {
				t.Fatalf("%s at call %d, again: got %v", how.name, n, err)
			}
			a.accountFor(t, fmt.Sprintf("%s at call %d", how.name, n), file)
		}
	}
	if file < 30 {
		t.Errorf("got %d calls in all, want more", file)
	}
	if err := a.opVerify(t.Context(), asked{Actor: "os:test", Params: []byte("{}")}, func(v any) error {
		if l := v.(verifyLine); l.Fault != "" {
			t.Errorf("verify: got %s: %s", l.Object, l.Fault)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// accountFor wants n batches of one sheet and one filed page each, in the
// catalogue and in the store.
func (a *app) accountFor(t *testing.T, when string, n int) {
	t.Helper()
	bs, err := a.cat.Batches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := a.cat.Documents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(bs) != n || len(rows) != n {
		t.Fatalf("%s: got %d batches and %d documents, want %d of each", when, len(bs), len(rows), n)
	}
	for _, b := range bs {
		if want := (record.Counts{PagesIn: 2, Filed: 1, Separators: 1}); b.State != record.BatchFiled || b.Counts != want {
			t.Fatalf("%s: got batch %s, %+v", when, b.State, b.Counts)
		}
	}
	stored, err := a.arch.StoredDocuments(t.Context())
	if err != nil || len(stored) != n {
		t.Fatalf("%s: got %d documents in the store, %v, want %d", when, len(stored), err, n)
	}
}
