package pages

import (
	"cmp"
	"maps"
	"slices"
)

// monthly is a month of a report.
type monthly struct {
	Month     string `json:"month"`
	Batches   int    `json:"batches"`
	Pages     int    `json:"pages_in"`
	Sheets    int    `json:"separators_and_blanks"`
	Doubtful  int    `json:"pages_in_doubt"`
	Corrected int    `json:"corrections"`
	Received  int    `json:"requests_received"`
	Answered  int    `json:"requests_closed"`
	Late      int    `json:"requests_late"`
	Disclosed int    `json:"disclosures"`

	Bar int `json:"-"` // of its pages, in hundredths of the most
}

// ending is what comes to the end of its time in a month.
type ending struct {
	Month     string `json:"month"`
	Documents int    `json:"documents"`
	Pages     int    `json:"pages"`

	Bar int `json:"-"`
}

// counted is how many documents there are of a type.
type counted struct {
	Type      string
	Documents int
}

// scanned is a folder that scans come from: a person's, or a scanner's.
type scanned struct {
	Source   string `json:"source"`
	Days     int    `json:"days"`
	Batches  int    `json:"batches"`
	Pages    int    `json:"pages_in"`
	Doubtful int    `json:"pages_in_doubt"`
}

// ADay is how many pages came on each day on which some came.
func (s scanned) ADay() int { return s.Pages / max(1, s.Days) }

// report is twelve months summed up.
type report struct {
	Months  []monthly      `json:"months"`
	Days    int            `json:"median_days"`
	Overdue int            `json:"due_before"`
	Due     []ending       `json:"due"`
	Sources []scanned      `json:"sources"`
	Types   map[string]int `json:"documents_by_type"`
	Bytes   int64          `json:"stored_bytes"`
}

// ByType lists the types, those with the most documents first.
func (r report) ByType() []counted {
	var out []counted
	for _, t := range slices.Sorted(maps.Keys(r.Types)) {
		out = append(out, counted{t, r.Types[t]})
	}
	slices.SortStableFunc(out, func(a, b counted) int { return cmp.Compare(b.Documents, a.Documents) })
	return out
}

// MiB is how much is stored.
func (r report) MiB() int64 { return r.Bytes >> 20 }

func (v *visit) reports() error {
	var r report
	if err := v.one("report", struct{}{}, &r); err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "report", []string{"month", "batches", "pages in", "separators and blanks", "pages in doubt", "corrections", "requests received", "requests closed", "requests late", "disclosures"}, r.Months, func(m monthly) []string {
			return []string{m.Month, itoa(m.Batches), itoa(m.Pages), itoa(m.Sheets), itoa(m.Doubtful), itoa(m.Corrected), itoa(m.Received), itoa(m.Answered), itoa(m.Late), itoa(m.Disclosed)}
		})
	}
	most := 1
	for _, m := range r.Months {
		most = max(most, m.Pages)
	}
	for i, m := range r.Months {
		r.Months[i].Bar = 100 * m.Pages / most
	}
	most = 1
	for _, d := range r.Due {
		most = max(most, d.Documents)
	}
	for i, d := range r.Due {
		r.Due[i].Bar = 100 * d.Documents / most
	}
	return v.show("reports", "Reports", r)
}
