package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// factsParams are facts of charts, read from a CSV.
type factsParams struct {
	Facts []chartFacts `json:"facts"`
}

// factsLine says how many charts got facts.
type factsLine struct {
	Charts int `json:"charts"`
}

func (e *env) factsCmd() *cobra.Command {
	c := &cobra.Command{Use: "facts", Short: "Record what is known of patients for retention"}
	imp := &cobra.Command{
		Use: "import FILE.csv", Short: "Read dates of birth, last encounter and death by chart number",
		Long:    "Reads a CSV with the header chart_number,date_of_birth,last_encounter,death. Dates are YYYY-MM-DD, YYYY-MM or YYYY;\nan empty one is unknown, and unknown means never due. Nothing is imported unless every line can be read.",
		Example: "  chartvault facts import patients.csv", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close() // read-only
			facts, err := readFacts(f)
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "facts-import", factsParams{facts}, show(e, func(l factsLine) {
				fmt.Fprintf(e.out, "%d charts\n", l.Charts)
			}))
		},
	}
	c.AddCommand(imp)
	return c
}

// readFacts reads the CSV. Errors name the line and the column, never the value.
func readFacts(r io.Reader) ([]chartFacts, error) {
	cr := csv.NewReader(r)
	head, err := cr.Read()
	if err != nil {
		return nil, fmt.Errorf("facts: %w: no header", record.ErrInvalid)
	}
	want := []string{"chart_number", "date_of_birth", "last_encounter", "death"}
	for i, h := range head {
		head[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
	}
	if strings.Join(head, ",") != strings.Join(want, ",") {
		return nil, fmt.Errorf("facts: %w: the header must be %s", record.ErrInvalid, strings.Join(want, ","))
	}
	var out []chartFacts
	for line := 2; ; line++ {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("facts: %w: line %d cannot be read", record.ErrInvalid, line)
		}
		n, err := record.ParseChartNumber(rec[0])
		if err != nil {
			return nil, fmt.Errorf("facts: line %d: %w", line, err)
		}
		f := chartFacts{Chart: n.Reveal()}
		for i, d := range []*record.Date{&f.Facts.Born, &f.Facts.LastEncounter, &f.Facts.Died} {
			if *d, err = record.ParseDate(rec[i+1]); err != nil {
				return nil, fmt.Errorf("facts: line %d: %s: %w", line, want[i+1], err)
			}
		}
		out = append(out, f)
	}
}

func (a *app) opFacts(ctx context.Context, r asked, out func(any) error) error {
	var p factsParams
	if err := r.params(&p); err != nil {
		return err
	}
	const some = 1000 // charts an entry: a plan's worth of bytes
	for i := 0; i < len(p.Facts); i += some {
		part := p.Facts[i:min(i+some, len(p.Facts))]
		if err := a.arch.Journal(ctx, audit.ActFacts, "", change{Actor: r.Actor, Facts: part}); err != nil {
			return err
		}
		for _, f := range part {
			n, err := record.ParseChartNumber(f.Chart)
			if err != nil {
				return err
			}
			if err := a.cat.SetFacts(ctx, n, f.Facts); err != nil {
				return err
			}
		}
	}
	if err := a.arch.Publish(ctx); err != nil {
		return err
	}
	return out(factsLine{len(p.Facts)})
}

// facts returns what is known of a chart.
func (a *app) facts(ctx context.Context, token []byte) (catalog.Facts, error) {
	ch, err := a.cat.ChartByToken(ctx, token)
	if errors.Is(err, record.ErrNotFound) {
		return catalog.Facts{}, nil
	}
	return ch.Facts, err
}
