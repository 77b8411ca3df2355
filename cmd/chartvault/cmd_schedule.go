package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/disposition"
	"chartvault/record"
	"chartvault/retention"
)

// scheduleParams draft or name a schedule.
type scheduleParams struct {
	ID        string              `json:"id,omitempty"`
	Text      string              `json:"text,omitempty"`
	Schedule  *retention.Schedule `json:"schedule,omitempty"` // complete: the rules taken from the client's library; from the server's where there is only a text
	Effective record.Date         `json:"effective,omitzero"`
}

// scheduleLine is a schedule as it is listed.
type scheduleLine struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	Version   string            `json:"version"`
	Rules     int               `json:"rules"`
	Idle      int               `json:"idle_rules"` // that cover no document type
	Effective string            `json:"effective"`
	MadeBy    string            `json:"made_by"`
	Shortens  []string          `json:"shortens"`
	Approvals []string          `json:"approvals"`
	Change    *retention.Change `json:"change,omitempty"`
}

func (e *env) showSchedule(l scheduleLine) {
	fmt.Fprintf(e.out, "%s  %s: version %s, %d rules (%d cover no document type), effective %s, by %s\n", l.ID, l.State, l.Version, l.Rules, l.Idle, l.Effective, l.MadeBy)
	for _, s := range l.Shortens {
		fmt.Fprintf(e.out, "    may end something earlier: %s\n", s)
	}
	if c := l.Change; c != nil {
		fmt.Fprintf(e.out, "    of %d documents %d would end earlier, %d later; %d would be due now, %d no longer\n", c.Documents, c.Earlier, c.Later, c.NowDue, c.NoLongerDue)
		for _, class := range c.Classes() {
			fmt.Fprintf(e.out, "      earlier, of %s: %d\n", class, c.ByClass[class])
		}
	}
	if len(l.Approvals) > 0 {
		fmt.Fprintf(e.out, "    approved by %s\n", strings.Join(l.Approvals, " and "))
	}
}

func (e *env) scheduleCmd() *cobra.Command {
	c := &cobra.Command{Use: "schedule", Short: "Draft, simulate, approve and adopt the retention schedule"}
	one := func(use, short, op string) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: "  chartvault schedule " + use, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return e.call(cmd.Context(), op, scheduleParams{ID: args[0]}, show(e, e.showSchedule))
			}}
	}
	var effective record.Date
	draft := &cobra.Command{
		Use: "draft [FILE]", Short: "Register a schedule file as a draft, and say what it might shorten", Args: cobra.MaximumNArgs(1),
		Long:    "Without FILE it reads schedule.toml in the data directory. The rules a schedule uses are copied into the draft:\nanother version of the program does not change them.",
		Example: "  chartvault schedule draft schedule.toml --effective 2027-01-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := filepath.Join(e.data, "schedule.toml")
			if len(args) > 0 {
				name = args[0]
			}
			text, s, err := readSchedule(name)
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "schedule-draft", scheduleParams{Text: text, Schedule: s, Effective: effective}, show(e, e.showSchedule))
		},
	}
	draft.Flags().TextVar(&effective, "effective", record.Date{}, "the day it comes into force; today if not given")
	check := &cobra.Command{
		Use: "check FILE", Short: "Check a schedule file, without an archive", Example: "  chartvault schedule check schedule.toml", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, s, err := readSchedule(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(e.out, "version %s: %d rules\n", s.Version, len(s.Rules))
			for _, id := range s.Idle() {
				fmt.Fprintf(e.out, "    covers no document type, say in [types] which its class is: %s\n", id)
			}
			for _, r := range s.Rules {
				if r.Confidence == "low" && !r.Confirmed || r.Open {
					fmt.Fprintf(e.out, "    makes nothing due until a [[confirm]] answers for it: %s\n", r.ID)
				}
			}
			return nil
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List schedules: drafts, the one in force, earlier ones", Example: "  chartvault schedule list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "schedule-list", scheduleParams{}, show(e, e.showSchedule))
		},
	}
	show1 := &cobra.Command{
		Use: "show [ID]", Short: "Print the rules of a schedule; of the one in force without ID", Example: "  chartvault schedule show", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "schedule-show", scheduleParams{ID: strings.Join(args, "")}, show(e, func(r retention.Rule) {
				fmt.Fprintf(e.out, "%s\n    %s\n    types %s; %s\n", r.ID, r.Period(), strings.Join(r.Types, ", "), r.Citation)
			}))
		},
	}
	c.AddCommand(draft, check, list, show1,
		one("simulate ID", "Say what a draft would change, over the whole archive", "schedule-simulate"),
		e.approveCmd(disposition.MatterSchedule, "approve ID", "Sign a draft as an approver", "  chartvault schedule approve ID --key director.key"),
		one("adopt ID", "Bring a draft into force on its day", "schedule-adopt"))
	return c
}

