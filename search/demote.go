package search

import (
	"context"
	"errors"

	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/query"
	hooks "github.com/blevesearch/bleve_index_api"
)

// demotion is taken off the score of a page that was read badly: more than any
// page can have, so that it comes after all that were not.
const demotion = 1e6

// demoted ranks pages that were read badly last.
type demoted struct{ query.Query }

// Searcher implements query.Query.
func (q demoted) Searcher(ctx context.Context, r hooks.IndexReader, m mapping.IndexMapping, o search.SearcherOptions) (search.Searcher, error) {
	bad, err := r.TermFieldReader(ctx, []byte(isDoubtful), fieldIs, false, false, false)
	if err != nil {
		return nil, err
	}
	inner, err := q.Query.Searcher(ctx, r, m, o)
	if err != nil {
		return nil, errors.Join(err, bad.Close())
	}
	return &demoter{Searcher: inner, bad: bad}, nil
}

// demoter goes along the pages that were read badly while its inner searcher
// goes along those that match; both come in the order of the index.
type demoter struct {
	search.Searcher
	bad  hooks.TermFieldReader
	at   *hooks.TermFieldDoc // the first bad page not before the last match
	room hooks.TermFieldDoc
	end  bool
}

// Next implements search.Searcher.
func (d *demoter) Next(ctx *search.SearchContext) (*search.DocumentMatch, error) {
	m, err := d.Searcher.Next(ctx)
	return d.rank(m, err)
}

// Advance implements search.Searcher.
func (d *demoter) Advance(ctx *search.SearchContext, id hooks.IndexInternalID) (*search.DocumentMatch, error) {
	m, err := d.Searcher.Advance(ctx, id)
	return d.rank(m, err)
}

func (d *demoter) rank(m *search.DocumentMatch, err error) (*search.DocumentMatch, error) {
	if err != nil || m == nil {
		return m, err
	}
	if !d.end && (d.at == nil || d.at.ID.Compare(m.IndexInternalID) < 0) {
		d.room.Reset()
		if d.at, err = d.bad.Advance(m.IndexInternalID, &d.room); err != nil {
			return nil, err
		}
		d.end = d.at == nil
	}
	if d.at != nil && d.at.ID.Equals(m.IndexInternalID) {
		m.Score -= demotion
	}
	return m, nil
}

// Close implements search.Searcher.
func (d *demoter) Close() error { return errors.Join(d.Searcher.Close(), d.bad.Close()) }
