package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/disposition"
	"chartvault/record"
)

// planLine is a plan as it is listed.
type planLine struct {
	ID          string   `json:"id"`
	State       string   `json:"state"`
	Action      string   `json:"action"`
	MadeBy      string   `json:"made_by"`
	MadeAt      string   `json:"made_at"`
	Automation  string   `json:"automation,omitempty"`
	Charts      int      `json:"charts"`
	Documents   int      `json:"documents"`
	Pages       int      `json:"pages"`
	Excluded    int      `json:"excluded"`
	Shares      []string `json:"shares,omitempty"`
	Notices     []string `json:"notices,omitempty"` // rules that ask for one that is not on file
	Noticed     []string `json:"noticed,omitempty"`
	Approvals   []string `json:"approvals"`
	ReadyAt     string   `json:"ready_at,omitempty"`
	Certificate string   `json:"certificate,omitempty"`
	Kept        int      `json:"kept"`
	Done        int      `json:"done,omitempty"` // of its documents, looked at so far, while it is executed here
}

// planParams name a plan and what to do with it.
type planParams struct {
	ID       string                `json:"id,omitempty"`
	Class    string                `json:"class,omitempty"`
	Transfer *disposition.Transfer `json:"transfer,omitempty"`
	Sample   int                   `json:"sample,omitempty"`
	Document record.ID             `json:"document,omitzero"`
	Reason   string                `json:"reason,omitempty"`
	Stop     bool                  `json:"stop,omitempty"`
	Rule     string                `json:"rule,omitempty"`
	On       record.Date           `json:"on,omitzero"`
	Evidence []byte                `json:"evidence,omitempty"`
}

func (e *env) showPlan(l planLine) {
	fmt.Fprintf(e.out, "%s  %s: %s %d documents of %d charts, %d pages; made by %s on %s", l.ID, l.State, l.Action, l.Documents, l.Charts, l.Pages, l.MadeBy, l.MadeAt)
	if len(l.Approvals) > 0 {
		fmt.Fprintf(e.out, ", approved by %s", strings.Join(l.Approvals, " and "))
	}
	if l.ReadyAt != "" {
		fmt.Fprintf(e.out, ", may be executed from %s", l.ReadyAt)
	}
	if l.Certificate != "" {
		fmt.Fprintf(e.out, ", certificate %s, %d kept", l.Certificate, l.Kept)
	}
	fmt.Fprintln(e.out)
	for _, s := range l.Shares {
		fmt.Fprintf(e.out, "    UNUSUAL: it would end %s\n", s)
	}
	for _, n := range l.Notices {
		fmt.Fprintf(e.out, "    a notice must be on file for rule %s\n", n)
	}
}

func (e *env) planCmd() *cobra.Command {
	c := &cobra.Command{Use: "plan", Short: "Review, submit, approve and execute the end of records"}
	one := func(use, short, op string, p *planParams) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: "  chartvault plan " + strings.Replace(use, "TEXT", "'a reason'", 1), Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				p.ID = args[0]
				return e.call(cmd.Context(), op, *p, show(e, e.showPlan))
			}}
	}
	var cancel, stop, submit, exclude planParams
	stop.Stop = true
	cancelCmd := one("cancel ID --reason TEXT", "Cancel a plan that has not begun", "plan-cancel", &cancel)
	stopCmd := one("stop ID --reason TEXT", "End a plan whose execution has begun: what it destroyed is certified, the rest kept", "plan-cancel", &stop)
	submitCmd := one("submit ID", "End the review of a plan: it is then what people approve", "plan-submit", &submit)
	excludeCmd := one("exclude ID --document DOC --reason TEXT", "Take a document out of a plan under review", "plan-exclude", &exclude)
	for cmd, p := range map[*cobra.Command]*planParams{cancelCmd: &cancel, stopCmd: &stop, excludeCmd: &exclude} {
		cmd.Flags().StringVar(&p.Reason, "reason", "", "why")
		must(cmd.MarkFlagRequired("reason"))
	}
	submitCmd.Flags().StringVar(&submit.Reason, "accept", "", "why it is right that the plan ends an unusual part of a type")
	excludeCmd.Flags().TextVar(&exclude.Document, "document", record.ID{}, "the document")
	must(excludeCmd.MarkFlagRequired("document"))
	c.AddCommand(e.planMakeCmd(), e.planListCmd(), e.planShowCmd("show ID", 0), e.planShowCmd("sample ID", 10), excludeCmd, submitCmd, e.planNoticeCmd(),
		e.approveCmd(disposition.MatterPlan, "approve ID", "Sign a submitted plan as an approver", "  chartvault plan approve ID --key director.key"),
		cancelCmd, stopCmd, e.planExecuteCmd())
	return c
}

