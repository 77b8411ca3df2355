package disposition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// Run is what one execution of a plan did.
type Run struct {
	Plan      record.ID `json:"plan"`
	Destroyed int       `json:"destroyed"` // in this run
	Kept      int       `json:"kept"`      // no longer due, or held
	Pending   int       `json:"pending"`   // over the cap, or not come to
	Done      bool      `json:"done"`      // the plan is finished and certified
}

// Execute runs a plan that is ready, or goes on with one that a crash, a fault
// or the daily cap interrupted. Every item is decided again from scratch. It
// stops at the cap and at the first error; calling it again goes on.
func (d *Desk) Execute(ctx context.Context, who record.Actor, plan string) (Run, error) {
	d.running().Lock()
	defer d.running().Unlock()
	r := &run{Desk: d}
	if err := r.begin(ctx, who, plan); err != nil {
		return r.done, err
	}
	if closed, err := r.close(ctx, who); closed || err != nil {
		return r.done, err
	}
	err := r.items(ctx)
	if len(r.ended) > 0 {
		// What was destroyed, in this run or in one that was killed, leaves the
		// caches even when this run was cut short, and before it is certified.
		err = errors.Join(err, d.Holdings.Settle(context.WithoutCancel(ctx)))
	}
	if err != nil || r.done.Pending > 0 {
		return r.done, err
	}
	d.turn().Lock()
	defer d.turn().Unlock()
	if err := r.end(ctx, record.Daemon, PlanDone); err != nil {
		return r.done, err
	}
	return r.done, nil
}

// end closes the plan of a run whose every item is settled: with a certificate
// of what it destroyed, or without one when that is nothing.
func (r *run) end(ctx context.Context, who record.Actor, state string) error {
	if len(r.ended) > 0 {
		// What was kept goes on record before the certificate, from which on
		// nothing more is decided.
		if err := r.put(ctx, EventPlanExecuting, who, r.entry, r.body); err != nil {
			return err
		}
		if err := r.certify(ctx, r); err != nil {
			return err
		}
		state = PlanDone
	} else {
		r.body.Certificate = "" // its number is for the next
	}
	r.entry.State, r.body.Ended = state, r.Desk.now()
	r.done.Done = true
	return r.put(ctx, EventPlanExecuting, who, r.entry, r.body)
}

// close ends a plan whose certificate was issued before a crash: nothing more
// may be destroyed under it.
func (r *run) close(ctx context.Context, who record.Actor) (bool, error) {
	_, err := r.Register.Get(ctx, KindCertificate, r.body.Certificate)
	if isNothing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.entry.State, r.body.Ended, r.done.Done = PlanDone, r.Desk.now(), true
	return true, r.put(ctx, EventPlanExecuting, who, r.entry, r.body)
}

// Stop ends a plan whose execution has begun: what it has not come to is kept,
// what it has begun is finished, and what it destroyed is certified. One person
// may. It is also the way out for a plan whose approval no longer holds.
func (d *Desk) Stop(ctx context.Context, who record.Actor, plan, why string) (Run, error) {
	d.running().Lock()
	defer d.running().Unlock()
	d.turn().Lock()
	defer d.turn().Unlock()
	r := &run{Desk: d, stopped: "the plan was stopped: " + why, now: d.now()}
	var err error
	if r.entry, r.body, err = d.Plan(ctx, plan); err != nil {
		return r.done, err
	}
	r.done.Plan = r.body.Plan.ID
	if err := inState(r.entry, PlanExecuting); err != nil {
		return r.done, err
	}
	if closed, err := r.close(ctx, who); closed || err != nil {
		return r.done, err
	}
	if r.schedule, err = d.inForce(ctx, r.now); err != nil {
		return r.done, err
	}
	r.body.Kept = nil
	r.today, r.body.CancelledBy, r.body.Why = r.schedule.Today(r.now), who, why
	if r.list, err = d.Items(ctx, r.body.Plan); err != nil {
		return r.done, err
	}
	for _, it := range r.list {
		if err := r.item(ctx, it); err != nil {
			return r.done, fmt.Errorf("plan %s: document %s: %w", plan, it.Document, err)
		}
	}
	if err := d.Holdings.Settle(ctx); err != nil {
		return r.done, err
	}
	return r.done, r.end(ctx, who, PlanCancelled)
}

