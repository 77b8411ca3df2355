package search

import (
	"strings"
	"unicode"

	"github.com/blevesearch/bleve/v2/analysis"
	"golang.org/x/text/unicode/norm"
)

// tokens splits and folds text: runs of letters and digits, lower case, without
// diacritics. Index, queries and highlighting all go through it.
func tokens(s string) []string {
	if plain(s) {
		return []string{s}
	}
	var out []string
	var cur strings.Builder
	flush := func() {
		if cur.Len() > 0 {
			out = append(out, cur.String())
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

// plain reports whether s is one token as it stands, as most words are.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// token is a folded token and the word of the page it came from.
type token struct {
	text string
	word int
}

// words is a page's text as the engine's analyser, which only counts positions:
// what it is given is folded already.
type words []token

// Analyze implements analysis.Analyzer.
func (w words) Analyze([]byte) analysis.TokenStream {
	out := make(analysis.TokenStream, len(w))
	all := make([]analysis.Token, len(w))
	for i, t := range w {
		all[i] = analysis.Token{Term: []byte(t.text), Position: i + 1}
		out[i] = &all[i]
	}
	return out
}
