package fields

import (
	"regexp"
	"slices"
	"strings"

	"chartvault/ocr"
	"chartvault/record"
)

// Extractor reads pages for one site.
type Extractor struct {
	number func(string) (record.ChartNumber, error)
	order  Order
	year   func() int
	types  *classifier
	charts *regexp.Regexp
	names  *regexp.Regexp
	stop   *regexp.Regexp
	pages  *regexp.Regexp
}

// Labels that announce a chart number, in the words hospitals print.
const chartLabels = `chart\s*(?:no|num(?:ber)?|nr|#)|mrn|m\.r\.n|med(?:ical)?\.?\s+rec(?:ord)?\s*(?:no|num(?:ber)?|nr|#)|hospital\s*(?:no|number|#)|unit\s*(?:no|number|#)|record\s*(?:no|number)|patient\s*(?:id|no|number)|fallnummer|patientennummer`

// Labels that announce a patient's name.
const nameLabels = `patient(?:'?s)?\s*name|name\s+of\s+patient|patient|last name, first name|pt\.?\s*name|pt`

// stopExpr ends a name: the next label on its line, or a number.
const stopExpr = `(?i)\b(?:` + chartLabels + `|dob|d\.o\.b|date|birth|sex|age|gender|encounter|account|acct|room|ward|ssn|phone|geb|page|attending|dr|mr|ms|mrs)\b|[0-9(*|]`

// New returns an extractor. number parses a chart number and holds it against
// the site's rule; year gives the present one, beyond which no date is believed;
// forms maps a site's form numbers to document types.
func New(number func(string) (record.ChartNumber, error), order Order, year func() int, forms map[string]string) *Extractor {
	return &Extractor{
		number: number, order: order, year: year, types: newClassifier(forms),
		charts: regexp.MustCompile(`(?i)(?:^|[^a-z])(` + chartLabels + `)[\s.:#]*([A-Z]{0,4}[ -]?[0-9][0-9-]{3,14})(?:$|[^0-9A-Za-z])`),
		names:  regexp.MustCompile(`(?i)(?:^|[^a-z])(` + nameLabels + `)\s*[:.]?\s+`),
		stop:   regexp.MustCompile(stopExpr),
		pages:  regexp.MustCompile(`(?i)\bpage\s+([0-9]{1,3})\s+of\s+([0-9]{1,3})\b`),
	}
}

// Page reads one page; number is its place in the source.
func (x *Extractor) Page(t ocr.PageText, number int) Found {
	ls := lines(t)
	f := Found{
		Charts: x.chartNumbers(ls), Names: x.patientNames(ls),
		Born: x.datesAfter(ls, bornLabels()), Service: x.datesAfter(ls, serviceLabels()),
		Types: x.types.page(ls),
	}
	f.Service = slices.DeleteFunc(f.Service, func(v Value) bool { return overlapping(f.Born, v) })
	for _, l := range ls {
		for _, m := range x.pages.FindAllStringSubmatch(l.text, -1) {
			f.Numbers = append(f.Numbers, m[1]+"/"+m[2])
		}
	}
	for _, vs := range [][]Value{f.Charts, f.Names, f.Born, f.Service} {
		for i := range vs {
			vs[i].Page = number
		}
	}
	return f
}

// chartNumbers finds numbers after their labels that are of the site's form,
// check digit included. Each is given once.
func (x *Extractor) chartNumbers(ls []line) []Value {
	var out []Value
	for _, l := range ls {
		for _, m := range x.charts.FindAllStringSubmatchIndex(l.text, -1) {
			n, err := x.number(strings.TrimRight(l.text[m[4]:m[5]], "-"))
			if err != nil {
				continue
			}
			v := l.value(n.Canonical(), l.text[m[2]:m[3]], m[4], m[5])
			if i := slices.IndexFunc(out, func(o Value) bool { return o.Text == v.Text }); i >= 0 {
				out[i].Confidence = max(out[i].Confidence, v.Confidence)
				continue
			}
			out = append(out, v)
		}
	}
	return out
}

// patientNames finds names after their labels: two to five words of letters.
func (x *Extractor) patientNames(ls []line) []Value {
	var out []Value
	for _, l := range ls {
		for _, m := range x.names.FindAllStringSubmatchIndex(l.text, -1) {
			rest := l.text[m[1]:]
			end := len(rest)
			if s := x.stop.FindStringIndex(rest); s != nil {
				end = s[0]
			}
			name := strings.TrimRight(rest[:end], " .:;,-")
			words := strings.Fields(name)
			if len(words) < 2 || len(words) > 5 || !upper(words[0]) || !upper(words[len(words)-1]) {
				continue
			}
			out = append(out, l.value(name, l.text[m[2]:m[3]], m[1], m[1]+len(name)))
		}
	}
	return out
}

// upper reports whether a word begins as a name does.
func upper(w string) bool { return w[0] >= 'A' && w[0] <= 'Z' || w[0] >= 0x80 }
