package retention

import (
	"maps"

	"chartvault/record"
)

// Union returns what is known of a person whose papers stand under several
// chart numbers: of each event the later date, because that is the safe one. An
// event that one chart knows to be open or unknown is unknown for the person;
// one that a chart merely says nothing about is what the others say. The charts
// are not changed.
func Union(charts ...*Chart) *Chart {
	if len(charts) == 1 {
		return charts[0]
	}
	out := &Chart{others: map[record.FactName]Event{}, answers: map[record.FactName]string{}}
	for _, c := range charts {
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
		for name, e := range c.others {
			out.others[name] = out.others[name].or(e)
		}
		for name, a := range c.answers {
			if was, said := out.answers[name]; said && was != a {
				a = "" // they contradict each other: it is not known
			}
			out.answers[name] = a
		}
	}
	maps.DeleteFunc(out.answers, func(_ record.FactName, a string) bool { return a == "" })
	return out
}

// or is what two charts of one person say of an event.
func (e Event) or(o Event) Event {
	switch {
	case !e.Known() && e.Note != "":
		return e
	case !o.Known() && o.Note != "":
		return o
	case e.Known() && o.Known() && e.Date != o.Date:
		out := e.later(o)
		out.Note = "the later of the dates under the person's chart numbers"
		return out
	}
	return e.later(o)
}
