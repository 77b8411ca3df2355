package main

import (
	"context"
	"slices"
	"strings"

	"chartvault/accounts"
	"chartvault/catalog"
	"chartvault/record"
)

// aboutLine is what stands at the head of a chart: whose it is, and what binds it.
type aboutLine struct {
	Name    string   `json:"name,omitempty"` // as the patient list has it; "" for somebody it does not know
	Born    string   `json:"date_of_birth,omitempty"`
	Numbers []string `json:"numbers,omitempty"` // the person's other chart numbers
	Holds   []string `json:"holds,omitempty"`   // that bind something of it: their kind and matter
}

// about says whose a chart is, by the patient list and by what people linked, and
// what holds bind its documents.
//
// Who may not see holds is told that there are some.
func (a *app) about(ctx context.Context, who record.Actor, n record.ChartNumber, rows []catalog.Row) (aboutLine, error) {
	var l aboutLine
	holds, err := a.may(ctx, who, accounts.SeeHolds)
	if err != nil {
		return l, err
	}
	if list := a.patients.Load(); list != nil {
		if p, ok := list.Find(n.Canonical()); ok {
			l.Name, l.Born = p.Name, p.Born.String()
		}
	}
	all, err := a.numbers(ctx, n)
	if err != nil {
		return l, err
	}
	for _, o := range all {
		if o.Canonical() != n.Canonical() {
			l.Numbers = append(l.Numbers, o.Reveal())
		}
	}
	b, err := a.bindings(ctx)
	if err != nil {
		return l, err
	}
	for _, row := range rows {
		for _, h := range b.holds.Binding(b.subject(row)) {
			say := strings.TrimSuffix(string(h.Kind)+": "+h.Matter, ": ")
			if !holds {
				say = "for a reason that is not yours to see"
			}
			if !slices.Contains(l.Holds, say) {
				l.Holds = append(l.Holds, say)
			}
		}
	}
	return l, nil
}
