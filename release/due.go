package release

import (
	"slices"
	"time"

	"chartvault/record"
)

// Term is until when something must be answered, and under which rule.
type Term struct {
	Due       record.Date `json:"due"`
	Extension int         `json:"extension_days"` // by which it may be extended, once
	Cite      string      `json:"cite"`
}

// Term returns the earliest day the law of a state, and federal law, want a
// request answered.
func (r *Rules) Term(state, class string, received record.Date) Term {
	var best, promise Term
	for _, d := range r.Deadlines {
		t := Term{d.day(received), d.Extension, d.Cite}
		switch {
		case len(d.Classes) == 0:
			promise = t
		case d.State != "" && d.State != state, !slices.Contains(d.Classes, class):
		case best.Due.IsZero() || best.Due.After(t.Due):
			best = t
		}
	}
	if best.Due.IsZero() {
		return promise
	}
	return best
}

// day is the last day of a period that begins on the day after received.
func (d Deadline) day(received record.Date) record.Date {
	if !d.Working {
		return received.AddDays(d.Days)
	}
	day := received
	for n := 0; n < d.Days; {
		day = day.AddDays(1)
		if w := weekday(day); w != time.Saturday && w != time.Sunday {
			n++
		}
	}
	return day
}

func weekday(d record.Date) time.Weekday {
	return time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC).Weekday()
}

// DaysLeft is how many days there are from a day to another; negative when it is
// past.
func DaysLeft(today, due record.Date) int {
	at := func(d record.Date) time.Time {
		return time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
	}
	return int(at(due).Sub(at(today)) / (24 * time.Hour))
}
