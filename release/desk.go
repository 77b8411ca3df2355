package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"chartvault/record"
)

// Register keeps requests and disclosures and journals every change, with who
// made it, before it is stored. Its one real implementation is the catalogue and
// the log behind it.
type Register interface {
	// Request returns one; record.ErrNotFound when there is none.
	Request(ctx context.Context, id string) (Request, error)
	// Requests calls f for those in one of the states, all when none is named,
	// oldest first.
	Requests(ctx context.Context, f func(Request) error, states ...State) error
	PutRequest(ctx context.Context, who record.Actor, r Request) error
	// Disclosures calls f for all, oldest first.
	Disclosures(ctx context.Context, f func(Disclosure) error) error
	PutDisclosure(ctx context.Context, who record.Actor, d Disclosure) error
	// Count returns how many requests and disclosures there are.
	Count(ctx context.Context) (requests, disclosures int, err error)
}

// Charts is the archive as requests see it.
type Charts interface {
	// Holdings returns every document under every number of the charts, oldest
	// first, with what of it is sensitive.
	Holdings(ctx context.Context, charts []string, labels func(typ, text string) []string) ([]Holding, error)
	// Same reports whether two chart numbers are one patient's.
	Same(x, y string) bool
}

// Desk is where people work on requests. Its methods take one another's turn.
type Desk struct {
	Register Register
	Charts   Charts
	Rules    *Rules
	State    string // postal code of the facility's, for the terms
	Now      func() time.Time
	Zone     *time.Location // of the facility, for days
	Acts     sync.Locker    // the common turn of the desks of several servers; nil for one server

	mu sync.Mutex // one act at a time, where Acts is not set
}

func (d *Desk) turn() sync.Locker {
	if d.Acts != nil {
		return d.Acts
	}
	return &d.mu
}

// Today is the facility's day.
func (d *Desk) Today() record.Date { return record.DateOf(d.Now().In(d.Zone)) }

// Take takes a new request in hand. r says what is asked, by whom and for whom;
// what follows from that is filled in.
func (d *Desk) Take(ctx context.Context, who record.Actor, r Request) (Request, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	if r.Kind == "" {
		r.Kind = Records
	}
	class, err := d.Rules.Class(r.Class)
	if err != nil {
		return r, err
	}
	if r.Received.IsZero() {
		r.Received = d.Today()
	}
	if err := r.check(class, d.Today()); err != nil {
		return r, err
	}
	if r.Recipient.Name == "" {
		r.Recipient = r.Requester
	}
	n, _, err := d.Register.Count(ctx)
	if err != nil {
		return r, err
	}
	key := r.Class
	if r.Kind == Accounting {
		key = accountingClass
	}
	r.ID, r.State, r.Term = fmt.Sprintf("R%06d", n+1), Open, d.Rules.Term(d.State, key, r.Received)
	r.Extended, r.Chosen, r.Redactions, r.Cleared, r.Hands, r.Log = nil, nil, nil, nil, []record.Actor{who}, nil
	r.Submitted, r.Checked, r.Outcome, r.Why, r.Version = "", "", "", "", 0
	return r, d.put(ctx, who, &r, "taken in hand")
}

func (r Request) check(c Class, today record.Date) error {
	invalid := func(why string) error { return fmt.Errorf("request: %w: %s", record.ErrInvalid, why) }
	switch {
	case r.Kind != Records && r.Kind != Accounting:
		return invalid("it is for records or for an accounting")
	case r.Kind == Accounting && c.Authority != ByIdentity && c.Authority != ByRepresentation:
		return invalid("only the patient, or who stands for the patient, is given an accounting")
	case strings.TrimSpace(r.Requester.Name) == "":
		return invalid("say who asks")
	case len(r.Charts) == 0:
		return invalid("give a chart number")
	case strings.TrimSpace(r.What) == "":
		return invalid("say what is asked for")
	case strings.TrimSpace(r.Purpose) == "":
		return invalid("say what for; a patient need give no reason: \"at the patient's request\"")
	case r.Received.After(today):
		return invalid("it cannot be received on a day to come")
	case !r.From.IsZero() && !r.To.IsZero() && r.From.After(r.To):
		return invalid("the first date of service is after the last")
	}
	for _, n := range r.Charts {
		if _, err := record.ParseChartNumber(n); err != nil {
			return err
		}
	}
	return nil
}