func (e *env) planMakeCmd() *cobra.Command {
	var p planParams
	var t disposition.Transfer
	c := &cobra.Command{
		Use: "make", Short: "List what is due in a new plan, for review; destroys nothing", Args: cobra.NoArgs,
		Example: "  chartvault plan make --class lab_report",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if t != (disposition.Transfer{}) {
				p.Transfer = &t
			}
			return e.call(cmd.Context(), "plan-make", p, show(e, e.showPlan))
		},
	}
	c.Flags().StringVar(&p.Class, "class", "", "only documents kept longest under this record class")
	c.Flags().StringVar(&t.Recipient, "transfer-to", "", "another keeper who gets the documents first")
	c.Flags().StringVar(&t.Dir, "transfer-dir", "", "the folder for that keeper's copies")
	c.Flags().StringVar(&t.Age, "transfer-recipient", "", "an age recipient the copies are encrypted to")
	return c
}

func (e *env) planListCmd() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List plans", Example: "  chartvault plan list --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "plan-list", planParams{}, show(e, e.showPlan))
		}}
}

// planShowCmd prints all items of a plan, or a sample of them.
func (e *env) planShowCmd(use string, sample int) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: "Print the documents of a plan, with the reasons as of today", Example: "  chartvault plan " + use, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "plan-show", planParams{ID: args[0], Sample: sample}, show(e, func(l itemLine) {
				fmt.Fprintf(e.out, "%s  %s, %d pages, due %s, %s\n    %s\n", l.Document, l.Type, l.Pages, l.Due, l.Action, strings.Join(l.Reasons, "\n    "))
			}))
		},
	}
	if sample > 0 {
		c.Short = "Print some documents of a plan, spread over its list, to look at"
		c.Flags().IntVar(&sample, "documents", sample, "how many")
	}
	return c
}

func (e *env) planNoticeCmd() *cobra.Command {
	var p planParams
	var file string
	c := &cobra.Command{
		Use: "notice ID --rule RULE --given-on DAY --evidence FILE", Short: "Put the evidence of a notice on a plan's file", Args: cobra.ExactArgs(1),
		Example: "  chartvault plan notice ID --rule us-ma.hospital_record.adult.discharge --given-on 2026-11-02 --evidence letter.pdf",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			p.ID = args[0]
			if p.Evidence, err = os.ReadFile(file); err != nil {
				return err
			}
			return e.call(cmd.Context(), "plan-notice", p, show(e, e.showPlan))
		},
	}
	c.Flags().StringVar(&p.Rule, "rule", "", "the rule that asks for it")
	c.Flags().TextVar(&p.On, "given-on", record.Date{}, "the day it was given")
	c.Flags().StringVar(&file, "evidence", "", "a file of at most 512 KiB that shows it")
	for _, f := range []string{"rule", "given-on", "evidence"} {
		must(c.MarkFlagRequired(f))
	}
	return c
}

func (e *env) planExecuteCmd() *cobra.Command {
	return &cobra.Command{
		Use: "execute ID", Short: "Destroy what a ready plan lists and is still due", Example: "  chartvault plan execute ID", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "plan-execute", planParams{ID: args[0]}, show(e, func(l runLine) {
				if l.Of > 0 {
					fmt.Fprintf(e.err, "%d of %d documents, %.1f a second\n", l.Done, l.Of, l.Rate)
					return
				}
				fmt.Fprintf(e.out, "plan %s: %d destroyed, %d kept, %d to come\n", l.Run.Plan, l.Run.Destroyed, l.Run.Kept, l.Run.Pending)
			}))
		},
	}
}

// runLine is how far an execution has come, or in the end what it did.
type runLine struct {
	disposition.Run
	Done int     `json:"items_done,omitempty"`
	Of   int     `json:"items,omitempty"`
	Rate float64 `json:"documents_per_second,omitempty"`
}

// progressEvery is after how many items an execution reports.
const progressEvery = 250

func (a *app) lineOfPlan(e disposition.Entry, b disposition.PlanBody) planLine {
	p := b.Plan
	l := planLine{ID: p.ID.String(), State: e.State, Action: string(p.Action), MadeBy: string(p.MadeBy), MadeAt: p.MadeAt.Format(time.RFC3339), Automation: p.Automation,
		Charts: p.Charts, Documents: p.Documents, Pages: p.Pages, Excluded: len(p.Excluded), Approvals: []string{}, Certificate: b.Certificate, Kept: len(b.Kept)}
	if at := a.meter.ending.Load(); e.State == disposition.PlanExecuting && at != nil && at.Plan == p.ID {
		l.Done = at.Done
	}
	from := p.SubmittedAt
	for _, ap := range b.Approvals {
		l.Approvals = append(l.Approvals, ap.Approver)
		from = ap.Received
	}
	if e.State == disposition.PlanOpen && (len(b.Approvals) >= disposition.Needed || b.Standing != nil) {
		l.ReadyAt = from.Add(a.desk.Terms.CoolingOff).Format(time.RFC3339)
	}
	for _, s := range p.Shares {
		l.Shares = append(l.Shares, fmt.Sprintf("%d of %d documents of type %s", s.Ends, s.Of, s.Type))
	}
	for _, g := range b.Given {
		l.Noticed = append(l.Noticed, g.Rule)
	}
	if e.State == disposition.PlanReview || e.State == disposition.PlanOpen {
		for _, n := range p.Notices {
			if !slices.Contains(l.Noticed, n.Rule) {
				l.Notices = append(l.Notices, n.Rule)
			}
		}
	}
	return l
}

