package blobtest

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"chartvault/archive/blob"
)

// ErrFault is what a call that is made to fail returns.
var ErrFault = errors.New("this call was made to fail")

// Fault says which call to a store fails. One Fault may be shared by several
// stores: their calls are counted together.
type Fault struct {
	At    int  // the call that fails, counted from 1; 0 for none
	After bool // it fails after it took effect, as when an answer is lost
	Stop  bool // every later call fails too, as when the power is gone

	mu    sync.Mutex
	calls int
}

// Calls is how many calls were made.
func (f *Fault) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// next counts a call: before says that it fails at once, after that it fails
// when it is done.
func (f *Fault) next() (before, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	switch {
	case f.At == 0 || f.calls < f.At:
		return false, false
	case f.calls == f.At:
		return !f.After, f.After
	}
	return f.Stop, false
}

// Faulty returns a store that fails as f says. It has no locks and no clock.
func Faulty(s blob.Store, f *Fault) blob.Store { return &faulty{s, f} }

type faulty struct {
	s blob.Store
	f *Fault
}

func call[T any](f *Fault, do func() (T, error)) (T, error) {
	before, after := f.next()
	var zero T
	if before {
		return zero, ErrFault
	}
	v, err := do()
	if after {
		return zero, ErrFault
	}
	return v, err
}

func (s *faulty) Put(ctx context.Context, name string, r io.Reader, size int64) (blob.Info, error) {
	return call(s.f, func() (blob.Info, error) { return s.s.Put(ctx, name, r, size) })
}

func (s *faulty) Open(ctx context.Context, name string) (blob.Object, error) {
	return call(s.f, func() (blob.Object, error) { return s.s.Open(ctx, name) })
}

func (s *faulty) Stat(ctx context.Context, name string) (blob.Info, error) {
	return call(s.f, func() (blob.Info, error) { return s.s.Stat(ctx, name) })
}

func (s *faulty) Swap(ctx context.Context, name string, old, new []byte) error {
	_, err := call(s.f, func() (struct{}, error) { return struct{}{}, s.s.Swap(ctx, name, old, new) })
	return err
}

func (s *faulty) Delete(ctx context.Context, name string) error {
	_, err := call(s.f, func() (struct{}, error) { return struct{}{}, s.s.Delete(ctx, name) })
	return err
}

func (s *faulty) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	if before, after := s.f.next(); before || after {
		return func(yield func(blob.Info, error) bool) { yield(blob.Info{}, ErrFault) }
	}
	return s.s.List(ctx, prefix)
}
