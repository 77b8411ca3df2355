package sheet

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"chartvault/ocr"
	"chartvault/record"
)

// Pattern says how one kind of a site's sheets is recognised.
type Pattern struct {
	Name        string   // for messages
	Symbologies []string // of ocr.Symbologies; empty for any
	Expr        string   // regular expression over the whole payload; groups "chart" and "type" are optional
	Type        string   // document type when the payload names none; "" for none
	Keep        bool     // the sheet is a page of the document it begins: a label
}

// Rule says what a site's chart numbers look like.
type Rule struct {
	Expr  string // regular expression over the canonical number; "" for any
	Check string // "none", "luhn" or "mod11"
}

// Set is a site's patterns, ready for use.
type Set struct {
	patterns []compiled
	rule     *regexp.Regexp
	check    string
}

type compiled struct {
	Pattern
	re *regexp.Regexp
}

// Compile checks patterns and rule. Our own sheets are always recognised.
func Compile(patterns []Pattern, rule Rule) (*Set, error) {
	s := &Set{check: rule.Check}
	for _, p := range patterns {
		re, err := regexp.Compile(`^(?:` + p.Expr + `)$`)
		if err != nil {
			return nil, fmt.Errorf("sheet pattern %q: %w: %w", p.Name, record.ErrInvalid, err)
		}
		for _, sym := range p.Symbologies {
			if !slices.Contains(ocr.Symbologies(), sym) {
				return nil, fmt.Errorf("sheet pattern %q: %w: no symbology %q; there are %s", p.Name, record.ErrInvalid, sym, strings.Join(ocr.Symbologies(), ", "))
			}
		}
		if p.Type != "" {
			if p.Type, err = record.TypeCode(p.Type); err != nil {
				return nil, fmt.Errorf("sheet pattern %q: %w", p.Name, err)
			}
		}
		s.patterns = append(s.patterns, compiled{p, re})
	}
	if rule.Expr != "" {
		re, err := regexp.Compile(`^(?:` + rule.Expr + `)$`)
		if err != nil {
			return nil, fmt.Errorf("chart number rule: %w: %w", record.ErrInvalid, err)
		}
		s.rule = re
	}
	switch s.check {
	case "", "none", "luhn", "mod11":
	default:
		return nil, fmt.Errorf("chart number rule: %w: no check %q; there are none, luhn and mod11", record.ErrInvalid, s.check)
	}
	return s, nil
}

// Dropped returns the expressions of sheets that are no page of any document,
// so that the reader need not recognise them.
func (s *Set) Dropped() []string {
	out := []string{`^CV[12]\|[BD]\|`}
	for _, p := range s.patterns {
		if !p.Keep {
			out = append(out, p.re.String())
		}
	}
	return out
}

// Mark is what the barcodes of a page say.
type Mark struct {
	Begins bool               // a document begins here
	Keep   bool               // the page itself belongs to it
	Chart  record.ChartNumber // zero when none was named, or none that is valid
	Type   string             // "" when none was named
	Pages  int                // how many pages the document has; 0 when the sheet does not say
	Cover  *Cover             // what a batch cover sheet promises; nil on any other page
	Doubt  record.Doubt       // DoubtBadChartNumber or DoubtConflict; "" for none
}

// Read says what the barcodes of a page mean.
func (s *Set) Read(codes []ocr.Barcode) Mark {
	m := Mark{Keep: true}
	number := ""
	for _, b := range codes {
		said, keep, ok := s.match(b)
		if !ok {
			continue
		}
		m.Begins = true
		m.Keep = m.Keep && keep
		switch {
		case b.Disputed, m.Cover != nil && said.cover != nil && *m.Cover != *said.cover, m.Pages > 0 && said.pages > 0 && m.Pages != said.pages:
			m.Doubt = record.DoubtConflict
			continue
		case said.bad:
			m.Doubt = record.DoubtBadChartNumber
		}
		if said.cover != nil {
			m.Cover = said.cover
		}
		m.Pages = max(m.Pages, said.pages)
		if said.typ != "" {
			m.Type = said.typ
		}
		if said.chart == "" {
			continue
		}
		n, err := s.Number(said.chart)
		switch {
		case err != nil:
			m.Doubt = record.DoubtBadChartNumber
		case number != "" && number != n.Canonical():
			m.Doubt = record.DoubtConflict
		default:
			m.Chart, number = n, n.Canonical()
		}
	}
	if m.Doubt != "" {
		m.Chart = record.ChartNumber{}
	}
	return m
}

// said is what one barcode says.
type said struct {
	chart, typ string
	pages      int    // 0 for any number
	cover      *Cover // nil unless it is a batch cover sheet
	bad        bool   // one of our own sheets whose check does not hold
}

// match tries one barcode.
func (s *Set) match(b ocr.Barcode) (what said, keep, ok bool) {
	if own(b.Text) {
		what, err := parseOwn(b.Text)
		what.bad = err != nil
		return what, false, true
	}
	for _, p := range s.patterns {
		if len(p.Symbologies) > 0 && !slices.Contains(p.Symbologies, b.Symbology) {
			continue
		}
		g := p.re.FindStringSubmatch(b.Text)
		if g == nil {
			continue
		}
		what.typ = p.Type
		for i, name := range p.re.SubexpNames() {
			switch {
			case name == "chart" && g[i] != "":
				what.chart = g[i]
			case name == "type" && g[i] != "":
				if t, err := record.TypeCode(g[i]); err == nil {
					what.typ = t
				}
			}
		}
		return what, p.Keep, true
	}
	return said{}, false, false
}

// Number parses a chart number and holds it against the site's rule. The error
// matches record.ErrInvalid and does not repeat the number.
func (s *Set) Number(text string) (record.ChartNumber, error) {
	n, err := record.ParseChartNumber(text)
	if err != nil {
		return n, err
	}
	if s.rule != nil && !s.rule.MatchString(n.Canonical()) {
		return record.ChartNumber{}, fmt.Errorf("chart number: %w: it is not of this site's form", record.ErrInvalid)
	}
	if err := checkDigit(s.check, n.Canonical()); err != nil {
		return record.ChartNumber{}, err
	}
	return n, nil
}

// errCheck keeps the number itself out of the message.
var errCheck = errors.New("its check digit is wrong")

// checkDigit verifies the last digit of a number by the named scheme: Luhn's
// (ISO/IEC 7812-1 annex B), or weights 2, 3, 4 ... from the right modulo 11.
func checkDigit(scheme, canonical string) error {
	if scheme == "" || scheme == "none" {
		return nil
	}
	var digits []int
	for _, r := range canonical {
		if r >= '0' && r <= '9' {
			digits = append(digits, int(r-'0'))
		}
	}
	ok := len(digits) > 1
	if ok && scheme == "luhn" {
		ok = luhn(digits)
	}
	if ok && scheme == "mod11" {
		ok = mod11(digits)
	}
	if !ok {
		return fmt.Errorf("chart number: %w: %w", record.ErrInvalid, errCheck)
	}
	return nil
}

func luhn(digits []int) bool {
	sum := 0
	for i := range digits {
		d := digits[len(digits)-1-i]
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func mod11(digits []int) bool {
	sum, weight := 0, 2
	for i := len(digits) - 2; i >= 0; i-- {
		sum += digits[i] * weight
		weight++
	}
	check := 11 - sum%11
	if check == 11 {
		check = 0
	}
	return check == digits[len(digits)-1] // a remainder of 10 has no digit
}
