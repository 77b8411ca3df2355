package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chartvault/ingest/correct"
	"chartvault/record"
)

// correctParams ask for a correction.
type correctParams struct {
	Act       correct.Act `json:"act"`
	Documents []string    `json:"documents"`
	Pages     []int       `json:"pages,omitempty"` // where new documents begin, that move, or that are turned
	Turn      int         `json:"turn,omitempty"`  // degrees clockwise
	Chart     string      `json:"chart,omitempty"` // where pages move to
	Type      string      `json:"type,omitempty"`
	Date      string      `json:"date,omitempty"` // of service: YYYY, YYYY-MM or YYYY-MM-DD
	Reason    string      `json:"reason"`
}

// correctionLine is a correction as it is listed, without chart numbers.
type correctionLine struct {
	ID      string        `json:"id"`
	Act     correct.Act   `json:"act"`
	State   correct.State `json:"state"`
	Sources []record.ID   `json:"sources"`
	Results []madeLine    `json:"results"`
	By      record.Actor  `json:"by"`
	Second  record.Actor  `json:"second,omitempty"`
	Reason  string        `json:"reason"`
	Seen    []sight       `json:"seen,omitempty"` // who was given the pages while they were filed wrongly
}

type madeLine struct {
	ID    record.ID `json:"id"`
	Type  string    `json:"type"`
	Pages int       `json:"pages"`
}

func (e *env) correctionCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "correct", Short: "Split, merge, move, turn and date filed documents",
		Long: "A correction makes new documents of the pages of filed ones, under keys of their own, and takes them out of sight. What it was\n" +
			"made of is kept sealed, and is destroyed before the first of the documents made of it. No page is lost or doubled.\n" +
			"Where the schedule says two_people, a second person agrees first. Chart and type of a whole document: see \"qa assign\".",
	}
	c.AddCommand(e.correctSplitCmd(), e.correctMergeCmd(), e.correctMoveCmd(), e.correctTurnCmd(), e.correctDateCmd(),
		e.correctListCmd(), e.correctDecideCmd("agree", true), e.correctDecideCmd("refuse", false), e.correctSeenCmd())
	return c
}

// correctOne is a command for a correction of one document.
func (e *env) correctOne(c *cobra.Command, p *correctParams, pages string, number bool) *cobra.Command {
	var doc, list string
	c.Args = cobra.NoArgs
	c.Flags().StringVar(&doc, "document", "", "the document's id")
	c.Flags().StringVar(&list, "pages", "", pages)
	c.Flags().StringVar(&p.Reason, "reason", "", "why; without names and numbers of patients")
	for _, f := range []string{"document", "pages", "reason"} {
		must(c.MarkFlagRequired(f))
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if p.Documents = []string{doc}; number {
			if p.Chart, err = e.private("", "Chart number: "); err != nil {
				return err
			}
		}
		if p.Pages, err = record.ParsePages(list); err != nil {
			return err
		}
		return e.call(cmd.Context(), "correct", p, show(e, e.printCorrection))
	}
	return c
}

func (e *env) correctSplitCmd() *cobra.Command {
	return e.correctOne(&cobra.Command{
		Use: "split --document ID --pages LIST --reason TEXT", Short: "Make several documents of one",
		Example: "  chartvault correct split --document ID --pages 3,7 --reason \"three visits under one sheet\"",
	}, &correctParams{Act: correct.Split}, "pages a new document begins at, such as 3,7", false)
}

func (e *env) correctMoveCmd() *cobra.Command {
	p := &correctParams{Act: correct.Move}
	c := e.correctOne(&cobra.Command{
		Use: "move --document ID --pages LIST --reason TEXT < chart-number", Short: "File pages under another chart",
		Long:    "Files pages under the chart number read from standard input, and lists who was given the document before.",
		Example: "  chartvault correct move --document ID --pages 2-3 --reason \"belongs to another patient\" < number",
	}, p, "pages to move, such as 2-3,5", true)
	c.Flags().StringVar(&p.Type, "type", "", "document type of what is moved; as it is when not given")
	return c
}

func (e *env) correctTurnCmd() *cobra.Command {
	p := &correctParams{Act: correct.Rotate}
	c := e.correctOne(&cobra.Command{
		Use: "turn --document ID --pages LIST --degrees N --reason TEXT", Short: "Turn pages",
		Example: "  chartvault correct turn --document ID --pages 2 --degrees 90 --reason \"scanned sideways\"",
	}, p, "pages to turn, such as 2-3,5", false)
	c.Flags().IntVar(&p.Turn, "degrees", 90, "clockwise: 90, 180 or 270")
	return c
}

