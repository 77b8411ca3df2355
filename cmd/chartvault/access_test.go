package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// lines runs an operation as somebody and returns its lines.
func lines[T any](t *testing.T, a *app, who record.Actor, op string, params any) (out []T, err error) {
	t.Helper()
	err = a.perform(t.Context(), op, request{Actor: who, Params: params}, func(b json.RawMessage) error {
		var l T
		err := json.Unmarshal(b, &l)
		out = append(out, l)
		return err
	})
	return out, err
}

// TestAbout: a chart's list says whose it is, under which other numbers, what holds
// bind it and when its documents may end, and the log has the look first.
func TestAbout(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	list := "chart_number,name,date_of_birth,aliases\n" + oneChart + ",\"TESTPATIENT, ZEBRA\",1950-01-02,7000001\n"
	if _, err := lines[json.RawMessage](t, r.app, "os:test", "patients-import", patientsParams{CSV: list}); err != nil {
		t.Fatal(err)
	}
	if _, err := lines[json.RawMessage](t, r.app, "os:test", "hold-place", holdParams{Charts: []string{oneChart}, Kind: "legal", Matter: "matter 7", Reason: "in court"}); err != nil {
		t.Fatal(err)
	}
	number, err := record.ParseChartNumber(oneChart)
	if err != nil {
		t.Fatal(err)
	}
	over := record.Fact{Name: record.FactLastEncounter, Date: record.Date{Year: 2009, Month: 5, Day: 6}, Source: record.SourcePatientList}
	if _, err := r.addFacts(t.Context(), number, catalog.Facts{Known: []record.Fact{over}}); err != nil {
		t.Fatal(err)
	}
	inForce(t, r.app, oldCharts)
	if _, err := r.evaluate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]accounts.Role{"one": accounts.Records, "doctor": accounts.Clinician} {
		if err := (people{r.app}).PutUser(t.Context(), "os:test", accounts.User{Name: name, Roles: []accounts.Role{role}}); err != nil {
			t.Fatal(err)
		}
	}
	size := r.arch.Log.Size()
	got, err := lines[getLine](t, r.app, "user:one", "get", getParams{Chart: oneChart, Purpose: "operations", List: true, About: true})
	if err != nil || len(got) != 2 || got[0].About == nil || got[1].Document == nil {
		t.Fatalf("got %+v, %v, want what it is about and a document", got, err)
	}
	if l := *got[0].About; l.Name != "TESTPATIENT, ZEBRA" || l.Born != "1950-01-02" || !slices.Equal(l.Numbers, []string{"7000001"}) || !slices.Equal(l.Holds, []string{"legal: matter 7"}) {
		t.Errorf("about: got %+v", l)
	}
	if due := got[1].Document.Due; due < "2010" || due > "2030" {
		t.Errorf("it may end from %q, want some years after its last encounter", due)
	}
	if n := r.arch.Log.Size() - size; n != 1 {
		t.Errorf("it made %d entries of the log, want 1", n)
	}
	told, err := lines[getLine](t, r.app, "user:doctor", "get", getParams{Chart: oneChart, Purpose: "operations", List: true, About: true})
	if err != nil || len(told) != 2 || len(told[0].About.Holds) != 1 || strings.Contains(told[0].About.Holds[0], "matter") {
		t.Errorf("whoever may not see holds: got %+v, %v", told, err)
	}
	plain, err := lines[getLine](t, r.app, "user:one", "get", getParams{Chart: oneChart, Purpose: "operations", List: true})
	if err != nil || len(plain) != 1 || plain[0].About != nil {
		t.Errorf("without it: got %+v, %v", plain, err)
	}
}

// TestAccess: whoever may ask sees from the log who looked a chart up, saw a page of
// it or was turned away, under any number of its person, and nothing of other charts;
// to ask is in the log too.
func TestAccess(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	do := func(who record.Actor, op string, params any) error {
		_, err := lines[json.RawMessage](t, r.app, who, op, params)
		return err
	}
	ask := func(chart string, from record.Date) []accessLine {
		t.Helper()
		ls, err := lines[accessLine](t, r.app, "user:auditor", "access", accessParams{chart, from})
		if err != nil {
			t.Fatal(err)
		}
		return ls
	}
	before := len(ask(oneChart, record.Date{}))
	if err := errors.Join(
		do("user:one", "get", getParams{Chart: oneChart, Purpose: "operations", List: true}),
		do("user:two", "page", pageParams{Document: r.doc, Page: 1, Purpose: "release"}),
		do("user:two", "get", getParams{Chart: "9237654", Purpose: "operations", List: true}), // another chart
		do("user:two", "search", searchParams{Query: "chart:" + oneChart + " the", Limit: 5}),
		do("user:two", "search", searchParams{Query: "the", Limit: 5}),
		do("user:two", "patients-pull", pullParams{Charts: []string{"7777777", oneChart}}),
	); err != nil && !errors.Is(err, record.ErrNotFound) {
		t.Fatal(err)
	}
	if err := do("user:director", "restriction-shut", map[string]any{"charts": []string{oneChart}, "why": "of staff", "matter": "m", "named": []string{}}); err != nil {
		t.Fatal(err)
	}
	for _, op := range []func() error{
		func() error {
			return do("user:three", "get", getParams{Chart: oneChart, Purpose: "operations", List: true})
		},
		func() error {
			return do("user:four", "page", pageParams{Document: r.doc, Page: 2, Purpose: "release"})
		},
	} {
		if err := op(); !errors.Is(err, record.ErrDenied) {
			t.Fatalf("a restricted chart: got %v, want %v", err, record.ErrDenied)
		}
	}
	var got []string
	for _, l := range ask(oneChart, record.Date{})[before:] {
		got = append(got, fmt.Sprint(l.Actor, " ", l.Act, " ", l.Purpose, l.Document == r.doc.String()))
	}
	want := []string{"user:one chart.lookup operationsfalse", "user:two document.read releasetrue", "user:two search false", "user:two patients.pull_list false", "user:three chart.refused false", "user:four chart.refused true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if ls := ask("6666666", record.Date{}); len(ls) != 0 {
		t.Errorf("of nobody's chart: got %+v", ls)
	}
	tomorrow := record.DateOf(time.Now().AddDate(0, 0, 2))
	if ls := ask(oneChart, tomorrow); len(ls) != 0 {
		t.Errorf("of the days that come: got %+v", ls)
	}
	if es := r.actions(); es[len(es)-1] != audit.ActAccessListed {
		t.Errorf("the log ends with %s, want %s", es[len(es)-1], audit.ActAccessListed)
	}
}

