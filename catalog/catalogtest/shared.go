package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/record"
)

// RunShared holds an engine that several servers share to the contract. on
// returns an empty database: how servers open it, and how the session of one is
// cut off, as by a machine that goes away.
func RunShared(t *testing.T, on func(t *testing.T) (join func(server string) (*catalog.DB, error), cut func())) {
	pair := func(t *testing.T) (a, b *catalog.DB, join func(string) (*catalog.DB, error), cut func()) {
		join, cut = on(t)
		var err error
		for i, c := range []**catalog.DB{&a, &b} {
			if *c, err = join([]string{"a", "b"}[i]); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { (*c).Close() })
		}
		return a, b, join, cut
	}
	t.Run("turn", func(t *testing.T) {
		a, b, _, _ := pair(t)
		turn(t, a, b)
	})
	t.Run("log", func(t *testing.T) {
		a, b, _, _ := pair(t)
		logOrder(t, a, b)
	})
	t.Run("signal", func(t *testing.T) {
		a, b, _, _ := pair(t)
		signal(t, a, b)
	})
	t.Run("claim", func(t *testing.T) {
		a, b, _, _ := pair(t)
		claimShared(t, a, b)
	})
	t.Run("alone", func(t *testing.T) {
		a, b, join, _ := pair(t)
		alone(t, a, b, join)
	})
	t.Run("away", func(t *testing.T) {
		a, b, _, cut := pair(t)
		away(t, a, b, cut)
	})
	t.Run("struck off", func(t *testing.T) {
		a, b, join, cut := pair(t)
		struck(t, a, b, join, cut)
	})
}

