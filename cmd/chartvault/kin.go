package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
	"chartvault/retention"
)

// kin says which chart numbers are one person's, as tokens: those the patient
// list puts in one row, and those people linked here. It is a snapshot.
type kin struct {
	groups map[string][]string // of each number that is not alone: all of them
}

// of returns the tokens of the person a chart belongs to, the chart's own first.
func (k *kin) of(token string) []string {
	out := []string{token}
	if k == nil {
		return out
	}
	for _, t := range k.groups[token] {
		if t != token {
			out = append(out, t)
		}
	}
	return out
}

// all adds to chart tokens those of the same persons.
func (k *kin) all(tokens [][]byte) [][]byte {
	var out [][]byte
	seen := map[string]bool{}
	for _, t := range tokens {
		for _, u := range k.of(string(t)) {
			if !seen[u] {
				seen[u] = true
				out = append(out, []byte(u))
			}
		}
	}
	return out
}

// join makes one person of two sets of numbers.
func (k *kin) join(tokens ...string) {
	var all []string
	for _, t := range tokens {
		for _, u := range k.of(t) {
			if !slices.Contains(all, u) {
				all = append(all, u)
			}
		}
	}
	if len(all) < 2 {
		return
	}
	for _, t := range all {
		k.groups[t] = all
	}
}

// kindLink is the register of links between chart numbers; its entries are
// stateLinked or stateUndone.
const (
	kindLink    = "link"
	stateLinked = "linked"
	stateUndone = "undone"
)

// chartLink is a link: two numbers of one person, found out after papers had
// been filed under both. It changes nothing that is stored, so that it can be
// undone.
type chartLink struct {
	ID       string       `json:"id"`
	Charts   [2]string    `json:"charts"` // canonical numbers
	Reason   string       `json:"reason"`
	By       record.Actor `json:"by"`
	UndoneBy record.Actor `json:"undone_by,omitempty"`
	State    string       `json:"state"`
}

// links returns the links in a state, all when none is named.
func (a *app) links(ctx context.Context, states ...string) ([]chartLink, error) {
	es, err := a.cat.EntriesIn(ctx, kindLink, states...)
	if err != nil {
		return nil, err
	}
	var out []chartLink
	for _, e := range es {
		var l chartLink
		if err := json.Unmarshal(e.Body, &l); err != nil {
			return nil, err
		}
		l.ID, l.State = e.ID, e.State
		out = append(out, l)
	}
	return out, nil
}

// relate works out anew whose numbers are whose.
func (a *app) relate(ctx context.Context) error {
	a.readMu.Lock()
	defer a.readMu.Unlock()
	k := &kin{groups: map[string][]string{}}
	if list := a.patients.Load(); list != nil {
		list.Each(func(charts []record.ChartNumber) {
			var tokens []string
			for _, n := range charts {
				tokens = append(tokens, string(a.cat.ChartToken(n)))
			}
			k.join(tokens...)
		})
	}
	ls, err := a.links(ctx, stateLinked)
	if err != nil {
		return err
	}
	for _, l := range ls {
		var tokens []string
		for _, c := range l.Charts {
			n, err := record.ParseChartNumber(c)
			if err != nil {
				return err
			}
			tokens = append(tokens, string(a.cat.ChartToken(n)))
		}
		k.join(tokens...)
	}
	a.relatives.Store(k)
	return nil
}

// separated returns the numbers that had kin before and have lost some of it.
func (k *kin) separated(before *kin) [][]byte {
	var out [][]byte
	if before == nil {
		return nil
	}
	for t, group := range before.groups {
		now := k.of(t)
		if slices.ContainsFunc(group, func(o string) bool { return !slices.Contains(now, o) }) {
			out = append(out, []byte(t))
		}
	}
	return out
}