func (e *env) correctMergeCmd() *cobra.Command {
	p := &correctParams{Act: correct.Merge}
	c := &cobra.Command{
		Use: "merge --document ID --document ID --reason TEXT", Short: "Make one document of several of a chart", Args: cobra.NoArgs,
		Example: "  chartvault correct merge --document A --document B --reason \"one letter scanned in two parts\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "correct", p, show(e, e.printCorrection))
		},
	}
	c.Flags().StringArrayVar(&p.Documents, "document", nil, "a document's id, in the order of the pages")
	c.Flags().StringVar(&p.Reason, "reason", "", "why; without names and numbers of patients")
	must(c.MarkFlagRequired("document"))
	must(c.MarkFlagRequired("reason"))
	return c
}

func (e *env) correctDateCmd() *cobra.Command {
	var doc string
	p := &correctParams{Act: correct.Redate}
	c := &cobra.Command{
		Use: "date --document ID --reason TEXT < date", Short: "Put a document's date of service right", Args: cobra.NoArgs,
		Long:    "Files a document under the date of service read from standard input: YYYY, YYYY-MM or YYYY-MM-DD. How long it is kept\nfollows from that date.",
		Example: "  chartvault correct date --document ID --reason \"read as 1989\" < date",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			p.Documents = []string{doc}
			if p.Date, err = e.private("", "Date of service: "); err != nil {
				return err
			}
			return e.call(cmd.Context(), "correct", p, show(e, e.printCorrection))
		},
	}
	c.Flags().StringVar(&doc, "document", "", "the document's id")
	c.Flags().StringVar(&p.Reason, "reason", "", "why; without names and numbers of patients")
	must(c.MarkFlagRequired("document"))
	must(c.MarkFlagRequired("reason"))
	return c
}

func (e *env) correctListCmd() *cobra.Command {
	var open bool
	c := &cobra.Command{
		Use: "list", Short: "List corrections", Args: cobra.NoArgs, Example: "  chartvault correct list --open",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "corrections", map[string]bool{"open": open}, show(e, e.printCorrection))
		},
	}
	c.Flags().BoolVar(&open, "open", false, "only those that wait for a second person")
	return c
}

func (e *env) correctDecideCmd(verb string, agree bool) *cobra.Command {
	say := map[bool]string{true: "Agree to a correction, as the second person", false: "Refuse a correction"}[agree]
	return &cobra.Command{
		Use: verb + " ID", Short: say, Args: cobra.ExactArgs(1), Example: "  chartvault correct " + verb + " ID",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "correct-decide", decideParams{args[0], agree}, show(e, e.printCorrection))
		},
	}
}

func (e *env) correctSeenCmd() *cobra.Command {
	var doc string
	c := &cobra.Command{
		Use: "seen --document ID", Short: "List who was given a document", Args: cobra.NoArgs,
		Long:    "Lists from the audit log every time a document, what it was made of, or what was made of it, was given to somebody.",
		Example: "  chartvault correct seen --document ID --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "seen", map[string]string{"document": doc}, show(e, e.printSight))
		},
	}
	c.Flags().StringVar(&doc, "document", "", "the document's id")
	must(c.MarkFlagRequired("document"))
	return c
}

func (e *env) printSight(s sight) {
	fmt.Fprintf(e.out, "%s  %s  %s (%s), entry %d\n", s.At, s.Actor, s.What, s.Purpose, s.Seq)
}

func (e *env) printCorrection(l correctionLine) {
	fmt.Fprintf(e.out, "%s  %s of %d documents into %d: %s, by %s\n", l.ID, l.Act, len(l.Sources), len(l.Results), l.State, l.By)
	for _, r := range l.Results {
		fmt.Fprintf(e.out, "  %s  %s, %d pages\n", r.ID, r.Type, r.Pages)
	}
	if len(l.Seen) > 0 {
		fmt.Fprintln(e.out, "  who was given it while it was filed so:")
		for _, s := range l.Seen {
			e.printSight(s)
		}
	}
}

