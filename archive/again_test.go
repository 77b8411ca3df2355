package archive_test

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/seal"
	"chartvault/record"
)

// unsure is a store whose first put of each manifest is visible and fails, as
// where a file's directory cannot be synced. Another put makes sure of it.
type unsure struct {
	blob.Store
	sure map[string]bool
}

func (u unsure) Put(ctx context.Context, name string, r io.Reader, size int64) (blob.Info, error) {
	i, err := u.Store.Put(ctx, name, r, size)
	if !strings.Contains(name, "manifest") {
		return i, err
	}
	if _, had := u.sure[name]; !had && err == nil {
		u.sure[name] = false
		return i, errors.New("put " + name + ": input/output error")
	}
	u.sure[name] = true
	return i, err
}

// TestAgain: a deposit that is repeated does not rely on what it finds, but
// makes sure of it.
func TestAgain(t *testing.T) {
	f := newFixture(t)
	u := unsure{f.docs, map[string]bool{}}
	f.Docs = u
	m := seal.Manifest{ID: newID(t), Batch: newID(t), State: record.DocumentFiled, FiledAt: time.Now()}
	b := seal.BatchManifest{ID: m.Batch, State: record.BatchFiled, ReceivedAt: time.Now()}
	parts := func(zw *zip.Writer, _ *seal.Manifest) error {
		_, err := seal.AddPart(zw, "document.pdf")
		return err
	}
	for try, fails := range []bool{true, false} {
		if _, err := f.Deposit(t.Context(), m, parts); (err != nil) != fails {
			t.Errorf("document, time %d: got %v", try+1, err)
		}
		if _, err := f.DepositBatch(t.Context(), b, nil); (err != nil) != fails {
			t.Errorf("batch, time %d: got %v", try+1, err)
		}
	}
	if len(u.sure) != 2 {
		t.Errorf("got manifests %v, want two", u.sure)
	}
	for name, sure := range u.sure {
		if !sure {
			t.Errorf("%s was relied on as it was found", name)
		}
	}
}
