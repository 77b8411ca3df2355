package release_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"chartvault/record"
	"chartvault/release"
)

// office is a desk over charts and registers in memory.
type office struct {
	*release.Desk
	requests    map[string]release.Request
	order       []string
	disclosures []release.Disclosure
	holdings    []release.Holding
	now         time.Time
	broken      error // of the next write
	next        error // of the write after the next disclosure
}

func newOffice(t testing.TB, state string) *office {
	t.Helper()
	rules, err := release.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	o := &office{requests: map[string]release.Request{}, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} // a Monday
	o.Desk = &release.Desk{Register: o, Charts: o, Rules: rules, State: state, Now: func() time.Time { return o.now }, Zone: time.UTC}
	o.holdings = []release.Holding{
		{ID: record.ID{1}, Type: "PROGRESS_NOTE", Service: date("2019-04-01"), Pages: 3, State: record.DocumentFiled},
		{ID: record.ID{2}, Type: "LAB_REPORT", Service: date("2021-07-09"), Pages: 2, State: record.DocumentFiled, Labels: map[int][]string{2: {"hiv"}}},
		{ID: record.ID{3}, Type: "PSYCHOTHERAPY_NOTE", Pages: 1, State: record.DocumentFiled, Labels: map[int][]string{1: {"psychotherapy"}}},
		{ID: record.ID{4}, Type: "ECG", Pages: 4, State: record.DocumentDestroyed, DestroyedOn: date("2025-01-01"), Under: "certificate 000001"},
	}
	return o
}

