package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
	"chartvault/retention"
)

// factsParams are facts of charts, read from a CSV.
type factsParams struct {
	Facts  []chartFacts `json:"facts"`
	Dry    bool         `json:"dry,omitempty"`    // say what would change, and change nothing
	Reason string       `json:"reason,omitempty"` // of a correction
}

// factsLine says what an import changed.
type factsLine struct {
	Charts  int              `json:"charts"`
	Changed int              `json:"changed"`
	Dates   retention.Change `json:"dates"` // of the charts' documents
	Dry     bool             `json:"dry,omitempty"`
}

func (e *env) factsCmd() *cobra.Command {
	c := &cobra.Command{Use: "facts", Short: "Record what is known of patients for retention"}
	c.AddCommand(
		e.importCmd("import FILE.csv", "Read facts of the patient list by chart number",
			"Reads a CSV with a header: chart_number, and any of date_of_birth, death, discharge, last_encounter, last_entry, last_use,\nrecord_created, employment_end, case_closed, document_last_effective, event:NAME (dates: YYYY-MM-DD, YYYY-MM or YYYY) and\nis:POPULATION (yes or no). An empty cell says nothing. Nothing is imported unless every line can be read.", readFacts),
		e.importCmd("encounters FILE.csv", "Read stays and visits by chart number",
			"Reads a CSV with the header chart_number,encounter,begin,end. An encounter without an end is open: nothing of its\nchart is due until it has one. A line takes the place of an earlier one of the same encounter number.", readEncounters),
		e.correctCmd(), e.factsShowCmd())
	return c
}

func (e *env) importCmd(use, short, long string, read func(io.Reader) ([]chartFacts, error)) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: use, Short: short, Long: long + "\nPrints which due dates move.", Example: "  chartvault facts " + strings.ToLower(use), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close() // read-only
			facts, err := read(f)
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "facts-import", factsParams{Facts: facts, Dry: dry}, show(e, e.showFacts))
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would change, and change nothing")
	return c
}

func (e *env) showFacts(l factsLine) {
	would := ""
	if l.Dry {
		would = "would be "
	}
	fmt.Fprintf(e.out, "%d charts, %d %schanged; of %d documents %d end earlier, %d later, %d are due now, %d no longer\n", l.Charts, l.Changed, would,
		l.Dates.Documents, l.Dates.Earlier, l.Dates.Later, l.Dates.NowDue, l.Dates.NoLongerDue)
	for _, s := range l.Dates.Samples {
		fmt.Fprintf(e.out, "    %s  %s: %s -> %s\n", s.Document, s.Type, cmp.Or(s.Was.String(), "never"), cmp.Or(s.Would.String(), "never"))
	}
}

func (e *env) correctCmd() *cobra.Command {
	var name, date, reason string
	c := &cobra.Command{
		Use: "correct --fact NAME --date DATE --reason TEXT < chart-number", Short: "Correct a fact of a chart: it outweighs what lists said before", Args: cobra.NoArgs,
		Long:    "NAME is born, died, discharge, last_encounter, last_entry, last_use, record_created, employment_end, case_closed,\ndocument_last_effective or event:NAME. An empty DATE says that it is not known.",
		Example: "  chartvault facts correct --fact discharge --date 2009-05-06 --reason 'paper register' < number",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := e.private("", "Chart number: ")
			if err != nil {
				return err
			}
			d, err := record.ParseDate(date)
			if err != nil {
				return err
			}
			f := catalog.Facts{Known: []record.Fact{{Name: record.FactName(name), Date: d, Source: record.SourceCorrection}}}
			return e.call(cmd.Context(), "facts-import", factsParams{Facts: []chartFacts{{n, f}}, Reason: reason}, show(e, e.showFacts))
		},
	}
	c.Flags().StringVar(&name, "fact", "", "which fact")
	c.Flags().StringVar(&date, "date", "", "its date; empty when it is not known")
	c.Flags().StringVar(&reason, "reason", "", "why")
	must(c.MarkFlagRequired("fact"))
	must(c.MarkFlagRequired("reason"))
	return c
}

