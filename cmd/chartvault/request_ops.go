package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"chartvault/audit"
	"chartvault/mpi"
	"chartvault/record"
	"chartvault/release"
	"chartvault/search"
)

// requestID names a request.
type requestID struct {
	ID string `json:"id"`
}

// requestLine is a request as it is listed: without the patient.
type requestLine struct {
	ID       string          `json:"id"`
	Kind     release.Kind    `json:"kind"`
	Class    string          `json:"class"`
	For      string          `json:"for"` // the class in words
	State    release.State   `json:"state"`
	Outcome  release.Outcome `json:"outcome,omitempty"`
	Received record.Date     `json:"received"`
	Due      record.Date     `json:"due"`
	Left     int             `json:"days_left"` // of an open one; negative when it is late
	By       record.Actor    `json:"by"`        // who worked on it last
	Pages    int             `json:"pages"`
}

func (a *app) lineOfRequest(r release.Request, c release.Class) requestLine {
	return requestLine{ID: r.ID, Kind: r.Kind, Class: r.Class, For: c.Name, State: r.State, Outcome: r.Outcome, Received: r.Received, Due: r.Due(),
		Left: release.DaysLeft(a.releases.Today(), r.Due()), By: r.Log[len(r.Log)-1].By, Pages: r.Pages()}
}

// requestView is a request whole, as whoever works on it sees it.
type requestView struct {
	requestLine
	Request   release.Request      `json:"request"`
	Rule      release.Class        `json:"rule"`
	Holdings  []release.Holding    `json:"holdings"`
	Obstacles []release.Obstacle   `json:"obstacles,omitempty"`
	Cost      string               `json:"cost,omitempty"`
	FeeCite   string               `json:"fee_cite,omitempty"`
	Elsewhere []string             `json:"elsewhere,omitempty"`
	Version   int                  `json:"version"`           // which a second person checks
	Account   []release.Disclosure `json:"account,omitempty"` // what an accounting lists
	Latest    record.Date          `json:"latest,omitzero"`   // to which the term may be extended
	Hands     bool                 `json:"hands"`             // whoever asks had a hand in it
	Listed    []listedPatient      `json:"listed,omitempty"`  // whom the patient list knows under the charts
}

// listedPatient is whom the patient list knows under a chart number, beside whom
// the request names: the first thing a second person looks at.
type listedPatient struct {
	Name    string      `json:"name"`
	Born    record.Date `json:"born,omitzero"`
	Differs bool        `json:"differs"` // the request names somebody who is not called so, nor nearly so
}

func (a *app) listed(q release.Request) (out []listedPatient) {
	list := a.patients.Load()
	if list == nil {
		return nil
	}
	for _, c := range q.Charts {
		n, err := record.ParseChartNumber(c)
		if err != nil {
			continue
		}
		p, ok := list.Find(n.Canonical())
		if !ok {
			continue
		}
		l := listedPatient{Name: p.Name, Born: p.Born, Differs: true}
		for _, m := range list.Search(mpi.Query{Name: q.Patient}, alikePatients) {
			for _, o := range m.Numbers {
				l.Differs = l.Differs && o.Chart.Canonical() != n.Canonical()
			}
		}
		out = append(out, l)
	}
	return out
}

// alikePatients is how many of those who are called nearly so are looked at.
const alikePatients = 50

// newRequest is what a request is taken in hand with.
type newRequest struct {
	Kind      release.Kind  `json:"kind,omitempty"` // records when not given
	Class     string        `json:"class"`
	Charts    []string      `json:"charts"`
	Patient   string        `json:"patient,omitempty"` // as the request names the patient
	Requester release.Party `json:"requester"`
	Recipient release.Party `json:"recipient,omitzero"` // the requester when not given
	What      string        `json:"what"`               // is asked for
	Purpose   string        `json:"purpose"`
	From      record.Date   `json:"from,omitzero"` // dates of service
	To        record.Date   `json:"to,omitzero"`
	Received  record.Date   `json:"received,omitzero"` // today when not given
}

func (a *app) opRequestNew(ctx context.Context, r asked, out func(any) error) error {
	var p newRequest
	if err := r.params(&p); err != nil {
		return err
	}
	q, err := a.releases.Take(ctx, r.Actor, release.Request{Kind: p.Kind, Class: p.Class, Charts: p.Charts, Patient: p.Patient, Requester: p.Requester, Recipient: p.Recipient,
		What: p.What, Purpose: p.Purpose, From: p.From, To: p.To, Received: p.Received})
	if err != nil {
		return err
	}
	return a.sayRequest(q, out)
}

