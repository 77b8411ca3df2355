package search

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/query"
	hooks "github.com/blevesearch/bleve_index_api"
)

// begin finds words that begin so. They rank alike: to weigh each of thousands of
// words against the others takes longer than a person waits, and tells little.
func begin(with string) query.Query {
	q := bleve.NewPrefixQuery(with)
	q.SetField(fieldBody)
	return unscored{q}
}

// beginning finds pages with words that begin so, for a person: the words that
// most pages have come first, and once they have more pages than anybody reads the
// rest is not looked at. Which of thousands of spellings a page has decides nothing
// where all rank alike.
type beginning struct {
	with string
	most int   // pages after which it looks no further
	cut  *bool // set when it did not
}

// expansion is a word of the index and how many pages have it.
type expansion struct {
	term  string
	pages uint64
}

// Searcher implements query.Query.
func (q beginning) Searcher(ctx context.Context, r hooks.IndexReader, m mapping.IndexMapping, o search.SearcherOptions) (search.Searcher, error) {
	all, err := expansions(r, q.with)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b expansion) int { return cmp.Compare(b.pages, a.pages) })
	// Words of one page count twice: as many again make up for that.
	enough, sum := 2*uint64(q.most), uint64(0)
	var either []query.Query
	for _, e := range all {
		if sum >= enough {
			*q.cut = true
			break
		}
		either, sum = append(either, body(e.term)), sum+e.pages
	}
	if len(either) == 0 {
		return bleve.NewMatchNoneQuery().Searcher(ctx, r, m, o)
	}
	s, err := unscored{bleve.NewDisjunctionQuery(either...)}.Searcher(ctx, r, m, o)
	if err != nil {
		return nil, err
	}
	return &limited{Searcher: s, most: q.most, cut: q.cut}, nil
}

// expansions lists the words of the index that begin so.
func expansions(r hooks.IndexReader, with string) (out []expansion, err error) {
	d, err := r.FieldDictPrefix(fieldBody, []byte(with))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for {
		e, err := d.Next()
		if err != nil || e == nil {
			return out, err
		}
		out = append(out, expansion{e.Term, e.Count})
	}
}

// limited ends after so many pages.
type limited struct {
	search.Searcher
	most, found int
	cut         *bool
}

// Next implements search.Searcher.
func (l *limited) Next(ctx *search.SearchContext) (*search.DocumentMatch, error) {
	if l.found >= l.most {
		*l.cut = true
		return nil, nil
	}
	l.found++
	return l.Searcher.Next(ctx)
}

// Advance implements search.Searcher.
func (l *limited) Advance(ctx *search.SearchContext, id hooks.IndexInternalID) (*search.DocumentMatch, error) {
	if l.found >= l.most {
		*l.cut = true
		return nil, nil
	}
	l.found++
	return l.Searcher.Advance(ctx, id)
}
