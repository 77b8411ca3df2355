package archive

import (
	"context"
	"fmt"
	"io"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/record"
)

// LockUntil is until when a document stored now, or locked again now, shall be
// undeletable for everybody: the site's number of days, and never past the
// first day on which it may be destroyed, where that is known.
func (a *Archive) LockUntil(due record.Date) time.Time {
	until := a.Now().Add(time.Duration(a.LockDays) * 24 * time.Hour)
	if due.IsZero() {
		return until
	}
	if d := due.First(); time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC).Before(until) {
		return time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
	}
	return until
}

// LockObject forbids everybody the deletion of an object until a time, where
// the store can. It is done last, when everything is catalogued, so that debris
// of a crash stays deletable.
func (a *Archive) LockObject(ctx context.Context, name string, until time.Time) error {
	l, ok := a.Docs.(blob.Locker)
	if !ok || a.LockDays <= 0 || !until.After(a.Now()) {
		return nil
	}
	return l.Lock(ctx, name, until)
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
	zr, err := seal.OpenPackage(o, m.Rest.Size, key.Identity())
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
		if err := seal.CopyMember(w, zr, f.Name); err != nil {
			return fmt.Errorf("read rest: %w", err)
		}
	}
	return nil
}
