package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"chartvault/audit"
	"chartvault/record"
)

// logOf is how far the catalogue has followed what one of several servers logged.
func logOf(server string) string { return logProgress + " " + server }

// takeOverServers finishes what servers left that have ended. A destruction that was
// begun is finished by whoever does that job next.
func (a *app) takeOverServers(ctx context.Context) error {
	return a.cat.Lapsed(ctx, a.now(), func(server string) error {
		a.log.WarnContext(ctx, "another server has ended; what it had begun is finished here", "server", server)
		if err := a.finishLog(ctx, server); err != nil {
			return err
		}
		if err := a.cat.Free(ctx, server); err != nil {
			return err
		}
		// It may have told nobody, and not have bound what follows from whose numbers are whose.
		if err := a.loadPatients(ctx, a.pipeline.Sheets); err != nil {
			return err
		}
		for _, t := range a.tallies() {
			t.Add()
		}
		a.dueSums.Store(nil)
		if err := errors.Join(a.relateAnew(ctx), a.mapMade(ctx)); err != nil {
			return err
		}
		a.tell(ctx)
		return a.resumeCorrections(ctx)
	})
}

// finishLog has the catalogue follow what a server logged that may have ended
// before it took effect. Of what is kept in registers the last word is applied, and
// no earlier one, whoever said it; the rest in the order of the log, with what is
// logged meanwhile behind it, until there is nothing newer.
func (a *app) finishLog(ctx context.Context, server string) error {
	text, err := a.cat.Progress(ctx, logOf(server))
	if err != nil {
		return err
	}
	at := int64(0)
	if text != "" {
		if at, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("server %s's position in the log: %w", server, record.ErrCorrupt)
		}
	}
	theirs, err := a.cat.Log().Of(ctx, server, at)
	if err != nil {
		return err
	}
	if len(theirs) > 0 {
		a.correctMu.Lock() // nobody moves a document meanwhile
		defer a.correctMu.Unlock()
		if err := a.applyAgain(ctx, theirs); err != nil {
			return fmt.Errorf("follow the audit log of server %s: %w", server, err)
		}
	}
	return a.cat.SetProgress(ctx, logOf(server), strconv.FormatInt(a.arch.Log.Size(), 10))
}

// mostPasses bounds how often what is logged meanwhile is applied as well.
const mostPasses = 1000

// applyAgain applies the log from the first of some entries on. Of those, batches
// that were filed come back from the store. What is damaged is said, and keeps
// nothing else from being applied.
func (a *app) applyAgain(ctx context.Context, theirs []int64) error {
	b := &rebuild{app: a, batches: map[record.ID]bool{}, keyless: map[record.ID]bool{}}
	its, at := map[int64]bool{}, theirs[0]
	for _, n := range theirs {
		its[n] = true
	}
	for range mostPasses {
		if err := a.arch.Log.Follow(ctx); err != nil {
			return err
		}
		n, changed := a.arch.Log.Size(), false
		last, err := a.lastWords(ctx, at, n)
		if err != nil {
			return err
		}
		err = a.entriesTo(at, n, func(e audit.Entry) error {
			changed = changed || applies(e.Action)
			var err error
			if its[e.Seq] && e.Action == audit.ActBatchFiled {
				err = b.refile(ctx, e)
			}
			if err == nil && !last.superseded(e) {
				err = a.apply(ctx, e)
			}
			if err != nil && finding(err) {
				b.fault(fmt.Sprintf("entry %d", e.Seq), err)
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		if at = n; !changed {
			for _, f := range b.line.Faults {
				a.log.ErrorContext(ctx, "following the audit log", "fault", f)
			}
			return nil
		}
	}
	return fmt.Errorf("the other servers change things faster than they can be followed: %w", record.ErrBusy)
}

// lastWords are, of a part of the log, the last entries about each thing that a
// register keeps and about where each document is filed, and which are of those at all.
type lastWords struct {
	of   map[int64]string // by entry: what it is about
	last map[string]int64
}

// superseded reports whether a later entry says something else of the same.
func (l lastWords) superseded(e audit.Entry) bool {
	about, ok := l.of[e.Seq]
	return ok && l.last[about] != e.Seq
}

func (a *app) lastWords(ctx context.Context, from, to int64) (lastWords, error) {
	l := lastWords{map[int64]string{}, map[string]int64{}}
	err := a.entriesTo(from, to, func(e audit.Entry) error {
		if !registers(e.Action) && e.Action != audit.ActDocumentIndexed {
			return nil
		}
		var c change
		if err := a.arch.OpenBody(ctx, e, &c); err != nil {
			if finding(err) || errors.Is(err, record.ErrDestroyed) {
				return nil // it is said where it is applied
			}
			return err
		}
		about := ""
		switch {
		case c.Register != nil:
			about = c.Register.Kind + "\x00" + c.Register.ID
		case c.Assign != nil:
			about = "document\x00" + c.Assign.Document.String()
		default:
			return nil
		}
		l.of[e.Seq], l.last[about] = about, e.Seq
		return nil
	})
	return l, err
}
