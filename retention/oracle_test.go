package retention_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"chartvault/record"
	"chartvault/retention"
)

// This file is a second evaluator, written from the rules in docs/retention.md
// and not from the code: it knows no arithmetic of dates. It walks a calendar
// day by day, counts anniversaries as they pass, and asks of each day whether
// every requirement has been met.

// calendar is every day from 1890 on.
type calendar struct {
	days []record.Date
	at   map[record.Date]int
}

func newCalendar() *calendar {
	c := &calendar{at: map[record.Date]int{}}
	months := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	for y := 1890; y < 2190; y++ {
		for m, n := range months {
			if m == 1 && (y%400 == 0 || y%4 == 0 && y%100 != 0) {
				n = 29
			}
			for d := 1; d <= n; d++ {
				c.at[record.Date{Year: y, Month: m + 1, Day: d}] = len(c.days)
				c.days = append(c.days, record.Date{Year: y, Month: m + 1, Day: d})
			}
		}
	}
	return c
}

// lastDay is the last day a date may mean, and firstDay the first.
func (c *calendar) lastDay(d record.Date) int {
	best := -1
	for m := 12; m >= 1 && best < 0; m-- {
		for day := 31; day >= 1 && best < 0; day-- {
			if i, ok := c.at[record.Date{Year: d.Year, Month: m, Day: day}]; ok && (d.Month == 0 || d.Month == m) && (d.Day == 0 || d.Day == day) {
				best = i
			}
		}
	}
	return best
}

func (c *calendar) firstDay(d record.Date) int {
	if d.Month == 0 {
		d.Month = 1
	}
	if d.Day == 0 {
		d.Day = 1
	}
	return c.at[d]
}

// anniversary walks from a day until its nth anniversary has come.
func (c *calendar) anniversary(from, n int) int {
	was := c.days[from]
	i := from
	for n > 0 {
		i++
		is := c.days[i]
		leapling := was.Month == 2 && was.Day == 29
		if is.Month == was.Month && is.Day == was.Day || leapling && is.Month == 3 && is.Day == 1 && c.days[i-1].Day == 28 {
			n--
		}
	}
	return i
}

// endOf walks to the last day of a period.
func (c *calendar) endOf(day int, last func(today, tomorrow record.Date) bool) int {
	for !last(c.days[day], c.days[day+1]) {
		day++
	}
	return day
}

// oracle decides about one document of one chart.
type oracle struct {
	cal      *calendar
	s        *retention.Schedule
	d        retention.Subject
	f        *retention.Facts
	majority int
}

const unknown = -1

// said is the day a fact stands for: corrections outweigh what came before,
// each source has one word, and the latest word counts.
func (o *oracle) said(name record.FactName) int {
	best := unknown
	words := map[record.FactSource]record.Date{}
	for _, k := range o.f.Known {
		if k.Name != name || k.Answer != "" || k.Source == record.SourceRetrieval {
			continue
		}
		if k.Source == record.SourceCorrection {
			clear(words)
		}
		words[k.Source] = k.Date
	}
	for _, d := range words {
		if !d.IsZero() {
			best = max(best, o.cal.lastDay(d))
		}
	}
	return best
}

func (o *oracle) stays() (latestEnd, latestBegin int, open bool) {
	latestEnd, latestBegin = unknown, unknown
	for _, e := range o.f.Encounters {
		if e.End.IsZero() {
			open = true
		} else {
			latestEnd = max(latestEnd, o.cal.lastDay(e.End))
		}
		if !e.Begin.IsZero() {
			latestBegin = max(latestBegin, o.cal.lastDay(e.Begin))
		}
	}
	return latestEnd, latestBegin, open
}

func raise(known, evidence int) int {
	if known == unknown {
		return unknown
	}
	return max(known, evidence)
}

