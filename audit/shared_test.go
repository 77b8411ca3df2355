package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"chartvault/audit"
	"chartvault/record"
)

// sequence is the order of the servers' log in memory. It fails as told.
type sequence struct {
	mu    sync.Mutex
	lines [][]byte
	turn  sync.Mutex
	fail  func() (before, after bool)
}

var errAway = errors.New("away")

func (s *sequence) Add(_ context.Context, make func(int64) ([][]byte, error)) (int64, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	first := int64(len(s.lines))
	s.mu.Unlock()
	lines, err := make(first)
	if err != nil {
		return 0, err
	}
	before, after := s.fail()
	if before && len(lines) > 0 {
		return 0, errAway
	}
	s.mu.Lock()
	for _, l := range lines {
		s.lines = append(s.lines, bytes.Clone(l))
	}
	s.mu.Unlock()
	if after && len(lines) > 0 {
		return 0, errAway
	}
	return first, nil
}

func (s *sequence) Lines(_ context.Context, from int64, limit int) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out [][]byte
	for i := from; i < int64(len(s.lines)) && len(out) < limit; i++ {
		out = append(out, bytes.Clone(s.lines[i]))
	}
	return out, nil
}

func (s *sequence) Size(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.lines)), nil
}

func (s *sequence) Lost() <-chan struct{} { return nil }

func always() (bool, bool) { return false, false }

// TestShared: entries of several servers have one order; every copy and its tree
// is the same; an entry whose writing failed is there exactly when Append said so.
func TestShared(t *testing.T) {
	signer, _ := newKeys(t)
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(1, 2))
	seq := &sequence{fail: func() (bool, bool) {
		mu.Lock()
		defer mu.Unlock()
		return r.IntN(5) == 0, r.IntN(5) == 0
	}}
	var logs []*audit.Log
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		l, err := audit.OpenShared(t.Context(), dir, origin, signer, time.Now, seq, false)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	var wg sync.WaitGroup
	took := sync.Map{}
	for s, l := range logs {
		for w := range 4 {
			wg.Go(func() {
				for i := range 50 {
					body := fmt.Sprintf("%d %d %d", s, w, i)
					n, err := l.Append(audit.ActSearch, "", audit.JournalKey, []byte(body))
					if err == nil {
						took.Store(body, n)
					} else if !errors.Is(err, errAway) {
						t.Errorf("append: got %v", err)
					}
				}
			})
		}
		wg.Go(func() {
			for range 100 {
				if err := l.Follow(t.Context()); err != nil {
					t.Errorf("follow: got %v", err)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	took.Range(func(_, _ any) bool { n++; return true })
	if n != len(seq.lines) || n == 400 {
		t.Errorf("entries: got %d said to be written, %d written, want the same and some failures", n, len(seq.lines))
	}
	var roots []string
	for i, l := range logs {
		if err := l.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		lines, err := l.Lines(0, l.Size())
		if err != nil || len(lines) != len(seq.lines) {
			t.Fatalf("copy %d: got %d lines, %v, want %d", i, len(lines), err, len(seq.lines))
		}
		for k := range lines {
			if !bytes.Equal(lines[k], seq.lines[k]) {
				t.Fatalf("copy %d: line %d differs", i, k)
			}
		}
		note, _, err := l.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, string(note))
		l.Close()
	}
	if roots[0] != roots[1] {
		t.Errorf("checkpoints differ:\n%s\n%s", roots[0], roots[1])
	}

	t.Run("the sequence came back from a backup", func(t *testing.T) {
		seq.lines, seq.fail = seq.lines[:n-7], always
		if _, err := audit.OpenShared(t.Context(), dirs[0], origin, signer, time.Now, seq, false); !errors.Is(err, record.ErrBusy) {
			t.Errorf("beside others: got %v, want %v", err, record.ErrBusy)
		}
		l, err := audit.OpenShared(t.Context(), dirs[0], origin, signer, time.Now, seq, true)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if len(seq.lines) != n {
			t.Errorf("sequence: got %d lines, want %d", len(seq.lines), n)
		}
	})
	t.Run("another history", func(t *testing.T) {
		seq.lines[n-1] = []byte("{}")
		if _, err := audit.OpenShared(t.Context(), dirs[1], origin, signer, time.Now, seq, true); !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("got %v, want %v", err, record.ErrCorrupt)
		}
	})
	t.Run("a new server", func(t *testing.T) {
		l, err := audit.OpenShared(t.Context(), t.TempDir(), origin, signer, time.Now, seq, false)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Size() != int64(n) {
			t.Errorf("its copy: got %d lines, want %d", l.Size(), n)
		}
	})
}
