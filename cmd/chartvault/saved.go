package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
	"chartvault/search"
)

// kindSavedSearch is the register of searches that people kept, by ids of chance; an
// entry counts while it is stateKnown. A query may name a patient: the body is sealed
// like all of them.
const (
	kindSavedSearch = "saved-search"
	stateDropped    = "dropped"
)

// savedSearch is a search that somebody kept.
type savedSearch struct {
	ID    string       `json:"id"`
	Name  string       `json:"name"`
	Query string       `json:"query"`
	By    record.Actor `json:"by"`
}

// mostSaved is how many searches somebody keeps, longName how many characters the
// name of one has at most.
const (
	mostSaved = 50
	longName  = 60
)

// saved lists the searches somebody kept, oldest first.
func (a *app) saved(ctx context.Context, who record.Actor) (out []savedSearch, err error) {
	es, err := a.cat.EntriesIn(ctx, kindSavedSearch, stateKnown)
	err = eachEntry(es, err, func(s savedSearch) error {
		if s.By == who {
			out = append(out, s)
		}
		return nil
	})
	return out, err
}

func (a *app) opSavedSearches(ctx context.Context, r asked, out func(any) error) error {
	ss, err := a.saved(ctx, r.Actor)
	if err != nil {
		return err
	}
	for _, s := range ss {
		if err := out(s); err != nil {
			return err
		}
	}
	return nil
}

// opSavedSearchPut keeps a search for whoever asks.
func (a *app) opSavedSearchPut(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		Name  string `json:"name"`
		Query string `json:"query"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	if p.Name = strings.TrimSpace(p.Name); p.Name == "" || len([]rune(p.Name)) > longName {
		return fmt.Errorf("saved search: %w: give it a name of at most %d characters", record.ErrInvalid, longName)
	}
	if _, err := search.Parse(p.Query); err != nil {
		return err
	}
	ss, err := a.saved(ctx, r.Actor)
	if err != nil {
		return err
	}
	if len(ss) >= mostSaved {
		return fmt.Errorf("saved search: %w: you keep %d already: drop one first", record.ErrInvalid, len(ss))
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return err
	}
	s := savedSearch{id.String(), p.Name, p.Query, r.Actor}
	if err := a.enter(ctx, audit.ActSavedSearch, r.Actor, catalog.Entry{Kind: kindSavedSearch, ID: s.ID, State: stateKnown, At: a.now().UTC().Truncate(time.Millisecond), Body: mustJSON(s)}); err != nil {
		return err
	}
	return out(s)
}

// opSavedSearchDrop drops one that whoever asks kept.
func (a *app) opSavedSearchDrop(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		ID string `json:"id"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	e, err := a.cat.Entry(ctx, kindSavedSearch, p.ID)
	if err != nil {
		return err
	}
	var s savedSearch
	if err := into(e, &s); err != nil {
		return err
	}
	if s.By != r.Actor {
		return fmt.Errorf("saved search %s: %w", p.ID, record.ErrNotFound)
	}
	e.State = stateDropped
	if err := a.enter(ctx, audit.ActSavedSearch, r.Actor, e); err != nil {
		return err
	}
	return out(s)
}
