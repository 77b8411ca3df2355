package release

import (
	"context"
	"fmt"
	"slices"

	"chartvault/record"
)

// Submit hands a request to a second person. record.ErrNotReady, naming the
// first obstacle, when it cannot go out as it is.
func (d *Desk) Submit(ctx context.Context, who record.Actor, id string) (Request, error) {
	return d.change(ctx, who, id, "given to a second person", func(r *Request, c Class, hs []Holding) error {
		if err := d.clear(*r, c, hs); err != nil {
			return err
		}
		r.State, r.Submitted = Checking, who
		return nil
	})
}

// clear wants a request without obstacles.
func (d *Desk) clear(r Request, c Class, hs []Holding) error {
	os := r.Obstacles(d.Rules, c, hs, d.Today())
	if len(os) == 0 {
		return nil
	}
	more := ""
	if len(os) > 1 {
		more = fmt.Sprintf("; and %d more", len(os)-1)
	}
	if o := os[0]; o.Page > 0 {
		return fmt.Errorf("request %s: %w: document %s, page %d: %s%s", r.ID, record.ErrNotReady, o.Document, o.Page, o.Why, more)
	}
	return fmt.Errorf("request %s: %w: %s%s", r.ID, record.ErrNotReady, os[0].Why, more)
}

// Check is the second person's word about a version of a request, which is what
// they saw: it may go out as it is, or goes back with a reason. Whoever had a hand
// in it cannot be the second person. record.ErrNotReady when it was changed since.
func (d *Desk) Check(ctx context.Context, who record.Actor, id string, version int, agree bool, why string) (Request, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	r, c, hs, err := d.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State != Checking {
		return r, fmt.Errorf("request %s: %w: it is %s, and waits for nobody's check", id, record.ErrNotReady, r.State)
	}
	r = r.clone()
	if !agree {
		if err := reason("request "+id, why); err != nil {
			return r, err
		}
		r.State, r.Submitted, r.Why = Open, "", why
		return r, d.put(ctx, who, &r, "sent back: "+why)
	}
	if r.Version != version {
		return r, fmt.Errorf("request %s: %w: it was changed since you looked at it; look again", id, record.ErrNotReady)
	}
	if slices.Contains(r.Hands, who) {
		return r, fmt.Errorf("request %s: %w: you had a hand in it; somebody else has to check it", id, record.ErrDenied)
	}
	if err := d.clear(r, c, hs); err != nil {
		return r, err
	}
	if r.Rows, err = d.rows(ctx, r); err != nil {
		return r, err
	}
	r.State, r.Checked, r.Why = Approved, who, ""
	return r, d.put(ctx, who, &r, "checked by a second person")
}

// Extend extends the term, once, by no more than its rule allows, before it is
// over.
func (d *Desk) Extend(ctx context.Context, who record.Actor, id string, until record.Date, why string) (Request, error) {
	return d.keep(ctx, who, id, func(r *Request) (string, error) {
		latest := r.Term.Due.AddDays(r.Term.Extension)
		invalid := func(why string) (string, error) {
			return "", fmt.Errorf("request %s: %w: %s", id, record.ErrInvalid, why)
		}
		switch {
		case r.Term.Extension == 0:
			return invalid("its term cannot be extended (" + r.Term.Cite + ")")
		case r.Extended != nil:
			return invalid("it was extended once, and cannot be again")
		case d.Today().After(r.Term.Due):
			return invalid("its term is over; an extension has to be told before")
		case until.IsZero() || !until.After(r.Term.Due) || until.After(latest):
			return invalid(fmt.Sprintf("it can be extended to %s at the latest (%s)", latest, r.Term.Cite))
		}
		r.Extended = &Extension{Until: until, Reason: why, By: who, On: d.Today()}
		return "extended to " + until.String(), reason("request "+id, why)
	})
}

// keep changes what says nothing about what goes out: a check stays.
func (d *Desk) keep(ctx context.Context, who record.Actor, id string, f func(*Request) (string, error)) (Request, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	r, err := d.Register.Request(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State == Closed {
		return r, closedError(r)
	}
	r = r.clone()
	what, err := f(&r)
	if err != nil {
		return r, err
	}
	return r, d.put(ctx, who, &r, what)
}

// Revoke writes down that the patient revoked an authorisation, also after what it
// allowed has gone out: nothing goes out under it again.
func (d *Desk) Revoke(ctx context.Context, who record.Actor, id string, on record.Date) (Request, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	r, err := d.Register.Request(ctx, id)
	if err != nil {
		return r, err
	}
	if r.Grounds.Authorisation == nil || on.IsZero() || on.After(d.Today()) {
		return r, fmt.Errorf("request %s: %w: give the day on which its authorisation was revoked, which cannot be to come", id, record.ErrInvalid)
	}
	r = r.clone()
	a := *r.Grounds.Authorisation
	a.Revoked = on
	r.Grounds.Authorisation = &a
	return r, d.put(ctx, who, &r, "authorisation revoked on "+on.String())
}

// Return gives a request back to the requester, who has to mend something. Its
// term goes on.
func (d *Desk) Return(ctx context.Context, who record.Actor, id, why string) (Request, error) {
	return d.change(ctx, who, id, "returned to the requester", func(r *Request, _ Class, _ []Holding) error {
		r.State, r.Why = Returned, why
		return reason("request "+id, why)
	})
}

// End closes a request without a disclosure. That there are no records, or that
// all are destroyed, must be so.
func (d *Desk) End(ctx context.Context, who record.Actor, id string, o Outcome, why string) (Request, error) {
	return d.change(ctx, who, id, "closed: "+string(o), func(r *Request, _ Class, hs []Holding) error {
		gone := 0
		for _, h := range hs {
			if h.State == record.DocumentDestroyed || h.State == record.DocumentDestroying {
				gone++
			}
		}
		switch o {
		case Denied, Cancelled:
			if err := reason("request "+id, why); err != nil {
				return err
			}
		case NoRecords:
			if len(hs) > 0 {
				return fmt.Errorf("request %s: %w: there are %d documents under this chart", id, record.ErrInvalid, len(hs))
			}
		case Destroyed:
			if gone == 0 || gone < len(hs) {
				return fmt.Errorf("request %s: %w: of %d documents %d are destroyed", id, record.ErrInvalid, len(hs), gone)
			}
		default:
			return fmt.Errorf("request %s: %w: it ends released, denied, cancelled, with no_records or destroyed", id, record.ErrInvalid)
		}
		r.State, r.Outcome, r.Why = Closed, o, why
		return nil
	})
}
