package retention_test

import (
	"strings"
	"testing"

	"chartvault/record"
	"chartvault/retention"
)

// TestWeighing: what the resolved facts say, and why.
func TestWeighing(t *testing.T) {
	const seventeen = plain + "population = \"minor_17_at_end\"\ntrigger = \"service_date\"\nyears = 5"
	tests := []struct{ name, rules, facts, want string }{
		{"the earlier of two, said so", plain + `any_of = [{ trigger = "discharge", years = 5 }, { trigger = "death", years = 2 }]`, "discharge=2001-01-01", "the earliest of: the most recent discharge"},
		{"the later of two, said so", plain + `all_of = [{ trigger = "discharge", years = 5 }, { trigger = "death", years = 2 }]`, "discharge=2001-01-01", "the latest of: the most recent discharge"},
		{"a retrieval alone", plain + "trigger = \"last_use\"\nyears = 5", "retrieved:last_use=2001-01-01", "the record was retrieved on 2001-01-01, but the last encounter is unknown"},
		{"no use at all", plain + "trigger = \"last_use\"\nyears = 5", "service=2001-01-01", "is unknown, so it is never due ("},
		{"a use that is known", plain + "trigger = \"last_use\"\nyears = 5", "last_use=2001-01-01", "2001-01-01 and 5 years make 2006-01-01, from the patient list ("},
		{"sources disagree on birth", plain + "trigger = \"birthday\"\nyears = 5", "born=1990-01-01 index:born=1991-02-02", "1996-02-02, sources disagree: the later date is used ("},
		{"sources disagree on death", plain + "trigger = \"death\"\nyears = 5", "died=1990-01-01 index:died=1991-02-02", "sources disagree"},
		{"sources agree on birth", plain + "trigger = \"birthday\"\nyears = 5", "born=1990-01-01 index:born=1990-01-01", "1995-01-01, from the patient list ("},
		{"several discharges are no disagreement", plain + "trigger = \"discharge\"\nyears = 5", "discharge=1990-01-01 index:discharge=1991-02-02", "and 5 years make 1996-02-02 ("},
		{"corrected to unknown", plain + "trigger = \"discharge\"\nyears = 5", "discharge=1990-01-01 corrected:discharge=", "never due: a correction says that it is not known"},
		{"corrected", plain + "trigger = \"discharge\"\nyears = 5", "discharge=1990-01-01 corrected:discharge=1989-01-01", "1994-01-01, from a correction ("},
		{"an open encounter", plain + "trigger = \"discharge\"\nyears = 5", "stay=1990-01-01/", "an encounter 1990-01-01 has no end"},
		{"17, birth unknown", seventeen, "service=2001-01-01 last_encounter=2001-01-01", "a: the patient's age at the end of treatment is not known"},
		{"17, end unknown", seventeen, "born=1984-01-01 service=2001-01-01", "a: the patient's age at the end of treatment is not known"},
		{"17 on the last day", seventeen, "born=1984-01-02 service=2001-01-01 last_encounter=2002-01-01", "the patient was 17"},
		{"18", seventeen, "born=1984-01-01 service=2001-01-01 last_encounter=2002-01-01", "does not apply: the patient was not 17"},
		{"of age", plain + "population = \"minor\"\ntrigger = \"majority\"\nyears = 5", "born=1950-01-01 service=2001-01-01", "does not apply: the patient was of age"},
		{"a population a fact excludes", plain + "population = \"employee\"\ntrigger = \"discharge\"\nyears = 5", "not=employee", "does not apply: a fact says"},
		{"counted from the end of the year", plain + "trigger = \"discharge\"\nyears = 5\ncut_off = \"end_of_calendar_year\"", "discharge=1990-03-04", "counted from 1990-12-31, and 5 years make 1995-12-31"},
		{"a floor", plain + "trigger = \"discharge\"\nyears = 5\nfloor = [{ trigger = \"birthday\", years = 20 }]", "born=1980-01-01 discharge=1990-03-04", "never before: birth on 1980-01-01 and 20 years make 2000-01-01"},
		{"left to the site", plain + "open = true\ntrigger = \"case_closed\"", "", "leaves the period to the site, which has not set it"},
		{"of low confidence", strings.Replace(plain, "high", "low", 1) + "trigger = \"discharge\"\nyears = 5", "discharge=1990-03-04", "nobody has confirmed it"},
		{"for ever", plain + "permanent = true", "", "a: kept for ever (made-up law)"},
		{"no rule", "", "", `no rule of schedule "test-1" covers it: it is kept`},
	}
	for _, tt := range tests {
		d, f := told(t, tt.facts)
		dec := schedule(t, tt.rules).Decide(d, f.Resolve(), nil, date(t, "2026-01-01"))
		text := strings.Join(dec.Explain().Reasons, "\n")
		if !strings.Contains(text, tt.want) {
			t.Errorf("%s: got\n%s\nwant %q in it", tt.name, text, tt.want)
		}
		applies := 0
		for _, st := range dec.Steps {
			if st.Applies {
				applies++
			}
		}
		if len(dec.Rules) != applies {
			t.Errorf("%s: %d rules apply, %v are named", tt.name, applies, dec.Rules)
		}
	}
}

