package retention

import (
	"fmt"

	"chartvault/record"
)

// Subject is a document as far as retention is concerned.
type Subject struct {
	Document    record.ID
	Type        string
	ServiceDate record.Date // zero when unknown
	InQA        bool        // undecided documents are never due
}

// Facts are what is known of the patient; zero dates are unknown.
type Facts struct {
	Born          record.Date
	LastEncounter record.Date
	Died          record.Date
}

// Verdict is the outcome of a decision.
type Verdict string

// Verdicts.
const (
	Keep       Verdict = "keep"       // the last deadline has not passed
	Due        Verdict = "due"        // it has
	Held       Verdict = "held"       // it may have, and a hold forbids the end
	Unresolved Verdict = "unresolved" // something is unknown: never due until it is known
	Forever    Verdict = "permanent"
)

// Decision is a verdict and the chain of rules, facts and arithmetic behind it.
type Decision struct {
	Document record.ID   `json:"document"`
	Verdict  Verdict     `json:"verdict"`
	Due      record.Date `json:"due"` // first day of destruction; zero unless all clocks are known
	Rules    []string    `json:"rules"`
	Reasons  []string    `json:"reasons"` // plain sentences, in the order they were found; no name, no number
}

func (d *Decision) because(format string, args ...any) {
	d.Reasons = append(d.Reasons, fmt.Sprintf(format, args...))
}

// Decide says whether a document may end on the given day. It is pure: equal
// arguments give equal decisions.
func (s *Schedule) Decide(d Subject, f Facts, holds []record.Hold, today record.Date) Decision {
	out := Decision{Document: d.Document, Verdict: Keep}
	unknown, permanent := false, false
	var last record.Date
	minor := s.minority(d, f, &out)
	for _, r := range s.Rules {
		if !r.covers(d.Type) || !applies(r, minor, f) {
			continue
		}
		out.Rules = append(out.Rules, r.ID)
		if r.Trigger == Permanent {
			permanent = true
			out.because("%s: kept for ever (%s)", r.ID, r.Citation)
			continue
		}
		if r.Confidence == "low" && !r.Confirmed {
			unknown = true
			out.because("%s: its source is of low confidence and nobody has confirmed it (%s)", r.ID, r.Citation)
			continue
		}
		deadline, why := s.deadline(r, d, f)
		out.because("%s: %s (%s)", r.ID, why, r.Citation)
		if deadline.IsZero() {
			unknown = true
			continue
		}
		if deadline.After(last) {
			last = deadline
		}
	}
	s.conclude(&out, last, unknown || d.InQA, permanent, today)
	if d.InQA {
		out.because("it waits in QA: what it is has not been decided")
	}
	for _, h := range holds {
		if h.Active() {
			out.because("hold %s", h.ID)
			if out.Verdict == Due {
				out.Verdict = Held
			}
		}
	}
	return out
}

func (s *Schedule) conclude(out *Decision, last record.Date, unknown, permanent bool, today record.Date) {
	switch {
	case permanent:
		out.Verdict = Forever
	case len(out.Rules) == 0:
		out.Verdict = Unresolved
		out.because("no rule of schedule %q covers it: it is kept", s.Version)
	case unknown:
		out.Verdict = Unresolved
	default:
		// A document may end the day after its last deadline.
		out.Due = last.AddDays(1)
		if out.Due.After(today) {
			out.because("the last deadline is %s: it may end from %s on", last, out.Due)
			return
		}
		out.Verdict = Due
		out.because("the last deadline was %s", last)
	}
}

// status is whether a document was made while the patient was a minor.
type status int

const (
	adult status = iota
	child
	either // unknown: the rules for both apply
)

func (s *Schedule) minority(d Subject, f Facts, out *Decision) status {
	if f.Born.IsZero() {
		return either
	}
	made := d.ServiceDate
	if made.IsZero() {
		// Made at some time up to the last encounter, which may be long after
		// an early visit as a child.
		return either
	}
	if s.comesOfAge(f).After(made) {
		out.because("made on %s while the patient was a minor", made)
		return child
	}
	return adult
}

// comesOfAge is the day of majority: the later of two readings for those born
// on 29 February.
func (s *Schedule) comesOfAge(f Facts) record.Date { return f.Born.AddYears(s.Majority) }

func applies(r Rule, minor status, f Facts) bool {
	switch r.Population {
	case Adults:
		// The adult clock runs for minors too: a patient of 17 under "majority
		// and two years" would otherwise expire before an adult.
		return true
	case Minors:
		return minor != adult
	case Deceased:
		return !f.Died.IsZero()
	}
	return true
}

// deadline is the last day a rule protects; zero when its trigger is unknown.
func (s *Schedule) deadline(r Rule, d Subject, f Facts) (record.Date, string) {
	from, name := record.Date{}, ""
	switch r.Trigger {
	case OnLastEncounter:
		from, name = f.LastEncounter, "the last encounter"
	case OnServiceDate:
		from, name = d.ServiceDate, "the date of service"
	case OnMajority:
		if !f.Born.IsZero() {
			from = s.comesOfAge(f)
		}
		name = fmt.Sprintf("majority at %d", s.Majority)
	case OnBirthday:
		from, name = f.Born, "birth"
	case OnDeath:
		from, name = f.Died, "death"
	}
	if from.IsZero() {
		return record.Date{}, name + " is unknown, so it is never due"
	}
	end := from.AddYears(r.Years)
	return end, fmt.Sprintf("%s on %s and %d years make %s", name, from.Last(), r.Years, end)
}
