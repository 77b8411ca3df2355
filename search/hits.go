package search

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/blevesearch/bleve/v2"
	hooks "github.com/blevesearch/bleve_index_api"

	"chartvault/record"
)

// Hit is one page that matches.
type Hit struct {
	Document record.ID `json:"document"`
	Page     int       `json:"page"`               // 1-based, in the document
	Score    float64   `json:"score"`              // larger is better, among those that are near, or not
	Near     bool      `json:"near"`               // found by nearly the same spelling
	Doubtful bool      `json:"doubtful,omitempty"` // the page was read badly, so it may not say this
	Snippet  string    `json:"snippet"`            // text around the matches, which stand in square brackets
}

// Part is a part of an answer.
type Part struct {
	Hits  []Hit
	Total uint64 // pages with the words as they were asked for; of an answer's first part only
	Least bool   // there may be more of them than are counted or paged to: the search wants narrowing
	Next  string // asks for the part after; "" at the end. It tells nothing of the query
}

// cursor is where a part ended: after so many pages of a class that have the
// same score. Pages of one score stand in the order of the index, so that no
// page's name has to be looked up to put them in order.
type cursor struct {
	Class class   `json:"c"`
	Score float64 `json:"s,omitempty"`
	Same  int     `json:"n,omitempty"`
}

// mostSame bounds how many pages of one score an answer goes through.
const mostSame = 1 << 20

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil { // a number and a string: cannot be
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string) (c cursor, err error) {
	if s == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Class < 0 || c.Class >= classes || c.Same < 0 || c.Same > mostSame {
		return c, fmt.Errorf("search: %w: not a place in an answer", record.ErrInvalid)
	}
	return c, nil
}

// Search returns up to limit pages, best first, beginning after the part whose
// Next is given; "" begins.
func (x *Index) Search(ctx context.Context, q Query, limit int, after string) (Part, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	at, err := parseCursor(after)
	if err != nil {
		return Part{}, err
	}
	var p Part
	for c := at; c.Class < classes && len(p.Hits) < limit; c = (cursor{Class: c.Class + 1}) {
		hits, total, cut, err := x.class(ctx, q, c, limit-len(p.Hits))
		if err != nil {
			return Part{}, fmt.Errorf("search: %w", err)
		}
		p.Hits = append(p.Hits, hits...)
		if after == "" && c.Class == classExact {
			p.Total, p.Least = total, cut
		}
	}
	if len(p.Hits) == limit && limit > 0 {
		if next := at.after(p.Hits); next.Same <= mostSame {
			p.Next = next.String()
		} else {
			p.Least = true // there are more, and so many alike that nobody pages to them
		}
	}
	return p, nil
}

// after is the cursor after hits, which began at c.
func (c cursor) after(hits []Hit) cursor {
	last := hits[len(hits)-1]
	next := cursor{Class: classOf(last), Score: last.Score}
	for i := len(hits) - 1; i >= 0 && classOf(hits[i]) == next.Class && hits[i].Score == next.Score; i-- {
		next.Same++
	}
	if next.Class == c.Class && next.Score == c.Score {
		next.Same += c.Same
	}
	return next
}

func classOf(h Hit) class {
	if h.Near {
		return classNear
	}
	return classExact
}

// class returns hits of one class, how many it has, and whether it may have more.
func (x *Index) class(ctx context.Context, q Query, at cursor, limit int) ([]Hit, uint64, bool, error) {
	plan, cut := q.bounded(at.Class)
	if plan == nil {
		return nil, 0, false, nil
	}
	req := bleve.NewSearchRequestOptions(demoted{plan}, limit+at.Same, 0, false)
	if at.Same > 0 { // again from the first page of that score
		req.SetSearchAfter([]string{strconv.FormatFloat(math.Nextafter(at.Score, math.Inf(1)), 'g', -1, 64)})
	}
	res, err := x.bl.SearchInContext(ctx, req)
	if err != nil {
		return nil, 0, false, err
	}
	res.Hits = res.Hits[min(at.Same, len(res.Hits)):]
	out := make([]Hit, 0, len(res.Hits))
	for _, m := range res.Hits {
		h := Hit{Score: m.Score, Near: at.Class == classNear, Doubtful: m.Score < -demotion/2}
		if h.Document, h.Page, err = parsePageName(m.ID); err != nil {
			return nil, 0, false, err
		}
		text, err := x.text(m.ID)
		if err != nil {
			return nil, 0, false, err
		}
		h.Snippet = q.snippet(text, h.Near)
		out = append(out, h)
	}
	return out, res.Total, *cut, nil
}

// text returns the words of a page as they were read.
func (x *Index) text(name string) ([]string, error) {
	d, err := x.bl.Document(name)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, fmt.Errorf("page %s: %w", name, record.ErrNotFound)
	}
	var text []byte
	d.VisitFields(func(f hooks.Field) {
		if f.Name() == fieldText {
			text = f.Value()
		}
	})
	b, err := x.dec.DecodeAll(text, nil)
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", name, record.ErrCorrupt)
	}
	return strings.Fields(string(b)), nil
}

// Text returns the words of a page: what Words gave when it was indexed. record.ErrNotFound
// when the page is not indexed.
func (x *Index) Text(id record.ID, page int) ([]string, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.text(pageName(id, page))
}

// Documents returns every document that has a page q means, also by words that
// read nearly the same, without a limit.
func (x *Index) Documents(ctx context.Context, q Query) ([]record.ID, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	const step = 5000
	seen := map[record.ID]bool{}
	var out []record.ID
	for c := range classes {
		plan := q.plan(c)
		if plan == nil {
			continue
		}
		for last := ""; ; {
			req := bleve.NewSearchRequestOptions(plan, step, 0, false)
			req.Score = "none"
			req.SortBy([]string{"_id"})
			if last != "" {
				req.SetSearchAfter([]string{last})
			}
			res, err := x.bl.SearchInContext(ctx, req)
			if err != nil {
				return nil, fmt.Errorf("search: %w", err)
			}
			for _, m := range res.Hits {
				id, _, err := parsePageName(m.ID)
				if err != nil {
					return nil, fmt.Errorf("search: %w", err)
				}
				if !seen[id] {
					seen[id] = true
					out = append(out, id)
				}
				last = m.ID
			}
			if len(res.Hits) < step {
				break
			}
		}
	}
	return out, nil
}
