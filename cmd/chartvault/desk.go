package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"chartvault/archive/blob"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/record"
)

// newDesk wires the disposition desk to the archive.
func (a *app) newDesk() *disposition.Desk {
	terms := disposition.DefaultTerms()
	r := a.cfg.Retention
	terms.CoolingOff, terms.DailyCap, terms.ApproverAge = time.Duration(r.CoolingOff), r.DailyCap, time.Duration(r.ApproverAge)
	terms.MaxGap, terms.MaxShare = time.Duration(r.MaxGap), r.MaxShare
	return &disposition.Desk{Acts: &turn{a: a, name: "desk"}, Runs: a.runs, Hear: a.follow, Register: register{a}, Holdings: holdings{a}, Clock: clocks{a}, Terms: terms, Signer: a.station, Rand: rand.Reader,
		Facility: a.cfg.Facility, Program: "Chartvault " + version(), KeyHorizon: time.Duration(r.KeyBackupDays) * 24 * time.Hour,
		KeyPlaces: len(a.places), Progress: a.meter.disposing}
}

// register implements disposition.Register: the log first, so that a rebuild
// knows all the catalogue knows.
type register struct{ *app }

// Put implements disposition.Register.
func (r register) Put(ctx context.Context, event disposition.Event, who record.Actor, e disposition.Entry) error {
	ce := catalog.Entry{Kind: string(e.Kind), ID: e.ID, State: e.State, At: e.At.UTC().Truncate(time.Millisecond), Body: e.Body}
	return r.enter(ctx, audit.Action(event), who, ce)
}

// enter writes an entry of the register down, log first, and lets it take
// effect.
func (a *app) enter(ctx context.Context, action audit.Action, who record.Actor, e catalog.Entry) error {
	seq, err := a.arch.Say(ctx, action, e.ID, change{Actor: who, Register: &e})
	if err != nil {
		return err
	}
	e.Said = seq + 1
	if err := a.putEntry(ctx, e); err != nil {
		a.unfinished(seq)
		return err
	}
	if e.Kind == string(disposition.KindHold) {
		if err := a.mapHolds(ctx); err != nil { // the hold is in force; the store follows within a minute
			a.log.ErrorContext(ctx, "the store does not hold the objects yet", "hold", e.ID, "err", err)
		}
	}
	// What binds people must survive the loss of this machine at once.
	return a.arch.Publish(ctx)
}

// putEntry stores an entry and what follows from it.
func (a *app) putEntry(ctx context.Context, e catalog.Entry) error {
	defer func() { // when it is in force, and not before
		a.bound.Add()
		switch e.Kind {
		case string(disposition.KindHold), string(disposition.KindSchedule), string(disposition.KindExtension), kindLink, kindRequest, kindCorrection:
			a.moved.Add()
		}
	}()
	if e.Kind == kindCorrection {
		return a.putCorrectionEntry(ctx, e)
	}
	if said, err := a.putBinding(ctx, e); err != nil || !said {
		return err // a later word stands
	}
	switch e.Kind {
	case kindUser:
		a.peopled.Add()
	case kindPatients:
		a.listTaken.Add()
	case string(disposition.KindHold):
		return a.bindHold(ctx, entryOf(e))
	case kindRequest:
		return a.bindRequest(ctx, e.ID)
	case kindLink:
		return a.relateAnew(ctx)
	}
	return nil
}

// putBinding puts an entry into the register. What binds documents comes into force
// while none is being marked for its end, on any server.
func (a *app) putBinding(ctx context.Context, e catalog.Entry) (said bool, err error) {
	switch e.Kind {
	case string(disposition.KindHold), kindRequest, kindLink, string(disposition.KindExtension):
		a.heldMu.Lock()
		defer a.heldMu.Unlock()
		defer a.bound.Add()
	}
	return a.cat.PutSaid(ctx, e)
}

// unfinished notes that an entry of the log has not taken effect: the catalogue does
// not count as having followed past it, and it is tried again.
func (a *app) unfinished(seq int64) {
	if !a.cat.Shared() {
		return // the next start follows from before it
	}
	for {
		old := a.stuck.Load()
		if old != 0 && old <= seq+1 || a.stuck.CompareAndSwap(old, seq+1) {
			return
		}
	}
}

