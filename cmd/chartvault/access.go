package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chartvault/accounts"
	"chartvault/audit"
	"chartvault/record"
	"chartvault/search"
)

// accessParams ask who saw a chart.
type accessParams struct {
	Chart string      `json:"chart"`
	From  record.Date `json:"from,omitzero"` // day of the first; since ever when not given
}

// accessLine is one access to a chart, as the log has it.
type accessLine struct {
	Seq      int64        `json:"seq"`
	At       string       `json:"at"`
	Actor    record.Actor `json:"actor"`
	Purpose  string       `json:"purpose,omitempty"`
	Act      audit.Action `json:"act"`
	Document string       `json:"document,omitempty"`
	What     string       `json:"what,omitempty"` // what of the document
}

// accessBody is what entries about a chart say of it.
type accessBody struct {
	Actor   record.Actor `json:"actor"`
	Purpose string       `json:"purpose"`
	Chart   string       `json:"chart"`
	Member  string       `json:"member"`
	For     string       `json:"for"`
	Charts  []string     `json:"charts"` // of a pull list
	Query   string       `json:"query"`  // of a search
}

// opAccess lists from the log who looked a chart up, searched in it, was given something
// of it or was turned away, under whichever number of its person, oldest first. A
// search over all charts names none, and is not in it, but for what was opened of what
// it found; what was destroyed since is not known any more by its document. It is an
// entry of the log itself.
func (a *app) opAccess(ctx context.Context, r asked, out func(any) error) error {
	var p accessParams
	if err := r.params(&p); err != nil {
		return err
	}
	n, err := record.ParseChartNumber(p.Chart)
	if err != nil {
		return err
	}
	all, err := a.numbers(ctx, n)
	if err != nil {
		return err
	}
	var numbers []string
	for _, o := range all {
		numbers = append(numbers, o.Canonical())
	}
	// Whoever opens charts is told nothing of one that is shut to them; whoever only
	// audits sees no chart, and is told who did.
	opens, err := a.may(ctx, r.Actor, accounts.OpenChart)
	if err != nil {
		return err
	}
	if opens {
		if err := a.mayOpenNumber(ctx, r.Actor, "access", n); err != nil {
			return err
		}
	}
	rows, err := a.ofPerson(ctx, n)
	if err != nil {
		return err
	}
	documents := map[string]bool{}
	for _, row := range rows {
		documents[row.ID.String()] = true
		for _, s := range a.made.Load().before(row.ID) { // who saw what it was made of saw it
			documents[s.String()] = true
		}
	}
	if err := a.arch.Journal(ctx, audit.ActAccessListed, "", map[string]any{"actor": r.Actor, "chart": n.Reveal()}); err != nil {
		return err
	}
	return a.entries(0, func(e audit.Entry) error {
		l, ok, err := a.access(ctx, e, numbers, documents)
		if err != nil || !ok || p.From.After(record.DateOf(e.Time.In(a.releases.Zone))) {
			return err
		}
		return out(l)
	})
}

// access is an entry of the log as an access to a chart; ok is false for one that is
// none.
func (a *app) access(ctx context.Context, e audit.Entry, numbers []string, documents map[string]bool) (l accessLine, ok bool, err error) {
	switch e.Action {
	case audit.ActDocumentRead, audit.ActReleased:
		ok = documents[e.Object] || documents[e.Key]
	case audit.ActLookup, audit.ActTurnedAway, audit.ActAccounting, audit.ActPullList, audit.ActSearch:
		ok = true
	}
	if !ok {
		return l, false, nil
	}
	var b accessBody
	switch err := a.arch.OpenBody(ctx, e, &b); {
	case errors.Is(err, record.ErrDestroyed):
		return l, false, nil
	case errors.Is(err, record.ErrCorrupt): // of which chart it was is not known: rather one too many
		b.Actor, b.Charts = "not readable: damaged", numbers
	case err != nil:
		return l, false, fmt.Errorf("access: %w", err)
	}
	l = accessLine{Seq: e.Seq, At: e.Time.Format("2006-01-02T15:04:05Z07:00"), Actor: b.Actor, Purpose: b.Purpose, Act: e.Action, What: b.Member}
	if documents[e.Object] {
		l.Document = e.Object
	}
	if e.Action == audit.ActDocumentRead || e.Action == audit.ActReleased || l.Document != "" {
		return l, true, nil
	}
	l.What = b.For
	return l, slices.ContainsFunc(b.charts(), func(n string) bool { return slices.Contains(numbers, n) }), nil
}

// charts are the charts that an entry names, in canonical form: by their number, in a
// list, or as what a search narrowed to.
func (b accessBody) charts() (out []string) {
	for _, s := range append(b.Charts, b.Chart) {
		if c, err := record.ParseChartNumber(s); err == nil {
			out = append(out, c.Canonical())
		}
	}
	if q, err := search.Parse(b.Query); b.Query != "" && err == nil {
		q.Charts(func(n string) []record.ChartNumber {
			out = append(out, n)
			return nil
		})
	}
	return out
}
