package fields

import (
	"slices"
	"strings"
	"unicode"
)

// agreement is what a comparison of two things a page says comes to.
type agreement int

const (
	unknown agreement = iota // one of them is not known, or hardly read
	same
	different
)

// names compares two names: the same words in any order, each with at most one
// character misread; initials stand for what they begin.
func names(a, b string) agreement {
	x, y := nameWords(a), nameWords(b)
	if len(x) < 2 || len(y) < 2 {
		return unknown
	}
	if len(x) > len(y) {
		x, y = y, x
	}
	left := slices.Clone(y)
	for _, w := range x {
		i := slices.IndexFunc(left, func(o string) bool { return alike(w, o) })
		if i < 0 {
			return different
		}
		left = slices.Delete(left, i, i+1)
	}
	return same
}

func nameWords(s string) []string {
	return strings.FieldsFunc(strings.ToUpper(s), func(r rune) bool { return !unicode.IsLetter(r) })
}

func alike(a, b string) bool {
	if len(a) == 1 || len(b) == 1 {
		return a[0] == b[0]
	}
	if len(a) != len(b) || len(a) < 4 {
		return a == b
	}
	differ := 0
	for i := range a {
		if a[i] != b[i] {
			differ++
		}
	}
	return differ <= 1
}
