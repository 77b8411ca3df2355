package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"chartvault/archive"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/ingest"
	"chartvault/record"
	"chartvault/search"
)

// Destroy implements disposition.Holdings: log, mark, key, versions, index, row,
// proof, log.
func (h holdings) Destroy(ctx context.Context, id record.ID, certificate string) (disposition.Gone, error) {
	row, err := h.cat.Document(ctx, id)
	if err != nil {
		return disposition.Gone{}, err
	}
	if row.State == record.DocumentDestroyed {
		locked, err := h.Locked(ctx, id)
		return disposition.Gone{Locked: locked}, err // with what was made of it
	}
	return h.destroy(ctx, row, certificate, false)
}

// destroy destroys a document. source is whether it is what another was made
// of, which was looked at and is past the point of no return.
func (h holdings) destroy(ctx context.Context, row catalog.Row, certificate string, source bool) (disposition.Gone, error) {
	t := tombstone{Document: row.ID, Version: row.Version, Of: row.Batch, ChartToken: row.ChartToken, Type: row.Type,
		ServiceDate: row.ServiceDate, FiledAt: row.FiledAt, Pages: row.Pages, Bytes: row.Bytes, Certificate: certificate}
	if row.State != record.DocumentDestroying {
		if err := h.markDestroying(ctx, row, t, source); err != nil {
			return disposition.Gone{}, err
		}
	}
	// From here on only forward, also when the caller has gone.
	ctx = context.WithoutCancel(ctx)
	kept, err := h.destroySources(ctx, row.ID, certificate)
	if err != nil {
		return disposition.Gone{}, err
	}
	locked, err := h.arch.Destroy(ctx, row.ID, row.Version)
	if err != nil {
		return disposition.Gone{}, err
	}
	if err := h.index.Apply(ctx, search.Change{Remove: []record.ID{row.ID}}); err != nil {
		return disposition.Gone{}, err
	}
	if err := ingest.DropKept(h.cfg.path("spool"), row.Batch); err != nil {
		return disposition.Gone{}, err
	}
	left, err := h.arch.Gone(ctx, row.ID, row.Version)
	if err != nil {
		return disposition.Gone{}, err
	}
	if len(left) > 0 && !locked || slices.Contains(left, archive.LivingKey) {
		return disposition.Gone{}, fmt.Errorf("document %s: still there after its destruction: %v", row.ID, left)
	}
	t.At = h.now().UTC().Truncate(time.Millisecond)
	var keptBatch bool
	if t.Batch, keptBatch, err = h.lastOfBatch(ctx, row); err != nil {
		return disposition.Gone{}, err
	}
	gone := disposition.Gone{Locked: locked || kept || keptBatch}
	if gone.Locked {
		if err := h.cat.PutLeftover(ctx, row.ID); err != nil {
			return disposition.Gone{}, err
		}
	}
	if err := h.arch.Journal(ctx, audit.ActDestroyed, row.ID.String(), change{Actor: record.Daemon, Gone: &t}); err != nil {
		return disposition.Gone{}, err
	}
	if err := h.cat.Tombstone(ctx, row.ID, t.At, certificate); err != nil {
		return disposition.Gone{}, err
	}
	h.dueSums.Store(nil) // it is not due any more
	return gone, nil
}

// markDestroying takes a document past the point of no return, unless a hold
// binds it by now. Holds that are read off the row are looked at here, those on
// charts and single documents once more in the transaction that marks it.
func (h holdings) markDestroying(ctx context.Context, row catalog.Row, t tombstone, source bool) error {
	if row.State == record.DocumentSuperseded && !source {
		return fmt.Errorf("document %s was corrected meanwhile: %w", row.ID, record.ErrHeld)
	}
	if source {
		if err := h.arch.Journal(ctx, audit.ActDestroying, row.ID.String(), change{Actor: record.Daemon, Gone: &t}); err != nil {
			return err
		}
		return h.cat.MarkDestroying(ctx, row.ID)
	}
	h.heldMu.Lock() // with what other servers did, and nothing comes to bind it meanwhile
	defer h.heldMu.Unlock()
	b, err := h.bindings(ctx)
	if err != nil {
		return err
	}
	if len(b.holds.Binding(b.subject(row))) > 0 {
		return fmt.Errorf("document %s: %w", row.ID, record.ErrHeld)
	}
	if held, err := h.cat.Held(ctx, row.ID, row.ChartToken); err != nil || held {
		return errors.Join(err, record.ErrHeld)
	}
	if err := h.arch.Journal(ctx, audit.ActDestroying, row.ID.String(), change{Actor: record.Daemon, Gone: &t}); err != nil {
		return err
	}
	return h.cat.Destroying(ctx, row.ID)
}

