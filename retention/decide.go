package retention

import (
	"slices"

	"chartvault/record"
)

// Subject is a document as far as retention is concerned.
type Subject struct {
	Document  record.ID
	Batch     record.ID
	Chart     string // an opaque token; "" while no chart is known
	Type      string
	Service   record.Date // zero when unknown
	Pages     int
	Bytes     int64       // of the sealed package
	InQA      bool        // undecided documents are never due
	KeepUntil record.Date // people extended its retention to this day; zero for none
}

// Verdict is the outcome of a decision.
type Verdict string

// Verdicts.
const (
	Keep       Verdict = "keep"       // the last deadline has not passed
	Due        Verdict = "due"        // it has
	Held       Verdict = "held"       // it has, and a hold forbids the end
	Unresolved Verdict = "unresolved" // something is unknown: never due until it is known
	Forever    Verdict = "permanent"
)

// Action is what happens to what is due.
type Action string

// Actions.
const (
	Destroy      Action = "destroy"
	ReduceToCore Action = "reduce_to_core" // destroyed only while the core of the chart remains
	Transfer     Action = "transfer"       // exported to another keeper, then destroyed
)

// Decision is a verdict and the chain of rules, facts and arithmetic behind it.
type Decision struct {
	Document record.ID   `json:"document"`
	Type     string      `json:"type"`
	Verdict  Verdict     `json:"verdict"`
	Action   Action      `json:"action"`
	Class    string      `json:"class,omitempty"` // the record class of the rule that keeps it longest
	Due      record.Date `json:"due,omitzero"`    // first day of destruction; zero unless every clock is known
	On       record.Date `json:"on"`              // the day it was decided for
	Schedule string      `json:"schedule"`        // the version
	Rules    []string    `json:"rules"`           // that apply
	Core     string      `json:"core,omitempty"`  // the record class that must remain
	Notices  []NoticeDue `json:"notices,omitempty"`
	Holds    []record.ID `json:"holds,omitempty"`
	Steps    []Step      `json:"steps"`
	InQA     bool        `json:"in_qa,omitempty"`
	Extended record.Date `json:"extended_to,omitzero"`
	Reasons  []string    `json:"reasons,omitempty"` // the same in sentences; see Explain
}

// NoticeDue is a notice that must be on file before the destruction.
type NoticeDue struct {
	Rule string `json:"rule"`
	Notice
}

// Step is what one rule made of the facts.
type Step struct {
	Rule        string      `json:"rule"`
	Citation    string      `json:"citation"`
	Applies     bool        `json:"applies"`
	Why         string      `json:"why,omitempty"` // it applies or not
	Combine     Combine     `json:"combine,omitempty"`
	Clocks      []ClockStep `json:"clocks,omitempty"`
	Floor       []ClockStep `json:"floor,omitempty"`
	Permanent   bool        `json:"permanent,omitempty"`
	Unconfirmed bool        `json:"unconfirmed,omitempty"` // low confidence, and nobody answers for it
	Open        bool        `json:"open,omitempty"`        // the site has not set its period
	Deadline    record.Date `json:"deadline,omitzero"`     // the last day it protects; zero when unknown or permanent
}

// ClockStep is the arithmetic of one clock.
type ClockStep struct {
	Clock
	Event
	Counted  record.Date `json:"counted,omitzero"` // the day the years are counted from: majority, cut-off
	Deadline record.Date `json:"deadline,omitzero"`
}

