// Package blob is the storage contract: named immutable objects.
//
// It never learns what it holds. Names are the slash-separated keys of
// docs/format.md (lower-case letters, digits, '.', '-', '_' and '/'); content
// is ciphertext. Every implementation passes the suite in blobtest.
//
// The invariant callers build on: a name that Put accepted returns exactly
// those bytes or an error until Delete, and after Delete nothing under that
// name can be read through the store, in any version.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// Sentinels of every store.
var (
	ErrExist    = errors.New("object exists")           // Put found the name taken
	ErrNotExist = errors.New("object does not exist")   // Open or Stat found nothing
	ErrLocked   = errors.New("object is locked")        // a retention lock forbids Delete
	ErrName     = errors.New("malformed object name")   // not a key of this program
	ErrShort    = errors.New("object has another size") // Put was given fewer or more bytes than announced
	ErrChanged  = errors.New("object was changed")      // Swap found other bytes than it was told
	ErrLarge    = errors.New("object is too large")     // a small object has more bytes than any of ours
)

// Info describes one stored object.
type Info struct {
	Name    string
	Size    int64
	Version string // the store's version id; "" where it keeps none
}

// Object reads one stored object. It is safe for concurrent use.
type Object interface {
	io.ReaderAt
	io.Closer
	Info() Info
}

// Store keeps objects. All methods are safe for concurrent use and return
// promptly with ctx's error when ctx ends.
type Store interface {
	// Put stores size bytes of r under a new name. It is create-only: ErrExist
	// when the name is taken. When it returns nil the object is as durable as
	// the store makes it. After another error the caller may call again; a
	// partly written object is never visible.
	Put(ctx context.Context, name string, r io.Reader, size int64) (Info, error)

	// Open returns the object for reading; ErrNotExist when there is none.
	Open(ctx context.Context, name string) (Object, error)

	// Stat describes the object; ErrNotExist when there is none.
	Stat(ctx context.Context, name string) (Info, error)

	// Swap puts other bytes in the place of a small object, at once and only
	// while it still has the old ones: ErrChanged when it has others, ErrNotExist
	// when it is gone. It never brings back what was deleted meanwhile. Only
	// keys are ever swapped, in stores that keep no versions.
	Swap(ctx context.Context, name string, old, new []byte) error

	// Delete removes every version of the object. Absence is not an error.
	// ErrLocked when a retention lock forbids it; nothing readable through
	// Open is left behind even then where the store can hide it.
	Delete(ctx context.Context, name string) error

	// List yields the objects whose names begin with prefix, in name order.
	// It is for rebuilding and for reports; nothing is ever deleted because a
	// List did not show it.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Locker is the power of a store to refuse deletion until a date, to everyone.
type Locker interface {
	// Lock forbids deletion of the object until the given time. A lock is only
	// ever extended.
	Lock(ctx context.Context, name string, until time.Time) error
}

// Holder is the power of a store to refuse deletion until it is told otherwise.
type Holder interface {
	// Hold forbids deletion of the object, or allows it again.
	Hold(ctx context.Context, name string, on bool) error
}

// Clock is the power of a store to tell its own time: the second opinion a
// destruction needs.
type Clock interface {
	Now(ctx context.Context) (time.Time, error)
}

// CheckName returns ErrName unless name is a well-formed key.
func CheckName(name string) error {
	if name == "" || len(name) > 200 {
		return fmt.Errorf("%w: length %d", ErrName, len(name))
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || part[0] == '.' {
			return fmt.Errorf("%w: empty or hidden part", ErrName)
		}
		for _, c := range []byte(part) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
				return fmt.Errorf("%w: character %#x", ErrName, c)
			}
		}
	}
	return nil
}

// Whole is the power of a store to give a small object by one request.
type Whole interface {
	// ReadWhole returns an object of at most limit bytes; ErrNotExist when there
	// is none.
	ReadWhole(ctx context.Context, name string, limit int64) ([]byte, error)
}

// ReadAll reads an object of at most limit bytes.
func ReadAll(ctx context.Context, s Store, name string, limit int64) ([]byte, error) {
	if w, ok := s.(Whole); ok {
		return w.ReadWhole(ctx, name, limit)
	}
	o, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close() // read-only
	size := o.Info().Size
	if size > limit {
		return nil, fmt.Errorf("read %s: %d bytes, limit %d: %w", name, size, limit, ErrLarge)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(o, 0, size), b); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// Exact returns a reader of r that fails with ErrShort when r does not end
// after exactly size bytes.
func Exact(r io.Reader, size int64) io.Reader { return &exact{r: r, left: size} }

type exact struct {
	r    io.Reader
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.left -= int64(n)
	if e.left < 0 || errors.Is(err, io.EOF) && e.left > 0 {
		return n, ErrShort
	}
	return n, err
}
