// Package steady puts patience in front of a store that is reached over a
// network: what may succeed when it is tried again is tried again, and a store
// that is away is not asked by everybody at once.
//
// Its invariants: an answer of the store (exists, absent, locked, changed) is
// passed on and never retried; a deposit whose answer was lost is found again
// and counts as done only with the size that was sent, and its reader reads
// the bytes back as after any deposit; while the breaker is open every call
// fails at once with ErrAway, and one call at a time finds out whether the
// store is back.
package steady

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"chartvault/archive/blob"
)

// ErrAway is a store that failed so often that it is not asked for a while.
var ErrAway = errors.New("the store is away")

// Remote is a store with the powers of one on a network.
type Remote interface {
	blob.Store
	blob.Locker
	blob.Holder
	blob.Clock
}

// Options say how patient the store is.
type Options struct {
	Attempts int           // at most, for one call
	First    time.Duration // wait before the second attempt; it doubles from there, with jitter
	Most     time.Duration // longest wait between two attempts
	Trip     int           // calls in a row that failed open the breaker
	Rest     time.Duration // how long it stays open

	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Default returns options for a store in the same building.
func Default() Options {
	return Options{Attempts: 5, First: 200 * time.Millisecond, Most: 5 * time.Second, Trip: 1, Rest: 15 * time.Second, Now: time.Now, Sleep: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Store is a Remote with patience.
type Store struct {
	s Remote
	o Options

	mu      sync.Mutex
	failed  int       // calls in a row
	since   time.Time // of the first of them
	closed  time.Time // when the breaker lets a call through again
	testing bool      // one call is on its way to find out
	last    error
}

// New returns s with patience.
func New(s Remote, o Options) *Store { return &Store{s: s, o: o} }

// Away reports since when and why the store is not answering; nil when it is.
func (s *Store) Away() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed < s.o.Trip {
		return nil
	}
	return fmt.Errorf("%w since %s: %w", ErrAway, s.since.Format(time.DateTime), s.last)
}

// answer reports whether an error is the store's answer rather than its
// failure to give one.
func answer(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return true
	}
	for _, a := range []error{blob.ErrExist, blob.ErrNotExist, blob.ErrLocked, blob.ErrName, blob.ErrShort, blob.ErrChanged, blob.ErrLarge} {
		if errors.Is(err, a) {
			return true
		}
	}
	return false
}

// enter lets a call through, or says that the store is away.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed < s.o.Trip {
		return nil
	}
	if s.testing || s.o.Now().Before(s.closed) {
		return fmt.Errorf("%w since %s: %w", ErrAway, s.since.Format(time.DateTime), s.last)
	}
	s.testing = true
	return nil
}

// leave counts how a call ended.
func (s *Store) leave(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.testing = false
	if answer(ctx, err) {
		if ctx.Err() == nil {
			s.failed = 0
		}
		return
	}
	if s.failed == 0 {
		s.since = s.o.Now()
	}
	s.failed++
	s.last = err
	if s.failed >= s.o.Trip {
		s.closed = s.o.Now().Add(s.o.Rest)
	}
}

// try calls f until it gives an answer, or patience ends. again is called
// before each further attempt and may end them.
func try[T any](ctx context.Context, s *Store, f func() (T, error), again func() error) (v T, err error) {
	if err := ctx.Err(); err != nil {
		return v, err
	}
	if err := s.enter(); err != nil {
		return v, err
	}
	defer func() { s.leave(ctx, err) }()
	wait := s.o.First
	for n := 1; ; n++ {
		if v, err = f(); answer(ctx, err) || n >= s.o.Attempts {
			return v, err
		}
		// Between half and one and a half of the wait, so that many do not come back at once.
		d := min(wait/2+time.Duration(rand.Int64N(int64(wait)+1)), s.o.Most)
		if serr := s.o.Sleep(ctx, d); serr != nil {
			return v, errors.Join(err, serr)
		}
		wait = min(2*wait, s.o.Most)
		if again != nil {
			if aerr := again(); aerr != nil {
				return v, errors.Join(err, aerr)
			}
		}
	}
}

