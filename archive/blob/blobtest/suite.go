// Package blobtest is the conformance suite of blob.Store: every
// implementation passes it.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"chartvault/archive/blob"
)

// Run holds a store to the contract. open returns an empty store.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	t.Run("put and read back", func(t *testing.T) { putAndRead(t, open(t)) })
	t.Run("create only", func(t *testing.T) { createOnly(t, open(t)) })
	t.Run("one of many wins", func(t *testing.T) { oneWins(t, open(t)) })
	t.Run("absent", func(t *testing.T) { absent(t, open(t)) })
	t.Run("delete", func(t *testing.T) { deletes(t, open(t)) })
	t.Run("swap", func(t *testing.T) { swaps(t, open(t)) })
	t.Run("swap or delete", func(t *testing.T) { swapOrDelete(t, open(t)) })
	t.Run("list", func(t *testing.T) { lists(t, open(t)) })
	t.Run("names", func(t *testing.T) { names(t, open(t)) })
	t.Run("wrong size", func(t *testing.T) { wrongSize(t, open(t)) })
	t.Run("context", func(t *testing.T) { cancelled(t, open(t)) })
	t.Run("lock", func(t *testing.T) { locks(t, open(t)) })
	t.Run("hold", func(t *testing.T) { holds(t, open(t)) })
	t.Run("probe", func(t *testing.T) { probe(t, open(t)) })
	t.Run("clock", func(t *testing.T) { clock(t, open(t)) })
}

func put(t *testing.T, s blob.Store, name string, data []byte) {
	t.Helper()
	info, err := s.Put(t.Context(), name, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
	if info.Name != name || info.Size != int64(len(data)) {
		t.Errorf("put %s: got %+v, want its name and size %d", name, info, len(data))
	}
}

func get(t *testing.T, s blob.Store, name string) []byte {
	t.Helper()
	b, err := blob.ReadAll(t.Context(), s, name, 1<<30)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return b
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	r.Read(b)
	return b
}

func putAndRead(t *testing.T, s blob.Store) {
	for _, n := range []int{0, 1, 4096, 65_537, 6 << 20} {
		name := fmt.Sprintf("d/size/%d", n)
		want := randomBytes(n)
		put(t, s, name, want)
		if got := get(t, s, name); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: what came back is not what was stored", n)
		}
		info, err := s.Stat(t.Context(), name)
		if err != nil || info.Size != int64(n) {
			t.Errorf("stat: got %+v, %v, want size %d", info, err, n)
		}
	}
	o, err := s.Open(t.Context(), "d/size/65537")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	want := randomBytes(65_537)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			off := int64(i * 8000)
			b := make([]byte, 100)
			if n, err := o.ReadAt(b, off); n != 100 || err != nil || !bytes.Equal(b, want[off:off+100]) {
				t.Errorf("read at %d: got %d bytes, %v, want the 100 stored there", off, n, err)
			}
		})
	}
	wg.Wait()
	b := make([]byte, 100)
	if n, err := o.ReadAt(b, 65_500); n != 37 || !errors.Is(err, io.EOF) {
		t.Errorf("read past the end: got %d, %v, want 37 and EOF", n, err)
	}
}

func createOnly(t *testing.T, s blob.Store) {
	put(t, s, "d/a", []byte("first"))
	_, err := s.Put(t.Context(), "d/a", strings.NewReader("second"), 6)
	if !errors.Is(err, blob.ErrExist) {
		t.Errorf("second put: got %v, want ErrExist", err)
	}
	if got := get(t, s, "d/a"); string(got) != "first" {
		t.Errorf("got %q, want the first content", got)
	}
}

func oneWins(t *testing.T, s blob.Store) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	won := []string{}
	for i := range 8 {
		wg.Go(func() {
			content := fmt.Sprintf("writer %d", i)
			_, err := s.Put(context.Background(), "d/race", strings.NewReader(content), int64(len(content)))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, content)
			} else if !errors.Is(err, blob.ErrExist) {
				t.Errorf("got %v, want nil or ErrExist", err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("got %d winners, want 1", len(won))
	}
	if got := get(t, s, "d/race"); string(got) != won[0] {
		t.Errorf("got %q, want %q", got, won[0])
	}
}

func absent(t *testing.T, s blob.Store) {
	if _, err := s.Open(t.Context(), "d/none"); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("open: got %v, want ErrNotExist", err)
	}
	if _, err := s.Stat(t.Context(), "d/none"); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("stat: got %v, want ErrNotExist", err)
	}
	if err := s.Delete(t.Context(), "d/none"); err != nil {
		t.Errorf("delete: got %v, want nil", err)
	}
}

