package main

import (
	"context"
	"errors"
	"time"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/legacy"
	"chartvault/record"
)

// importing carries imports out, one after the other, until ctx ends.
func (a *app) importing(ctx context.Context) error {
	a.imports.mu.Lock()
	a.imports.serves = true
	a.imports.mu.Unlock()
	for pause := tryAgain; ; {
		next, err := a.nextImport(ctx)
		if err == nil && next != "" {
			err = a.carryImport(ctx, next)
		}
		if ctx.Err() != nil {
			return nil // it goes on with the next start
		}
		if err == nil && next != "" {
			pause = tryAgain
			continue
		}
		if err != nil {
			a.log.ErrorContext(ctx, "an import waits; it is tried again", "import", next, "err", err, "in", pause.String())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.imports.wake:
			pause = tryAgain
		case <-time.After(pause):
			pause = min(2*pause, longestPause)
		}
	}
}

// nextImport is the import whose turn it is; "" for none. One that ran when the
// daemon ended comes first.
func (a *app) nextImport(ctx context.Context) (string, error) {
	for _, state := range []string{importRunning, importWaiting} {
		es, err := a.cat.EntriesIn(ctx, kindImport, state)
		if err != nil {
			return "", err
		}
		for _, e := range es {
			var j importJob
			if err := into(e, &j); err != nil { // it keeps no other from its turn
				a.log.ErrorContext(ctx, "an import's entry is damaged", "import", e.ID, "err", err)
				continue
			}
			if j.Server != "" && j.Server != a.cat.Self() {
				continue // its folder lies elsewhere
			}
			return j.ID, nil
		}
	}
	return "", nil
}

// carryImport carries one out, and writes down how it ended. What may pass, such as
// a store that is away, is an error: it is tried again.
func (a *app) carryImport(ctx context.Context, id string) error {
	m, err := a.beginImport(ctx, id)
	if err != nil || m == nil {
		return err
	}
	err = m.run(ctx)
	a.importMu.Lock()
	defer a.importMu.Unlock()
	defer a.imports.set("", nil)
	if ctx.Err() != nil {
		return nil // stopped meanwhile or not, its entry says so
	}
	e, eerr := a.cat.Entry(ctx, kindImport, id)
	if eerr != nil {
		return eerr
	}
	var j importJob
	if err := into(e, &j); err != nil {
		return err
	}
	was := j
	j.Sum = m.soFar()
	switch {
	case m.halted.Load():
		if j.State != importStopped { // whoever stopped it could not write it down
			j.State, j.Why = importStopped, "stopped by somebody"
		}
	case err != nil && m.began: // tried again; what it waits for is said once
		if j.Why == err.Error() {
			return err
		}
		j.Why = err.Error()
		return errors.Join(err, a.putImport(ctx, record.Daemon, j))
	case err != nil:
		j.State, j.Why = importStopped, err.Error()
	default:
		j.State, j.Why = importDone, ""
	}
	if err := a.putRejects(ctx, id, m.rejects, was.Sum.Rejected > 0); err != nil {
		return err
	}
	return a.putImport(ctx, record.Daemon, j)
}

// beginImport has one run; nil for one that was stopped before its turn, or cannot
// be one any more.
func (a *app) beginImport(ctx context.Context, id string) (*importing, error) {
	a.importMu.Lock()
	defer a.importMu.Unlock()
	e, err := a.cat.Entry(ctx, kindImport, id)
	if err != nil {
		return nil, err
	}
	var j importJob
	if err := into(e, &j); err != nil {
		return nil, err
	}
	if j.State != importWaiting && j.State != importRunning {
		return nil, nil
	}
	p, err := a.importOf(importWish{Folder: j.Folder, Index: j.Index, Kind: j.Kind, Map: j.Map, From: j.From})
	if err != nil { // it was one once
		j.State, j.Why = importStopped, err.Error()
		return nil, a.putImport(ctx, record.Daemon, j)
	}
	if j.State != importRunning {
		j.State = importRunning
		if err := a.putImport(ctx, record.Daemon, j); err != nil {
			return nil, err
		}
	}
	m := a.newImport(j.By, p, nil)
	m.confined = true
	a.imports.set(id, m)
	return m, nil
}

// putRejects keeps the lines that an import did not take, in place of those there
// are.
func (a *app) putRejects(ctx context.Context, id string, rejects []legacy.Problem, some bool) error {
	if len(rejects) == 0 && !some {
		return nil
	}
	return a.enter(ctx, audit.ActImport, record.Daemon, catalog.Entry{Kind: kindRejects, ID: id, State: importDone, At: a.now().UTC(), Body: mustJSON(rejects)})
}
