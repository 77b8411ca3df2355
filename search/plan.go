package search

import (
	"slices"
	"strings"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/search/query"
)

// class is a part of the answer: pages that have the words as they were asked
// for, and after them pages with words that read nearly the same.
type class int

const (
	classExact class = iota
	classNear
	classes
)

// plan returns the engine's query for a class of q; nil when nothing can be in
// it.
func (q Query) plan(c class) query.Query {
	if c == classNear && !q.hasNear() {
		return nil
	}
	b := bleve.NewBooleanQuery()
	if words := q.words(c == classNear); words != nil {
		if c == classNear && q.several() {
			// Every spelling of every word weighed against each other takes longer
			// than anybody waits; what is near ranks alike then.
			words = unscored{words}
		}
		b.AddMust(words)
		if c == classNear {
			b.AddMustNot(q.words(false))
		}
	}
	q.narrowed(b)
	return b
}

// narrowed adds what the page must be, and what it must not say.
func (q Query) narrowed(b *query.BooleanQuery) {
	fields := make([]string, 0, len(q.where))
	for f := range q.where {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	for _, f := range fields {
		either := make([]query.Query, len(q.where[f]))
		for i, v := range q.where[f] {
			either[i] = is(v)
		}
		d := bleve.NewDisjunctionQuery(either...)
		d.SetBoost(0)
		b.AddMust(unscored{d})
	}
	for _, v := range q.never {
		b.AddMustNot(is(v))
	}
	for _, t := range q.not {
		b.AddMustNot(t.query(false))
	}
}

// words returns the query for the words alone; nil when there are none.
func (q Query) words(near bool) query.Query {
	alts := make([]query.Query, 0, len(q.any))
	for _, all := range q.any {
		parts := make([]query.Query, len(all))
		for i, t := range all {
			parts[i] = t.query(near)
		}
		if len(parts) == 1 {
			alts = append(alts, parts[0])
		} else {
			alts = append(alts, bleve.NewConjunctionQuery(parts...))
		}
	}
	switch len(alts) {
	case 0:
		return nil
	case 1:
		return alts[0]
	}
	return bleve.NewDisjunctionQuery(alts...)
}

// mostPages is how many pages a search for one phrase, or for words that begin so,
// and for nothing else looks at: of those that thousands of pages have nobody reads
// more.
const mostPages = 5000

// bounded is the plan for pages that a person looks at, who does not want to
// wait for all of them. Once it was carried out, cut says whether there may be more.
func (q Query) bounded(c class) (plan query.Query, cut *bool) {
	cut = new(bool)
	if c == classExact && len(q.any) == 1 && len(q.any[0]) == 1 && len(q.where)+len(q.not) == 0 {
		switch t := q.any[0][0]; {
		case len(t.tokens) > 1 && !t.prefix:
			return q.sparing(phrase{t.tokens, mostPages, cut}), cut
		case len(t.tokens) == 1 && t.prefix:
			return q.sparing(beginning{t.tokens[0], mostPages, cut}), cut
		}
	}
	return q.plan(c), cut
}

// sparing has a plan find nothing of what q leaves out.
func (q Query) sparing(plan query.Query) query.Query {
	if len(q.never) == 0 {
		return plan
	}
	b := bleve.NewBooleanQuery()
	b.AddMust(plan)
	for _, v := range q.never {
		b.AddMustNot(is(v))
	}
	return b
}

// several reports whether q asks for more than one word.
func (q Query) several() bool {
	n := 0
	for _, all := range q.any {
		n += len(all)
	}
	return n > 1
}

// hasNear reports whether any term has spellings that read nearly the same.
func (q Query) hasNear() bool {
	for _, all := range q.any {
		for _, t := range all {
			if t.spelled() {
				return true
			}
		}
	}
	return false
}

// spelled reports whether a term may be found by another spelling.
func (t term) spelled() bool {
	if t.exact || t.prefix || t.pattern != "" {
		return false
	}
	return t.far || len(t.tokens) == 1
}

func (t term) query(near bool) query.Query {
	switch {
	case t.pattern != "":
		q := bleve.NewWildcardQuery(t.pattern)
		q.SetField(fieldBody)
		return unscored{q}
	case t.prefix && len(t.tokens) == 1:
		return begin(t.tokens[0])
	case len(t.tokens) > 1:
		return t.phrase(near)
	}
	exact := body(t.tokens[0])
	if !near || !t.spelled() {
		return exact
	}
	exact.SetBoost(3) // a page that has both comes before one that has only the other
	either := []query.Query{exact}
	for _, v := range variants(t.tokens[0]) {
		either = append(either, body(v))
	}
	if n := reach(t.tokens[0], t.far); n > 0 {
		q := bleve.NewFuzzyQuery(t.tokens[0])
		q.SetField(fieldBody)
		q.SetFuzziness(n)
		either = append(either, q)
	}
	return bleve.NewDisjunctionQuery(either...)
}

// phrase finds tokens that follow each other, the last of which may go on.
func (t term) phrase(near bool) query.Query {
	switch {
	case t.prefix:
		return openPhrase{t.tokens}
	case near && t.far:
		p := bleve.NewPhraseQuery(t.tokens, fieldBody)
		p.SetFuzziness(1)
		return p
	}
	return phrase{tokens: t.tokens}
}

func body(token string) *query.TermQuery {
	q := bleve.NewTermQuery(token)
	q.SetField(fieldBody)
	return q
}

// is asks for pages that are something; it says nothing of their rank.
func is(value string) *query.TermQuery {
	q := bleve.NewTermQuery(value)
	q.SetField(fieldIs)
	q.SetBoost(0)
	return q
}

// confusions are what printed characters are read for one another.
func confusions() [][2]string {
	return [][2]string{{"0", "o"}, {"1", "l"}, {"1", "i"}, {"l", "i"}, {"5", "s"}, {"8", "b"}, {"2", "z"}, {"rn", "m"}, {"cl", "d"}, {"vv", "w"}}
}

// variants lists the words that differ from w by one confusion.
func variants(w string) []string {
	var out []string
	for _, c := range confusions() {
		for _, d := range [][2]string{c, {c[1], c[0]}} {
			for i := 0; i+len(d[0]) <= len(w); i++ {
				if strings.HasPrefix(w[i:], d[0]) {
					out = append(out, w[:i]+d[1]+w[i+len(d[0]):])
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reach is how many edits away a spelling may be: none for what is too short to
// tell, or is a number, where one digit makes another number.
func reach(w string, far bool) int {
	n := 0
	for _, r := range w {
		if r >= '0' && r <= '9' {
			continue
		}
		n++
	}
	switch {
	case n < 3:
		return 0
	case far && n >= 8:
		return 2
	}
	return 1
}
