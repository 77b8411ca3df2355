package retention_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// TestParseSchedule: what is wrong with a schedule is said, all of it, with
// what to write instead.
func TestParseSchedule(t *testing.T) {
	const head = "format = 2\nversion = \"1\"\n"
	const rule = head + "[[rule]]\nid = \"a\"\ntypes = [\"*\"]\ncitation = \"c\"\nconfidence = \"high\"\n"
	tests := []struct{ name, text, want string }{
		{"not TOML", "format = 2\nversion = = \"1\"", "line 2"},
		{"unknown key", head + "colour = 1", "unknown key colour"},
		{"unknown key of a rule", rule + "trigger = \"death\"\nyears = 1\nyeers = 2", "unknown key rule.yeers"},
		{"format", "version = \"1\"", "format = 0; this program reads format = 2"},
		{"version", "format = 2\nuse = [\"US-TX\"]", "no version"},
		{"zone", head + "zone = \"Texas\"", `zone "Texas" is none of the IANA names`},
		{"another zone", head + "also_zones = [\"Local\"]", `zone "Local"`},
		{"unit", head + "unit = \"ward\"", `no unit "ward"`},
		{"fiscal year", head + "fiscal_year_end = 13", "fiscal_year_end is a month"},
		{"majority", head + "majority = 50", "majority is an age"},
		{"majority below the law's", head + "majority = 18\nuse = [\"US-AL\"]", "it is 19 in Alabama"},
		{"unknown jurisdiction", head + "use = [\"US-XX\"]", `no rules of "US-XX" are shipped`},
		{"no id", strings.Replace(rule, `"a"`, `""`, 1) + "permanent = true", "its id must be"},
		{"two ids", rule + "permanent = true\n" + strings.TrimPrefix(rule, head) + "permanent = true", `two rules have the id "a"`},
		{"an id that is shipped", head + "use = [\"US-VT\"]\n" + strings.Replace(strings.TrimPrefix(rule, head), `"a"`, `"us-vt.hospital_record.adult.discharge"`, 1) + "permanent = true", "two rules have the id"},
		{"no citation", strings.Replace(rule, `"c"`, `" "`, 1) + "permanent = true", "no citation: say what law"},
		{"nothing covered", head + "[[rule]]\nid = \"a\"\ncitation = \"c\"\npermanent = true", "neither a class nor types"},
		{"class name", rule + "permanent = true\nclass = \"A b\"", "class: use a-z"},
		{"two periods", rule + "permanent = true\ntrigger = \"death\"\nyears = 1", "exactly one of"},
		{"no period", rule, "exactly one of"},
		{"years alone", rule + "years = 3", "no trigger says from when"},
		{"permanent with a floor", rule + "permanent = true\nfloor = [{ trigger = \"death\", years = 1 }]", "needs no floor"},
		{"trigger", rule + "trigger = \"scan_date\"\nyears = 3", `no trigger "scan_date"; there are discharge`},
		{"event name", rule + "trigger = \"event:A B\"\nyears = 3", `no trigger "event:A B"`},
		{"no years", rule + "trigger = \"death\"", "0 years keep nothing"},
		{"negative years", rule + "trigger = \"majority\"\nyears = -1", "0 to 200"},
		{"too many years", rule + "trigger = \"death\"\nyears = 201", "0 to 200"},
		{"open with years", rule + "open = true\ntrigger = \"death\"\nyears = 2", "open leaves the years to the site: write none"},
		{"open without a trigger", rule + "open = true\npermanent = true", "give that trigger"},
		{"population", rule + "permanent = true\npopulation = \"Old People\"", "no population"},
		{"cut-off", rule + "permanent = true\ncut_off = \"weekly\"", `no cut_off "weekly"`},
		{"confidence", strings.Replace(rule, "high", "sure", 1) + "permanent = true", `no confidence "sure"`},
		{"verified", rule + "permanent = true\nverified_on = \"last week\"", "verified_on: write when"},
		{"from", rule + "permanent = true\nfrom = \"2019-13\"", "from: write a date"},
		{"until", rule + "permanent = true\nuntil = \"x\"", "until: write a date"},
		{"notice", rule + "permanent = true\nnotice = { audience = \"patient\" }", "notice: it needs"},
		{"types", strings.Replace(rule, `"*"`, `"a b"`, 1) + "permanent = true", "letters, digits and underscores"},
		{"core", rule + "permanent = true\nreduce_to = \"kernel\"", "[types] does not say which documents"},
		{"types of an unused class", rule + "permanent = true\n[types]\nother = [\"X\"]", `no rule is for the class "other"`},
		{"type names in a class", head + "use = [\"US-TX\"]\n[types]\nhospital_record = [\"?\"]", "types: hospital_record"},
		{"class names", rule + "permanent = true\n[types]\n\"A B\" = [\"X\"]", `types: the class "A B"`},
		{"confirm nothing", head + "[[confirm]]\nrule = \"x\"", `confirm: no rule "x"`},
		{"confirm without years", head + "use = [\"US\"]\n[[confirm]]\nrule = \"us.workers_comp_record.any.case_closed\"\nby = \"d\"\non = \"2026-01-01\"\nreason = \"r\"", "leaves the period to the site: give years"},
		{"confirm with years", rule + "permanent = true\n[[confirm]]\nrule = \"a\"\nyears = 3\nby = \"d\"\non = \"2026-01-01\"\nreason = \"r\"", "its period is given by its law"},
		{"drop nothing", head + "[[drop]]\nrule = \"x\"", `drop: no rule "x"`},
		{"drop by nobody", rule + "permanent = true\n[[drop]]\nrule = \"a\"", "say by whom"},
		{"automation name", rule + "permanent = true\n[[automation]]\nname = \"X Y\"", "automation: give it a name"},
		{"automation twice", rule + "class = \"k\"\npermanent = true\n[[automation]]\nname = \"x\"\nclass = \"k\"\npropose = true\n[[automation]]\nname = \"x\"\nclass = \"k\"\npropose = true", "two automations"},
		{"automation of nothing", rule + "permanent = true\n[[automation]]\nname = \"x\"\nclass = \"k\"\npropose = true", `no rule is for the class "k"`},
		{"automation that only executes", rule + "class = \"k\"\npermanent = true\n[[automation]]\nname = \"x\"\nclass = \"k\"\nexecute = true", "must propose"},
	}
	lib := library(t)
	for _, tt := range tests {
		_, err := retention.ParseSchedule(tt.text, lib)
		if !errors.Is(err, record.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want ErrInvalid with %q", tt.name, err, tt.want)
		}
	}
	_, err := retention.ParseSchedule("format = 1\nversion = \"1\"\ncolour = 2\n", retention.None{})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("two things wrong: got %v, want both", err)
	}
}