// turn: what two servers do in their turn does not interleave.
func turn(t *testing.T, servers ...*catalog.DB) {
	n, most := 0, 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range servers {
		for range 3 {
			wg.Go(func() {
				for range 10 {
					leave, err := c.Turn(t.Context(), "work")
					if err != nil {
						t.Errorf("turn: got %v", err)
						return
					}
					mu.Lock()
					n++
					most = max(most, n)
					mu.Unlock()
					time.Sleep(time.Millisecond)
					mu.Lock()
					n--
					mu.Unlock()
					leave()
				}
			})
		}
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("in turn at once: got %d, want 1", most)
	}
	leave, err := servers[0].Turn(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := servers[1].Turn(ctx, "work"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a turn another has: got %v, want a deadline", err)
	}
}

// logOrder: lines of two servers have one order without gaps, and each knows
// whose they are.
func logOrder(t *testing.T, a, b *catalog.DB) {
	var wg sync.WaitGroup
	for name, c := range map[string]*catalog.DB{"a": a, "b": b} {
		wg.Go(func() {
			for i := range 40 {
				_, err := c.Log().Add(t.Context(), func(first int64) ([][]byte, error) {
					var out [][]byte
					for k := range i%3 + 1 {
						out = append(out, fmt.Appendf(nil, "%d %s", first+int64(k), name))
					}
					return out, nil
				})
				if err != nil {
					t.Errorf("add: got %v", err)
				}
			}
		})
	}
	wg.Wait()
	n, err := a.Log().Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines, err := b.Log().Lines(t.Context(), 0, int(n))
	if err != nil || int64(len(lines)) != n {
		t.Fatalf("lines: got %d, %v, want %d", len(lines), err, n)
	}
	of := map[string]int{}
	for i, l := range lines {
		var seq int
		var by string
		if _, err := fmt.Sscanf(string(l), "%d %s", &seq, &by); err != nil || seq != i {
			t.Fatalf("line %d: got %q", i, l)
		}
		of[by]++
	}
	mine, err := b.Log().Of(t.Context(), "a", 0)
	if err != nil || len(mine) != of["a"] {
		t.Errorf("lines of a: got %d, %v, want %d", len(mine), err, of["a"])
	}
	// What fails leaves no gap.
	bad := errors.New("bad")
	if _, err := a.Log().Add(t.Context(), func(int64) ([][]byte, error) { return nil, bad }); !errors.Is(err, bad) {
		t.Errorf("add that fails: got %v", err)
	}
	if got, err := a.Log().Size(t.Context()); err != nil || got != n {
		t.Errorf("size after it: got %d, %v, want %d", got, err, n)
	}
}

func signal(t *testing.T, a, b *catalog.DB) {
	for i := range int64(3) {
		for _, s := range []string{"x", "y"} {
			if n, err := a.Signal(t.Context(), s); err != nil || n != i+1 {
				t.Fatalf("signal: got %d, %v, want %d", n, err, i+1)
			}
		}
	}
	if _, err := b.Signal(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	got, err := b.Hear(t.Context())
	if err != nil || got.Signals["x"] != 4 || got.Signals["y"] != 3 || got.Change != 0 || got.Log != 0 {
		t.Errorf("heard: got %+v, %v, want x 4 and y 3", got, err)
	}
	Fill(t, a)
	if _, err := a.Log().Add(t.Context(), func(int64) ([][]byte, error) { return [][]byte{[]byte("x")}, nil }); err != nil {
		t.Fatal(err)
	}
	if got, err = b.Hear(t.Context()); err != nil || got.Change != 1 || got.Log != 1 {
		t.Errorf("heard after a document: got %+v, %v, want a change and an entry", got, err)
	}
}

// claimShared: a scan that one server takes in another does not, until it is
// done; a deposit goes over to whoever takes it over.
func claimShared(t *testing.T, a, b *catalog.DB) {
	first := batch(t, "shared")
	if _, fresh, err := a.Claim(t.Context(), first); err != nil || !fresh {
		t.Fatalf("claim: got %v, %v", fresh, err)
	}
	again := batch(t, "shared")
	if _, _, err := b.Claim(t.Context(), again); !errors.Is(err, record.ErrBusy) {
		t.Errorf("claim of what another takes in: got %v, want %v", err, record.ErrBusy)
	}
	if have, fresh, err := a.Claim(t.Context(), again); err != nil || fresh || have.ID != first.ID {
		t.Errorf("claim again: got %v, %v, %v, want the first", have.ID, fresh, err)
	}
	if have, fresh, err := b.Claim(t.Context(), first); err != nil || fresh || have.ID != first.ID {
		t.Errorf("claim under the same id: got %v, %v, %v, want it", have.ID, fresh, err)
	}
	if _, _, err := a.Claim(t.Context(), again); !errors.Is(err, record.ErrBusy) {
		t.Errorf("claim after it went over: got %v, want %v", err, record.ErrBusy)
	}
	if err := b.File(t.Context(), first.ID, record.BatchFiled, record.Counts{PagesIn: 1, Blanks: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if have, fresh, err := a.Claim(t.Context(), again); err != nil || fresh || have.ID != first.ID || !have.State.Done() {
		t.Errorf("claim of what is done: got %v, %v, %v, want it", have, fresh, err)
	}
}

func alone(t *testing.T, a, b *catalog.DB, join func(string) (*catalog.DB, error)) {
	if _, err := a.Alone(t.Context()); !errors.Is(err, record.ErrBusy) {
		t.Errorf("alone beside another: got %v, want %v", err, record.ErrBusy)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	leave, err := a.Alone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := join("b"); !errors.Is(err, record.ErrBusy) {
		t.Errorf("join while another is alone: got %v, want %v", err, record.ErrBusy)
		if err == nil {
			c.Close()
		}
	}
	leave()
	c, err := join("b")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// away: servers whose sessions ended, because the database was away for a moment, go
// on with all they had where nobody took any of it.
func away(t *testing.T, a, b *catalog.DB, cut func()) {
	leave, err := a.Turn(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	cut()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		free, err := b.Turn(t.Context(), "other")
		if err == nil {
			free()
			break
		}
		if errors.Is(err, catalog.ErrStruckOff) || time.Now().After(end) {
			t.Fatalf("a turn after the database was away: got %v", err)
		}
	}
	if err := a.SetProgress(t.Context(), "x", "after"); err != nil {
		t.Fatalf("a write of a server that came back: got %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if _, err := b.Turn(ctx, "work"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a turn another had before the database was away: got %v, want a deadline", err)
	}
	leave()
	free, err := b.Turn(t.Context(), "work")
	if err != nil {
		t.Fatalf("that turn after it was left: got %v", err)
	}
	free()
}

// struck: a server whose session ended is struck off by another, which finishes
// what it left; nothing it writes is taken any more, and it may come back.
func struck(t *testing.T, a, b *catalog.DB, join func(string) (*catalog.DB, error), cut func()) {
	if err := b.Lapsed(t.Context(), time.Now(), func(s string) error { t.Errorf("struck off %s, which is on", s); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := a.PutJob(t.Context(), "j", time.Now()); err != nil {
		t.Fatal(err)
	}
	j, ok, err := a.TakeJob(t.Context(), "j", time.Now().Add(time.Second), time.Hour, time.Hour)
	if err != nil || !ok {
		t.Fatalf("take job: got %v, %v", ok, err)
	}
	leave, err := a.Turn(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	cut()
	b, err = join("b")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := a.SetProgress(t.Context(), "x", "before"); err != nil {
		t.Fatalf("a write before it is struck off: got %v", err)
	}
	again, err := b.Turn(t.Context(), "work")
	if err != nil {
		t.Fatalf("the turn of a server that is gone: got %v", err)
	}
	if err := a.SetProgress(t.Context(), "x", "between"); err == nil {
		t.Error("a server wrote whose turn another has")
	}
	again()
	var finished []string
	for range 2 {
		if err := b.Lapsed(t.Context(), time.Now(), func(s string) error { finished = append(finished, s); return b.Free(t.Context(), s) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(finished) != 1 || finished[0] != "a" {
		t.Errorf("finished: got %v, want a, once", finished)
	}
	if err := a.SetBatch(t.Context(), id(t), record.BatchFiled, record.Counts{}); !errors.Is(err, catalog.ErrStruckOff) {
		t.Errorf("a write of who was struck off: got %v, want %v", err, catalog.ErrStruckOff)
	}
	if _, err := a.Log().Add(t.Context(), func(int64) ([][]byte, error) { return [][]byte{[]byte("x")}, nil }); !errors.Is(err, catalog.ErrStruckOff) {
		t.Errorf("an entry of who was struck off: got %v, want %v", err, catalog.ErrStruckOff)
	}
	if err := a.EndJob(t.Context(), j, time.Now(), time.Now(), ""); err == nil {
		t.Error("who was struck off ended a job")
	}
	select {
	case <-a.Lost():
	case <-time.After(10 * time.Second):
		t.Error("a server that was cut off does not notice")
	}
	if _, err := a.Turn(t.Context(), "other"); !errors.Is(err, catalog.ErrStruckOff) {
		t.Errorf("a turn of who was struck off: got %v, want %v", err, catalog.ErrStruckOff)
	}
	if _, ok, err := b.TakeJob(t.Context(), "j", time.Now().Add(2*time.Second), time.Hour, time.Hour); err != nil || !ok {
		t.Errorf("the job it had: got %v, %v, want it", ok, err)
	}
	back, err := join("a")
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if err := back.SetProgress(t.Context(), "x", "after"); err != nil {
		t.Errorf("a write of who came back: got %v", err)
	}
}
