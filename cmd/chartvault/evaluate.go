package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
	"chartvault/retention"
)

// evaluation is what a run through the whole archive found.
type evaluation struct {
	Schedule  string         `json:"schedule"`
	On        record.Date    `json:"on"`
	Documents int            `json:"documents"`
	Verdicts  map[string]int `json:"verdicts"`
	Seconds   float64        `json:"seconds"`

	resumed bool // it went on where another was cut short
}

// evaluating is the name of the evaluation's progress.
const evaluating = "evaluate"

// evaluate decides about every document and keeps the outcome for lists and
// forecasts. Cut short, it goes on where it stopped, if the day and the
// schedule are the same. Its memory does not grow with the archive.
func (a *app) evaluate(ctx context.Context, progress func(documents int)) (evaluation, error) {
	ev, err := a.decideAll(ctx, progress)
	if err != nil {
		return ev, err
	}
	return ev, a.arch.Journal(ctx, audit.ActEvaluated, "", map[string]any{"actor": record.Daemon, "schedule": ev.Schedule, "on": ev.On, "documents": ev.Documents, "verdicts": ev.Verdicts})
}

// evaluateAnew decides about every document from the first on, because something
// changed: the log has the change, and the daily evaluation.
func (a *app) evaluateAnew(ctx context.Context) (evaluation, error) {
	a.evaluateMu.Lock()
	err := a.cat.SetProgress(ctx, evaluating, "")
	a.evaluateMu.Unlock()
	if err != nil {
		return evaluation{}, err
	}
	return a.decideAll(ctx, a.meter.evaluating)
}

func (a *app) decideAll(ctx context.Context, progress func(documents int)) (evaluation, error) {
	a.evaluateMu.Lock()
	defer a.evaluateMu.Unlock()
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return evaluation{}, err
	}
	began := time.Now()
	ev := evaluation{Schedule: s.Version, On: s.Today(a.now()), Verdicts: map[string]int{}}
	key := ev.On.String() + " " + s.Digest()
	var after []byte
	if old, err := a.cat.Progress(ctx, evaluating); err != nil {
		return ev, err
	} else if at, ok := strings.CutPrefix(old, key+" "); ok {
		if after, err = hex.DecodeString(at); err != nil {
			return ev, fmt.Errorf("progress of the evaluation: %w", record.ErrCorrupt)
		}
		ev.resumed = true
	}
	run := began.UnixMilli()
	var page []catalog.Due
	err = a.eachDocument(ctx, after, func(row catalog.Row, sub retention.Subject, facts *retention.Chart, holds []record.Hold) error {
		dec := s.Decide(sub, facts, holds, ev.On)
		page = append(page, catalog.Due{Document: row.ID, Verdict: string(dec.Verdict), Due: dec.Due, Class: dec.Class, Schedule: s.Version, Run: run})
		ev.Documents++
		ev.Verdicts[string(dec.Verdict)]++
		return nil
	}, func(last []byte) error {
		if err := a.cat.PutDues(ctx, page); err != nil {
			return err
		}
		page = page[:0]
		if err := a.cat.SetProgress(ctx, evaluating, key+" "+hex.EncodeToString(last)); err != nil {
			return err
		}
		if progress != nil {
			progress(ev.Documents)
		}
		return nil
	})
	if err != nil {
		return ev, fmt.Errorf("evaluate retention: %w", err)
	}
	ev.Seconds = time.Since(began).Seconds()
	if err := a.cat.SetProgress(ctx, evaluating, ""); err != nil {
		return ev, err
	}
	// Kept for reports: to sum a hundred thousand documents takes half a second.
	sums, err := a.cat.DueSums(ctx)
	if err != nil { // it is decided all the same, and whoever asks sums up
		a.log.ErrorContext(ctx, "what is due is not summed up", "err", err)
		a.dueSums.Store(nil)
		return ev, nil
	}
	a.dueSums.Store(&sums)
	return ev, nil
}

// forecast sums up what the last evaluation found.
func (a *app) forecast(ctx context.Context) (*retention.Forecast, error) {
	sums, err := a.cat.DueSums(ctx)
	if err != nil {
		return nil, err
	}
	f := &retention.Forecast{}
	for _, s := range sums {
		month, err := record.ParseDate(s.Month)
		if err != nil {
			return nil, err
		}
		f.AddRow(retention.Verdict(s.Verdict), s.Class, month, s.Documents, s.Pages, s.Bytes)
	}
	return f, nil
}

// simulate decides about every document under the schedule in force and under
// another, and counts what would change.
func (a *app) simulate(ctx context.Context, next *retention.Schedule) (retention.Change, error) {
	var c retention.Change
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return c, err
	}
	today := s.Today(a.now())
	err = a.eachDocument(ctx, nil, func(_ catalog.Row, sub retention.Subject, facts *retention.Chart, holds []record.Hold) error {
		was, would := s.Decide(sub, facts, holds, today), next.Decide(sub, facts, holds, today)
		c.Add(&was, &would)
		return nil
	}, goOn)
	return c, err
}
