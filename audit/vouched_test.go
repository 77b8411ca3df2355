package audit_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"chartvault/audit"
	"chartvault/record"
)

// TestVouched: of what was published after a log only that counts which its key
// signed.
func TestVouched(t *testing.T) {
	f, behind := newFixture(t), newFixture(t)
	l := f.open(t)
	behind.signer, behind.key = f.signer, f.key
	fill(t, l, 30)
	head := signed(t, l)
	lines, err := l.Lines(0, 30)
	if err != nil {
		t.Fatal(err)
	}
	if err := audit.Extend(behind.dir, lines[:10]); err != nil {
		t.Fatal(err)
	}
	other := newFixture(t)
	ol := other.open(t)
	fill(t, ol, 35)
	theirs := signed(t, ol)
	junk := []byte(`{"seq":30,"action":"document.destroyed"}`)
	changed := append([][]byte{bytes.Replace(lines[10], []byte("10"), []byte("11"), 1)}, lines[11:]...)
	for _, tt := range []struct {
		name  string
		dir   string
		lines [][]byte
		heads []audit.Checkpoint
		want  int
		size  int64 // of the head that is not met; 0 for none
	}{
		{"all", behind.dir, lines[10:], []audit.Checkpoint{head}, 20, 0},
		{"of a log that is not there", t.TempDir(), lines, []audit.Checkpoint{head}, 30, 0},
		{"and more that nobody signed", behind.dir, append(lines[10:len(lines):len(lines)], junk), []audit.Checkpoint{head}, 20, 0},
		{"without a head", behind.dir, lines[10:], nil, 0, 0},
		{"somebody else's head", behind.dir, lines[10:], []audit.Checkpoint{theirs}, 0, 0},
		{"one changed", behind.dir, changed, []audit.Checkpoint{head}, 0, 30},
		{"one missing", behind.dir, lines[10:29], []audit.Checkpoint{head}, 0, 30},
	} {
		got, err := audit.Vouched(tt.dir, tt.lines, tt.heads, f.key)
		var d *audit.Differs
		if got != tt.want || errors.As(err, &d) != (tt.size > 0) || d == nil && err != nil || d != nil && (d.Size != tt.size || !errors.Is(err, record.ErrCorrupt)) {
			t.Errorf("%s: got %d, %v, want %d and a head of %d not met", tt.name, got, err, tt.want, tt.size)
		}
	}
}

// signed is a head over all entries.
func signed(t *testing.T, l *audit.Log) audit.Checkpoint {
	t.Helper()
	if _, _, err := l.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	cp, err := l.Head()
	if err != nil || cp.Size != l.Size() {
		t.Fatalf("got a head of %d, %v, want %d", cp.Size, err, l.Size())
	}
	return cp
}

// TestVerifyLive: a log that goes on while it is verified has lost nothing.
func TestVerifyLive(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 50)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				fill(t, l, 8)
			}
		}
	})
	for range 10 {
		rep, err := audit.Verify(f.dir, f.key, audit.Evidence{})
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range rep.Faults {
			if !strings.Contains(fault, "unfinished") { // it was being written
				t.Fatalf("got %s", fault)
			}
		}
	}
	close(stop)
	wg.Wait()
}
