package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/ingest/fields"
	"chartvault/record"
)

// shownIndex is what was read of a document, for whoever decides about it.
type shownIndex struct {
	Document record.ID      `json:"document"`
	Doubts   []record.Doubt `json:"doubts,omitempty"`
	Index    fields.Index   `json:"index"`
	Pages    []shownPage    `json:"pages"`
	Previous record.ID      `json:"previous,omitzero"` // the document before it in its batch, that is there still
	Rescan   string         `json:"rescan,omitempty"`  // why it is to be scanned again
}

// shownPage is one page and what stands against it.
type shownPage struct {
	Source int            `json:"source"`
	Doubts []record.Doubt `json:"doubts,omitempty"`
}

func (e *env) qaShowCmd() *cobra.Command {
	var doc string
	c := &cobra.Command{
		Use: "show --document ID", Short: "Print what was read of a document: every value, from where, and how surely", Args: cobra.NoArgs,
		Example: "  chartvault qa show --document ID",
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := record.ParseID(doc)
			if err != nil {
				return fmt.Errorf("--document: %w: %w", record.ErrInvalid, err)
			}
			return e.call(cmd.Context(), "qa-show", qaShown{Document: id}, show(e, e.showIndex))
		},
	}
	c.Flags().StringVar(&doc, "document", "", "the document's id")
	must(c.MarkFlagRequired("document"))
	return c
}

func (e *env) showIndex(s shownIndex) {
	fmt.Fprintf(e.out, "%s: %v\n", s.Document, words(s.Doubts))
	for _, f := range []struct {
		name string
		v    fields.Value
	}{{"chart number", s.Index.Chart}, {"patient", s.Index.Name}, {"born", s.Index.Born}, {"date of service", s.Index.Service}, {"type", s.Index.Type}} {
		if f.v.IsZero() {
			fmt.Fprintf(e.out, "  %-16s not read\n", f.name)
			continue
		}
		where := ""
		if f.v.Page > 0 {
			where = fmt.Sprintf(", page %d of the scan", f.v.Page)
		}
		fmt.Fprintf(e.out, "  %-16s %s  (%s, %d %% sure%s)\n", f.name, f.v.Text, f.v.Source, f.v.Confidence, where)
	}
	for i, p := range s.Pages {
		if len(p.Doubts) > 0 {
			fmt.Fprintf(e.out, "  page %d (%d of the scan): %v\n", i+1, p.Source, words(p.Doubts))
		}
	}
}

// opQAShow reads a document's index. It names a patient, so it is a use of the
// record and logged before anything is shown.
func (a *app) opQAShow(ctx context.Context, r asked, out func(any) error) error {
	var p qaShown
	if err := r.params(&p); err != nil {
		return err
	}
	id := p.Document
	row, s, err := a.toShow(ctx, r.Actor, id, "qa-show", a.mayOpen)
	if err != nil {
		return err
	}
	purpose, err := a.quality(ctx, r.Actor, p.Ahead)
	if err != nil {
		return err
	}
	if err := a.arch.Note(ctx, audit.ActDocumentRead, s.Key, map[string]any{"actor": r.Actor, "purpose": purpose, "member": "index"}); err != nil {
		return err
	}
	again, err := a.rescans(ctx)
	if err != nil {
		return err
	}
	shown := shownIndex{Document: id, Doubts: row.Doubts, Previous: a.before(ctx, r.Actor, row), Rescan: again[id.String()]}
	if len(s.Manifest.Index) > 0 {
		if err := json.Unmarshal(s.Manifest.Index, &shown.Index); err != nil {
			return fmt.Errorf("index of %s: %w", id, err)
		}
	}
	if shown.Index.Chart.IsZero() { // of what a correction made is known what was known before
		if err := a.asFiled(ctx, &row, s); err != nil {
			return err
		}
		if !row.Chart.IsZero() {
			shown.Index.Chart = fields.Value{Text: row.Chart.Reveal(), Confidence: 100, Source: "document it is of"}
		}
	}
	for _, p := range s.Manifest.Pages {
		shown.Pages = append(shown.Pages, shownPage{p.Source, p.Doubts})
	}
	return out(shown)
}