// Decide says whether a document may end on the given day. It is pure: equal
// arguments give equal decisions. holds are those that bind the document.
//
// Every rule that applies is a requirement and the longest wins. What is
// unknown is never due. A document may end the day after its last deadline.
func (s *Schedule) Decide(d Subject, c *Chart, holds []record.Hold, today record.Date) Decision {
	covering := s.covering(d.Type)
	out := Decision{Document: d.Document, Type: d.Type, Verdict: Keep, Action: Destroy, On: today, Schedule: s.Version,
		InQA: d.InQA, Extended: d.KeepUntil, Steps: make([]Step, 0, len(covering))}
	minor := s.minority(d, c)
	unknown, permanent := false, false
	var last record.Date
	for _, i := range covering {
		r := &s.Rules[i]
		st := Step{Rule: r.ID, Citation: r.Citation}
		if st.Applies, st.Why = s.applies(r, d, c, minor); st.Applies {
			s.measure(&st, r, d, c)
			out.Rules = append(out.Rules, r.ID)
			s.oblige(&out, r, d.Type)
		}
		out.Steps = append(out.Steps, st)
		switch {
		case !st.Applies:
		case st.Permanent:
			permanent, out.Class = true, r.Class
		case st.Deadline.IsZero():
			unknown = true
		case st.Deadline.After(last):
			last = st.Deadline
			if !permanent {
				out.Class = r.Class
			}
		}
	}
	if d.KeepUntil.After(last) && !last.IsZero() {
		last = d.KeepUntil
	}
	switch {
	case permanent:
		out.Verdict = Forever
	case last.IsZero() || unknown || d.InQA:
		out.Verdict = Unresolved
	default:
		out.Due = last.AddDays(1)
		if !out.Due.After(today) {
			out.Verdict = Due
		}
	}
	for _, h := range holds {
		out.Holds = append(out.Holds, h.ID)
	}
	if out.Verdict == Due && len(holds) > 0 {
		out.Verdict = Held
	}
	return out
}

// oblige notes what a rule asks for besides time.
func (s *Schedule) oblige(out *Decision, r *Rule, typ string) {
	if r.ReduceTo != "" && !s.InClass(r.ReduceTo, typ) {
		out.Action, out.Core = ReduceToCore, r.ReduceTo
	}
	if n := r.Notice; n != nil && (n.Class == "" || s.InClass(n.Class, typ)) {
		out.Notices = append(out.Notices, NoticeDue{r.ID, *n})
	}
}

// CoreOver reports whether the core of a document's chart need not be kept any
// more either: a document of any type of the record class, made on the same
// day, would be due.
func (s *Schedule) CoreOver(class string, d Subject, c *Chart, today record.Date) bool {
	over := false
	for _, t := range s.Types[class] {
		d.Type = t
		if s.Decide(d, c, nil, today).Verdict != Due {
			return false
		}
		over = true
	}
	return over
}

// status is whether a document was made while the patient was a minor.
type status int

const (
	adult status = iota
	child
	either // unknown: the rules for both apply
)

// minority compares the date of service with the day the patient came of age.
// Where either is known only roughly, both may be true.
func (s *Schedule) minority(d Subject, c *Chart) status {
	if !c.Born.Known() || d.Service.IsZero() {
		return either
	}
	first, last := c.Born.Date.First().AddYears(s.Majority), c.Born.Date.Last().AddYears(s.Majority)
	switch {
	case !last.After(d.Service.First()):
		return adult
	case first.After(d.Service.Last()):
		return child
	}
	return either
}

// applies says whether a rule is for the document, and why.
func (s *Schedule) applies(r *Rule, d Subject, c *Chart, minor status) (bool, string) {
	if !d.Service.IsZero() {
		if !r.From.IsZero() && r.From.After(d.Service.Last()) {
			return false, "it is for records made from " + r.From.String() + " on"
		}
		if !r.Until.IsZero() && d.Service.First().After(r.Until) {
			return false, "it is for records made until " + r.Until.String()
		}
	}
	switch r.Population {
	case Anyone, Adults:
		// The adult clock runs for minors too: a patient of 17 under "majority
		// and two years" would otherwise expire before an adult.
		return true, ""
	case Minors:
		return minor != adult, whyMinor(minor)
	case Deceased:
		if c.Died.Known() {
			return true, "the patient died on " + c.Died.Date.String()
		}
		return false, "the patient is not known to have died"
	case SeventeenAtEnd:
		return seventeen(c)
	}
	if c.answer(r.Population) == record.No {
		return false, "a fact says that it is not for this chart"
	}
	return true, "no fact says that it is not for this chart"
}

func whyMinor(m status) string {
	switch m {
	case adult:
		return "the patient was of age on the date of service"
	case child:
		return "the patient was a minor on the date of service"
	}
	return "it is not known that the patient was of age on the date of service"
}

// seventeen reports whether the patient may have been 17 when treatment ended.
func seventeen(c *Chart) (bool, string) {
	if !c.Born.Known() || !c.LastEncounter.Known() {
		return true, "the patient's age at the end of treatment is not known"
	}
	from, to := c.Born.Date.First().AddYears(17), c.Born.Date.Last().AddYears(18)
	end := c.LastEncounter.Date
	if from.After(end.Last()) || !to.After(end.First()) {
		return false, "the patient was not 17 at the end of treatment"
	}
	return true, "the patient was 17 at the end of treatment"
}