// event is the day a trigger came.
func (o *oracle) event(t retention.Trigger) int {
	end, begin, open := o.stays()
	latest := unknown
	if !o.f.LatestService.IsZero() {
		latest = o.cal.lastDay(o.f.LatestService)
	}
	rawDischarge := max(o.said("discharge"), end)
	discharge := raise(rawDischarge, latest)
	encounter := raise(max(o.said("last_encounter"), rawDischarge, begin), latest)
	service := unknown
	if !o.d.Service.IsZero() {
		service = o.cal.lastDay(o.d.Service)
	}
	switch t {
	case retention.OnServiceDate, retention.OnCalendarYearEnd:
		return service
	case retention.OnRecordCreated:
		return max(o.said("record_created"), service)
	case retention.OnMajority, retention.OnBirthday:
		return o.said("born")
	case retention.OnDeath:
		return o.said("died")
	}
	if open && (t == retention.OnDischarge || t == retention.OnLastEncounter || t == retention.OnLastEntry || t == retention.OnLastUse) {
		return unknown
	}
	switch t {
	case retention.OnDischarge:
		return discharge
	case retention.OnLastEncounter:
		return encounter
	case retention.OnLastEntry:
		return raise(o.said("last_entry"), encounter)
	case retention.OnLastUse:
		use := max(o.said("last_use"), encounter)
		for _, k := range o.f.Known {
			if k.Source == record.SourceRetrieval && k.Name == "last_use" {
				use = raise(use, o.cal.lastDay(k.Date))
			}
		}
		return use
	}
	return o.said(record.FactName(t))
}

// clock is the last day a clock protects.
func (o *oracle) clock(r *retention.Rule, c retention.Clock) int {
	day := o.event(c.Trigger)
	if day == unknown {
		return unknown
	}
	if c.Trigger == retention.OnMajority {
		day = o.cal.anniversary(day, o.majority)
	}
	year := func(today, tomorrow record.Date) bool { return today.Year != tomorrow.Year }
	if c.Trigger == retention.OnCalendarYearEnd || r.CutOff == retention.EndOfCalendarYear {
		day = o.cal.endOf(day, year)
	}
	switch r.CutOff {
	case retention.EndOfMonth:
		day = o.cal.endOf(day, func(today, tomorrow record.Date) bool { return today.Month != tomorrow.Month })
	case retention.EndOfFiscalYear:
		day = o.cal.endOf(day, func(today, tomorrow record.Date) bool {
			return today.Month == o.s.FiscalEnd && tomorrow.Month != o.s.FiscalEnd
		})
	}
	return o.cal.anniversary(day, c.Years)
}

// minor reports whether the patient may have been a minor when the document
// was made: on the first day it may have been made, by the latest birth.
func (o *oracle) minor() bool {
	born := o.said("born")
	if born == unknown || o.d.Service.IsZero() {
		return true
	}
	return o.cal.anniversary(born, o.majority) > o.cal.firstDay(o.d.Service)
}

func (o *oracle) applies(r *retention.Rule) bool {
	covered := false
	for _, t := range r.Types {
		if t == "-"+o.d.Type {
			return false
		}
		covered = covered || t == "*" || t == o.d.Type
	}
	if !covered {
		return false
	}
	if !o.d.Service.IsZero() {
		if !r.From.IsZero() && o.cal.lastDay(o.d.Service) < o.cal.at[r.From] || !r.Until.IsZero() && o.cal.firstDay(o.d.Service) > o.cal.at[r.Until] {
			return false
		}
	}
	switch r.Population {
	case retention.Minors:
		return o.minor()
	case retention.Deceased:
		return o.said("died") != unknown
	case retention.Anyone, retention.Adults:
		return true
	}
	answer := ""
	for _, k := range o.f.Known {
		if string(k.Name) == string(r.Population) && k.Answer != "" {
			answer = k.Answer
		}
	}
	return answer != "no"
}

// protects reports whether a rule still protects on a day; known is false when
// that cannot be said.
func (o *oracle) protects(r *retention.Rule, today int) (yes, known bool) {
	if r.Permanent {
		return true, true
	}
	if r.Confidence == "low" && !r.Confirmed || r.Open {
		return true, false
	}
	run, seen := 0, 0
	for _, c := range r.Clocks {
		last := o.clock(r, c)
		if last == unknown {
			continue
		}
		seen++
		if today > last {
			run++
		}
	}
	if r.Combine == retention.AnyOf {
		yes, known = run == 0, seen > 0
	} else {
		yes, known = run < len(r.Clocks), seen == len(r.Clocks)
	}
	for _, c := range r.Floor {
		last := o.clock(r, c)
		known = known && last != unknown
		yes = yes || today <= last
	}
	return yes, known
}

// due reports whether the document may end on a day.
func (o *oracle) due(today int) bool {
	some := false
	for i := range o.s.Rules {
		r := &o.s.Rules[i]
		if !o.applies(r) {
			continue
		}
		some = true
		if yes, known := o.protects(r, today); yes || !known {
			return false
		}
	}
	if !o.d.KeepUntil.IsZero() && today <= o.cal.lastDay(o.d.KeepUntil) {
		return false
	}
	return some && !o.d.InQA
}

