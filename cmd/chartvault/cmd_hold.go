package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/accounts"
	"chartvault/disposition"
	"chartvault/record"
	"chartvault/search"
)

// holdParams places or releases a hold.
type holdParams struct {
	Kind   record.HoldKind `json:"kind,omitempty"`
	Charts []string        `json:"charts,omitempty"`
	Types  []string        `json:"types,omitempty"`
	From   record.Date     `json:"from,omitzero"`
	To     record.Date     `json:"to,omitzero"`
	Query  string          `json:"query,omitempty"`
	Matter string          `json:"matter,omitempty"`
	Reason string          `json:"reason"`
	ID     string          `json:"id,omitempty"`
}

// holdLine is a hold as it is listed: without the charts' numbers and the search.
type holdLine struct {
	ID        string          `json:"id"`
	State     string          `json:"state"` // active, releasing or released
	Kind      record.HoldKind `json:"kind"`
	Matter    string          `json:"matter"`
	Reason    string          `json:"reason"`
	Scope     string          `json:"scope"`
	PlacedBy  string          `json:"placed_by"`
	PlacedAt  string          `json:"placed_at"`
	Documents int             `json:"documents_found,omitempty"` // by its saved search
	Released  string          `json:"released_at,omitempty"`
}

func (e *env) holdCmd() *cobra.Command {
	c := &cobra.Command{Use: "hold", Short: "Place, release and list holds"}
	human := func(l holdLine) {
		fmt.Fprintf(e.out, "%s  %-9s  %s %s, since %s by %s: %s\n    on %s\n", l.ID, l.State, l.Kind, l.Matter, l.PlacedAt, l.PlacedBy, l.Reason, l.Scope)
	}
	var why string
	release := &cobra.Command{
		Use: "release ID --reason TEXT", Short: "End an open matter, or ask for the release of a legal or audit hold", Args: cobra.ExactArgs(1),
		Long:    "An open matter (request, amendment, merge, misfile) ends at once. A legal or audit hold takes the approvals of two\npeople (hold approve). Nothing is destroyed by a release.",
		Example: "  chartvault hold release ID --reason 'matter closed'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "hold-release", holdParams{ID: args[0], Reason: why}, show(e, human))
		},
	}
	release.Flags().StringVar(&why, "reason", "", "why")
	must(release.MarkFlagRequired("reason"))
	list := &cobra.Command{
		Use: "list", Short: "List holds", Example: "  chartvault hold list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "hold-list", struct{}{}, show(e, human))
		},
	}
	c.AddCommand(e.holdPlaceCmd(human), release, list,
		e.approveCmd(disposition.MatterHold, "approve ID", "Sign the release of a hold as an approver", "  chartvault hold approve ID --key privacy.key"))
	return c
}

func (e *env) holdPlaceCmd(human func(holdLine)) *cobra.Command {
	var p holdParams
	var kind string
	var charts, query bool
	c := &cobra.Command{
		Use: "place --matter REF --reason TEXT [--charts] [--type T] [--from DAY] [--to DAY] [--query] < lines", Short: "Forbid the destruction of what a matter is about",
		Long:    "The hold binds what meets every condition given, also what is filed later. What names patients comes by standard\ninput: with --charts (the default when nothing else is given) chart numbers, one a line; with --query a search.\nA document whose date of service is unknown meets every range of dates.",
		Example: "  chartvault hold place --matter 'docket 26-114' --reason 'litigation notice' < number\n  echo 'implant recall' | chartvault hold place --query --matter 'recall 7' --reason notice --type OPERATIVE_NOTE", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.Kind = record.HoldKind(kind)
			if !charts && !query && len(p.Types) == 0 && p.From.IsZero() && p.To.IsZero() {
				charts = true
			}
			if charts && query {
				return fmt.Errorf("hold: %w: charts and a search both come by standard input: place two holds", record.ErrInvalid)
			}
			if charts || query {
				lines, err := e.privateLines("Chart numbers or search: ")
				if err != nil {
					return err
				}
				if p.Charts = lines; query {
					p.Charts, p.Query = nil, strings.Join(lines, " ")
				}
			}
			return e.call(cmd.Context(), "hold-place", p, show(e, human))
		},
	}
	c.Flags().StringVar(&kind, "kind", string(record.HoldLegal), "legal, audit, request, amendment, merge or misfile")
	c.Flags().BoolVar(&charts, "charts", false, "only the charts whose numbers come by standard input")
	c.Flags().BoolVar(&query, "query", false, "only what the search that comes by standard input finds, now and later")
	c.Flags().StringArrayVar(&p.Types, "type", nil, "only documents of this type; may be repeated")
	c.Flags().TextVar(&p.From, "from", record.Date{}, "only dates of service from this day on")
	c.Flags().TextVar(&p.To, "to", record.Date{}, "only dates of service until this day")
	c.Flags().StringVar(&p.Matter, "matter", "", "the matter's reference; no patient's name")
	c.Flags().StringVar(&p.Reason, "reason", "", "why")
	must(c.MarkFlagRequired("matter"))
	must(c.MarkFlagRequired("reason"))
	return c
}

