package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"chartvault/audit"
	"chartvault/record"
)

// catchUp brings a catalogue that is older than the log, because it came back
// from a backup or the program was killed, up to the log: batches filed since
// then come back from their manifests, and every change since then, tombstones
// among them, is applied. A catalogue that knows more than the log has is
// another history.
func (a *app) catchUp(ctx context.Context) error {
	if a.cat.Shared() && !a.restored {
		if err := a.finishLog(ctx, a.cat.Self()); err != nil {
			return err
		}
		// What this server was doing when it ended nobody does any more.
		if err := a.cat.Free(ctx, a.cat.Self()); err != nil {
			return err
		}
		if err := a.takeOverServers(ctx); err != nil { // this server can do its own work all the same
			a.log.ErrorContext(ctx, "what another server left is not finished; it is tried again", "err", err)
		}
		return nil
	}
	n := a.arch.Log.Size()
	text, err := a.cat.Progress(ctx, logProgress)
	if err != nil || text == "" {
		return err // a new archive, or one that never ran long enough
	}
	from, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("catalogue's position in the log: %w", record.ErrCorrupt)
	}
	if a.cat.Shared() { // and what a server had not finished when the backup was made
		ms, err := a.cat.Members(ctx)
		if err != nil {
			return err
		}
		for _, m := range ms {
			text, err := a.cat.Progress(ctx, logOf(m.Server))
			if err != nil {
				return err
			}
			if at, err := strconv.ParseInt(text, 10, 64); err == nil {
				from = min(from, at)
			}
		}
	}
	if from > n {
		return fmt.Errorf("the catalogue knows %d entries of the audit log, which has %d: restore the log, or the documents store it is published in: %w", from, n, record.ErrNotReady)
	}
	if from == n {
		return nil
	}
	b := &rebuild{app: a, batches: map[record.ID]bool{}, keyless: map[record.ID]bool{}}
	err = a.entries(from, func(e audit.Entry) error {
		if e.Action == audit.ActBatchFiled {
			if err := b.refile(ctx, e); err != nil {
				return err
			}
		}
		return a.apply(ctx, e)
	})
	if err != nil {
		return fmt.Errorf("follow the audit log: %w", err)
	}
	for _, f := range b.line.Faults {
		a.log.ErrorContext(ctx, "following the audit log", "fault", f)
	}
	return a.setFollowed(ctx, n)
}

// entries calls f for every entry of the log from the given one on.
func (a *app) entries(from int64, f func(audit.Entry) error) error {
	return a.entriesTo(from, a.arch.Log.Size(), f)
}

// entriesTo calls f for every entry from one on and before n.
func (a *app) entriesTo(from, n int64, f func(audit.Entry) error) error {
	const step = 1000
	for ; from < n; from += step {
		lines, err := a.arch.Log.Lines(from, min(from+step, n))
		if err != nil {
			return err
		}
		for _, line := range lines {
			var e audit.Entry
			if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
				return fmt.Errorf("log entry: %w", record.ErrCorrupt)
			}
			if err := f(e); err != nil {
				return fmt.Errorf("log entry %d: %w", e.Seq, err)
			}
		}
	}
	return nil
}

// refile puts a batch that the catalogue does not have, or has as on its way,
// back from the store.
func (b *rebuild) refile(ctx context.Context, e audit.Entry) error {
	id, err := record.ParseID(e.Object)
	if err != nil {
		return fmt.Errorf("batch: %w", record.ErrCorrupt)
	}
	row, err := b.cat.Batch(ctx, id)
	if err == nil && row.State.Done() || err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	m, ok, err := b.readBatch(ctx, id)
	if err != nil || !ok {
		return err
	}
	seen := map[record.ID]bool{}
	for _, p := range m.Pages {
		if p.Document != (record.ID{}) && !seen[p.Document] {
			seen[p.Document] = true
			if err := b.put(ctx, b.fetch(ctx, p.Document, 1)); err != nil {
				return err
			}
		}
	}
	return nil
}
