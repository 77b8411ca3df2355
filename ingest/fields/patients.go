package fields

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"chartvault/record"
)

// Patient is one row of the patient list.
type Patient struct {
	Name string      // as the list writes it
	Born record.Date // zero when unknown
}

// Patients is a site's patient list: which chart numbers exist, and whose they
// are. It confirms and contradicts; it is never searched for a likely number.
type Patients struct {
	byChart map[string]Patient // by canonical number; aliases as well
}

// Len is the number of chart numbers, aliases included.
func (p *Patients) Len() int { return len(p.byChart) }

// Find returns whose a canonical chart number is.
func (p *Patients) Find(chart string) (Patient, bool) {
	got, ok := p.byChart[chart]
	return got, ok
}

// ReadPatients reads a list as CSV with a head: columns chart_number, name,
// date_of_birth (YYYY-MM-DD or empty) and, optionally, aliases: further chart
// numbers separated by ";". Every bad row is reported by its number, without
// what stands in it, and the list is then refused whole: half a list would
// contradict what is right.
func ReadPatients(r io.Reader, number func(string) (record.ChartNumber, error)) (*Patients, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("patient list: %w: no head", record.ErrInvalid)
	}
	col := map[string]int{}
	for i, h := range head {
		col[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))] = i
	}
	for _, want := range []string{"chart_number", "name", "date_of_birth"} {
		if _, ok := col[want]; !ok {
			return nil, fmt.Errorf("patient list: %w: no column %q in the head", record.ErrInvalid, want)
		}
	}
	p := &Patients{byChart: map[string]Patient{}}
	var bad []error
	for row := 2; len(bad) < 50; row++ {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.add(rec, col, number)
		} else {
			err = errors.New("it is not CSV of the head's columns")
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("patient list, row %d: %w: %w", row, record.ErrInvalid, err))
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return p, nil
}

func (p *Patients) add(rec []string, col map[string]int, number func(string) (record.ChartNumber, error)) error {
	who := Patient{Name: strings.TrimSpace(rec[col["name"]])}
	if s := strings.TrimSpace(rec[col["date_of_birth"]]); s != "" {
		d, err := record.ParseDate(s)
		if err != nil {
			return errors.New("the date of birth is no date")
		}
		who.Born = d
	}
	numbers := []string{rec[col["chart_number"]]}
	if i, ok := col["aliases"]; ok && strings.TrimSpace(rec[i]) != "" {
		numbers = append(numbers, strings.Split(rec[i], ";")...)
	}
	for _, s := range numbers {
		n, err := number(strings.TrimSpace(s))
		if err != nil {
			return errors.New("a chart number is not of this site's form")
		}
		if _, twice := p.byChart[n.Canonical()]; twice {
			return errors.New("its chart number stands in an earlier row")
		}
		p.byChart[n.Canonical()] = who
	}
	return nil
}

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
