package ingest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLine: small sources go before large ones and have a place of their own;
// when enough waits, large ones stay in the folder.
func TestLine(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, size int64) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, size); err != nil {
			t.Fatal(err)
		}
		return p
	}
	big1, big2, small1, small2 := put("big1", 50<<20), put("big2", 60<<20), put("small1", 1000), put("small2", 2000)
	l := newLine(1)
	l.join(big2)
	l.join(big1)
	l.join(big1)
	got, leaveBig, ok := l.next()
	if !ok || got != big1 {
		t.Fatalf("got %s, want the smaller of two", filepath.Base(got))
	}
	if _, _, ok := l.next(); ok {
		t.Error("a second large one: got a place, want it to wait")
	}
	l.join(small2)
	l.join(small1)
	got, leaveSmall, ok := l.next()
	if !ok || got != small1 {
		t.Errorf("got %s, want the small one at once", filepath.Base(got))
	}
	if _, _, ok := l.next(); ok {
		t.Error("a second small one: got a place, want one at a time beside the others")
	}
	if !l.full(50<<20) || l.full(1000) {
		t.Error("with two in line: want large ones held back and small ones taken")
	}
	leaveSmall()
	if got, _, ok = l.next(); !ok || got != small2 {
		t.Errorf("got %s, want the other small one", filepath.Base(got))
	}
	leaveBig()
	if got, _, ok = l.next(); !ok || got != big2 {
		t.Errorf("got %s, want the last", filepath.Base(got))
	}
	select {
	case <-l.left:
	default:
		t.Error("got no word that somebody left")
	}
}
