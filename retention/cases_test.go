package retention_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"chartvault/record"
	"chartvault/retention"
	"chartvault/retention/pack"
)

func date(t testing.TB, s string) record.Date {
	t.Helper()
	d, err := record.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func library(t testing.TB) *pack.Library {
	t.Helper()
	l, err := pack.Open()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// schedule parses the body of a schedule with rules of its own.
func schedule(t testing.TB, text string) *retention.Schedule {
	t.Helper()
	s, err := retention.ParseSchedule("format = 2\nversion = \"test-1\"\n"+text, library(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told reads "born=1950 service=2001-06-10 discharge=..." into a subject and facts.
func told(t testing.TB, text string) (retention.Subject, *retention.Facts) {
	t.Helper()
	d, f := retention.Subject{Type: "PROBE", Pages: 1}, &retention.Facts{}
	for _, word := range strings.Fields(text) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "service":
			d.Service = date(t, value)
		case "until":
			d.KeepUntil = date(t, value)
		case "not":
			f.Known = append(f.Known, record.Fact{Name: record.FactName(value), Answer: record.No})
		case "stay":
			begin, end, _ := strings.Cut(value, "/")
			f.Encounters = append(f.Encounters, record.Encounter{ID: fmt.Sprint(len(f.Encounters)), Begin: date(t, begin), End: date(t, end)})
		case "latest":
			f.LatestService = date(t, value)
		default:
			source := record.SourcePatientList
			if n, ok := strings.CutPrefix(name, "corrected:"); ok {
				name, source = n, record.SourceCorrection
			}
			if n, ok := strings.CutPrefix(name, "retrieved:"); ok {
				name, source = n, record.SourceRetrieval
			}
			if n, ok := strings.CutPrefix(name, "index:"); ok {
				name, source = n, record.SourceIndex
			}
			f.Known = append(f.Known, record.Fact{Name: record.FactName(name), Date: date(t, value), Source: source})
		}
	}
	return d, f
}

// check holds a decision against a day, on that day and on the day before.
func check(t *testing.T, s *retention.Schedule, d retention.Subject, f *retention.Facts, want string) {
	t.Helper()
	c := f.Resolve()
	switch want {
	case "unresolved", "permanent":
		got := s.Decide(d, c, nil, date(t, "9000-01-01"))
		if string(got.Verdict) != want || !got.Due.IsZero() {
			t.Errorf("got %s on %s, want %s; %q", got.Verdict, got.Due, want, got.Explain().Reasons)
		}
	default:
		day := date(t, want)
		before, on, after := s.Decide(d, c, nil, day.AddDays(-1)), s.Decide(d, c, nil, day), s.Decide(d, c, nil, day.AddDays(1))
		if before.Due != day || before.Verdict != retention.Keep || on.Verdict != retention.Due || after.Verdict != retention.Due {
			t.Errorf("got %s before, %s on and %s after the day, due %s, want %s; %q", before.Verdict, on.Verdict, after.Verdict, on.Due, want, on.Explain().Reasons)
		}
	}
}

// TestCases holds every shipped rule against days worked out apart from the
// program: both populations, leap days, partial dates, majority at 18, 19 and
// 21, and in each case the day before, the day and the day after.
func TestCases(t *testing.T) {
	f, err := os.Open("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // read-only
	lib, made, n := library(t), map[string]*retention.Schedule{}, 0
	get := func(t *testing.T, code, class string, confirmed bool) *retention.Schedule {
		key := fmt.Sprint(code, class, confirmed)
		if made[key] == nil {
			s, err := retention.ParseSchedule(probeSchedule(t, lib, code, class, confirmed), lib)
			if err != nil {
				t.Fatal(err)
			}
			made[key] = s
		}
		return made[key]
	}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line := sc.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(line, " | ")
		if len(col) != 5 {
			t.Fatalf("%d columns in %q", len(col), line)
		}
		n++
		t.Run(strings.Join(col[:3], "/"), func(t *testing.T) {
			d, facts := told(t, col[3])
			want, confirmed := strings.CutSuffix(col[4], " confirmed")
			if confirmed {
				check(t, get(t, col[0], col[1], false), d, facts, "unresolved")
			}
			check(t, get(t, col[0], col[1], confirmed), d, facts, want)
		})
	}
	if n < 400 {
		t.Errorf("got %d cases, want at least 400", n)
	}
}

// probeSchedule is a schedule of one jurisdiction in which the document type
// PROBE belongs to a class.
func probeSchedule(t *testing.T, lib *pack.Library, code, class string, confirmed bool) string {
	t.Helper()
	j, ok := lib.Jurisdiction(code)
	if !ok {
		t.Fatalf("no jurisdiction %s", code)
	}
	text := fmt.Sprintf("format = 2\nversion = \"cases\"\nuse = [%q]\n", code)
	if !strings.Contains(strings.Join(lib.Classes()[class], " "), "*") {
		text += fmt.Sprintf("[types]\n%q = [\"PROBE\"]\n", class)
	}
	for _, r := range j.Rules {
		if confirmed && r.Confidence == "low" && !r.Open {
			text += fmt.Sprintf("[[confirm]]\nrule = %q\nby = \"test\"\non = \"2026-11-01\"\nreason = \"test\"\n", r.ID)
		}
	}
	return text
}
