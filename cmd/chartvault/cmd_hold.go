package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"crypto/rand"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// holdBody is what a hold's register entry says.
type holdBody struct {
	Matter     string       `json:"matter"`
	Reason     string       `json:"reason"`
	Chart      string       `json:"chart"`
	PlacedBy   record.Actor `json:"placed_by"`
	ReleasedBy record.Actor `json:"released_by,omitempty"`
	ReleasedAt time.Time    `json:"released_at,omitzero"`
	Why        string       `json:"release_reason,omitempty"`
}

// holdParams places or releases a hold.
type holdParams struct {
	Chart  string `json:"chart,omitempty"`
	Matter string `json:"matter,omitempty"`
	Reason string `json:"reason"`
	ID     string `json:"id,omitempty"`
}

// holdLine is a hold as it is listed: without the chart's number.
type holdLine struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Matter   string `json:"matter"`
	Reason   string `json:"reason"`
	PlacedBy string `json:"placed_by"`
	PlacedAt string `json:"placed_at"`
}

func (e *env) holdCmd() *cobra.Command {
	c := &cobra.Command{Use: "hold", Short: "Place, release and list legal holds"}
	human := func(l holdLine) {
		fmt.Fprintf(e.out, "%s  %-8s  %s, since %s by %s: %s\n", l.ID, l.State, l.Matter, l.PlacedAt, l.PlacedBy, l.Reason)
	}
	var p holdParams
	place := &cobra.Command{
		Use: "place --matter REF --reason TEXT < chart-number", Short: "Forbid the destruction of a chart",
		Example: "  chartvault hold place --matter 'docket 26-114' --reason 'litigation notice' < number", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if p.Chart, err = e.private("", "Chart number: "); err != nil {
				return err
			}
			return e.call(cmd.Context(), "hold-place", p, show(e, human))
		},
	}
	place.Flags().StringVar(&p.Matter, "matter", "", "the matter's reference; no patient's name")
	place.Flags().StringVar(&p.Reason, "reason", "", "why")
	must(place.MarkFlagRequired("matter"))
	must(place.MarkFlagRequired("reason"))
	var why string
	release := &cobra.Command{
		Use: "release ID --reason TEXT", Short: "End a hold; nothing is destroyed by it", Args: cobra.ExactArgs(1),
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
	c.AddCommand(place, release, list)
	return c
}

// register journals an entry and puts it into the catalogue: the log first, so
// that a rebuild knows all the catalogue knows.
func (a *app) register(ctx context.Context, action audit.Action, who record.Actor, e catalog.Entry, body any) (err error) {
	if e.Body, err = json.Marshal(body); err != nil {
		return err
	}
	e.At = e.At.UTC().Truncate(time.Millisecond)
	if err := a.arch.Journal(ctx, action, e.ID, change{Actor: who, Register: &e}); err != nil {
		return err
	}
	if err := a.cat.PutEntry(ctx, e); err != nil {
		return err
	}
	// What binds people must survive the loss of this machine at once.
	return a.arch.Publish(ctx)
}

func (a *app) opHoldPlace(ctx context.Context, r asked, out func(any) error) error {
	var p holdParams
	if err := r.params(&p); err != nil {
		return err
	}
	n, err := record.ParseChartNumber(p.Chart)
	if err != nil {
		return err
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return err
	}
	e := catalog.Entry{Kind: catalog.KindHold, ID: id.String(), Chart: a.cat.ChartToken(n), State: "active", At: a.now()}
	b := holdBody{Matter: p.Matter, Reason: p.Reason, Chart: n.Reveal(), PlacedBy: r.Actor}
	if err := a.register(ctx, audit.ActHoldPlaced, r.Actor, e, b); err != nil {
		return err
	}
	return out(holdLineOf(e, b))
}

func (a *app) opHoldRelease(ctx context.Context, r asked, out func(any) error) error {
	var p holdParams
	if err := r.params(&p); err != nil {
		return err
	}
	e, err := a.cat.Entry(ctx, catalog.KindHold, p.ID)
	if err != nil {
		return err
	}
	var b holdBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return err
	}
	if e.State != "active" {
		return fmt.Errorf("hold %s: %w: it has been released", p.ID, record.ErrInvalid)
	}
	e.State, b.ReleasedBy, b.ReleasedAt, b.Why = "released", r.Actor, a.now().UTC(), p.Reason
	if err := a.register(ctx, audit.ActHoldReleased, r.Actor, e, b); err != nil {
		return err
	}
	return out(holdLineOf(e, b))
}

func (a *app) opHoldList(ctx context.Context, _ asked, out func(any) error) error {
	es, err := a.cat.Entries(ctx, catalog.KindHold)
	if err != nil {
		return err
	}
	for _, e := range es {
		var b holdBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return err
		}
		if err := out(holdLineOf(e, b)); err != nil {
			return err
		}
	}
	return nil
}

func holdLineOf(e catalog.Entry, b holdBody) holdLine {
	return holdLine{e.ID, e.State, b.Matter, b.Reason, string(b.PlacedBy), e.At.Format(time.RFC3339)}
}

// holds returns the holds on a chart, for decisions.
func (a *app) holds(ctx context.Context, chart []byte) ([]record.Hold, error) {
	es, err := a.cat.Entries(ctx, catalog.KindHold)
	if err != nil {
		return nil, err
	}
	var out []record.Hold
	for _, e := range es {
		if string(e.Chart) != string(chart) || e.State != "active" {
			continue
		}
		id, err := record.ParseID(e.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, record.Hold{ID: id, PlacedAt: e.At})
	}
	return out, nil
}
