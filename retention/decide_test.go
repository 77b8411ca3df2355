package retention_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"chartvault/record"
	"chartvault/retention"
)

const plain = `[[rule]]
id = "a"
types = ["*"]
citation = "made-up law"
confidence = "high"
`

// TestVectors are the boundary cases that the field argues about, and one for
// every thing a rule can say.
func TestVectors(t *testing.T) {
	tests := []struct{ name, rules, facts, want string }{
		{"Texas adult", `use = ["US-TX"]`, "born=1960-01-01 service=2012-03-10 last_encounter=2012-03-10", "2022-03-11"},
		{"Texas minor born on a leap day", `use = ["US-TX"]`, "born=2004-02-29 service=2010-06-01 last_encounter=2010-06-01", "2024-03-01"},
		{"Pennsylvania minor born on a leap day", `use = ["US-PA"]`, "born=2008-02-29 service=2012-09-03 discharge=2012-09-03", "2033-03-02"},
		{"majority and two years, the later reading", plain + `population = "minor"` + "\ntrigger = \"majority\"\nyears = 2", "born=2000-02-29 service=2010-01-01", "2020-03-02"},
		{"Arkansas at 17: the adult clock", `use = ["US-AR"]`, "born=2003-07-01 service=2021-01-15 discharge=2021-01-15", "2031-01-16"},
		{"North Carolina newborn", `use = ["US-NC"]`, "born=2015-05-05 service=2015-05-07 discharge=2015-05-07", "2045-05-06"},
		{"Washington: the last stay restarts the chart", `use = ["US-WA"]`, "born=1940-01-01 service=2008-04-29 stay=2008-04-28/2008-05-01 stay=2019-09-25/2019-09-30", "2029-10-01"},
		{"by encounter it does not", "unit = \"encounter\"\nuse = [\"US-WA\"]", "born=1940-01-01 service=2008-04-29 stay=2008-04-28/2008-05-01 stay=2019-09-25/2019-09-30", "2018-05-02"},
		{"by encounter, belonging to none: the last stay", "unit = \"encounter\"\nuse = [\"US-WA\"]", "born=1940-01-01 service=2012-01-01 stay=2008-04-28/2008-05-01 stay=2019-09-25/2019-09-30", "2029-10-01"},
		{"by encounter, belonging to two: the last stay", "unit = \"encounter\"\nuse = [\"US-WA\"]", "born=1940-01-01 service=2008-04-29 stay=2008-04-28/2008-05-01 stay=2008-04-29/2008-05-03 stay=2019-09-25/2019-09-30", "2029-10-01"},
		{"by encounter, date of service unknown: the last stay", "unit = \"encounter\"\nuse = [\"US-CT\"]", "born=1940-01-01 stay=2008-04-28/2008-05-01 stay=2019-09-25/2019-09-30", "2029-10-01"},
		{"Colorado: a retrieval for care restarts the clock", `use = ["US-CO"]`, "born=1940-01-01 service=2009-12-31 last_encounter=2009 retrieved:last_use=2021-02-28", "2031-03-01"},
		{"Colorado: an earlier retrieval does not", `use = ["US-CO"]`, "born=1940-01-01 service=2009-12-31 last_encounter=2009 retrieved:last_use=2009-02-28", "2020-01-01"},
		{"Colorado: a retrieval alone says nothing of the care", `use = ["US-CO"]`, "born=1940-01-01 service=2009-12-31 retrieved:last_use=2021-02-28", "unresolved"},
		{"Massachusetts adult", `use = ["US-MA"]`, "born=1940-01-01 service=2004-07-01 discharge=2004-07-01", "2024-07-02"},
		{"employee", "use = [\"US-OSHA\"]\n[types]\nemployee_medical_record = [\"PROBE\"]", "employment_end=2010-06-30", "2040-07-01"},
		{"year only", `use = ["US-CT"]`, "born=1940-01-01 service=1998-02-03 discharge=1998", "2009-01-01"},
		{"leap day", `use = ["US-AK"]`, "born=1940-01-01 service=2016-02-29 discharge=2016-02-29", "2023-03-02"},
		{"date of birth unknown, possibly a minor", `use = ["US-PA"]`, "service=2012-09-03 discharge=2012-09-03", "unresolved"},
		{"of age on every day the service may have been", `use = ["US-PA"]`, "born=1950-06-01 service=1968-06 discharge=1968-06-30", "1975-07-01"},
		{"perhaps a minor on the day of service", `use = ["US-PA"]`, "born=1950-06-02 service=1968-06 discharge=1968-06-30", "1975-07-01"},
		{"perhaps a minor: birth known to the year", `use = ["US-NC"]`, "born=1950 service=1968-06-01 discharge=1968-06-01", "1981-01-01"},
		{"surely a minor: birth known to the year", `use = ["US-NC"]`, "born=1950 service=1967-12-31 discharge=1967-12-31", "1981-01-01"},
		{"surely of age: birth known to the year", `use = ["US-NC"]`, "born=1950 service=1968-12-31 discharge=1968-12-31", "1980-01-01"},
		{"an encounter without an end", `use = ["US-WA"]`, "born=1940-01-01 service=2008-04-29 stay=2008-04-28/2008-05-01 stay=2019-09-25/", "unresolved"},
		{"a document later than the list: the document", `use = ["US-TX"]`, "born=1960-01-01 service=2001-01-01 last_encounter=2012-03-10 latest=2015-01-02", "2025-01-03"},
		{"a document does not take the place of the list", `use = ["US-TX"]`, "born=1960-01-01 service=2001-01-01 latest=2015-01-02", "unresolved"},
		{"a discharge is an encounter", `use = ["US-TX"]`, "born=1960-01-01 service=2001-01-01 discharge=2012-03-10", "2022-03-11"},
		{"an encounter is no discharge", `use = ["US-CT"]`, "born=1960-01-01 service=2001-01-01 last_encounter=2012-03-10", "unresolved"},
		{"the last entry is not before the last encounter", `use = ["US-FL"]`, "born=1960-01-01 service=2001-01-01 last_entry=2011-01-01 last_encounter=2012-03-10", "2019-03-11"},
		{"a correction outweighs the list", `use = ["US-TX"]`, "born=1960-01-01 service=2001-01-01 last_encounter=2012-03-10 corrected:last_encounter=2010-01-01", "2020-01-02"},
		{"a correction to unknown", `use = ["US-TX"]`, "born=1960-01-01 service=2001-01-01 last_encounter=2012-03-10 corrected:last_encounter=", "unresolved"},
		{"the list again after a correction: the later", `use = ["US-TX"]`, "born=1960-01-01 service=2001-01-01 corrected:last_encounter=2010-01-01 last_encounter=2012-03-10", "2022-03-11"},
		{"the last word of a source", `use = ["US-TX"]`, "born=1960-01-01 service=2001-01-01 last_encounter=2012-03-10 last_encounter=2011-03-10", "2021-03-11"},
		{"sources disagree: the later", `use = ["US-NC"]`, "born=1990-01-01 index:born=1991-02-02 service=2001-01-01 discharge=2001-01-01", "2021-02-03"},
		{"any of: the earlier", `use = ["GB-ENG"]` + "\n[types]\nmental_health_record = [\"PROBE\"]\nadult_health_record = [\"-PROBE\"]\nchild_health_record = [\"-PROBE\"]", "born=1940-01-01 service=2001-01-01 discharge=2001-01-01 died=2005-05-05", "2015-05-06"},
		{"any of: one known is enough", `use = ["GB-ENG"]` + "\n[types]\nmental_health_record = [\"PROBE\"]\nadult_health_record = [\"-PROBE\"]\nchild_health_record = [\"-PROBE\"]", "born=1940-01-01 service=2001-01-01 discharge=2001-01-01", "2021-01-02"},
		{"any of: none known", `use = ["GB-ENG"]` + "\n[types]\nmental_health_record = [\"PROBE\"]\nadult_health_record = [\"-PROBE\"]\nchild_health_record = [\"-PROBE\"]", "born=1940-01-01 service=2001-01-01", "unresolved"},
		{"all of: the later", plain + `all_of = [{ trigger = "discharge", years = 5 }, { trigger = "birthday", years = 50 }]`, "born=1960-01-01 service=2001-01-01 discharge=2001-01-01", "2010-01-02"},
		{"all of: one unknown", plain + `all_of = [{ trigger = "discharge", years = 5 }, { trigger = "birthday", years = 50 }]`, "service=2001-01-01 discharge=2001-01-01", "unresolved"},
		{"a floor under any of", plain + `any_of = [{ trigger = "discharge", years = 20 }, { trigger = "death", years = 2 }]` + "\nfloor = [{ trigger = \"service_date\", years = 5 }]", "service=2001-01-01 discharge=2001-01-01 died=2001-06-01", "2006-01-02"},
		{"a floor that is lower", plain + `any_of = [{ trigger = "discharge", years = 20 }, { trigger = "death", years = 9 }]` + "\nfloor = [{ trigger = \"service_date\", years = 5 }]", "service=2001-01-01 discharge=2001-01-01 died=2001-06-01", "2010-06-02"},
		{"a floor that is unknown", plain + `trigger = "discharge"` + "\nyears = 20\nfloor = [{ trigger = \"service_date\", years = 5 }]", "discharge=2001-01-01", "unresolved"},
		{"cut-off at the end of the month", plain + "trigger = \"discharge\"\nyears = 1\ncut_off = \"end_of_month\"", "discharge=2023-02-10", "2024-02-29"},
		{"cut-off at the end of the calendar year", plain + "trigger = \"discharge\"\nyears = 5\ncut_off = \"end_of_calendar_year\"", "discharge=2001-01-01", "2007-01-01"},
		{"cut-off at the end of the fiscal year", "fiscal_year_end = 6\n" + plain + "trigger = \"discharge\"\nyears = 5\ncut_off = \"end_of_fiscal_year\"", "discharge=2001-07-01", "2007-07-01"},
		{"cut-off in the last month of the fiscal year", "fiscal_year_end = 6\n" + plain + "trigger = \"discharge\"\nyears = 5\ncut_off = \"end_of_fiscal_year\"", "discharge=2001-06-30", "2006-07-01"},
		{"the end of the calendar year, then of the fiscal one", "fiscal_year_end = 6\n" + plain + "trigger = \"calendar_year_end\"\nyears = 5\ncut_off = \"end_of_fiscal_year\"", "service=2001-02-03", "2007-07-01"},
		{"the end of the calendar year, which is the fiscal one's", plain + "trigger = \"calendar_year_end\"\nyears = 5\ncut_off = \"end_of_fiscal_year\"", "service=2001-02-03", "2007-01-01"},
		{"the end of the calendar year", plain + "trigger = \"calendar_year_end\"\nyears = 5", "service=2001-02-03", "2007-01-01"},
		{"records from a day on", "use = [\"US-CT\"]\n" + plain + "trigger = \"discharge\"\nyears = 20\nfrom = \"2019-09-01\"", "born=1940-01-01 service=2019-08-31 discharge=2019-08-31", "2029-09-01"},
		{"records from that very day", "use = [\"US-CT\"]\n" + plain + "trigger = \"discharge\"\nyears = 20\nfrom = \"2019-09-01\"", "born=1940-01-01 service=2019-09-01 discharge=2019-09-01", "2039-09-02"},
		{"records until a day", "use = [\"US-CT\"]\n" + plain + "trigger = \"discharge\"\nyears = 20\nuntil = \"2019-08-31\"", "born=1940-01-01 service=2019-09-01 discharge=2019-09-01", "2029-09-02"},
		{"records until that very day", "use = [\"US-CT\"]\n" + plain + "trigger = \"discharge\"\nyears = 20\nuntil = \"2019-08-31\"", "born=1940-01-01 service=2019-08-31 discharge=2019-08-31", "2039-09-01"},
		{"perhaps from a day on: it applies", "use = [\"US-CT\"]\n" + plain + "trigger = \"discharge\"\nyears = 20\nfrom = \"2019-09-01\"", "born=1940-01-01 service=2019 discharge=2019-08-31", "2039-09-01"},
		{"perhaps until a day: it applies", "use = [\"US-CT\"]\n" + plain + "trigger = \"discharge\"\nyears = 20\nuntil = \"2019-08-31\"", "born=1940-01-01 service=2019 discharge=2019-12-31", "2040-01-01"},
		{"a population a fact excludes", plain + "population = \"employee\"\ntrigger = \"discharge\"\nyears = 20", "discharge=2001-01-01 not=employee", "unresolved"},
		{"a population no fact excludes", plain + "population = \"employee\"\ntrigger = \"discharge\"\nyears = 20", "discharge=2001-01-01", "2021-01-02"},
		{"extended by people", `use = ["US-CT"]`, "born=1940-01-01 service=2001-01-01 discharge=2001-01-01 until=2030-06-30", "2030-07-01"},
		{"an extension does not shorten", `use = ["US-CT"]`, "born=1940-01-01 service=2001-01-01 discharge=2001-01-01 until=2005-06-30", "2011-01-02"},
		{"an extension does not make the unknown due", `use = ["US-CT"]`, "born=1940-01-01 service=2001-01-01 until=2005-06-30", "unresolved"},
		{"17 when it ended, England", `use = ["GB-ENG"]`, "born=2000-05-05 service=2017-09-01 discharge=2017-09-03", "2026-05-06"},
		{"on the 17th birthday", `use = ["GB-ENG"]`, "born=2000-05-05 service=2017-05-05 discharge=2017-05-05", "2026-05-06"},
		{"16 when it ended, England", `use = ["GB-ENG"]`, "born=2000-05-05 service=2017-05-04 discharge=2017-05-04", "2025-05-06"},
		{"18 when it ended, a child's document", `use = ["GB-ENG"]`, "born=2000-05-05 service=2017-05-04 discharge=2018-05-05", "2026-05-06"},
		{"18 when it ended, later than every birthday", `use = ["GB-ENG"]`, "born=2000-05-05 service=2017-05-04 discharge=2018-05-06", "2026-05-07"},
		{"no rule for its type", `[[rule]]` + "\nid = \"x\"\ntypes = [\"LAB_REPORT\"]\ncitation = \"c\"\nconfidence = \"high\"\ntrigger = \"discharge\"\nyears = 1", "discharge=2001-01-01", "unresolved"},
		{"taken out of a rule", `[[rule]]` + "\nid = \"x\"\ntypes = [\"*\", \"-PROBE\"]\ncitation = \"c\"\nconfidence = \"high\"\ntrigger = \"discharge\"\nyears = 1", "discharge=2001-01-01", "unresolved"},
		{"no rule at all", ``, "discharge=2001-01-01", "unresolved"},
		{"for ever", plain + "permanent = true", "", "permanent"},
		{"majority and no years", plain + "trigger = \"majority\"\nyears = 0", "born=2000-01-01", "2018-01-02"},
		{"beyond the calendar", plain + "trigger = \"discharge\"\nyears = 200", "discharge=9990-01-01", "unresolved-never"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, f := told(t, tt.facts)
			if tt.want == "unresolved-never" {
				if got := schedule(t, tt.rules).Decide(d, f.Resolve(), nil, date(t, "9999-12-30")); got.Verdict != retention.Keep {
					t.Errorf("got %s, want keep", got.Verdict)
				}
				return
			}
			check(t, schedule(t, tt.rules), d, f, tt.want)
		})
	}
}

