package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chartvault/archive/blob"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/record"
	"chartvault/retention"
)

func (a *app) opPlanExecute(ctx context.Context, r asked, out func(any) error) error {
	a.planMu.Lock()
	defer a.planMu.Unlock()
	var p planParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.execute(ctx, r.Actor, p.ID); err != nil {
		return err
	}
	e, b, err := a.plan(ctx, p.ID)
	if err != nil {
		return err
	}
	return out(a.lineOfPlan(e, b))
}

// execute runs a ready plan, or goes on with one that a crash or the daily cap
// interrupted.
func (a *app) execute(ctx context.Context, who record.Actor, id string) error {
	e, b, err := a.plan(ctx, id)
	if err != nil {
		return err
	}
	if e.State != planOpen && e.State != planExecuting {
		return fmt.Errorf("plan %s is %s: %w", id, e.State, record.ErrNotReady)
	}
	now, err := a.agreedTime(ctx)
	if err != nil {
		return fmt.Errorf("plan %s: %w", id, err)
	}
	as, err := a.approvers(ctx)
	if err != nil {
		return err
	}
	terms := retention.Terms{CoolingOff: time.Duration(a.cfg.Retention.CoolingOff), DailyCap: a.cfg.Retention.DailyCap, MaxSkew: retention.DefaultTerms().MaxSkew}
	if err := retention.Ready(b.Plan, b.Approvals, as, terms, now); err != nil {
		return err
	}
	room, err := a.roomToday(ctx, terms.DailyCap, now)
	if err != nil {
		return err
	}
	if e.State == planOpen {
		e.State = planExecuting
		if b.Certificate, err = a.nextCertificate(ctx); err != nil {
			return err
		}
		if err := a.register(ctx, audit.ActPlanExecuting, who, e, b); err != nil {
			return err
		}
	}
	done := map[record.ID]retention.Outcome{}
	for _, o := range b.Outcomes {
		done[o.Item.Document] = o
	}
	d := &destroyer{app: a, who: who, certificate: b.Certificate, now: now}
	if d.schedule, err = a.cfg.schedule(); err != nil {
		return err
	}
	b.Outcomes, err = retention.Run(ctx, b.Plan, d, room, done)
	// What was done is recorded even when the run was cut short.
	rctx := context.WithoutCancel(ctx)
	if rerr := a.register(rctx, audit.ActPlanExecuting, who, e, b); rerr != nil {
		return errors.Join(err, rerr)
	}
	if err != nil {
		return err
	}
	if d.destroyed > 0 {
		if err := a.upkeep(ctx); err != nil {
			return err
		}
	}
	for _, o := range b.Outcomes {
		if o.Pending {
			return nil // tomorrow
		}
	}
	return a.certify(ctx, e, b, d.schedule)
}

// upkeep takes the traces of destroyed documents out of catalogue and index
// files.
func (a *app) upkeep(ctx context.Context) error {
	if err := a.feed(ctx); err != nil {
		return err
	}
	if err := a.cat.Upkeep(ctx); err != nil {
		return err
	}
	return a.index.Rotate(ctx)
}

// agreedTime asks every clock there is.
func (a *app) agreedTime(ctx context.Context) (time.Time, error) {
	// The monotonic clock tells when the wall clock was moved under us.
	if moved := a.now().Round(0).Sub(a.began.Round(0)) - time.Since(a.began); moved.Abs() > retention.DefaultTerms().MaxSkew {
		return time.Time{}, fmt.Errorf("%w: the wall clock jumped by %s", retention.ErrClocks, moved.Round(time.Second))
	}
	clocks := []time.Time{a.now()}
	if c, ok := a.docs.(blob.Clock); ok {
		t, err := c.Now(ctx)
		if err != nil {
			return time.Time{}, err
		}
		clocks = append(clocks, t)
	}
	var seen time.Time
	if n := a.arch.Log.Size(); n > 0 {
		lines, err := a.arch.Log.Lines(n-1, n)
		if err != nil {
			return time.Time{}, err
		}
		var e audit.Entry
		if err := json.Unmarshal(lines[0], &e); err != nil {
			return time.Time{}, err
		}
		seen = e.Time
	}
	return retention.AgreedTime(retention.DefaultTerms().MaxSkew, seen, clocks...)
}

