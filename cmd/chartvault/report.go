package main

import (
	"cmp"
	"context"
	"fmt"
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
	Doubtful  int    `json:"pages_in_doubt"` // of them, when they were filed
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
	Sources []sourceLine   `json:"sources"`     // of the last thirty days of the months: who scanned, or with what
	People  []personWork   `json:"people"`      // of the same days: who settled what the machine doubted
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

// personWork is what somebody did in quality.
type personWork struct {
	Who       string `json:"who"`
	Days      int    `json:"days"`      // on which they settled something
	Settled   int    `json:"settled"`   // questions
	SentBack  int    `json:"sent_back"` // documents, to be scanned again
	Corrected int    `json:"corrected"` // corrections they asked for that were carried out
}

// reportWanted says which months are summed up.
type reportWanted struct {
	Months int    `json:"months,omitempty"` // how many; 12 when not given
	To     string `json:"to,omitempty"`     // the last of them, such as 2026-01; this one when not given
}

// mostMonths is how many months a report has at most.
const mostMonths = 60

// stretch is the months of a report.
type stretch struct {
	moments []time.Time // where each month begins, and where the last one ends
	lines   []monthLine
	at      map[string]int // line of a month
}

// stretch is the months that are wanted; record.ErrInvalid for none there can be.
func (a *app) stretch(p reportWanted) (*stretch, error) {
	now := a.now().In(a.releases.Zone)
	last := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	if p.To != "" {
		t, err := time.ParseInLocation("2006-01", p.To, now.Location())
		if err != nil {
			return nil, fmt.Errorf("report: %w: the last month is written as 2026-01", record.ErrInvalid)
		}
		last = t
	}
	if p.Months == 0 {
		p.Months = reportMonths
	}
	if p.Months < 1 || p.Months > mostMonths {
		return nil, fmt.Errorf("report: %w: 1 to %d months", record.ErrInvalid, mostMonths)
	}
	s := &stretch{at: map[string]int{}}
	for i := range p.Months {
		m := last.AddDate(0, i-p.Months+1, 0)
		s.moments = append(s.moments, m)
		s.at[m.Format("2006-01")] = i
		s.lines = append(s.lines, monthLine{Month: m.Format("2006-01")})
	}
	s.moments = append(s.moments, last.AddDate(0, 1, 0))
	return s, nil
}

// month is the line of a month; one that nobody sees of a month outside.
func (s *stretch) month(m string) *monthLine {
	if i, ok := s.at[m]; ok {
		return &s.lines[i]
	}
	return &monthLine{}
}

// opReport sums months up.
func (a *app) opReport(ctx context.Context, r asked, out func(any) error) error {
	var p reportWanted
	if err := r.params(&p); err != nil {
		return err
	}
	months, err := a.stretch(p)
	if err != nil {
		return err
	}
	var l reportLine
	for _, f := range []func(context.Context, *reportLine, *stretch) error{a.reportScans, a.reportPeople, a.reportRequests, a.reportDue} {
		if err := f(ctx, &l, months); err != nil {
			return err
		}
	}
	l.Months = months.lines
	if l.Types, err = a.cat.TypeCounts(ctx); err != nil {
		return err
	}
	seen, read := a.lately()
	s, err := a.countObjects(ctx, seen, read)
	if err != nil {
		return err
	}
	l.Bytes = s.Bytes
	return out(l)
}

func (a *app) reportScans(ctx context.Context, r *reportLine, months *stretch) error {
	sums, err := a.cat.SumBatches(ctx, months.moments)
	if err != nil {
		return err
	}
	for i, s := range sums {
		m := &months.lines[i]
		m.Batches, m.Pages, m.Sheets, m.Doubtful = s.Batches, s.PagesIn, s.Separators+s.Blanks, s.QA
	}
	from, to := a.lastDays(months)
	bs, err := a.cat.BatchesSince(ctx, from, to)
	r.Sources = a.sources(bs)
	return err
}

// lastDays are the days of which people are told one by one: the last thirty of a
// report.
func (a *app) lastDays(months *stretch) (from, to time.Time) {
	to = months.moments[len(months.moments)-1]
	if now := a.now(); now.Before(to) {
		to = now.Add(time.Minute)
	}
	return to.AddDate(0, 0, -sourceDays), to
}

// reportPeople sums up who settled how many questions, sent back and corrected.
func (a *app) reportPeople(ctx context.Context, r *reportLine, months *stretch) error {
	from, to := a.lastDays(months)
	by := map[string]*personWork{}
	who := func(name string) *personWork {
		if by[name] == nil {
			by[name] = &personWork{Who: name}
		}
		return by[name]
	}
	es, err := a.cat.EntriesSince(ctx, kindSettled, from)
	err = eachEntry(es, err, func(d settledDay) error {
		if d.Day.Before(to) {
			p := who(string(d.By))
			p.Days, p.Settled = p.Days+1, p.Settled+d.Settled
		}
		return nil
	})
	if err != nil {
		return err
	}
	es, err = a.cat.EntriesSince(ctx, kindRescan, from)
	err = eachEntry(es, err, func(s rescan) error {
		if s.At.Before(to) {
			who(string(s.By)).SentBack++
		}
		return nil
	})
	if err != nil {
		return err
	}
	cs, err := a.corrections(ctx, correct.Done)
	for _, c := range cs {
		months.month(c.At.In(a.releases.Zone).Format("2006-01")).Corrected++
		if !c.At.Before(from) && c.At.Before(to) {
			who(string(c.By)).Corrected++
		}
	}
	for _, p := range by {
		r.People = append(r.People, *p)
	}
	slices.SortFunc(r.People, func(x, y personWork) int {
		return cmp.Or(cmp.Compare(y.Settled, x.Settled), cmp.Compare(x.Who, y.Who))
	})
	return err
}

// sources sums up who scanned, or with what, those that scanned most first.
func (a *app) sources(bs []record.Batch) []sourceLine {
	by, days := map[string]sourceLine{}, map[string]map[string]bool{}
	for _, b := range bs {
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

func (a *app) reportRequests(ctx context.Context, r *reportLine, months *stretch) error {
	month := months.month
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
func (a *app) reportDue(ctx context.Context, r *reportLine, _ *stretch) error {
	kept := a.dueSums.Load()
	if kept == nil { // nothing was evaluated since the start
		sums, err := a.cat.DueSums(ctx)
		if err != nil {
			return err
		}
		kept = &sums
		a.dueSums.CompareAndSwap(nil, kept) // an evaluation that ended meanwhile knows better
	}
	now := a.now().In(a.releases.Zone)
	this := now.Format("2006-01")
	last := time.Date(now.Year(), now.Month()+reportMonths-1, 1, 0, 0, 0, 0, now.Location()).Format("2006-01")
	by := map[string]dueLine{}
	for _, s := range *kept {
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