// run is one execution on its way.
type run struct {
	*Desk
	entry    Entry
	body     PlanBody
	schedule *retention.Schedule
	now      time.Time
	clocks   int // that agreed on it
	today    record.Date
	guarded  map[string]bool // canary charts
	listed   map[record.ID]bool
	list     []Item
	ended    []Item // destroyed, in this run or before
	locked   []record.ID
	changes  uint64 // of the desk, when the gate was passed
	stopped  string // why nothing more is begun; "" while it runs
	before   int    // destroyed in the 24 hours before the run
	done     Run
}

// gate makes every check that is not about one document.
func (r *run) gate(ctx context.Context) error {
	plan := r.body.Plan.ID
	r.changes = r.Desk.changes.Load()
	at, err := r.agreed(ctx)
	if err != nil {
		return fmt.Errorf("plan %s: %w", plan, err)
	}
	r.now, r.clocks = at.now, at.clocks
	if r.schedule, err = r.inForce(ctx, r.now); err != nil {
		return err
	}
	r.today = r.schedule.Today(at.deadlines)
	as, err := r.Approvers(ctx)
	if err != nil {
		return err
	}
	if err := Ready(r.body, r.schedule, as, r.Terms, r.now); err != nil {
		return err
	}
	if err := r.canaries(ctx, r.schedule, r.today); err != nil {
		return fmt.Errorf("plan %s: %w", plan, err)
	}
	if r.guarded, err = r.canaryCharts(ctx); err != nil {
		return err
	}
	if r.list, err = r.Items(ctx, r.body.Plan); err != nil {
		return err
	}
	if r.body.Plan.Accepted == "" {
		shares, err := r.shares(ctx, r.list)
		if err != nil {
			return err
		}
		if len(shares) > 0 && r.entry.State == PlanOpen {
			return fmt.Errorf("plan %s: %w: by now it would end %s: cancel it and make another", plan, record.ErrNotReady, shareWords(shares))
		}
	}
	r.listed = map[record.ID]bool{}
	for _, it := range r.list {
		r.listed[it.Document] = true
	}
	return nil
}

// over reports whether the run has come to the cap of a day.
func (r *run) over() bool { return r.before+r.done.Destroyed >= r.Terms.DailyCap }

// begin passes the gate, marks the plan as executing and reserves its
// certificate's number.
func (r *run) begin(ctx context.Context, who record.Actor, plan string) (err error) {
	r.turn().Lock()
	defer r.turn().Unlock()
	if r.entry, r.body, err = r.Plan(ctx, plan); err != nil {
		return err
	}
	r.done.Plan = r.body.Plan.ID
	if err := inState(r.entry, PlanOpen, PlanExecuting); err != nil {
		return err
	}
	if err := r.gate(ctx); err != nil {
		return err
	}
	if r.before, err = r.Holdings.DestroyedSince(ctx, r.now.Add(-24*time.Hour)); err != nil {
		return err
	}
	if r.over() {
		return fmt.Errorf("plan %s: %w: the daily cap of %d documents is reached", plan, record.ErrNotReady, r.Terms.DailyCap)
	}
	if r.entry.State == PlanExecuting {
		return nil
	}
	err = r.Plans(ctx, func(e Entry, _ PlanBody) error {
		return fmt.Errorf("plan %s: %w: plan %s is executed first", plan, record.ErrNotReady, e.ID)
	}, PlanExecuting)
	if err != nil {
		return err
	}
	number, _, err := r.nextNumber(ctx, "")
	if err != nil {
		return err
	}
	r.entry.State, r.body.Certificate, r.body.Begun = PlanExecuting, number, r.Desk.now()
	return r.put(ctx, EventPlanExecuting, who, r.entry, r.body)
}

// again passes the gate once more when somebody changed what it looks at.
func (r *run) again(ctx context.Context) error {
	if r.Hear != nil {
		if err := r.Hear(ctx); err != nil {
			return err
		}
	}
	if r.Desk.changes.Load() == r.changes {
		return nil
	}
	r.turn().Lock()
	defer r.turn().Unlock()
	return r.gate(ctx)
}