// roomToday is how many documents may still be destroyed on this day.
func (a *app) roomToday(ctx context.Context, limit int, now time.Time) (int, error) {
	gone, err := a.cat.InState(ctx, record.DocumentDestroyed)
	if err != nil {
		return 0, err
	}
	for _, row := range gone {
		if now.Sub(row.DestroyedAt) < 24*time.Hour {
			limit--
		}
	}
	if limit <= 0 {
		return 0, fmt.Errorf("%w: the daily cap is reached", record.ErrNotReady)
	}
	return limit, nil
}

func (a *app) nextCertificate(ctx context.Context) (string, error) {
	n := 1
	err := a.plans(ctx, func(_ catalog.Entry, b planBody) error {
		if b.Certificate != "" {
			n++
		}
		return nil
	})
	return fmt.Sprintf("%06d", n), err
}

// destroyer implements retention.Destroyer on the archive.
type destroyer struct {
	*app
	who         record.Actor
	certificate string
	schedule    *retention.Schedule
	now         time.Time
	destroyed   int
}

// Recheck implements retention.Destroyer.
func (d *destroyer) Recheck(ctx context.Context, it retention.Item) (retention.Decision, error) {
	row, err := d.cat.Document(ctx, it.Document)
	if err != nil {
		return retention.Decision{}, err
	}
	switch row.State {
	case record.DocumentDestroyed:
		return retention.Decision{}, record.ErrDestroyed
	case record.DocumentDestroying:
		// Its key may be gone already: only forward.
		return retention.Decision{Document: it.Document, Verdict: retention.Due}, nil
	}
	if row.Type != it.Type || row.Pages != it.Pages {
		return retention.Decision{Verdict: retention.Keep, Reasons: []string{"it has changed since the plan was made"}}, nil
	}
	return d.decide(ctx, d.schedule, row, d.now)
}

// Destroy implements retention.Destroyer: log, mark, key, versions, index,
// row, proof, log.
func (d *destroyer) Destroy(ctx context.Context, it retention.Item) (locked bool, err error) {
	row, err := d.cat.Document(ctx, it.Document)
	if err != nil {
		return false, err
	}
	t := tombstone{Document: row.ID, Version: row.Version, Of: row.Batch, ChartToken: row.ChartToken, Type: row.Type,
		ServiceDate: row.ServiceDate, FiledAt: row.FiledAt, Pages: row.Pages, Bytes: row.Bytes, Certificate: d.certificate}
	if row.State != record.DocumentDestroying {
		if held, err := d.cat.Held(ctx, row.ChartToken); err != nil || held {
			return false, errors.Join(err, record.ErrHeld)
		}
		if err := d.arch.Journal(ctx, audit.ActDestroying, row.ID.String(), change{Actor: d.who, Gone: &t}); err != nil {
			return false, err
		}
		if err := d.cat.Destroying(ctx, row.ID); err != nil {
			return false, err
		}
	}
	// From here on only forward, also when the caller has gone.
	ctx = context.WithoutCancel(ctx)
	if locked, err = d.arch.Destroy(ctx, row.ID, row.Version); err != nil {
		return locked, err
	}
	if err := d.index.Remove(ctx, row.ID); err != nil {
		return locked, err
	}
	if err := ingest.DropKept(d.cfg.path("spool"), row.Batch); err != nil {
		return locked, err
	}
	left, err := d.arch.Gone(ctx, row.ID, row.Version)
	if err != nil {
		return locked, err
	}
	if len(left) > 0 && !locked {
		return locked, fmt.Errorf("document %s: still there after its destruction: %v", row.ID, left)
	}
	t.At = d.now.UTC().Truncate(time.Millisecond)
	if t.Batch, err = d.lastOfBatch(ctx, row); err != nil {
		return locked, err
	}
	if err := d.arch.Journal(ctx, audit.ActDestroyed, row.ID.String(), change{Actor: d.who, Gone: &t}); err != nil {
		return locked, err
	}
	if err := d.cat.Tombstone(ctx, row.ID, t.At, d.certificate); err != nil {
		return locked, err
	}
	d.destroyed++
	return locked, nil
}

