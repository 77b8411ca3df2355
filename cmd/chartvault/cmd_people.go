package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/mpi"
	"chartvault/record"
)

// personParams ask for people by name.
type personParams struct {
	Name string `json:"name"`
	Born string `json:"born,omitempty"` // YYYY-MM-DD, YYYY-MM or YYYY
	Most int    `json:"most"`
}

// personLine is one person who may be meant.
type personLine struct {
	Name      string       `json:"name"`
	Born      string       `json:"date_of_birth,omitempty"`
	Numbers   []numberLine `json:"numbers"` // the present one first
	Elsewhere string       `json:"elsewhere,omitempty"`
	Score     float64      `json:"score"` // from 0 to 1
}

type numberLine struct {
	Chart  string `json:"chart_number"`
	Since  string `json:"since,omitempty"`
	Until  string `json:"until,omitempty"`
	Merged bool   `json:"merged,omitempty"`
}

func (e *env) patientsFindCmd() *cobra.Command {
	var most int
	c := &cobra.Command{
		Use: "find < name", Short: "Find people in the patient list in spite of how their name was spelt", Args: cobra.NoArgs,
		Long:    "Reads a name from standard input and, on a second line, a date of birth or a part of one. The search is logged.",
		Example: "  printf 'Testpatient Alfa\\n1952\\n' | chartvault patients find",
		RunE: func(cmd *cobra.Command, _ []string) error {
			lines, err := e.privateLines("Name, and date of birth on a second line; end with Ctrl-D: ")
			if err != nil {
				return err
			}
			p := personParams{Name: lines[0], Most: most}
			if len(lines) > 1 {
				p.Born = lines[1]
			}
			return e.call(cmd.Context(), "patients-find", p, show(e, func(l personLine) {
				var numbers []string
				for _, n := range l.Numbers {
					numbers = append(numbers, n.Chart)
				}
				fmt.Fprintf(e.out, "%3.0f%%  %s  born %s  %s", 100*l.Score, l.Name, l.Born, strings.Join(numbers, ", "))
				if l.Elsewhere != "" {
					fmt.Fprintf(e.out, "  (a part is held elsewhere: %s)", l.Elsewhere)
				}
				fmt.Fprintln(e.out)
			}))
		},
	}
	c.Flags().IntVar(&most, "most", 5, "how many answers at most")
	return c
}

func (a *app) opPatientsFind(ctx context.Context, r asked, out func(any) error) error {
	var p personParams
	if err := r.params(&p); err != nil {
		return err
	}
	list := a.patients.Load()
	if list == nil {
		return fmt.Errorf("no patient list was imported: %w", record.ErrNotReady)
	}
	born, err := record.ParseDate(p.Born)
	if err != nil {
		return err
	}
	found := list.Search(mpi.Query{Name: p.Name, Born: born}, min(max(p.Most, 1), 100))
	if err := a.arch.Journal(ctx, audit.ActPersonSearched, "", map[string]any{"actor": r.Actor, "name": p.Name, "born": p.Born, "answers": len(found)}); err != nil {
		return err
	}
	// Whoever finds out where a paper belongs finds everybody; a program does not.
	if ctx.Value(byProgram{}) != nil {
		found = slices.DeleteFunc(found, func(m mpi.Match) bool {
			return slices.ContainsFunc(m.Numbers, func(n mpi.Number) bool {
				shut, err := a.shutTo(ctx, r.Actor, a.cat.ChartToken(n.Chart))
				return shut || err != nil
			})
		})
	}
	if len(found) == 0 {
		return fmt.Errorf("nobody of a name like this is in the patient list: %w", record.ErrNotFound)
	}
	for _, m := range found {
		l := personLine{Name: m.Name, Born: m.Born.String(), Elsewhere: m.Elsewhere, Score: m.Score}
		for _, n := range m.Numbers {
			l.Numbers = append(l.Numbers, numberLine{n.Chart.Reveal(), n.Since.String(), n.Until.String(), n.Merged})
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

// pullParams are chart numbers.
type pullParams struct {
	Charts []string `json:"charts"`
}

// pullLine is one chart of a pull list.
type pullLine struct {
	Chart     string   `json:"chart_number"`
	Also      []string `json:"also,omitempty"` // the person's other numbers
	Elsewhere string   `json:"elsewhere,omitempty"`
}

func (e *env) patientsPullCmd() *cobra.Command {
	return &cobra.Command{
		Use: "pull-list < chart-numbers", Short: "Put chart numbers in the order of the shelves: by terminal digits", Args: cobra.NoArgs,
		Long:    "Reads chart numbers from standard input, a line each, and prints them by their last two digits, then the two before, with the\nperson's other numbers and where else a part is held. The list is logged.",
		Example: "  chartvault patients pull-list < numbers.txt",
		RunE: func(cmd *cobra.Command, _ []string) error {
			lines, err := e.privateLines("Chart numbers, a line each; end with Ctrl-D: ")
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "patients-pull", pullParams{lines}, show(e, func(l pullLine) {
				fmt.Fprintf(e.out, "%s", l.Chart)
				if len(l.Also) > 0 {
					fmt.Fprintf(e.out, "  also %s", strings.Join(l.Also, ", "))
				}
				if l.Elsewhere != "" {
					fmt.Fprintf(e.out, "  a part is held elsewhere: %s", l.Elsewhere)
				}
				fmt.Fprintln(e.out)
			}))
		},
	}
}

func (a *app) opPatientsPull(ctx context.Context, r asked, out func(any) error) error {
	var p pullParams
	if err := r.params(&p); err != nil {
		return err
	}
	var charts []record.ChartNumber
	for i, s := range p.Charts {
		n, err := a.pipeline.Sheets.Number(s)
		if err != nil {
			return fmt.Errorf("pull list, line %d: not a chart number of this site: %w", i+1, record.ErrInvalid)
		}
		charts = append(charts, n)
	}
	mpi.TerminalDigit(charts)
	if err := a.arch.Journal(ctx, audit.ActPullList, "", map[string]any{"actor": r.Actor, "charts": p.Charts}); err != nil {
		return err
	}
	for _, n := range charts {
		all, err := a.numbers(ctx, n)
		if err != nil {
			return err
		}
		l := pullLine{Chart: n.Reveal(), Elsewhere: strings.Join(a.elsewhere(all), "; ")}
		for _, o := range all[1:] { // the first is its own
			l.Also = append(l.Also, o.Reveal())
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

// linkParams link two numbers, or undo a link.
type linkParams struct {
	Charts []string `json:"charts,omitempty"`
	ID     string   `json:"id,omitempty"`
	Reason string   `json:"reason"`
}

func (e *env) patientsLinkCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "link --reason TEXT < two-chart-numbers", Short: "Say that two chart numbers are one person's", Args: cobra.NoArgs,
		Long:    "From then on either number finds the documents of both, retention is decided over the facts of both, and a hold on one holds both.\nNothing that is stored changes: \"patients unlink\" undoes it.",
		Example: "  printf '1043321-7\\n88001234\\n' | chartvault patients link --reason \"registered twice\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			lines, err := e.privateLines("Two chart numbers, a line each; end with Ctrl-D: ")
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "patients-link", linkParams{Charts: lines, Reason: reason}, show(e, e.showLink))
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "how it is known, for the audit log")
	must(c.MarkFlagRequired("reason"))
	return c
}

func (e *env) patientsUnlinkCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "unlink LINK --reason TEXT", Short: "Undo a link: the numbers are two people's", Args: cobra.ExactArgs(1),
		Long:    "The numbers find their own documents again. Because that can shorten how long they are kept, both are held (kind \"merge\") until two\npeople release the hold.",
		Example: "  chartvault patients unlink 4hz3qkpuxvu5mb7drz3lqk4n2e --reason \"twins\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "patients-unlink", linkParams{ID: args[0], Reason: reason}, show(e, e.showLink))
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "how it is known, for the audit log")
	must(c.MarkFlagRequired("reason"))
	return c
}

