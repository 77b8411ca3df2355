package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/record"
	"chartvault/retention"
)

// linked is an archive with ten documents under each of two chart numbers, old
// enough to end.
type linked struct {
	*app
	t *testing.T
	s *retention.Schedule
}

const (
	oneNumber   = "7000000"
	otherNumber = "7000001"
)

func (l *linked) chart(number string) record.ChartNumber {
	l.t.Helper()
	n, err := record.ParseChartNumber(number)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

// op runs an operation that must succeed.
func (l *linked) op(name string, params any) string {
	l.t.Helper()
	var out strings.Builder
	err := l.perform(l.t.Context(), name, request{Actor: "os:test", Params: params}, func(line json.RawMessage) error {
		out.Write(append(line, '\n'))
		return nil
	})
	if err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	return out.String()
}

// is wants a verdict about the documents under the one number, from the
// decision about a document and from the evaluation of all, how many documents
// the number finds, and whether a hold marks them.
func (l *linked) is(when string, want retention.Verdict, documents int, held bool) {
	l.t.Helper()
	rows, err := l.cat.OfChart(l.t.Context(), l.chart(oneNumber))
	if err != nil || len(rows) != 10 {
		l.t.Fatalf("%s: %d rows, %v", when, len(rows), err)
	}
	d, err := l.decide(l.t.Context(), l.s, rows[0], record.DateOf(time.Now()))
	if err != nil || d.Decision.Verdict != want {
		l.t.Errorf("%s: got %s, %v, want %s", when, d.Decision.Verdict, err, want)
	}
	ev, err := l.evaluate(l.t.Context(), nil)
	if err != nil || ev.Verdicts[string(want)] < 10 {
		l.t.Errorf("%s: the evaluation has %v, %v, want at least ten %s", when, ev.Verdicts, err, want)
	}
	if got := strings.Count(l.op("get", getParams{Chart: oneNumber, List: true, Purpose: purposeCare}), `"document":"`); got != documents {
		l.t.Errorf("%s: the number finds %d documents, want %d", when, got, documents)
	}
	if got, err := l.cat.Held(l.t.Context(), rows[0].ID, rows[0].ChartToken); err != nil || got != held {
		l.t.Errorf("%s: marked as held: got %v, %v, want %v", when, got, err, held)
	}
}

// TestLinkedCharts: two linked numbers are one person's for retention, holds and
// answers, at once, after a restart and after a rebuild; undoing the link undoes
// all of it.
func TestLinkedCharts(t *testing.T) {
	a := newArchive(t, atOnce)
	link := ""
	var s *retention.Schedule
	with := func(f func(l *linked)) {
		t.Helper()
		a.inProcess(func(x *app) {
			if s == nil {
				s = inForce(t, x, oldCharts)
				deposit(t, x, 20)
				l := &linked{x, t, s}
				old := catalog.Facts{Known: []record.Fact{{Name: record.FactLastEncounter, Date: record.Date{Year: 2011, Month: 1, Day: 2}, Source: record.SourcePatientList}}}
				l.op("facts-import", factsParams{Facts: []chartFacts{{Chart: oneNumber, Facts: old}, {Chart: otherNumber, Facts: old}}})
			}
			f(&linked{x, t, s})
		})
	}
	with(func(l *linked) {
		l.is("apart", retention.Due, 10, false)
		link = idIn(t, l.op("patients-link", linkParams{Charts: []string{oneNumber, otherNumber}, Reason: "registered twice"}))
		l.is("linked", retention.Due, 20, false)
		l.op("hold-place", holdParams{Charts: []string{otherNumber}, Matter: "m", Reason: "r", Kind: record.HoldLegal})
		l.is("held under the other number", retention.Held, 20, true)
		if all, err := l.numbers(t.Context(), l.chart(otherNumber)); err != nil || len(all) != 2 || all[1].Canonical() != oneNumber {
			t.Errorf("numbers of the person: got %d, %v", len(all), err)
		}
		if err := l.perform(t.Context(), "patients-link", request{Params: linkParams{Charts: []string{otherNumber, oneNumber}, Reason: "again"}}, func(json.RawMessage) error { return nil }); err == nil {
			t.Error("a second link of the same numbers is taken")
		}
	})
	with(func(l *linked) {
		l.is("after a restart", retention.Held, 20, true)
		l.op("rebuild", struct{}{})
		l.is("after a rebuild", retention.Held, 20, true)
		f := catalog.Facts{Known: []record.Fact{{Name: record.FactLastEncounter, Date: record.DateOf(time.Now()), Source: record.SourceCorrection}}}
		if _, err := l.addFacts(t.Context(), l.chart(otherNumber), f); err != nil {
			t.Fatal(err)
		}
		l.is("seen lately under the other number", retention.Keep, 20, true)
		l.op("patients-unlink", linkParams{ID: link, Reason: "twins"})
		// Two people release what setting the numbers apart holds.
		l.is("undone", retention.Held, 10, true)
	})
}
