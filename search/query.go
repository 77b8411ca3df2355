package search

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"chartvault/record"
)

// Query is a parsed query: alternatives of terms that must all match, and
// terms that must not.
//
// The language: words are joined by AND; OR between them makes alternatives; a
// leading '-' or NOT excludes; "quotes" make a phrase; word* is a prefix; word~
// also finds what reads nearly the same. Everything else in the text is
// ignored, so that no query is a syntax error a person would have to learn about.
type Query struct {
	any [][]term
	not []term
}

// term is a word, a phrase or a prefix: folded tokens in order.
type term struct {
	tokens []string
	prefix bool // the last token may go on
	near   bool // written with '~'
}

// Parse reads a query. record.ErrInvalid when it asks for nothing.
func Parse(s string) (Query, error) {
	var q Query
	cur := []term{}
	negate := false
	for _, w := range words(s) {
		switch w {
		case "OR":
			if len(cur) > 0 {
				q.any = append(q.any, cur)
				cur = []term{}
			}
			continue
		case "AND":
			continue
		case "NOT":
			negate = true
			continue
		}
		if strings.HasPrefix(w, "-") && len(w) > 1 {
			negate, w = true, w[1:]
		}
		t := term{prefix: strings.HasSuffix(w, "*"), near: strings.HasSuffix(w, "~")}
		for _, tok := range tokens(w) {
			t.tokens = append(t.tokens, tok.text)
		}
		if len(t.tokens) == 0 {
			negate = false
			continue
		}
		if negate {
			q.not = append(q.not, t)
		} else {
			cur = append(cur, t)
		}
		negate = false
	}
	if len(cur) > 0 {
		q.any = append(q.any, cur)
	}
	if len(q.any) == 0 {
		return Query{}, fmt.Errorf("query: %w: it has no word to look for", record.ErrInvalid)
	}
	return q, nil
}

// words splits a query at blanks outside quotes. A quoted part keeps its
// quotes' effect by coming as one word.
func words(s string) []string {
	var out []string
	var cur strings.Builder
	quoted := false
	flush := func() {
		if cur.Len() > 0 {
			out = append(out, cur.String())
			cur.Reset()
		}
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '“' || r == '”':
			quoted = !quoted
			if !quoted {
				flush()
			}
		case unicode.IsSpace(r) && !quoted:
			flush()
		default:
			cur.WriteRune(r)
		}
	}
	flush()
	return out
}

// token is a folded token and where it came from.
type token struct {
	text string
	word int // index of the word, in token lists of a page
}

// tokens splits and folds text as the index does: runs of letters and digits,
// lower case, without diacritics.
func tokens(s string) []token {
	var out []token
	var cur strings.Builder
	flush := func() {
		if cur.Len() > 0 {
			out = append(out, token{text: cur.String()})
			cur.Reset()
		}
	}
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.IsLetter(r), unicode.IsNumber(r):
			cur.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.Mn, r):
		default:
			flush()
		}
	}
	flush()
	return out
}

// fts returns the FTS5 expression. Every token is quoted, so that nothing in a
// query is taken for syntax. expand gives the other spellings of a token.
func (q Query) fts(expand func(term) []string) string {
	var alts []string
	for _, all := range q.any {
		parts := make([]string, len(all))
		for i, t := range all {
			parts[i] = t.fts(expand)
		}
		alts = append(alts, "("+strings.Join(parts, " AND ")+")")
	}
	expr := strings.Join(alts, " OR ")
	for _, t := range q.not {
		expr = "(" + expr + ") NOT " + t.fts(nil)
	}
	return expr
}

func (t term) fts(expand func(term) []string) string {
	expr := quote(strings.Join(t.tokens, " "))
	if t.prefix {
		expr += " *"
	}
	if expand == nil {
		return expr
	}
	parts := []string{expr}
	for _, e := range expand(t) {
		parts = append(parts, quote(e))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
