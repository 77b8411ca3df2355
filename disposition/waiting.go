package disposition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// Waiting is a document that is due and still there, and the reason.
type Waiting struct {
	Document record.ID   `json:"document"`
	Type     string      `json:"type"`
	Class    string      `json:"class"`
	Pages    int         `json:"pages"`
	Due      record.Date `json:"due"`
	Plan     string      `json:"plan,omitempty"`
	Why      string      `json:"why"` // what it waits for, in words
}

// Waiting calls f for every document that is due, with what it waits for:
// nothing that is due stays without a named reason.
func (d *Desk) Waiting(ctx context.Context, f func(Waiting) error) error {
	return d.waiting(ctx, f, func(s *retention.Schedule, today record.Date, tell func(Document) error) error {
		return d.Holdings.Due(ctx, s, today, tell)
	})
}

// WaitingOf calls f with those of some documents that are due today, in their
// order, as Waiting does.
func (d *Desk) WaitingOf(ctx context.Context, docs []record.ID, f func(Waiting) error) error {
	return d.waiting(ctx, f, func(s *retention.Schedule, today record.Date, tell func(Document) error) error {
		for _, id := range docs {
			doc, err := d.Holdings.Look(ctx, s, id, today)
			switch {
			case errors.Is(err, record.ErrDestroyed), errors.Is(err, ErrUnfinished), errors.Is(err, record.ErrNotFound):
				continue // it ended since it was found
			case err != nil:
				return err
			case doc.Decision.Verdict != retention.Due:
				continue
			}
			if err := tell(doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// waiting says of each due document that list names what it waits for.
func (d *Desk) waiting(ctx context.Context, f func(Waiting) error, list func(s *retention.Schedule, today record.Date, tell func(Document) error) error) error {
	d.turn().Lock()
	defer d.turn().Unlock()
	now := d.now()
	s, err := d.inForce(ctx, now)
	if err != nil {
		return err
	}
	whole, plans, err := d.reasons(ctx, s, now)
	if err != nil {
		return err
	}
	guarded, err := d.canaryCharts(ctx)
	if err != nil {
		return err
	}
	type coreOf struct{ class, chart string }
	cores := map[coreOf]bool{} // looked at once for each chart: it reads a document back
	today := s.Today(now)
	return list(s, today, func(doc Document) error {
		w := Waiting{Document: doc.Subject.Document, Type: doc.Subject.Type, Class: doc.Decision.Class, Pages: doc.Subject.Pages, Due: doc.Decision.Due,
			Why: "no plan lists it: make one"}
		if p, ok := plans[w.Document]; ok {
			w.Plan, w.Why = p.id, p.why
		}
		if doc.Decision.Action == retention.ReduceToCore {
			k := coreOf{doc.Decision.Core, doc.Subject.Chart}
			if _, ok := cores[k]; !ok {
				if cores[k], err = d.Holdings.Core(ctx, s, doc, today, func(id record.ID) bool { return plans[id].id != "" }); err != nil {
					return err
				}
			}
			if !cores[k] {
				w.Why = "its chart keeps no document of " + doc.Decision.Core + ": file its core first"
			}
		}
		switch {
		case guarded[doc.Subject.Chart]:
			w.Why = "it belongs to a canary chart: no plan is made or executed while it is due"
		case whole != "":
			w.Why = whole
		}
		return f(w)
	})
}

// planned is what a document in a plan waits for.
type planned struct{ id, why string }

// reasons finds what everything waits for, or "", and what each plan does.
func (d *Desk) reasons(ctx context.Context, s *retention.Schedule, now time.Time) (string, map[record.ID]planned, error) {
	whole := ""
	f, err := d.frozen(ctx)
	if err != nil {
		return "", nil, err
	}
	if f != nil {
		whole = "destruction is frozen: " + f.Why
	}
	as, err := d.Approvers(ctx)
	if err != nil {
		return "", nil, err
	}
	plans := map[record.ID]planned{}
	err = d.Plans(ctx, func(e Entry, b PlanBody) error {
		items, err := d.Items(ctx, b.Plan)
		if err != nil {
			return err
		}
		why := d.planWhy(e, b, s, as, now)
		for _, it := range items {
			plans[it.Document] = planned{e.ID, why}
		}
		return nil
	}, PlanReview, PlanOpen, PlanExecuting)
	return whole, plans, err
}

func (d *Desk) planWhy(e Entry, b PlanBody, s *retention.Schedule, as []Approver, now time.Time) string {
	switch e.State {
	case PlanReview:
		return "its plan is under review"
	case PlanExecuting:
		return fmt.Sprintf("its plan is being executed, up to %d documents a day", d.Terms.DailyCap)
	}
	err := Ready(b, s, as, d.Terms, now)
	switch {
	case err == nil:
		return "its plan is ready and is executed next"
	case errors.Is(err, record.ErrDenied):
		return "its plan cannot be executed, cancel it: " + err.Error()
	}
	return err.Error()
}