func (e *env) factsShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show < chart-number", Short: "Print what is known of a chart, from where and since when", Example: "  chartvault facts show < number", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := e.private("", "Chart number: ")
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "facts-show", getParams{Chart: n}, show(e, func(f catalog.Facts) {
				for _, k := range f.Known {
					fmt.Fprintf(e.out, "%-24s %-10s from %s, learned on %s\n", k.Name, cmp.Or(k.Date.String()+k.Answer, "unknown"), k.Source, cmp.Or(k.On.String(), "a day not kept"))
				}
				for _, x := range f.Encounters {
					fmt.Fprintf(e.out, "encounter                %s to %s\n", x.Begin, cmp.Or(x.End.String(), "open"))
				}
			}))
		},
	}
}

// table reads a CSV whose header begins with chart_number, and calls f for
// each line. Errors name the line and the column, never the value.
func table(r io.Reader, f func(chart record.ChartNumber, head, rec []string) error) error {
	cr := csv.NewReader(r)
	head, err := cr.Read()
	if err != nil {
		return fmt.Errorf("facts: %w: no header", record.ErrInvalid)
	}
	for i, h := range head {
		head[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
	}
	if head[0] != "chart_number" {
		return fmt.Errorf("facts: %w: the first column must be chart_number", record.ErrInvalid)
	}
	for line := 2; ; line++ {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("facts: %w: line %d cannot be read", record.ErrInvalid, line)
		}
		n, err := record.ParseChartNumber(rec[0])
		if err == nil {
			err = f(n, head, rec)
		}
		if err != nil {
			return fmt.Errorf("facts: line %d: %w", line, err)
		}
	}
}

// factOfColumn names the fact of a column.
func factOfColumn(h string) record.FactName {
	switch h {
	case "date_of_birth":
		return record.FactBorn
	case "death":
		return record.FactDied
	}
	return record.FactName(h)
}

// readFacts reads the patient list.
func readFacts(r io.Reader) ([]chartFacts, error) {
	var out []chartFacts
	err := table(r, func(n record.ChartNumber, head, rec []string) error {
		var f catalog.Facts
		for i, h := range head[1:] {
			cell := strings.TrimSpace(rec[i+1])
			k := record.Fact{Name: factOfColumn(h), Source: record.SourcePatientList}
			if population, ok := strings.CutPrefix(h, "is:"); ok {
				k.Name, k.Answer = record.FactName(population), strings.ToLower(cell)
				if !slices.Contains([]string{record.Yes, record.No, ""}, k.Answer) {
					return fmt.Errorf("%s: %w: write yes or no", h, record.ErrInvalid)
				}
			} else {
				var err error
				if !retention.ValidFact(k.Name) {
					return fmt.Errorf("column %d: %w: no such fact", i+2, record.ErrInvalid)
				}
				if k.Date, err = record.ParseDate(cell); err != nil {
					return fmt.Errorf("%s: %w", h, err)
				}
			}
			if cell != "" {
				f.Known = append(f.Known, k)
			}
		}
		out = append(out, chartFacts{n.Reveal(), f})
		return nil
	})
	return out, err
}

// readEncounters reads stays and visits.
func readEncounters(r io.Reader) ([]chartFacts, error) {
	var out []chartFacts
	err := table(r, func(n record.ChartNumber, head, rec []string) (err error) {
		if strings.Join(head, ",") != "chart_number,encounter,begin,end" {
			return fmt.Errorf("%w: the header must be chart_number,encounter,begin,end", record.ErrInvalid)
		}
		x := record.Encounter{ID: strings.TrimSpace(rec[1])}
		if x.ID == "" {
			return fmt.Errorf("encounter: %w: it has no number", record.ErrInvalid)
		}
		if x.Begin, err = record.ParseDate(rec[2]); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		if x.End, err = record.ParseDate(rec[3]); err != nil {
			return fmt.Errorf("end: %w", err)
		}
		if !x.End.IsZero() && x.Begin.First().After(x.End) {
			return fmt.Errorf("end: %w: it ends before it begins", record.ErrInvalid)
		}
		out = append(out, chartFacts{n.Reveal(), catalog.Facts{Encounters: []record.Encounter{x}}})
		return nil
	})
	return out, err
}