func lineOfSchedule(e disposition.Entry, d disposition.Draft) (scheduleLine, error) {
	s, err := retention.Restore(d.Schedule)
	if err != nil {
		return scheduleLine{}, err
	}
	l := scheduleLine{ID: e.ID, State: e.State, Version: s.Version, Rules: len(s.Rules), Idle: len(s.Idle()), Effective: d.Effective.String(),
		MadeBy: string(d.MadeBy), Shortens: d.Shortens, Change: d.Change, Approvals: []string{}}
	for _, a := range d.Approvals {
		l.Approvals = append(l.Approvals, a.Approver)
	}
	return l, nil
}

// scheduled answers with the schedule an operation of the desk returned.
func scheduled(out func(any) error, e disposition.Entry, d disposition.Draft, err error) error {
	if err != nil {
		return err
	}
	l, err := lineOfSchedule(e, d)
	if err != nil {
		return err
	}
	return out(l)
}

func (a *app) opScheduleDraft(ctx context.Context, r asked, out func(any) error) error {
	var p scheduleParams
	if err := r.params(&p); err != nil {
		return err
	}
	if p.Schedule == nil && p.Text == "" {
		return fmt.Errorf("schedule: %w: none was given", record.ErrInvalid)
	}
	if p.Schedule == nil {
		var err error
		if p.Schedule, err = parseSchedule(p.Text); err != nil {
			return err
		}
	}
	s, err := retention.Restore(mustJSON(p.Schedule))
	if err != nil {
		return err
	}
	e, d, err := a.desk.NewDraft(ctx, r.Actor, p.Text, s, p.Effective)
	return scheduled(out, e, d, err)
}

func (a *app) opScheduleList(ctx context.Context, _ asked, out func(any) error) error {
	return a.desk.Drafts(ctx, func(e disposition.Entry, d disposition.Draft) error { return scheduled(out, e, d, nil) })
}

func (a *app) opScheduleShow(ctx context.Context, r asked, out func(any) error) error {
	var p scheduleParams
	if err := r.params(&p); err != nil {
		return err
	}
	s, err := a.desk.InForce(ctx)
	if p.ID != "" {
		var d disposition.Draft
		if _, d, err = a.desk.Draft(ctx, p.ID); err == nil {
			s, err = retention.Restore(d.Schedule)
		}
	}
	if err != nil {
		return err
	}
	for _, r := range s.Rules {
		if err := out(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) opScheduleSimulate(ctx context.Context, r asked, out func(any) error) error {
	var p scheduleParams
	if err := r.params(&p); err != nil {
		return err
	}
	_, d, err := a.desk.Draft(ctx, p.ID)
	if err != nil {
		return err
	}
	s, err := retention.Restore(d.Schedule)
	if err != nil {
		return err
	}
	c, err := a.simulate(ctx, s)
	if err != nil {
		return err
	}
	if err := a.desk.Simulated(ctx, r.Actor, p.ID, c); err != nil {
		return err
	}
	e, d, err := a.desk.Draft(ctx, p.ID)
	return scheduled(out, e, d, err)
}

func (a *app) opScheduleAdopt(ctx context.Context, r asked, out func(any) error) error {
	var p scheduleParams
	if err := r.params(&p); err != nil {
		return err
	}
	e, d, err := a.desk.Adopt(ctx, r.Actor, p.ID)
	return scheduled(out, e, d, err)
}
