package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/search"
)

// searchParams asks for pages.
type searchParams struct {
	Query string `json:"query"`
	Limit int    `json:"limit"`
}

func (e *env) searchCmd() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "search < query",
		Short:   "Find pages by their words",
		Long:    "Reads a query from standard input: words (all must be there), \"a phrase\", pre*, alternatives with OR,\n-not, and word~ for what reads nearly the same. Nearly the same is also tried when nothing is found.\nA query may name a patient, so it is never taken from the command line.",
		Example: "  echo '\"shortness of breath\" metoprolol' | chartvault search --passphrase-file pass",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := e.private("", "Search: ")
			if err != nil {
				return err
			}
			found := 0
			err = e.call(cmd.Context(), "search", searchParams{q, limit}, show(e, func(h search.Hit) {
				found++
				near := ""
				if h.Near {
					near = " (nearly)"
				}
				if h.Doubtful {
					near += " (read badly)"
				}
				fmt.Fprintf(e.out, "%s page %d%s: %s\n", h.Document, h.Page, near, h.Snippet)
			}))
			if err == nil && found == 0 && !e.json {
				fmt.Fprintln(e.err, "No page has these words.")
			}
			return err
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "most pages to show")
	return c
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
	if err := a.feed(ctx); err != nil {
		return err
	}
	// Logged before the first snippet: it is a disclosure.
	if err := a.arch.Journal(ctx, audit.ActSearch, "", map[string]any{"actor": r.Actor, "query": p.Query}); err != nil {
		return err
	}
	hits, err := a.index.Search(ctx, q, min(max(p.Limit, 1), 1000))
	if err != nil {
		return err
	}
	for _, h := range hits {
		if err := out(h); err != nil {
			return err
		}
	}
	return nil
}