// lastOfBatch destroys a batch with its last document and returns what remains
// of it; nil when other documents live.
func (d *destroyer) lastOfBatch(ctx context.Context, row catalog.Row) (*tombstoneRest, error) {
	rows, err := d.cat.OfBatch(ctx, row.Batch)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.ID != row.ID && r.State != record.DocumentDestroyed {
			return nil, nil
		}
	}
	b, err := d.cat.Batch(ctx, row.Batch)
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil // its row is gone already
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.arch.DestroyBatch(ctx, row.Batch); err != nil {
		return nil, err
	}
	if err := d.cat.DropBatch(ctx, row.Batch); err != nil {
		return nil, err
	}
	return &tombstoneRest{b.ID, b.ReceivedAt.UnixMilli(), b.State, b.Counts}, nil
}

// certify ends a plan with its certificate.
func (a *app) certify(ctx context.Context, e catalog.Entry, b planBody, s *retention.Schedule) error {
	e.State = planDone
	if _, err := a.cat.Entry(ctx, catalog.KindCertificate, b.Certificate); err == nil {
		// A crash came between the certificate and the plan's end.
		return a.register(ctx, audit.ActPlanExecuting, record.Daemon, e, b)
	}
	es, err := a.cat.Entries(ctx, catalog.KindCertificate)
	if err != nil {
		return err
	}
	previous := ""
	if len(es) > 0 {
		var last retention.Certificate
		if err := json.Unmarshal(es[len(es)-1].Body, &last); err != nil {
			return err
		}
		previous = last.Digest()
	}
	c := retention.Certify(retention.Draft{
		Number: b.Certificate, Facility: a.cfg.Facility, Plan: b.Plan, Schedule: s, Outcomes: b.Outcomes, Approvals: b.Approvals,
		At: a.now().UTC().Truncate(time.Millisecond), KeyHorizon: time.Duration(a.cfg.Retention.KeyBackupDays) * 24 * time.Hour,
		DestroyedBy: "Chartvault " + version(), Previous: previous,
	}, a.station)
	if err := a.register(ctx, audit.ActCertified, record.Daemon, catalog.Entry{Kind: catalog.KindCertificate, ID: c.Number, State: "issued", At: c.IssuedAt}, c); err != nil {
		return err
	}
	return a.register(ctx, audit.ActPlanExecuting, record.Daemon, e, b)
}

// sweepLocked removes what retention locks kept of destroyed documents, as soon
// as the locks have ended. Nothing can open it; it only takes room.
func (a *app) sweepLocked(ctx context.Context) error {
	return a.plans(ctx, func(_ catalog.Entry, b planBody) error {
		for _, o := range b.Outcomes {
			if !o.Locked {
				continue
			}
			row, err := a.cat.Document(ctx, o.Item.Document)
			if err != nil || row.State != record.DocumentDestroyed {
				return err
			}
			if _, err := a.arch.Destroy(ctx, row.ID, row.Version); err != nil {
				return err
			}
		}
		return nil
	})
}

// resume finishes destructions that a crash interrupted: from the destroyed
// key on it only goes forward.
func (a *app) resume(ctx context.Context) error {
	rows, err := a.cat.InState(ctx, record.DocumentDestroying)
	if err != nil || len(rows) == 0 {
		return err
	}
	numbers := map[record.ID]string{}
	err = a.plans(ctx, func(_ catalog.Entry, b planBody) error {
		for _, it := range b.Plan.Items {
			if b.Certificate != "" {
				numbers[it.Document] = b.Certificate
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		d := &destroyer{app: a, who: record.Daemon, certificate: numbers[row.ID], now: a.now()}
		if _, err := d.Destroy(ctx, retention.Item{Document: row.ID}); err != nil {
			return fmt.Errorf("finish the destruction of %s: %w", row.ID, err)
		}
	}
	return a.upkeep(ctx)
}
