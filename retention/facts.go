package retention

import (
	"slices"
	"strings"

	"chartvault/record"
)

// Facts are what is known of one chart, in the order it was learned.
type Facts struct {
	Known      []record.Fact
	Encounters []record.Encounter
	// LatestService is the latest date of service among the chart's documents:
	// evidence of an encounter that a list may not have yet.
	LatestService record.Date
}

// Event is a date and what stated it.
type Event struct {
	Date   record.Date       `json:"date,omitzero"` // zero when it is unknown
	Source record.FactSource `json:"source,omitempty"`
	Note   string            `json:"note,omitempty"` // why it is unknown, or was moved
}

// Known reports whether the event has a date.
func (e Event) Known() bool { return !e.Date.IsZero() }

// Chart is a chart's facts resolved to one date for each trigger. It is
// immutable and may decide about every document of the chart.
type Chart struct {
	Born, Died    Event
	Discharge     Event
	LastEncounter Event
	LastEntry     Event
	LastUse       Event
	encounters    []record.Encounter
	others        map[record.FactName]Event
	answers       map[record.FactName]string
}

// Resolve weighs facts against each other. The last word of each source counts,
// and a correction outweighs every source before it. Of what remains the
// latest date is used: it is the safe one.
func (f *Facts) Resolve() *Chart {
	c := &Chart{encounters: f.encounters()}
	var retrieved Event
	for i, k := range f.Known {
		switch {
		case k.Source == record.SourceRetrieval:
			retrieved = retrieved.later(Event{Date: k.Date, Source: k.Source})
		case !f.overruled(i):
			c.hear(k)
		}
	}
	last, open := c.lastStay()
	c.Discharge = c.Discharge.later(last)
	c.LastEncounter = c.LastEncounter.later(c.Discharge)
	for _, e := range c.encounters {
		c.LastEncounter = c.LastEncounter.later(Event{Date: e.Begin, Source: record.SourceEncounters})
	}
	evidence := Event{Date: f.LatestService, Source: record.SourceIndex, Note: "a document of the chart has this later date"}
	c.LastEncounter = c.LastEncounter.raised(evidence)
	c.Discharge = c.Discharge.raised(evidence)
	c.LastEntry = c.LastEntry.raised(c.LastEncounter)
	if c.LastUse = c.LastUse.later(c.LastEncounter).raised(retrieved); !c.LastUse.Known() && retrieved.Known() {
		// A retrieval alone does not say when the patient was last cared for.
		c.LastUse.Note = "the record was retrieved on " + retrieved.Date.String() + ", but the last encounter is unknown"
	}
	if open != nil {
		unknown := Event{Note: strings.TrimSpace("an encounter "+open.Begin.String()) + " has no end"}
		c.Discharge, c.LastEncounter, c.LastEntry, c.LastUse = unknown, unknown, unknown, unknown
	}
	return c
}

// overruled reports whether a later fact takes the place of fact i.
func (f *Facts) overruled(i int) bool {
	k := f.Known[i]
	return slices.ContainsFunc(f.Known[i+1:], func(l record.Fact) bool {
		return l.Name == k.Name && (l.Source == record.SourceCorrection || l.Source == k.Source)
	})
}

// encounters returns the encounters, the last word about each.
func (f *Facts) encounters() []record.Encounter {
	if len(f.Encounters) < 2 {
		return f.Encounters
	}
	at := map[string]int{}
	var out []record.Encounter
	for _, e := range f.Encounters {
		if i, ok := at[e.ID]; ok && e.ID != "" {
			out[i] = e
			continue
		}
		at[e.ID] = len(out)
		out = append(out, e)
	}
	return out
}

// hear takes one fact in.
func (c *Chart) hear(k record.Fact) {
	if k.Answer != "" {
		if c.answers == nil {
			c.answers = map[record.FactName]string{}
		}
		c.answers[k.Name] = k.Answer
		return
	}
	if e := c.named(k.Name); e != nil {
		*e = e.with(k)
		return
	}
	if c.others == nil {
		c.others = map[record.FactName]Event{}
	}
	c.others[k.Name] = c.others[k.Name].with(k)
}

// with weighs one more statement of the same fact.
func (e Event) with(k record.Fact) Event {
	said := Event{Date: k.Date, Source: k.Source}
	switch {
	case k.Source == record.SourceCorrection && said.Date.IsZero():
		return Event{Source: k.Source, Note: "a correction says that it is not known"}
	case e.Known() && said.Known() && e.Date != said.Date && (k.Name == record.FactBorn || k.Name == record.FactDied):
		e = e.later(said)
		e.Note = "sources disagree: the later date is used"
		return e
	}
	return e.later(said)
}

func (c *Chart) named(name record.FactName) *Event {
	switch name {
	case record.FactBorn:
		return &c.Born
	case record.FactDied:
		return &c.Died
	case record.FactDischarge:
		return &c.Discharge
	case record.FactLastEncounter:
		return &c.LastEncounter
	case record.FactLastEntry:
		return &c.LastEntry
	case record.FactLastUse:
		return &c.LastUse
	}
	return nil
}

// later returns the event with the later date.
func (e Event) later(o Event) Event {
	if o.Date.After(e.Date) {
		return o
	}
	return e
}

// raised moves a known event to a later date; an unknown one stays unknown.
func (e Event) raised(o Event) Event {
	if e.Known() && o.Date.After(e.Date) {
		return o
	}
	return e
}

// lastStay returns the last end of an encounter, and an encounter that has no
// end, if there is one.
func (c *Chart) lastStay() (last Event, open *record.Encounter) {
	for i, e := range c.encounters {
		if e.End.IsZero() {
			open = &c.encounters[i]
			continue
		}
		last = last.later(Event{Date: e.End, Source: record.SourceEncounters})
	}
	return last, open
}

// stay returns the end of the encounter a day belongs to; false when none or
// more than one could be meant.
func (c *Chart) stay(day record.Date) (Event, bool) {
	var found []record.Encounter
	for _, e := range c.encounters {
		if !day.IsZero() && !e.Begin.IsZero() && !day.Last().After(e.End) && e.Begin.First().Compare(day.First()) <= 0 {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return Event{}, false
	}
	return Event{Date: found[0].End, Source: record.SourceEncounters}, true
}

// answer is what a fact says of a population: "", record.Yes or record.No.
func (c *Chart) answer(p Population) string { return c.answers[record.FactName(p)] }

// other returns the event of a trigger that is a fact of its own.
func (c *Chart) other(t Trigger) Event { return c.others[record.FactName(t)] }

// FactNames returns the names a fact of a date may have, besides events.
func FactNames() []record.FactName {
	return []record.FactName{record.FactBorn, record.FactDied, record.FactDischarge, record.FactLastEncounter, record.FactLastEntry, record.FactLastUse,
		record.FactRecordCreated, record.FactEmploymentEnd, record.FactCaseClosed, record.FactDocumentLastEffective}
}

// ValidFact reports whether a fact of a date may have the name.
func ValidFact(name record.FactName) bool {
	event, ok := strings.CutPrefix(string(name), onEvent)
	return slices.Contains(FactNames(), name) || ok && plainWord(event)
}
