package retention

import (
	"fmt"
	"slices"

	"chartvault/record"
)

// Shortens says in what ways next might let something end earlier than s does,
// or with less protection. None means that whatever s keeps, next keeps at
// least as long: such a change may take effect at once; any other takes two
// people. What cannot be shown to keep as long is said to shorten.
func (s *Schedule) Shortens(next *Schedule) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if next.Majority < s.Majority {
		say("majority falls from %d to %d", s.Majority, next.Majority)
	}
	if s.Unit == UnitChart && next.Unit == UnitEncounter {
		say("a new stay no longer restarts the whole chart")
	}
	for _, z := range s.Zones {
		if len(s.Rules) > 0 && !slices.Contains(next.Zones, z) {
			say("the day is no longer waited for in zone %s", z)
		}
	}
	for i := range s.Rules {
		old := &s.Rules[i]
		now := next.Rule(old.ID)
		if now == nil {
			say("rule %s is no longer there", old.ID)
			continue
		}
		for _, w := range s.weakens(next, old, now) {
			say("rule %s: %s", old.ID, w)
		}
	}
	for i := range next.Rules {
		if now := &next.Rules[i]; s.Rule(now.ID) == nil && !s.coversAll(now) {
			say("rule %s gives a period to documents that none was given before", now.ID)
		}
	}
	for _, act := range s.TwoPeople {
		if !slices.Contains(next.TwoPeople, act) {
			say("a %s no longer takes two people", act)
		}
	}
	for _, a := range next.Automations {
		if !slices.Contains(s.Automations, a) {
			say("automation %s is new or changed", a.Name)
		}
	}
	return out
}

// coversAll reports whether every document a new rule covers is under a rule
// for everybody already, so that the new one can only lengthen.
func (s *Schedule) coversAll(now *Rule) bool {
	for _, t := range now.Types {
		if len(t) > 0 && t[0] == '-' {
			continue
		}
		probe := t
		if t == "*" {
			probe = ""
		}
		ok := false
		for i := range s.Rules {
			r := &s.Rules[i]
			everybody := (r.Population == Anyone || r.Population == Adults) && r.From.IsZero() && r.Until.IsZero()
			wide := slices.Contains(r.Types, "*") && !hasMinus(r.Types) || probe != "" && r.Covers(probe)
			ok = ok || everybody && wide
		}
		if !ok {
			return false
		}
	}
	return true
}

func hasMinus(types []string) bool {
	return slices.ContainsFunc(types, func(t string) bool { return t[0] == '-' })
}

// weakens compares a rule with its next form.
func (s *Schedule) weakens(next *Schedule, old, now *Rule) []string {
	var out []string
	say := func(bad bool, text string) {
		if bad {
			out = append(out, text)
		}
	}
	say(!slices.Equal(old.Types, now.Types) && !widerTypes(old.Types, now.Types), "it covers fewer document types")
	say(old.Population != now.Population && now.Population != Anyone && (old.Population == Anyone || now.Population != Adults), "it is for other patients")
	say(old.Permanent && !now.Permanent, "it is no longer permanent")
	say(laterFrom(old.From, now.From) || earlierUntil(old.Until, now.Until), "it is for fewer records")
	say(cutOffRank(now.CutOff) < cutOffRank(old.CutOff) || old.CutOff == EndOfFiscalYear && (now.CutOff != old.CutOff || s.FiscalEnd != next.FiscalEnd),
		"its cut-off is earlier")
	say(old.Open && !now.Open, "the site sets its period")
	say(unconfirmed(old) && !unconfirmed(now), "it is confirmed: until now it made nothing due")
	say(old.ReduceTo != "" && now.ReduceTo != old.ReduceTo, "no core need remain any more")
	say(old.ReduceTo != "" && now.ReduceTo == old.ReduceTo && !slices.Equal(s.Types[old.ReduceTo], next.Types[old.ReduceTo]), "the core is made up of other types")
	say(lessNotice(old.Notice, now.Notice), "less notice is given")
	if !now.Permanent && !old.Permanent {
		say(shorterClocks(old, now), "its period is shorter, or cannot be compared")
		say(!containsAll(old.Floor, now.Floor), "its floor is lower")
	}
	return out
}

func unconfirmed(r *Rule) bool { return r.Confidence == "low" && !r.Confirmed && !r.Permanent }

func laterFrom(old, now record.Date) bool { return now.After(old) }
func earlierUntil(old, now record.Date) bool {
	return !now.IsZero() && (old.IsZero() || old.After(now))
}

func lessNotice(old, now *Notice) bool {
	switch {
	case old == nil:
		return false
	case now == nil:
		return true
	}
	return now.LeadDays < old.LeadDays || now.Audience != old.Audience || now.Method != old.Method || now.Class != old.Class && now.Class != ""
}

func cutOffRank(c CutOff) int {
	return map[CutOff]int{EndOfMonth: 1, EndOfCalendarYear: 2, EndOfFiscalYear: 1}[c]
}

func widerTypes(old, now []string) bool {
	if hasMinus(now) {
		return false
	}
	if slices.Contains(now, "*") {
		return true
	}
	return !slices.ContainsFunc(old, func(t string) bool { return t[0] != '-' && !slices.Contains(now, t) })
}

// shorterClocks reports whether now may run out before old.
func shorterClocks(old, now *Rule) bool {
	if old.Combine == AnyOf {
		// One clock is enough: every clock of now must be at least one of old's,
		// or all of them must run out and one of old's be among them.
		if now.Combine == AnyOf {
			return slices.ContainsFunc(now.Clocks, func(c Clock) bool { return !atLeastOne(old.Clocks, c) })
		}
		return !slices.ContainsFunc(now.Clocks, func(c Clock) bool { return atLeastOne(old.Clocks, c) })
	}
	if now.Combine == AnyOf && len(now.Clocks) > 1 {
		return true
	}
	return !containsAll(old.Clocks, now.Clocks)
}

// atLeastOne reports whether c runs at least as long as one of cs.
func atLeastOne(cs []Clock, c Clock) bool {
	return slices.ContainsFunc(cs, func(o Clock) bool { return o.Trigger == c.Trigger && c.Years >= o.Years })
}

// containsAll reports whether every clock of old has one in now that runs at
// least as long from the same event.
func containsAll(old, now []Clock) bool {
	return !slices.ContainsFunc(old, func(o Clock) bool {
		return !slices.ContainsFunc(now, func(c Clock) bool { return c.Trigger == o.Trigger && c.Years >= o.Years })
	})
}