func (a *app) opHoldPlace(ctx context.Context, r asked, out func(any) error) error {
	var p holdParams
	if err := r.params(&p); err != nil {
		return err
	}
	h := record.Hold{Kind: p.Kind, Matter: p.Matter, Reason: p.Reason, Scope: record.HoldScope{From: p.From, To: p.To, Query: p.Query}}
	var numbers []string
	for i, s := range p.Charts {
		n, err := record.ParseChartNumber(s)
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		numbers = append(numbers, n.Reveal())
		h.Scope.Charts = append(h.Scope.Charts, a.cat.ChartToken(n))
	}
	// Whom it binds now it binds, whatever is found out about the numbers later.
	h.Scope.Charts = a.relatives.Load().all(h.Scope.Charts)
	for _, t := range p.Types {
		code, err := record.TypeCode(t)
		if err != nil {
			return err
		}
		h.Scope.Types = append(h.Scope.Types, code)
	}
	if p.Query != "" {
		if err := a.maySearch(ctx, r.Actor); err != nil {
			return err
		}
		if _, err := search.Parse(p.Query); err != nil {
			return err
		}
		if err := a.feed(ctx); err != nil { // it finds everything there is
			return err
		}
	}
	b, err := a.desk.PlaceHold(ctx, r.Actor, h, numbers)
	if err != nil {
		return err
	}
	return out(a.lineOfHold(ctx, r.Actor, b))
}

func (a *app) opHoldRelease(ctx context.Context, r asked, out func(any) error) error {
	var p holdParams
	if err := r.params(&p); err != nil {
		return err
	}
	b, err := a.desk.Release(ctx, r.Actor, p.ID, p.Reason)
	if err != nil {
		return err
	}
	return out(a.lineOfHold(ctx, r.Actor, b))
}

func (a *app) opHoldList(ctx context.Context, r asked, out func(any) error) error {
	return a.desk.Holds(ctx, false, func(b disposition.HoldBody) error { return out(a.lineOfHold(ctx, r.Actor, b)) })
}

// maySearch refuses somebody whose roles do not search all charts: a hold on what a
// search finds says how much that is.
func (a *app) maySearch(ctx context.Context, who record.Actor) error {
	name := signedIn(who)
	if name == "" {
		return nil
	}
	u, err := (people{a}).User(ctx, name)
	if err != nil {
		return err
	}
	if !u.May(accounts.SearchAll) {
		return fmt.Errorf("hold: %w: your role does not search all charts", record.ErrDenied)
	}
	shut, err := a.shutFrom(ctx, who)
	if err == nil && len(shut) > 0 { // what is held is seen not to be due any more
		err = fmt.Errorf("hold: %w: some charts are restricted, and what a search finds would be of them too: whoever is named for all of them places it, or the command line", record.ErrDenied)
	}
	return err
}

// lineOfHold is a hold as it is listed for somebody. How much its search finds is not
// told to whom a chart is shut: they would learn what stands in it.
func (a *app) lineOfHold(ctx context.Context, who record.Actor, b disposition.HoldBody) holdLine {
	l := holdLine{ID: b.ID.String(), State: "active", Kind: b.Kind, Matter: b.Matter, Reason: b.Reason, PlacedBy: string(b.PlacedBy), PlacedAt: b.PlacedAt.Format(time.RFC3339)}
	switch {
	case !b.Active():
		l.State, l.Released = "released", b.ReleasedAt.Format(time.RFC3339)
	case b.Releasing != nil:
		l.State = "releasing"
	}
	var parts []string
	s := b.Scope
	if n := len(s.Charts); n > 0 {
		parts = append(parts, fmt.Sprintf("%d charts", n))
	}
	if len(s.Types) > 0 {
		parts = append(parts, "types "+strings.Join(s.Types, ", "))
	}
	if !s.From.IsZero() {
		parts = append(parts, "from "+s.From.String())
	}
	if !s.To.IsZero() {
		parts = append(parts, "until "+s.To.String())
	}
	if s.Query != "" {
		text := "what a saved search finds"
		if shut, err := a.shutFrom(ctx, who); err == nil && len(shut) == 0 {
			if found, err := a.cat.Found(ctx); err == nil {
				l.Documents = len(found[l.ID])
				text += fmt.Sprintf(" (%d documents now)", l.Documents)
			}
		}
		parts = append(parts, text)
	}
	l.Scope = strings.Join(parts, "; ")
	return l
}

// holdOf reads a hold out of its entry.
func holdOf(e disposition.Entry) (b disposition.HoldBody, err error) {
	err = e.Into(&b)
	return b, err
}
