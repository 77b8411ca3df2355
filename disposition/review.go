package disposition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"chartvault/record"
	"chartvault/retention"
)

// Wanted says what a plan is to be made of.
type Wanted struct {
	Class      string    // only documents kept longest under this record class; "" for all
	Transfer   *Transfer // hand them to another keeper first; nil to destroy only
	automation string
}

// MakePlan lists what is due and in no other plan, for review. record.ErrNotFound
// when there is nothing.
func (d *Desk) MakePlan(ctx context.Context, who record.Actor, w Wanted) (Entry, PlanBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	return d.makePlan(ctx, who, w)
}

func (d *Desk) makePlan(ctx context.Context, who record.Actor, w Wanted) (Entry, PlanBody, error) {
	fail := func(err error) (Entry, PlanBody, error) { return Entry{}, PlanBody{}, err }
	if t := w.Transfer; t != nil && (t.Recipient == "" || t.Dir == "") {
		return fail(fmt.Errorf("transfer: %w: name the recipient and the folder", record.ErrInvalid))
	}
	at, err := d.agreed(ctx)
	if err != nil {
		return fail(fmt.Errorf("make a plan: %w", err))
	}
	s, err := d.inForce(ctx, at.now)
	if err != nil {
		return fail(err)
	}
	today := s.Today(at.deadlines)
	if err := d.canaries(ctx, s, today); err != nil {
		return fail(err)
	}
	taken, err := d.taken(ctx)
	if err != nil {
		return fail(err)
	}
	id, err := d.newID()
	if err != nil {
		return fail(err)
	}
	p := Plan{ID: id, Action: retention.Destroy, Schedule: s.Version, ScheduleDigest: s.Digest(), MadeBy: who, MadeAt: d.now(),
		Class: w.Class, Automation: w.automation, Transfer: w.Transfer}
	if w.Transfer != nil {
		p.Action = retention.Transfer
	}
	items, err := d.collect(ctx, s, today, &p, taken)
	if err != nil {
		return fail(err)
	}
	if len(items) == 0 {
		return fail(fmt.Errorf("nothing is due that no plan lists: %w", record.ErrNotFound))
	}
	if p.Shares, err = d.shares(ctx, items); err != nil {
		return fail(err)
	}
	p.Items = digest(items)
	e := Entry{Kind: KindPlan, ID: id.String(), State: PlanReview, At: p.MadeAt}
	// The list first: a plan without its list would be in everybody's way.
	list := Entry{Kind: KindItems, ID: e.ID, State: stateActive, At: p.MadeAt}
	if err := d.put(ctx, EventPlanned, who, list, items); err != nil {
		return fail(err)
	}
	b := PlanBody{Plan: p}
	return e, b, d.put(ctx, EventPlanned, who, e, b)
}

// taken returns the documents that other plans list.
func (d *Desk) taken(ctx context.Context) (map[record.ID]bool, error) {
	out := map[record.ID]bool{}
	err := d.Plans(ctx, func(_ Entry, b PlanBody) error {
		items, err := d.Items(ctx, b.Plan)
		for _, it := range items {
			out[it.Document] = true
		}
		return err
	}, PlanReview, PlanOpen, PlanExecuting)
	return out, err
}

// collect finds what is due and sums it up in the plan.
func (d *Desk) collect(ctx context.Context, s *retention.Schedule, today record.Date, p *Plan, taken map[record.ID]bool) ([]Item, error) {
	guarded, err := d.canaryCharts(ctx)
	if err != nil {
		return nil, err
	}
	var items []Item
	charts := map[string]bool{}
	err = d.Holdings.Due(ctx, s, today, func(doc Document) error {
		if taken[doc.Subject.Document] || p.Class != "" && doc.Decision.Class != p.Class {
			return nil
		}
		if guarded[doc.Subject.Chart] {
			return fmt.Errorf("%w: a document of a canary chart would be due", ErrCanary)
		}
		items = append(items, itemOf(doc))
		charts[doc.Subject.Chart] = true
		p.add(doc)
		return nil
	})
	p.Charts = len(charts)
	return items, err
}

func itemOf(doc Document) Item {
	return Item{Document: doc.Subject.Document, Batch: doc.Subject.Batch, Version: doc.Version, Type: doc.Subject.Type, Class: doc.Decision.Class,
		Service: doc.Subject.Service, Pages: doc.Subject.Pages, Bytes: doc.Subject.Bytes, Due: doc.Decision.Due, Action: doc.Decision.Action, Rules: doc.Decision.Rules}
}

func (p *Plan) add(doc Document) {
	p.Documents++
	p.Pages += doc.Subject.Pages
	p.Bytes += doc.Subject.Bytes
	for _, n := range doc.Decision.Notices {
		if !slices.Contains(p.Notices, n) {
			p.Notices = append(p.Notices, n)
		}
	}
}

// shares finds the types a list would end an unusual part of: a rule, a fact
// or a clock may have gone wrong.
func (d *Desk) shares(ctx context.Context, items []Item) ([]Share, error) {
	all, err := d.Holdings.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	ends := map[string]int{}
	for _, it := range items {
		ends[it.Type]++
	}
	var out []Share
	for typ, n := range ends {
		if of := all[typ]; of >= d.Terms.ShareFloor && float64(n) > math.Floor(d.Terms.MaxShare*float64(of)) {
			out = append(out, Share{typ, n, of})
		}
	}
	slices.SortFunc(out, func(a, b Share) int { return cmp.Compare(a.Type, b.Type) })
	return out, nil
}

