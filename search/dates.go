package search

import (
	"fmt"
	"strings"

	"chartvault/record"
)

// dayRange lists the values of fieldIs that days from A to B have: "A..B",
// "A..", "..B", or "A" alone, which is its whole year or month when it has no
// more. Whole years and months are asked for as such, so that a century is a
// hundred values and not 36,500. A day that is known only to the year or month
// is in a range that shares any of it.
func dayRange(s string) ([]string, error) {
	from, to, ranged := strings.Cut(s, "..")
	if !ranged {
		to = from
	}
	lo, hi := record.Date{Year: 1850, Month: 1, Day: 1}, record.Date{Year: 2199, Month: 12, Day: 31}
	if from != "" {
		d, err := record.ParseDate(from)
		if err != nil || d.IsZero() {
			return nil, fmt.Errorf("%w: want dates as 2019, 2019-03 or 2019-03-07, and .. between two", record.ErrInvalid)
		}
		lo = d.First()
	}
	if to != "" {
		d, err := record.ParseDate(to)
		if err != nil || d.IsZero() {
			return nil, fmt.Errorf("%w: want dates as 2019, 2019-03 or 2019-03-07, and .. between two", record.ErrInvalid)
		}
		hi = d.Last()
	}
	if lo.After(hi) {
		return nil, fmt.Errorf("%w: the range ends before it begins", record.ErrInvalid)
	}
	var out []string
	for y := lo.Year; y <= hi.Year; y++ {
		out = append(out, yearIn(y, lo, hi)...)
	}
	return out, nil
}

// yearIn lists the values for the part of year y within lo and hi.
func yearIn(y int, lo, hi record.Date) []string {
	year := fmt.Sprintf("%04d", y)
	whole := record.Date{Year: y}
	if !lo.After(whole.First()) && !whole.After(hi) {
		return []string{isDay + year}
	}
	out := []string{isSomeDay + year}
	for m := 1; m <= 12; m++ {
		begin, end := record.Date{Year: y, Month: m}.First(), record.Date{Year: y, Month: m}.Last()
		month := fmt.Sprintf("%s-%02d", year, m)
		switch {
		case begin.After(hi) || lo.After(end):
		case !lo.After(begin) && !end.After(hi):
			out = append(out, isDay+month)
		default:
			out = append(out, isSomeDay+month)
			for d := begin; !d.After(end); d.Day++ {
				if !lo.After(d) && !d.After(hi) {
					out = append(out, fmt.Sprintf("%s%s-%02d", isDay, month, d.Day))
				}
			}
		}
	}
	return out
}