func date(s string) record.Date {
	d, err := record.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func (o *office) Request(_ context.Context, id string) (release.Request, error) {
	r, ok := o.requests[id]
	if !ok {
		return r, record.ErrNotFound
	}
	return r, nil
}

func (o *office) Requests(_ context.Context, f func(release.Request) error, states ...release.State) error {
	for _, id := range o.order {
		if r := o.requests[id]; len(states) == 0 || slices.Contains(states, r.State) {
			if err := f(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *office) PutRequest(_ context.Context, _ record.Actor, r release.Request) error {
	if err := o.broken; err != nil {
		o.broken = nil
		return err
	}
	if _, ok := o.requests[r.ID]; !ok {
		o.order = append(o.order, r.ID)
	}
	o.requests[r.ID] = r
	return nil
}

func (o *office) Disclosures(_ context.Context, f func(release.Disclosure) error) error {
	for _, d := range o.disclosures {
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}

func (o *office) PutDisclosure(_ context.Context, _ record.Actor, d release.Disclosure) error {
	if err := o.broken; err != nil {
		o.broken = nil
		return err
	}
	if i := slices.IndexFunc(o.disclosures, func(x release.Disclosure) bool { return x.ID == d.ID }); i >= 0 {
		o.disclosures[i] = d
		return nil
	}
	o.disclosures = append(o.disclosures, d)
	if o.next != nil {
		o.broken, o.next = o.next, nil
	}
	return nil
}

func (o *office) Count(context.Context) (int, int, error) {
	return len(o.order), len(o.disclosures), nil
}

func (o *office) Holdings(context.Context, []string, func(string, string) []string) ([]release.Holding, error) {
	return o.holdings, nil
}

func (o *office) Same(x, y string) bool { return x == y }

// take takes a request of a class in hand.
func (o *office) take(t testing.TB, class string) release.Request {
	t.Helper()
	r, err := o.Take(t.Context(), "clerk", release.Request{Class: class, Requester: release.Party{Name: "Alpha Testpatient"}, Patient: "Alpha Testpatient", Charts: []string{"1001"}, What: "the record", Purpose: "its own"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func authorisation() *release.Authorisation {
	return &release.Authorisation{Information: "all", Discloser: "Sample Hospital", Recipient: "Sample & Sample", Purpose: "a claim", Expires: date("2026-12-31"), Signed: date("2026-01-01"), Signer: "Alpha Testpatient",
		Revocation: true, Conditions: true, Redisclose: true, Plain: true, Covers: true}
}

// grounds are complete for a class.
func grounds(c release.Class) release.Grounds {
	return release.Grounds{Identity: "photo identity", Acting: "guardian", Relationship: "treatment", Reference: "docket 1", Dated: date("2026-02-01"), Basis: "law", Assurance: "notice", Authorisation: authorisation()}
}

// want wants an error of a kind; nil for none.
func want(t *testing.T, what string, got, kind error) {
	t.Helper()
	if !errors.Is(got, kind) || kind == nil && got != nil {
		t.Errorf("%s: got %v, want %v", what, got, kind)
	}
}

// TestDay goes the usual way, and asks at each step for what must not be.
func TestDay(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	r := o.take(t, "patient")
	if r.ID != "R000001" || r.Due() != date("2026-04-01") || r.Recipient.Name != "Alpha Testpatient" {
		t.Fatalf("taken: got %s due %s for %q", r.ID, r.Due(), r.Recipient.Name)
	}
	_, err := o.Submit(ctx, "clerk", r.ID)
	want(t, "submit an empty one", err, record.ErrNotReady)
	_, err = o.Ground(ctx, "clerk", r.ID, release.Grounds{Identity: "known in person"})
	want(t, "ground", err, nil)
	r, err = o.Choose(ctx, "clerk", r.ID, nil, true, "")
	want(t, "choose", err, nil)
	if got := fmt.Sprint(r.Chosen); r.Pages() != 5 || r.Takes(record.ID{3}, 1) || !r.Takes(record.ID{2}, 2) {
		t.Errorf("offered to the patient: got %s, want all but the psychotherapy note", got)
	}
	_, err = o.Submit(ctx, "clerk", r.ID)
	want(t, "submit without saying what is left out", err, record.ErrNotReady)
	_, err = o.Choose(ctx, "clerk", r.ID, r.Chosen, false, "kept apart from the record")
	want(t, "say what is left out", err, nil)
	_, err = o.Redact(ctx, "helper", r.ID, release.Redaction{Document: record.ID{1}, Page: 2, Boxes: [][4]int{{1, 2, 3, 4}}, Why: "another patient"})
	want(t, "redact", err, nil)
	_, err = o.Check(ctx, "second", r.ID, o.requests[r.ID].Version, true, "")
	want(t, "check before it is given", err, record.ErrNotReady)
	_, err = o.Submit(ctx, "clerk", r.ID)
	want(t, "submit", err, nil)
	for _, who := range []record.Actor{"clerk", "helper"} {
		_, err = o.Check(ctx, who, r.ID, o.requests[r.ID].Version, true, "")
		want(t, "check one's own", err, record.ErrDenied)
	}
	_, _, _, err = o.Ready(ctx, r.ID)
	want(t, "hand over unchecked", err, record.ErrNotReady)
	_, err = o.Check(ctx, "second", r.ID, o.requests[r.ID].Version-1, true, "")
	want(t, "check what was changed since", err, record.ErrNotReady)
	r, err = o.Check(ctx, "second", r.ID, o.requests[r.ID].Version, true, "")
	want(t, "check", err, nil)
	if r.State != release.Approved || r.Checked != "second" {
		t.Errorf("checked: got %s by %s", r.State, r.Checked)
	}
	p := release.Package{Format: "pdf", SHA256: "00", Pages: 7}
	_, err = o.Disclose(ctx, "clerk", r.ID, r.Version-1, p, release.Handing{Method: "by post"})
	want(t, "hand over what was changed since", err, record.ErrBusy)
	_, err = o.Disclose(ctx, "clerk", r.ID, r.Version, p, release.Handing{})
	want(t, "hand over without saying how", err, record.ErrInvalid)
	o.broken = errors.New("the store is away")
	_, err = o.Disclose(ctx, "clerk", r.ID, r.Version, p, release.Handing{Method: "by post"})
	if err == nil || len(o.disclosures) != 0 || o.requests[r.ID].State != release.Approved {
		t.Errorf("hand over while nothing can be written: got %v, %d disclosures, %s", err, len(o.disclosures), o.requests[r.ID].State)
	}
	o.next = errors.New("the store is away again")
	if _, err := o.Disclose(ctx, "clerk", r.ID, r.Version, p, release.Handing{Method: "in person"}); err == nil || o.requests[r.ID].State != release.Approved {
		t.Errorf("hand over while the request cannot be written: got %v, %s", err, o.requests[r.ID].State)
	}
	d, err := o.Disclose(ctx, "clerk", r.ID, r.Version, p, release.Handing{Method: "by post"})
	want(t, "hand over", err, nil)
	if len(o.disclosures) != 1 || o.disclosures[0].Method != "by post" {
		t.Errorf("hand over what failed before: got %d disclosures", len(o.disclosures))
	}
	if d.ID != "D000001" || d.Accounted || d.Pages != 5 || !strings.Contains(d.What, "progress note (3), lab report (2)") || d.Checked != "second" {
		t.Errorf("disclosure: got %+v", d)
	}
	_, err = o.Choose(ctx, "clerk", r.ID, nil, true, "")
	want(t, "change a closed one", err, record.ErrInvalid)
	_, err = o.Disclose(ctx, "clerk", r.ID, r.Version+1, p, release.Handing{Method: "by post"})
	want(t, "hand over again without a reason", err, record.ErrInvalid)
	d, err = o.Disclose(ctx, "clerk", r.ID, r.Version+1, p, release.Handing{Method: "by post", Again: "lost in the post"})
	want(t, "hand over again", err, nil)
	if len(o.disclosures) != 2 || d.Again == "" {
		t.Errorf("again: got %d disclosures", len(o.disclosures))
	}
}

// TestChangesUndoTheCheck: whatever is changed after the check, or while somebody
// checks, has to be checked again; what says nothing about what goes out has not.
func TestChangesUndoTheCheck(t *testing.T) {
	changes := map[string]func(o *office, ctx context.Context, id string) error{
		"ground": func(o *office, ctx context.Context, id string) error {
			_, err := o.Ground(ctx, "clerk", id, release.Grounds{Identity: "x", Relationship: "y"})
			return err
		},
		"choose": func(o *office, ctx context.Context, id string) error {
			_, err := o.Choose(ctx, "clerk", id, []release.Choice{{Document: record.ID{1}, Pages: []int{1}}}, false, "")
			return err
		},
		"redact": func(o *office, ctx context.Context, id string) error {
			_, err := o.Redact(ctx, "clerk", id, release.Redaction{Document: record.ID{1}, Page: 1})
			return err
		},
		"clear": func(o *office, ctx context.Context, id string) error {
			_, err := o.Clear(ctx, "clerk", id, release.Clearance{Document: record.ID{2}, Page: 2, Class: "hiv", Why: "a hearing test"})
			return err
		},
		"waive": func(o *office, ctx context.Context, id string) error {
			_, err := o.Waive(ctx, "clerk", id, "courtesy")
			return err
		},
		"return": func(o *office, ctx context.Context, id string) error {
			_, err := o.Return(ctx, "clerk", id, "sign it")
			return err
		},
		"send back": func(o *office, ctx context.Context, id string) error {
			_, err := o.Submit(ctx, "clerk", id)
			if err == nil {
				_, err = o.Check(ctx, "second", id, 0, false, "page 2 is another patient's")
			}
			return err
		},
		"extend": func(o *office, ctx context.Context, id string) error {
			_, err := o.Extend(ctx, "clerk", id, date("2026-04-20"), "the chart is at another site")
			return err
		},
	}
	for name, change := range changes {
		o, ctx := newOffice(t, ""), t.Context()
		r := o.take(t, "provider")
		if name == "extend" {
			r.Class, r.Term = "patient", release.Term{Due: date("2026-04-01"), Extension: 30}
			o.requests[r.ID] = r
		}
		for _, err := range []error{
			second(o.Ground(ctx, "clerk", r.ID, release.Grounds{Identity: "x", Relationship: "treatment"})),
			second(o.Choose(ctx, "clerk", r.ID, []release.Choice{{Document: record.ID{1}, Pages: []int{1}}}, false, "of another visit")),
			second(o.Submit(ctx, "clerk", r.ID)), second(o.Check(ctx, "second", r.ID, o.requests[r.ID].Version, true, "")),
		} {
			want(t, name, err, nil)
		}
		want(t, name, change(o, ctx, r.ID), nil)
		_, _, _, err := o.Ready(ctx, r.ID)
		if name == "extend" {
			want(t, name+", and hand over", err, nil)
			continue
		}
		want(t, name+", and hand over", err, record.ErrNotReady)
		if s := o.requests[r.ID].State; s == release.Approved || s == release.Checking {
			t.Errorf("%s: it is %s still", name, s)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestArchiveChanged: a check does not outlive what it looked at.
func TestArchiveChanged(t *testing.T) {
	for name, change := range map[string]func(h *release.Holding){
		"destroyed":  func(h *release.Holding) { h.State = record.DocumentDestroyed },
		"superseded": func(h *release.Holding) { h.State = record.DocumentSuperseded },
		"in doubt":   func(h *release.Holding) { h.State = record.DocumentQA },
		"sensitive":  func(h *release.Holding) { h.Labels = map[int][]string{1: {"substance_use"}} },
		"damaged":    func(h *release.Holding) { h.Unread = true },
		"elsewhere":  func(h *release.Holding) { h.ID = record.ID{9} },
		"shorter":    func(h *release.Holding) { h.Pages = 0 },
	} {
		o, ctx := newOffice(t, ""), t.Context()
		r := o.take(t, "provider")
		for _, err := range []error{
			second(o.Ground(ctx, "clerk", r.ID, release.Grounds{Identity: "x", Relationship: "treatment"})),
			second(o.Choose(ctx, "clerk", r.ID, []release.Choice{{Document: record.ID{1}, Pages: []int{1}}}, false, "")),
			second(o.Submit(ctx, "clerk", r.ID)), second(o.Check(ctx, "second", r.ID, o.requests[r.ID].Version, true, "")),
		} {
			want(t, name, err, nil)
		}
		r = o.requests[r.ID]
		change(&o.holdings[0])
		_, err := o.Disclose(ctx, "clerk", r.ID, r.Version, release.Package{}, release.Handing{Method: "by post"})
		want(t, name, err, record.ErrNotReady)
		if len(o.disclosures) > 0 {
			t.Errorf("%s: a disclosure is written down", name)
		}
	}
}

// TestSensitive: for every class of requesters and every sensitive class, a page
// goes out only to whom it is their own, under an authority that names it, or when
// a person said that it is none.
func TestSensitive(t *testing.T) {
	o := newOffice(t, "")
	for _, c := range o.Rules.Classes {
		for _, s := range o.Rules.Sensitive {
			hs := []release.Holding{{ID: record.ID{1}, Type: "ECG", Pages: 1, State: record.DocumentFiled, Labels: map[int][]string{1: {s.ID}}}}
			r := release.Request{Kind: release.Records, Class: c.ID, Grounds: grounds(c), Chosen: []release.Choice{{Document: record.ID{1}, Pages: []int{1}}}}
			own := s.Own && (c.ID == "patient" || c.ID == "representative")
			blocked := func() bool { return len(r.Obstacles(o.Rules, c, hs, o.Today())) > 0 }
			if blocked() == own {
				t.Errorf("%s to %s: blocked %v, want %v", s.ID, c.ID, blocked(), !own)
			}
			r.Grounds.Sensitive = []string{s.ID}
			if blocked() {
				t.Errorf("%s to %s under an authority that names it: blocked", s.ID, c.ID)
			}
			r.Grounds.Sensitive, r.Cleared = nil, []release.Clearance{{Document: record.ID{1}, Page: 1, Class: s.ID, Why: "no"}}
			if blocked() {
				t.Errorf("%s to %s, found to be none: blocked", s.ID, c.ID)
			}
			r.Cleared[0].Page = 2
			if blocked() == own {
				t.Errorf("%s to %s, another page found to be none: blocked %v", s.ID, c.ID, blocked())
			}
		}
	}
}

func TestLabels(t *testing.T) {
	rules, err := release.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ typ, text, want string }{
		{"PROGRESS_NOTE", "hearing aids fitted; archive; phiviral loading", ""},
		{"LAB_REPORT", "HIV-1 Antibody: see note", "hiv"},
		{"LAB_REPORT", "Viral\nload  < 20", "hiv"},
		{"PROGRESS_NOTE", "This record is protected by 42 CFR Part 2", "substance_use"},
		{"PSYCHIATRIC_EVALUATION", "", "mental_health"},
		{"PSYCHOTHERAPY_NOTE", "methadone", "psychotherapy substance_use"},
		{"ECG", "", ""},
	} {
		if got := strings.Join(rules.Labels(tt.typ, tt.text), " "); got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.typ, tt.text, got, tt.want)
		}
	}
}

func TestTerms(t *testing.T) {
	rules, err := release.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		state, class, received, want string
		extension                    int
	}{
		{"", "patient", "2026-01-31", "2026-03-02", 30},
		{"", "attorney", "2026-01-31", "2026-03-02", 0},
		{"CA", "patient", "2026-03-02", "2026-03-17", 0},
		{"CA", "provider", "2026-03-02", "2026-04-01", 0},
		{"CO", "representative", "2026-03-02", "2026-03-12", 0},
		{"TX", "patient", "2026-03-06", "2026-03-27", 0}, // a Friday, and three weekends
		{"WA", "patient", "2026-03-07", "2026-03-27", 0}, // a Saturday
		{"NY", "patient", "2026-03-02", "2026-04-01", 30},
		{"TX", "accounting", "2026-03-02", "2026-05-01", 30},
	} {
		got := rules.Term(tt.state, tt.class, date(tt.received))
		if got.Due.String() != tt.want || got.Extension != tt.extension || got.Cite == "" {
			t.Errorf("%s %s %s: got %s, %d days more, want %s, %d", tt.state, tt.class, tt.received, got.Due, got.Extension, tt.want, tt.extension)
		}
	}
}

// TestExtension: once, in time, and no longer than its rule allows.
func TestExtension(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	r := o.take(t, "patient")
	for until, kind := range map[string]error{"2026-05-02": record.ErrInvalid, "2026-04-01": record.ErrInvalid, "2026-03-01": record.ErrInvalid, "": record.ErrInvalid} {
		_, err := o.Extend(ctx, "clerk", r.ID, date(until), "it takes longer")
		want(t, until, err, kind)
	}
	_, err := o.Extend(ctx, "clerk", r.ID, date("2026-05-01"), " ")
	want(t, "without a reason", err, record.ErrInvalid)
	r, err = o.Extend(ctx, "clerk", r.ID, date("2026-05-01"), "it takes longer")
	want(t, "extend", err, nil)
	if r.Due() != date("2026-05-01") {
		t.Errorf("due %s", r.Due())
	}
	_, err = o.Extend(ctx, "clerk", r.ID, date("2026-05-01"), "still longer")
	want(t, "again", err, record.ErrInvalid)
	late := o.take(t, "patient")
	o.now = o.now.AddDate(0, 0, 31)
	_, err = o.Extend(ctx, "clerk", late.ID, date("2026-04-20"), "it takes longer")
	want(t, "when it is over", err, record.ErrInvalid)
	other := newOffice(t, "TX")
	r = other.take(t, "patient")
	_, err = other.Extend(ctx, "clerk", r.ID, date("2026-03-25"), "it takes longer")
	want(t, "where the law has none", err, record.ErrInvalid)
}

// TestEnds: a request ends only as what is filed allows.
func TestEnds(t *testing.T) {
	ctx := t.Context()
	for _, tt := range []struct {
		name    string
		keep    func(h release.Holding) bool
		outcome release.Outcome
		why     string
		want    error
	}{
		{"no records, but there are", func(release.Holding) bool { return true }, release.NoRecords, "", record.ErrInvalid},
		{"no records", func(release.Holding) bool { return false }, release.NoRecords, "", nil},
		{"destroyed, but not all", func(release.Holding) bool { return true }, release.Destroyed, "", record.ErrInvalid},
		{"destroyed, but there was nothing", func(release.Holding) bool { return false }, release.Destroyed, "", record.ErrInvalid},
		{"destroyed", func(h release.Holding) bool { return h.State == record.DocumentDestroyed }, release.Destroyed, "", nil},
		{"denied without a reason", func(release.Holding) bool { return true }, release.Denied, "", record.ErrInvalid},
		{"denied", func(release.Holding) bool { return true }, release.Denied, "no authority", nil},
		{"released by word alone", func(release.Holding) bool { return true }, release.Released, "x", record.ErrInvalid},
	} {
		o := newOffice(t, "")
		r := o.take(t, "attorney")
		o.holdings = slices.DeleteFunc(o.holdings, func(h release.Holding) bool { return !tt.keep(h) })
		_, err := o.End(ctx, "clerk", r.ID, tt.outcome, tt.why)
		want(t, tt.name, err, tt.want)
		if closed := o.requests[r.ID].State == release.Closed; closed != (tt.want == nil) {
			t.Errorf("%s: closed %v", tt.name, closed)
		}
	}
}

// TestAuthorisation: every element that is missing is named, and nothing else is
// asked for.
func TestAuthorisation(t *testing.T) {
	today := date("2026-03-02")
	if got := authorisation().Deficiencies(today); len(got) > 0 {
		t.Errorf("a complete one: got %q", got)
	}
	for cite, spoil := range map[string]func(a *release.Authorisation){
		"(c)(1)(i))":   func(a *release.Authorisation) { a.Information = " " },
		"(c)(1)(ii))":  func(a *release.Authorisation) { a.Discloser = "" },
		"(c)(1)(iii))": func(a *release.Authorisation) { a.Recipient = "" },
		"(c)(1)(iv))":  func(a *release.Authorisation) { a.Purpose = "" },
		"(c)(1)(v))":   func(a *release.Authorisation) { a.Expires = record.Date{} },
		"(b)(2)(i))":   func(a *release.Authorisation) { a.Expires = date("2026-03-01") },
		"(c)(1)(vi))":  func(a *release.Authorisation) { a.Signed = record.Date{} },
		"day to come":  func(a *release.Authorisation) { a.Signed = date("2026-03-03") },
		"by what":      func(a *release.Authorisation) { a.NotPatient = true },
		"(c)(2)(i))":   func(a *release.Authorisation) { a.Revocation = false },
		"(c)(2)(ii))":  func(a *release.Authorisation) { a.Conditions = false },
		"(c)(2)(iii))": func(a *release.Authorisation) { a.Redisclose = false },
		"(c)(3))":      func(a *release.Authorisation) { a.Plain = false },
		"(b)(2)(iii))": func(a *release.Authorisation) { a.Revoked = date("2026-03-02") },
		"(b)(2)(iv))":  func(a *release.Authorisation) { a.Compound = true },
		"(b)(2)(v))":   func(a *release.Authorisation) { a.False = true },
		"cover":        func(a *release.Authorisation) { a.Covers = false },
	} {
		a := authorisation()
		spoil(a)
		if got := a.Deficiencies(today); len(got) != 1 || !strings.Contains(got[0], cite) {
			t.Errorf("%s: got %q, want that alone", cite, got)
		}
	}
	a := authorisation()
	a.Expires, a.Event = date("2026-03-02"), ""
	if got := a.Deficiencies(today); len(got) > 0 {
		t.Errorf("on its last day: got %q", got)
	}
	a.Expires, a.Event = record.Date{}, "end of the case"
	if got := a.Deficiencies(today); len(got) > 0 {
		t.Errorf("with an event: got %q", got)
	}
}

// TestGrounds: each class has authority with everything, and none with nothing.
func TestGrounds(t *testing.T) {
	o := newOffice(t, "")
	for _, c := range o.Rules.Classes {
		if got := (release.Grounds{}).Deficiencies(c, o.Today()); len(got) == 0 {
			t.Errorf("%s with nothing: has authority", c.ID)
		}
		if got := grounds(c).Deficiencies(c, o.Today()); len(got) > 0 {
			t.Errorf("%s with everything: got %q", c.ID, got)
		}
	}
}

// TestAccount: the accounting lists what the law has listed, for six years, and
// not while it is suspended.
func TestAccount(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	note := func(on, class string, x release.Disclosure) error {
		x.Charts, x.On, x.Class, x.Recipient, x.What, x.Purpose, x.Method = []string{"1001"}, date(on), class, release.Party{Name: "An agency"}, on+" "+class, "reporting", "by post"
		_, err := o.Note(ctx, "clerk", x)
		return err
	}
	for _, d := range []struct{ on, class string }{{"2020-03-01", "public_health"}, {"2020-03-02", "public_health"}, {"2026-03-02", "court"}, {"2026-01-01", "attorney"}, {"2026-01-01", "provider"}} {
		want(t, d.on, note(d.on, d.class, release.Disclosure{}), nil)
	}
	want(t, "suspended", note("2026-02-01", "law_enforcement", release.Disclosure{Suspended: date("2026-06-01"), Basis: "written statement"}), nil)
	want(t, "suspended without a statement", note("2026-02-01", "law_enforcement", release.Disclosure{Suspended: date("2026-06-01")}), record.ErrInvalid)
	want(t, "suspended for a court", note("2026-02-01", "court", release.Disclosure{Suspended: date("2026-06-01"), Basis: "x"}), record.ErrInvalid)
	want(t, "on a day to come", note("2026-03-03", "court", release.Disclosure{}), record.ErrInvalid)
	list := func(all bool) string {
		var out []string
		if err := o.Account(ctx, []string{"1001"}, all, func(x release.Disclosure) error { out = append(out, x.What); return nil }); err != nil {
			t.Fatal(err)
		}
		return strings.Join(out, ", ")
	}
	if got, want := list(false), "2020-03-01 public_health, 2020-03-02 public_health, 2026-03-02 court"; got != want {
		t.Errorf("accounting: got %s, want %s", got, want)
	}
	if got := strings.Count(list(true), ","); got != 5 {
		t.Errorf("all: got %s", list(true))
	}
	o.now = o.now.AddDate(0, 3, 0)
	if got, want := list(false), "2026-03-02 court, 2026-02-01 law_enforcement"; got != want {
		t.Errorf("three months later: got %s, want %s", got, want)
	}
	if err := o.Account(ctx, []string{"1002"}, true, func(release.Disclosure) error { return errors.New("another patient's") }); err != nil {
		t.Error(err)
	}
}

// TestCost: what a copy costs, and that the first accounting of a year is free.
func TestCost(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	for class, want := range map[string]int{"patient": 0, "attorney": 2500 + 3*50, "provider": 0} {
		r := o.take(t, class)
		r.Chosen = []release.Choice{{Document: record.ID{1}, Pages: []int{1, 2, 3}}}
		c, err := o.Rules.Class(class)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := o.Cost(ctx, r, c); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", class, got, err, want)
		}
		r.Waived = "courtesy"
		if got, _, _ := o.Cost(ctx, r, c); got != 0 {
			t.Errorf("%s, waived: got %d", class, got)
		}
	}
	c, err := o.Rules.Class("patient")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 2500, 0} {
		if i == 2 {
			o.now = o.now.AddDate(1, 0, 0)
		}
		r, err := o.Take(ctx, "clerk", release.Request{Kind: release.Accounting, Class: "patient", Requester: release.Party{Name: "A"}, Charts: []string{"1001"}, What: "accounting", Purpose: "own"})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := o.Cost(ctx, r, c); err != nil || got != want {
			t.Errorf("accounting %d: got %d, %v, want %d", i+1, got, err, want)
		}
		r.State, r.Outcome = release.Closed, release.Released
		o.requests[r.ID] = r
	}
	if got := release.Dollars(2650); got != "$26.50" {
		t.Error(got)
	}
}

// TestLetters: every letter can be written about every kind of request, and a
// site's own come first.
func TestLetters(t *testing.T) {
	o := newOffice(t, "")
	r := o.take(t, "patient")
	r.Extended = &release.Extension{Until: date("2026-05-01"), Reason: "the chart is elsewhere"}
	c, err := o.Rules.Class("patient")
	if err != nil {
		t.Fatal(err)
	}
	l := release.Letter{Facility: "Sample Hospital", Today: o.Today(), Request: r, Class: c, Missing: []string{"a signature"}, Cost: "$6.50", FeeCite: "cite", Gone: []string{"ecg: destroyed on 2025-01-01"}, Elsewhere: []string{"Sample Clinic"}, What: "5 pages"}
	for _, name := range release.Letters() {
		subject, body, err := l.Text(name, nil)
		if err != nil || subject == "" || !strings.Contains(body, "R000001") {
			t.Errorf("%s: got %q, %q, %v", name, subject, body, err)
		}
		var b strings.Builder
		if err := l.Print(&b, name, nil); err != nil || !strings.HasPrefix(b.String(), "%PDF-") {
			t.Errorf("%s: %v", name, err)
		}
	}
	site := fstest.MapFS{"denial.txt": {Data: []byte("Ours\nNo {{.Request.ID}}")}, "invoice.txt": {Data: []byte("{{.Nothing}}")}}
	if s, b, err := l.Text("denial", site); s != "Ours" || b != "No R000001" || err != nil {
		t.Errorf("a site's own: got %q, %q, %v", s, b, err)
	}
	_, _, err = l.Text("invoice", site)
	want(t, "a letter that asks for what there is not", err, record.ErrInvalid)
	_, _, err = l.Text("../rules", nil)
	want(t, "a letter there is not", err, record.ErrInvalid)
	l.Request.Extended = nil
	_, _, err = l.Text("extension", nil)
	want(t, "an extension that was not", err, record.ErrInvalid)
}

func TestTakeRefuses(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	ok := release.Request{Class: "patient", Requester: release.Party{Name: "A"}, Charts: []string{"1001"}, What: "all", Purpose: "own"}
	for name, spoil := range map[string]func(r *release.Request){
		"class":      func(r *release.Request) { r.Class = "king" },
		"kind":       func(r *release.Request) { r.Kind = "other" },
		"nobody":     func(r *release.Request) { r.Requester.Name = " " },
		"no chart":   func(r *release.Request) { r.Charts = nil },
		"bad chart":  func(r *release.Request) { r.Charts = []string{"no number"} },
		"nothing":    func(r *release.Request) { r.What = "" },
		"no purpose": func(r *release.Request) { r.Purpose = "" },
		"to come":    func(r *release.Request) { r.Received = date("2026-03-03") },
		"dates":      func(r *release.Request) { r.From, r.To = date("2020"), date("2019") },
		"accounting": func(r *release.Request) { r.Kind, r.Class = release.Accounting, "attorney" },
	} {
		r := ok
		spoil(&r)
		_, err := o.Take(ctx, "clerk", r)
		want(t, name, err, record.ErrInvalid)
	}
	if len(o.order) > 0 {
		t.Errorf("%d were taken in hand", len(o.order))
	}
}

// FuzzRules: whatever a site's file says, it is read or refused.
func FuzzRules(f *testing.F) {
	f.Add("[[class]]\nid=\"a\"\nname=\"A\"\nauthority=\"identity\"\ncite=\"c\"\n[[deadline]]\ndays=3\ncite=\"x\"\n[[sensitive]]\nid=\"s\"\nname=\"S\"\ncues=[\"x y\"]\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := release.ParseRules(text)
		if err != nil {
			if !errors.Is(err, record.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
			return
		}
		r.Term("TX", "a", date("2026-01-01"))
		r.Labels("ECG", text)
	})
}