func deletes(t *testing.T, s blob.Store) {
	put(t, s, "d/x/1/a", []byte("one"))
	put(t, s, "d/x/1/ab", []byte("another"))
	if err := s.Delete(t.Context(), "d/x/1/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "d/x/1/a"); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("after delete: got %v, want ErrNotExist", err)
	}
	if got := get(t, s, "d/x/1/ab"); string(got) != "another" {
		t.Errorf("the neighbour: got %q", got)
	}
	put(t, s, "d/x/1/a", []byte("again"))
	if got := get(t, s, "d/x/1/a"); string(got) != "again" {
		t.Errorf("after putting it anew: got %q", got)
	}
}

func swaps(t *testing.T, s blob.Store) {
	put(t, s, "k/one", []byte("first"))
	if err := s.Swap(t.Context(), "k/one", []byte("first"), []byte("second, and longer")); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "k/one"); string(got) != "second, and longer" {
		t.Errorf("after swap: got %q", got)
	}
	if err := s.Swap(t.Context(), "k/one", []byte("first"), []byte("third")); !errors.Is(err, blob.ErrChanged) {
		t.Errorf("swap of what it is no more: got %v, want ErrChanged", err)
	}
	if err := s.Swap(t.Context(), "k/none", nil, []byte("x")); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("swap of nothing: got %v, want ErrNotExist", err)
	}
	if got := get(t, s, "k/one"); string(got) != "second, and longer" {
		t.Errorf("after refused swaps: got %q", got)
	}
	if err := s.Delete(t.Context(), "k/one"); err != nil {
		t.Fatal(err)
	}
	if err := s.Swap(t.Context(), "k/one", []byte("second, and longer"), []byte("back")); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("swap after delete: got %v, want ErrNotExist", err)
	}
}

// swapOrDelete: whatever the order of a swap and a deletion at the same
// moment, the object is gone afterwards. Keys do not lie in stores that keep
// versions.
func swapOrDelete(t *testing.T, s blob.Store) {
	for i := range 20 {
		name := fmt.Sprintf("k/race-%d", i)
		put(t, s, name, []byte("old"))
		if info, err := s.Stat(t.Context(), name); err != nil || info.Version != "" && info.Version != "null" {
			return
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			err := s.Swap(t.Context(), name, []byte("old"), []byte("new"))
			if err != nil && !errors.Is(err, blob.ErrNotExist) && !errors.Is(err, blob.ErrChanged) {
				t.Errorf("swap: %v", err)
			}
		})
		wg.Go(func() {
			if err := s.Delete(t.Context(), name); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
		wg.Wait()
		if _, err := s.Stat(t.Context(), name); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("swap beside a deletion: got %v, want ErrNotExist", err)
		}
	}
}

func lists(t *testing.T, s blob.Store) {
	want := []string{}
	for i := range 25 {
		name := fmt.Sprintf("d/%02d/1/manifest.age", i)
		want = append(want, name)
		put(t, s, name, []byte{byte(i)})
	}
	put(t, s, "b/other", nil)
	var got []string
	for info, err := range s.List(t.Context(), "d/") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Size != 1 {
			t.Errorf("%s: got size %d, want 1", info.Name, info.Size)
		}
		got = append(got, info.Name)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	n := 0
	for range s.List(t.Context(), "d/") {
		if n++; n == 3 {
			break
		}
	}
	for info := range s.List(t.Context(), "none/") {
		t.Errorf("got %s under an empty prefix", info.Name)
	}
}

func names(t *testing.T, s blob.Store) {
	for _, name := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "A", "a b", "a\x00b", "ä", strings.Repeat("a", 201)} {
		if _, err := s.Put(t.Context(), name, strings.NewReader("x"), 1); !errors.Is(err, blob.ErrName) {
			t.Errorf("put %q: got %v, want ErrName", name, err)
		}
		if _, err := s.Open(t.Context(), name); err == nil {
			t.Errorf("open %q: got nil, want an error", name)
		}
	}
}