func (a *app) opCorrect(ctx context.Context, r asked, out func(any) error) error {
	var p correctParams
	if err := r.params(&p); err != nil {
		return err
	}
	var sources []correct.Source
	for _, d := range p.Documents {
		id, err := record.ParseID(d)
		if err != nil {
			return fmt.Errorf("document: %w: %w", record.ErrInvalid, err)
		}
		if err := a.mayTouch(ctx, r.Actor, "correct", id); err != nil {
			return err
		}
		s, err := a.sourceOf(ctx, id)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	if err := a.resumeCorrections(ctx); err != nil { // what a crash left of others
		return err
	}
	c, err := a.draft(p, sources)
	if err != nil {
		return err
	}
	if c, err = a.propose(ctx, r.Actor, c, p.Reason); err != nil {
		return err
	}
	return a.tellCorrection(ctx, c, out)
}

// draft makes the correction that is asked for.
func (a *app) draft(p correctParams, ss []correct.Source) (correct.Correction, error) {
	newID := func() (record.ID, error) { return record.NewID(rand.Reader) }
	if len(ss) == 0 || len(ss) > 1 && p.Act != correct.Merge {
		return correct.Correction{}, fmt.Errorf("correction: %w: %s is of one document", record.ErrInvalid, p.Act)
	}
	switch p.Act {
	case correct.Split:
		return correct.SplitAt(ss[0], p.Pages, newID)
	case correct.Merge:
		return correct.MergeAll(ss, newID)
	case correct.Rotate:
		if p.Turn%90 != 0 {
			return correct.Correction{}, fmt.Errorf("correction: %w: pages are turned by 90, 180 or 270 degrees", record.ErrInvalid)
		}
		return correct.TurnPages(ss[0], p.Pages, p.Turn/90, newID)
	case correct.Move:
		n, err := a.pipeline.Sheets.Number(p.Chart)
		if err != nil {
			return correct.Correction{}, err
		}
		chart := n.Reveal()
		if old, err := record.ParseChartNumber(ss[0].Chart); err == nil && a.sameChart(old, n) {
			chart = ss[0].Chart
		}
		typ := p.Type
		if typ != "" {
			if typ, err = record.TypeCode(typ); err != nil {
				return correct.Correction{}, err
			}
		}
		return correct.MovePages(ss[0], p.Pages, chart, typ, newID)
	case correct.Redate:
		date, err := record.ParseDate(p.Date)
		if err != nil {
			return correct.Correction{}, err
		}
		if date.First().After(record.DateOf(a.now().UTC().Add(14 * time.Hour))) { // nowhere is it later
			return correct.Correction{}, fmt.Errorf("correction: %w: the date of service is to come", record.ErrInvalid)
		}
		return correct.DateAs(ss[0], date, newID)
	}
	return correct.Correction{}, fmt.Errorf("correction: %w: there is no act %q", record.ErrInvalid, p.Act)
}

func lineOfCorrection(c correct.Correction) correctionLine {
	l := correctionLine{ID: c.ID, Act: c.Act, State: c.State, Sources: c.Sources, By: c.By, Second: c.Second, Reason: c.Reason}
	for _, r := range c.Results {
		l.Results = append(l.Results, madeLine{r.ID, r.Type, len(r.Pages)})
	}
	return l
}

// tellCorrection says what a correction is, and of one that moves pages who was
// given them before.
func (a *app) tellCorrection(ctx context.Context, c correct.Correction, out func(any) error) error {
	l := lineOfCorrection(c)
	if c.Act == correct.Move {
		if err := a.whoSaw(ctx, c.Sources[0], func(s sight) error { l.Seen = append(l.Seen, s); return nil }); err != nil {
			return err
		}
	}
	return out(l)
}

// decideParams name a correction and what the second person says.
type decideParams struct {
	ID    string `json:"id"`
	Agree bool   `json:"agree"`
}

func (a *app) opCorrectDecide(ctx context.Context, r asked, out func(any) error) error {
	var p decideParams
	if err := r.params(&p); err != nil {
		return err
	}
	c, err := a.decideOn(ctx, r.Actor, p.ID, p.Agree)
	if err != nil {
		return err
	}
	return a.tellCorrection(ctx, c, out)
}

func (a *app) opCorrections(ctx context.Context, r asked, out func(any) error) error {
	var p openOnly
	if err := r.params(&p); err != nil {
		return err
	}
	var states []correct.State
	if p.Open {
		states = []correct.State{correct.Proposed}
	}
	cs, err := a.corrections(ctx, states...)
	if err != nil {
		return err
	}
	for _, c := range cs {
		l := lineOfCorrection(c)
		if err := a.veilCorrection(ctx, r.Actor, &l); err != nil {
			return err
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

// veilCorrection tells nothing of what a correction in a restricted chart is about.
func (a *app) veilCorrection(ctx context.Context, who record.Actor, l *correctionLine) error {
	for _, id := range l.Sources {
		shut, err := a.veiled(ctx, who, id)
		if err != nil {
			return err
		}
		if shut {
			l.Reason, l.Results = veil, nil
		}
	}
	for _, m := range l.Results {
		id, err := record.ParseID(m.ID.String())
		if err != nil {
			return err
		}
		shut, err := a.veiled(ctx, who, id)
		if err != nil {
			return err
		}
		if shut {
			l.Reason, l.Results = veil, nil
			break
		}
	}
	return nil
}

func (a *app) opSeen(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		Document string `json:"document"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	id, err := record.ParseID(p.Document)
	if err != nil {
		return fmt.Errorf("document: %w: %w", record.ErrInvalid, err)
	}
	return a.whoSaw(ctx, id, func(s sight) error { return out(s) })
}
