package blob

import (
	"context"
	"io"
	"iter"
	"strings"
)

// Under is the part of a store whose names begin with a prefix, as a store of
// its own in which they do not. The prefix ends with a slash.
func Under(s Store, prefix string) Store { return &under{s, prefix} }

type under struct {
	s      Store
	prefix string
}

func (u *under) info(i Info) Info {
	i.Name = strings.TrimPrefix(i.Name, u.prefix)
	return i
}

// Put implements Store.
func (u *under) Put(ctx context.Context, name string, r io.Reader, size int64) (Info, error) {
	i, err := u.s.Put(ctx, u.prefix+name, r, size)
	return u.info(i), err
}

// Open implements Store.
func (u *under) Open(ctx context.Context, name string) (Object, error) {
	o, err := u.s.Open(ctx, u.prefix+name)
	if err != nil {
		return nil, err
	}
	return &underObject{o, u.info(o.Info())}, nil
}

type underObject struct {
	Object
	info Info
}

// Info implements Object.
func (o *underObject) Info() Info { return o.info }

// Stat implements Store.
func (u *under) Stat(ctx context.Context, name string) (Info, error) {
	i, err := u.s.Stat(ctx, u.prefix+name)
	return u.info(i), err
}

// ReadWhole implements Whole.
func (u *under) ReadWhole(ctx context.Context, name string, limit int64) ([]byte, error) {
	return ReadAll(ctx, u.s, u.prefix+name, limit)
}

// Swap implements Store.
func (u *under) Swap(ctx context.Context, name string, old, new []byte) error {
	return u.s.Swap(ctx, u.prefix+name, old, new)
}

// Delete implements Store.
func (u *under) Delete(ctx context.Context, name string) error {
	return u.s.Delete(ctx, u.prefix+name)
}

// List implements Store.
func (u *under) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for i, err := range u.s.List(ctx, u.prefix+prefix) {
			if !yield(u.info(i), err) {
				return
			}
		}
	}
}