// TestStored: a schedule comes back from the journal as it was, and its digest
// changes with anything in it.
func TestStored(t *testing.T) {
	s := schedule(t, `use = ["US-CMS", "US-TX", "GB-ENG"]`)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := retention.Restore(b)
	if err != nil {
		t.Fatal(err)
	}
	if back.Digest() != s.Digest() {
		t.Error("a stored schedule has another digest")
	}
	d, f := told(t, "born=1960-01-01 service=2012-03-10 last_encounter=2012-03-10 discharge=2012-03-10 last_entry=2012-03-10")
	day := date(t, "2026-01-01")
	if was, is := s.Decide(d, f.Resolve(), nil, day), back.Decide(d, f.Resolve(), nil, day); was.Due != is.Due || len(was.Steps) != len(is.Steps) || is.Due.IsZero() {
		t.Errorf("a stored schedule decides differently: got %+v, want %+v", is, was)
	}
	if schedule(t, `use = ["US-CMS", "US-TX"]`).Digest() == s.Digest() {
		t.Error("two schedules have one digest")
	}
	for _, text := range []string{"{", `{"format":1}`, `{"format":2,"zones":["x"]}`} {
		if _, err := retention.Restore([]byte(text)); err == nil {
			t.Errorf("restore %s: got nil, want an error", text)
		}
	}
}

// TestToday: a day has begun only when it has in every zone of the site.
func TestToday(t *testing.T) {
	s := schedule(t, "zone = \"America/New_York\"\nalso_zones = [\"Pacific/Honolulu\"]\n")
	for at, want := range map[string]string{
		"2026-03-02T04:59:00Z": "2026-03-01", // New York has 1 March, Honolulu too
		"2026-03-02T05:30:00Z": "2026-03-01", // New York has begun 2 March
		"2026-03-02T10:00:00Z": "2026-03-02",
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Today(when).String(); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
	if got := retention.Empty().Today(time.Date(2026, 1, 1, 23, 0, 0, 0, time.UTC)).String(); got != "2026-01-01" {
		t.Errorf("without a schedule: got %s", got)
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("format = 2\nversion = \"1\"\nuse = [\"US-TX\"]\n[[rule]]\nid = \"a\"\ntypes = [\"*\"]\ncitation = \"c\"\nany_of = [{ trigger = \"death\", years = 5 }]\n")
	f.Add("format = 2\nversion = \"1\"\n[[rule]]\nid = \"a\"\nclass = \"k\"\ncitation = \"c\"\npermanent = true\n[types]\nk = [\"A\", \"-B\", \"*\"]\n[[automation]]\nname = \"n\"\nclass = \"k\"\npropose = true")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := retention.ParseSchedule(text, retention.None{})
		if err != nil {
			return
		}
		d := s.Decide(retention.Subject{Type: "X"}, (&retention.Facts{}).Resolve(), nil, record.Date{Year: 2026, Month: 1, Day: 1})
		if d.Explain(); d.Verdict == retention.Due {
			t.Errorf("with no fact at all it is due: %q", d.Reasons)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := retention.Restore(b); err != nil || back.Digest() != s.Digest() {
			t.Errorf("it does not come back from its JSON: %v", err)
		}
	})
}