// TestHeldAndInQA: a hold beats everything, and what is undecided is never due.
func TestHeldAndInQA(t *testing.T) {
	s := schedule(t, plain+"trigger = \"discharge\"\nyears = 1")
	d, f := told(t, "discharge=2001-01-01")
	hold := []record.Hold{{ID: record.ID{1}}}
	day := date(t, "2026-01-01")
	for _, tt := range []struct {
		name  string
		qa    bool
		holds []record.Hold
		on    record.Date
		want  retention.Verdict
	}{
		{"due", false, nil, day, retention.Due},
		{"held", false, hold, day, retention.Held},
		{"held before it is due", false, hold, date(t, "2001-06-01"), retention.Keep},
		{"in QA", true, nil, day, retention.Unresolved},
		{"in QA and held", true, hold, day, retention.Unresolved},
	} {
		d.InQA = tt.qa
		got := s.Decide(d, f.Resolve(), tt.holds, tt.on)
		if got.Verdict != tt.want || len(got.Holds) != len(tt.holds) {
			t.Errorf("%s: got %s with %d holds, want %s", tt.name, got.Verdict, len(got.Holds), tt.want)
		}
	}
}

// TestDuties: what a rule asks for besides time.
func TestDuties(t *testing.T) {
	s := schedule(t, `use = ["US-HI", "US-MA", "US-MS"]`)
	d, f := told(t, "born=1940-01-01 service=1980-01-01 discharge=1980-01-01 last_entry=1980-01-01")
	for _, tt := range []struct {
		typ     string
		action  retention.Action
		core    string
		notices int
		class   string
	}{
		{"LAB_REPORT", retention.ReduceToCore, "core_record", 1, "hospital_record"},
		{"FACE_SHEET", retention.Destroy, "", 1, "core_record"},
		{"IMAGING_FILM", retention.ReduceToCore, "core_record", 3, "hospital_record"},
	} {
		d.Type = tt.typ
		got := s.Decide(d, f.Resolve(), nil, date(t, "2026-01-01"))
		rules := map[string]bool{}
		for _, n := range got.Notices {
			rules[n.Audience] = true
		}
		if got.Action != tt.action || got.Core != tt.core || len(got.Notices) < tt.notices || got.Class != tt.class || tt.typ == "IMAGING_FILM" && len(rules) != 2 {
			t.Errorf("%s: got %s, core %q, %d notices, class %s; want %s, %q, at least %d, %s", tt.typ, got.Action, got.Core, len(got.Notices), got.Class, tt.action, tt.core, tt.notices, tt.class)
		}
	}
}

