package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"chartvault/record"
)

// BenchmarkPage is what somebody waits for who turns pages: a page as the list of
// pages shows it, the same drawn anew at 200 dots an inch, and, for comparison in the
// same run, the entry of the log that each of them has to have on disk first.
func BenchmarkPage(b *testing.B) {
	a := openApp(b, "")
	if err := a.cfg.warm(); err != nil { // as the daemon does when it starts
		b.Fatal(err)
	}
	dir := b.TempDir()
	fs, err := batches()
	if err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(dir, fs[0].Name)
	if err := os.WriteFile(name, fs[0].Data, 0o600); err != nil {
		b.Fatal(err)
	}
	do := func(op string, params any) {
		b.Helper()
		if err := a.perform(context.Background(), op, request{Actor: "user:bench", Params: params}, func(json.RawMessage) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	do("ingest", ingestParams{Paths: []string{name}})
	n, err := record.ParseChartNumber(oneChart)
	if err != nil {
		b.Fatal(err)
	}
	rows, err := a.cat.OfChart(b.Context(), n)
	if err != nil || len(rows) == 0 {
		b.Fatalf("got %+v, %v, want a document", rows, err)
	}
	for what, sharp := range map[string]bool{"stored": false, "sharp": true} {
		b.Run(what, func(b *testing.B) {
			for i := range b.N {
				do("page", pageParams{Document: rows[0].ID, Page: 1 + i%2, Purpose: "operations", Sharp: sharp})
			}
		})
	}
	b.Run("entry", func(b *testing.B) {
		for range b.N {
			if err := a.arch.Journal(b.Context(), "search", "", map[string]any{"actor": "user:bench"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
