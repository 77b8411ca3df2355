package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/correct"
	"chartvault/ocr"
	"chartvault/record"
	"chartvault/release"
)

// The registers of requests and disclosures. The states of a request's entries
// are release's; all disclosures are stateKnown.
const (
	kindRequest    = "request"
	kindDisclosure = "disclosure"
)

// newReleases wires the desk for requests to the archive.
func (a *app) newReleases() (*release.Desk, error) {
	rules, err := a.cfg.releaseRules()
	if err != nil {
		return nil, err
	}
	return &release.Desk{Acts: &turn{a: a, name: "requests"}, Register: requests{a}, Charts: requests{a}, Rules: rules, State: strings.ToUpper(a.cfg.Release.State), Now: a.now, Zone: time.Local}, nil
}

// releaseRules are the site's own, or the program's.
func (c *config) releaseRules() (*release.Rules, error) {
	if c.Release.Rules == "" {
		return release.DefaultRules()
	}
	b, err := os.ReadFile(c.path(c.Release.Rules))
	if err != nil {
		return nil, fmt.Errorf("release.rules: %w", err)
	}
	return release.ParseRules(string(b))
}

// letters are the site's own; nil for none.
func (c *config) letters() fs.FS {
	if c.Release.Letters == "" {
		return nil
	}
	return os.DirFS(c.path(c.Release.Letters))
}

// requests implements release.Register and release.Charts on catalogue and log.
type requests struct{ *app }

// Request implements release.Register.
func (q requests) Request(ctx context.Context, id string) (r release.Request, err error) {
	e, err := q.cat.Entry(ctx, kindRequest, id)
	if err != nil {
		return r, err
	}
	return r, into(e, &r)
}

// into reads an entry's body.
func into(e catalog.Entry, v any) error {
	if err := json.Unmarshal(e.Body, v); err != nil {
		return fmt.Errorf("%s %s: %w: %w", e.Kind, e.ID, record.ErrCorrupt, err)
	}
	return nil
}

// Requests implements release.Register.
func (q requests) Requests(ctx context.Context, f func(release.Request) error, states ...release.State) error {
	var names []string
	for _, s := range states {
		names = append(names, string(s))
	}
	es, err := q.cat.EntriesIn(ctx, kindRequest, names...)
	return eachEntry(es, err, f)
}