// errOnce ends the attempts of a deposit whose content cannot be read twice.
var errOnce = errors.New("its content cannot be sent again")

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader, size int64) (blob.Info, error) {
	attempts := 0
	rewind := func() error {
		k, ok := r.(io.Seeker)
		if !ok {
			return errOnce
		}
		_, err := k.Seek(0, io.SeekStart)
		return err
	}
	return try(ctx, s, func() (blob.Info, error) {
		attempts++
		info, err := s.s.Put(ctx, name, r, size)
		if attempts > 1 && errors.Is(err, blob.ErrExist) {
			// The answer to the attempt before was lost.
			if info, err = s.s.Stat(ctx, name); err == nil && info.Size != size {
				err = fmt.Errorf("put %s: %w", name, blob.ErrExist)
			}
		}
		return info, err
	}, rewind)
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, name string) (blob.Object, error) {
	o, err := try(ctx, s, func() (blob.Object, error) { return s.s.Open(ctx, name) }, nil)
	if err != nil {
		return nil, err
	}
	return &object{Object: o, ctx: ctx, s: s}, nil
}

// object tries reads again.
type object struct {
	blob.Object
	ctx context.Context
	s   *Store
}

func (o *object) ReadAt(p []byte, off int64) (int, error) {
	var end error
	n, err := try(o.ctx, o.s, func() (int, error) {
		n, err := o.Object.ReadAt(p, off)
		if err == io.EOF { // itself: a connection that was closed wraps it
			end, err = err, nil
		}
		return n, err
	}, nil)
	if err == nil {
		err = end
	}
	return n, err
}

// ReadWhole implements blob.Whole.
func (s *Store) ReadWhole(ctx context.Context, name string, limit int64) ([]byte, error) {
	return try(ctx, s, func() ([]byte, error) { return blob.ReadAll(ctx, s.s, name, limit) }, nil)
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, name string) (blob.Info, error) {
	return try(ctx, s, func() (blob.Info, error) { return s.s.Stat(ctx, name) }, nil)
}

// Swap implements blob.Store. A swap whose answer was lost is found done.
func (s *Store) Swap(ctx context.Context, name string, old, new []byte) error {
	attempts := 0
	return s.do(ctx, func() error {
		attempts++
		err := s.s.Swap(ctx, name, old, new)
		if attempts > 1 && errors.Is(err, blob.ErrChanged) {
			if b, rerr := blob.ReadAll(ctx, s.s, name, int64(len(new))); rerr == nil && string(b) == string(new) {
				return nil
			}
		}
		return err
	})
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.do(ctx, func() error { return s.s.Delete(ctx, name) })
}

// List implements blob.Store. A listing that fails on its way fails: what it
// showed already cannot be taken back.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		if err := s.enter(); err != nil {
			yield(blob.Info{}, err)
			return
		}
		var last error
		defer func() { s.leave(ctx, last) }()
		for info, err := range s.s.List(ctx, prefix) {
			if last = err; !yield(info, err) {
				return
			}
		}
	}
}

// Lock implements blob.Locker.
func (s *Store) Lock(ctx context.Context, name string, until time.Time) error {
	return s.do(ctx, func() error { return s.s.Lock(ctx, name, until) })
}

// Hold implements blob.Holder.
func (s *Store) Hold(ctx context.Context, name string, on bool) error {
	return s.do(ctx, func() error { return s.s.Hold(ctx, name, on) })
}

// Now implements blob.Clock.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	return try(ctx, s, func() (time.Time, error) { return s.s.Now(ctx) }, nil)
}

func (s *Store) do(ctx context.Context, f func() error) error {
	_, err := try(ctx, s, func() (struct{}, error) { return struct{}{}, f() }, nil)
	return err
}
