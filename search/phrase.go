package search

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/query"
	hooks "github.com/blevesearch/bleve_index_api"
)

// pairBuckets is how many buckets pairs of neighbouring words fall into. A page
// of 260 words has a pair in one of 125 buckets by chance, so that of the pages
// with both words of a phrase only one in 125 and those that have the phrase are
// looked at word by word. To change it is to change format.
const pairBuckets = 1 << 15

// pair is the bucket of two neighbouring words.
func pair(a, b string) string {
	h := fnv.New32a()
	h.Write([]byte(a))
	h.Write([]byte{0})
	h.Write([]byte(b))
	return strconv.FormatUint(uint64(h.Sum32()%pairBuckets), 36)
}

// pairs lists the buckets of a page, each once.
func (w words) pairs() words {
	seen := make(map[string]bool, len(w))
	var out words
	for i := 1; i < len(w); i++ {
		if p := pair(w[i-1].text, w[i].text); !seen[p] {
			seen[p] = true
			out = append(out, token{text: p})
		}
	}
	return out
}

// unscored asks without regard to rank: what it finds ranks alike, and finding
// it is a matter of bitmaps.
type unscored struct{ query.Query }

// Searcher implements query.Query.
func (q unscored) Searcher(ctx context.Context, r hooks.IndexReader, m mapping.IndexMapping, o search.SearcherOptions) (search.Searcher, error) {
	o.Score = "none"
	return q.Query.Searcher(ctx, r, m, o)
}

// phrase finds words that follow each other: pages that have them all, and
// their pairs' buckets, whose positions are then looked at. Pages that say it
// more often come first. The engine's own phrases look at the positions of every
// page that has the words.
type phrase struct {
	tokens []string
	most   int   // pages after which it looks no further; 0 for all
	cut    *bool // set when it did not
}

// Searcher implements query.Query.
func (q phrase) Searcher(ctx context.Context, r hooks.IndexReader, m mapping.IndexMapping, o search.SearcherOptions) (_ search.Searcher, err error) {
	parts := make([]query.Query, 0, 2*len(q.tokens))
	for i, t := range q.tokens {
		if !slices.Contains(q.tokens[:i], t) {
			parts = append(parts, body(t))
		}
		if i > 0 {
			p := bleve.NewTermQuery(pair(q.tokens[i-1], t))
			p.SetField(fieldPair)
			parts = append(parts, p)
		}
	}
	s := &phraseSearcher{most: q.most, cut: q.cut}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	o.IncludeTermVectors = false
	if s.Searcher, err = (unscored{bleve.NewConjunctionQuery(parts...)}).Searcher(ctx, r, m, o); err != nil {
		return nil, err
	}
	for _, t := range q.tokens {
		f, err := r.TermFieldReader(ctx, []byte(t), fieldBody, false, false, true)
		if err != nil {
			return nil, err
		}
		s.readers = append(s.readers, f)
	}
	s.docs = make([]hooks.TermFieldDoc, len(s.readers))
	return s, nil
}

// openPhrase finds words that follow each other, of which the last may go on.
type openPhrase struct{ tokens []string }

// Searcher implements query.Query: a phrase with every word of the index that
// begins as the last does.
func (q openPhrase) Searcher(ctx context.Context, r hooks.IndexReader, m mapping.IndexMapping, o search.SearcherOptions) (_ search.Searcher, err error) {
	last := len(q.tokens) - 1
	parts := make([][]string, len(q.tokens))
	for i, t := range q.tokens[:last] {
		parts[i] = []string{t}
	}
	all, err := expansions(r, q.tokens[last])
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		parts[last] = append(parts[last], e.term)
	}
	if len(parts[last]) == 0 {
		return bleve.NewMatchNoneQuery().Searcher(ctx, r, m, o)
	}
	return query.NewMultiPhraseQuery(parts, fieldBody).Searcher(ctx, r, m, o)
}

// phraseSearcher filters the pages of its inner searcher.
type phraseSearcher struct {
	search.Searcher
	readers []hooks.TermFieldReader
	docs    []hooks.TermFieldDoc // of the readers, used again
	starts  []uint64             // where the phrase may begin

	most, found int
	cut         *bool
}

// Next implements search.Searcher.
func (s *phraseSearcher) Next(ctx *search.SearchContext) (*search.DocumentMatch, error) {
	return s.fits(ctx, s.Searcher.Next)
}

// Advance implements search.Searcher.
func (s *phraseSearcher) Advance(ctx *search.SearchContext, id hooks.IndexInternalID) (*search.DocumentMatch, error) {
	first := true
	return s.fits(ctx, func(ctx *search.SearchContext) (*search.DocumentMatch, error) {
		if first {
			first = false
			return s.Searcher.Advance(ctx, id)
		}
		return s.Searcher.Next(ctx)
	})
}

func (s *phraseSearcher) fits(ctx *search.SearchContext, next func(*search.SearchContext) (*search.DocumentMatch, error)) (*search.DocumentMatch, error) {
	for {
		if s.most > 0 && s.found >= s.most {
			*s.cut = true
			return nil, nil
		}
		d, err := next(ctx)
		if err != nil || d == nil {
			return nil, err
		}
		ok, err := s.follow(d.IndexInternalID)
		if err != nil {
			return nil, err
		}
		if ok {
			d.Score = float64(len(s.starts))
			s.found++
			return d, nil
		}
		ctx.DocumentMatchPool.Put(d)
	}
}

// follow reports whether the words follow each other on a page.
func (s *phraseSearcher) follow(id hooks.IndexInternalID) (bool, error) {
	for i, r := range s.readers {
		s.docs[i].Reset()
		d, err := r.Advance(id, &s.docs[i])
		if err != nil || d == nil || !d.ID.Equals(id) {
			return false, err
		}
		if i == 0 {
			s.starts = s.starts[:0]
			for _, v := range d.Vectors {
				s.starts = append(s.starts, v.Pos)
			}
			continue
		}
		s.starts = slices.DeleteFunc(s.starts, func(at uint64) bool {
			return !slices.ContainsFunc(d.Vectors, func(v *hooks.TermFieldVector) bool { return v.Pos == at+uint64(i) })
		})
		if len(s.starts) == 0 {
			return false, nil
		}
	}
	return len(s.starts) > 0, nil
}

// Close implements search.Searcher.
func (s *phraseSearcher) Close() error {
	var err error
	if s.Searcher != nil {
		err = s.Searcher.Close()
	}
	for _, r := range s.readers {
		err = errors.Join(err, r.Close())
	}
	return err
}