func eachEntry[T any](es []catalog.Entry, err error, f func(T) error) error {
	if err != nil {
		return err
	}
	for _, e := range es {
		var v T
		if err := into(e, &v); err != nil {
			return err
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// PutRequest implements release.Register. A request keeps the time it was taken
// in hand, so that requests stay in their order.
func (q requests) PutRequest(ctx context.Context, who record.Actor, r release.Request) error {
	return q.enter(ctx, audit.ActRequest, who, catalog.Entry{Kind: kindRequest, ID: r.ID, State: string(r.State), At: r.Log[0].At, Body: mustJSON(r)})
}

// Disclosures implements release.Register.
func (q requests) Disclosures(ctx context.Context, f func(release.Disclosure) error) error {
	es, err := q.cat.Entries(ctx, kindDisclosure)
	return eachEntry(es, err, f)
}

// PutDisclosure implements release.Register.
func (q requests) PutDisclosure(ctx context.Context, who record.Actor, d release.Disclosure) error {
	return q.enter(ctx, audit.ActDisclosed, who, catalog.Entry{Kind: kindDisclosure, ID: d.ID, State: stateKnown, At: d.At, Body: mustJSON(d)})
}

// Count implements release.Register.
func (q requests) Count(ctx context.Context) (requests, disclosures int, err error) {
	if requests, err = q.cat.CountEntries(ctx, kindRequest); err != nil {
		return 0, 0, err
	}
	disclosures, err = q.cat.CountEntries(ctx, kindDisclosure)
	return requests, disclosures, err
}

// Same implements release.Charts.
func (q requests) Same(x, y string) bool {
	a, err := record.ParseChartNumber(x)
	if err != nil {
		return false
	}
	b, err := record.ParseChartNumber(y)
	if err != nil {
		return false
	}
	to := string(q.cat.ChartToken(b))
	for _, t := range q.relatives.Load().of(string(q.cat.ChartToken(a))) {
		if t == to {
			return true
		}
	}
	return q.sameChart(a, b)
}

// Holdings implements release.Charts. What is sensitive is read off the pages'
// words each time: nothing of it is kept anywhere.
func (q requests) Holdings(ctx context.Context, charts []string, labels func(typ, text string) []string) ([]release.Holding, error) {
	var out []release.Holding
	open, err := q.corrections(ctx, correct.Proposed, correct.Agreed, correct.Closing)
	if err != nil {
		return nil, err
	}
	seen, moving := map[record.ID]bool{}, map[record.ID]bool{}
	for _, c := range open {
		for _, id := range c.Sources {
			moving[id] = true
		}
	}
	for _, c := range charts {
		n, err := record.ParseChartNumber(c)
		if err != nil {
			return nil, err
		}
		rows, err := q.ofPerson(ctx, n)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if seen[row.ID] || row.State == record.DocumentSuperseded {
				continue
			}
			seen[row.ID] = true
			h, err := q.holding(ctx, row, labels)
			if err != nil {
				return nil, err
			}
			h.Moving = moving[row.ID]
			out = append(out, h)
		}
	}
	return out, nil
}

// holding is a document as a request sees it. One that is damaged is there, and
// cannot be given.
func (q requests) holding(ctx context.Context, row catalog.Row, labels func(typ, text string) []string) (release.Holding, error) {
	h := release.Holding{ID: row.ID, Type: row.Type, Service: row.ServiceDate, Pages: row.Pages, State: row.State}
	if row.State == record.DocumentDestroyed || row.State == record.DocumentDestroying {
		h.DestroyedOn = record.DateOf(row.DestroyedAt)
		law, err := q.under(ctx, row)
		h.Under = fmt.Sprintf("certificate %s, %s", row.Certificate, law)
		return h, err
	}
	s, err := q.arch.Load(ctx, row.ID, row.Version)
	if finding(err) {
		h.Unread = true
		return h, nil
	}
	if err != nil {
		return h, err
	}
	pages, err := texts(s.Manifest)
	if err != nil {
		return h, err
	}
	for i, p := range pages {
		if ls := labels(row.Type, said(p)); len(ls) > 0 {
			if h.Labels == nil {
				h.Labels = map[int][]string{}
			}
			h.Labels[i+1] = ls
		}
	}
	for _, p := range s.Manifest.Pages {
		for _, d := range p.Doubts {
			h.Unread = h.Unread || d == record.DoubtUnreadPage
		}
	}
	return h, nil
}

// said is what a page says, in one line.
func said(p ocr.PageText) string {
	var b bytes.Buffer
	for _, w := range p.Words {
		b.WriteString(w.Text)
		b.WriteByte(' ')
	}
	return b.String()
}

// bindRequest has an open request hold its charts: nothing of them ends while it
// is answered.
func (a *app) bindRequest(ctx context.Context, id string) error {
	a.askedMu.Lock() // what is bound is the request as it is, and whose numbers are whose now
	defer a.askedMu.Unlock()
	e, err := a.cat.Entry(ctx, kindRequest, id)
	if err != nil {
		return err
	}
	if e.State == string(release.Closed) {
		return a.cat.SetHeld(ctx, e.ID, nil, nil)
	}
	h, err := a.requestHold(e)
	if err != nil {
		return err
	}
	return a.cat.SetHeld(ctx, e.ID, h.Scope.Charts, nil)
}

// requestHold is the hold that an open request is.
func (a *app) requestHold(e catalog.Entry) (h record.Hold, err error) {
	var r release.Request
	if err := into(e, &r); err != nil {
		return h, err
	}
	h = record.Hold{Kind: record.HoldRequest, Matter: r.ID, PlacedAt: e.At}
	for _, c := range r.Charts {
		n, err := record.ParseChartNumber(c)
		if err != nil {
			return h, err
		}
		h.Scope.Charts = append(h.Scope.Charts, a.cat.ChartToken(n))
	}
	h.Scope.Charts = a.relatives.Load().all(h.Scope.Charts)
	return h, nil
}

// openStates are those of requests that are not closed.
func openStates() []string {
	return []string{string(release.Open), string(release.Returned), string(release.Checking), string(release.Approved)}
}

// requestHolds are the holds of all open requests.
func (a *app) requestHolds(ctx context.Context) ([]record.Hold, error) {
	es, err := a.cat.EntriesIn(ctx, kindRequest, openStates()...)
	if err != nil {
		return nil, err
	}
	var out []record.Hold
	for _, e := range es {
		h, err := a.requestHold(e)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// openRequests are the ids of all open requests.
func (a *app) openRequests(ctx context.Context) ([]string, error) {
	es, err := a.cat.EntriesIn(ctx, kindRequest, openStates()...)
	var out []string
	for _, e := range es {
		out = append(out, e.ID)
	}
	return out, err
}

// gone says what of a request's charts is destroyed and may be told, in words.
func (a *app) gone(q release.Request, c release.Class, hs []release.Holding) (out []string) {
	for _, h := range q.Destroyed(a.releases.Rules, c, hs) {
		out = append(out, fmt.Sprintf("%s, %d pages: destroyed on %s under %s", release.Words(h.Type), h.Pages, h.DestroyedOn, h.Under))
	}
	return out
}

// elsewheres says where else parts of charts are, to a requester to whom it may be
// told.
func (a *app) elsewheres(ctx context.Context, class release.Class, charts []string) ([]string, error) {
	if !class.Told() {
		return nil, nil
	}
	return a.heldElsewhere(ctx, charts)
}

// heldElsewhere says where else parts of charts are.
func (a *app) heldElsewhere(ctx context.Context, charts []string) (out []string, err error) {
	for _, c := range charts {
		n, err := record.ParseChartNumber(c)
		if err != nil {
			continue
		}
		all, err := a.numbers(ctx, n)
		if err != nil {
			return nil, err
		}
		for _, w := range a.elsewhere(all) {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out, nil
}
