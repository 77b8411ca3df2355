package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/record"
)

// restrictParams shuts charts, changes whom that names, or lifts it.
type restrictParams struct {
	ID     string   `json:"id,omitempty"`
	Charts []string `json:"charts,omitempty"`
	Why    string   `json:"why,omitempty"`
	Matter string   `json:"matter,omitempty"`
	Named  []string `json:"named,omitempty"`
}

// restrictionLine is a restriction as it is listed: without the charts' numbers.
type restrictionLine struct {
	ID      string       `json:"id"`
	State   string       `json:"state"` // shut or lifted
	Why     string       `json:"why"`
	Matter  string       `json:"matter"`
	Charts  int          `json:"charts"` // how many
	Named   []string     `json:"named,omitempty"`
	By      record.Actor `json:"by"`
	At      string       `json:"at"`
	Changed string       `json:"changed"`
}

func lineOfRestriction(r restriction) restrictionLine {
	l := restrictionLine{ID: r.ID, State: stateShut, Why: r.Why, Matter: r.Matter, Charts: len(r.Charts), Named: r.Named, By: r.By, At: r.At.Format(time.RFC3339), Changed: r.Changed.Format(time.RFC3339)}
	if r.Lifted {
		l.State = stateLifted
	}
	return l
}

func (e *env) restrictCmd() *cobra.Command {
	c := &cobra.Command{Use: "restrict", Short: "Shut charts to whoever is not named for them, whatever their roles"}
	human := func(l restrictionLine) {
		fmt.Fprintf(e.out, "%s  %-6s  %d charts, %s: %s; named: %s (%s, %s)\n", l.ID, l.State, l.Charts, l.Why, l.Matter, strings.Join(append(l.Named, "nobody")[:max(1, len(l.Named))], ", "), l.By, l.Changed)
	}
	var p restrictParams
	shut := &cobra.Command{
		Use: "shut --why REASON --matter TEXT [--named USER] < chart-numbers", Short: "Shut charts", Args: cobra.NoArgs,
		Long:    "Whoever is not named finds, opens and releases nothing of these charts in the pages and over the API, whatever their\nroles; in an emergency, which is written down and reviewed, they can be looked at all the same. Reasons: " + strings.Join(restrictionReasons(), ", ") + ".",
		Example: "  chartvault restrict shut --why 'of staff' --matter 'ward 3' --named a.clerk < numbers",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if p.Charts, err = e.privateLines("Chart numbers: "); err != nil {
				return err
			}
			return e.call(cmd.Context(), "restriction-shut", p, show(e, human))
		},
	}
	shut.Flags().StringVar(&p.Why, "why", "", "reason, from the list")
	shut.Flags().StringVar(&p.Matter, "matter", "", "the matter in words; no patient's name")
	shut.Flags().StringArrayVar(&p.Named, "named", nil, "a user who may open them; may be repeated")
	var named []string
	name := &cobra.Command{
		Use: "name ID [--named USER]", Short: "Say anew who may open the charts of a restriction", Args: cobra.ExactArgs(1), Example: "  chartvault restrict name ID --named a.clerk --named b.clerk",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "restriction-name", restrictParams{ID: args[0], Named: named}, show(e, human))
		},
	}
	name.Flags().StringArrayVar(&named, "named", nil, "a user who may open them; may be repeated")
	lift := &cobra.Command{
		Use: "lift ID", Short: "Open the charts of a restriction to everybody whose role allows it", Args: cobra.ExactArgs(1), Example: "  chartvault restrict lift ID",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "restriction-lift", restrictParams{ID: args[0]}, show(e, human))
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List restrictions", Args: cobra.NoArgs, Example: "  chartvault restrict list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "restriction-list", struct{}{}, show(e, human))
		},
	}
	c.AddCommand(shut, name, lift, list)
	return c
}

func (a *app) opRestrictionShut(ctx context.Context, r asked, out func(any) error) error {
	var p restrictParams
	if err := r.params(&p); err != nil {
		return err
	}
	switch {
	case !slices.Contains(restrictionReasons(), p.Why):
		return fmt.Errorf("restriction: %w: the reason is one of: %s", record.ErrInvalid, strings.Join(restrictionReasons(), ", "))
	case strings.TrimSpace(p.Matter) == "":
		return fmt.Errorf("restriction: %w: say in words what it is about", record.ErrInvalid)
	case len(p.Charts) == 0:
		return fmt.Errorf("restriction: %w: give the chart numbers", record.ErrInvalid)
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return err
	}
	s := restriction{ID: id.String(), Why: p.Why, Matter: p.Matter, Named: p.Named, At: a.now().UTC().Truncate(time.Millisecond)}
	for i, c := range p.Charts {
		n, err := record.ParseChartNumber(c)
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		s.Charts = append(s.Charts, n.Canonical())
	}
	if err := a.checkNamed(ctx, p.Named); err != nil {
		return err
	}
	return a.sayRestriction(ctx, r.Actor, s, out)
}

// changeRestriction changes one that is in force.
func (a *app) changeRestriction(ctx context.Context, r asked, out func(any) error, f func(s *restriction, p restrictParams) error) error {
	var p restrictParams
	if err := r.params(&p); err != nil {
		return err
	}
	a.restrictMu.Lock() // what one changes another has not changed meanwhile
	defer a.restrictMu.Unlock()
	e, err := a.cat.Entry(ctx, kindRestriction, p.ID)
	if err != nil {
		return fmt.Errorf("restriction %s: %w", p.ID, err)
	}
	var s restriction
	if err := into(e, &s); err != nil {
		return err
	}
	if s.Lifted {
		return fmt.Errorf("restriction %s: %w: it was lifted", p.ID, record.ErrInvalid)
	}
	if err := f(&s, p); err != nil {
		return err
	}
	return a.sayRestriction(ctx, r.Actor, s, out)
}

func (a *app) sayRestriction(ctx context.Context, who record.Actor, s restriction, out func(any) error) error {
	if err := a.putRestriction(ctx, who, s); err != nil {
		return err
	}
	e, err := a.cat.Entry(ctx, kindRestriction, s.ID)
	if err != nil {
		return err
	}
	if err := into(e, &s); err != nil {
		return err
	}
	return out(lineOfRestriction(s))
}

func (a *app) opRestrictionName(ctx context.Context, r asked, out func(any) error) error {
	return a.changeRestriction(ctx, r, out, func(s *restriction, p restrictParams) error {
		s.Named = p.Named
		return a.checkNamed(ctx, p.Named)
	})
}

func (a *app) opRestrictionLift(ctx context.Context, r asked, out func(any) error) error {
	return a.changeRestriction(ctx, r, out, func(s *restriction, _ restrictParams) error {
		s.Lifted = true
		return nil
	})
}

func (a *app) opRestrictionList(ctx context.Context, _ asked, out func(any) error) error {
	es, err := a.cat.Entries(ctx, kindRestriction)
	return eachEntry(es, err, func(s restriction) error { return out(lineOfRestriction(s)) })
}
