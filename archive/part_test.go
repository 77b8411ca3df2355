package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chartvault/archive"
	"chartvault/archive/blob"
	"chartvault/archive/seal"
	"chartvault/record"
)

// counted counts the bytes that are read of packages.
type counted struct {
	blob.Store
	n *atomic.Int64
}

type countedObject struct {
	blob.Object
	n *atomic.Int64
}

func (c counted) Open(ctx context.Context, name string) (blob.Object, error) {
	o, err := c.Store.Open(ctx, name)
	if err != nil || !strings.HasSuffix(name, "package.age") {
		return o, err
	}
	return countedObject{o, c.n}, nil
}

func (o countedObject) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.Object.ReadAt(p, off)
	o.n.Add(int64(n))
	return n, err
}

// TestFirstPage: one page of a document of five hundred is read by its own
// bytes, and what is not the package that was stored is refused all the same.
func TestFirstPage(t *testing.T) {
	f := newFixture(t)
	read := &atomic.Int64{}
	f.Docs = counted{f.docs, read}
	id := newID(t)
	r := rand.NewChaCha8([32]byte{5})
	page := func(i int) []byte {
		b := make([]byte, 40_000)
		r.Read(b)
		return append(b, fmt.Sprintf("page %d", i)...)
	}
	deposit := func(id record.ID) *archive.Stored {
		s, err := f.Deposit(t.Context(), seal.Manifest{ID: id, Batch: newID(t), State: record.DocumentFiled, FiledAt: time.Now()}, func(zw *zip.Writer, _ *seal.Manifest) error {
			for i := range 500 {
				w, err := seal.AddPart(zw, fmt.Sprintf("preview/%04d.png", i+1))
				if err != nil {
					return err
				}
				if _, err := w.Write(page(i + 1)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := deposit(id)
	who := archive.Access{Actor: "test", Purpose: "test"}
	for _, n := range []int{1, 250, 500} {
		read.Store(0)
		entries := f.Log.Size()
		var b bytes.Buffer
		if err := f.ReadPart(t.Context(), who, id, 1, fmt.Sprintf("preview/%04d.png", n), &b); err != nil || !bytes.HasSuffix(b.Bytes(), fmt.Appendf(nil, "page %d", n)) {
			t.Fatalf("page %d: got %d bytes, %v", n, b.Len(), err)
		}
		if share := float64(read.Load()) / float64(s.Manifest.Package.Size); share >= 0.02 {
			t.Errorf("page %d: read %.1f %% of %d bytes, want under 2 %%", n, 100*share, s.Manifest.Package.Size)
		}
		if f.Log.Size() != entries+1 {
			t.Errorf("page %d: got %d entries in the log, want one", n, f.Log.Size()-entries)
		}
	}
	if err := f.ReadPart(t.Context(), who, id, 1, "preview/0501.png", &bytes.Buffer{}); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("a page that is not there: got %v", err)
	}
	// Another package of the same size, sealed to the same key: an earlier version.
	whole := f.docs.Snapshot()[s.Manifest.Object]
	var again bytes.Buffer
	if _, err := seal.WritePackage(&again, s.Key.Recipient(), func(zw *zip.Writer) error {
		for i := range 500 {
			w, err := seal.AddPart(zw, fmt.Sprintf("preview/%04d.png", i+1))
			if err == nil {
				_, err = w.Write(page(i + 1))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil || again.Len() != len(whole) {
		t.Fatalf("got %d bytes, %v, want %d", again.Len(), err, len(whole))
	}
	overwrite(t, f.docs, s.Manifest.Object, again.Bytes())
	var b bytes.Buffer
	if err := f.ReadPart(t.Context(), who, id, 1, "preview/0001.png", &b); !errors.Is(err, record.ErrCorrupt) || b.Len() > 0 {
		t.Errorf("another package of the same document: got %d bytes, %v, want ErrCorrupt", b.Len(), err)
	}
	overwrite(t, f.docs, s.Manifest.Object, whole)
	f.docs.Flip(s.Manifest.Object, 8*(seal.HeadSize+100_000))
	if err := f.ReadPart(t.Context(), who, id, 1, "preview/0003.png", &bytes.Buffer{}); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("a flipped bit in the page: got %v, want ErrCorrupt", err)
	}
}

// TestOverhead: what a document costs besides itself.
func TestOverhead(t *testing.T) {
	f := newFixture(t)
	id := newID(t)
	f.deposit(t, id)
	n := 0
	for name, b := range f.docs.Snapshot() {
		if strings.HasPrefix(name, "d/") {
			n += len(b)
		}
	}
	n += len(f.keys.Snapshot()["k/"+id.String()+".age"]) - len(content)
	if t.Logf("a document of %d bytes adds %d", len(content), n); n >= 8<<10 {
		t.Errorf("got %d bytes, want less than 8 KiB", n)
	}
}
