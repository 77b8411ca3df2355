package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chartvault/accounts"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
	"chartvault/search"
)

// kindRestriction is the register of charts that are shut to whoever is not named
// for them: those of staff, of people in the news, of matters in court.
const (
	kindRestriction = "restriction"
	stateShut       = "shut"
	stateLifted     = "lifted"
)

// restriction shuts charts to everybody but those it names, whatever their roles;
// in an emergency they can be looked at all the same. It shuts what is filed, not what waits
// for a decision about where it belongs.
type restriction struct {
	ID      string       `json:"id"`
	Charts  []string     `json:"charts"` // canonical numbers
	Why     string       `json:"why"`    // from the list
	Matter  string       `json:"matter"` // in words, without names of patients
	Named   []string     `json:"named"`  // users
	By      record.Actor `json:"by"`     // who changed it last
	At      time.Time    `json:"at"`     // it was made
	Changed time.Time    `json:"changed"`
	Lifted  bool         `json:"lifted,omitempty"`
}

// restrictionReasons lists why charts are shut.
func restrictionReasons() []string {
	return []string{"of staff", "of somebody in the news", "matter in court", "sensitive", "asked for by the patient"}
}

// restrictions are those in force, as a snapshot.
type restrictions struct {
	at    uint64                   // changes of what binds documents, as of which it is
	by    map[string][]restriction // by token of each number of the person
	every []restriction
}

