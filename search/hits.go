package search

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
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
	Score    float64   `json:"score"`              // larger is better, among hits that are alike in what follows
	Near     bool      `json:"near"`               // found by nearly the same spelling
	Doubtful bool      `json:"doubtful,omitempty"` // the page was read badly, so it may not say this
	Snippet  string    `json:"snippet"`            // text around the matches, which stand in square brackets
}

// Part is a part of an answer.
type Part struct {
	Hits  []Hit
	Total uint64 // pages with the words as they were asked for; of an answer's first part only
	Next  string // asks for the part after; "" at the end. It tells nothing of the query
}

// cursor is where a part ended.
type cursor struct {
	Class class   `json:"c"`
	Score float64 `json:"s"`
	Page  string  `json:"p"` // the engine's name; "" before the class's first
}

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
	if err != nil || c.Class < 0 || c.Class >= classes {
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
	for ; at.Class < classes && len(p.Hits) < limit; at = (cursor{Class: at.Class + 1}) {
		hits, total, err := x.class(ctx, q, at, limit-len(p.Hits))
		if err != nil {
			return Part{}, fmt.Errorf("search: %w", err)
		}
		p.Hits = append(p.Hits, hits...)
		if after == "" && at.Class == classExact {
			p.Total = total
		}
	}
	if len(p.Hits) == limit && limit > 0 {
		h := p.Hits[limit-1]
		p.Next = cursor{classOf(h), h.Score, pageName(h.Document, h.Page)}.String()
	}
	if after == "" {
		n, err := x.count(ctx, q, classExactDoubtful)
		if err != nil {
			return Part{}, fmt.Errorf("search: %w", err)
		}
		p.Total += n
	}
	return p, nil
}

func classOf(h Hit) class {
	switch {
	case h.Near && h.Doubtful:
		return classNearDoubtful
	case h.Near:
		return classNear
	case h.Doubtful:
		return classExactDoubtful
	}
	return classExact
}

// class returns hits of one class, and how many it has.
func (x *Index) class(ctx context.Context, q Query, at cursor, limit int) ([]Hit, uint64, error) {
	plan := q.plan(at.Class)
	if plan == nil {
		return nil, 0, nil
	}
	req := bleve.NewSearchRequestOptions(plan, limit, 0, false)
	req.SortBy([]string{"-_score", "_id"})
	if at.Page != "" {
		req.SetSearchAfter([]string{strconv.FormatFloat(at.Score, 'g', -1, 64), at.Page})
	}
	res, err := x.bl.SearchInContext(ctx, req)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Hit, 0, len(res.Hits))
	for _, m := range res.Hits {
		h := Hit{Score: m.Score, Near: at.Class.near(), Doubtful: at.Class.doubtful()}
		if h.Document, h.Page, err = parsePageName(m.ID); err != nil {
			return nil, 0, err
		}
		text, err := x.text(m.ID)
		if err != nil {
			return nil, 0, err
		}
		h.Snippet = q.snippet(text, h.Near)
		out = append(out, h)
	}
	return out, res.Total, nil
}

// count returns how many pages a class has.
func (x *Index) count(ctx context.Context, q Query, c class) (uint64, error) {
	req := bleve.NewSearchRequestOptions(q.plan(c), 0, 0, false)
	req.Score = "none"
	res, err := x.bl.SearchInContext(ctx, req)
	if err != nil {
		return 0, err
	}
	return res.Total, nil
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

// Text returns the words of a page as the index keeps them. record.ErrNotFound
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