func (r *run) items(ctx context.Context) error {
	r.body.Kept = nil // decided anew each time
	for i, it := range r.list {
		if err := ctx.Err(); err != nil {
			r.done.Pending = len(r.list) - i
			return fmt.Errorf("plan %s: interrupted; calling it again goes on: %w", r.body.Plan.ID, err)
		}
		if r.over() {
			r.done.Pending = len(r.list) - i
			return nil
		}
		if err := r.again(ctx); err != nil {
			r.done.Pending = len(r.list) - i
			return err
		}
		if err := r.item(ctx, it); err != nil {
			r.done.Pending = len(r.list) - i
			return fmt.Errorf("plan %s: document %s: %w", r.body.Plan.ID, it.Document, err)
		}
		if r.Progress != nil {
			r.Progress(Progress{Plan: r.body.Plan.ID, Done: i + 1, Of: len(r.list), Destroyed: r.done.Destroyed})
		}
	}
	return nil
}

// item ends one document, or keeps it with the reasons.
func (r *run) item(ctx context.Context, it Item) error {
	doc, err := r.Holdings.Look(ctx, r.schedule, it.Document, r.today)
	switch {
	case errors.Is(err, ErrUnfinished):
		return r.destroy(ctx, it) // its key may be gone already: only forward
	case errors.Is(err, record.ErrDestroyed):
		// In a run before this one, which the cap or a crash ended.
		locked, err := r.Holdings.Locked(ctx, it.Document)
		if locked {
			r.locked = append(r.locked, it.Document)
		}
		r.ended = append(r.ended, it)
		return err
	case err != nil:
		return err
	}
	if r.stopped != "" {
		return r.keep(it, r.stopped)
	}
	if why := unchanged(it, doc); why != "" {
		return r.keep(it, why)
	}
	if doc.Decision.Verdict != retention.Due {
		return r.keep(it, doc.Decision.Explain().Reasons...)
	}
	if r.guarded[doc.Subject.Chart] {
		return fmt.Errorf("%w: it belongs to a canary chart", ErrCanary)
	}
	if doc.Decision.Action == retention.ReduceToCore {
		core, err := r.Holdings.Core(ctx, r.schedule, doc, r.today, func(id record.ID) bool { return r.listed[id] })
		if err != nil {
			return err
		}
		if !core {
			return r.keep(it, "the chart keeps no document of "+doc.Decision.Core+": file its core first")
		}
	}
	if t := r.body.Plan.Transfer; t != nil {
		if err := r.export(ctx, *t, it); err != nil {
			return err
		}
	}
	return r.destroy(ctx, it)
}

func (r *run) keep(it Item, reasons ...string) error {
	r.body.Kept = append(r.body.Kept, Kept{it.Document, reasons})
	r.done.Kept++
	return nil
}

// export hands a document over before it is destroyed, and has that on record
// first: the copy is then the only one.
func (r *run) export(ctx context.Context, t Transfer, it Item) error {
	sum, err := r.Holdings.Export(ctx, r.body.Plan.ID, t, it.Document)
	if err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	for i, x := range r.body.Exported {
		if x.Document == it.Document {
			if x.SHA256 == sum {
				return nil
			}
			r.body.Exported[i].SHA256 = sum
			return r.put(ctx, EventPlanExecuting, record.Daemon, r.entry, r.body)
		}
	}
	r.body.Exported = append(r.body.Exported, Exported{it.Document, sum})
	return r.put(ctx, EventPlanExecuting, record.Daemon, r.entry, r.body)
}

func (r *run) destroy(ctx context.Context, it Item) error {
	gone, err := r.Holdings.Destroy(ctx, it.Document, r.body.Certificate)
	if errors.Is(err, record.ErrHeld) {
		return r.keep(it, "a hold was placed while the plan ran")
	}
	if err != nil {
		return err
	}
	if gone.Locked {
		r.locked = append(r.locked, it.Document)
	}
	r.ended = append(r.ended, it)
	r.done.Destroyed++
	return nil
}

// ExecuteReady executes every plan that may be: those begun first. Plans that
// are not ready yet are passed over; what stopped one is told to report.
func (d *Desk) ExecuteReady(ctx context.Context, report func(Run, error)) error {
	var ids []string
	for _, state := range []string{PlanExecuting, PlanOpen} {
		err := d.Plans(ctx, func(e Entry, _ PlanBody) error {
			ids = append(ids, e.ID)
			return nil
		}, state)
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		r, err := d.Execute(ctx, record.Daemon, id)
		if errors.Is(err, record.ErrNotReady) || ctx.Err() != nil {
			continue
		}
		report(r, err)
	}
	return nil
}