// put writes a request down with what was done.
func (d *Desk) put(ctx context.Context, who record.Actor, r *Request, what string) error {
	r.Version++
	r.Log = append(r.Log, Act{d.Now().UTC().Truncate(time.Second), who, what})
	return d.Register.PutRequest(ctx, who, *r)
}

// Get returns a request, its class, and what is filed under its charts.
func (d *Desk) Get(ctx context.Context, id string) (Request, Class, []Holding, error) {
	r, err := d.Register.Request(ctx, id)
	if err != nil {
		return r, Class{}, nil, err
	}
	c, err := d.Rules.Class(r.Class)
	if err != nil {
		return r, c, nil, err
	}
	hs, err := d.Charts.Holdings(ctx, r.Charts, d.Rules.Labels)
	return r, c, hs, err
}

// change lets f change a request that is not closed. Whatever it changes undoes
// a submission and a check: what was checked is what goes out.
func (d *Desk) change(ctx context.Context, who record.Actor, id, what string, f func(*Request, Class, []Holding) error) (Request, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	r, c, hs, err := d.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State == Closed {
		return r, closedError(r)
	}
	r = r.clone()
	r.State, r.Submitted, r.Checked = Open, "", ""
	if !slices.Contains(r.Hands, who) {
		r.Hands = append(r.Hands, who)
	}
	if err := f(&r, c, hs); err != nil {
		return r, err
	}
	return r, d.put(ctx, who, &r, what)
}

func closedError(r Request) error {
	return fmt.Errorf("request %s: %w: it is closed (%s)", r.ID, record.ErrInvalid, r.Outcome)
}

// Ground writes down what a requester's authority rests on. A revocation stays: only
// another authorisation, newly signed, is one without it.
func (d *Desk) Ground(ctx context.Context, who record.Actor, id string, g Grounds) (Request, error) {
	return d.change(ctx, who, id, "authority written down", func(r *Request, _ Class, _ []Holding) error {
		for _, s := range g.Sensitive {
			if _, ok := d.Rules.sensitive(s); !ok {
				return fmt.Errorf("request %s: %w: there is no sensitive class %q", id, record.ErrInvalid, s)
			}
		}
		if g.Document != "" {
			if _, err := record.ParseID(g.Document); err != nil {
				return err
			}
		}
		if old := r.Grounds.Authorisation; old != nil && !old.Revoked.IsZero() {
			switch now := g.Authorisation; {
			case now == nil:
				g.Authorisation = old
			case now.Signed == old.Signed && now.Signer == old.Signer:
				kept := *now
				kept.Revoked, g.Authorisation = old.Revoked, &kept
			}
		}
		r.Grounds = g
		return nil
	})
}

// Choose sets what goes out. offer chooses what the class is offered first.
func (d *Desk) Choose(ctx context.Context, who record.Actor, id string, cs []Choice, offer bool, leftOut string) (Request, error) {
	return d.change(ctx, who, id, "pages chosen", func(r *Request, c Class, hs []Holding) error {
		if r.Kind != Records {
			return fmt.Errorf("request %s: %w: an accounting has no pages to choose", id, record.ErrInvalid)
		}
		if offer {
			r.Chosen, r.LeftOut = r.Offer(d.Rules, c, hs), leftOut
			return nil
		}
		var err error
		r.Chosen, err = cleanChoice(cs, hs)
		r.LeftOut = strings.TrimSpace(leftOut)
		return err
	})
}

