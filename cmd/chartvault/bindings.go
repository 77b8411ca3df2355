package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/record"
	"chartvault/retention"
	"chartvault/search"
)

// bindings is what forbids or delays the end of documents, as a snapshot.
type bindings struct {
	at         uint64
	holds      *retention.Holds
	extensions *disposition.Extensions
	kin        *kin
	made       *madeOf
}

// bindings returns the holds and extensions in force. It is read again only
// after something changed.
func (a *app) bindings(ctx context.Context) (*bindings, error) {
	a.boundMu.Lock()
	defer a.boundMu.Unlock()
	at := a.bound.Load()
	if a.binding != nil && a.binding.at == at {
		return a.binding, nil
	}
	holds, err := a.activeHolds(ctx)
	if err != nil {
		return nil, err
	}
	qa, err := a.qaHolds(ctx)
	if err != nil {
		return nil, err
	}
	xs, err := a.desk.Extensions(ctx)
	if err != nil {
		return nil, err
	}
	asked, err := a.requestHolds(ctx)
	if err != nil {
		return nil, err
	}
	held := slices.Concat(holds, qa, asked)
	for i := range held { // a hold on one number of a person is a hold on all
		held[i].Scope.Charts = a.relatives.Load().all(held[i].Scope.Charts)
	}
	if a.listLost.Load() {
		held = append(held, record.Hold{Kind: record.HoldMerge, Matter: "the patient list cannot be had"})
	}
	a.binding = &bindings{at, retention.NewHolds(held), xs, a.relatives.Load(), a.made.Load()}
	return a.binding, nil
}

// activeHolds returns the holds that bind, with what saved searches found.
func (a *app) activeHolds(ctx context.Context) ([]record.Hold, error) {
	found, err := a.cat.Found(ctx)
	if err != nil {
		return nil, err
	}
	var out []record.Hold
	err = a.desk.Holds(ctx, true, func(b disposition.HoldBody) error {
		b.Found = found[b.ID.String()]
		out = append(out, b.Hold)
		return nil
	})
	return out, err
}

// qaHolds holds the charts of which a document waits in QA: what it is may
// change the dates of the others.
func (a *app) qaHolds(ctx context.Context) ([]record.Hold, error) {
	rows, err := a.cat.InState(ctx, record.DocumentQA)
	if err != nil {
		return nil, err
	}
	var out []record.Hold
	for _, r := range rows {
		if len(r.ChartToken) > 0 {
			out = append(out, record.Hold{ID: r.ID, Kind: record.HoldQA, Scope: record.HoldScope{Charts: [][]byte{r.ChartToken}}})
		}
	}
	return out, nil
}

// bindHold keeps what a hold binds where the destruction of a document looks
// at it in the same transaction: whole charts, and what its search finds.
func (a *app) bindHold(ctx context.Context, e disposition.Entry) error {
	b, err := holdOf(e)
	if err != nil {
		return err
	}
	if !b.Active() {
		return a.cat.SetHeld(ctx, e.ID, nil, nil)
	}
	var charts [][]byte
	if s := b.Scope; len(s.Types) == 0 && s.From.IsZero() && s.To.IsZero() && s.Query == "" {
		charts = a.relatives.Load().all(s.Charts)
	}
	if b.Scope.Query == "" {
		return a.cat.SetHeld(ctx, e.ID, charts, nil)
	}
	if a.cat.Shared() && !a.rebuilding {
		// What another server filed is found too.
		if err := a.feed(ctx); err != nil && !finding(err) {
			return err
		}
	}
	_, err = a.setFound(ctx, e.ID, charts, b.Scope.Query)
	return err
}

// heldAs is the change of the catalogue as of which what saved searches find was
// written down: a server whose index is not as far does not write it again.
const heldAs = "held"

// setFound writes down what a saved search finds. done is false where another
// server wrote it down that knew more.
func (a *app) setFound(ctx context.Context, hold string, charts [][]byte, query string) (done bool, err error) {
	a.heldMu.Lock()
	defer a.heldMu.Unlock()
	at := a.fedTo.Load()
	if a.cat.Shared() {
		known, err := a.cat.Reached(ctx, heldAs)
		if err != nil {
			return false, err
		}
		if known > at {
			return false, nil
		}
	}
	docs, err := a.searchHeld(ctx, query)
	if err != nil {
		return false, err
	}
	if err := a.cat.SetHeld(ctx, hold, charts, docs); err != nil || !a.cat.Shared() {
		return true, err
	}
	return true, a.cat.SetProgress(ctx, heldAs, strconv.FormatInt(at, 10))
}

