package blob

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Locks is what a probe found out about a store's locks.
type Locks string

// Findings of ProbeLocks.
const (
	LocksHold   Locks = "hold"   // a locked object could not be deleted
	LocksAbsent Locks = "absent" // the store has none
	LocksFalse  Locks = "false"  // it accepts locks and deletes all the same
)

// canaryLock is for how long the canary is locked.
const canaryLock = 2 * time.Minute

// ProbeLocks locks a small object of the given name, which must be new, for
// two minutes and tries to delete it: what a store says of its locks is not
// believed. Where the lock holds the object stays until somebody deletes it
// later.
func ProbeLocks(ctx context.Context, s Store, name string, now time.Time) (Locks, error) {
	l, ok := s.(Locker)
	if !ok {
		return LocksAbsent, nil
	}
	const canary = "canary"
	put := func() error {
		_, err := s.Put(ctx, name, strings.NewReader(canary), int64(len(canary)))
		return err
	}
	// An account that may delete nothing must not look like a lock that holds.
	err := put()
	if err == nil {
		err = s.Delete(ctx, name)
	}
	if err == nil {
		err = put()
	}
	if err != nil {
		return "", fmt.Errorf("probe locks: delete what is not locked: %w", err)
	}
	if err := l.Lock(ctx, name, now.Add(canaryLock)); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return LocksAbsent, s.Delete(ctx, name) // the bucket was made without
	}
	err = s.Delete(ctx, name)
	switch {
	case errors.Is(err, ErrLocked):
		return LocksHold, nil
	case err != nil:
		return "", fmt.Errorf("probe locks: %w", err)
	}
	return LocksFalse, nil
}
