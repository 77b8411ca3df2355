package pages

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// worker is what somebody did in quality.
type worker struct {
	Who       string `json:"who"`
	Days      int    `json:"days"`
	Settled   int    `json:"settled"`
	SentBack  int    `json:"sent_back"`
	Corrected int    `json:"corrected"`
}

// Name is who it is, without where they sign in.
func (w worker) Name() string { return strings.TrimPrefix(w.Who, "user:") }

// ADay is how many questions were settled on each day on which some were.
func (w worker) ADay() int { return w.Settled / max(1, w.Days) }

// report is months summed up.
type report struct {
	Months  []monthly      `json:"months"`
	Days    int            `json:"median_days"`
	Overdue int            `json:"due_before"`
	Due     []ending       `json:"due"`
	Sources []scanned      `json:"sources"`
	People  []worker       `json:"people"`
	Types   map[string]int `json:"documents_by_type"`
	Bytes   int64          `json:"stored_bytes"`

	Wanted string `json:"-"` // the last month that was asked for; "" for this one
	Back   int    `json:"-"` // how many months were
}

// Share is how many of a month's pages in hundred were in doubt when they came.
func (m monthly) Share() int { return 100 * m.Doubtful / max(1, m.Pages) }

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
	q := v.r.URL.Query()
	r := report{Wanted: q.Get("to"), Back: 12}
	if n, err := strconv.Atoi(q.Get("months")); err == nil {
		r.Back = n
	}
	if err := v.one("report", map[string]any{"months": r.Back, "to": r.Wanted}, &r); err != nil {
		return err
	}
	if q.Get("as") == "people" {
		return saveList(v, "quality", []string{"who", "days", "settled", "sent back", "corrected"}, r.People, func(w worker) []string {
			return []string{w.Name(), itoa(w.Days), itoa(w.Settled), itoa(w.SentBack), itoa(w.Corrected)}
		})
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
