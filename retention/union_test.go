package retention_test

import (
	"math/rand/v2"
	"testing"

	"chartvault/record"
	"chartvault/retention"
)

func chartWith(last, born string, t *testing.T) *retention.Chart {
	t.Helper()
	var f retention.Facts
	for name, s := range map[record.FactName]string{record.FactLastEncounter: last, record.FactBorn: born} {
		if s == "" {
			continue
		}
		d, err := record.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		f.Known = append(f.Known, record.Fact{Name: name, Date: d, Source: record.SourcePatientList})
	}
	return f.Resolve()
}

// TestUnion: of two charts of one person the later date counts; what one says
// nothing of is not known; what one knows to be open stays open.
func TestUnion(t *testing.T) {
	open := (&retention.Facts{Encounters: []record.Encounter{{ID: "1", Begin: record.Date{Year: 2001, Month: 2, Day: 3}}}}).Resolve()
	for name, c := range map[string]struct {
		charts []*retention.Chart
		want   string
	}{
		"the later":          {[]*retention.Chart{chartWith("2001-02-03", "", t), chartWith("2009-01-01", "", t)}, "2009-01-01"},
		"the later, first":   {[]*retention.Chart{chartWith("2009-01-01", "", t), chartWith("2001-02-03", "", t)}, "2009-01-01"},
		"one says nothing":   {[]*retention.Chart{chartWith("", "", t), chartWith("2001-02-03", "", t)}, ""},
		"one is open":        {[]*retention.Chart{chartWith("2009-01-01", "", t), open}, ""},
		"open, then a third": {[]*retention.Chart{open, chartWith("2009-01-01", "", t), chartWith("2010-01-01", "", t)}, ""},
	} {
		if got := retention.Union(c.charts...).LastEncounter.Date.String(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestUnionIsNeverEarlier: nothing that is due for a person was not due for
// every one of the charts, whichever facts they have.
func TestUnionIsNeverEarlier(t *testing.T) {
	s, err := retention.ParseSchedule("format = 2\nversion = \"t\"\n[types]\nchart = [\"*\"]\n[[rule]]\nid = \"c\"\nclass = \"chart\"\ncitation = \"made-up law\"\nconfidence = \"high\"\ntrigger = \"last_encounter\"\nyears = 10\n", retention.None{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	day := func() string {
		if r.IntN(4) == 0 {
			return "" // it is not known
		}
		return record.Date{Year: 1990 + r.IntN(30), Month: 1 + r.IntN(12), Day: 1 + r.IntN(28)}.String()
	}
	today := record.Date{Year: 2020, Month: 1, Day: 1}
	due := 0
	for range 3000 {
		a, b := chartWith(day(), day(), t), chartWith(day(), day(), t)
		sub := retention.Subject{Document: record.ID{1}, Type: "PROGRESS_NOTE", Chart: "x"}
		u := s.Decide(sub, retention.Union(a, b), nil, today)
		if u.Verdict != retention.Due {
			continue
		}
		due++
		for _, c := range []*retention.Chart{a, b} {
			if d := s.Decide(sub, c, nil, today); d.Verdict != retention.Due {
				t.Fatalf("due for the person, and %s for a chart with %+v", d.Verdict, c.LastEncounter)
			}
		}
	}
	if due == 0 {
		t.Error("nothing was ever due")
	}
}
