package record

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode"
)

// ChartNumber is the number a facility files a patient's chart under (MRN).
// Leading zeros and letters are significant; it is never a number to compute
// with. Two spellings of one number ("NG-139537", "ng 139537") are equal in
// their canonical form.
type ChartNumber struct{ p Private }

// maxChartNumber bounds what is taken for a chart number, in characters.
const maxChartNumber = 64

// ParseChartNumber checks that s can be a chart number: 1 to 64 letters,
// digits and the separators space, '-', '.', '/', with at least one digit.
// The error never repeats s.
func ParseChartNumber(s string) (ChartNumber, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return ChartNumber{}, fmt.Errorf("parse chart number: %w: empty", ErrInvalid)
	}
	if len(s) > maxChartNumber {
		return ChartNumber{}, fmt.Errorf("parse chart number: %w: longer than %d characters", ErrInvalid, maxChartNumber)
	}
	digit := false
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digit = true
		case r < unicode.MaxASCII && unicode.IsLetter(r), strings.ContainsRune(" -./", r):
		default:
			return ChartNumber{}, fmt.Errorf("parse chart number: %w: character %d is neither letter, digit nor separator", ErrInvalid, i+1)
		}
	}
	if !digit {
		return ChartNumber{}, fmt.Errorf("parse chart number: %w: no digit", ErrInvalid)
	}
	return ChartNumber{p: NewPrivate(s)}, nil
}

// Reveal returns the number as it was read or typed.
func (c ChartNumber) Reveal() string { return c.p.Reveal() }

// Canonical returns the number in the form look-ups compare: upper case,
// separators removed.
func (c ChartNumber) Canonical() string {
	var b strings.Builder
	for _, r := range strings.ToUpper(c.p.Reveal()) {
		if (r >= '0' && r <= '9') || (r >= 'A' && r <= 'Z') {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// IsZero reports whether there is no number.
func (c ChartNumber) IsZero() bool { return c.p.IsZero() }

// Format implements fmt.Formatter for every verb.
func (c ChartNumber) Format(f fmt.State, v rune) { c.p.Format(f, v) }

// LogValue implements slog.LogValuer.
func (c ChartNumber) LogValue() slog.Value { return c.p.LogValue() }

// MarshalText refuses, so that no encoder writes the number by accident.
func (c ChartNumber) MarshalText() ([]byte, error) { return c.p.MarshalText() }