// measure finds the last day a rule protects.
func (s *Schedule) measure(st *Step, r *Rule, d Subject, c *Chart) {
	st.Combine = r.Combine
	if st.Permanent = r.Permanent; st.Permanent {
		return
	}
	st.Open, st.Unconfirmed = r.Open, r.Confidence == "low" && !r.Confirmed
	st.Clocks, st.Floor = s.run(r, r.Clocks, d, c), s.run(r, r.Floor, d, c)
	if st.Open || st.Unconfirmed {
		return
	}
	deadline := combined(r.Combine, st.Clocks)
	floor := combined(AllOf, st.Floor)
	if deadline.IsZero() || len(st.Floor) > 0 && floor.IsZero() {
		return
	}
	if floor.After(deadline) {
		deadline = floor
	}
	st.Deadline = deadline
}

// combined returns the deadline of several clocks; zero when it is unknown. Of
// all_of none may be unknown. Of any_of one known clock is enough: the earliest
// of all can only be earlier still.
func combined(how Combine, cs []ClockStep) record.Date {
	var out record.Date
	for _, c := range cs {
		known := !c.Deadline.IsZero()
		switch {
		case how == AnyOf && known && (out.IsZero() || out.After(c.Deadline)):
			out = c.Deadline
		case how != AnyOf && !known:
			return record.Date{}
		case how != AnyOf && c.Deadline.After(out):
			out = c.Deadline
		}
	}
	return out
}

// run runs clocks of a rule.
func (s *Schedule) run(r *Rule, clocks []Clock, d Subject, c *Chart) []ClockStep {
	if len(clocks) == 0 {
		return nil
	}
	out := make([]ClockStep, len(clocks))
	for i, cl := range clocks {
		e := s.event(cl.Trigger, d, c)
		out[i] = ClockStep{Clock: cl, Event: e}
		if !e.Known() {
			continue
		}
		from := e.Date.Last()
		if cl.Trigger == OnMajority {
			from = from.AddYears(s.Majority)
		}
		from = s.cutOff(r.CutOff, cl.Trigger, from)
		out[i].Counted = from
		out[i].Deadline = from.AddYears(cl.Years)
	}
	return out
}

// cutOff moves a day to the end of its period; never to an earlier day.
func (s *Schedule) cutOff(c CutOff, t Trigger, day record.Date) record.Date {
	switch {
	case c == EndOfCalendarYear || t == OnCalendarYearEnd && c != EndOfFiscalYear:
		return day.EndOfYear(12)
	case c == EndOfFiscalYear:
		if t == OnCalendarYearEnd {
			day = day.EndOfYear(12)
		}
		return day.EndOfYear(s.FiscalEnd)
	case c == EndOfMonth:
		return day.EndOfMonth()
	}
	return day
}

// event finds the date of a trigger.
func (s *Schedule) event(t Trigger, d Subject, c *Chart) Event {
	switch t {
	case OnServiceDate, OnCalendarYearEnd:
		return Event{Date: d.Service, Source: record.SourceIndex}
	case OnRecordCreated:
		if e := c.other(t); e.Known() {
			return e.later(Event{Date: d.Service, Source: record.SourceIndex})
		}
		return Event{Date: d.Service, Source: record.SourceIndex}
	case OnMajority, OnBirthday:
		return c.Born
	case OnDeath:
		return c.Died
	case OnDischarge:
		return s.ofUnit(c.Discharge, d, c)
	case OnLastEncounter:
		return s.ofUnit(c.LastEncounter, d, c)
	case OnLastEntry:
		return c.LastEntry
	case OnLastUse:
		return c.LastUse
	}
	return c.other(t)
}

// ofUnit narrows an event of the chart to the stay a document belongs to,
// where the schedule's unit is the encounter and the stay is certain.
func (s *Schedule) ofUnit(chart Event, d Subject, c *Chart) Event {
	if s.Unit != UnitEncounter {
		return chart
	}
	if e, ok := c.stay(d.Service); ok {
		return e
	}
	return chart
}

// Applicable returns the steps of rules that apply.
func (d *Decision) Applicable() []Step {
	return slices.DeleteFunc(slices.Clone(d.Steps), func(st Step) bool { return !st.Applies })
}
