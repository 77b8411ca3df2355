package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/ingest/fields"
	"chartvault/record"
)

// takingOver takes deposits over for as long as the daemon runs.
func (a *app) takingOver(ctx context.Context) error {
	tick := time.NewTicker(time.Duration(a.cfg.Ingest.Poll))
	defer tick.Stop()
	for {
		if err := a.takeOverAll(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "deposits not taken over; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// elsewhereBegun says that a batch that was begun is in the outbox or at the door,
// and is taken over from there.
func (a *app) elsewhereBegun(ctx context.Context, batch record.ID) error {
	at, err := a.arch.AtDoor(ctx, batch)
	if err != nil {
		return err
	}
	if at || a.outbox.Holds(batch) {
		return fmt.Errorf("it was sealed before and is being taken over: %w", record.ErrBusy)
	}
	return nil
}

// takeOverAll sends what this machine took in while it was sealed, and takes
// over what waits at the door. One deposit that fails does not stop the next.
func (a *app) takeOverAll(ctx context.Context) error {
	err := a.emptyOutbox(ctx)
	ids, lerr := a.arch.Waiting(ctx)
	err = errors.Join(err, lerr)
	waiting := map[string]bool{}
	for _, id := range ids {
		if m, merr := a.arch.FindMark(ctx, id); merr == nil && m.State != archive.MarkDuplicate {
			continue // people look at it
		}
		// Each by one of the servers, whichever comes first.
		waiting[depositJob+id.String()] = true
		terr := a.job(ctx, depositJob+id.String(), 0, func(ctx context.Context) error { return a.takeOver(ctx, id) })
		if terr != nil {
			err = errors.Join(err, fmt.Errorf("deposit %s: %w", id, terr))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if lerr != nil {
		return err
	}
	// Of one that was discarded nothing is to be done.
	return errors.Join(err, a.cat.DropJobs(ctx, depositJob, func(name string) bool { return waiting[name] }))
}

// depositJob begins the names of the jobs of taking deposits over.
const depositJob = "deposit "

// emptyOutbox puts this machine's own sealed deposits down at the door, and
// drops those that were taken over.
func (a *app) emptyOutbox(ctx context.Context) error {
	held, err := a.outbox.Held()
	if err != nil {
		return err
	}
	for _, h := range held {
		switch d, err := a.deposited(ctx, h.ID); {
		case err != nil:
			return err
		case d.State == depositFiled || d.State == depositDuplicate:
			if err := a.outbox.Drop(h.ID); err != nil {
				return err
			}
		case d.State == depositUnknown:
			if err := a.outbox.Send(ctx, h.ID, a.docs, a.places); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeOver takes one deposit over: it is read to its end, moved into the
// archive, logged, catalogued and indexed, in this order, and then cleared from
// the door. Repeating it after a crash goes on.
func (a *app) takeOver(ctx context.Context, id record.ID) error {
	a.doorMu.Lock()
	defer a.doorMu.Unlock()
	switch m, err := a.arch.FindMark(ctx, id); {
	case err == nil && m.State == archive.MarkDuplicate:
		return a.arch.DropArrival(ctx, id)
	case !errors.Is(err, record.ErrNotFound):
		return err // people look at it
	}
	if b, err := a.cat.Batch(ctx, id); err == nil && b.State.Done() {
		return a.dropFiled(ctx, id)
	}
	r, err := a.arch.OpenArrival(ctx, id)
	switch {
	case errors.Is(err, seal.ErrSignature), errors.Is(err, record.ErrCorrupt):
		return a.refuseDeposit(ctx, id, r.By, err)
	case err != nil:
		return err
	}
	m := r.Batch
	row := record.Batch{ID: id, Size: m.Size, Name: record.NewPrivate(m.Name), ReceivedAt: m.ReceivedAt, State: record.BatchClaimed}
	copy(row.SHA256[:], m.SHA256)
	switch err := a.vet(ctx, r); {
	case errors.As(err, new(unfit)):
		return a.refuseDeposit(ctx, id, r.By, err)
	case err != nil: // it could not be looked at
		return err
	}
	leave, err := a.pipeline.Inflight.Enter(ctx, row.SHA256)
	if err != nil {
		return err
	}
	defer leave()
	have, fresh, err := a.cat.Claim(ctx, row)
	switch {
	case errors.Is(err, record.ErrBusy): // another server takes the same scan in: then it is a duplicate
		return nil
	case err != nil:
		return err
	case have.ID != id && have.State.Done():
		return a.dropDuplicate(ctx, r, have.ID)
	case have.ID != id:
		return nil // the same scan was begun here before, and goes on here: then it is a duplicate
	}
	if fresh {
		if err := a.arch.Note(ctx, audit.ActBatchClaimed, r.Key, map[string]any{"actor": record.Daemon, "bytes": m.Size, "via": r.By}); err != nil {
			return err
		}
	}
	a.recheck(r)
	if err := a.fileArrival(ctx, r); err != nil {
		return err
	}
	a.meter.pages.Add(int64(m.Counts.PagesIn))
	a.filed(ctx, ingest.Result{Batch: record.Batch{ID: id, State: m.State, Counts: m.Counts}})
	return a.arch.DropArrival(ctx, id, r.IDs()...)
}

// dropFiled clears a deposit that was taken over from the door.
func (a *app) dropFiled(ctx context.Context, batch record.ID) error {
	rows, err := a.cat.OfBatch(ctx, batch)
	if err != nil {
		return err
	}
	var ids []record.ID
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return a.arch.DropArrival(ctx, batch, ids...)
}

// recheck holds what was filed where there was no patient list against the
// list. What it contradicts waits in QA.
func (a *app) recheck(r *archive.Arrival) {
	list := a.patients.Load()
	if list == nil {
		return
	}
	for _, m := range r.Documents() {
		if m.State != record.DocumentFiled || len(m.Index) == 0 {
			continue
		}
		var x fields.Index
		if json.Unmarshal(m.Index, &x) != nil {
			continue // vet has read it
		}
		if d := fields.Recheck(x, list); d != "" {
			m.State, m.Doubts = record.DocumentQA, append(m.Doubts, d)
		}
	}
}

// unfit is a deposit that says what cannot be filed.
type unfit struct{ error }

// Unwrap makes it the damage that it is.
func (u unfit) Unwrap() error { return u.error }

// vet looks at what a deposit says, which a signature does not make right: a
// station may be wrong, or in wrong hands. What it lets through can be filed,
// indexed and listed, and touches nothing the archive has or had. What it finds
// goes into the log and the mark, so that nothing the station wrote is repeated.
// Its findings are unfit; other errors say nothing of the deposit.
func (a *app) vet(ctx context.Context, r *archive.Arrival) error {
	bad := func(format string, args ...any) error {
		return unfit{fmt.Errorf("%w: "+format, append([]any{record.ErrCorrupt}, args...)...)}
	}
	b := r.Batch
	if !b.State.Done() || b.State == record.BatchUnread && b.Object == "" {
		return bad("its batch has a state that is none of a deposit's")
	}
	for i, p := range b.Pages {
		inDocument := p.Document != (record.ID{})
		switch {
		case b.State == record.BatchUnread && !inDocument:
		case inDocument != (p.Placement == record.PlaceFiled || p.Placement == record.PlaceQA):
			return bad("page %d has another place than its document says", i+1)
		case !inDocument && b.Object == "":
			return bad("page %d is in no document, and the batch has no rest", i+1)
		}
	}
	for _, m := range r.Documents() {
		if m.State != record.DocumentFiled && m.State != record.DocumentQA {
			return bad("document %s has a state that is none of a deposit's", m.ID)
		}
		if _, err := record.TypeCode(m.Type); m.Type != "" && err != nil {
			return bad("document %s has a type that is none", m.ID)
		}
		if _, err := record.FacilityCode(m.Facility); m.Facility != "" && err != nil {
			return bad("document %s has a facility that is none", m.ID)
		}
		if _, err := record.ParseChartNumber(m.Chart); m.Chart != "" && err != nil || m.Chart == "" && m.State == record.DocumentFiled {
			return bad("document %s has no chart number", m.ID)
		}
		if err := json.Unmarshal(m.Index, &fields.Index{}); len(m.Index) > 0 && err != nil {
			return bad("document %s has an index that cannot be read", m.ID)
		}
		if _, err := texts(m); err != nil {
			return bad("document %s has a text that cannot be read", m.ID)
		}
		old, err := a.cat.Document(ctx, m.ID)
		switch {
		case errors.Is(err, record.ErrNotFound):
		case err != nil:
			return err
		case old.Batch != b.ID || old.State == record.DocumentDestroying || old.State == record.DocumentDestroyed:
			return bad("the archive has, or had, a document %s", m.ID)
		}
	}
	return nil
}

func (a *app) fileArrival(ctx context.Context, r *archive.Arrival) error {
	stored, err := a.arch.TakeOver(ctx, r)
	if err != nil {
		return err
	}
	var rows []catalog.Keyed
	for _, s := range stored {
		if err := a.arch.Note(ctx, audit.ActDocumentFiled, s.Key, map[string]any{
			"actor": record.Daemon, "batch": r.Batch.ID, "pages": len(s.Manifest.Pages), "state": s.Manifest.State, "via": r.By,
		}); err != nil {
			return err
		}
		k, err := ingest.Row(s.Manifest, s.Key)
		if err != nil {
			return err
		}
		rows = append(rows, k)
	}
	if err := a.arch.Note(ctx, audit.ActBatchFiled, r.Key, map[string]any{
		"actor": record.Daemon, "state": r.Batch.State, "counts": r.Batch.Counts, "documents": len(rows), "why": r.Batch.Why, "via": r.By,
	}); err != nil {
		return err
	}
	return a.cat.File(ctx, r.Batch.ID, r.Batch.State, r.Batch.Counts, rows)
}

// refuseDeposit leaves a deposit where it is, for people to look at.
func (a *app) refuseDeposit(ctx context.Context, id record.ID, by string, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := cause.Error()
	switch {
	case errors.Is(cause, keys.ErrRevoked):
		why = "the key of its station is revoked"
	case errors.Is(cause, seal.ErrSignature):
		why = "nobody the archive trusts signed it"
	}
	a.log.ErrorContext(ctx, "a deposit is in quarantine", "batch", id.String(), "by", by, "why", why)
	if err := a.arch.Journal(ctx, audit.ActDepositRefused, id.String(), map[string]any{"actor": record.Daemon, "by": by, "why": why}); err != nil {
		return err
	}
	return a.arch.PutMark(ctx, archive.Mark{Batch: id, State: archive.MarkQuarantined, By: by, Why: why, At: a.now().UTC()})
}

// dropDuplicate clears a deposit whose source was filed before, bit for bit.
func (a *app) dropDuplicate(ctx context.Context, r *archive.Arrival, of record.ID) error {
	id := r.Batch.ID
	if err := a.arch.Journal(ctx, audit.ActDepositDuplicate, id.String(), map[string]any{"actor": record.Daemon, "via": r.By, "of": of}); err != nil {
		return err
	}
	if err := a.arch.PutMark(ctx, archive.Mark{Batch: id, State: archive.MarkDuplicate, Of: of, By: r.By, At: a.now().UTC()}); err != nil {
		return err
	}
	return a.arch.DropArrival(ctx, id, r.IDs()...)
}
