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

// hits are pages that were found, in their order, to go from one to the next.
type hits []hit

// savedSearch is a search that somebody kept.
type savedSearch struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Query string `json:"query"`
}

// foundPage is a part of an answer.
type foundPage struct {
	Query string
	Kept  string // under which the search is kept
	Hits  []hit
	Total *uint64
	Least bool // there are more
	More  string

	Together string // under which the hits are kept
	Saved    []savedSearch
	Types    []string
}

// showSearch shows the page, with the searches somebody kept.
func (v *visit) showSearch(f foundPage) error {
	var err error
	if f.Saved, err = each[savedSearch](v, "saved-searches", struct{}{}); err != nil {
		return err
	}
	f.Types = v.Types
	return v.show("search", "Search", f)
}

func (v *visit) searchForm() error { return v.showSearch(foundPage{}) }

// narrowed is a query with what the fields beside it say.
func (v *visit) narrowed() string {
	q := v.field("query")
	for _, f := range []string{"type", "batch"} {
		if s := v.field(f); s != "" {
			q += " " + f + ":" + s
		}
	}
	if from, to := v.field("from"), v.field("to"); from != "" || to != "" {
		q += " date:" + from + ".." + to
	}
	return strings.TrimSpace(q)
}

// saveSearch keeps a search, and goes to what it finds.
func (v *visit) saveSearch() error {
	q := v.field("query")
	if err := v.call("saved-search-put", map[string]string{"name": v.field("name"), "query": q}, nothing); err != nil {
		return err
	}
	return v.to("/search/" + v.session.Keep(searched{q, ""}))
}

// dropSearch drops a search that was kept.
func (v *visit) dropSearch() error {
	if err := v.call("saved-search-drop", map[string]string{"id": v.field("id")}, nothing); err != nil {
		return err
	}
	return v.to("/search")
}

// search keeps what was asked, and goes to a page whose address does not tell it.
func (v *visit) search() error {
	q := v.narrowed()
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
	f.Together = v.session.Keep(hits(f.Hits))
	return v.showSearch(f)
}
