package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"chartvault/ingest"
	"chartvault/ingest/correct"
	"chartvault/record"
	"chartvault/release"
)

// reportMonths is how many months a report goes back, and forward.
const reportMonths = 12

// monthLine is a month of a report.
type monthLine struct {
	Month     string `json:"month"` // 2026-01
	Batches   int    `json:"batches"`
	Pages     int    `json:"pages_in"`
	Sheets    int    `json:"separators_and_blanks"`
	Doubtful  int    `json:"pages_in_doubt"` // of them, in quality still
	Corrected int    `json:"corrections"`    // carried out in it
	Received  int    `json:"requests_received"`
	Answered  int    `json:"requests_closed"`
	Late      int    `json:"requests_late"` // of those closed, or open and past their day, that were due in it
	Disclosed int    `json:"disclosures"`
}

// dueLine is what comes to the end of its time in a month.
type dueLine struct {
	Month     string `json:"month"`
	Documents int    `json:"documents"`
	Pages     int    `json:"pages"`
}

// reportLine is a report: numbers, and nobody's name.
type reportLine struct {
	Months  []monthLine    `json:"months"`      // the newest last
	Days    int            `json:"median_days"` // from a request's receipt to its end, of those that closed in the months
	Overdue int            `json:"due_before"`  // documents whose time was over before this month
	Due     []dueLine      `json:"due"`         // this month and those that come
	Sources []sourceLine   `json:"sources"`     // of the last thirty days: who scanned, or with what
	Types   map[string]int `json:"documents_by_type"`
	Bytes   int64          `json:"stored_bytes"`
}

// sourceLine is a folder that scans come from: a person's, or a scanner's.
type sourceLine struct {
	Source   string `json:"source"` // "" for scans beside the folders
	Days     int    `json:"days"`   // on which something came
	Batches  int    `json:"batches"`
	Pages    int    `json:"pages_in"`
	Doubtful int    `json:"pages_in_doubt"`
}

// sourceDays is how far back sources are counted.
const sourceDays = 30

// opReport sums the months up.
func (a *app) opReport(ctx context.Context, _ asked, out func(any) error) error {
	r := reportLine{Types: map[string]int{}}
	now := a.now().In(a.releases.Zone)
	first := time.Date(now.Year(), now.Month()-reportMonths+1, 1, 0, 0, 0, 0, now.Location())
	at := map[string]*monthLine{}
	for i := range reportMonths {
		m := first.AddDate(0, i, 0).Format("2006-01")
		r.Months = append(r.Months, monthLine{Month: m})
	}
	for i := range r.Months {
		at[r.Months[i].Month] = &r.Months[i]
	}
	none := &monthLine{} // of what is older
	month := func(m string) *monthLine {
		if l := at[m]; l != nil {
			return l
		}
		return none
	}
	for _, f := range []func(context.Context, *reportLine, func(string) *monthLine) error{a.reportScans, a.reportRequests, a.reportDue} {
		if err := f(ctx, &r, month); err != nil {
			return err
		}
	}
	var err error
	if r.Types, err = a.cat.TypeCounts(ctx); err != nil {
		return err
	}
	s, err := a.cat.Census(ctx, now, now)
	if err != nil {
		return err
	}
	r.Bytes = int64(s.Bytes)
	return out(r)
}

func (a *app) reportScans(ctx context.Context, r *reportLine, month func(string) *monthLine) error {
	bs, err := a.cat.Batches(ctx)
	if err != nil {
		return err
	}
	r.Sources = a.sources(bs)
	for _, b := range bs {
		m := month(b.ReceivedAt.In(a.releases.Zone).Format("2006-01"))
		m.Batches++
		m.Pages += b.Counts.PagesIn
		m.Sheets += b.Counts.Separators + b.Counts.Blanks
		m.Doubtful += b.Counts.QA
	}
	cs, err := a.corrections(ctx, correct.Done)
	for _, c := range cs {
		month(c.At.In(a.releases.Zone).Format("2006-01")).Corrected++
	}
	return err
}

// sources sums up who scanned, or with what, those that scanned most first.
func (a *app) sources(bs []record.Batch) []sourceLine {
	since := a.now().AddDate(0, 0, -sourceDays)
	by, days := map[string]sourceLine{}, map[string]map[string]bool{}
	for _, b := range bs {
		if b.ReceivedAt.Before(since) {
			continue
		}
		s := ingest.SourceOf(b.Name)
		if days[s] == nil {
			days[s] = map[string]bool{}
		}
		days[s][b.ReceivedAt.In(a.releases.Zone).Format("2006-01-02")] = true
		l := by[s]
		by[s] = sourceLine{s, len(days[s]), l.Batches + 1, l.Pages + b.Counts.PagesIn, l.Doubtful + b.Counts.QA}
	}
	out := slices.Collect(maps.Values(by))
	slices.SortFunc(out, func(x, y sourceLine) int {
		return cmp.Or(cmp.Compare(y.Pages, x.Pages), cmp.Compare(x.Source, y.Source))
	})
	return out
}

func (a *app) reportRequests(ctx context.Context, r *reportLine, month func(string) *monthLine) error {
	today := a.releases.Today()
	var took []int
	err := a.releases.List(ctx, true, func(q release.Request, _ release.Class) error {
		month(q.Received.String()[:7]).Received++
		closed := today
		if q.State == release.Closed {
			closed = ended(q, a.releases.Zone)
			m := month(closed.String()[:7])
			if m.Answered++; m.Month != "" {
				took = append(took, release.DaysLeft(q.Received, closed))
			}
		}
		if closed.After(q.Due()) {
			month(q.Due().String()[:7]).Late++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if slices.Sort(took); len(took) > 0 {
		r.Days = took[len(took)/2]
	}
	return requests{a}.Disclosures(ctx, func(d release.Disclosure) error {
		month(d.On.String()[:7]).Disclosed++
		return nil
	})
}

// ended is the day a request was closed first: one that was handed over again was
// answered before.
func ended(q release.Request, zone *time.Location) record.Date {
	for _, l := range q.Log {
		if l.What == "handed over" || len(l.What) > 12 && l.What[:12] == "handed over," {
			return record.DateOf(l.At.In(zone))
		}
	}
	return record.DateOf(q.Log[len(q.Log)-1].At.In(zone))
}

// reportDue sums up what the last evaluation found, by month.
func (a *app) reportDue(ctx context.Context, r *reportLine, _ func(string) *monthLine) error {
	sums, err := a.cat.DueSums(ctx)
	if err != nil {
		return err
	}
	now := a.now().In(a.releases.Zone)
	this := now.Format("2006-01")
	last := time.Date(now.Year(), now.Month()+reportMonths-1, 1, 0, 0, 0, 0, now.Location()).Format("2006-01")
	by := map[string]dueLine{}
	for _, s := range sums {
		m := s.Month
		switch {
		case m == "" || m > last:
		case m < this:
			r.Overdue += s.Documents
		default:
			l := by[m]
			by[m] = dueLine{m, l.Documents + s.Documents, l.Pages + s.Pages}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(by)) {
		r.Due = append(r.Due, by[m])
	}
	return nil
}