// TestOracle draws random charts and schedules and compares Decide with the
// second evaluator, on the due day, the days around it and others.
// CHARTVAULT_CHARTS is how many (make soak: a million).
func TestOracle(t *testing.T) {
	n := 6_000
	if s := os.Getenv("CHARTVAULT_CHARTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	cal := newCalendar()
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	var dues [64]int
	for w := range workers {
		wg.Go(func() {
			for seed := w; seed < n && !t.Failed(); seed += workers {
				if compareOne(t, cal, uint64(seed)) {
					dues[w%64]++
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, d := range dues {
		total += d
	}
	if total < n/20 {
		t.Errorf("only %d of %d charts ever become due: the draw proves little", total, n)
	}
	t.Logf("%d charts, %d of them become due, no difference", n, total)
}

func compareOne(t *testing.T, cal *calendar, seed uint64) (becomesDue bool) {
	r := rand.New(rand.NewPCG(seed, 2026))
	s, d, f := drawn(t, r)
	o := &oracle{cal: cal, s: s, d: d, f: f, majority: s.Majority}
	c := f.Resolve()
	some := s.Decide(d, c, nil, record.Date{Year: 2026, Month: 6, Day: 1})
	days := []int{r.IntN(len(cal.days)), cal.at[record.Date{Year: 2026, Month: 11, Day: 26}], len(cal.days) - 1}
	if i, ok := cal.at[some.Due]; ok {
		days = append(days, i-1, i, i+1)
	}
	for _, i := range days {
		got := s.Decide(d, c, nil, cal.days[i])
		if want := o.due(i); (got.Verdict == retention.Due) != want {
			t.Errorf("seed %d on %s: got %s, the second evaluator says due %v\nfacts %+v\nsubject %+v\n%q", seed, cal.days[i], got.Verdict, want, f, d, got.Explain().Reasons)
			return false
		}
	}
	return !some.Due.IsZero()
}

func drawDate(r *rand.Rand, from, to int) record.Date {
	d := record.Date{Year: from + r.IntN(to-from), Month: 1 + r.IntN(12), Day: 1 + r.IntN(28)}
	switch r.IntN(12) {
	case 0:
		d.Day = 0
	case 1:
		d.Month, d.Day = 0, 0
	case 2:
		d.Month, d.Day = 2, 29
		for d.Year%4 != 0 || d.Year == 1900 {
			d.Year++
		}
	case 3:
		d.Month, d.Day = []int{1, 6, 12}[r.IntN(3)], 30
	}
	return d
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// drawn draws a schedule, a document and the facts of its chart.
func drawn(t *testing.T, r *rand.Rand) (*retention.Schedule, retention.Subject, *retention.Facts) {
	text := fmt.Sprintf("format = 2\nversion = \"%d\"\nmajority = %d\nfiscal_year_end = %d\n", r.IntN(100), pick(r, 18, 19, 21), 1+r.IntN(12))
	for i := range 1 + r.IntN(4) {
		text += fmt.Sprintf("[[rule]]\nid = \"r%d\"\ncitation = \"c\"\ntypes = [%s]\npopulation = %q\nconfidence = %q\ncut_off = %q\n", i,
			pick(r, `"*"`, `"*"`, `"A"`, `"A", "B"`, `"*", "-A"`), pick(r, "any", "adult", "minor", "minor", "deceased", "employee"),
			pick(r, "high", "high", "high", "medium", "medium", "low"), pick(r, "none", "none", "none", "end_of_month", "end_of_calendar_year", "end_of_fiscal_year"))
		switch r.IntN(12) {
		case 0:
			text += "permanent = true\n"
			continue
		case 1, 2:
			text += fmt.Sprintf("any_of = [%s, %s]\n", drawClock(r), drawClock(r))
		case 3, 4:
			text += fmt.Sprintf("all_of = [%s, %s]\n", drawClock(r), drawClock(r))
		default:
			text += fmt.Sprintf("all_of = [%s]\n", drawClock(r))
		}
		if r.IntN(4) == 0 {
			text += fmt.Sprintf("floor = [%s]\n", drawClock(r))
		}
		if r.IntN(6) == 0 {
			text += fmt.Sprintf("%s = \"2%03d-06-15\"\n", pick(r, "from", "until"), r.IntN(20))
		}
	}
	s, err := retention.ParseSchedule(text, retention.None{})
	if err != nil {
		t.Errorf("%v in\n%s", err, text)
		return retention.Empty(), retention.Subject{}, &retention.Facts{}
	}
	d := retention.Subject{Type: pick(r, "A", "A", "B", "C"), InQA: r.IntN(20) == 0}
	if r.IntN(8) > 0 {
		d.Service = drawDate(r, 1970, 2020)
	}
	if r.IntN(12) == 0 {
		d.KeepUntil = record.Date{Year: 2015 + r.IntN(40), Month: 3, Day: 31}
	}
	return s, d, drawFacts(r)
}

func drawClock(r *rand.Rand) string {
	trigger := pick(r, "discharge", "discharge", "last_encounter", "last_encounter", "last_entry", "last_use", "service_date", "service_date", "record_created",
		"calendar_year_end", "majority", "birthday", "death", "employment_end", "case_closed", "document_last_effective", "event:transfer")
	return fmt.Sprintf("{ trigger = %q, years = %d }", trigger, 1+r.IntN(30))
}

func drawFacts(r *rand.Rand) *retention.Facts {
	f := &retention.Facts{}
	sources := []record.FactSource{record.SourcePatientList, record.SourcePatientList, record.SourceEncounters, record.SourceIndex, record.SourceCorrection}
	for _, name := range append(retention.FactNames(), "event:transfer") {
		for range r.IntN(3) {
			k := record.Fact{Name: name, Date: drawDate(r, 1970, 2020), Source: pick(r, sources...)}
			if name == record.FactBorn {
				k.Date = drawDate(r, 1930, 2015)
			}
			if k.Source == record.SourceCorrection && r.IntN(4) == 0 {
				k.Date = record.Date{}
			}
			if name == record.FactLastUse && r.IntN(2) == 0 {
				k.Source = record.SourceRetrieval
			}
			f.Known = append(f.Known, k)
		}
	}
	r.Shuffle(len(f.Known), func(i, j int) { f.Known[i], f.Known[j] = f.Known[j], f.Known[i] })
	if r.IntN(3) == 0 {
		f.Known = append(f.Known, record.Fact{Name: "employee", Answer: pick(r, record.Yes, record.No), Source: record.SourcePatientList})
	}
	for i := range max(0, r.IntN(5)-2) {
		e := record.Encounter{ID: fmt.Sprint(i), Begin: drawDate(r, 1970, 2020)}
		if r.IntN(12) > 0 {
			e.End = e.Begin
		}
		f.Encounters = append(f.Encounters, e)
	}
	if r.IntN(3) == 0 {
		f.LatestService = drawDate(r, 1970, 2020)
	}
	return f
}

// TestShortens: where a change is not said to shorten, nothing ends earlier by
// it; and what it leaves out of a schedule is always said.
func TestShortens(t *testing.T) {
	silent := 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 7))
		s, d, f := drawn(t, r)
		next := s
		if r.IntN(2) == 0 {
			next, _, _ = drawn(t, rand.New(rand.NewPCG(seed, 8)))
		} else {
			next = lengthened(t, s, r)
		}
		said := s.Shortens(next)
		if len(said) > 0 {
			continue
		}
		silent++
		c, day := f.Resolve(), date(t, "2026-11-26")
		was, would := s.Decide(d, c, nil, day), next.Decide(d, c, nil, day)
		if !would.Due.IsZero() && (was.Due.IsZero() || was.Due.After(would.Due)) {
			t.Fatalf("seed %d: it would end on %s instead of %q, and nothing is said\n%q\n%q", seed, would.Due, was.Due, was.Explain().Reasons, would.Explain().Reasons)
		}
	}
	if silent < 500 {
		t.Errorf("only %d changes were silent: the draw proves little", silent)
	}
}

// lengthened returns the schedule with longer periods and one rule more.
func lengthened(t *testing.T, s *retention.Schedule, r *rand.Rand) *retention.Schedule {
	t.Helper()
	next := *s
	next.Rules = nil
	for _, rule := range s.Rules {
		clocks := []retention.Clock{}
		for _, c := range rule.Clocks {
			clocks = append(clocks, retention.Clock{Trigger: c.Trigger, Years: c.Years + r.IntN(3)})
		}
		rule.Clocks = clocks
		next.Rules = append(next.Rules, rule)
	}
	if r.IntN(2) == 0 {
		next.Rules = append(next.Rules, retention.Rule{ID: "more", Types: []string{pick(r, "*", "A", "C")}, Population: retention.Anyone, Combine: retention.AllOf,
			Clocks: []retention.Clock{{Trigger: retention.OnServiceDate, Years: 3}}, Confidence: "high", Citation: "c", CutOff: retention.NoCutOff})
	}
	return restored(t, &next)
}
