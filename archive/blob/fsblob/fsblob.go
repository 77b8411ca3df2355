// Package fsblob keeps objects as files in one directory: the default store of
// a single machine.
//
// Stored form: object "d/x/1/package.age" is the file d/x/1/package.age under
// the root, mode 0600. Put is durable when it returns (file and directory
// fsynced) and create-only by link(2). There are no versions and no locks.
package fsblob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"chartvault/archive/blob"
	"chartvault/internal/durable"
)

// Store is a directory of objects.
type Store struct {
	root string
	swap sync.RWMutex // between Swap and Delete; other processes are kept out by the archive's lock
}

// New returns the store in the directory root, which is made (0700) if absent.
func New(root string) (*Store, error) {
	if err := durable.MkdirAll(root); err != nil {
		return nil, fmt.Errorf("open directory store: %w", err)
	}
	return &Store{root: root}, nil
}

func (s *Store) path(name string) (string, error) {
	if err := blob.CheckName(name); err != nil {
		return "", err
	}
	return filepath.Join(s.root, filepath.FromSlash(name)), nil
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader, size int64) (blob.Info, error) {
	p, err := s.path(name)
	if err != nil {
		return blob.Info{}, fmt.Errorf("put: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return blob.Info{}, err
	}
	if _, err := os.Lstat(p); err == nil {
		return blob.Info{}, taken(p, name)
	}
	n, err := durable.Create(p, blob.Exact(&ctxReader{ctx, r}, size), 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return blob.Info{}, fmt.Errorf("put %s: %w", name, blob.ErrExist)
	case err != nil:
		return blob.Info{}, fmt.Errorf("put %s: %w", name, err)
	case n != size:
		return blob.Info{}, fmt.Errorf("put %s: %w", name, blob.ErrShort)
	}
	return blob.Info{Name: name, Size: n}, nil
}

// taken is the error of a name that is there. Whoever put it may have failed to
// make the name durable, and whoever puts it again relies on it.
func taken(p, name string) error {
	if err := durable.SyncDir(filepath.Dir(p)); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return fmt.Errorf("put %s: %w", name, blob.ErrExist)
}

// Open implements blob.Store.
func (s *Store) Open(_ context.Context, name string) (blob.Object, error) {
	p, err := s.path(name)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, wrap("open", name, err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close() // nothing was read
		return nil, wrap("open", name, err)
	}
	return &object{f, blob.Info{Name: name, Size: st.Size()}}, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(_ context.Context, name string) (blob.Info, error) {
	p, err := s.path(name)
	if err != nil {
		return blob.Info{}, fmt.Errorf("stat: %w", err)
	}
	st, err := os.Lstat(p)
	if err == nil && !st.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return blob.Info{}, wrap("stat", name, err)
	}
	return blob.Info{Name: name, Size: st.Size()}, nil
}

// Swap implements blob.Store: a rename over the old file.
func (s *Store) Swap(ctx context.Context, name string, old, new []byte) error {
	p, err := s.path(name)
	if err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.swap.Lock()
	defer s.swap.Unlock()
	b, err := os.ReadFile(p)
	if err != nil {
		return wrap("swap", name, err)
	}
	if !bytes.Equal(b, old) {
		return fmt.Errorf("swap %s: %w", name, blob.ErrChanged)
	}
	if _, err := durable.Replace(p, bytes.NewReader(new), 0o600); err != nil {
		return fmt.Errorf("swap %s: %w", name, err)
	}
	return nil
}

// Delete implements blob.Store. Directories that become empty are removed.
func (s *Store) Delete(_ context.Context, name string) error {
	p, err := s.path(name)
	if err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	s.swap.RLock()
	defer s.swap.RUnlock()
	if err := durable.Remove(p); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	for dir := filepath.Dir(p); dir != s.root && len(dir) > len(s.root); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // not empty, or gone already: either is the end
			break
		}
	}
	return nil
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		err := filepath.WalkDir(s.root, func(p string, e fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) { // removed while walking
					return nil
				}
				return err
			}
			rel, _ := filepath.Rel(s.root, p) // p is below root by construction
			name := filepath.ToSlash(rel)
			if e.IsDir() {
				if name != "." && !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/") {
					return fs.SkipDir
				}
				return nil
			}
			if !strings.HasPrefix(name, prefix) || durable.IsTemp(name) || !e.Type().IsRegular() {
				return nil
			}
			st, err := e.Info()
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			if !yield(blob.Info{Name: name, Size: st.Size()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(blob.Info{}, fmt.Errorf("list %s: %w", prefix, err))
		}
	}
}

func wrap(op, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %s: %w", op, name, blob.ErrNotExist)
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}

type object struct {
	f    *os.File
	info blob.Info
}

func (o *object) ReadAt(p []byte, off int64) (int, error) { return o.f.ReadAt(p, off) }
func (o *object) Close() error                            { return o.f.Close() }
func (o *object) Info() blob.Info                         { return o.info }

// ctxReader ends a copy when the context does.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