// Get implements disposition.Register.
func (r register) Get(ctx context.Context, kind disposition.Kind, id string) (disposition.Entry, error) {
	e, err := r.cat.Entry(ctx, string(kind), id)
	return entryOf(e), err
}

// Each implements disposition.Register.
func (r register) Each(ctx context.Context, kind disposition.Kind, f func(disposition.Entry) error, states ...string) error {
	es, err := r.cat.EntriesIn(ctx, string(kind), states...)
	if err != nil {
		return err
	}
	for _, e := range es {
		if err := f(entryOf(e)); err != nil {
			return err
		}
	}
	return nil
}

// entryOf is a register entry as the desk reads it. A hold of an archive made
// before holds had scopes binds its chart.
func entryOf(e catalog.Entry) disposition.Entry {
	out := disposition.Entry{Kind: disposition.Kind(e.Kind), ID: e.ID, State: e.State, At: e.At, Body: e.Body}
	if out.Kind != disposition.KindHold || len(e.Chart) == 0 {
		return out
	}
	var old struct {
		Matter     string       `json:"matter"`
		Reason     string       `json:"reason"`
		Chart      string       `json:"chart"`
		PlacedBy   record.Actor `json:"placed_by"`
		ReleasedAt time.Time    `json:"released_at"`
		ReleasedBy record.Actor `json:"released_by"`
	}
	id, err := record.ParseID(e.ID)
	if err != nil || json.Unmarshal(e.Body, &old) != nil {
		return out
	}
	b := disposition.HoldBody{Hold: record.Hold{ID: id, Kind: record.HoldLegal, Matter: old.Matter, Reason: old.Reason, PlacedBy: old.PlacedBy, PlacedAt: e.At,
		Scope: record.HoldScope{Charts: [][]byte{e.Chart}}, ReleasedAt: old.ReleasedAt}, Numbers: []string{old.Chart}}
	if old.ReleasedBy != "" {
		b.ReleasedBy = []record.Actor{old.ReleasedBy}
	}
	out.Body = mustJSON(b)
	return out
}

// registers reports whether a log entry carries a register entry to replay.
func registers(a audit.Action) bool {
	return a == audit.ActKeysDrill || a == audit.ActChartsLinked || a == audit.ActChartsUnlinked || a == audit.ActPatients || a == audit.ActUser || a == audit.ActCorrection || a == audit.ActApproverKey || a == audit.ActEmergency || a == audit.ActRestricted || a == audit.ActImport || a == audit.ActRescan || a == audit.ActBatchMarked || a == audit.ActSavedSearch || a == audit.ActRequest || a == audit.ActDisclosed || slices.Contains(disposition.Events(), disposition.Event(a))
}

// clocks implements disposition.Clock.
type clocks struct{ *app }

// Now implements disposition.Clock.
func (c clocks) Now() time.Time { return c.now() }

// All implements disposition.Clock.
func (c clocks) All(ctx context.Context) ([]time.Time, error) {
	out := []time.Time{c.now()}
	if s, ok := c.docs.(blob.Clock); ok {
		t, err := s.Now(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// Seen implements disposition.Clock: the time of the log's last entry.
func (c clocks) Seen(context.Context) (time.Time, error) {
	n := c.arch.Log.Size()
	if n == 0 {
		return time.Time{}, nil
	}
	lines, err := c.arch.Log.Lines(n-1, n)
	if err != nil {
		return time.Time{}, err
	}
	var e audit.Entry
	err = json.Unmarshal(lines[0], &e)
	return e.Time, err
}

// Jumped implements disposition.Clock: the monotonic clock tells when the wall
// clock was moved under us.
func (c clocks) Jumped() time.Duration {
	began := *c.began.Load()
	return c.now().Round(0).Sub(began.Round(0)) - time.Since(began)
}

// Trust implements disposition.Clock: people have looked. Every server's own clock is
// meant.
func (c clocks) Trust() {
	c.trust()
	c.thawed.Add()
}

func (c clocks) trust() {
	now := time.Now()
	c.began.Store(&now)
}