// actions are what the log's entries are about.
func (r *releasing) actions() (out []audit.Action) {
	r.t.Helper()
	if err := r.entries(0, func(e audit.Entry) error {
		out = append(out, e.Action)
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// TestAuditList: the log is listed by act and by person, part by part, and says how
// far back was looked where not all was.
func TestAuditList(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	for range 3 {
		if _, err := lines[json.RawMessage](t, r.app, "user:two", "page", pageParams{Document: r.doc, Page: 1, Purpose: "release"}); err != nil {
			t.Fatal(err)
		}
	}
	all := r.actions()
	for _, tt := range []struct {
		p    listParams
		want func(audit.Action) bool
	}{
		{listParams{Action: "document.read"}, func(a audit.Action) bool { return a == audit.ActDocumentRead }},
		{listParams{Action: "batch."}, func(a audit.Action) bool { return strings.HasPrefix(string(a), "batch.") }},
		{listParams{}, func(audit.Action) bool { return true }},
		{listParams{Action: "nothing"}, func(audit.Action) bool { return false }},
	} {
		want := 0
		for _, a := range all {
			if tt.want(a) {
				want++
			}
		}
		n := 0
		for p := tt.p; ; {
			p.Limit = 2
			es, err := lines[entryLine](t, r.app, "user:auditor", "audit-list", p)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range es {
				if !tt.want(e.Action) {
					t.Errorf("%+v: got %+v", tt.p, e)
				}
			}
			if n += len(es); len(es) < 2 {
				break
			}
			p.Before = es[len(es)-1].Seq
			if p.Before == 0 {
				break
			}
		}
		if n != want {
			t.Errorf("%+v: got %d entries, want %d", tt.p, n, want)
		}
	}
	es, err := lines[entryLine](t, r.app, "user:auditor", "audit-list", listParams{Limit: 50, Actor: "user:two"})
	if err != nil || len(es) != 3 {
		t.Errorf("of one person: got %+v, %v, want three", es, err)
	}
}

// TestReport: months are summed up as they are asked for, and people by what they
// did.
func TestReport(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	waiting, err := r.cat.InState(t.Context(), record.DocumentQA)
	if err != nil || len(waiting) != 1 {
		t.Fatal(len(waiting), err)
	}
	for _, step := range []struct {
		op     string
		params any
	}{
		{"qa-reject", rejectParams{Document: waiting[0].ID, Reason: "pages are missing"}},
		{"qa-assign", assignment{Document: waiting[0].ID, Chart: "9237654", Type: "LETTER"}},
		{"qa-assign", assignment{Document: waiting[0].ID, Chart: "9237654", Type: "CONSENT"}},
		{"correct", correctParams{Act: "split", Documents: []string{r.doc.String()}, Pages: []int{2}, Reason: "two visits"}},
	} {
		if _, err := lines[json.RawMessage](t, r.app, "user:b.clerk", step.op, step.params); err != nil {
			t.Fatalf("%s: %v", step.op, err)
		}
	}
	ask := func(p reportWanted) (reportLine, error) {
		ls, err := lines[reportLine](t, r.app, "user:director", "report", p)
		if err != nil {
			return reportLine{}, err
		}
		return ls[0], nil
	}
	l, err := ask(reportWanted{})
	if err != nil || len(l.Months) != 12 || len(l.People) != 1 {
		t.Fatalf("got %+v, %v, want twelve months and one person", l, err)
	}
	if want := (personWork{Who: "user:b.clerk", Days: 1, Settled: 2, SentBack: 1, Corrected: 1}); l.People[0] != want {
		t.Errorf("people: got %+v, want %+v", l.People[0], want)
	}
	all, err := r.cat.Batches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	for _, b := range all {
		pages += b.Counts.PagesIn
	}
	if m := l.Months[11]; m.Batches != len(all) || m.Pages != pages || m.Corrected != 1 {
		t.Errorf("this month: got %+v, want %d batches of %d pages, and a correction", m, len(all), pages)
	}
	if l, err = ask(reportWanted{Months: 3, To: "2020-02"}); err != nil || len(l.Months) != 3 || l.Months[0].Month != "2019-12" || l.Months[2].Batches != 0 || len(l.People) != 0 || len(l.Sources) != 0 {
		t.Errorf("three months of long ago: got %+v, %v", l, err)
	}
	for _, p := range []reportWanted{{Months: 61}, {Months: -1}, {To: "soon"}} {
		if _, err := ask(p); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%+v: got %v, want %v", p, err, record.ErrInvalid)
		}
	}
}
