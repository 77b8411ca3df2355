package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/disposition"
	"chartvault/retention"
)

func (e *env) automationCmd() *cobra.Command {
	c := &cobra.Command{Use: "automation", Short: "Let the daemon propose and execute the end of a record class"}
	human := func(l automationLine) {
		fmt.Fprintf(e.out, "%s  %s, class %s, proposes%s, approved by %s\n", l.Name, l.State, l.Class, map[bool]string{true: " and executes"}[l.Execute], strings.Join(l.Approvals, " and "))
		if l.Lacks != "" {
			fmt.Fprintf(e.out, "    may do nothing by itself: %s\n", l.Lacks)
		}
	}
	ask := &cobra.Command{
		Use: "ask NAME", Short: "Ask for the standing approval of an automation of the schedule in force", Example: "  chartvault automation ask old-labs", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "automation-ask", planParams{ID: args[0]}, show(e, human))
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the automations of the schedule in force, and standing approvals", Example: "  chartvault automation list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "automation-list", struct{}{}, show(e, human))
		},
	}
	c.AddCommand(ask, list, e.approveCmd(disposition.MatterStanding, "approve NAME", "Sign the standing approval, for a year", "  chartvault automation approve old-labs --key director.key"))
	return c
}

// automationLine is an automation, with its standing approval.
type automationLine struct {
	Name      string   `json:"name"`
	State     string   `json:"state"` // "not asked", draft or active
	Class     string   `json:"class"`
	Execute   bool     `json:"execute"`
	AskedBy   string   `json:"asked_by,omitempty"`
	Approvals []string `json:"approvals"`
	Until     string   `json:"until,omitempty"` // the day its approval ends
	Lacks     string   `json:"lacks,omitempty"` // why what it proposes waits for approvals of its own; "" for nothing
}

// notAsked is the state of an automation of which nobody asked anything.
const notAsked = "not asked"

func lineOfStanding(state string, st disposition.Standing) automationLine {
	l := automationLine{Name: st.Automation.Name, State: state, Class: st.Automation.Class, Execute: st.Automation.Execute, AskedBy: string(st.AskedBy), Approvals: []string{}}
	for _, a := range st.Approvals {
		l.Approvals = append(l.Approvals, a.Approver)
	}
	return l
}

func (a *app) opAutomationAsk(ctx context.Context, r asked, out func(any) error) error {
	var p planParams
	if err := r.params(&p); err != nil {
		return err
	}
	st, _, err := a.desk.AskStanding(ctx, r.Actor, p.ID)
	if err != nil {
		return err
	}
	return out(lineOfStanding("asked", st))
}

// opAutomationList lists standing approvals, and the automations of the schedule in
// force of which nobody asked one.
func (a *app) opAutomationList(ctx context.Context, _ asked, out func(any) error) error {
	var known []string
	err := a.desk.Standings(ctx, func(e disposition.Entry, st disposition.Standing) error {
		known = append(known, st.Automation.Name)
		l := lineOfStanding(e.State, st)
		until, err := a.desk.Stands(ctx, st)
		if !until.IsZero() {
			l.Until = until.Format("2006-01-02")
		}
		if err != nil {
			l.Lacks = err.Error()
		}
		return out(l)
	})
	if err != nil {
		return err
	}
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return err
	}
	for _, x := range s.Automations {
		if slices.Contains(known, x.Name) {
			continue
		}
		if err := out(unasked(x)); err != nil {
			return err
		}
	}
	return nil
}

func unasked(x retention.Automation) automationLine {
	return automationLine{Name: x.Name, State: notAsked, Class: x.Class, Execute: x.Execute, Approvals: []string{}, Lacks: "nobody asked for a standing approval"}
}