// apart holds the numbers that lost kin since: what their union kept may be due
// now, and that one person must not bring about. Two people release the hold.
func (a *app) apart(ctx context.Context, who record.Actor, before *kin, why string) error {
	lost := a.relatives.Load().separated(before)
	if len(lost) == 0 {
		return nil
	}
	slices.SortFunc(lost, bytes.Compare)
	_, err := a.desk.PlaceHold(ctx, who, record.Hold{Kind: record.HoldMerge, Matter: "chart numbers set apart", Reason: why, Scope: record.HoldScope{Charts: lost}}, nil)
	return err
}

// relateAnew does so after something changed: the holds follow at once.
func (a *app) relateAnew(ctx context.Context) error {
	a.kinMu.Lock()
	defer a.kinMu.Unlock()
	if err := a.relate(ctx); err != nil {
		return err
	}
	a.kinned.Add()
	a.moved.Add()
	a.bound.Add()
	es, err := a.cat.EntriesIn(ctx, "hold")
	if err != nil {
		return err
	}
	for _, e := range es {
		if err := a.bindHold(ctx, entryOf(e)); err != nil {
			return err
		}
	}
	es, err = a.cat.EntriesIn(ctx, kindRequest)
	if err != nil {
		return err
	}
	for _, e := range es {
		if err := a.bindRequest(ctx, e.ID); err != nil {
			return err
		}
	}
	return nil
}

// putLink writes a link down, log first, and lets it take effect.
func (a *app) putLink(ctx context.Context, action audit.Action, who record.Actor, l chartLink) error {
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return a.enter(ctx, action, who, catalog.Entry{Kind: kindLink, ID: l.ID, State: l.State, At: a.now().UTC(), Body: body})
}

// numbers returns every number of a chart's person, its own first.
func (a *app) numbers(ctx context.Context, n record.ChartNumber) ([]record.ChartNumber, error) {
	ls, err := a.links(ctx, stateLinked)
	if err != nil {
		return nil, err
	}
	list := a.patients.Load()
	out, seen := []record.ChartNumber{n}, map[string]bool{n.Canonical(): true}
	add := func(o record.ChartNumber) {
		if !seen[o.Canonical()] {
			seen[o.Canonical()] = true
			out = append(out, o)
		}
	}
	for i := 0; i < len(out); i++ { // out grows
		if list != nil {
			who, _ := list.Find(out[i].Canonical())
			for _, o := range who.Numbers {
				add(o.Chart)
			}
		}
		for _, l := range ls {
			if !slices.Contains(l.Charts[:], out[i].Canonical()) {
				continue
			}
			for _, c := range l.Charts {
				o, err := record.ParseChartNumber(c)
				if err != nil {
					return nil, err
				}
				add(o)
			}
		}
	}
	return out, nil
}

// elsewhere says where the patient list knows other parts of a chart, under any of
// its person's numbers.
func (a *app) elsewhere(all []record.ChartNumber) (out []string) {
	list := a.patients.Load()
	if list == nil {
		return nil
	}
	for _, n := range all {
		if p, _ := list.Find(n.Canonical()); p.Elsewhere != "" && !slices.Contains(out, p.Elsewhere) {
			out = append(out, p.Elsewhere)
		}
	}
	return out
}

// person gathers all that is known of the person of a chart: the facts under
// each of the numbers, and every document under any of them.
func (a *app) person(ctx context.Context, token []byte) (*retention.Chart, []catalog.Row, error) {
	var known []catalog.Facts
	var rows []catalog.Row
	for i, t := range a.relatives.Load().of(string(token)) {
		ch, err := a.cat.ChartByToken(ctx, []byte(t))
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return nil, nil, err
		}
		some, err := a.cat.OfToken(ctx, []byte(t))
		if err != nil {
			return nil, nil, err
		}
		if i > 0 && len(some) == 0 && len(ch.Facts.Known)+len(ch.Facts.Encounters) == 0 {
			continue // nothing was ever filed or said under that number
		}
		known, rows = append(known, ch.Facts), append(rows, some...)
	}
	var charts []*retention.Chart
	for _, f := range known { // each with the evidence of all the documents
		charts = append(charts, resolve(f, rows))
	}
	return retention.Union(charts...), rows, nil
}
