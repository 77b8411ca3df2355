package search

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"chartvault/record"
)

// Query is a parsed query: alternatives of terms that must all match, terms
// that must not, and what the page must be.
//
// The language: words are joined by AND; OR between them makes alternatives; a
// leading '-' or NOT excludes; "quotes" make a phrase, or a word exactly as it is
// written; word* is a prefix, and '*' and '?' elsewhere stand for any letters and
// for one; word~ reaches further for what reads nearly the same, which is looked
// for in any case and shown last. chart:NUMBER, type:CODE, facility:CODE,
// batch:ID, date:2019-03..2020 (either end may be left out) and confidence:80..100
// narrow the search; one written twice means either. Anything else is a word, so that no
// query is a syntax error a person would have to learn about.
type Query struct {
	any   [][]term
	not   []term
	where map[string][]string // by field: the values of fieldIs of which a page has one
	never []string            // values of fieldIs of which it has none
}

// term is a word, a phrase or a pattern: folded tokens in order.
type term struct {
	tokens  []string
	prefix  bool   // the last token may go on
	pattern string // a single token with '*' and '?'; tokens is empty
	exact   bool   // written in quotes: nothing that reads nearly the same
	far     bool   // written with '~'
}

// Parse reads a query. record.ErrInvalid when it asks for nothing, or narrows by
// what is no number, type, facility, batch, date or confidence.
func Parse(s string) (Query, error) {
	q := Query{where: map[string][]string{}}
	cur, negate := []term{}, false
	for _, w := range split(s) {
		switch {
		case !w.quoted && w.text == "OR":
			if len(cur) > 0 {
				q.any = append(q.any, cur)
				cur = []term{}
			}
			continue
		case !w.quoted && w.text == "AND":
			continue
		case !w.quoted && w.text == "NOT":
			negate = true
			continue
		}
		if !w.quoted {
			took, err := q.narrow(w.text, negate)
			if err != nil {
				return Query{}, err
			}
			if took {
				negate = false
				continue
			}
		}
		t, minus := w.term()
		switch {
		case len(t.tokens) == 0 && t.pattern == "":
		case negate || minus:
			q.not = append(q.not, t)
		default:
			cur = append(cur, t)
		}
		negate = false
	}
	if len(cur) > 0 {
		q.any = append(q.any, cur)
	}
	if len(q.any) == 0 && len(q.where) == 0 {
		return Query{}, fmt.Errorf("query: %w: it has no word to look for", record.ErrInvalid)
	}
	return q, nil
}

// piece is a part of a query between blanks, or in quotes.
type piece struct {
	text   string
	quoted bool
	after  string // what follows the closing quote at once
}

// split parts a query at blanks outside quotes.
func split(s string) []piece {
	var out []piece
	var cur strings.Builder
	quoted := false
	flush := func(q bool) {
		if cur.Len() > 0 {
			out = append(out, piece{text: cur.String(), quoted: q})
			cur.Reset()
		}
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '“' || r == '”':
			minus := !quoted && cur.String() == "-"
			if minus {
				cur.Reset()
				out = append(out, piece{text: "NOT"})
			}
			flush(quoted)
			quoted = !quoted
		case unicode.IsSpace(r) && !quoted:
			flush(false)
		case r == '~' && !quoted && cur.Len() == 0 && len(out) > 0 && out[len(out)-1].quoted:
			out[len(out)-1].after = "~"
		default:
			cur.WriteRune(r)
		}
	}
	flush(quoted)
	return out
}

// term makes a term of a piece, and says whether a '-' excludes it.
func (p piece) term() (t term, minus bool) {
	w := p.text
	if !p.quoted && strings.HasPrefix(w, "-") && len(w) > 1 {
		minus, w = true, w[1:]
	}
	t.exact, t.far = p.quoted && p.after == "", p.after == "~" || !p.quoted && strings.HasSuffix(w, "~")
	if !p.quoted {
		w = strings.TrimRight(w, "?") // a question, not a pattern
		if inner := strings.TrimRight(w, "*~"); strings.ContainsAny(inner, "*?") && len(tokens(inner)) > 0 {
			if t.pattern = pattern(w); t.pattern != "" {
				return t, minus
			}
		}
		t.prefix = strings.HasSuffix(w, "*")
	}
	t.tokens = tokens(w)
	return t, minus
}

// pattern folds a word with '*' and '?'; "" when it is more than one token, or
// too little is given to look for.
func pattern(w string) string {
	var b strings.Builder
	letters := 0
	for _, r := range w {
		if r == '*' || r == '?' {
			b.WriteRune(r)
			continue
		}
		for _, t := range tokens(string(r)) {
			b.WriteString(t)
			letters++
		}
	}
	if letters < 2 {
		return ""
	}
	return b.String()
}

// narrow takes a word that says what the page must be.
func (q *Query) narrow(w string, negate bool) (bool, error) {
	if rest, minus := strings.CutPrefix(w, "-"); minus {
		w, negate = rest, true
	}
	field, value, ok := strings.Cut(w, ":")
	if !ok || value == "" {
		return false, nil
	}
	var is []string
	var err error
	switch strings.ToLower(field) {
	case "chart":
		var n record.ChartNumber
		n, err = record.ParseChartNumber(value)
		is = []string{isChart + n.Canonical()}
	case "type":
		var code string
		code, err = record.TypeCode(value)
		is = []string{isType + code}
	case "facility":
		var code string
		code, err = record.FacilityCode(value)
		is = []string{isFacility + code}
	case "batch":
		var id record.ID
		if id, err = record.ParseID(value); err != nil {
			err = fmt.Errorf("%w: want the id of a batch", record.ErrInvalid)
		}
		is = []string{isBatch + id.String()}
	case "date":
		is, err = dayRange(value)
	case "confidence":
		is, err = confidences(value)
	default:
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("query: %s: %w", strings.ToLower(field), err)
	}
	if negate {
		q.never = append(q.never, is...)
		return true, nil
	}
	field = strings.ToLower(field)
	q.where[field] = append(q.where[field], is...)
	return true, nil
}

// confidences reads MIN..MAX, in tens of a percent.
func confidences(s string) ([]string, error) {
	from, to, ranged := strings.Cut(s, "..")
	lo, hi := 0, 100
	for _, b := range []struct {
		text string
		to   *int
	}{{from, &lo}, {to, &hi}} {
		if b.text == "" {
			continue
		}
		n, err := strconv.Atoi(b.text)
		if err != nil || n < 0 || n > 100 {
			return nil, fmt.Errorf("%w: want 0 to 100, as in 80..100", record.ErrInvalid)
		}
		*b.to = n
	}
	if !ranged {
		hi = lo
	}
	if lo > hi {
		return nil, fmt.Errorf("%w: the lower end is above the upper", record.ErrInvalid)
	}
	var out []string
	for t := lo / 10; t <= hi/10; t++ {
		out = append(out, isConfidence+strconv.Itoa(t))
	}
	return out, nil
}

// Without has a query find nothing of charts, whatever else it asks for.
func (q *Query) Without(charts []record.ChartNumber) {
	for _, n := range charts {
		q.never = append(q.never, isChart+n.Canonical())
	}
}

// Charts has f widen every chart number the query narrows to, given in its
// canonical form: to all numbers of the same person.
func (q *Query) Charts(f func(number string) []record.ChartNumber) {
	var out []string
	for _, v := range q.where["chart"] {
		for _, n := range f(strings.TrimPrefix(v, isChart)) {
			if k := isChart + n.Canonical(); !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	if out != nil {
		q.where["chart"] = out
	}
}
