// Package mpi is a site's patient list (master patient index): whose chart
// numbers are whose, and how a person is found whose name was misread.
//
// The list comes from the hospital's own system as CSV; this package believes
// it, keeps it in memory and never changes it. What people link here, two
// numbers of one person, stands beside it and can be undone (package comment
// of cmd/chartvault's links).
//
// Its invariants: a chart number belongs to one person; looking a number up
// never finds another one that is only similar; a name is never corrected,
// only found.
//
// Stored form: none. cmd/chartvault seals the CSV text as it came.
package mpi

import (
	"slices"
	"strings"

	"chartvault/record"
)

// Number is one chart number of a person.
type Number struct {
	Chart  record.ChartNumber
	Since  record.Date // zero when the list does not say
	Until  record.Date // zero while it is in use
	Merged bool        // it was another chart once, and was merged into this person's
}

// Person is one row of the list.
type Person struct {
	Name      string      // as the list writes it
	Born      record.Date // zero when unknown; month or day may be missing
	Numbers   []Number    // the present chart number first
	Elsewhere string      // where a part of the chart is held, in the list's words; "" for nowhere
}

// List is a patient list. It is safe for concurrent use: nothing changes it.
type List struct {
	people  []Person
	byChart map[string]int32 // by canonical number; aliases as well
	names   *names
}

// Len is the number of chart numbers, aliases included.
func (l *List) Len() int { return len(l.byChart) }

// People is the number of persons.
func (l *List) People() int { return len(l.people) }

// Find returns whose a canonical chart number is.
func (l *List) Find(chart string) (Person, bool) {
	i, ok := l.byChart[chart]
	if !ok {
		return Person{}, false
	}
	return l.people[i], true
}

// Each hands on the numbers of every person who has several.
func (l *List) Each(f func(charts []record.ChartNumber)) {
	for _, p := range l.people {
		if len(p.Numbers) < 2 {
			continue
		}
		charts := make([]record.ChartNumber, len(p.Numbers))
		for i, n := range p.Numbers {
			charts[i] = n.Chart
		}
		f(charts)
	}
}

// TerminalDigit orders chart numbers as the shelves of most file rooms: by
// their last two digits, then the two before, and so on.
func TerminalDigit(charts []record.ChartNumber) {
	slices.SortStableFunc(charts, func(a, b record.ChartNumber) int {
		return strings.Compare(terminal(a.Canonical()), terminal(b.Canonical()))
	})
}

// terminal is a number's digits, two by two from the end.
func terminal(chart string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, chart)
	const pairs = 32 // of the longest number
	digits = strings.Repeat("0", max(2*pairs-len(digits), 0)) + digits
	var b strings.Builder
	for i := len(digits); i >= 2; i -= 2 {
		b.WriteString(digits[i-2 : i])
	}
	return b.String() + chart
}
