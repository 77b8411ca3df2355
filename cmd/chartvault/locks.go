package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chartvault/archive/blob"
	"chartvault/record"
)

// lockStep is how many objects are locked, or held, between two looks at the
// catalogue.
const lockStep = 500

// lockAhead is how long before its end a lock is extended at the latest.
const lockAhead = 30 * 24 * time.Hour

// rollLocks locks what is new and extends what ends soon, never past the day a
// document may be destroyed.
func (a *app) rollLocks(ctx context.Context) error {
	if _, ok := a.docs.(blob.Locker); !ok || a.arch.LockDays <= 0 {
		return nil
	}
	// A store that has none works without, and the status says so.
	if found, err := a.cat.Progress(ctx, probeProgress); err != nil || found == string(blob.LocksAbsent) {
		return err
	}
	horizon := a.arch.LockUntil(record.Date{})
	for {
		due, err := a.cat.ToLock(ctx, horizon.Add(-lockAhead), lockStep)
		if err != nil || len(due) == 0 {
			return err
		}
		done := map[string]time.Time{}
		for _, o := range due {
			until := a.arch.LockUntil(o.Due)
			if until.After(o.Locked) {
				err := a.arch.LockObject(ctx, o.Name, until)
				if err != nil && !errors.Is(err, blob.ErrNotExist) { // what is gone is a finding of the census
					return fmt.Errorf("lock: %w", err)
				}
			}
			done[o.Name] = horizon // it is asked for again in a month, also where the due date ends it earlier
		}
		if err := a.cat.Locked(ctx, done); err != nil {
			return err
		}
	}
}

// mapHolds makes the store hold the objects of documents that a legal hold
// binds, and let go of those that none binds any more.
func (a *app) mapHolds(ctx context.Context) error {
	h, ok := a.docs.(blob.Holder)
	if !ok || !a.cfg.Production { // a trial holds nothing, as it locks nothing
		return nil
	}
	found, err := a.cat.Progress(ctx, probeProgress)
	if err != nil || found == string(blob.LocksAbsent) || a.arch.LockDays <= 0 && found == "" {
		return err
	}
	for {
		on, off, err := a.cat.ToHold(ctx, lockStep)
		if err != nil || len(on)+len(off) == 0 {
			return err
		}
		for i, name := range append(on, off...) {
			hold := i < len(on)
			if err := h.Hold(ctx, name, hold); err != nil && !errors.Is(err, blob.ErrNotExist) {
				return fmt.Errorf("hold: %w", err)
			}
			if err := a.cat.SetObjectHeld(ctx, name, hold); err != nil {
				return err
			}
		}
	}
}

// Names under which the catalogue keeps what the last probe found.
const (
	probeProgress  = "lock_probe"
	canaryProgress = "lock_canary"
)

// probeLocks tries the store's locks on a canary, and removes the canaries of
// earlier days.
func (a *app) probeLocks(ctx context.Context) error {
	old, err := a.cat.Progress(ctx, canaryProgress)
	if err != nil {
		return err
	}
	id, err := record.NewID(a.pipeline.Rand)
	if err != nil {
		return err
	}
	name := "probe/" + id.String()
	left := []string{name}
	for _, o := range strings.Fields(old) {
		if err := a.docs.Delete(ctx, o); err != nil {
			left = append(left, o)
		}
	}
	// Before it is there: a crash must not leave one that nobody knows.
	if err := a.cat.SetProgress(ctx, canaryProgress, strings.Join(left, " ")); err != nil {
		return err
	}
	found, err := blob.ProbeLocks(ctx, a.docs, name, a.now())
	if err != nil {
		return err
	}
	if found == blob.LocksFalse {
		a.log.ErrorContext(ctx, "the store accepts locks and deletes locked objects all the same")
	}
	return a.cat.SetProgress(ctx, probeProgress, string(found))
}

// tryLocks is probeLocks where it was never done: when the archive is set up.
func (a *app) tryLocks(ctx context.Context) error {
	found, err := a.cat.Progress(ctx, probeProgress)
	if err != nil || found != "" {
		return err
	}
	return a.probeLocks(ctx)
}

// lockWarning says what keeps, or does not keep, an administrator of the store
// from deleting documents.
func (a *app) lockWarning(ctx context.Context) string {
	found, err := a.cat.Progress(ctx, probeProgress)
	_, can := a.docs.(blob.Locker)
	switch {
	case err != nil:
		return err.Error()
	case can && found == "":
		return "the store's retention locks were not tried yet: the daemon tries them when it starts, and every day"
	case !can || found == string(blob.LocksAbsent):
		return "this store has no retention locks: its administrator can delete documents, which the census will notice"
	case found == string(blob.LocksFalse):
		return "this store accepts retention locks and deletes locked objects all the same: do not count on them"
	case a.cfg.Storage.LockDays == 0:
		return "storage.lock_days is 0: the store's administrator can delete documents"
	case a.arch.LockDays == 0:
		return "nothing is locked in trial mode: the store's administrator can delete documents"
	}
	return ""
}