// searchHeld finds every document a saved search means, also by words that
// read nearly the same: a hold rather binds too much.
func (a *app) searchHeld(ctx context.Context, query string) ([]record.ID, error) {
	q, err := search.Parse(query)
	if err != nil {
		return nil, err
	}
	if err := a.widen(ctx, &q); err != nil {
		return nil, err
	}
	return a.index.Documents(ctx, q)
}

// holdArrivals runs the saved searches of active holds again, after documents
// were indexed: what is filed later is held on arrival.
func (a *app) holdArrivals(ctx context.Context) error {
	changed := false
	err := a.desk.Holds(ctx, true, func(b disposition.HoldBody) error {
		if b.Scope.Query == "" {
			return nil
		}
		done, err := a.setFound(ctx, b.ID.String(), nil, b.Scope.Query)
		if err != nil {
			return fmt.Errorf("hold %s: %w", b.ID, err)
		}
		changed = changed || done
		return nil
	})
	if changed {
		a.bound.Add()
	}
	return err
}

// free refuses to have a document corrected that a hold binds: record.ErrHeld.
// Neither what is in doubt nor an open request forbids that a chart is put right.
func (b *bindings) free(row catalog.Row) error {
	for _, h := range b.holds.Binding(b.subject(row)) {
		if h.Kind != record.HoldQA && h.Kind != record.HoldRequest {
			return fmt.Errorf("document %s: it is %w %s", row.ID, record.ErrHeld, h.ID)
		}
	}
	return nil
}

// subject is a document as retention sees it.
func (b *bindings) subject(row catalog.Row) retention.Subject {
	chart := string(row.ChartToken)
	keep := b.extensions.Until(row.ID, chart)
	for _, t := range b.kin.of(chart) {
		if u := b.extensions.Until(row.ID, t); u.After(keep) {
			keep = u
		}
	}
	for _, s := range b.made.before(row.ID) { // who extended a document meant its pages
		if u := b.extensions.Until(s, ""); u.After(keep) {
			keep = u
		}
	}
	return retention.Subject{Document: row.ID, Batch: row.Batch, Chart: chart, Type: row.Type, Service: row.ServiceDate, Pages: row.Pages, Bytes: row.Bytes,
		InQA: row.State == record.DocumentQA || chart == "", KeepUntil: keep}
}

// resolve resolves a chart's facts, with its documents as evidence.
func resolve(f catalog.Facts, rows []catalog.Row) *retention.Chart {
	facts := retention.Facts{Known: f.Known, Encounters: f.Encounters}
	for _, r := range rows {
		if r.ServiceDate.After(facts.LatestService) {
			facts.LatestService = r.ServiceDate
		}
	}
	return facts.Resolve()
}

// decide decides about one document from scratch: stored facts, present holds.
func (a *app) decide(ctx context.Context, s *retention.Schedule, row catalog.Row, today record.Date) (disposition.Document, error) {
	b, err := a.bindings(ctx)
	if err != nil {
		return disposition.Document{}, err
	}
	sub := b.subject(row)
	facts := resolve(catalog.Facts{}, nil)
	if sub.Chart != "" {
		if facts, _, err = a.person(ctx, row.ChartToken); err != nil {
			return disposition.Document{}, err
		}
	}
	return disposition.Document{Subject: sub, Version: row.Version, Decision: s.Decide(sub, facts, b.holds.Binding(sub), today)}, nil
}

// chartsAtOnce is how many charts an evaluation reads at once.
const chartsAtOnce = 500

// eachDocument hands on every document of every chart, in the order of charts
// after one of them, with all that decides about it; page is told the last
// chart of each page, when all before it are done.
func (a *app) eachDocument(ctx context.Context, after []byte, f func(catalog.Row, retention.Subject, *retention.Chart, []record.Hold) error, page func(last []byte) error) error {
	for {
		charts, err := a.cat.Charts(ctx, after, chartsAtOnce)
		if err != nil || len(charts) == 0 {
			return err
		}
		b, err := a.bindings(ctx)
		if err != nil {
			return err
		}
		for _, ch := range charts {
			facts := resolve(ch.Facts, ch.Documents)
			if len(a.relatives.Load().of(string(ch.Token))) > 1 {
				if facts, _, err = a.person(ctx, ch.Token); err != nil {
					return err
				}
			}
			for _, row := range ch.Documents {
				sub := b.subject(row)
				if err := f(row, sub, facts, b.holds.Binding(sub)); err != nil {
					return err
				}
			}
		}
		after = charts[len(charts)-1].Token
		if err := page(after); err != nil {
			return err
		}
	}
}

// goOn is a page nothing is to be done after.
func goOn([]byte) error { return nil }
