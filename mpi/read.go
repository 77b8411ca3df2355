package mpi

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"chartvault/record"
)

// Columns of a list, as this package calls them. The first three must be
// there.
const (
	ColumnChart     = "chart_number"
	ColumnName      = "name"
	ColumnBorn      = "date_of_birth"
	ColumnAliases   = "aliases"        // further numbers, separated by ';', each perhaps with @SINCE..UNTIL
	ColumnMerged    = "merged"         // numbers merged into this one, the same way
	ColumnElsewhere = "held_elsewhere" // where a part of the chart is held
)

// Mapping says under which heading of the file a column stands; a column that
// is not in it has its own name.
type Mapping map[string]string

// Reject is a row that cannot be taken, by its number in the file, counting
// the head as 1. Why names no patient.
type Reject struct {
	Row    int
	Why    error
	Fields []string // as they stand there
}

// Read reads a list as CSV with a head. Rows that cannot be taken are returned
// as they are, with what is wrong with each; whether half a list is better than
// none is the caller's to say. record.ErrInvalid when the head is wrong, or the
// text is not CSV.
func Read(r io.Reader, m Mapping, number func(string) (record.ChartNumber, error)) (*List, []Reject, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	in.ReuseRecord = false
	head, err := in.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("patient list: %w: no head", record.ErrInvalid)
	}
	col, err := columns(head, m)
	if err != nil {
		return nil, nil, err
	}
	l := &List{byChart: map[string]int32{}}
	var bad []Reject
	for row := 2; ; row++ {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			// Where a row ends is not known any more: the rest may be in it.
			return nil, nil, fmt.Errorf("patient list, row %d: %w: it is not CSV; a quotation mark may be missing", row, record.ErrInvalid)
		}
		switch {
		case len(rec) != len(head):
			err = fmt.Errorf("it has %d columns, the head has %d", len(rec), len(head))
		default:
			err = l.add(rec, col, number)
		}
		if err != nil {
			bad = append(bad, Reject{row, err, rec})
		}
	}
	l.names = index(l.people)
	return l, bad, nil
}

// WriteCSV writes the list in this package's own columns: what Read makes the
// same list of.
func (l *List) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{ColumnChart, ColumnName, ColumnBorn, ColumnAliases, ColumnMerged, ColumnElsewhere}); err != nil {
		return err
	}
	for _, p := range l.people {
		var aliases, merged []string
		for _, n := range p.Numbers[1:] {
			s := n.Chart.Canonical()
			if !n.Since.IsZero() || !n.Until.IsZero() {
				s += "@" + n.Since.String() + ".." + n.Until.String()
			}
			if n.Merged {
				merged = append(merged, s)
			} else {
				aliases = append(aliases, s)
			}
		}
		if err := out.Write([]string{p.Numbers[0].Chart.Canonical(), p.Name, p.Born.String(), strings.Join(aliases, ";"), strings.Join(merged, ";"), p.Elsewhere}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// columns finds the columns in the head.
func columns(head []string, m Mapping) (map[string]int, error) {
	at := map[string]int{}
	for i, h := range head {
		at[heading(h)] = i
	}
	col := map[string]int{}
	for _, c := range []string{ColumnChart, ColumnName, ColumnBorn, ColumnAliases, ColumnMerged, ColumnElsewhere} {
		want, mapped := m[c]
		if !mapped {
			want = c
		}
		i, ok := at[heading(want)]
		if !ok && (mapped || c == ColumnChart || c == ColumnName || c == ColumnBorn) {
			return nil, fmt.Errorf("patient list: %w: no column %q in the head", record.ErrInvalid, want)
		}
		if ok {
			col[c] = i
		}
	}
	for c := range m {
		if _, ok := col[c]; !ok {
			return nil, fmt.Errorf("patient list: %w: there is no column %q to map", record.ErrInvalid, c)
		}
	}
	return col, nil
}

func heading(s string) string {
	return strings.ToLower(strings.TrimSpace(strings.TrimPrefix(s, "\ufeff")))
}

func (l *List) add(rec []string, col map[string]int, number func(string) (record.ChartNumber, error)) error {
	field := func(c string) string {
		if i, ok := col[c]; ok {
			return strings.TrimSpace(rec[i])
		}
		return ""
	}
	p := Person{Name: field(ColumnName), Elsewhere: field(ColumnElsewhere)}
	born, err := record.ParseDate(field(ColumnBorn))
	if err != nil {
		return errors.New("the date of birth is no date")
	}
	p.Born = born
	for i, c := range []string{ColumnChart, ColumnAliases, ColumnMerged} {
		for _, s := range strings.Split(field(c), ";") {
			if s = strings.TrimSpace(s); s == "" && i > 0 {
				continue
			}
			n, err := numberOf(s, number)
			if err != nil {
				return err
			}
			n.Merged = c == ColumnMerged
			p.Numbers = append(p.Numbers, n)
		}
	}
	mine := map[string]bool{}
	for _, n := range p.Numbers {
		c := n.Chart.Canonical()
		if _, twice := l.byChart[c]; twice || mine[c] {
			return errors.New("its chart number stands in an earlier row, or twice in this one")
		}
		mine[c] = true
	}
	for c := range mine {
		l.byChart[c] = int32(len(l.people))
	}
	l.people = append(l.people, p)
	return nil
}

// numberOf reads NUMBER or NUMBER@SINCE..UNTIL, either date perhaps empty.
func numberOf(s string, number func(string) (record.ChartNumber, error)) (n Number, err error) {
	s, when, _ := strings.Cut(s, "@")
	since, until, _ := strings.Cut(when, "..")
	if n.Chart, err = number(strings.TrimSpace(s)); err != nil {
		return n, errors.New("a chart number is not of this site's form")
	}
	for _, d := range []struct {
		to   *record.Date
		text string
	}{{&n.Since, since}, {&n.Until, until}} {
		if *d.to, err = record.ParseDate(d.text); err != nil {
			return n, errors.New("the validity of a chart number is no date")
		}
	}
	return n, nil
}
