package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/ingest/correct"
	"chartvault/ocr"
	"chartvault/record"
)

// kindCorrection is the register of corrections; its entries' states are
// correct's.
const kindCorrection = "correction"

// corrections returns those in a state, all when none is named.
func (a *app) corrections(ctx context.Context, states ...correct.State) ([]correct.Correction, error) {
	var names []string
	for _, s := range states {
		names = append(names, string(s))
	}
	es, err := a.cat.EntriesIn(ctx, kindCorrection, names...)
	if err != nil {
		return nil, err
	}
	var out []correct.Correction
	for _, e := range es {
		var c correct.Correction
		if err := json.Unmarshal(e.Body, &c); err != nil {
			return nil, fmt.Errorf("correction %s: %w", e.ID, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// correction reads one.
func (a *app) correction(ctx context.Context, id string) (c correct.Correction, err error) {
	e, err := a.cat.Entry(ctx, kindCorrection, id)
	if err != nil {
		return c, fmt.Errorf("correction %s: %w", id, err)
	}
	return c, json.Unmarshal(e.Body, &c)
}

func (a *app) entryOfCorrection(c correct.Correction) catalog.Entry {
	return catalog.Entry{Kind: kindCorrection, ID: c.ID, State: string(c.State), At: a.now().UTC(), Body: mustJSON(c)}
}

// putCorrection writes a correction down, log first, and lets it take effect.
func (a *app) putCorrection(ctx context.Context, who record.Actor, c correct.Correction) error {
	return a.enter(ctx, audit.ActCorrection, who, a.entryOfCorrection(c))
}

// propose takes a correction in hand: carries it out, or waits for a second
// person where the schedule in force says so.
func (a *app) propose(ctx context.Context, who record.Actor, c correct.Correction, reason string) (correct.Correction, error) {
	a.correctMu.Lock()
	defer a.correctMu.Unlock()
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return c, err
	}
	if reason == "" {
		return c, fmt.Errorf("correction: %w: give a reason", record.ErrInvalid)
	}
	c.ID, c.By, c.At, c.Reason, c.State = id.String(), who, a.now().UTC(), reason, correct.Agreed
	if err := a.mayCorrect(ctx, c); err != nil {
		return c, err
	}
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return c, err
	}
	if slices.Contains(s.TwoPeople, string(c.Act)) {
		c.State = correct.Proposed
		return c, a.putCorrection(ctx, who, c)
	}
	if err := a.putCorrection(ctx, who, c); err != nil {
		return c, err
	}
	return a.carryOut(ctx, who, c)
}

// decideOn has a second person agree to a correction, or refuse it.
func (a *app) decideOn(ctx context.Context, who record.Actor, id string, agree bool) (correct.Correction, error) {
	a.correctMu.Lock()
	defer a.correctMu.Unlock()
	c, err := a.correction(ctx, id)
	if err != nil {
		return c, err
	}
	if c.State != correct.Proposed {
		return c, fmt.Errorf("correction %s is %s: %w", id, c.State, record.ErrInvalid)
	}
	if err := a.mayTouch(ctx, who, "correct-decide", c.Sources...); err != nil {
		return c, err
	}
	if c.Second = who; !agree {
		c.State = correct.Refused
		return c, a.putCorrection(ctx, who, c)
	}
	if who == c.By {
		return c, fmt.Errorf("correction %s: %w: whoever proposed it cannot be the second person", id, record.ErrDenied)
	}
	if err := a.mayCorrect(ctx, c); err != nil {
		return c, err
	}
	c.State = correct.Agreed
	if err := a.putCorrection(ctx, who, c); err != nil {
		return c, err
	}
	return a.carryOut(ctx, who, c)
}

// mayCorrect refuses what is not filed as it was any more, what another
// correction has in hand, and what a hold binds: what is to be kept for a court
// stays as it is.
func (a *app) mayCorrect(ctx context.Context, c correct.Correction) error {
	b, err := a.bindings(ctx)
	if err != nil {
		return err
	}
	open, err := a.corrections(ctx, correct.Proposed, correct.Agreed, correct.Closing)
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.ID != c.ID && slices.ContainsFunc(c.Sources, func(id record.ID) bool { return slices.Contains(o.Sources, id) }) {
			return fmt.Errorf("correction %s has this document in hand: %w: settle it first", o.ID, record.ErrBusy)
		}
	}
	if err := c.Check(c.Was); err != nil {
		return err
	}
	for _, was := range c.Was {
		row, err := a.cat.Document(ctx, was.ID)
		if err != nil {
			return err
		}
		if row.State != record.DocumentFiled && row.State != record.DocumentQA {
			return fmt.Errorf("document %s is %s and cannot be corrected: %w", was.ID, row.State, record.ErrInvalid)
		}
		if err := b.free(row); err != nil {
			return err
		}
		now, err := a.sourceOf(ctx, was.ID)
		if err != nil {
			return err
		}
		if now != was {
			return fmt.Errorf("document %s was filed differently since: %w: propose the correction again", was.ID, record.ErrInvalid)
		}
	}
	return nil
}

// carryOut makes the documents of a correction that was agreed to, and then
// lets them take the place of what they were made of. It may be repeated: until
// the catalogue has both, the correction is agreed to and no more. One that can
// never be carried out has failed, and nothing of it remains. The caller holds
// correctMu.
func (a *app) carryOut(ctx context.Context, who record.Actor, c correct.Correction) (correct.Correction, error) {
	now, err := a.correction(ctx, c.ID)
	if err != nil || now.State != correct.Agreed && now.State != correct.Closing {
		return now, err
	}
	if now.State == correct.Agreed {
		err := a.makeResults(ctx, c)
		if err == nil {
			var open []string // a request does not forbid that a chart is put right
			if open, err = a.openRequests(ctx); err == nil {
				err = a.cat.Correctable(ctx, c.ID, c.Sources, open...)
			}
		}
		if hopeless(err) {
			return a.failCorrection(context.WithoutCancel(ctx), who, c, err)
		}
		if err != nil {
			return c, err
		}
	}
	// From here on only forward, also when the caller has gone. The catalogue knows
	// before the log does, so that nothing that comes later turns it back.
	ctx = context.WithoutCancel(ctx)
	c.State = correct.Closing
	if err := a.cat.PutEntry(ctx, a.entryOfCorrection(c)); err != nil {
		return c, err
	}
	made, err := a.rowsOf(ctx, c)
	if err != nil {
		return c, err
	}
	c.State = correct.Done
	e := a.entryOfCorrection(c)
	if err := a.arch.Journal(ctx, audit.ActCorrection, c.ID, change{Actor: who, Register: &e}); err != nil {
		return c, err
	}
	if err := a.cat.Correct(ctx, e, made, c.Sources); err != nil {
		return c, err
	}
	a.bound.Add()
	a.moved.Add()
	a.remade.Add()
	a.settledOf(ctx, who, a.batchesOf(ctx, c.Sources)...)
	return c, errors.Join(a.mapMade(ctx), a.rescanWhat(ctx, who, c), a.arch.Publish(ctx))
}

// batchesOf are the batches that documents came in with.
func (a *app) batchesOf(ctx context.Context, documents []record.ID) (out []record.ID) {
	for _, id := range documents {
		if row, err := a.cat.Document(ctx, id); err == nil && !slices.Contains(out, row.Batch) {
			out = append(out, row.Batch)
		}
	}
	return out
}

// hopeless reports whether trying again cannot help.
func hopeless(err error) bool {
	for _, e := range []error{record.ErrUnreadable, record.ErrInvalid, record.ErrHeld, record.ErrNotReady, record.ErrDestroyed, record.ErrNotFound, record.ErrCorrupt, ocr.ErrFormat, ocr.ErrCrashed, ocr.ErrTimeout, ocr.ErrLimit} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// failCorrection ends a correction that cannot be carried out: what was made is
// destroyed, and what it was to be made of is as it was.
func (a *app) failCorrection(ctx context.Context, who record.Actor, c correct.Correction, why error) (correct.Correction, error) {
	// Another server may have carried it out since, and struck this one off: then
	// nothing can be written, and nothing may be destroyed.
	if err := a.arch.Journal(ctx, audit.ActCorrectionFailing, c.ID, change{Actor: who}); err != nil {
		return c, errors.Join(why, err)
	}
	now, err := a.correction(ctx, c.ID)
	if err != nil || now.State != correct.Agreed {
		return now, errors.Join(why, err)
	}
	for _, r := range c.Results {
		if _, err := a.arch.Destroy(ctx, r.ID, 1); err != nil {
			return c, errors.Join(why, err) // it is agreed to still, and tried again
		}
	}
	c.State = correct.Failed
	if err := a.putCorrection(ctx, who, c); err != nil {
		return c, errors.Join(why, err)
	}
	return c, fmt.Errorf("correction %s: nothing was changed: %w", c.ID, why)
}

// makeResults deposits the documents of a correction.
func (a *app) makeResults(ctx context.Context, c correct.Correction) error {
	if err := a.cfg.warm(); err != nil {
		return err
	}
	sources := map[record.ID]record.Document{}
	for _, id := range c.Sources {
		row, err := a.cat.Document(ctx, id)
		if err != nil {
			return err
		}
		sources[id] = row.Document
	}
	m := &correct.Maker{Archive: a.arch, Reader: a.pipeline.Reader}
	if err := m.Make(ctx, c, sources); err != nil {
		return err
	}
	return a.mayCorrect(ctx, c) // a hold may have come since
}

// rowsOf makes the rows of the documents a correction made.
func (a *app) rowsOf(ctx context.Context, c correct.Correction) ([]catalog.Keyed, error) {
	var made []catalog.Keyed
	for _, r := range c.Results {
		s, err := a.arch.Load(ctx, r.ID, 1)
		if err != nil {
			return nil, err
		}
		k, err := ingest.Row(s.Manifest, s.Key)
		if err != nil {
			return nil, err
		}
		made = append(made, k)
	}
	return made, nil
}

// resumeCorrections carries out what a crash interrupted. What cannot be now is
// tried again at the next start, and said.
func (a *app) resumeCorrections(ctx context.Context) error {
	a.correctMu.Lock()
	defer a.correctMu.Unlock()
	open, err := a.corrections(ctx, correct.Agreed, correct.Closing)
	if err != nil {
		return err
	}
	for _, c := range open {
		if _, err := a.carryOut(ctx, record.Daemon, c); err != nil {
			a.log.ErrorContext(ctx, "correction not carried out", "correction", c.ID, "err", err)
		}
	}
	return nil
}

// putCorrectionEntry lets an entry of the log about a correction take effect in
// the catalogue: one that is agreed to holds its documents, one that is done
// supersedes them. A rebuild comes through here, by which time some of the
// documents may be destroyed, or damaged.
func (a *app) putCorrectionEntry(ctx context.Context, e catalog.Entry) error {
	var c correct.Correction
	if err := json.Unmarshal(e.Body, &c); err != nil {
		return fmt.Errorf("correction %s: %w", e.ID, err)
	}
	if c.State == correct.Done {
		for _, r := range c.Results {
			if err := a.fileMissing(ctx, r.ID); err != nil {
				return err
			}
		}
		if err := a.cat.Supersede(ctx, e, c.Sources); err != nil {
			return err
		}
		a.remade.Add()
		return a.mapMade(ctx)
	}
	if err := a.cat.PutEntry(ctx, e); err != nil {
		return err
	}
	var held []record.ID
	if c.State == correct.Agreed {
		held = c.Sources // nobody destroys them meanwhile
	}
	return a.cat.SetHeld(ctx, e.ID, nil, held)
}

// fileMissing files a document that a correction made and the catalogue does
// not know, as when the catalogue follows a log that is ahead of it. What is
// damaged or gone is left to be found by verify.
func (a *app) fileMissing(ctx context.Context, id record.ID) error {
	_, err := a.cat.Document(ctx, id)
	if !errors.Is(err, record.ErrNotFound) {
		return err
	}
	s, err := a.arch.Load(ctx, id, 1)
	if finding(err) || errors.Is(err, record.ErrDestroyed) {
		return nil
	}
	if err != nil {
		return err
	}
	k, err := ingest.Row(s.Manifest, s.Key)
	if err != nil {
		return err
	}
	return a.cat.PutDocument(ctx, k)
}

// sourceOf describes a document for a correction, as it is filed.
func (a *app) sourceOf(ctx context.Context, id record.ID) (correct.Source, error) {
	row, err := a.cat.Document(ctx, id)
	if err != nil {
		return correct.Source{}, err
	}
	if row.State != record.DocumentFiled && row.State != record.DocumentQA {
		return correct.Source{}, fmt.Errorf("document %s is %s and cannot be corrected: %w", id, row.State, record.ErrInvalid)
	}
	s, err := a.arch.Load(ctx, id, row.Version)
	if err != nil {
		return correct.Source{}, err
	}
	if err := a.asFiled(ctx, &row, s); err != nil {
		return correct.Source{}, err
	}
	return correct.Source{ID: id, Chart: row.Chart.Reveal(), Type: row.Type, Pages: row.Pages, Date: row.ServiceDate}, nil
}

// sameChart reports whether two numbers are one chart.
func (a *app) sameChart(x, y record.ChartNumber) bool {
	return bytes.Equal(a.cat.ChartToken(x), a.cat.ChartToken(y))
}
