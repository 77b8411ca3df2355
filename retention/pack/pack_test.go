package pack_test

import (
	"encoding/csv"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/record"
	"chartvault/retention"
	"chartvault/retention/pack"
)

func open(t testing.TB) *pack.Library {
	t.Helper()
	l, err := pack.Open()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestShipped: every jurisdiction makes a schedule by itself, every class is
// mapped, every rule is cited.
func TestShipped(t *testing.T) {
	l := open(t)
	rules := 0
	for _, code := range l.Codes() {
		j, _ := l.Jurisdiction(code)
		s, err := retention.ParseSchedule("format = 2\nversion = \"1\"\nuse = [\""+code+"\"]\n", l)
		if err != nil {
			t.Errorf("%s: %v", code, err)
			continue
		}
		if want := max(j.Majority, 18); s.Majority != want {
			t.Errorf("%s: majority: got %d, want %d", code, s.Majority, want)
		}
		for _, r := range j.Rules {
			rules++
			if _, ok := l.Classes()[r.Class]; !ok {
				t.Errorf("rule %s: no types for the class %s", r.ID, r.Class)
			}
			if r.Confidence == "" || r.Citation == "" || r.Jurisdiction != code {
				t.Errorf("rule %s: got %+v", r.ID, r)
			}
		}
	}
	states := slices.DeleteFunc(l.Codes(), func(c string) bool { return len(c) != 5 || !strings.HasPrefix(c, "US-") || c == "US-CMS" })
	states = slices.DeleteFunc(states, func(c string) bool { return c == "US-FDA" || c == "US-HHS" || c == "US-DEA" })
	if len(states) != 51 {
		t.Errorf("got %d states with DC, want 51: %v", len(states), states)
	}
	t.Logf("%d rules of %d jurisdictions", rules, len(l.Codes()))
}

// TestLowConfidence: a rule of low confidence is there and makes nothing due
// until a person answers for it; a period left to the site likewise.
func TestLowConfidence(t *testing.T) {
	l := open(t)
	born, _ := record.ParseDate("1950-01-01")
	old, _ := record.ParseDate("1980-01-01")
	c := (&retention.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: born}, {Name: record.FactDischarge, Date: old}, {Name: record.FactCaseClosed, Date: old}}}).Resolve()
	today, _ := record.ParseDate("2026-11-26")
	head := "format = 2\nversion = \"1\"\nuse = [\"US-WY\", \"US\"]\n"
	confirm := "[[confirm]]\nrule = \"us-wy.hospital_record.adult.discharge\"\nby = \"director\"\non = \"2026-11-01\"\nreason = \"counsel read it\"\n"
	years := "[[confirm]]\nrule = \"us.workers_comp_record.any.case_closed\"\nyears = 12\nby = \"director\"\non = \"2026-11-01\"\nreason = \"state fund\"\n"
	for _, tt := range []struct {
		name, text, typ string
		want            retention.Verdict
	}{
		{"as shipped", head, "LAB_REPORT", retention.Unresolved},
		{"confirmed", head + confirm, "LAB_REPORT", retention.Due},
		{"period not set", head + confirm, "WORKERS_COMP", retention.Unresolved},
		{"period set", head + confirm + years, "WORKERS_COMP", retention.Due},
	} {
		s, err := retention.ParseSchedule(tt.text, l)
		if err != nil {
			t.Fatal(err)
		}
		d := s.Decide(retention.Subject{Type: tt.typ, Service: old}, c, nil, today)
		if d.Verdict != tt.want {
			t.Errorf("%s: got %s, want %s: %q", tt.name, d.Verdict, tt.want, d.Explain().Reasons)
		}
	}
	_, err := retention.ParseSchedule(head+strings.Replace(confirm, "director", "", 1), l)
	if !errors.Is(err, record.ErrInvalid) {
		t.Errorf("confirmed by nobody: got %v, want ErrInvalid", err)
	}
}

// TestFactsTable holds the shipped rules against the table of facts they were
// made from, row by row, where that table is at hand.
func TestFactsTable(t *testing.T) {
	f, err := os.Open("../../../shared/retention-facts.csv")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the table of facts is not beside this clone; the rules are tested on their own")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // read-only
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	l := open(t)
	for i, row := range rows[1:] {
		jur, class, pop, trigger, years, citation, confidence := row[0], strings.ToLower(row[1]), row[2], row[3], row[4], row[6], row[7]
		j, ok := l.Jurisdiction(jur)
		if !ok {
			t.Errorf("row %d: no jurisdiction %s", i+2, jur)
			continue
		}
		if trigger == "none" || class == "phi_protection" {
			if len(j.Notes) == 0 {
				t.Errorf("row %d: %s says what is no period, and its notes are empty", i+2, jur)
			}
			continue
		}
		if !slices.ContainsFunc(j.Rules, func(r retention.Rule) bool {
			return r.Class == class && has(r, trigger, years) && r.Confidence == confidence &&
				(string(r.Population) == pop || r.Combine == retention.AnyOf) && (r.Citation == citation || citation == "same")
		}) {
			t.Errorf("row %d: no rule for %s, %s, %s, %s and %s years", i+2, jur, class, pop, trigger, years)
		}
	}
}

func has(r retention.Rule, trigger, years string) bool {
	if trigger == "permanent" {
		return r.Permanent
	}
	if trigger == "follows_record" {
		trigger = "event:record_end"
	}
	n, err := strconv.Atoi(years)
	return slices.ContainsFunc(r.Clocks, func(c retention.Clock) bool {
		return string(c.Trigger) == trigger && (err == nil && c.Years == n || err != nil && r.Open)
	})
}

// TestPackIsStable: a schedule in force does not depend on the library.
func TestPackIsStable(t *testing.T) {
	l := open(t)
	s, err := retention.ParseSchedule("format = 2\nversion = \"1\"\nzone = \"America/Chicago\"\nuse = [\"US-CMS\", \"US-TX\"]\n", l)
	if err != nil {
		t.Fatal(err)
	}
	if day := s.Today(time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)).String(); day != "2025-12-31" {
		t.Errorf("today in Chicago: got %s, want 2025-12-31", day)
	}
	if len(s.Idle()) == 0 {
		t.Error("rules for other kinds of facilities should rest until a site maps them")
	}
}
