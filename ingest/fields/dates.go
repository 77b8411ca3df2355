package fields

import (
	"regexp"
	"strconv"
	"strings"

	"chartvault/record"
)

// Order says how a site writes dates of digits alone.
type Order string

// Orders of day and month.
const (
	MonthFirst Order = "mdy"
	DayFirst   Order = "dmy"
)

// dateExpr finds a date in one of the forms charts are written in.
const dateExpr = `(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{1,2}[ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[ -,]+\d{4}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2},? \d{4})`

// parseDate reads a date. A year of two digits belongs to the hundred years up
// to the given one. ok is false for what is no date, or could be two.
func parseDate(s string, order Order, year int) (record.Date, bool) {
	f := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" -/.,", r) })
	if len(f) != 3 {
		return record.Date{}, false
	}
	var y, m, d string
	switch {
	case len(f[0]) == 4:
		y, m, d = f[0], f[1], f[2]
	case month(f[0]) > 0:
		y, m, d = f[2], strconv.Itoa(month(f[0])), f[1]
	case month(f[1]) > 0:
		y, m, d = f[2], strconv.Itoa(month(f[1])), f[0]
	case order == DayFirst, strings.Contains(s, "."): // dotted dates are written day first
		y, m, d = f[2], f[1], f[0]
	default:
		y, m, d = f[2], f[0], f[1]
	}
	yy, err1 := strconv.Atoi(y)
	mm, err2 := strconv.Atoi(m)
	dd, err3 := strconv.Atoi(d)
	if err1 != nil || err2 != nil || err3 != nil || len(y) == 3 {
		return record.Date{}, false
	}
	if len(y) == 2 {
		yy += year / 100 * 100
		if yy > year {
			yy -= 100
		}
	}
	text := pad(yy, 4) + "-" + pad(mm, 2) + "-" + pad(dd, 2)
	date, err := record.ParseDate(text)
	return date, err == nil && yy > 1850 && yy <= year
}

func pad(n, width int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(width-len(s), 0)) + s
}

// month returns the number of a month's English name, 0 for another word.
func month(s string) int {
	if len(s) < 3 || s[0] < 'a' || s[0] > 'z' {
		return 0
	}
	i := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", s[:3])
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}

// label is a printed announcement of a value.
type label struct {
	expr string
	rank int // lower is more telling
}

func bornLabels() []label {
	return []label{{`d\.? ?o\.? ?b\.?|date of birth|birth ?date|born|geb(?:\.|oren|urtsdatum)?`, 0}}
}

// serviceLabels announce the date a document is about, by how directly.
func serviceLabels() []label {
	return []label{
		{`date of service|service date|d\.?o\.?s\.?|date of visit|visit date|encounter date|date of (?:procedure|operation|surgery|exam(?:ination)?|study|consultation)|(?:exam|procedure|surgery|operation|collection|specimen) date|date collected|collected(?: on)?`, 0},
		{`discharge date|date of discharge|discharged(?: on)?`, 1},
		{`admission date|date of admission|admitted(?: on)?|admit date`, 2},
		{`date|dated`, 3},
	}
}

// datesAfter finds the dates that labels announce.
func (x *Extractor) datesAfter(ls []line, labels []label) []Value {
	type ranked struct {
		v    Value
		rank int
	}
	var got []ranked
	for _, lb := range labels {
		re := regexp.MustCompile(`(?i)(?:^|[^a-z])(` + lb.expr + `)[\s.:#*(]*(` + dateExpr + `)`)
		for _, l := range ls {
			for _, m := range re.FindAllStringSubmatchIndex(l.text, -1) {
				if d, ok := parseDate(l.text[m[4]:m[5]], x.order, x.year()); ok {
					got = append(got, ranked{l.value(d.String(), l.text[m[2]:m[3]], m[4], m[5]), lb.rank})
				}
			}
		}
	}
	var out []Value
	for rank := range 4 {
		for _, g := range got {
			if g.rank == rank && !overlapping(out, g.v) {
				out = append(out, g.v)
			}
		}
	}
	return out
}

func overlapping(vs []Value, v Value) bool {
	for _, o := range vs {
		if o.Box.Overlaps(v.Box) {
			return true
		}
	}
	return false
}

// Vague reports whether a label announces a date without saying of what.
func Vague(label string) bool {
	l := strings.ToLower(label)
	return l == "date" || l == "dated"
}