// lastOfBatch destroys a batch with its last document and returns what remains
// of it; nil when other documents live. locked is whether the store keeps some of
// its ciphertext for a while.
func (a *app) lastOfBatch(ctx context.Context, row catalog.Row) (_ *tombstoneRest, locked bool, err error) {
	ended, err := a.batchEnded(ctx, row)
	if err != nil || !ended {
		return nil, false, err
	}
	b, err := a.cat.Batch(ctx, row.Batch)
	if errors.Is(err, record.ErrNotFound) {
		return nil, false, nil // its row is gone already
	}
	if err != nil {
		return nil, false, err
	}
	if locked, err = a.arch.DestroyBatch(ctx, row.Batch); err != nil {
		return nil, false, err
	}
	if err := a.cat.DropBatch(ctx, row.Batch); err != nil {
		return nil, false, err
	}
	return &tombstoneRest{b.ID, b.ReceivedAt.UnixMilli(), b.State, b.Counts}, locked, nil
}

// upkeep takes the traces of destroyed documents out of catalogue and index
// files.
func (a *app) upkeep(ctx context.Context) error {
	if err := a.feed(ctx); err != nil {
		return err
	}
	if err := a.cat.Upkeep(ctx); err != nil {
		return err
	}
	if err := a.index.Rotate(ctx); err != nil {
		return err
	}
	return a.cleanOthers(ctx)
}

// sweepLocked removes what retention locks kept of destroyed documents, as soon
// as the locks have ended. Nothing can open it; it only takes room.
func (a *app) sweepLocked(ctx context.Context) error {
	left, err := a.cat.Leftovers(ctx)
	if err != nil {
		return err
	}
	// A catalogue that was made anew knows them from the certificates only.
	err = a.desk.Certificates(ctx, func(_, text string) error {
		c, err := disposition.Unseal(text)
		if err == nil {
			left = append(left, c.StillLocked...)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(left, func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range slices.Compact(left) {
		locked := false
		for _, id := range append([]record.ID{id}, a.made.Load().before(id)...) {
			still, err := a.sweepDocument(ctx, id)
			if err != nil {
				return err
			}
			locked = locked || still
		}
		if locked {
			continue
		}
		if err := a.cat.DropLeftover(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// sweepDocument deletes what is left of a destroyed document, and of its batch
// where that ended with it. locked is whether a lock still keeps some of it.
func (a *app) sweepDocument(ctx context.Context, id record.ID) (locked bool, err error) {
	row, err := a.cat.Document(ctx, id)
	if errors.Is(err, record.ErrNotFound) || err == nil && row.State != record.DocumentDestroyed {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if locked, err = a.arch.Destroy(ctx, row.ID, row.Version); err != nil {
		return false, err
	}
	ended, err := a.batchEnded(ctx, row)
	if err != nil || !ended {
		return locked, err
	}
	of, err := a.arch.DestroyBatch(ctx, row.Batch)
	return locked || of, err
}

// Locked implements disposition.Holdings.
func (h holdings) Locked(ctx context.Context, id record.ID) (bool, error) {
	return h.cat.HasLeftover(ctx, id)
}

// resume finishes destructions that a crash interrupted: from the destroyed
// key on it only goes forward.
func (a *app) resume(ctx context.Context) error {
	if rows, err := a.cat.InState(ctx, record.DocumentDestroying); err != nil || len(rows) == 0 {
		return err
	}
	if !a.runs.tryLock(ctx) {
		return nil // another server is at it, or a plan is carried out: it is a job again in a minute
	}
	defer a.runs.Unlock()
	rows, err := a.cat.InState(ctx, record.DocumentDestroying)
	if err != nil || len(rows) == 0 {
		return err
	}
	numbers := map[record.ID]string{}
	err = a.desk.Plans(ctx, func(_ disposition.Entry, b disposition.PlanBody) error {
		items, err := a.desk.Items(ctx, b.Plan)
		for _, it := range items {
			numbers[it.Document] = b.Certificate
		}
		return err
	}, disposition.PlanExecuting)
	if err != nil {
		return err
	}
	for id, number := range maps.Clone(numbers) { // a plan lists what was made, not what it was made of
		for _, s := range a.made.Load().before(id) {
			numbers[s] = number
		}
	}
	for _, row := range rows {
		if _, err := (holdings{a}).Destroy(ctx, row.ID, numbers[row.ID]); err != nil {
			return fmt.Errorf("finish the destruction of %s: %w", row.ID, err)
		}
	}
	return a.upkeep(ctx)
}