func (e *env) patientsLinksCmd() *cobra.Command {
	return &cobra.Command{
		Use: "links", Short: "List links between chart numbers, undone ones too", Args: cobra.NoArgs, Example: "  chartvault patients links --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "patients-links", struct{}{}, show(e, e.showLink))
		},
	}
}

func (e *env) showLink(l chartLink) {
	fmt.Fprintf(e.out, "%s  %s  %s = %s  %s\n", l.ID, l.State, l.Charts[0], l.Charts[1], l.Reason)
}

func (a *app) opLink(ctx context.Context, r asked, out func(any) error) error {
	var p linkParams
	if err := r.params(&p); err != nil {
		return err
	}
	if len(p.Charts) != 2 || strings.TrimSpace(p.Reason) == "" {
		return fmt.Errorf("link: %w: want two chart numbers and a reason", record.ErrInvalid)
	}
	l := chartLink{Reason: p.Reason, By: r.Actor, State: stateLinked}
	var tokens []string
	for i, s := range p.Charts {
		n, err := a.pipeline.Sheets.Number(s)
		if err != nil {
			return fmt.Errorf("link: number %d is not a chart number of this site: %w", i+1, record.ErrInvalid)
		}
		l.Charts[i] = n.Canonical()
		tokens = append(tokens, string(a.cat.ChartToken(n)))
	}
	if slices.Contains(a.relatives.Load().of(tokens[0]), tokens[1]) {
		return fmt.Errorf("link: %w: the two are one person's already", record.ErrExists)
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return err
	}
	l.ID = id.String()
	if err := a.putLink(ctx, audit.ActChartsLinked, r.Actor, l); err != nil {
		return err
	}
	return out(l)
}

func (a *app) opUnlink(ctx context.Context, r asked, out func(any) error) error {
	var p linkParams
	if err := r.params(&p); err != nil {
		return err
	}
	ls, err := a.links(ctx, stateLinked)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(ls, func(l chartLink) bool { return l.ID == p.ID })
	if i < 0 {
		return fmt.Errorf("no link %s in force: %w", p.ID, record.ErrNotFound)
	}
	l := ls[i]
	if strings.TrimSpace(p.Reason) == "" {
		return fmt.Errorf("unlink: %w: want a reason", record.ErrInvalid)
	}
	l.State, l.UndoneBy, l.Reason = stateUndone, r.Actor, l.Reason+"; undone: "+p.Reason
	before := a.relatives.Load()
	if err := a.putLink(ctx, audit.ActChartsUnlinked, r.Actor, l); err != nil {
		return err
	}
	if err := a.apart(ctx, r.Actor, before, "link "+l.ID+" was undone: "+p.Reason); err != nil {
		return err
	}
	return out(l)
}

func (a *app) opLinks(ctx context.Context, _ asked, out func(any) error) error {
	ls, err := a.links(ctx)
	if err != nil {
		return err
	}
	for _, l := range ls {
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}
