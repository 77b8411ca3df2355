package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/record"
)

// Lock forbids everybody the deletion of a document's objects for the site's
// number of days, where the store can. It comes last, when everything is
// catalogued, so that debris of a crash stays deletable.
func (a *Archive) Lock(ctx context.Context, id record.ID, version int) error {
	l, ok := a.Docs.(blob.Locker)
	if !ok || a.LockDays <= 0 {
		return nil
	}
	until := a.Now().Add(time.Duration(a.LockDays) * 24 * time.Hour)
	for _, n := range []string{packageName(id, version), manifestName(id, version)} {
		if err := l.Lock(ctx, n, until); err != nil {
			return fmt.Errorf("lock document %s: %w", id, err)
		}
	}
	return nil
}

// ReadRest writes what a batch keeps outside its documents: each member is
// announced to begin by name before its bytes go to the writer begin returns.
// As with Read, everything is verified and logged first.
func (a *Archive) ReadRest(ctx context.Context, who Access, id record.ID, begin func(name string) (io.Writer, error)) error {
	m, err := a.VerifyBatch(ctx, id)
	if err != nil {
		return fmt.Errorf("read rest: %w", err)
	}
	if m.Object == "" {
		return fmt.Errorf("read rest of batch %s: %w: every page is in a document", id, record.ErrNotFound)
	}
	key, err := a.Vault.Key(ctx, id)
	if err != nil {
		return fmt.Errorf("read rest: %w", err)
	}
	o, err := a.Docs.Open(ctx, m.Object)
	if err != nil {
		return fmt.Errorf("read rest: %w", err)
	}
	defer o.Close() // read-only
	zr, err := seal.OpenPackage(o, o.Info().Size, key.Identity())
	if err != nil {
		return fmt.Errorf("read rest: %w", err)
	}
	if err := a.Note(ctx, audit.ActDocumentRead, key, struct {
		Access
		Member string `json:"member"`
	}{who, "rest"}); err != nil {
		return fmt.Errorf("read rest: %w", err)
	}
	for _, f := range zr.File {
		w, err := begin(f.Name)
		if err != nil {
			return err
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("read rest: %w", err)
		}
		_, err = io.Copy(w, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("read rest: %w", err)
		}
	}
	return nil
}
