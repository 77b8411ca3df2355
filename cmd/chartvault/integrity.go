package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"chartvault/archive"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// Sizes of the steps the daemon takes in a minute.
const (
	recordStep  = 500
	censusStep  = 4000
	censusAtOne = 8 // requests at once
)

// recordDocument writes down what a document consists of in the store, so that
// what happens to it later has a name.
func (a *app) recordDocument(ctx context.Context, s *archive.Stored) error {
	objects, err := a.arch.Objects(ctx, s)
	if err != nil {
		return err
	}
	return a.cat.PutObjects(ctx, asRecorded(objects, a.now()))
}

func asRecorded(objects []archive.Object, now time.Time) []catalog.Object {
	out := make([]catalog.Object, len(objects))
	for i, o := range objects {
		out[i] = catalog.Object{Name: o.Name, Owner: o.Owner, Size: o.Size, Version: o.Version, Sum: o.Sum, Seen: now, Read: now}
	}
	return out
}

func asStored(objects []catalog.Object) []archive.Object {
	out := make([]archive.Object, len(objects))
	for i, o := range objects {
		out[i] = archive.Object{Name: o.Name, Owner: o.Owner, Size: o.Size, Version: o.Version, Sum: o.Sum}
	}
	return out
}

// recordMissing records the objects of documents and batches that are not
// recorded yet; more says that there are others.
func (a *app) recordMissing(ctx context.Context) (more bool, err error) {
	docs, batches, err := a.cat.Unrecorded(ctx, recordStep)
	if err != nil {
		return false, err
	}
	recorded := 0
	for _, id := range docs {
		row, err := a.cat.Document(ctx, id)
		if err != nil {
			return false, err
		}
		s, err := a.arch.Load(ctx, id, row.Version)
		if err == nil {
			err = a.recordDocument(ctx, s)
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err == nil { // else it is a finding of the verification
			recorded++
		}
	}
	for _, id := range batches {
		objects, err := a.arch.BatchObjects(ctx, id)
		if err == nil {
			err = a.cat.PutObjects(ctx, asRecorded(objects, a.now()))
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err == nil {
			recorded++
		}
	}
	return recorded > 0 && len(docs)+len(batches) >= recordStep, nil
}

// storeStep is one minute's share: what is new is recorded, what was not seen
// for a day is looked at, and so much is read again that all of it is in the
// time the site gives.
func (a *app) storeStep(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = a.recordMissing(ctx); err != nil {
			return err
		}
	}
	var errs []error
	for _, step := range []func(context.Context) error{a.rollLocks, a.mapHolds, a.census, a.reread} {
		errs = append(errs, step(ctx)) // a store that takes no locks is looked at all the same
	}
	return errors.Join(errs...)
}

// census asks the store for every object that was not looked at for the
// configured time, by size and version.
func (a *app) census(ctx context.Context) error {
	every := time.Duration(a.cfg.Integrity.Census)
	if every == 0 {
		return nil
	}
	for {
		objects, err := a.cat.Unseen(ctx, a.now().Add(-every), censusStep)
		if err != nil || len(objects) == 0 {
			return err
		}
		looks := make([]catalog.Look, len(objects))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(censusAtOne)
		for i, o := range asStored(objects) {
			g.Go(func() error {
				f, err := a.arch.Glance(gctx, o)
				looks[i] = catalog.Look{Name: o.Name, Fault: kindOf(f)}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return fmt.Errorf("census: %w", err)
		}
		if err := a.cat.Looked(ctx, a.now(), looks); err != nil {
			return err
		}
		for i, l := range looks {
			if l.Fault != "" && objects[i].Fault == "" {
				a.log.ErrorContext(ctx, "the census found a fault", "object", l.Name, "fault", l.Fault)
			}
		}
		if len(objects) < censusStep {
			return nil
		}
	}
}

func kindOf(f *archive.Fault) string {
	if f == nil {
		return ""
	}
	return string(f.Kind)
}

// reread reads as many objects again as a minute's share of the configured
// time asks for, those that waited longest first.
func (a *app) reread(ctx context.Context) error {
	every := time.Duration(a.cfg.Integrity.Reread)
	if every == 0 {
		return nil
	}
	n, err := a.cat.Census(ctx, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	minutes := max(int(every/time.Minute), 1)
	share := (n.Objects + minutes - 1) / minutes
	// What is due by the share, and never what was read a moment ago.
	due, err := a.cat.Unread(ctx, a.now().Add(-every*9/10), 2*share)
	if err != nil {
		return err
	}
	seen := map[record.ID]bool{}
	for _, o := range due {
		if seen[o.Owner] {
			continue
		}
		seen[o.Owner] = true
		faults, _, err := a.verifyOwner(ctx, o.Owner)
		if err != nil {
			return err
		}
		for _, f := range faults {
			a.log.ErrorContext(ctx, "reading again found a fault", "object", f.Object, "fault", string(f.Kind))
		}
	}
	return nil
}

// verifyOwner reads everything of a document or batch, records what it found,
// and names what is wrong.
func (a *app) verifyOwner(ctx context.Context, id record.ID) (faults []*archive.Fault, bytes int64, err error) {
	objects, err := a.cat.ObjectsOf(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	bytes, cause := a.verifyStored(ctx, id)
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	if cause != nil {
		if faults, err = a.arch.Diagnose(ctx, cause, asStored(objects), func(sum []byte) (string, error) { return a.cat.ObjectBySum(ctx, sum) }); err != nil {
			return nil, 0, errors.Join(cause, err)
		}
	}
	if cause == nil {
		if err := a.mendKey(ctx, id); err != nil {
			return nil, 0, err
		}
	}
	wrong := map[string]string{}
	for _, f := range faults {
		wrong[f.Object] = string(f.Kind)
	}
	looks := make([]catalog.Look, len(objects))
	for i, o := range objects {
		// Of a document with one bad object the others were not read to the end.
		looks[i] = catalog.Look{Name: o.Name, Fault: wrong[o.Name], Read: cause == nil}
	}
	return faults, bytes, a.cat.Looked(ctx, a.now(), looks)
}

// mendKey fills a hole in a mirror of the keys, unless the document is about to
// be destroyed, in which case the destruction is done once more.
func (a *app) mendKey(ctx context.Context, id record.ID) error {
	lives := func() (bool, error) {
		row, err := a.cat.Document(ctx, id)
		if errors.Is(err, record.ErrNotFound) {
			_, err = a.cat.Batch(ctx, id)
			return err == nil, err
		}
		return err == nil && row.State != record.DocumentDestroying && row.State != record.DocumentDestroyed, err
	}
	if ok, err := lives(); err != nil || !ok {
		return err
	}
	holes, err := a.vault.Mend(ctx, id)
	if err != nil || holes == 0 {
		return err
	}
	a.log.WarnContext(ctx, "a keys place lacked a key and has it again", "object", id.String(), "places", holes)
	if ok, err := lives(); err != nil || ok {
		return err
	}
	return a.vault.DestroyKey(ctx, id) // its destruction began meanwhile
}

// verifyStored reads a document or a batch to its end.
func (a *app) verifyStored(ctx context.Context, id record.ID) (int64, error) {
	row, err := a.cat.Document(ctx, id)
	switch {
	case err == nil:
		s, err := a.arch.Verify(ctx, id, row.Version)
		if err != nil {
			return 0, err
		}
		return s.Manifest.Package.Size, nil
	case !errors.Is(err, record.ErrNotFound):
		return 0, err
	}
	b, err := a.cat.Batch(ctx, id)
	if err != nil {
		return 0, err
	}
	m, err := a.arch.VerifyBatch(ctx, id)
	if err != nil {
		return 0, err
	}
	if !m.Counts.Balanced() || m.Counts != b.Counts {
		return 0, archive.ErrMiscounted
	}
	return m.Rest.Size, nil
}

// keysBack finds destroyed documents and batches whose key is there again, from a
// backup of a keys place, and destroys them once more: a certificate says they are
// gone.
func (a *app) keysBack(ctx context.Context) (faults []*archive.Fault, err error) {
	rows, err := a.cat.InState(ctx, record.DocumentDestroyed)
	if err != nil {
		return nil, err
	}
	again := func(id record.ID) error {
		faults = append(faults, &archive.Fault{Kind: archive.KeyBack, Object: "k/" + id.String() + ".age", Detail: errors.New("it was destroyed again")})
		return a.arch.Journal(ctx, audit.ActDestroyedAgain, id.String(), change{Actor: record.Daemon})
	}
	looked := map[record.ID]bool{}
	for _, r := range rows {
		has, err := a.vault.HasKey(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		if has {
			if err := a.destroyAgain(ctx, tombstone{Document: r.ID, Version: r.Version, Certificate: r.Certificate}); err != nil {
				return nil, err
			}
			if err := again(r.ID); err != nil {
				return nil, err
			}
		}
		if looked[r.Batch] {
			continue
		}
		looked[r.Batch] = true
		ended, err := a.batchEnded(ctx, r)
		if err != nil || !ended {
			if err != nil {
				return nil, err
			}
			continue
		}
		was, err := a.destroyBatchAgain(ctx, r.Batch)
		if was && err == nil {
			err = again(r.Batch)
		}
		if err != nil {
			return nil, err
		}
	}
	return faults, nil
}

// batchEnded reports whether the batch of a destroyed document ended with the last
// of its documents.
func (a *app) batchEnded(ctx context.Context, row catalog.Row) (bool, error) {
	others, err := a.cat.LiveOfBatch(ctx, row.Batch, row.ID)
	return err == nil && others == 0, err
}
