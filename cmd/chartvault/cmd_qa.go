package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/ingest/correct"
	"chartvault/record"
)

// assignment is what a person decided about a document.
type assignment struct {
	Document record.ID `json:"document"`
	Chart    string    `json:"chart"`
	Type     string    `json:"type"`
}

func (e *env) qaCmd() *cobra.Command {
	c := &cobra.Command{Use: "qa", Short: "Show and settle what the machine doubts"}
	list := &cobra.Command{
		Use: "list", Short: "List documents that wait for a decision", Example: "  chartvault qa list --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "qa-list", struct{}{}, show(e, func(l documentLine) {
				fmt.Fprintf(e.out, "%s  %s, %d pages: %v\n", l.Document, l.Type, l.Pages, words(l.Doubts))
			}))
		},
	}
	var doc, typ string
	as := &cobra.Command{
		Use: "assign --document ID < chart-number", Short: "Assign a chart (and a type) to a document",
		Long:    "Files a document under the chart number read from standard input. The document's objects do not change; the\ndecision is an entry of the audit log that a rebuild applies again.",
		Example: "  chartvault qa assign --document ID --type PROGRESS_NOTE < number", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			number, err := e.private("", "Chart number: ")
			if err != nil {
				return err
			}
			id, err := record.ParseID(doc)
			if err != nil {
				return fmt.Errorf("--document: %w: %w", record.ErrInvalid, err)
			}
			return e.call(cmd.Context(), "qa-assign", assignment{id, number, typ}, show(e, func(l documentLine) {
				fmt.Fprintf(e.out, "%s filed as %s\n", l.Document, l.Type)
			}))
		},
	}
	as.Flags().StringVar(&doc, "document", "", "the document's id")
	as.Flags().StringVar(&typ, "type", "", "document type, such as PROGRESS_NOTE; as it is when not given")
	must(as.MarkFlagRequired("document"))
	c.AddCommand(list, as, e.qaShowCmd())
	return c
}

// must is for errors of the program's own making.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// words says doubts as a technician would.
func words(ds []record.Doubt) []string {
	say := map[record.Doubt]string{
		record.DoubtNoChartNumber:  "no sheet or label named a chart",
		record.DoubtBadChartNumber: "the chart number on the sheet is not valid",
		record.DoubtUnreadPage:     "a page could not be read",
		record.DoubtPoorText:       "a page can hardly be read",
		record.DoubtUnreadSource:   "the file could not be read",
		record.DoubtConflict:       "one page carries two chart numbers",
		record.DoubtOtherChart:     "a page's text names another chart",
		record.DoubtTextOnly:       "no sheet named a chart; the text does, and nothing confirms it",
		record.DoubtUnknownChart:   "the patient list does not know the sheet's chart number",
		record.DoubtOtherPatient:   "a name or a date of birth is another patient's",
		record.DoubtDocumentCount:  "it has another number of pages than its sheet says",
		record.DoubtBatchCount:     "the batch has other counts than its cover sheet says",
		record.DoubtDoubleFeed:     "two sheets may have gone through together: a page is too long, or one is missing",
		record.DoubtDamaged:        "the scan file is broken and may have had more pages: scan it again, or look what is missing",
		record.DoubtSamePage:       "a page looks like one that was scanned before it",
	}
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = say[d]
	}
	return out
}

// waitingWanted says which documents that wait are listed.
type waitingWanted struct {
	part
	Batch record.ID `json:"batch,omitzero"` // only those of it
}

// sayBatch says which documents of a batch wait, oldest first.
func (a *app) sayBatch(ctx context.Context, who record.Actor, p waitingWanted, out func(any) error) error {
	rows, err := a.cat.OfBatch(ctx, p.Batch)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r catalog.Row) bool { return !waits(r) })
	if i := slices.IndexFunc(rows, func(r catalog.Row) bool { return r.ID == p.After }); i >= 0 {
		rows = rows[i+1:]
	}
	_, err = a.sayWaiting(ctx, who, rows, p.Most, out)
	return err
}

// opQAList lists what waits for a decision, or a part of it, oldest first.
func (a *app) opQAList(ctx context.Context, r asked, out func(any) error) error {
	var p waitingWanted
	if err := r.params(&p); err != nil {
		return err
	}
	if !p.Batch.IsZero() {
		return a.sayBatch(ctx, r.Actor, p, out)
	}
	if p.Most <= 0 {
		rows, err := a.cat.Waiting(ctx)
		if err != nil {
			return err
		}
		_, err = a.sayWaiting(ctx, r.Actor, rows, 0, out)
		return err
	}
	for left := p.Most; left > 0; { // what is shut to somebody does not make the part shorter
		rows, err := a.cat.WaitingPart(ctx, catalog.Part{After: p.After, Most: left})
		if err != nil {
			return err
		}
		said, err := a.sayWaiting(ctx, r.Actor, rows, 0, out)
		if err != nil || len(rows) < left {
			return err
		}
		left, p.After = left-said, rows[len(rows)-1].ID
	}
	return nil
}

