package search_test

import (
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	hooks "github.com/blevesearch/bleve_index_api"

	"chartvault/ocr"
	"chartvault/search"
)

// TestEngineStops: where the engine's background work panics, as on a disk that
// fails, whoever writes is told, and does not wait for ever. What was indexed is
// found still, and after a clearing, or a start of another process, the index
// works as before.
func TestEngineStops(t *testing.T) {
	x, _, _ := fixture(t) // so that the engine's hooks are there
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	var fails atomic.Bool
	hook := hooks.WriterHook
	hooks.WriterHook = func(path []byte) (string, func([]byte) []byte, error) {
		if fails.Load() {
			panic("the disk is gone")
		}
		return hook(path)
	}
	x, dir, r := fixture(t)
	entry := search.Change{Put: []search.Entry{{ID: id(7), Chart: chart(t, "1000007"), Type: "ECG", Batch: id(9), Pages: []ocr.PageText{page("sinus rhythm")}}}}
	fails.Store(true)
	within(t, "apply", "the disk is gone", func() error { return x.Apply(t.Context(), entry) })
	fails.Store(false)
	within(t, "apply again", "the disk is gone", func() error { return x.Apply(t.Context(), entry) })
	within(t, "rotate", "the disk is gone", func() error { return x.Rotate(t.Context()) })
	if got := names(find(t, x, "metoprolol")); got != "1/1 2/1~" {
		t.Errorf("what was indexed before: got %q, want 1/1 2/1~", got)
	}
	// Another process has none of this one's locks: a copy has none either.
	other, keys := t.TempDir(), &ring{keys: maps.Clone(r.keys)}
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	within(t, "clear", "", func() error { return x.Clear(t.Context()) })
	within(t, "apply after clear", "", func() error { return x.Apply(t.Context(), entry) })
	if got := names(find(t, x, "sinus")); got != "7/1" {
		t.Errorf("after clear: got %q, want 7/1", got)
	}
	within(t, "close", "", x.Close)

	x = open(t, other, keys)
	within(t, "apply after a start", "", func() error { return x.Apply(t.Context(), entry) })
	if got := names(find(t, x, "metoprolol")) + " " + names(find(t, x, "sinus")); got != "1/1 2/1~ 7/1" {
		t.Errorf("after a start: got %q, want 1/1 2/1~ 7/1", got)
	}
}

// within wants f to end in good time, with an error that says something, or
// with none.
func within(t *testing.T, what, say string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if (err == nil) != (say == "") || err != nil && !strings.Contains(err.Error(), say) {
			t.Errorf("%s: got %v, want %q", what, err, say)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s waits for ever", what)
	}
}
