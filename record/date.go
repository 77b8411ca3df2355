package record

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date is a civil date in the facility's zone, possibly known only to the
// month or the year. The zero Date means unknown.
//
// A partial date stands for the last day of its period wherever one day is
// needed: a retention period that may have begun as late as that day must not
// end before it.
type Date struct {
	Year  int
	Month int // 1 to 12; 0 when only the year is known
	Day   int // 1 to 31; 0 when only year and month are known
}

// ParseDate reads "2006", "2006-01" or "2006-01-02". The empty string is the
// unknown date.
func ParseDate(s string) (Date, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Date{}, nil
	}
	widths := []int{4, 2, 2}
	parts := strings.Split(s, "-")
	var n [3]int
	for i, p := range parts {
		if i >= len(widths) || len(p) != widths[i] {
			return Date{}, fmt.Errorf("parse date: %w: want YYYY, YYYY-MM or YYYY-MM-DD", ErrInvalid)
		}
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil || v == 0 {
			return Date{}, fmt.Errorf("parse date: %w: part %d is not a number", ErrInvalid, i+1)
		}
		n[i] = int(v)
	}
	d := Date{n[0], n[1], n[2]}
	if d.Month > 12 || d.Day > 0 && d.Day > daysIn(d.Year, d.Month) {
		return Date{}, fmt.Errorf("parse date: %w: no such day", ErrInvalid)
	}
	return d, nil
}

// DateOf returns the civil date of t in t's own zone.
func DateOf(t time.Time) Date { return Date{t.Year(), int(t.Month()), t.Day()} }

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// IsZero reports whether the date is unknown.
func (d Date) IsZero() bool { return d.Year == 0 }

// Partial reports whether month or day is missing.
func (d Date) Partial() bool { return d.Year != 0 && d.Day == 0 }

// Last returns the last day the date may stand for; the zero Date stays zero.
func (d Date) Last() Date {
	switch {
	case d.Year == 0:
		return Date{}
	case d.Month == 0:
		return Date{d.Year, 12, 31}
	case d.Day == 0:
		return Date{d.Year, d.Month, daysIn(d.Year, d.Month)}
	}
	return d
}

// First returns the first day the date may stand for; the zero Date stays zero.
func (d Date) First() Date {
	switch {
	case d.Year == 0:
		return Date{}
	case d.Month == 0:
		return Date{d.Year, 1, 1}
	case d.Day == 0:
		return Date{d.Year, d.Month, 1}
	}
	return d
}

// EndOfMonth returns the last day of the date's month; the zero Date stays zero.
func (d Date) EndOfMonth() Date {
	if d = d.Last(); d.IsZero() {
		return d
	}
	return Date{d.Year, d.Month, daysIn(d.Year, d.Month)}
}

// EndOfYear returns the last day of a year that ends with the given month, 12
// for the calendar year; the zero Date stays zero.
func (d Date) EndOfYear(month int) Date {
	if d = d.Last(); d.IsZero() {
		return d
	}
	if d.Month > month {
		d.Year++
	}
	return Date{d.Year, month, daysIn(d.Year, month)}
}

// LastDate is the last day dates can be written for; arithmetic stops there.
func LastDate() Date { return Date{9999, 12, 31} }

// AddYears returns the same day n years later. 29 February becomes 1 March
// where the year has none: the later day is the safe one. Nothing lies beyond
// the year 9999.
func (d Date) AddYears(n int) Date {
	d = d.Last()
	if d.IsZero() {
		return d
	}
	if d.Year += n; d.Year > LastDate().Year {
		return LastDate()
	}
	if d.Day > daysIn(d.Year, d.Month) { // only 29 February
		return Date{d.Year, 3, 1}
	}
	return d
}

// AddDays returns the day n days later.
func (d Date) AddDays(n int) Date {
	d = d.Last()
	if d.IsZero() {
		return d
	}
	d = DateOf(time.Date(d.Year, time.Month(d.Month), d.Day+n, 0, 0, 0, 0, time.UTC))
	if d.After(LastDate()) {
		return LastDate()
	}
	return d
}

// Compare orders dates by their last day; unknown sorts first.
func (d Date) Compare(e Date) int {
	d, e = d.Last(), e.Last()
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}

// After reports whether d is a later day than e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// String returns the form ParseDate reads; the zero Date is "".
func (d Date) String() string {
	switch {
	case d.Year == 0:
		return ""
	case d.Month == 0:
		return fmt.Sprintf("%04d", d.Year)
	case d.Day == 0:
		return fmt.Sprintf("%04d-%02d", d.Year, d.Month)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// MarshalText writes the form of String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form of String.
func (d *Date) UnmarshalText(b []byte) error {
	v, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
