package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chartvault/catalog"
	"chartvault/record"
	"chartvault/retention"
)

func (e *env) retentionCmd() *cobra.Command {
	c := &cobra.Command{Use: "retention", Short: "Explain retention dates"}
	human := func(d retention.Decision) {
		due := ""
		if !d.Due.IsZero() {
			due = ", from " + d.Due.String()
		}
		fmt.Fprintf(e.out, "%s  %s%s\n", d.Document, d.Verdict, due)
		for _, r := range d.Reasons {
			fmt.Fprintf(e.out, "    %s\n", r)
		}
	}
	why := &cobra.Command{
		Use: "why < chart-number", Short: "Print the rules, facts and arithmetic behind every date of a chart",
		Example: "  chartvault retention why < number", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := e.private("", "Chart number: ")
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "retention-why", getParams{Chart: n}, show(e, human))
		},
	}
	due := &cobra.Command{
		Use: "due", Short: "List documents whose retention has ended", Example: "  chartvault retention due --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "retention-due", struct{}{}, show(e, human))
		},
	}
	c.AddCommand(why, due)
	return c
}

// decide holds one document against the schedule in force, present facts and
// present holds.
func (a *app) decide(ctx context.Context, s *retention.Schedule, row catalog.Row, now time.Time) (retention.Decision, error) {
	f, err := a.facts(ctx, row.ChartToken)
	if err != nil {
		return retention.Decision{}, err
	}
	holds, err := a.holds(ctx, row.ChartToken)
	if err != nil {
		return retention.Decision{}, err
	}
	return s.Decide(retention.Subject{Document: row.ID, Type: row.Type, ServiceDate: row.ServiceDate, InQA: row.State == record.DocumentQA || row.ChartToken == nil},
		retention.Facts{Born: f.Born, LastEncounter: f.LastEncounter, Died: f.Died}, holds, s.Today(now)), nil
}

func (a *app) opWhy(ctx context.Context, r asked, out func(any) error) error {
	var p getParams
	if err := r.params(&p); err != nil {
		return err
	}
	n, err := record.ParseChartNumber(p.Chart)
	if err != nil {
		return err
	}
	s, err := a.cfg.schedule()
	if err != nil {
		return err
	}
	rows, err := a.cat.OfChart(ctx, n)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("no documents under this chart number: %w", record.ErrNotFound)
	}
	for _, row := range rows {
		if row.State == record.DocumentDestroyed {
			continue
		}
		d, err := a.decide(ctx, s, row, a.now())
		if err != nil {
			return err
		}
		if err := out(d); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) opDue(ctx context.Context, _ asked, out func(any) error) error {
	return a.eachDue(ctx, func(_ catalog.Row, d retention.Decision) error { return out(d) })
}

// eachDue decides about every document and hands on those that are due.
func (a *app) eachDue(ctx context.Context, f func(catalog.Row, retention.Decision) error) error {
	s, err := a.cfg.schedule()
	if err != nil || len(s.Rules) == 0 {
		return err
	}
	rows, err := a.cat.Documents(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.State != record.DocumentFiled {
			continue
		}
		d, err := a.decide(ctx, s, row, a.now())
		if err != nil {
			return err
		}
		if d.Verdict != retention.Due {
			continue
		}
		if err := f(row, d); err != nil {
			return err
		}
	}
	return nil
}
