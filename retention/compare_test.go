package retention_test

import (
	"encoding/json"
	"strings"
	"testing"

	"chartvault/record"
	"chartvault/retention"
)

// restored makes a schedule a test changed fit to decide.
func restored(t *testing.T, s *retention.Schedule) *retention.Schedule {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := retention.Restore(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestShortensSays names every way a change can let something end earlier, or
// with less protection.
func TestShortensSays(t *testing.T) {
	const was = `zone = "America/New_York"
majority = 19
fiscal_year_end = 6
[types]
core = ["FACE_SHEET"]
[[rule]]
id = "a"
types = ["LAB_REPORT", "FACE_SHEET"]
citation = "c"
confidence = "high"
all_of = [{ trigger = "discharge", years = 10 }, { trigger = "death", years = 2 }]
floor = [{ trigger = "service_date", years = 5 }]
cut_off = "end_of_month"
reduce_to = "core"
notice = { audience = "patient", method = "mail", lead_days = 30, citation = "n" }
until = "2019-12-31"
[[rule]]
id = "b"
types = ["*"]
population = "any"
citation = "c"
confidence = "low"
any_of = [{ trigger = "discharge", years = 20 }, { trigger = "death", years = 10 }]
[[rule]]
id = "p"
types = ["REGISTER"]
citation = "c"
confidence = "high"
permanent = true
[[rule]]
id = "f"
types = ["INDEX_CARD"]
citation = "c"
confidence = "high"
trigger = "service_date"
years = 5
cut_off = "end_of_fiscal_year"
from = "2000-01-01"
`
	tests := []struct{ name, old, new, want string }{
		{"nothing", "", "", ""},
		{"longer", "years = 10 }, { trigger = \"death\", years = 2", "years = 12 }, { trigger = \"death\", years = 2", ""},
		{"more notice", "lead_days = 30", "lead_days = 60", ""},
		{"later cut-off", `"end_of_month"`, `"end_of_calendar_year"`, ""},
		{"more types", `["LAB_REPORT", "FACE_SHEET"]`, `["*"]`, ""},
		{"for ever", "all_of = [{ trigger = \"discharge\", years = 10 }, { trigger = \"death\", years = 2 }]\nfloor = [{ trigger = \"service_date\", years = 5 }]", "permanent = true", ""},
		{"another zone too", `zone = "America/New_York"`, "zone = \"America/New_York\"\nalso_zones = [\"Pacific/Honolulu\"]", ""},
		{"any of becomes all of", "any_of = [{ trigger = \"discharge\"", "all_of = [{ trigger = \"discharge\"", ""},
		{"majority", "majority = 19", "majority = 18", "majority falls from 19 to 18"},
		{"unit", "majority = 19", "majority = 19\nunit = \"encounter\"", "no longer restarts the whole chart"},
		{"zone", "America/New_York", "Asia/Tokyo", "no longer waited for in zone America/New_York"},
		{"rule gone", "id = \"p\"", "id = \"q\"", "rule p is no longer there"},
		{"fewer types", `["LAB_REPORT", "FACE_SHEET"]`, `["LAB_REPORT"]`, "fewer document types"},
		{"a type taken out", `["*"]`, `["*", "-REGISTER"]`, "fewer document types"},
		{"other patients", `population = "any"`, `population = "minor"`, "for other patients"},
		{"not for ever", "permanent = true", "trigger = \"death\"\nyears = 90", "no longer permanent"},
		{"until earlier", `until = "2019-12-31"`, `until = "2018-12-31"`, "for fewer records"},
		{"from later", `from = "2000-01-01"`, `from = "2001-01-01"`, "for fewer records"},
		{"earlier cut-off", `"end_of_month"`, `"none"`, "cut-off is earlier"},
		{"another fiscal year", "fiscal_year_end = 6", "fiscal_year_end = 7", "cut-off is earlier"},
		{"fiscal to calendar", `"end_of_fiscal_year"`, `"end_of_calendar_year"`, "cut-off is earlier"},
		{"confirmed", `confidence = "low"`, "confidence = \"low\"\nconfirmed = true", "is confirmed"},
		{"more confidence", `confidence = "low"`, `confidence = "high"`, "is confirmed"},
		{"no core", `reduce_to = "core"`, `class = "core"`, "no core need remain"},
		{"another core", `core = ["FACE_SHEET"]`, `core = ["CONSENT"]`, "made up of other types"},
		{"no notice", `notice = { audience = "patient", method = "mail", lead_days = 30, citation = "n" }`, "", "less notice"},
		{"shorter notice", "lead_days = 30", "lead_days = 29", "less notice"},
		{"other notice", `method = "mail"`, `method = "poster"`, "less notice"},
		{"notice for less", `lead_days = 30,`, `lead_days = 30, class = "core",`, "less notice"},
		{"shorter", `{ trigger = "death", years = 2 }`, `{ trigger = "death", years = 1 }`, "period is shorter"},
		{"a clock less", `, { trigger = "death", years = 2 }`, ``, "period is shorter"},
		{"all of becomes any of", "all_of", "any_of", "period is shorter"},
		{"any of with one more", `{ trigger = "death", years = 10 }`, `{ trigger = "death", years = 10 }, { trigger = "birthday", years = 30 }`, "period is shorter"},
		{"any of, one shorter", `{ trigger = "death", years = 10 }`, `{ trigger = "death", years = 9 }`, "period is shorter"},
		{"lower floor", `floor = [{ trigger = "service_date", years = 5 }]`, `floor = [{ trigger = "service_date", years = 4 }]`, "floor is lower"},
		{"an automation", `majority = 19`, "majority = 19\nAUTO", "automation x is new or changed"},
	}
	for _, tt := range tests {
		text := strings.Replace(was, tt.old, tt.new, 1)
		if strings.Contains(text, "AUTO") {
			text = strings.Replace(was, "id = \"a\"\n", "id = \"a\"\nclass = \"k\"\n", 1) + "[[automation]]\nname = \"x\"\nclass = \"k\"\npropose = true\n"
		}
		got := strings.Join(schedule(t, was).Shortens(schedule(t, text)), "; ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	limited := "[[rule]]\nid = \"a\"\ntypes = [\"LAB_REPORT\"]\npopulation = \"minor\"\ncitation = \"c\"\nconfidence = \"high\"\ntrigger = \"death\"\nyears = 4\n"
	open := "[[rule]]\nid = \"o\"\ntypes = [\"*\"]\ncitation = \"c\"\nconfidence = \"high\"\nopen = true\ntrigger = \"death\"\n"
	for _, tt := range []struct{ name, was, now, want string }{
		{"the first rule of all", "", "use = [\"US-TX\"]", "gives a period to documents that none was given before"},
		{"a rule beside one for all", "use = [\"US-TX\"]", "use = [\"US-TX\", \"US-CMS\"]", ""},
		{"a rule beside one for a few", limited, limited + strings.Replace(limited, `"a"`, `"b"`, 1), "gives a period"},
		{"a rule for all beside one that leaves a type out", strings.NewReplacer(`"LAB_REPORT"`, `"*", "-LAB_REPORT"`, "minor", "any").Replace(limited), strings.NewReplacer(`"LAB_REPORT"`, `"*", "-LAB_REPORT"`, "minor", "any").Replace(limited) + strings.NewReplacer(`"LAB_REPORT"`, `"*"`, `"a"`, `"b"`).Replace(limited), "gives a period"},
		{"a period set by the site", open, open + "[[confirm]]\nrule = \"o\"\nyears = 3\nby = \"d\"\non = \"2026-01-01\"\nreason = \"r\"", "the site sets its period"},
	} {
		got := strings.Join(schedule(t, tt.was).Shortens(schedule(t, tt.now)), "; ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestChange counts what a change would do.
func TestChange(t *testing.T) {
	day := func(s string) record.Date {
		if s == "" {
			return record.Date{}
		}
		return date(t, s)
	}
	var c retention.Change
	for _, tt := range []struct {
		was, would   string
		wasV, wouldV retention.Verdict
	}{
		{"2020-01-01", "2020-01-01", retention.Due, retention.Due},
		{"2030-01-01", "2020-01-01", retention.Keep, retention.Due},
		{"2020-01-01", "2030-01-01", retention.Due, retention.Keep},
		{"", "2020-01-01", retention.Unresolved, retention.Due},
		{"2040-01-01", "", retention.Keep, retention.Forever},
		{"", "", retention.Forever, retention.Unresolved},
	} {
		c.Add(&retention.Decision{Due: day(tt.was), Verdict: tt.wasV}, &retention.Decision{Due: day(tt.would), Verdict: tt.wouldV, Class: "k"})
	}
	if c.Documents != 6 || c.Same != 2 || c.Earlier != 2 || c.Later != 2 || c.NowDue != 2 || c.NoLongerDue != 1 || c.ByClass["k"] != 2 || len(c.Samples) != 4 || len(c.Classes()) != 1 {
		t.Errorf("got %+v", c)
	}
}

// TestForecast counts by month and class.
func TestForecast(t *testing.T) {
	var f retention.Forecast
	for _, d := range []string{"2030-01-05", "2030-01-31", "2029-12-01", ""} {
		dec := retention.Decision{Verdict: retention.Keep, Class: "k"}
		if d != "" {
			dec.Due = date(t, d)
		} else {
			dec.Verdict = retention.Unresolved
		}
		f.Add(&dec, 3, 100)
	}
	got := f.Cells()
	if len(got) != 2 || got[0].Year != 2029 || got[1].Documents != 2 || got[1].Pages != 6 || got[1].Bytes != 200 || f.Verdicts[retention.Unresolved] != 1 {
		t.Errorf("got %+v, %+v", got, f.Verdicts)
	}
}
