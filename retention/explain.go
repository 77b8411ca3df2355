package retention

import (
	"fmt"
	"slices"
	"strings"

	"chartvault/record"
)

// Explain fills Reasons: one sentence for every rule, with the facts and the
// arithmetic, then the conclusion. The sentences name no patient and no number.
func (d *Decision) Explain() *Decision {
	d.Reasons = nil
	for _, st := range d.Steps {
		d.because("%s", st.sentence())
	}
	if len(d.Rules) == 0 {
		d.because("no rule of schedule %q covers it: it is kept", d.Schedule)
	}
	if !d.Extended.IsZero() {
		d.because("people extended its retention to %s", d.Extended)
	}
	if d.InQA {
		d.because("it waits in QA: what it is has not been decided")
	}
	switch {
	case d.Verdict == Forever:
		d.because("it is kept for ever")
	case d.Due.IsZero():
		d.because("it is never due until everything is known")
	case d.Due.After(d.On):
		d.because("the last deadline is %s: it may end from %s on", d.Due.AddDays(-1), d.Due)
	default:
		d.because("the last deadline was %s: it may end from %s on", d.Due.AddDays(-1), d.Due)
	}
	if d.Core != "" && !d.Due.IsZero() {
		d.because("of its chart, %s must remain when it goes", d.Core)
	}
	for _, n := range d.Notices {
		d.because("%s asks for a notice first: %s, %s, %d days before (%s)", n.Rule, n.Audience, n.Method, n.LeadDays, n.Citation)
	}
	for _, h := range d.Holds {
		d.because("hold %s forbids its end", h)
	}
	return d
}

func (d *Decision) because(format string, args ...any) {
	d.Reasons = append(d.Reasons, fmt.Sprintf(format, args...))
}

// sentence says what a rule made of the facts.
func (st Step) sentence() string {
	head := st.Rule
	if !st.Applies {
		return fmt.Sprintf("%s does not apply: %s (%s)", head, st.Why, st.Citation)
	}
	if st.Why != "" {
		head += ": " + st.Why
	}
	switch {
	case st.Permanent:
		return fmt.Sprintf("%s: kept for ever (%s)", head, st.Citation)
	case st.Open:
		return fmt.Sprintf("%s: its law leaves the period to the site, which has not set it (%s)", head, st.Citation)
	case st.Unconfirmed:
		return fmt.Sprintf("%s: its source is of low confidence and nobody has confirmed it (%s)", head, st.Citation)
	}
	parts := make([]string, len(st.Clocks))
	for i, c := range st.Clocks {
		parts[i] = c.sentence()
	}
	text := strings.Join(parts, "; ")
	if len(parts) > 1 {
		text = map[Combine]string{AnyOf: "the earliest of: ", AllOf: "the latest of: "}[st.Combine] + text
	}
	for _, f := range st.Floor {
		text += "; never before: " + f.sentence()
	}
	return fmt.Sprintf("%s: %s (%s)", head, text, st.Citation)
}

// sentence says the arithmetic of a clock.
func (c ClockStep) sentence() string {
	name := triggerWords(c.Trigger)
	if !c.Known() {
		return strings.TrimSuffix(fmt.Sprintf("%s is unknown, so it is never due: %s", name, c.Note), ": ")
	}
	text := fmt.Sprintf("%s on %s", name, c.Date.Last())
	if c.Date.Partial() {
		text = fmt.Sprintf("%s in %s, so %s at the latest,", name, c.Date, c.Date.Last())
	}
	switch {
	case c.Trigger == OnMajority:
		text = fmt.Sprintf("born on %s, of age on %s", c.Date.Last(), c.Counted)
	case c.Counted.Compare(c.Date) != 0:
		text += fmt.Sprintf(", counted from %s,", c.Counted)
	}
	text += fmt.Sprintf(" and %d years make %s", c.Years, c.Deadline)
	var asides []string
	if c.Source != "" && c.Source != record.SourceIndex {
		asides = append(asides, "from "+sourceWords(c.Source))
	}
	if c.Note != "" {
		asides = append(asides, c.Note)
	}
	if len(asides) > 0 {
		text += ", " + strings.Join(asides, ", ")
	}
	return text
}

func sourceWords(s record.FactSource) string {
	if slices.Contains([]record.FactSource{record.SourceRetrieval, record.SourceCorrection}, s) {
		return "a " + string(s)
	}
	return "the " + string(s)
}

// triggerWords names a trigger as a sentence does.
func triggerWords(t Trigger) string {
	switch t {
	case OnMajority:
		return "the date of birth, and so majority,"
	case OnBirthday:
		return "birth"
	case OnDischarge:
		return "the most recent discharge"
	case OnLastEncounter:
		return "the last encounter"
	case OnLastEntry:
		return "the last entry in the record"
	case OnLastUse:
		return "the last use of the record for care"
	case OnServiceDate:
		return "the date of service"
	case OnRecordCreated:
		return "the making of the record"
	case OnCalendarYearEnd:
		return "the date of service"
	case OnDeath:
		return "death"
	case OnEmploymentEnd:
		return "the end of employment"
	case OnCaseClosed:
		return "the closing of the case"
	case OnDocumentLastEffective:
		return "the last effective date of the document"
	}
	return "the event " + strings.ReplaceAll(strings.TrimPrefix(string(t), onEvent), "_", " ")
}

// Period says a rule's requirement in a sentence.
func (r *Rule) Period() string {
	if r.Permanent {
		return fmt.Sprintf("%s of %s patients: for ever", r.Class, r.Population)
	}
	parts := make([]string, len(r.Clocks))
	for i, c := range r.Clocks {
		parts[i] = fmt.Sprintf("%d years after %s", c.Years, strings.TrimSuffix(triggerWords(c.Trigger), ", and so majority,"))
		if c.Trigger == OnMajority {
			parts[i] = fmt.Sprintf("%d years after majority", c.Years)
		}
		if r.Open {
			parts[i] = "a period the site sets after " + triggerWords(c.Trigger)
		}
	}
	how := ""
	if len(parts) > 1 {
		how = map[Combine]string{AnyOf: "the earlier of ", AllOf: "the later of "}[r.Combine]
	}
	text := fmt.Sprintf("%s of %s patients: %s%s", r.Class, r.Population, how, strings.Join(parts, " and "))
	if r.ReduceTo != "" {
		text += ", and then only while " + r.ReduceTo + " remains"
	}
	if r.Notice != nil {
		text += fmt.Sprintf("; notice first: %s, %s, %d days", r.Notice.Audience, r.Notice.Method, r.Notice.LeadDays)
	}
	return text
}