// planned answers with the plan an operation of the desk returned.
func (a *app) planned(out func(any) error, e disposition.Entry, b disposition.PlanBody, err error) error {
	if err != nil {
		return err
	}
	return out(a.lineOfPlan(e, b))
}

// planOp is an operation on a plan with its parameters read.
func planOp(r asked, f func(planParams) error) error {
	var p planParams
	if err := r.params(&p); err != nil {
		return err
	}
	return f(p)
}

func (a *app) opPlanMake(ctx context.Context, r asked, out func(any) error) error {
	return planOp(r, func(p planParams) error {
		if err := a.feed(ctx); err != nil { // saved searches of holds see everything
			return err
		}
		e, b, err := a.desk.MakePlan(ctx, r.Actor, disposition.Wanted{Class: p.Class, Transfer: p.Transfer})
		return a.planned(out, e, b, err)
	})
}

func (a *app) opPlanExclude(ctx context.Context, r asked, out func(any) error) error {
	return planOp(r, func(p planParams) error {
		e, b, err := a.desk.Exclude(ctx, r.Actor, p.ID, p.Document, p.Reason)
		return a.planned(out, e, b, err)
	})
}

func (a *app) opPlanSubmit(ctx context.Context, r asked, out func(any) error) error {
	return planOp(r, func(p planParams) error {
		e, b, err := a.desk.Submit(ctx, r.Actor, p.ID, p.Reason)
		return a.planned(out, e, b, err)
	})
}

func (a *app) opPlanNotice(ctx context.Context, r asked, out func(any) error) error {
	return planOp(r, func(p planParams) error {
		e, b, err := a.desk.GiveNotice(ctx, r.Actor, p.ID, p.Rule, p.On, p.Evidence)
		return a.planned(out, e, b, err)
	})
}

func (a *app) opPlanCancel(ctx context.Context, r asked, out func(any) error) error {
	return planOp(r, func(p planParams) error {
		if p.Stop {
			if _, err := a.desk.Stop(ctx, r.Actor, p.ID, p.Reason); err != nil {
				return err
			}
			e, b, err := a.desk.Plan(ctx, p.ID)
			return a.planned(out, e, b, err)
		}
		e, b, err := a.desk.Cancel(ctx, r.Actor, p.ID, p.Reason)
		return a.planned(out, e, b, err)
	})
}

func (a *app) opPlanExecute(ctx context.Context, r asked, out func(any) error) error {
	return planOp(r, func(p planParams) error {
		if err := a.feed(ctx); err != nil {
			return err
		}
		began := time.Now()
		report := func(p disposition.Progress) {
			if p.Done%progressEvery == 0 {
				// A caller that has gone does not stop what has begun.
				_ = out(runLine{Run: disposition.Run{Plan: p.Plan, Destroyed: p.Destroyed}, Done: p.Done, Of: p.Of, Rate: float64(p.Destroyed) / time.Since(began).Seconds()})
			}
		}
		a.meter.watching.Store(&report)
		defer a.meter.watching.Store(nil)
		run, err := a.desk.Execute(ctx, r.Actor, p.ID)
		if err != nil {
			return err
		}
		return out(runLine{Run: run})
	})
}

func (a *app) opPlanList(ctx context.Context, _ asked, out func(any) error) error {
	return a.desk.Plans(ctx, func(e disposition.Entry, b disposition.PlanBody) error { return out(a.lineOfPlan(e, b)) })
}

// itemLine is an item of a plan and why it is due today.
type itemLine struct {
	disposition.Item
	Reasons []string `json:"reasons"`
}

// opPlanShow prints a plan's items, or a sample of them.
func (a *app) opPlanShow(ctx context.Context, r asked, out func(any) error) error {
	return planOp(r, func(p planParams) error {
		items, err := a.desk.Sample(ctx, p.ID, p.Sample)
		if err != nil {
			return err
		}
		s, err := a.desk.InForce(ctx)
		if err != nil {
			return err
		}
		for _, it := range items {
			l := itemLine{Item: it}
			doc, err := holdings{a}.Look(ctx, s, it.Document, s.Today(a.now()))
			if err == nil {
				l.Reasons = doc.Decision.Explain().Reasons
			} else {
				l.Reasons = []string{err.Error()}
			}
			if shut, err := a.veiled(ctx, r.Actor, it.Document); err != nil || shut {
				if err != nil {
					return err
				}
				l.Type, l.Class, l.Service, l.Reasons = veil, "", record.Date{}, nil
			}
			if err := out(l); err != nil {
				return err
			}
		}
		return nil
	})
}