// TestEncounters: the last line about an encounter counts; those without a
// number stand each for themselves.
func TestEncounters(t *testing.T) {
	day := func(s string) record.Date { return date(t, s) }
	s := schedule(t, plain+"trigger = \"discharge\"\nyears = 10")
	for _, tt := range []struct {
		name string
		es   []record.Encounter
		want string
	}{
		{"one", []record.Encounter{{ID: "1", Begin: day("2001-01-01"), End: day("2001-01-02")}}, "2011-01-03"},
		{"closed by a later line", []record.Encounter{{ID: "1", Begin: day("2001-01-01")}, {ID: "1", Begin: day("2001-01-01"), End: day("2001-01-05")}}, "2011-01-06"},
		{"shortened by a later line", []record.Encounter{{ID: "1", End: day("2009-01-01")}, {ID: "2", End: day("2001-01-01")}, {ID: "1", End: day("2002-01-01")}}, "2012-01-02"},
		{"of no number", []record.Encounter{{End: day("2001-01-01")}, {End: day("2003-01-01")}, {End: day("2002-01-01")}}, "2013-01-02"},
		{"reopened", []record.Encounter{{ID: "1", Begin: day("2001-01-01"), End: day("2001-01-05")}, {ID: "1", Begin: day("2001-01-01")}}, "unresolved"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check(t, s, retention.Subject{Type: "X"}, &retention.Facts{Encounters: tt.es}, tt.want)
		})
	}
}

func TestValidFact(t *testing.T) {
	for name, want := range map[record.FactName]bool{"born": true, "discharge": true, "event:transfer": true, "scan_date": false, "event:": false, "event:A b": false, "transfer": false, "": false} {
		if got := retention.ValidFact(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

// TestPeriod says rules in words.
func TestPeriod(t *testing.T) {
	s := schedule(t, `use = ["US-TX", "US-MA", "US-MN", "GB-ENG", "US"]`)
	for id, want := range map[string]string{
		"us-tx.hospital_record.adult.last_encounter": "hospital_record of adult patients: 10 years after the last encounter",
		"us-mn.core_record.any.permanent":            "core_record of any patients: for ever",
		"us-mn.hospital_record.minor.majority":       "hospital_record of minor patients: 0 years after majority, and then only while core_record remains",
		"us-ma.hospital_record.adult.discharge":      "hospital_record of adult patients: 20 years after the most recent discharge; notice first: Department of Public Health, written notice, 30 days",
		"gb-eng.mental_health_record.any.discharge":  "mental_health_record of any patients: the earlier of 20 years after the most recent discharge and 10 years after death",
		"us.workers_comp_record.any.case_closed":     "workers_comp_record of any patients: a period the site sets after the closing of the case",
	} {
		r := s.Rule(id)
		if r == nil {
			t.Errorf("no rule %s", id)
			continue
		}
		if got := r.Period(); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}
