package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"chartvault/catalog"
	"chartvault/record"
	"chartvault/search"
)

// indexSample is how many documents of the index are compared word by word.
const indexSample = 200

// checkIndex compares the index with the catalogue: every document with its
// number of pages, nothing that is not to be there, and of a sample every word
// with the signed manifest.
func (v *verification) checkIndex(ctx context.Context) error {
	have := map[record.ID]int{}
	if err := v.index.Each(ctx, func(id record.ID, pages int) error { have[id] = pages; return nil }); err != nil {
		return v.fault("index", "", err.Error()+`: run "chartvault rebuild"`)
	}
	var sample []catalog.Row
	seen := 0
	err := v.cat.EachDocument(ctx, func(row catalog.Row) error {
		if row.State != record.DocumentFiled && row.State != record.DocumentQA {
			return nil
		}
		pages := have[row.ID]
		delete(have, row.ID)
		v.indexed++
		if pages != row.Pages {
			return v.fault("document "+row.ID.String(), "", fmt.Sprintf("%d of its %d pages are in the index: run \"chartvault rebuild\"", pages, row.Pages))
		}
		// A sample of a stream whose length is not known: each row as likely as any other.
		if seen++; len(sample) < indexSample {
			sample = append(sample, row)
		} else if i := rand.IntN(seen); i < indexSample {
			sample[i] = row
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id := range have {
		row, err := v.cat.Document(ctx, id)
		switch {
		case err == nil && (row.State == record.DocumentFiled || row.State == record.DocumentQA): // filed meanwhile
		case err != nil && !errors.Is(err, record.ErrNotFound):
			return err
		default:
			if err := v.fault("document "+id.String(), "", `it is in the index and not to be there: run "chartvault rebuild"`); err != nil {
				return err
			}
		}
	}
	for _, row := range sample {
		if err := v.compareWords(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// compareWords compares what the index says of a document with its manifest.
func (v *verification) compareWords(ctx context.Context, row catalog.Row) error {
	s, err := v.arch.Load(ctx, row.ID, row.Version)
	if finding(err) || errors.Is(err, record.ErrDestroyed) {
		return nil // the document's own verification says what is wrong with it
	}
	if err != nil {
		return err
	}
	pages, err := texts(s.Manifest)
	if err != nil {
		return err
	}
	for i, p := range pages {
		got, err := v.index.Text(row.ID, i+1)
		if err != nil && !finding(err) {
			return err
		}
		want := search.Words(p)
		if err != nil || !slices.Equal(got, want) {
			return v.fault("document "+row.ID.String(), "", fmt.Sprintf("the index has other words of page %d than its manifest: run \"chartvault rebuild\"", i+1))
		}
	}
	return nil
}