func (a *app) sayRequest(q release.Request, out func(any) error) error {
	c, err := a.releases.Rules.Class(q.Class)
	if err != nil {
		return err
	}
	return out(a.lineOfRequest(q, c))
}

// opRequestList lists requests, what is due first at the head.
func (a *app) opRequestList(ctx context.Context, r asked, out func(any) error) error {
	var p requestsWanted
	if err := r.params(&p); err != nil {
		return err
	}
	var lines []requestLine
	err := a.releases.List(ctx, p.All || p.State == release.Closed, func(q release.Request, c release.Class) error {
		if p.State == "" || q.State == p.State {
			lines = append(lines, a.lineOfRequest(q, c))
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(lines, func(x, y requestLine) int {
		if xc, yc := x.State == release.Closed, y.State == release.Closed; xc != yc {
			return map[bool]int{true: 1, false: -1}[xc]
		}
		return x.Due.Compare(y.Due)
	})
	for _, l := range lines {
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

// opRequestShow shows a request whole, with what is filed under its charts. That
// it was looked at is logged first.
func (a *app) opRequestShow(ctx context.Context, r asked, out func(any) error) error {
	var p requestID
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.mayAnswer(ctx, r.Actor, "request", p.ID); err != nil {
		return err
	}
	q, c, hs, err := a.releases.Get(ctx, p.ID)
	if err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActReviewed, q.ID, map[string]any{"actor": r.Actor, "documents": len(hs)}); err != nil {
		return err
	}
	cents, fee, err := a.releases.Cost(ctx, q, c)
	if err != nil {
		return err
	}
	v := requestView{requestLine: a.lineOfRequest(q, c), Request: q, Rule: c, Holdings: hs, Cost: release.Dollars(cents), FeeCite: fee.Cite, Version: q.Version}
	if q.State != release.Closed {
		v.Obstacles = q.Obstacles(a.releases.Rules, c, hs, a.releases.Today())
		if q.Term.Extension > 0 && q.Extended == nil && !a.releases.Today().After(q.Term.Due) {
			v.Latest = q.Term.Due.AddDays(q.Term.Extension)
		}
	}
	if v.Elsewhere, err = a.heldElsewhere(ctx, q.Charts); err != nil { // whoever works on it is told where else to look
		return err
	}
	if q.Kind == release.Accounting {
		if v.Account, err = a.accounted(ctx, q.Charts); err != nil {
			return err
		}
		for i, x := range v.Account {
			if v.Account[i], err = a.veiledDisclosure(ctx, r.Actor, x); err != nil {
				return err
			}
		}
	}
	v.Hands, v.Listed = slices.Contains(q.Hands, r.Actor), a.listed(q)
	return out(v)
}

// requestAct is an act on a request; what each wants of it is in its operation.
type requestAct struct {
	ID       string           `json:"id"`
	Grounds  release.Grounds  `json:"grounds,omitzero"`
	Chosen   []release.Choice `json:"chosen,omitempty"`
	Offer    bool             `json:"offer,omitempty"` // choose what the class is offered first
	LeftOut  string           `json:"left_out,omitempty"`
	Document record.ID        `json:"document,omitzero"`
	Page     int              `json:"page,omitempty"`
	Boxes    [][4]int         `json:"boxes,omitempty"`
	Words    string           `json:"words,omitempty"` // to be blacked out wherever they stand on the page
	Class    string           `json:"class,omitempty"`
	Agree    bool             `json:"agree,omitempty"`
	Version  int              `json:"version,omitempty"` // of the request that is checked
	Until    record.Date      `json:"until,omitzero"`
	Outcome  release.Outcome  `json:"outcome,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}

// requestActs are the operations that change a request, by name.
func requestActs() map[string]func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
	return map[string]func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error){
		"request-ground": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Ground(ctx, who, p.ID, p.Grounds)
		},
		"request-choose": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Choose(ctx, who, p.ID, p.Chosen, p.Offer, p.LeftOut)
		},
		"request-redact": (*app).redact,
		"request-clear": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Clear(ctx, who, p.ID, release.Clearance{Document: p.Document, Page: p.Page, Class: p.Class, Why: p.Reason})
		},
		"request-waive": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Waive(ctx, who, p.ID, p.Reason)
		},
		"request-submit": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Submit(ctx, who, p.ID)
		},
		"request-check": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Check(ctx, who, p.ID, p.Version, p.Agree, p.Reason)
		},
		"request-revoke": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Revoke(ctx, who, p.ID, p.Until)
		},
		"request-extend": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Extend(ctx, who, p.ID, p.Until, p.Reason)
		},
		"request-return": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.Return(ctx, who, p.ID, p.Reason)
		},
		"request-end": func(a *app, ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
			return a.releases.End(ctx, who, p.ID, p.Outcome, p.Reason)
		},
	}
}

// requestOps makes operations of the acts on requests.
func requestOps() map[string]op {
	out := map[string]op{}
	for name, f := range requestActs() {
		out[name] = func(a *app, ctx context.Context, r asked, say func(any) error) error {
			var p requestAct
			if err := r.params(&p); err != nil {
				return err
			}
			if err := a.mayAnswer(ctx, r.Actor, name, p.ID); err != nil {
				return err
			}
			q, err := f(a, ctx, r.Actor, p)
			if err != nil {
				return err
			}
			return a.sayRequest(q, say)
		}
	}
	return out
}

// mayAnswer refuses whoever is not named for the charts of a request that are
// restricted.
func (a *app) mayAnswer(ctx context.Context, who record.Actor, what, id string) error {
	q, err := requests{a}.Request(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range q.Charts {
		n, err := record.ParseChartNumber(c)
		if err != nil {
			return err
		}
		if err := a.mayOpen(ctx, attempt{who: who, what: what, token: a.cat.ChartToken(n), chart: n.Reveal(), id: q.ID}); err != nil {
			return err
		}
	}
	return nil
}

// redact blacks out boxes of a page, and words wherever they stand on it.
func (a *app) redact(ctx context.Context, who record.Actor, p requestAct) (release.Request, error) {
	q, _, hs, err := a.releases.Get(ctx, p.ID)
	if err != nil {
		return q, err
	}
	if !slices.ContainsFunc(hs, func(h release.Holding) bool { return h.ID == p.Document }) {
		return q, fmt.Errorf("document %s is not of these charts: %w", p.Document, record.ErrNotFound)
	}
	boxes := p.Boxes
	if p.Words != "" {
		_, s, err := a.toShow(ctx, who, p.Document, "request-redact", a.mayOpen)
		if err != nil {
			return q, err
		}
		pages, err := texts(s.Manifest)
		if err != nil {
			return q, err
		}
		if p.Page < 1 || p.Page > len(pages) {
			return q, fmt.Errorf("document %s has pages 1 to %d: %w", p.Document, len(pages), record.ErrInvalid)
		}
		w, err := search.Parse(p.Words)
		if err != nil {
			return q, err
		}
		found := search.Highlight(pages[p.Page-1], w, true) // also what was read nearly so
		if len(found) == 0 {
			return q, fmt.Errorf("page %d of document %s: %w: these words were not read on it; draw a box over them", p.Page, p.Document, record.ErrNotFound)
		}
		boxes = append(boxes, found...)
	}
	return a.releases.Redact(ctx, who, p.ID, release.Redaction{Document: p.Document, Page: p.Page, Boxes: boxes, Why: p.Reason})
}

// opRequestRules lists who may ask, and what is sensitive.
func (a *app) opRequestRules(_ context.Context, _ asked, out func(any) error) error {
	return out(a.releases.Rules)
}

// letterParams name a letter about a request.
type letterParams struct {
	ID     string `json:"id"`
	Letter string `json:"letter"`
}

// opRequestLetter prints a letter to the requester.
func (a *app) opRequestLetter(ctx context.Context, r asked, out func(any) error) error {
	var p letterParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.mayAnswer(ctx, r.Actor, "request", p.ID); err != nil {
		return err
	}
	q, c, hs, err := a.releases.Get(ctx, p.ID)
	if err != nil {
		return err
	}
	cents, fee, err := a.releases.Cost(ctx, q, c)
	if err != nil {
		return err
	}
	places, err := a.elsewheres(ctx, c, q.Charts)
	if err != nil {
		return err
	}
	l := release.Letter{Facility: a.cfg.Facility, Address: a.cfg.Release.Address, Today: a.releases.Today(), Request: q, Class: c, Missing: q.Grounds.Deficiencies(c, a.releases.Today()),
		Cost: release.Dollars(cents), FeeCite: fee.Cite, Gone: a.gone(q, c, hs), Elsewhere: places, What: q.Describe(hs)}
	var b bytes.Buffer
	if err := l.Print(&b, p.Letter, a.cfg.letters()); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActReviewed, q.ID, map[string]any{"actor": r.Actor, "letter": p.Letter}); err != nil {
		return err
	}
	return out(pdfLine{b.Bytes()})
}
