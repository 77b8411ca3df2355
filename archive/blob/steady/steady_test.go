package steady_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/blob/memblob"
	"chartvault/archive/blob/steady"
)

// remote is a store in memory whose calls fail as a Fault says.
type remote struct {
	blob.Store // with faults
	*powers
}

// powers are what a Fault leaves alone.
type powers struct{ m *memblob.Store }

func (p *powers) Lock(ctx context.Context, name string, until time.Time) error {
	return p.m.Lock(ctx, name, until)
}
func (p *powers) Hold(ctx context.Context, name string, on bool) error {
	return p.m.Hold(ctx, name, on)
}
func (p *powers) Now(ctx context.Context) (time.Time, error) { return p.m.Now(ctx) }

func failing(f *blobtest.Fault) (steady.Remote, *memblob.Store) {
	m := memblob.New(time.Now)
	return remote{blobtest.Faulty(m, f), &powers{m}}, m
}

func options() (steady.Options, *time.Time) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := steady.Default()
	o.Trip = 3
	o.Now = func() time.Time { return now }
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		if d > o.Most {
			panic("waits longer than it may")
		}
		now = now.Add(d)
		return ctx.Err()
	}
	return o, &now
}

// TestSuite: patience changes nothing of the contract.
func TestSuite(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store {
		return steady.New(memblob.New(time.Now), steady.Default())
	})
}

// TestPatience: one call fails, before or after it took effect, and nobody
// notices.
func TestPatience(t *testing.T) {
	ctx := t.Context()
	for _, after := range []bool{false, true} {
		for at := 1; at <= 8; at++ {
			f := &blobtest.Fault{At: at, After: after}
			r, m := failing(f)
			o, _ := options()
			s := steady.New(r, o)
			if info, err := s.Put(ctx, "k/a", bytes.NewReader([]byte("one")), 3); err != nil || info.Size != 3 {
				t.Errorf("call %d, after %v: put: got %+v, %v", at, after, info, err)
			}
			if err := s.Swap(ctx, "k/a", []byte("one"), []byte("three")); err != nil {
				t.Errorf("call %d, after %v: swap: got %v", at, after, err)
			}
			if b, err := blob.ReadAll(ctx, s, "k/a", 9); err != nil || string(b) != "three" {
				t.Errorf("call %d, after %v: read: got %q, %v", at, after, b, err)
			}
			if err := s.Delete(ctx, "k/a"); err != nil {
				t.Errorf("call %d, after %v: delete: got %v", at, after, err)
			}
			if _, err := s.Stat(ctx, "k/a"); !errors.Is(err, blob.ErrNotExist) {
				t.Errorf("call %d, after %v: stat: got %v, want ErrNotExist", at, after, err)
			}
			if left := m.Snapshot(); len(left) > 0 {
				t.Errorf("call %d, after %v: got %d objects left", at, after, len(left))
			}
		}
	}
}

// TestAnswersPass: what the store says is not asked again, and somebody else's
// object is not taken for ours.
func TestAnswersPass(t *testing.T) {
	ctx := t.Context()
	f := &blobtest.Fault{}
	r, m := failing(f)
	o, _ := options()
	s := steady.New(r, o)
	if _, err := m.Put(ctx, "k/a", bytes.NewReader([]byte("theirs")), 6); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "k/a", bytes.NewReader([]byte("ours!!!")), 7); !errors.Is(err, blob.ErrExist) || f.Calls() != 1 {
		t.Errorf("put: got %v after %d calls, want ErrExist after one", err, f.Calls())
	}
	f.At = f.Calls() + 1
	if _, err := s.Put(ctx, "k/a", bytes.NewReader([]byte("ours!!!")), 7); !errors.Is(err, blob.ErrExist) {
		t.Errorf("put, the first try failed: got %v, want ErrExist: it has another size", err)
	}
	if _, err := s.Put(ctx, "k/b", io.LimitReader(bytes.NewReader([]byte("abc")), 3), 3); err != nil {
		t.Errorf("put of what can be read once: got %v", err)
	}
	f.At = f.Calls() + 1
	if _, err := s.Put(ctx, "k/c", io.LimitReader(bytes.NewReader([]byte("abc")), 3), 3); !errors.Is(err, blobtest.ErrFault) {
		t.Errorf("put of what can be read once, failing: got %v, want the fault", err)
	}
}

// TestBreaker: a store that is away is not asked until some time has passed,
// then by one, and is used again when it answers.
func TestBreaker(t *testing.T) {
	ctx := t.Context()
	f := &blobtest.Fault{At: 1, Stop: true}
	r, _ := failing(f)
	o, now := options()
	s := steady.New(r, o)
	for i := range o.Trip {
		if s.Away() != nil {
			t.Errorf("away after %d calls", i)
		}
		if _, err := s.Stat(ctx, "k/a"); !errors.Is(err, blobtest.ErrFault) || errors.Is(err, steady.ErrAway) {
			t.Errorf("call %d: got %v, want the fault", i, err)
		}
	}
	asked := f.Calls()
	if asked != o.Trip*o.Attempts {
		t.Errorf("got %d calls, want %d", asked, o.Trip*o.Attempts)
	}
	if _, err := s.Stat(ctx, "k/a"); !errors.Is(err, steady.ErrAway) || f.Calls() != asked || s.Away() == nil {
		t.Errorf("open: got %v after %d more calls", err, f.Calls()-asked)
	}
	*now = now.Add(o.Rest)
	if _, err := s.Stat(ctx, "k/a"); !errors.Is(err, blobtest.ErrFault) {
		t.Errorf("after the rest: got %v, want that it was asked", err)
	}
	if _, err := s.Stat(ctx, "k/a"); !errors.Is(err, steady.ErrAway) {
		t.Errorf("still away: got %v", err)
	}
	*now = now.Add(o.Rest)
	f.At = 0
	if _, err := s.Stat(ctx, "k/a"); !errors.Is(err, blob.ErrNotExist) || s.Away() != nil {
		t.Errorf("back: got %v, %v", err, s.Away())
	}
	for info, err := range s.List(ctx, "k/") {
		t.Errorf("list: got %v, %v", info, err)
	}
}