func (a *app) opFacts(ctx context.Context, r asked, out func(any) error) error {
	var p factsParams
	if err := r.params(&p); err != nil {
		return err
	}
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return err
	}
	today := s.Today(a.now())
	for i := range p.Facts {
		for j := range p.Facts[i].Facts.Known {
			k := &p.Facts[i].Facts.Known[j]
			if k.On = today; k.Answer == "" && !retention.ValidFact(k.Name) {
				return fmt.Errorf("fact %q: %w: there is none of that name", k.Name, record.ErrInvalid)
			}
		}
		for j := range p.Facts[i].Facts.Encounters {
			p.Facts[i].Facts.Encounters[j].On = today
		}
	}
	l := factsLine{Charts: len(p.Facts), Dry: p.Dry}
	if err := a.factsDiff(ctx, s, p.Facts, &l); err != nil {
		return err
	}
	if p.Dry {
		return out(l)
	}
	defer a.moved.Add() // when they are all there
	const some = 1000   // charts an entry: a plan's worth of bytes
	for i := 0; i < len(p.Facts); i += some {
		part := p.Facts[i:min(i+some, len(p.Facts))]
		if err := a.arch.Journal(ctx, audit.ActFacts, "", change{Actor: r.Actor, Facts: part, Reason: p.Reason}); err != nil {
			return err
		}
		for _, f := range part {
			n, err := record.ParseChartNumber(f.Chart)
			if err != nil {
				return err
			}
			if _, err := a.addFacts(ctx, n, f.Facts); err != nil {
				return err
			}
		}
	}
	if err := a.arch.Publish(ctx); err != nil {
		return err
	}
	return out(l)
}

// factsDiff compares the dates of the charts' documents before and after.
func (a *app) factsDiff(ctx context.Context, s *retention.Schedule, all []chartFacts, l *factsLine) error {
	b, err := a.bindings(ctx)
	if err != nil {
		return err
	}
	merged := map[string]catalog.Facts{} // several lines may be about one chart
	var order []string
	before := map[string]catalog.Facts{}
	for _, f := range all {
		n, err := record.ParseChartNumber(f.Chart)
		if err != nil {
			return err
		}
		token := string(a.cat.ChartToken(n))
		now, ok := merged[token]
		if !ok {
			ch, err := a.cat.ChartByToken(ctx, []byte(token))
			if err != nil && !errors.Is(err, record.ErrNotFound) {
				return err
			}
			now, before[token] = ch.Facts, cloneFacts(ch.Facts)
			order = append(order, token)
		}
		if now = cloneFacts(now); now.Add(f.Facts) {
			l.Changed++
		}
		merged[token] = now
	}
	l.Charts = len(order)
	today := s.Today(a.now())
	for _, token := range order {
		rows, err := a.cat.OfToken(ctx, []byte(token))
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r catalog.Row) bool { return r.State == record.DocumentDestroyed })
		was, would := resolve(before[token], rows), resolve(merged[token], rows)
		for _, row := range rows {
			sub := b.subject(row)
			x, y := s.Decide(sub, was, b.holds.Binding(sub), today), s.Decide(sub, would, b.holds.Binding(sub), today)
			l.Dates.Add(&x, &y)
		}
	}
	return nil
}

func cloneFacts(f catalog.Facts) catalog.Facts {
	return catalog.Facts{Known: slices.Clone(f.Known), Encounters: slices.Clone(f.Encounters)}
}

// addFacts takes new facts of a chart in, and reports whether they say anything new.
func (a *app) addFacts(ctx context.Context, n record.ChartNumber, add catalog.Facts) (bool, error) {
	ch, err := a.cat.ChartByToken(ctx, a.cat.ChartToken(n))
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return false, err
	}
	if !ch.Facts.Add(add) {
		return false, nil
	}
	return true, a.cat.SetFacts(ctx, n, ch.Facts)
}

// used notes that a record was opened for the care of the patient: some laws
// count from there.
func (a *app) used(ctx context.Context, who record.Actor, n record.ChartNumber) error {
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return err
	}
	day := s.Today(a.now())
	f := catalog.Facts{Known: []record.Fact{{Name: record.FactLastUse, Date: day, Source: record.SourceRetrieval, On: day}}}
	if err := a.arch.Journal(ctx, audit.ActFacts, "", change{Actor: who, Facts: []chartFacts{{n.Reveal(), f}}}); err != nil {
		return err
	}
	_, err = a.addFacts(ctx, n, f)
	return err
}

func (a *app) opFactsShow(ctx context.Context, r asked, out func(any) error) error {
	_, n, err := r.chart()
	if err != nil {
		return err
	}
	if err := a.mayOpenNumber(ctx, r.Actor, "facts", n); err != nil {
		return err
	}
	ch, err := a.cat.ChartByToken(ctx, a.cat.ChartToken(n))
	if err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActLookup, "", map[string]any{"actor": r.Actor, "purpose": "facts", "chart": n.Reveal()}); err != nil {
		return err
	}
	return out(ch.Facts)
}
