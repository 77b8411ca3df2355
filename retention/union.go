package retention

import (
	"maps"
	"slices"

	"chartvault/record"
)

// Union returns what is known of a person whose papers stand under several
// chart numbers: of each event the later date, because that is the safe one. An
// event that any of the charts does not know is unknown for the person, so that
// the facts of one number never make the papers of another due. The charts are
// not changed.
func Union(charts ...*Chart) *Chart {
	if len(charts) == 1 {
		return charts[0]
	}
	first := charts[0]
	out := &Chart{Born: first.Born, Died: first.Died, Discharge: first.Discharge, LastEncounter: first.LastEncounter, LastEntry: first.LastEntry,
		LastUse: first.LastUse, encounters: slices.Clone(first.encounters), others: maps.Clone(first.others), answers: maps.Clone(first.answers)}
	for _, c := range charts[1:] {
		for _, p := range []struct {
			to   *Event
			from Event
		}{
			{&out.Born, c.Born}, {&out.Died, c.Died}, {&out.Discharge, c.Discharge}, {&out.LastEncounter, c.LastEncounter},
			{&out.LastEntry, c.LastEntry}, {&out.LastUse, c.LastUse},
		} {
			*p.to = p.to.or(p.from)
		}
		out.encounters = append(out.encounters, c.encounters...)
		for name, e := range out.others {
			out.others[name] = e.or(c.others[name])
		}
		// What they do not agree on is not known.
		maps.DeleteFunc(out.answers, func(name record.FactName, a string) bool { return c.answers[name] != a })
	}
	return out
}

// or is what two charts of one person say of an event.
func (e Event) or(o Event) Event {
	switch {
	case !e.Known() && e.Note != "":
		return e
	case !o.Known() && o.Note != "":
		return o
	case !e.Known() && !o.Known():
		return e
	case !e.Known() || !o.Known():
		return Event{Note: "it is not known under every chart number of the person"}
	case e.Date != o.Date:
		out := e.later(o)
		out.Note = "the later of the dates under the person's chart numbers"
		return out
	}
	return e
}
