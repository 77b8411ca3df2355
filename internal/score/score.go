// Package score compares text that was read with the text that is true: the
// measure by which the page pipeline is judged, in tests and benchmarks only.
//
// Its invariant is that both sides are normalised alike: compatibility forms
// folded (NFKC), quotes straight, dashes "-", words that a line end divides
// joined, blanks collapsed.
package score

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Result is how well one page was read.
type Result struct {
	CER   float64 // edit distance over characters, divided by the true text's length
	WER   float64 // the same over words
	Found float64 // share of the true words found anywhere on the page, each as often as it is there
}

// Compare scores got against want. With fold, case does not matter.
func Compare(got, want string, fold bool) Result {
	got, want = Normalize(got), Normalize(want)
	if fold {
		got, want = strings.ToLower(got), strings.ToLower(want)
	}
	gw, ww := strings.Fields(got), strings.Fields(want)
	return Result{
		CER:   ratio(distance([]rune(got), []rune(want)), len([]rune(want))),
		WER:   ratio(distance(gw, ww), len(ww)),
		Found: found(gw, ww),
	}
}

// Normalize returns s in the form that is compared.
func Normalize(s string) string {
	s = norm.NFKC.String(s)
	s = strings.NewReplacer(
		"\u2018", "'", "\u2019", "'", "\u201a", "'", "\u201b", "'", "\u201c", `"`, "\u201d", `"`, "\u201e", `"`,
		"\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2014", "-", "\u2212", "-", "\u00ad", "-",
	).Replace(s)
	lines := strings.Split(s, "\n")
	var b strings.Builder
	for i, l := range lines {
		l = strings.TrimRightFunc(l, unicode.IsSpace)
		if divided(l) && i+1 < len(lines) {
			b.WriteString(strings.TrimSuffix(l, "-"))
			continue
		}
		b.WriteString(l + " ")
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// divided reports whether a line ends within a word.
func divided(line string) bool {
	r := []rune(line)
	return len(r) > 1 && r[len(r)-1] == '-' && unicode.IsLetter(r[len(r)-2])
}

func ratio(d, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(d) / float64(n)
}

// found counts want's words in got, punctuation at their ends aside: a search
// does not ask for it.
func found(got, want []string) float64 {
	bare := func(w string) string {
		return strings.ToLower(strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	}
	have := map[string]int{}
	for _, w := range got {
		have[bare(w)]++
	}
	hits, n := 0, 0
	for _, w := range want {
		w = bare(w)
		if w == "" {
			continue
		}
		n++
		if have[w] > 0 {
			have[w]--
			hits++
		}
	}
	if n == 0 {
		return 1
	}
	return float64(hits) / float64(n)
}

// distance is Levenshtein's.
func distance[T comparable](a, b []T) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diag := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, diag+1, row[j]+1)
		}
	}
	return row[len(b)]
}