func wrongSize(t *testing.T, s blob.Store) {
	for _, size := range []int64{3, 7} {
		if _, err := s.Put(t.Context(), "d/size", strings.NewReader("12345"), size); err == nil {
			t.Errorf("5 bytes announced as %d: got nil, want an error", size)
		}
		if _, err := s.Stat(t.Context(), "d/size"); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("after a failed put: got %v, want ErrNotExist", err)
		}
	}
}

func cancelled(t *testing.T, s blob.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, "d/late", strings.NewReader("x"), 1); err == nil {
		if _, ok := s.(interface{ Snapshot() map[string][]byte }); !ok {
			t.Error("put under an ended context: got nil, want an error")
		}
	}
}

// locks: what cannot lock says so by not being a Locker; what can must refuse
// to delete, to anyone, until the time has come.
func locks(t *testing.T, s blob.Store) {
	l, ok := s.(blob.Locker)
	if !ok {
		t.Skip("this store has no locks")
	}
	put(t, s, "d/locked", []byte("kept"))
	if err := l.Lock(t.Context(), "d/locked", time.Now().Add(3*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "d/locked"); !errors.Is(err, blob.ErrLocked) {
		t.Fatalf("delete under lock: got %v, want ErrLocked", err)
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		err := s.Delete(t.Context(), "d/locked")
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("delete after the lock's end: got %v", err)
		}
	}
}

// holds: what is held is not deleted, by anyone, until it is released.
func holds(t *testing.T, s blob.Store) {
	h, ok := s.(blob.Holder)
	if !ok {
		t.Skip("this store holds nothing")
	}
	put(t, s, "d/held", []byte("kept"))
	for range 2 {
		if err := h.Hold(t.Context(), "d/held", true); err != nil {
			t.Fatal(err)
		}
	}
	// Below Delete, which may leave a marker that hides it.
	if err := s.Delete(t.Context(), "d/held"); !errors.Is(err, blob.ErrLocked) {
		t.Fatalf("delete under hold: got %v, want ErrLocked", err)
	}
	put(t, s, "d/released", []byte("kept"))
	for _, on := range []bool{true, false} {
		if err := h.Hold(t.Context(), "d/released", on); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "d/released"); err != nil {
		t.Errorf("delete after release: got %v", err)
	}
}

// lying accepts locks and keeps none.
type lying struct{ blob.Store }

func (lying) Lock(context.Context, string, time.Time) error { return nil }

// refusing has no locks, and says so when asked for one.
type refusing struct{ blob.Store }

func (refusing) Lock(context.Context, string, time.Time) error {
	return errors.New("this bucket has no locks")
}

// probe: locks are tried, not believed.
func probe(t *testing.T, s blob.Store) {
	want := blob.LocksAbsent
	if _, ok := s.(blob.Locker); ok {
		want = blob.LocksHold
	}
	for name, c := range map[string]struct {
		s    blob.Store
		want blob.Locks
	}{"probe/itself": {s, want}, "probe/lying": {lying{s}, blob.LocksFalse}, "probe/refusing": {refusing{s}, blob.LocksAbsent}} {
		if got, err := blob.ProbeLocks(t.Context(), c.s, name, time.Now()); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
	if _, ok := s.(blob.Locker); !ok {
		return
	}
	if got, err := blob.ProbeLocks(t.Context(), powerless{s, s.(blob.Locker)}, "probe/powerless", time.Now()); err == nil {
		t.Errorf("an account that may delete nothing: got %q, want an error", got)
	}
}

// powerless is a store to an account that may delete nothing, which says so in the
// words of a lock.
type powerless struct {
	blob.Store
	blob.Locker
}

func (powerless) Delete(context.Context, string) error { return blob.ErrLocked }

func clock(t *testing.T, s blob.Store) {
	c, ok := s.(blob.Clock)
	if !ok {
		t.Skip("this store has no clock")
	}
	now, err := c.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(now).Abs(); d > 5*time.Second {
		t.Errorf("got a clock %s away", d)
	}
}
