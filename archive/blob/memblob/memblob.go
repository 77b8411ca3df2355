// Package memblob keeps objects in memory: for tests and simulations. It
// implements locks and a clock, so that what depends on them can be proved
// without a server.
package memblob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"chartvault/archive/blob"
)

// Store holds objects in a map.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	objects map[string]entry
}

type entry struct {
	data  []byte
	until time.Time
	held  bool
}

// New returns an empty store whose clock is now.
func New(now func() time.Time) *Store {
	return &Store{now: now, objects: map[string]entry{}}
}

// Put implements blob.Store.
func (s *Store) Put(_ context.Context, name string, r io.Reader, size int64) (blob.Info, error) {
	if err := blob.CheckName(name); err != nil {
		return blob.Info{}, fmt.Errorf("put: %w", err)
	}
	b, err := io.ReadAll(blob.Exact(r, size))
	if err != nil {
		return blob.Info{}, fmt.Errorf("put %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[name]; ok {
		return blob.Info{}, fmt.Errorf("put %s: %w", name, blob.ErrExist)
	}
	s.objects[name] = entry{data: b}
	return blob.Info{Name: name, Size: size}, nil
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, name string) (blob.Object, error) {
	info, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &object{bytes.NewReader(s.objects[name].data), info}, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(_ context.Context, name string) (blob.Info, error) {
	if err := blob.CheckName(name); err != nil {
		return blob.Info{}, fmt.Errorf("stat: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.objects[name]
	if !ok {
		return blob.Info{}, fmt.Errorf("stat %s: %w", name, blob.ErrNotExist)
	}
	return blob.Info{Name: name, Size: int64(len(e.data))}, nil
}

// Swap implements blob.Store.
func (s *Store) Swap(_ context.Context, name string, old, new []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.objects[name]
	switch {
	case !ok:
		return fmt.Errorf("swap %s: %w", name, blob.ErrNotExist)
	case !bytes.Equal(e.data, old):
		return fmt.Errorf("swap %s: %w", name, blob.ErrChanged)
	}
	e.data = bytes.Clone(new)
	s.objects[name] = e
	return nil
}

// Delete implements blob.Store.
func (s *Store) Delete(_ context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.objects[name]; e.held || e.until.After(s.now()) {
		return fmt.Errorf("delete %s: %w", name, blob.ErrLocked)
	}
	delete(s.objects, name)
	return nil
}

// List implements blob.Store.
func (s *Store) List(_ context.Context, prefix string) iter.Seq2[blob.Info, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var infos []blob.Info
	for name, e := range s.objects {
		if strings.HasPrefix(name, prefix) {
			infos = append(infos, blob.Info{Name: name, Size: int64(len(e.data))})
		}
	}
	slices.SortFunc(infos, func(a, b blob.Info) int { return strings.Compare(a.Name, b.Name) })
	return func(yield func(blob.Info, error) bool) {
		for _, i := range infos {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Lock implements blob.Locker.
func (s *Store) Lock(_ context.Context, name string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.objects[name]
	if !ok {
		return fmt.Errorf("lock %s: %w", name, blob.ErrNotExist)
	}
	if until.After(e.until) {
		e.until = until
		s.objects[name] = e
	}
	return nil
}

// Hold implements blob.Holder.
func (s *Store) Hold(_ context.Context, name string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.objects[name]
	if !ok {
		return fmt.Errorf("hold %s: %w", name, blob.ErrNotExist)
	}
	e.held = on
	s.objects[name] = e
	return nil
}

// Now implements blob.Clock.
func (s *Store) Now(context.Context) (time.Time, error) { return s.now(), nil }

// Flip inverts one bit of a stored object, as a bad disk would; it reports
// whether there was such a bit. It is for tests of what reads the store.
func (s *Store) Flip(name string, bit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.objects[name]
	if bit < 0 || bit/8 >= len(e.data) {
		return false
	}
	e.data = bytes.Clone(e.data)
	e.data[bit/8] ^= 1 << (bit % 8)
	s.objects[name] = e
	return true
}

// Snapshot returns a copy of every object, as a thief or a backup would have.
func (s *Store) Snapshot() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string][]byte, len(s.objects))
	for n, e := range s.objects {
		m[n] = bytes.Clone(e.data)
	}
	return m
}

type object struct {
	*bytes.Reader
	info blob.Info
}

func (o *object) Close() error    { return nil }
func (o *object) Info() blob.Info { return o.info }
