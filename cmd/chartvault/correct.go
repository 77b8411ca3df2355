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
	"chartvault/record"
)

// kindCorrection is the register of corrections; its entries' states are
// correct's.
const kindCorrection = "correction"

// madeOf says what documents were made of by corrections that are done.
type madeOf map[record.ID][]record.ID

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

// putCorrection writes a correction down, log first, and lets it take effect.
func (a *app) putCorrection(ctx context.Context, who record.Actor, c correct.Correction) error {
	return a.enter(ctx, audit.ActCorrection, who, catalog.Entry{Kind: kindCorrection, ID: c.ID, State: string(c.State), At: a.now().UTC(), Body: mustJSON(c)})
}

// correction reads one.
func (a *app) correction(ctx context.Context, id string) (c correct.Correction, err error) {
	e, err := a.cat.Entry(ctx, kindCorrection, id)
	if err != nil {
		return c, fmt.Errorf("correction %s: %w", id, err)
	}
	return c, json.Unmarshal(e.Body, &c)
}

// propose takes a correction in hand: carries it out, or waits for a second
// person where the schedule in force says so.
func (a *app) propose(ctx context.Context, who record.Actor, c correct.Correction, reason string) (correct.Correction, error) {
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
	c, err := a.correction(ctx, id)
	if err != nil {
		return c, err
	}
	if c.State != correct.Proposed {
		return c, fmt.Errorf("correction %s is %s: %w", id, c.State, record.ErrInvalid)
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

// mayCorrect refuses what is not filed any more, what another correction has in
// hand, and what a hold binds: what is to be kept for a court stays as it is.
func (a *app) mayCorrect(ctx context.Context, c correct.Correction) error {
	b, err := a.bindings(ctx)
	if err != nil {
		return err
	}
	open, err := a.corrections(ctx, correct.Proposed, correct.Agreed)
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.ID != c.ID && slices.ContainsFunc(c.Sources, func(id record.ID) bool { return slices.Contains(o.Sources, id) }) {
			return fmt.Errorf("correction %s has this document in hand: %w: settle it first", o.ID, record.ErrBusy)
		}
	}
	for _, id := range c.Sources {
		row, err := a.cat.Document(ctx, id)
		if err != nil {
			return err
		}
		if row.State != record.DocumentFiled && row.State != record.DocumentQA {
			return fmt.Errorf("document %s is %s and cannot be corrected: %w", id, row.State, record.ErrInvalid)
		}
		for _, h := range b.holds.Binding(b.subject(row)) {
			if h.Kind != record.HoldQA {
				return fmt.Errorf("document %s: it is %w %s", id, record.ErrHeld, h.ID)
			}
		}
	}
	return nil
}

// carryOut makes the documents of a correction that was agreed to, and then
// lets them take the place of what they were made of. It may be repeated.
func (a *app) carryOut(ctx context.Context, who record.Actor, c correct.Correction) (correct.Correction, error) {
	a.correctMu.Lock()
	defer a.correctMu.Unlock()
	rows := map[record.ID]catalog.Row{}
	for _, id := range c.Sources {
		row, err := a.cat.Document(ctx, id)
		if err != nil {
			return c, err
		}
		rows[id] = row
	}
	m := &correct.Maker{Archive: a.arch, Reader: a.pipeline.Reader}
	dated := func(id record.ID) record.Date { return rows[id].ServiceDate }
	if err := m.Make(ctx, c, dated, func(id record.ID) int { return rows[id].Version }); err != nil {
		return c, err
	}
	c.State = correct.Done
	return c, a.putCorrection(ctx, who, c)
}

// resumeCorrections carries out what a crash interrupted.
func (a *app) resumeCorrections(ctx context.Context) error {
	open, err := a.corrections(ctx, correct.Agreed)
	if err != nil {
		return err
	}
	for _, c := range open {
		if _, err := a.carryOut(ctx, record.Daemon, c); err != nil {
			return fmt.Errorf("correction %s: %w", c.ID, err)
		}
	}
	return nil
}

// corrected lets a correction that is done take effect in the catalogue: also
// when a rebuild applies it again, by which time some of its documents may be
// destroyed.
func (a *app) corrected(ctx context.Context, c correct.Correction) error {
	if c.State != correct.Done {
		return nil
	}
	var made, of []catalog.Keyed
	for _, r := range c.Results {
		k, err := a.asStored(ctx, r.ID)
		if err != nil {
			return err
		}
		made = append(made, k...)
	}
	for _, id := range c.Sources {
		k, err := a.asStored(ctx, id)
		if err != nil {
			return err
		}
		of = append(of, k...)
	}
	if err := a.cat.Correct(ctx, made, of); err != nil {
		return err
	}
	return a.mapMade(ctx)
}

// asStored makes the row of a document from its manifest; none when it is
// destroyed, or on its way there.
func (a *app) asStored(ctx context.Context, id record.ID) ([]catalog.Keyed, error) {
	version := 1
	row, err := a.cat.Document(ctx, id)
	switch {
	case errors.Is(err, record.ErrNotFound):
	case err != nil:
		return nil, err
	case row.State == record.DocumentDestroyed || row.State == record.DocumentDestroying:
		return nil, nil
	default:
		version = row.Version
	}
	s, err := a.arch.Load(ctx, id, version)
	if errors.Is(err, record.ErrDestroyed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k, err := ingest.Row(s.Manifest, s.Key)
	return []catalog.Keyed{k}, err
}

// mapMade works out anew which documents were made of which.
func (a *app) mapMade(ctx context.Context) error {
	cs, err := a.corrections(ctx, correct.Done)
	if err != nil {
		return err
	}
	m := madeOf{}
	for _, c := range cs {
		for _, r := range c.Results {
			m[r.ID] = c.Sources
		}
	}
	a.made.Store(&m)
	return nil
}

// destroySources destroys what a document was made of, before the document
// itself: its pages are in there too.
func (h holdings) destroySources(ctx context.Context, id record.ID, certificate string) error {
	m := h.made.Load()
	if m == nil {
		return nil
	}
	for _, s := range (*m)[id] {
		row, err := h.cat.Document(ctx, s)
		if errors.Is(err, record.ErrNotFound) || err == nil && row.State == record.DocumentDestroyed {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := h.Destroy(ctx, s, certificate); err != nil {
			return fmt.Errorf("what document %s was made of: %w", id, err)
		}
	}
	return nil
}

// sight is one look somebody had at a document.
type sight struct {
	Seq     int64        `json:"seq"`
	At      string       `json:"at"`
	Actor   record.Actor `json:"actor"`
	Purpose string       `json:"purpose,omitempty"`
	What    string       `json:"what"` // "document.pdf", a preview, or how it was found
}

// whoSaw lists from the log who was given a document, and what it was made of
// and made into.
func (a *app) whoSaw(ctx context.Context, id record.ID, out func(sight) error) error {
	ids := map[string]bool{id.String(): true}
	if m := a.made.Load(); m != nil {
		for r, of := range *m {
			if slices.Contains(of, id) {
				ids[r.String()] = true
			}
		}
		for _, s := range (*m)[id] {
			ids[s.String()] = true
		}
	}
	return a.entries(0, func(e audit.Entry) error {
		if e.Action != audit.ActDocumentRead || !ids[e.Object] && !ids[e.Key] {
			return nil
		}
		var b struct {
			Actor   record.Actor `json:"actor"`
			Purpose string       `json:"purpose"`
			Member  string       `json:"member"`
		}
		if err := a.arch.OpenBody(ctx, e, &b); err != nil {
			if errors.Is(err, record.ErrDestroyed) {
				return nil
			}
			return err
		}
		return out(sight{e.Seq, e.Time.Format("2006-01-02T15:04:05Z07:00"), b.Actor, b.Purpose, b.Member})
	})
}

// sourceOf describes a document for a correction, as it is filed.
func (a *app) sourceOf(ctx context.Context, id record.ID) (correct.Source, error) {
	row, err := a.cat.Document(ctx, id)
	if err != nil {
		return correct.Source{}, err
	}
	s, err := a.arch.Load(ctx, id, row.Version)
	if err != nil {
		return correct.Source{}, err
	}
	if err := a.asFiled(ctx, &row, s); err != nil {
		return correct.Source{}, err
	}
	return correct.Source{ID: id, Chart: row.Chart.Reveal(), Type: row.Type, Pages: row.Pages}, nil
}

// sameChart reports whether two numbers are one chart.
func (a *app) sameChart(x, y record.ChartNumber) bool {
	return bytes.Equal(a.cat.ChartToken(x), a.cat.ChartToken(y))
}
