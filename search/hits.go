package search

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"chartvault/ocr"
	"chartvault/record"
)

// Hit is one page that matches.
type Hit struct {
	Document record.ID `json:"document"`
	Page     int       `json:"page"`               // 1-based, in the document
	Score    float64   `json:"score"`              // larger is better; only the order has a meaning
	Near     bool      `json:"near"`               // found by nearly the same spelling
	Doubtful bool      `json:"doubtful,omitempty"` // the page was read badly, so it may not say this
	Snippet  string    `json:"snippet"`            // text around the matches, which stand in square brackets
	Width    int       `json:"width"`              // of the page, in the unit of the boxes
	Height   int       `json:"height"`
	Boxes    [][4]int  `json:"boxes"` // x0, y0, x1, y1 of every matching word, in pixels of the page as displayed
}

// Search returns up to limit pages, best first: those with the words as they
// were asked for, then those with words that read nearly the same.
func (x *Index) Search(ctx context.Context, q Query, limit int) ([]Hit, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	spellings := map[string][]string{}
	expand := expander(spellings)
	hits, err := x.match(ctx, q, limit, nil)
	if err != nil || len(hits) >= limit {
		return hits, err
	}
	if err := x.spell(ctx, q, len(hits) == 0, spellings); err != nil {
		return nil, err
	}
	if len(spellings) == 0 {
		return hits, nil
	}
	near, err := x.match(ctx, q, limit, expand)
	if err != nil {
		return nil, err
	}
	type page struct {
		id record.ID
		n  int
	}
	seen := map[page]bool{}
	for _, h := range hits {
		seen[page{h.Document, h.Page}] = true
	}
	for _, h := range near {
		if !seen[page{h.Document, h.Page}] && len(hits) < limit {
			h.Near, h.Score = true, h.Score/2
			hits = append(hits, h)
		}
	}
	return hits, nil
}

// expander gives the other spellings of a single word.
func expander(spellings map[string][]string) func(term) []string {
	return func(t term) []string {
		if t.prefix || len(t.tokens) != 1 {
			return nil
		}
		return spellings[t.tokens[0]]
	}
}

func (x *Index) match(ctx context.Context, q Query, limit int, expand func(term) []string) ([]Hit, error) {
	rows, err := x.db.QueryContext(ctx, `SELECT p.document, p.number, -bm25(text), snippet(text, 0, '[', ']', ' … ', 24), p.words
		FROM text JOIN page p ON p.id = text.rowid WHERE text MATCH $1 ORDER BY p.doubtful, bm25(text) LIMIT $2`, q.fts(expand), limit)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	defer rows.Close()
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	defer z.Close()
	var out []Hit
	for rows.Next() {
		var h Hit
		var id string
		var packed []byte
		if err := rows.Scan(&id, &h.Page, &h.Score, &h.Snippet, &packed); err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		if h.Document, err = record.ParseID(id); err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		h.Snippet = strings.Join(strings.Fields(h.Snippet), " ")
		var p ocr.PageText
		b, err := z.DecodeAll(packed, nil)
		if err == nil {
			err = json.Unmarshal(b, &p)
		}
		if err != nil {
			return nil, fmt.Errorf("search: page %d of %s: %w", h.Page, h.Document, record.ErrCorrupt)
		}
		h.Doubtful = doubtful(p)
		h.Width, h.Height, h.Boxes = p.Width, p.Height, boxes(p, q, expand)
		out = append(out, h)
	}
	return out, rows.Err()
}

// boxes finds the words of a page that a query's terms match.
func boxes(p ocr.PageText, q Query, expand func(term) []string) [][4]int {
	var page []token
	for i, w := range p.Words {
		for _, t := range tokens(w.Text) {
			page = append(page, token{t.text, i})
		}
	}
	hit := map[int]bool{}
	for _, all := range q.any {
		for _, t := range all {
			mark(page, t, hit)
			if expand != nil {
				for _, e := range expand(t) {
					mark(page, term{tokens: []string{e}}, hit)
				}
			}
		}
	}
	out := [][4]int{}
	for i, w := range p.Words {
		if hit[i] {
			out = append(out, [4]int{w.Box.Min.X, w.Box.Min.Y, w.Box.Max.X, w.Box.Max.Y})
		}
	}
	return out
}

// mark notes the words where t's tokens follow each other.
func mark(page []token, t term, hit map[int]bool) {
	n := len(t.tokens)
	for i := 0; i+n <= len(page); i++ {
		same := true
		for j, want := range t.tokens {
			got := page[i+j].text
			if got != want && !(t.prefix && j == n-1 && strings.HasPrefix(got, want)) {
				same = false
				break
			}
		}
		if same {
			for j := range n {
				hit[page[i+j].word] = true
			}
		}
	}
}