// sayWaiting says which documents wait, but for those of charts that are shut to
// somebody, and how many it said: at most so many, all for 0.
func (a *app) sayWaiting(ctx context.Context, who record.Actor, rows []catalog.Row, most int, out func(any) error) (said int, err error) {
	again, err := a.rescans(ctx)
	if err != nil {
		return 0, err
	}
	marks, err := a.marks(ctx)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if most > 0 && said == most {
			break
		}
		if row.State == record.DocumentFiled { // with something in doubt still
			shut, err := a.shutTo(ctx, who, row.ChartToken)
			if err != nil {
				return said, err
			}
			if shut {
				continue
			}
		}
		l := lineOf(row)
		l.Why, l.Rescan, l.Batch = words(row.Doubts), again[l.Document], row.Batch.String()
		l.Keeper, l.Urgent = marks[l.Batch].Keeper, marks[l.Batch].Urgent
		if err := out(l); err != nil {
			return said, err
		}
		said++
	}
	return said, nil
}

// countLine is how many rows a list has.
type countLine struct {
	Rows int `json:"rows"`
}

func (a *app) opQACount(ctx context.Context, r asked, out func(any) error) error {
	shut, err := a.shutFrom(ctx, r.Actor)
	if err != nil {
		return err
	}
	if len(shut) == 0 {
		n, err := a.cat.CountWaiting(ctx)
		if err != nil {
			return err
		}
		return out(countLine{n})
	}
	rows, err := a.cat.Waiting(ctx)
	if err != nil {
		return err
	}
	n, err := a.sayWaiting(ctx, r.Actor, rows, 0, func(any) error { return nil })
	if err != nil {
		return err
	}
	return out(countLine{n})
}

func (a *app) opQAAssign(ctx context.Context, r asked, out func(any) error) error {
	var p assignment
	if err := r.params(&p); err != nil {
		return err
	}
	n, err := a.pipeline.Sheets.Number(p.Chart)
	if err != nil {
		return err
	}
	a.correctMu.Lock() // a correction takes documents as they are filed
	defer a.correctMu.Unlock()
	row, err := a.cat.Document(ctx, p.Document)
	if err != nil {
		return err
	}
	if row.State != record.DocumentQA && row.State != record.DocumentFiled {
		return fmt.Errorf("document %s is %s: %w", p.Document, row.State, record.ErrDestroyed)
	}
	if row.State == record.DocumentFiled {
		if err := a.mayTouch(ctx, r.Actor, "qa-assign", row.ID); err != nil {
			return err
		}
	}
	if p.Type == "" {
		p.Type = row.Type
	}
	if p.Type, err = record.TypeCode(p.Type); err != nil {
		return err
	}
	if err := a.mayMove(ctx, row, n, p.Type); err != nil {
		return err
	}
	open, err := a.corrections(ctx, correct.Agreed, correct.Closing)
	if err != nil {
		return err
	}
	for _, c := range open {
		if slices.Contains(c.Sources, p.Document) {
			return fmt.Errorf("correction %s has this document in hand: %w", c.ID, record.ErrBusy)
		}
	}
	key, err := a.vault.Key(ctx, p.Document)
	if err != nil {
		return err
	}
	if err := a.arch.Note(ctx, audit.ActDocumentIndexed, key, change{Actor: r.Actor, Assign: &p}); err != nil {
		return err
	}
	said := a.arch.Log.Size() - 1 // this decision, or what was said since
	if err := a.assign(ctx, p); err != nil {
		a.unfinished(a.arch.Log.Size() - 1)
		return err
	}
	if err := a.countSettled(ctx, r.Actor, a.now(), said); err != nil { // it is settled, and only not counted
		a.log.ErrorContext(ctx, "a settled question is not counted", "document", p.Document.String(), "err", err)
	}
	a.bound.Add()
	a.moved.Add()
	if err := a.rescanned(ctx, r.Actor, p.Document); err != nil {
		return err
	}
	a.settledOf(ctx, r.Actor, row.Batch)
	if row, err = a.cat.Document(ctx, p.Document); err != nil {
		return err
	}
	return out(lineOf(row))
}

// assign applies a decision to the catalogue.
func (a *app) assign(ctx context.Context, p assignment) error {
	row, err := a.cat.Document(ctx, p.Document)
	if err != nil {
		return err
	}
	if row.State != record.DocumentQA && row.State != record.DocumentFiled {
		return nil // what was said of it later stands
	}
	s, err := a.arch.Load(ctx, p.Document, row.Version)
	if err != nil {
		return err
	}
	m := *s.Manifest
	m.Chart, m.Type, m.State, m.Doubts = p.Chart, p.Type, record.DocumentFiled, nil
	k, err := ingest.Row(&m, s.Key)
	if err != nil {
		return err
	}
	return a.cat.PutDocument(ctx, k)
}

// mayMove refuses to file a document elsewhere, or as something else, while a
// hold binds it: it would slip out from under the hold. One that is filed and in
// no doubt leaves its chart by a correction where that takes two people.
func (a *app) mayMove(ctx context.Context, row catalog.Row, to record.ChartNumber, typ string) error {
	moves := len(row.ChartToken) > 0 && !bytes.Equal(row.ChartToken, a.cat.ChartToken(to))
	if !moves && typ == row.Type {
		return nil
	}
	if moves && row.State == record.DocumentFiled && len(row.Doubts) == 0 {
		s, err := a.desk.InForce(ctx)
		if err != nil {
			return err
		}
		if slices.Contains(s.TwoPeople, string(correct.Move)) {
			return fmt.Errorf("document %s is filed, and leaving its chart takes two people: use \"correct move\" with all its pages: %w", row.ID, record.ErrDenied)
		}
	}
	b, err := a.bindings(ctx)
	if err != nil {
		return err
	}
	return b.free(row)
}