// Redact blacks boxes of a page out, besides those that are; no boxes take all of
// them back.
func (d *Desk) Redact(ctx context.Context, who record.Actor, id string, x Redaction) (Request, error) {
	return d.change(ctx, who, id, "page blacked out", func(r *Request, _ Class, hs []Holding) error {
		if err := page(hs, x.Document, x.Page); err != nil {
			return err
		}
		for _, b := range x.Boxes {
			if b[0] >= b[2] || b[1] >= b[3] || b[0] < 0 || b[1] < 0 {
				return fmt.Errorf("redaction: %w: a box has left, top, right, bottom, in this order", record.ErrInvalid)
			}
		}
		if len(x.Boxes) == 0 {
			r.Redactions = slices.DeleteFunc(r.Redactions, func(o Redaction) bool { return o.Document == x.Document && o.Page == x.Page })
			return nil
		}
		x.By = who
		r.Redactions = append(r.Redactions, x)
		return reason("redaction", x.Why)
	})
}

// Clear says of a page that it is not of a sensitive class after all.
func (d *Desk) Clear(ctx context.Context, who record.Actor, id string, x Clearance) (Request, error) {
	return d.change(ctx, who, id, "page found not to be "+x.Class, func(r *Request, _ Class, hs []Holding) error {
		if err := page(hs, x.Document, x.Page); err != nil {
			return err
		}
		if _, ok := d.Rules.sensitive(x.Class); !ok {
			return fmt.Errorf("clearance: %w: there is no sensitive class %q", record.ErrInvalid, x.Class)
		}
		x.By = who
		r.Cleared = append(r.Cleared, x)
		return reason("clearance", x.Why)
	})
}

// page wants a page to be there.
func page(hs []Holding, id record.ID, n int) error {
	i := slices.IndexFunc(hs, func(h Holding) bool { return h.ID == id })
	if i < 0 {
		return fmt.Errorf("document %s is not of these charts: %w", id, record.ErrNotFound)
	}
	if n < 1 || n > hs[i].Pages {
		return fmt.Errorf("document %s has pages 1 to %d: %w", id, hs[i].Pages, record.ErrInvalid)
	}
	return nil
}

// Waive says that nothing is charged; "" takes it back.
func (d *Desk) Waive(ctx context.Context, who record.Actor, id, why string) (Request, error) {
	return d.change(ctx, who, id, "fee waived", func(r *Request, _ Class, _ []Holding) error {
		r.Waived = strings.TrimSpace(why)
		return nil
	})
}

// Cost is what a request costs, in cents, and why.
func (d *Desk) Cost(ctx context.Context, r Request, c Class) (int, Fee, error) {
	id := c.Fee
	if r.Kind == Accounting {
		id = accountingClass
	}
	f, ok := d.Rules.fee(id)
	if !ok || r.Waived != "" {
		return 0, f, nil
	}
	if r.Kind == Accounting { // the first in twelve months is free
		before := false
		err := d.Register.Requests(ctx, func(o Request) error {
			before = before || o.Kind == Accounting && o.ID != r.ID && o.Outcome == Released && o.Received.AddYears(1).After(r.Received) && d.sameCharts(o.Charts, r.Charts)
			return nil
		}, Closed)
		if err != nil || !before {
			return 0, f, err
		}
	}
	return f.Cost(r.Pages()), f, nil
}

func (d *Desk) sameCharts(xs, ys []string) bool {
	return slices.ContainsFunc(xs, func(x string) bool {
		return slices.ContainsFunc(ys, func(y string) bool { return d.Charts.Same(x, y) })
	})
}

// List calls f for requests, all or those that are not closed, oldest first.
func (d *Desk) List(ctx context.Context, all bool, f func(Request, Class) error) error {
	states := []State{Open, Returned, Checking, Approved}
	if all {
		states = nil
	}
	return d.Register.Requests(ctx, func(r Request) error {
		c, err := d.Rules.Class(r.Class)
		if errors.Is(err, record.ErrInvalid) { // of rules before these
			c = Class{ID: r.Class, Name: r.Class}
		}
		return f(r, c)
	}, states...)
}