// Exclude takes a document out of a plan under review.
func (d *Desk) Exclude(ctx context.Context, who record.Actor, plan string, doc record.ID, reason string) (Entry, PlanBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, b, err := d.Plan(ctx, plan)
	if err != nil {
		return e, b, err
	}
	if err := inState(e, PlanReview); err != nil {
		return e, b, err
	}
	if strings.TrimSpace(reason) == "" {
		return e, b, fmt.Errorf("plan %s: %w: say why it is taken out", plan, record.ErrInvalid)
	}
	items, err := d.Items(ctx, b.Plan)
	if err != nil {
		return e, b, err
	}
	i := slices.IndexFunc(items, func(it Item) bool { return it.Document == doc })
	if i < 0 {
		return e, b, fmt.Errorf("plan %s: document %s: %w in it", plan, doc, record.ErrNotFound)
	}
	p := &b.Plan
	p.Excluded = append(p.Excluded, Exclusion{doc, reason, who, d.now()})
	p.Documents, p.Pages, p.Bytes = p.Documents-1, p.Pages-items[i].Pages, p.Bytes-items[i].Bytes
	return e, b, d.put(ctx, EventPlanChanged, who, e, b)
}

// Submit ends the review: from here on the plan does not change. accept says
// why it may end an unusual part of a type, where it would.
func (d *Desk) Submit(ctx context.Context, who record.Actor, plan, accept string) (Entry, PlanBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, b, err := d.Plan(ctx, plan)
	if err != nil {
		return e, b, err
	}
	return d.submit(ctx, who, e, b, accept)
}

func (d *Desk) submit(ctx context.Context, who record.Actor, e Entry, b PlanBody, accept string) (Entry, PlanBody, error) {
	if err := inState(e, PlanReview); err != nil {
		return e, b, err
	}
	p := &b.Plan
	if p.Documents == 0 {
		return e, b, fmt.Errorf("plan %s: %w: nothing is left in it: cancel it", e.ID, record.ErrInvalid)
	}
	if len(p.Shares) > 0 && strings.TrimSpace(accept) == "" {
		return e, b, fmt.Errorf("plan %s: %w: it would end %s: say why that is right, or cancel it", e.ID, record.ErrNotReady, shareWords(p.Shares))
	}
	p.Accepted, p.SubmittedBy, p.SubmittedAt = accept, who, d.now()
	e.State = PlanOpen
	return e, b, d.put(ctx, EventPlanChanged, who, e, b)
}

func shareWords(ss []Share) string {
	parts := make([]string, len(ss))
	for i, s := range ss {
		parts[i] = fmt.Sprintf("%d of %d documents of type %s", s.Ends, s.Of, s.Type)
	}
	return strings.Join(parts, ", ")
}

// Cancel ends a plan that has not begun. One person may.
func (d *Desk) Cancel(ctx context.Context, who record.Actor, plan, why string) (Entry, PlanBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, b, err := d.Plan(ctx, plan)
	if err != nil {
		return e, b, err
	}
	if err := inState(e, PlanReview, PlanOpen); err != nil {
		return e, b, err
	}
	e.State, b.CancelledBy, b.Why, b.Ended = PlanCancelled, who, why, d.now()
	return e, b, d.put(ctx, EventPlanCancelled, who, e, b)
}

// Approve takes one person's approval of a submitted plan.
func (d *Desk) Approve(ctx context.Context, a Approval) (Entry, PlanBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, b, err := d.Plan(ctx, a.ID)
	if err != nil {
		return e, b, err
	}
	if err := inState(e, PlanOpen); err != nil {
		return e, b, err
	}
	as, by, err := d.admit(ctx, b.Plan.question(), b.Approvals, a)
	if err != nil {
		return e, b, err
	}
	if by.is(b.Plan.SubmittedBy) || slices.ContainsFunc(b.Plan.Excluded, func(x Exclusion) bool { return by.is(x.By) }) {
		return e, b, fmt.Errorf("plan %s: %w: who prepares does not approve", a.ID, record.ErrDenied)
	}
	b.Approvals = as
	return e, b, d.put(ctx, EventApproved, by.Actor(), e, b)
}

// Question returns what an approver of a plan signs.
func (d *Desk) Question(ctx context.Context, plan string) (Question, error) {
	e, b, err := d.Plan(ctx, plan)
	if err != nil {
		return Question{}, err
	}
	return b.Plan.question(), inState(e, PlanOpen)
}

// Sample picks up to n items of a plan, spread evenly over its list, to look at
// before it is approved.
func (d *Desk) Sample(ctx context.Context, plan string, n int) ([]Item, error) {
	_, b, err := d.Plan(ctx, plan)
	if err != nil {
		return nil, err
	}
	items, err := d.Items(ctx, b.Plan)
	if err != nil || n <= 0 || len(items) <= n {
		return items, err
	}
	out := make([]Item, n)
	for i := range out {
		out[i] = items[i*len(items)/n]
	}
	return out, nil
}

// isNothing reports whether there was nothing to plan.
func isNothing(err error) bool { return errors.Is(err, record.ErrNotFound) }
