package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/record"
	"chartvault/search"
)

// searchParams asks for pages.
type searchParams struct {
	Query string `json:"query"`
	Limit int    `json:"limit"`
	After string `json:"after,omitempty"` // what the part before gave as next
	Boxes bool   `json:"boxes,omitempty"` // with the places of the words on the page, from the document's manifest
}

// searchLine is a page that was found, or the sum at the end.
type searchLine struct {
	*search.Hit
	Image *pageBoxes `json:"image,omitempty"`
	Total *uint64    `json:"total,omitempty"`    // pages that have the words as they were asked for
	Least bool       `json:"at_least,omitempty"` // there may be more than total, which were not looked at
	Next  string     `json:"next,omitempty"`
}

// pageBoxes are places on a page, in pixels of the page as displayed.
type pageBoxes struct {
	Width  int      `json:"width"`
	Height int      `json:"height"`
	Boxes  [][4]int `json:"boxes"` // x0, y0, x1, y1 of every matching word
}

func (e *env) searchCmd() *cobra.Command {
	p := searchParams{}
	c := &cobra.Command{
		Use:   "search < query",
		Short: "Find pages by their words",
		Long: "Reads a query from standard input: words (all must be there), \"a phrase\", pre* and wild?cards, alternatives with OR,\n" +
			"-not. Pages with words that read nearly the same come last; \"word\" in quotes does without them, word~ reaches further.\n" +
			"Narrow with chart:NUMBER (all numbers of the patient), type:CODE, facility:CODE, date:2019-03..2020, batch:ID, confidence:80..100 (in tens).\n" +
			"A query may name a patient, so it is never taken from the command line.",
		Example: "  echo '\"shortness of breath\" metoprolol date:2019..' | chartvault search --passphrase-file pass",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if p.Query, err = e.private("", "Search: "); err != nil {
				return err
			}
			found := 0
			return e.call(cmd.Context(), "search", p, show(e, func(l searchLine) {
				if l.Hit != nil {
					found++
					fmt.Fprintf(e.out, "%s page %d%s: %s\n", l.Document, l.Page, how(l.Hit), l.Snippet)
					return
				}
				switch {
				case found == 0:
					fmt.Fprintln(e.err, "No page has these words.")
				case l.Least:
					fmt.Fprintf(e.err, "More than %d pages have this phrase: narrow the search.\n", *l.Total)
				case l.Next != "":
					fmt.Fprintf(e.err, "There are more; go on with --after %s\n", l.Next)
				}
			}))
		},
	}
	f := c.Flags()
	f.IntVar(&p.Limit, "limit", 20, "most pages to show")
	f.StringVar(&p.After, "after", "", "go on after the part that said so")
	f.BoolVar(&p.Boxes, "boxes", false, "say where on the page the words are (with --json)")
	return c
}

// how says what a reader of a hit should know of it.
func how(h *search.Hit) string {
	s := ""
	if h.Near {
		s = " (nearly)"
	}
	if h.Doubtful {
		s += " (read badly)"
	}
	return s
}

func (a *app) opSearch(ctx context.Context, r asked, out func(any) error) error {
	var p searchParams
	if err := r.params(&p); err != nil {
		return err
	}
	q, err := search.Parse(p.Query)
	if err != nil {
		return err
	}
	if err := a.feed(ctx); err != nil && !finding(err) {
		return err
	}
	if err := a.widen(ctx, &q); err != nil {
		return err
	}
	if err := a.leaveOut(ctx, r.Actor, &q); err != nil {
		return err
	}
	// Logged before the first snippet: it is a disclosure.
	purpose, _, err := a.purposeOf(ctx, r.Actor, "")
	if err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActSearch, "", map[string]any{"actor": r.Actor, "query": p.Query, "purpose": purpose}); err != nil {
		return err
	}
	found, err := a.index.Search(ctx, q, min(max(p.Limit, 1), 1000), p.After)
	if err != nil {
		return err
	}
	for _, h := range found.Hits {
		l := searchLine{Hit: &h}
		if p.Boxes {
			if l.Image, err = a.boxes(ctx, h, q); err != nil {
				return err
			}
		}
		if err := out(l); err != nil {
			return err
		}
	}
	end := searchLine{Next: found.Next}
	if p.After == "" {
		end.Total, end.Least = &found.Total, found.Least
	}
	return out(end)
}

// widen has a query for a chart find all numbers of the same person.
func (a *app) widen(ctx context.Context, q *search.Query) error {
	var failed error
	q.Charts(func(n string) []record.ChartNumber {
		c, err := record.ParseChartNumber(n)
		if err != nil {
			failed = err
			return nil
		}
		all, err := a.numbers(ctx, c)
		if err != nil {
			failed = err
		}
		return all
	})
	return failed
}

// boxes finds the words of a query on a page, in the document's manifest.
func (a *app) boxes(ctx context.Context, h search.Hit, q search.Query) (*pageBoxes, error) {
	row, err := a.cat.Document(ctx, h.Document)
	if err != nil {
		return nil, err
	}
	s, err := a.arch.Load(ctx, h.Document, row.Version)
	if err != nil {
		return nil, err
	}
	pages, err := texts(s.Manifest)
	if err != nil {
		return nil, err
	}
	if h.Page > len(pages) {
		return nil, fmt.Errorf("document %s has no page %d: %w", h.Document, h.Page, record.ErrNotFound)
	}
	t := pages[h.Page-1]
	return &pageBoxes{t.Width, t.Height, search.Highlight(t, q, h.Near)}, nil
}