// restricted returns the restrictions in force. It is read again only after
// something was written down.
func (a *app) restricted(ctx context.Context) (*restrictions, error) {
	a.shutMu.Lock()
	defer a.shutMu.Unlock()
	at := a.bound.Load()
	if a.shut != nil && a.shut.at == at {
		return a.shut, nil
	}
	out := &restrictions{at: at, by: map[string][]restriction{}}
	es, err := a.cat.EntriesIn(ctx, kindRestriction, stateShut)
	err = eachEntry(es, err, func(r restriction) error {
		var tokens [][]byte
		for _, c := range r.Charts {
			n, err := record.ParseChartNumber(c)
			if err != nil {
				return err
			}
			tokens = append(tokens, a.cat.ChartToken(n))
		}
		for _, t := range a.relatives.Load().all(tokens) { // a person's chart, under whichever number
			out.by[string(t)] = append(out.by[string(t)], r)
		}
		out.every = append(out.every, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("restrictions: %w", err)
	}
	a.shut = out
	return out, nil
}

// names reports whether a restriction names somebody, or binds nobody like them:
// whoever works on the server itself does not sign in.
func (r restriction) names(who record.Actor) bool {
	return signedIn(who) == "" || slices.Contains(r.Named, signedIn(who))
}

// shutTo reports whether a chart is shut to somebody, in an emergency or not.
func (a *app) shutTo(ctx context.Context, who record.Actor, token []byte) (bool, error) {
	rs, err := a.restricted(ctx)
	if err != nil {
		return true, err
	}
	return slices.ContainsFunc(rs.by[string(token)], func(r restriction) bool { return !r.names(who) }), nil
}

// shutFrom lists the restrictions that bind somebody.
func (a *app) shutFrom(ctx context.Context, who record.Actor) ([]restriction, error) {
	rs, err := a.restricted(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(rs.every), func(r restriction) bool { return r.names(who) }), nil
}

// attempt is what somebody asks for.
type attempt struct {
	who   record.Actor
	what  string // operation
	token []byte // of the chart
	chart string // its number, where it was given
	id    string // of the document or request; "" for none
}

// mayOpen refuses somebody to whom a chart is shut, and writes down that they
// tried.
func (a *app) mayOpen(ctx context.Context, t attempt) error {
	shut, err := a.shutTo(ctx, t.who, t.token)
	if err != nil || !shut {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActTurnedAway, t.id, map[string]any{"actor": t.who, "for": t.what, "chart": t.chart}); err != nil {
		return err
	}
	return fmt.Errorf("this chart is restricted: a director can name you for it, and in an emergency it can be looked at all the same: %w", record.ErrDenied)
}

// looks is mayOpen for what opens in an emergency, to look at and nothing else: in
// is what purposeOf found, by which it is recorded too.
func (a *app) looks(in bool) func(context.Context, attempt) error {
	if in {
		return func(context.Context, attempt) error { return nil }
	}
	return a.mayOpen
}

// mayOpenNumber is mayOpen for a chart number.
func (a *app) mayOpenNumber(ctx context.Context, who record.Actor, what string, n record.ChartNumber) error {
	return a.mayOpen(ctx, attempt{who: who, what: what, token: a.cat.ChartToken(n), chart: n.Reveal()})
}

// mayTouch is mayOpen for filed documents.
func (a *app) mayTouch(ctx context.Context, who record.Actor, what string, docs ...record.ID) error {
	for _, id := range docs {
		row, err := a.cat.Document(ctx, id)
		if errors.Is(err, record.ErrNotFound) {
			continue // whoever asks is told so by what follows
		}
		if err != nil {
			return err
		}
		if row.State != record.DocumentFiled {
			continue // it waits for somebody to say where it belongs
		}
		if err := a.mayOpen(ctx, attempt{who: who, what: what, token: row.ChartToken, id: id.String()}); err != nil {
			return err
		}
	}
	return nil
}

// veiled reports whether of a document only that it is there may be said to
// somebody.
func (a *app) veiled(ctx context.Context, who record.Actor, id record.ID) (bool, error) {
	if rs, err := a.shutFrom(ctx, who); err != nil || len(rs) == 0 {
		return err != nil, err
	}
	row, err := a.cat.Document(ctx, id)
	if errors.Is(err, record.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return a.shutTo(ctx, who, row.ChartToken)
}

// veil is what is said of a restricted document instead of what it is.
const veil = "restricted"

// leaveOut has a search find nothing of charts that are shut to somebody: not
// even how many pages.
func (a *app) leaveOut(ctx context.Context, who record.Actor, q *search.Query) error {
	shut, err := a.shutFrom(ctx, who)
	if err != nil {
		return err
	}
	for _, r := range shut {
		for _, c := range r.Charts {
			n, err := record.ParseChartNumber(c)
			if err != nil {
				return err
			}
			all, err := a.numbers(ctx, n)
			if err != nil {
				return err
			}
			q.Without(all)
		}
	}
	return nil
}

// putRestriction writes a restriction down, log first, and lets it take effect.
func (a *app) putRestriction(ctx context.Context, who record.Actor, r restriction) error {
	state := stateShut
	if r.Lifted {
		state = stateLifted
	}
	// Whom it shuts now it shuts, whatever is found out about the numbers later.
	for i := 0; i < len(r.Charts); i++ {
		n, err := record.ParseChartNumber(r.Charts[i])
		if err != nil {
			return err
		}
		all, err := a.numbers(ctx, n)
		if err != nil {
			return err
		}
		for _, o := range all {
			if !slices.Contains(r.Charts, o.Canonical()) {
				r.Charts = append(r.Charts, o.Canonical())
			}
		}
	}
	r.By, r.Changed = who, a.now().UTC().Truncate(time.Millisecond)
	return a.enter(ctx, audit.ActRestricted, who, catalog.Entry{Kind: kindRestriction, ID: r.ID, State: state, At: r.At, Body: mustJSON(r)})
}

// checkNamed refuses names of nobody who could open a chart.
func (a *app) checkNamed(ctx context.Context, names []string) error {
	for _, n := range names {
		u, err := (people{a}).User(ctx, n)
		if errors.Is(err, record.ErrNotFound) {
			return fmt.Errorf("restriction: %w: there is no user %s", record.ErrInvalid, n)
		}
		if err != nil {
			return err
		}
		if !u.May(accounts.OpenChart) && !u.May(accounts.AnswerAsks) {
			return fmt.Errorf("restriction: %w: the roles of %s open no charts", record.ErrInvalid, n)
		}
	}
	return nil
}
