package pages

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"

	"chartvault/record"
)

// searched is a search somebody made, and which part of its answer is shown.
type searched struct{ query, after string }

// hit is a page that was found.
type hit struct {
	Document string `json:"document"`
	Page     int    `json:"page"`
	Near     bool   `json:"near"`
	Doubtful bool   `json:"doubtful"`
	Snippet  string `json:"snippet"`
}

// Marked is the excerpt with its matches marked; everything in it is escaped.
func (h hit) Marked() template.HTML {
	s := template.HTMLEscapeString(h.Snippet)
	return template.HTML(strings.NewReplacer("[", "<mark>", "]", "</mark>").Replace(s))
}

// foundPage is a part of an answer.
type foundPage struct {
	Query string
	Kept  string // under which the search is kept
	Hits  []hit
	Total *uint64
	Least bool // there are more
	More  string
}

func (v *visit) searchForm() error { return v.show("search", "Search", foundPage{}) }

// search keeps what was asked, and goes to a page whose address does not tell it.
func (v *visit) search() error {
	q := v.field("query")
	if q == "" {
		return fmt.Errorf("search: %w: nothing was given to look for", record.ErrInvalid)
	}
	return v.to("/search/" + v.session.Keep(searched{q, ""}))
}

func (v *visit) found() error {
	kept := v.r.PathValue("search")
	s, ok := v.session.Kept(kept).(searched)
	if !ok {
		return fmt.Errorf("this search is over: %w: search again", record.ErrNotFound)
	}
	f := foundPage{Query: s.query, Kept: kept}
	err := v.call("search", map[string]any{"query": s.query, "limit": 20, "after": s.after}, func(b json.RawMessage) error {
		var l struct {
			hit
			Total *uint64 `json:"total"`
			Least bool    `json:"at_least"`
			Next  string  `json:"next"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if l.Document != "" {
			f.Hits = append(f.Hits, l.hit)
			return nil
		}
		if f.Total, f.Least = l.Total, l.Least; l.Next != "" {
			f.More = v.session.Keep(searched{s.query, l.Next})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.show("search", "Search", f)
}