// TestProof: a decision carries the chain that made it, in words and as JSON.
func TestProof(t *testing.T) {
	s := schedule(t, `use = ["US-TX"]`)
	d, f := told(t, "born=2004-02 service=2010-06-01 last_encounter=2010 died=2012-01-01")
	got := s.Decide(d, f.Resolve(), nil, date(t, "2020-01-01"))
	text := strings.Join(got.Explain().Reasons, "\n")
	for _, want := range []string{
		"us-tx.hospital_record.minor.birthday: the patient was a minor on the date of service: birth in 2004-02, so 2004-02-29 at the latest, and 20 years make 2024-02-29, from the patient list (Tex. H&S 241.103, 241.1031)",
		"the last encounter in 2010, so 2010-12-31 at the latest, and 10 years make 2020-12-31",
		"the last deadline is 2024-02-29: it may end from 2024-03-01 on",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", text, want)
		}
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back retention.Decision
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Due != got.Due || len(back.Steps) != len(got.Steps) || back.Steps[0].Clocks[0].Deadline != got.Steps[0].Clocks[0].Deadline || !slices.Equal(back.Reasons, got.Reasons) {
		t.Errorf("JSON loses something: %s", b)
	}
	if n := len(got.Applicable()); n != 3 {
		t.Errorf("got %d rules that apply, want 3", n)
	}
}
