package disposition_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartvault/disposition"
	"chartvault/record"
	"chartvault/retention"
)

// site is a quiet world with a schedule and some charts that are due.
func site(t *testing.T) *year {
	t.Helper()
	y := &year{world: newWorld(1), ctx: context.Background()}
	y.two = true
	y.terms.DailyCap, y.terms.ShareFloor = 50, 100
	y.start()
	for _, p := range y.people {
		if _, err := y.desk.AddApprover(y.ctx, "os:admin", p.Approver); err != nil {
			t.Fatal(err)
		}
	}
	y.pass(8)
	if err := y.adopt("1", 8); err != nil {
		t.Fatal(err)
	}
	return y
}

// pass lets days pass in which the daemon lives.
func (y *year) pass(days int) {
	for range days {
		y.true = y.true.Add(24 * time.Hour)
		y.seen = y.true
	}
}

// chart files a face sheet and notes of a patient last seen on a day.
func (y *year) chart(t *testing.T, name, last string, types ...string) []*doc {
	t.Helper()
	day := parse(t, last)
	y.charts[name] = &retention.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: record.Date{Year: 1950, Month: 1, Day: 1}}, {Name: record.FactLastEncounter, Date: day}}}
	var out []*doc
	for _, typ := range types {
		out = append(out, y.file(name, typ, day))
	}
	return out
}

func parse(t *testing.T, s string) record.Date {
	t.Helper()
	d, err := record.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// plan makes and submits a plan, and lets the named people approve it.
func (y *year) plan(t *testing.T, w disposition.Wanted, people ...int) string {
	t.Helper()
	e, b, err := y.desk.MakePlan(y.ctx, "os:clerk", w)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range b.Plan.Notices {
		if _, _, err := y.desk.GiveNotice(y.ctx, "os:clerk", e.ID, n.Rule, record.DateOf(y.Now()), []byte("evidence")); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := y.desk.Submit(y.ctx, "os:clerk", e.ID, "a backlog"); err != nil {
		t.Fatal(err)
	}
	for _, i := range people {
		q, err := y.desk.Question(y.ctx, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := y.desk.Approve(y.ctx, y.sign(y.people[i], q)); err != nil {
			t.Fatal(err)
		}
	}
	return e.ID
}

func (y *year) fine(t *testing.T) {
	t.Helper()
	y.whole()
	for _, b := range y.bad {
		t.Error(b)
	}
}

func wants(t *testing.T, name string, err, want error, text string) {
	t.Helper()
	if !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %v, want %v with %q", name, err, want, text)
	}
}

// TestGate tries every way past the gate, and the one that leads through.
func TestGate(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	exec := func(id string) error { _, err := y.desk.Execute(y.ctx, "os:clerk", id); return err }

	e, _, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "under review", exec(e.ID), record.ErrNotReady, "it is review")
	_, err = y.desk.Question(y.ctx, e.ID)
	wants(t, "a question under review", err, record.ErrNotReady, "review")
	if _, _, err := y.desk.Submit(y.ctx, "os:counsel", e.ID, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = y.desk.Submit(y.ctx, "os:counsel", e.ID, "")
	wants(t, "submitted twice", err, record.ErrNotReady, "it is open")
	_, _, err = y.desk.Exclude(y.ctx, "os:clerk", e.ID, y.ids[1], "late")
	wants(t, "changed after submission", err, record.ErrNotReady, "it is open")
	wants(t, "no approval", exec(e.ID), record.ErrNotReady, "0 of 2 approvals")
	q, err := y.desk.Question(y.ctx, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	approve := func(a disposition.Approval) error { _, _, err := y.desk.Approve(y.ctx, a); return err }
	wants(t, "by who made it", approve(y.sign(y.people[3], q)), record.ErrDenied, "who prepares does not approve")
	wants(t, "by who submitted it", approve(y.sign(y.people[2], q)), record.ErrDenied, "who prepares does not approve")
	old := disposition.Approve(q, "director", y.people[0].key, y.Now().Add(-6*time.Minute))
	wants(t, "a signature of six minutes ago", approve(old), record.ErrDenied, "sign again, now")
	ahead := disposition.Approve(q, "director", y.people[0].key, y.Now().Add(6*time.Minute))
	wants(t, "a signature of six minutes hence", approve(ahead), record.ErrDenied, "sign again, now")
	forged := disposition.Approve(q, "privacy", y.people[0].key, y.Now())
	wants(t, "signed by another", approve(forged), record.ErrDenied, "bad signature")
	stranger := disposition.Approve(q, "nobody", y.people[0].key, y.Now())
	wants(t, "by a stranger", approve(stranger), record.ErrDenied, "no approver")
	other := q
	other.Digest = hash("x")
	wants(t, "of something else", approve(disposition.Approve(other, "director", y.people[0].key, y.Now())), record.ErrDenied, "has changed since")
	other = q
	other.Matter = disposition.MatterHold
	wants(t, "of another matter", approve(disposition.Approve(other, "director", y.people[0].key, y.Now())), record.ErrDenied, "something else")
	if err := approve(disposition.Approve(q, "director", y.people[0].key, y.Now().Add(-5*time.Minute))); err != nil {
		t.Errorf("a signature of five minutes ago: got %v", err)
	}
	y.sign(y.people[0], q)
	wants(t, "twice by one", approve(y.sign(y.people[0], q)), record.ErrDenied, "takes a second person")
	wants(t, "one approval", exec(e.ID), record.ErrNotReady, "1 of 2 approvals")
	if err := approve(y.sign(y.people[1], q)); err != nil {
		t.Fatal(err)
	}
	wants(t, "cooling off", exec(e.ID), record.ErrNotReady, "cools off until")
	y.pass(6)
	wants(t, "still cooling off", exec(e.ID), record.ErrNotReady, "cools off until")
	y.pass(1)
	r, err := y.desk.Execute(y.ctx, "os:clerk", e.ID)
	if err != nil || r.Destroyed != 1 || !r.Done {
		t.Errorf("ready: got %+v, %v, want one destroyed and done", r, err)
	}
	wants(t, "executed twice", exec(e.ID), record.ErrNotReady, "it is done")
	_, _, err = y.desk.Cancel(y.ctx, "os:clerk", e.ID, "late")
	wants(t, "cancelled when done", err, record.ErrNotReady, "it is done")
	y.fine(t)
}

// TestOnePerson: one person is one, under however many names, keys and
// sign-ins; and a new approver must wait.
func TestOnePerson(t *testing.T) {
	y := site(t)
	add := func(a disposition.Approver) error { _, err := y.desk.AddApprover(y.ctx, "os:admin", a); return err }
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)).Public().(ed25519.PublicKey)
	wants(t, "name taken", add(disposition.Approver{Name: "director", Key: key}), record.ErrExists, "director")
	wants(t, "key taken", add(disposition.Approver{Name: "x", Key: y.people[0].Key}), record.ErrExists, "director")
	wants(t, "sign-in taken", add(disposition.Approver{Name: "x", Account: "os:director", Key: key}), record.ErrExists, "director")
	wants(t, "no name", add(disposition.Approver{Key: key}), record.ErrInvalid, "a name")
	wants(t, "no key", add(disposition.Approver{Name: "x"}), record.ErrInvalid, "a key")
	wants(t, "two lines", add(disposition.Approver{Name: "x\ny", Key: key}), record.ErrInvalid, "a name")
	if err := add(disposition.Approver{Name: "new", Key: key}); err != nil {
		t.Fatal(err)
	}
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	id := y.plan(t, disposition.Wanted{}, 0)
	q, err := y.desk.Question(y.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	fresh := disposition.Approve(q, "new", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)), y.Now())
	_, _, err = y.desk.Approve(y.ctx, fresh)
	wants(t, "an approver of today", err, record.ErrDenied, "may approve from")
	a := y.sign(y.people[0], q)
	twin := y.people[0].Approver
	twin.Name, twin.Account = "twin", ""
	b := disposition.Approve(q, "twin", y.people[0].key, y.Now())
	if n, _, err := disposition.Count(q, []disposition.Approval{a, b}, []disposition.Approver{y.people[0].Approver, twin}); n != 1 || err != nil {
		t.Errorf("one key under two names: got %d, %v, want 1", n, err)
	}
	alias := y.people[1].Approver
	alias.Account = y.people[0].Account
	c := y.sign(y.people[1], q)
	if n, _, err := disposition.Count(q, []disposition.Approval{a, c}, []disposition.Approver{y.people[0].Approver, alias}); n != 1 || err != nil {
		t.Errorf("one sign-in with two keys: got %d, %v, want 1", n, err)
	}
	if n, _, err := disposition.Count(q, []disposition.Approval{a, a}, []disposition.Approver{y.people[0].Approver}); n != 1 || err != nil {
		t.Errorf("one approval twice: got %d, %v, want 1", n, err)
	}
	early, late := a, c
	early.Received, late.Received = y.Now(), y.Now().Add(time.Hour)
	for _, as := range [][]disposition.Approval{{early, late}, {late, early}} {
		if n, last, err := disposition.Count(q, as, []disposition.Approver{y.people[0].Approver, y.people[1].Approver}); n != 2 || err != nil || !last.Equal(late.Received) {
			t.Errorf("two people: got %d, %v, %v, want 2 and the later time", n, last, err)
		}
	}
	if n, _, err := disposition.Count(q, []disposition.Approval{a, c}, []disposition.Approver{y.people[0].Approver}); n != 0 || !errors.Is(err, record.ErrDenied) {
		t.Errorf("one by a stranger: got %d, %v, want none and ErrDenied", n, err)
	}
	spoiled := c
	spoiled.Sig = bytes.Repeat([]byte{1}, 64)
	if n, _, err := disposition.Count(q, []disposition.Approval{a, spoiled}, []disposition.Approver{y.people[0].Approver, y.people[1].Approver}); n != 0 || !errors.Is(err, record.ErrDenied) {
		t.Errorf("one with a bad signature: got %d, %v, want none and ErrDenied", n, err)
	}
	own := q
	own.PreparedBy = "approver:director"
	if _, _, err := disposition.Count(own, []disposition.Approval{disposition.Approve(own, "director", y.people[0].key, y.Now())}, []disposition.Approver{y.people[0].Approver}); !errors.Is(err, record.ErrDenied) {
		t.Errorf("what one prepared under one's own name: got %v, want ErrDenied", err)
	}
}

// TestClocks: what can be believed, and what freezes.
func TestClocks(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	skew, gap := 5*time.Minute, 24*time.Hour
	for _, tt := range []struct {
		name   string
		seen   time.Time
		clocks []time.Time
		want   time.Time
	}{
		{"the earlier of two", now.Add(-time.Hour), []time.Time{now, now.Add(-time.Minute)}, now.Add(-time.Minute)},
		{"the earlier of two, the other way", now.Add(-time.Hour), []time.Time{now.Add(-time.Minute), now}, now.Add(-time.Minute)},
		{"at the limit", now.Add(-time.Hour), []time.Time{now, now.Add(5 * time.Minute)}, now},
		{"nothing seen yet", time.Time{}, []time.Time{now}, now},
		{"a little behind the log", now.Add(5 * time.Minute), []time.Time{now}, now},
		{"idle up to the limit", now.Add(-24 * time.Hour), []time.Time{now}, now},
		{"none", now, nil, time.Time{}},
		{"a year ahead", now, []time.Time{now, now.AddDate(1, 0, 0)}, time.Time{}},
		{"a second over the limit", now.Add(-time.Hour), []time.Time{now, now.Add(5*time.Minute + time.Second)}, time.Time{}},
		{"behind the log", now.Add(6 * time.Minute), []time.Time{now}, time.Time{}},
		{"idle too long", now.Add(-24*time.Hour - time.Second), []time.Time{now}, time.Time{}},
	} {
		got, err := disposition.AgreedTime(skew, gap, tt.seen, tt.clocks...)
		if tt.want.IsZero() != errors.Is(err, disposition.ErrClocks) || !got.Equal(tt.want) {
			t.Errorf("%s: got %s, %v, want %s", tt.name, got, err, tt.want)
		}
	}
	if _, err := disposition.AgreedTime(skew, 0, now.AddDate(-3, 0, 0), now); err != nil {
		t.Errorf("with no limit to idleness: got %v", err)
	}

	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	id := y.plan(t, disposition.Wanted{}, 0, 1)
	y.pass(8)
	y.offset = 10 * time.Minute // two clocks disagree: it stops, and goes on by itself
	y.startOffset = y.offset
	_, err := y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "skew", err, disposition.ErrClocks, "by 9m")
	if f, _, err := y.desk.Frozen(y.ctx); f != nil || err != nil {
		t.Errorf("skew: got frozen %v, %v, want it only stopped", f, err)
	}
	y.offset, y.startOffset = 0, 0
	y.offset = time.Hour // the wall clock is moved while the program runs: two people must look
	_, err = y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "jump", err, disposition.ErrClocks, "while the program ran")
	y.offset = 0
	y.seen = y.true
	_, err = y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "frozen", err, disposition.ErrFrozen, "while the program ran")
	_, _, err = y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	wants(t, "no plan while frozen", err, disposition.ErrFrozen, "")
	err = y.desk.Waiting(y.ctx, func(w disposition.Waiting) error {
		if !strings.Contains(w.Why, "frozen") {
			t.Errorf("waiting: got %q, want the freeze named", w.Why)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	_, q, err := y.desk.Frozen(y.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, thawed, err := y.desk.Thaw(y.ctx, y.sign(y.people[0], q)); thawed || err != nil {
		t.Errorf("one person: got thawed %v, %v", thawed, err)
	}
	if _, thawed, err := y.desk.Thaw(y.ctx, y.sign(y.people[1], q)); !thawed || err != nil {
		t.Errorf("two people: got thawed %v, %v", thawed, err)
	}
	_, thawed, err := y.desk.Thaw(y.ctx, y.sign(y.people[2], q))
	wants(t, "thawed already", err, record.ErrInvalid, "not frozen")
	if thawed {
		t.Error("thawed already: it says that it thawed")
	}
	if r, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil || r.Destroyed != 1 {
		t.Errorf("thawed: got %+v, %v", r, err)
	}
	y.fine(t)
}

// TestOneClock: with one clock nothing is due before that clock could not have
// jumped there unnoticed.
func TestOneClock(t *testing.T) {
	for _, tt := range []struct {
		two  bool
		last string // plus eight years
		want bool
	}{{true, "2018-01-09", true}, {true, "2018-01-10", false}, {false, "2018-01-02", true}, {false, "2018-01-03", false}} {
		y := site(t)
		y.two = tt.two
		y.true = time.Date(2026, 1, 10, 18, 0, 0, 0, time.UTC)
		y.seen = y.true
		y.chart(t, "chart-1", tt.last, "FACE_SHEET", "PROGRESS_NOTE")
		_, _, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
		if (err == nil) != tt.want || err != nil && !errors.Is(err, record.ErrNotFound) {
			t.Errorf("two clocks %v, last encounter %s: got %v, want planned %v", tt.two, tt.last, err, tt.want)
		}
	}
}

// TestItems: what an item must be on its turn.
func TestItems(t *testing.T) {
	tests := []struct {
		name   string
		change func(y *year, d *doc)
		want   string // "" when it goes
	}{
		{"as it was", func(*year, *doc) {}, ""},
		{"another type", func(_ *year, d *doc) { d.subject.Type = "CONSENT" }, "its type has changed"},
		{"a newer version", func(_ *year, d *doc) { d.version = 2 }, "newer version"},
		{"more pages", func(_ *year, d *doc) { d.subject.Pages++ }, "newer version"},
		{"another batch", func(_ *year, d *doc) { d.subject.Batch = record.ID{7} }, "another batch"},
		{"a hold", func(y *year, _ *doc) {
			y.desk.PlaceHold(y.ctx, "os:x", record.Hold{Kind: record.HoldAudit, Matter: "m", Reason: "r", Scope: record.HoldScope{Charts: [][]byte{[]byte("chart-1")}}}, nil)
		}, "forbids its end"},
		{"a late fact", func(y *year, _ *doc) {
			y.charts["chart-1"].Known = append(y.charts["chart-1"].Known, record.Fact{Name: record.FactLastEncounter, Date: record.Date{Year: 2025, Month: 1, Day: 1}})
		}, "it may end from 2033-01-02 on"},
		{"in QA", func(_ *year, d *doc) { d.subject.InQA = true }, "waits in QA"},
		{"extended", func(y *year, d *doc) {
			y.desk.Extend(y.ctx, "os:x", disposition.Extension{Document: d.subject.Document, Until: record.Date{Year: 2030}, Reason: "r"})
		}, "extended its retention to 2030-12-31"},
		{"its chart extended", func(y *year, d *doc) {
			y.desk.Extend(y.ctx, "os:x", disposition.Extension{Chart: []byte("chart-1"), Until: record.Date{Year: 2030}, Reason: "r"})
		}, "extended its retention to 2030-12-31"},
		{"no core", func(y *year, _ *doc) { y.docs[y.ids[0]].state = record.DocumentDestroyed }, "keeps no document of core"},
		{"a longer schedule", func(y *year, _ *doc) { y.adopt("2", 30) }, "2040-03-05"},
		{"a shorter schedule, by two people", func(y *year, _ *doc) { y.adopt("2", 7) }, ""},
	}
	for _, tt := range tests {
		y := site(t)
		d := y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")[1]
		id := y.plan(t, disposition.Wanted{}, 0, 1)
		y.pass(8)
		tt.change(y, d)
		r, err := y.desk.Execute(y.ctx, "os:clerk", id)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		_, b, err := y.desk.Plan(y.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if gone := d.state == record.DocumentDestroyed; gone != (tt.want == "") || gone != (r.Destroyed == 1) {
			t.Errorf("%s: got %s, %+v", tt.name, d.state, r)
		}
		if tt.want != "" && (len(b.Kept) != 1 || !strings.Contains(strings.Join(b.Kept[0].Reasons, " "), tt.want) || r.Kept != 1) {
			t.Errorf("%s: got kept %+v, want %q", tt.name, b.Kept, tt.want)
		}
		if tt.want != "" && (b.Certificate != "" || y.settles > 0) {
			t.Errorf("%s: a certificate of nothing, or %d clearings", tt.name, y.settles)
		}
		if tt.name != "no core" {
			y.fine(t)
		}
	}
}

// TestCap: no more than so many documents in any 24 hours, over all plans, and
// the plan goes on by itself.
func TestCap(t *testing.T) {
	y := site(t)
	y.terms.DailyCap = 3
	y.start()
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE")
	var seen []disposition.Progress
	y.desk.Progress = func(p disposition.Progress) { seen = append(seen, p) }
	id := y.plan(t, disposition.Wanted{}, 0, 1)
	y.pass(8)
	for day, want := range []int{3, 3, 1} {
		r, err := y.desk.Execute(y.ctx, "os:clerk", id)
		if err != nil || r.Destroyed != want || r.Done != (day == 2) || r.Pending != []int{4, 1, 0}[day] {
			t.Errorf("day %d: got %+v, %v, want %d destroyed", day, r, err, want)
		}
		if day < 2 {
			_, err = y.desk.Execute(y.ctx, "os:clerk", id)
			wants(t, "again on the same day", err, record.ErrNotReady, "daily cap of 3")
			y.pass(1)
			_, err = y.desk.Execute(y.ctx, "os:clerk", id)
			wants(t, "24 hours later to the second", err, record.ErrNotReady, "daily cap of 3")
			y.true = y.true.Add(time.Second)
		}
	}
	if n := len(seen); n != 3+6+7 || seen[n-1] != (disposition.Progress{Plan: seen[0].Plan, Done: 7, Of: 7, Destroyed: 1}) {
		t.Errorf("progress: got %d reports, the last %+v", len(seen), seen[len(seen)-1])
	}
	text, _, err := y.desk.Certificate(y.ctx, "000001")
	if err != nil {
		t.Fatal(err)
	}
	c, err := disposition.ReadCertificate([]byte(text), y.people[0].Key)
	if err != nil || c.Count != 7 || len(c.Documents) != 7 || c.Series[0].Documents != 7 {
		t.Errorf("certificate: got %+v, %v, want seven documents", c, err)
	}
	y.fine(t)
}

// TestNotices: a plan that needs a notice waits for its evidence, and for its
// days.
func TestNotices(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "LAB_REPORT")
	e, b, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	if err != nil || len(b.Plan.Notices) != 1 {
		t.Fatalf("got %+v, %v, want one notice", b.Plan.Notices, err)
	}
	give := func(rule string, on record.Date, evidence []byte) error {
		_, _, err := y.desk.GiveNotice(y.ctx, "os:clerk", e.ID, rule, on, evidence)
		return err
	}
	today := record.DateOf(y.Now())
	wants(t, "of another rule", give("chart", today, []byte("x")), record.ErrInvalid, "needs none")
	wants(t, "no evidence", give("lab", today, nil), record.ErrInvalid, "the evidence must be")
	wants(t, "too much evidence", give("lab", today, make([]byte, 512<<10+1)), record.ErrInvalid, "the evidence must be")
	wants(t, "no day", give("lab", record.Date{}, []byte("x")), record.ErrInvalid, "say the day")
	wants(t, "a month", give("lab", record.Date{Year: 2026, Month: 1}, []byte("x")), record.ErrInvalid, "say the day")
	wants(t, "in the future", give("lab", today.AddDays(2), []byte("x")), record.ErrInvalid, "in the future")
	if _, _, err := y.desk.Submit(y.ctx, "os:clerk", e.ID, ""); err != nil {
		t.Fatal(err)
	}
	q, _ := y.desk.Question(y.ctx, e.ID)
	for _, p := range y.people[:2] {
		if _, _, err := y.desk.Approve(y.ctx, y.sign(p, q)); err != nil {
			t.Fatal(err)
		}
	}
	y.pass(8)
	_, err = y.desk.Execute(y.ctx, "os:clerk", e.ID)
	wants(t, "none given", err, record.ErrNotReady, "no evidence of it is on file")
	if err := give("lab", record.DateOf(y.Now()), make([]byte, 512<<10)); err != nil {
		t.Fatal(err)
	}
	y.pass(19)
	_, err = y.desk.Execute(y.ctx, "os:clerk", e.ID)
	wants(t, "on its nineteenth day", err, record.ErrNotReady, "runs until")
	y.pass(1)
	if r, err := y.desk.Execute(y.ctx, "os:clerk", e.ID); err != nil || r.Destroyed != 1 {
		t.Errorf("on its twentieth day: got %+v, %v", r, err)
	}
	text, _, _ := y.desk.Certificate(y.ctx, "000001")
	if c, err := disposition.Unseal(text); err != nil || len(c.Notices) != 1 || c.Notices[0].Audience != "patient" {
		t.Errorf("the certificate names no notice: %+v, %v", c.Notices, err)
	}
	y.fine(t)
}

// TestShares: a plan that would end an unusual part of a type is stopped until
// people accept that.
func TestShares(t *testing.T) {
	for _, tt := range []struct {
		due, all int
		stops    bool
	}{{5, 20, false}, {6, 20, true}, {6, 19, false}, {19, 19, false}, {1, 40, false}} {
		y := site(t)
		y.terms.ShareFloor = 20
		y.start()
		for i := range tt.all {
			last := "2025-01-01"
			if i < tt.due {
				last = "2010-03-04"
			}
			y.chart(t, fmt.Sprint("chart-", i), last, "FACE_SHEET", "PROGRESS_NOTE")
		}
		e, b, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
		if err != nil {
			t.Fatal(err)
		}
		if (len(b.Plan.Shares) > 0) != tt.stops {
			t.Errorf("%d of %d: got %+v, want stopped %v", tt.due, tt.all, b.Plan.Shares, tt.stops)
		}
		_, _, err = y.desk.Submit(y.ctx, "os:clerk", e.ID, " ")
		if tt.stops {
			wants(t, "not accepted", err, record.ErrNotReady, fmt.Sprintf("%d of %d documents of type PROGRESS_NOTE", tt.due, tt.all))
			_, _, err = y.desk.Submit(y.ctx, "os:clerk", e.ID, "a backlog")
		}
		if err != nil {
			t.Error(err)
		}
	}
	// By its execution it may have become unusual.
	y := site(t)
	y.terms.ShareFloor = 20
	y.start()
	for i := range 40 {
		last := "2025-01-01"
		if i < 8 {
			last = "2010-03-04"
		}
		y.chart(t, fmt.Sprint("chart-", i), last, "FACE_SHEET", "PROGRESS_NOTE")
	}
	e, _, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	if err == nil {
		_, _, err = y.desk.Submit(y.ctx, "os:clerk", e.ID, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	q, _ := y.desk.Question(y.ctx, e.ID)
	for _, p := range y.people[:2] {
		y.desk.Approve(y.ctx, y.sign(p, q))
	}
	y.pass(8)
	for _, d := range y.docs {
		if d.subject.Type == "PROGRESS_NOTE" && d.subject.Service.Year == 2025 && y.r.IntN(2) == 0 {
			d.state, d.key, d.objects, d.row, d.text = record.DocumentDestroyed, false, false, false, false
		}
	}
	_, err = y.desk.Execute(y.ctx, "os:clerk", e.ID)
	wants(t, "unusual by now", err, record.ErrNotReady, "by now it would end 8 of")
}

// TestCanaries: when what must never be due would be, nothing is destroyed.
func TestCanaries(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	id := y.plan(t, disposition.Wanted{}, 0, 1)
	y.pass(8)
	y.chart(t, "chart-2", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	if _, err := y.desk.SetCanary(y.ctx, "os:clerk", []byte("chart-2"), "an active patient"); err != nil {
		t.Fatal(err)
	}
	_, _, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	wants(t, "a canary would be planned", err, disposition.ErrCanary, "canary chart")
	found := false
	err = y.desk.Waiting(y.ctx, func(w disposition.Waiting) error { found = found || strings.Contains(w.Why, "canary"); return nil })
	if err != nil || !found {
		t.Errorf("waiting: the canary is not named, %v", err)
	}
	if _, err := y.desk.SetCanary(y.ctx, "os:clerk", []byte("chart-1"), "an active patient"); err != nil {
		t.Fatal(err)
	}
	_, err = y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "a canary in a plan", err, disposition.ErrCanary, "belongs to a canary chart")
	y.fine(t)
}

// TestTransfer: documents are handed over and on record before they end.
func TestTransfer(t *testing.T) {
	y := site(t)
	d := y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")[1]
	_, _, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{Transfer: &disposition.Transfer{Recipient: "x"}})
	wants(t, "without a folder", err, record.ErrInvalid, "name the recipient")
	id := y.plan(t, disposition.Wanted{Transfer: &disposition.Transfer{Recipient: "State archives (fictitious)", Dir: "out"}}, 0, 1)
	y.pass(8)
	if r, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil || r.Destroyed != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	_, b, _ := y.desk.Plan(y.ctx, id)
	if len(b.Exported) != 1 || b.Exported[0].SHA256 != d.exported || d.exported == "" {
		t.Errorf("exported: got %+v, want %q", b.Exported, d.exported)
	}
	text, _, _ := y.desk.Certificate(y.ctx, "000001")
	if c, err := disposition.Unseal(text); err != nil || c.Action != retention.Transfer || !strings.HasPrefix(c.Method, "Transferred to State archives") {
		t.Errorf("certificate: got %s, %q, %v", c.Action, c.Method, err)
	}
	y.fine(t)
}

// TestStop: one person ends a plan under way; what it destroyed is certified.
func TestStop(t *testing.T) {
	y := site(t)
	y.terms.DailyCap = 2
	y.start()
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE")
	id := y.plan(t, disposition.Wanted{}, 0, 1)
	_, err := y.desk.Stop(y.ctx, "os:x", id, "a doubt")
	wants(t, "not begun", err, record.ErrNotReady, "it is open")
	y.pass(8)
	if _, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil {
		t.Fatal(err)
	}
	_, _, err = y.desk.Cancel(y.ctx, "os:x", id, "a doubt")
	wants(t, "cancelled under way", err, record.ErrNotReady, "it is executing")
	y.docs[y.ids[3]].state, y.docs[y.ids[3]].key = record.DocumentDestroying, false // as a crash leaves one
	if r, err := y.desk.Stop(y.ctx, "os:x", id, "a doubt"); err != nil || !r.Done {
		t.Fatalf("stop: got %+v, %v", r, err)
	}
	text, _, _ := y.desk.Certificate(y.ctx, "000001")
	if c, err := disposition.Unseal(text); err != nil || c.Count != 3 {
		t.Errorf("certificate: got %d documents, %v, want what was destroyed and what had begun", c.Count, err)
	}
	if e, _, _ := y.desk.Plan(y.ctx, id); e.State != disposition.PlanDone {
		t.Errorf("got %s, want done: it destroyed something", e.State)
	}
	y.whole()
}

// TestStanding: an automation does nothing before two people approve it, every
// check is made, and after a year, or when its rules change, it stops.
func TestStanding(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	propose := func() int { es, err := y.desk.Propose(y.ctx); wants(t, "propose", err, nil, ""); return len(es) }
	if n := propose(); n != 0 {
		t.Errorf("unapproved: got %d plans", n)
	}
	_, _, err := y.desk.AskStanding(y.ctx, "os:clerk", "nothing")
	wants(t, "no such automation", err, record.ErrNotFound, "schedule in force")
	_, q, err := y.desk.AskStanding(y.ctx, "os:clerk", "old-charts")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := y.desk.StandingQuestion(y.ctx, "old-charts"); err != nil || again != q {
		t.Errorf("the question: got %+v, %v, want %+v", again, err, q)
	}
	y.desk.ApproveStanding(y.ctx, y.sign(y.people[0], q))
	if n := propose(); n != 0 {
		t.Errorf("approved by one: got %d plans", n)
	}
	stands := func(ends bool, why string) {
		t.Helper()
		y.desk.Standings(y.ctx, func(_ disposition.Entry, st disposition.Standing) error {
			until, err := y.desk.Stands(y.ctx, st)
			if until.IsZero() == ends || (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
				t.Errorf("it stands until %s, %v, want an end: %t, and %q", until, err, ends, why)
			}
			return nil
		})
	}
	stands(false, "1 of 2")
	if _, err := y.desk.ApproveStanding(y.ctx, y.sign(y.people[1], q)); err != nil {
		t.Fatal(err)
	}
	stands(true, "")
	if n := propose(); n != 1 {
		t.Fatalf("approved: got %d plans, want 1", n)
	}
	if n := propose(); n != 0 {
		t.Errorf("again: got %d plans, want none: it is planned", n)
	}
	var id string
	y.desk.Plans(y.ctx, func(e disposition.Entry, b disposition.PlanBody) error {
		if id = e.ID; e.State != disposition.PlanOpen || b.Plan.MadeBy != record.Daemon || b.Plan.Automation != "old-charts" {
			t.Errorf("got %s, %+v", e.State, b.Plan)
		}
		return nil
	})
	_, err = y.desk.Execute(y.ctx, record.Daemon, id)
	wants(t, "cooling off", err, record.ErrNotReady, "cools off")
	y.pass(7)
	if r, err := y.desk.Execute(y.ctx, record.Daemon, id); err != nil || r.Destroyed != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	text, _, _ := y.desk.Certificate(y.ctx, "000001")
	if c, _ := disposition.Unseal(text); c.Standing != "old-charts" || len(c.ApprovedBy) != 2 {
		t.Errorf("certificate: got %q by %v", c.Standing, c.ApprovedBy)
	}

	y.chart(t, "chart-2", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	y.pass(365 - 7)
	stands(true, "expired")
	if n := propose(); n != 1 {
		t.Errorf("after a year: got %d plans, want one for people to review", n)
	}
	y.desk.Plans(y.ctx, func(e disposition.Entry, _ disposition.PlanBody) error {
		if e.ID != id && e.State != disposition.PlanReview {
			t.Errorf("after a year: got %s, want review: the standing approval has expired", e.State)
		}
		return nil
	})
	y.fine(t)
}

// TestSchedules: retention lengthens at once, and shortens only by two people
// who have seen what it would do.
func TestSchedules(t *testing.T) {
	y := site(t)
	draft := func(version string, years int, day record.Date) (disposition.Entry, disposition.Draft) {
		t.Helper()
		text, s := simSchedule(version, years)
		e, d, err := y.desk.NewDraft(y.ctx, "os:clerk", text, s, day)
		if err != nil {
			t.Fatal(err)
		}
		return e, d
	}
	in := func() string {
		s, err := y.desk.InForce(y.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s.Version
	}
	adopt := func(id string) error { _, _, err := y.desk.Adopt(y.ctx, "os:clerk", id); return err }
	e, d := draft("longer", 10, record.Date{})
	if len(d.Shortens) != 0 {
		t.Errorf("longer: got %q", d.Shortens)
	}
	if err := adopt(e.ID); err != nil || in() != "longer" {
		t.Errorf("longer: got %v, in force %s", err, in())
	}
	wants(t, "adopted twice", adopt(e.ID), record.ErrNotReady, "it is adopted")
	e, d = draft("shorter", 9, record.Date{})
	if len(d.Shortens) != 1 {
		t.Errorf("shorter: got %q", d.Shortens)
	}
	wants(t, "not simulated", adopt(e.ID), record.ErrNotReady, "simulate it first")
	if err := y.desk.Simulated(y.ctx, "os:clerk", e.ID, retention.Change{Earlier: 3}); err != nil {
		t.Fatal(err)
	}
	wants(t, "not approved", adopt(e.ID), record.ErrNotReady, "0 of 2")
	q, err := y.desk.DraftQuestion(y.ctx, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = y.desk.ApproveDraft(y.ctx, y.sign(y.people[3], q))
	wants(t, "by who drafted it", err, record.ErrDenied, "who prepares")
	for i, p := range y.people[:2] {
		if _, _, err := y.desk.ApproveDraft(y.ctx, y.sign(p, q)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			wants(t, "one approval", adopt(e.ID), record.ErrNotReady, "1 of 2")
		}
	}
	if err := adopt(e.ID); err != nil || in() != "shorter" {
		t.Errorf("shorter: got %v, in force %s", err, in())
	}
	// One that waits for its day, and one that overtakes it.
	e, _ = draft("next year", 12, record.DateOf(y.Now()).AddDays(30))
	if err := adopt(e.ID); err != nil || in() != "shorter" {
		t.Errorf("before its day: got %v, in force %s", err, in())
	}
	_, d = draft("between", 11, record.Date{})
	if len(d.Shortens) != 1 {
		t.Errorf("shorter than the one that waits: got %q", d.Shortens)
	}
	stale, _ := draft("stale", 13, record.Date{})
	fresh, _ := draft("fresh", 14, record.Date{})
	if err := adopt(fresh.ID); err != nil {
		t.Error(err)
	}
	wants(t, "drafted before another was adopted", adopt(stale.ID), record.ErrNotReady, "draft it again")
	y.pass(40)
	if in() != "fresh" {
		t.Errorf("the one adopted last: got %s, want fresh", in())
	}
	_, _, err = y.desk.NewDraft(y.ctx, "os:clerk", "", retention.Empty(), record.Date{})
	wants(t, "without a version", err, record.ErrInvalid, "no version")
}

// TestHoldDesk: placing and releasing.
func TestHoldDesk(t *testing.T) {
	y := site(t)
	scope := record.HoldScope{Types: []string{"CONSENT"}}
	place := func(h record.Hold) (disposition.HoldBody, error) { return y.desk.PlaceHold(y.ctx, "os:clerk", h, nil) }
	for name, h := range map[string]record.Hold{
		"no kind": {Matter: "m", Reason: "r", Scope: scope}, "a computed kind": {Kind: record.HoldQA, Matter: "m", Reason: "r", Scope: scope},
		"no scope": {Kind: record.HoldLegal, Matter: "m", Reason: "r"}, "no matter": {Kind: record.HoldLegal, Reason: "r", Scope: scope}, "no reason": {Kind: record.HoldLegal, Matter: "m", Reason: " ", Scope: scope},
	} {
		_, err := place(h)
		wants(t, name, err, record.ErrInvalid, "hold")
	}
	b, err := place(record.Hold{Kind: record.HoldLegal, Matter: "m", Reason: "r", Scope: scope, ReleasedAt: y.Now()})
	if err != nil || !b.Active() {
		t.Fatal(b, err)
	}
	id := b.ID.String()
	_, err = y.desk.ReleaseQuestion(y.ctx, id)
	wants(t, "nobody asked", err, record.ErrNotReady, "nobody has asked")
	_, err = y.desk.Release(y.ctx, "os:x", id, " ")
	wants(t, "no reason", err, record.ErrInvalid, "say why")
	if b, err = y.desk.Release(y.ctx, "os:x", id, "closed"); err != nil || !b.Active() {
		t.Errorf("asked for: got active %v, %v, want it to bind", b.Active(), err)
	}
	q, err := y.desk.ReleaseQuestion(y.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = y.desk.ApproveRelease(y.ctx, y.sign(y.people[0], q)); err != nil || !b.Active() {
		t.Errorf("one approval: got active %v, %v", b.Active(), err)
	}
	if b, err = y.desk.ApproveRelease(y.ctx, y.sign(y.people[1], q)); err != nil || b.Active() || len(b.ReleasedBy) != 2 || b.Why != "closed" {
		t.Errorf("two approvals: got %+v, %v", b.Hold, err)
	}
	_, err = y.desk.Release(y.ctx, "os:x", id, "again")
	wants(t, "released already", err, record.ErrInvalid, "has been released")
	_, err = y.desk.ApproveRelease(y.ctx, y.sign(y.people[2], q))
	wants(t, "approved late", err, record.ErrNotReady, "nobody has asked")
	// Asking anew makes another question: an old approval does not count.
	b, _ = place(record.Hold{Kind: record.HoldAudit, Matter: "m", Reason: "r", Scope: scope})
	y.desk.Release(y.ctx, "os:x", b.ID.String(), "one reason")
	q, _ = y.desk.ReleaseQuestion(y.ctx, b.ID.String())
	y.desk.Release(y.ctx, "os:x", b.ID.String(), "another reason")
	_, err = y.desk.ApproveRelease(y.ctx, y.sign(y.people[0], q))
	wants(t, "of another reason", err, record.ErrDenied, "has changed since")
	if b, err = place(record.Hold{Kind: record.HoldMerge, Matter: "m", Reason: "r", Scope: scope}); err == nil {
		b, err = y.desk.Release(y.ctx, "os:x", b.ID.String(), "resolved")
	}
	if err != nil || b.Active() {
		t.Errorf("an open matter: got active %v, %v, want it ended by one", b.Active(), err)
	}
	n := 0
	if err := y.desk.Holds(y.ctx, true, func(disposition.HoldBody) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("active: got %d, %v, want 1", n, err)
	}
}

// TestReview: excluding and sampling.
func TestReview(t *testing.T) {
	y := site(t)
	ds := y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE")
	_, _, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{Class: "lab"})
	wants(t, "another class", err, record.ErrNotFound, "nothing is due")
	e, b, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{Class: "chart"})
	if err != nil || b.Plan.Documents != 4 || b.Plan.Charts != 1 {
		t.Fatal(b.Plan, err)
	}
	if items, err := y.desk.Sample(y.ctx, e.ID, 2); err != nil || len(items) != 2 || items[1].Document != ds[3].subject.Document {
		t.Errorf("sample: got %+v, %v, want the first and the third", items, err)
	}
	_, _, err = y.desk.Exclude(y.ctx, "os:clerk", e.ID, ds[1].subject.Document, "")
	wants(t, "no reason", err, record.ErrInvalid, "say why")
	_, _, err = y.desk.Exclude(y.ctx, "os:clerk", e.ID, record.ID{99}, "x")
	wants(t, "not in it", err, record.ErrNotFound, "in it")
	if _, b, err = y.desk.Exclude(y.ctx, "os:privacy", e.ID, ds[1].subject.Document, "a late request"); err != nil || b.Plan.Documents != 3 {
		t.Fatal(b.Plan, err)
	}
	if _, _, err := y.desk.Submit(y.ctx, "os:clerk", e.ID, ""); err != nil {
		t.Fatal(err)
	}
	q, _ := y.desk.Question(y.ctx, e.ID)
	_, _, err = y.desk.Approve(y.ctx, y.sign(y.people[1], q))
	wants(t, "by who excluded", err, record.ErrDenied, "who prepares")
	for _, i := range []int{0, 2} {
		if _, _, err := y.desk.Approve(y.ctx, y.sign(y.people[i], q)); err != nil {
			t.Fatal(err)
		}
	}
	y.pass(8)
	if r, err := y.desk.Execute(y.ctx, "os:clerk", e.ID); err != nil || r.Destroyed != 3 || ds[1].state != record.DocumentFiled {
		t.Errorf("got %+v, %v, %s, want three destroyed and the excluded one kept", r, err, ds[1].state)
	}
	empty, _, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	if err != nil {
		t.Fatal(err)
	}
	y.desk.Exclude(y.ctx, "os:clerk", empty.ID, ds[1].subject.Document, "again")
	_, _, err = y.desk.Submit(y.ctx, "os:clerk", empty.ID, "")
	wants(t, "nothing left", err, record.ErrInvalid, "nothing is left")
	if _, _, err := y.desk.Cancel(y.ctx, "os:x", empty.ID, "empty"); err != nil {
		t.Error(err)
	}
	_, err = y.desk.Extend(y.ctx, "os:x", disposition.Extension{Until: record.Date{Year: 2030}, Reason: "r"})
	wants(t, "extension of nothing", err, record.ErrInvalid, "name a document or a chart")
	_, err = y.desk.Extend(y.ctx, "os:x", disposition.Extension{Document: record.ID{1}, Chart: []byte("c"), Until: record.Date{Year: 2030}, Reason: "r"})
	wants(t, "extension of both", err, record.ErrInvalid, "name a document or a chart")
	_, err = y.desk.Extend(y.ctx, "os:x", disposition.Extension{Document: record.ID{1}, Reason: "r"})
	wants(t, "extension without a day", err, record.ErrInvalid, "until which day")
	_, err = y.desk.Extend(y.ctx, "os:x", disposition.Extension{Document: record.ID{1}, Until: record.Date{Year: 2030}})
	wants(t, "extension without a reason", err, record.ErrInvalid, "say why")
	y.fine(t)
}

// TestTamperedList: a plan whose stored list is not the one it was made with
// ends nothing.
func TestTamperedList(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	id := y.plan(t, disposition.Wanted{}, 0, 1)
	y.pass(8)
	e := y.entries[key(disposition.KindItems, id)]
	e.Body = bytes.Replace(e.Body, []byte(`"pages":`), []byte(`"pages":1`), 1)
	y.entries[key(disposition.KindItems, id)] = e
	_, err := y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "a changed list", err, record.ErrCorrupt, "not the one it was made with")
}

// shelfOf is a shelf of batches for tests.
type shelfOf map[record.ID][]string

func (s shelfOf) Sheaves(ctx context.Context, day record.Date, f func(disposition.Sheaf) error) error {
	for id := range s {
		sh, _ := s.Sheaf(ctx, id, day)
		if err := f(sh); err != nil {
			return err
		}
	}
	return nil
}

func (s shelfOf) Sheaf(_ context.Context, id record.ID, _ record.Date) (disposition.Sheaf, error) {
	return disposition.Sheaf{Batch: id, Pages: 3, Missing: s[id]}, nil
}

// TestPaper: only paper of batches that are safe goes, by two people, and is
// certified in a series of its own.
func TestPaper(t *testing.T) {
	y := site(t)
	shelf := shelfOf{{1}: nil, {2}: {"not replicated"}, {3}: nil}
	e, l, err := y.desk.MakePaperList(y.ctx, "os:clerk", shelf)
	if err != nil || len(l.Sheaves) != 2 {
		t.Fatal(l, err)
	}
	_, _, err = y.desk.MakePaperList(y.ctx, "os:clerk", shelf)
	wants(t, "listed already", err, record.ErrNotFound, "no batch")
	how := disposition.Shredding{Method: "shredding", On: record.DateOf(y.Now()), DestroyedBy: "the mail room", Witness: "the clerk", Vendor: "Sample Shredding (fictitious)", Contract: "7"}
	_, err = y.desk.CertifyPaper(y.ctx, "os:clerk", e.ID, shelf, how)
	wants(t, "not approved", err, record.ErrNotReady, "0 of 2")
	q, err := y.desk.PaperQuestion(y.ctx, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range y.people[:2] {
		if _, _, err := y.desk.ApprovePaper(y.ctx, y.sign(p, q)); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*disposition.Shredding){
		"no method": func(h *disposition.Shredding) { h.Method = "" }, "no day": func(h *disposition.Shredding) { h.On = record.Date{} }, "a month": func(h *disposition.Shredding) { h.On.Day = 0 },
		"nobody": func(h *disposition.Shredding) { h.DestroyedBy = "" }, "no witness": func(h *disposition.Shredding) { h.Witness = "" }, "the future": func(h *disposition.Shredding) { h.On = h.On.AddDays(2) },
	} {
		bad := how
		change(&bad)
		_, err := y.desk.CertifyPaper(y.ctx, "os:clerk", e.ID, shelf, bad)
		wants(t, name, err, record.ErrInvalid, "paper")
	}
	shelf[record.ID{3}] = []string{"its replica has other bytes"}
	_, err = y.desk.CertifyPaper(y.ctx, "os:clerk", e.ID, shelf, how)
	wants(t, "no longer safe", err, record.ErrNotReady, "other bytes")
	shelf[record.ID{3}] = nil
	c, err := y.desk.CertifyPaper(y.ctx, "os:clerk", e.ID, shelf, how)
	if err != nil || c.Number != "P000001" || c.Count != 2 || c.Pages != 6 || c.Vendor != how.Vendor || len(c.ApprovedBy) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
	_, err = y.desk.CertifyPaper(y.ctx, "os:clerk", e.ID, shelf, how)
	wants(t, "certified twice", err, record.ErrNotReady, "it is done")
	shelf[record.ID{4}] = nil
	e, _, err = y.desk.MakePaperList(y.ctx, "os:clerk", shelf)
	if err == nil {
		_, _, err = y.desk.CancelPaper(y.ctx, "os:clerk", e.ID)
	}
	if err != nil {
		t.Error(err)
	}
	if gone, err := y.desk.ReleasedPaper(y.ctx); err != nil || len(gone) != 2 || gone[record.ID{1}] != "P000001" {
		t.Errorf("released: got %v, %v", gone, err)
	}
}

// TestCertificate: a certificate verifies offline; any changed byte is named;
// it prints.
func TestCertificate(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE", "LAB_REPORT")
	y.chart(t, "chart-2", "2011-04", "FACE_SHEET", "PROGRESS_NOTE")
	id := y.plan(t, disposition.Wanted{}, 0, 1)
	y.pass(30)
	if _, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil {
		t.Fatal(err)
	}
	text, annex, err := y.desk.Certificate(y.ctx, "000001")
	if err != nil || len(annex) == 0 {
		t.Fatal(err)
	}
	pub := y.people[0].Key
	c, err := disposition.ReadCertificate([]byte(text), pub)
	if err != nil {
		t.Fatal(err)
	}
	if c.Count != 3 || len(c.Series) != 2 || c.Series[0].Type != "LAB_REPORT" || c.From != parse(t, "2010-03-04") || c.To != parse(t, "2011-04") || c.KeyBackups.IsZero() ||
		c.Series[1].Citations[0] != "made-up law 1" || c.PreparedBy != "os:clerk" || c.Facility == "" || c.HoldCheck == "" || c.Verified == "" {
		t.Errorf("got %+v", c)
	}
	lines := strings.Split(text, "\n")
	at := 0
	for n, line := range lines {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, `  "`), `"`)
		for i := range len(line) {
			for _, bit := range []byte{1, 0x20} {
				if bit > 1 && i%7 > 0 {
					continue
				}
				b := []byte(text)
				b[at+i] ^= bit
				_, err := disposition.ReadCertificate(b, pub)
				if !errors.Is(err, record.ErrCorrupt) {
					t.Fatalf("line %d, byte %d: got %v, want ErrCorrupt", n+1, i, err)
				}
				want := name
				switch {
				case line == "{" || line == "}":
					want = "first or last lines"
				case name == "seals":
					want = "seals"
				case name == "sig":
					want = "signature"
				}
				if b[at+i] == '\n' {
					want = "number of its lines"
				}
				if !strings.Contains(err.Error(), want) {
					t.Fatalf("line %d, byte %d: got %v, want %q named", n+1, i, err, want)
				}
			}
		}
		at += len(line) + 1
	}
	for _, bad := range []string{"", "{}", text + "\n", text[:len(text)-1], strings.Replace(text, "\n", "\r\n", 1), strings.Replace(text, "  \"pages\"", "  \"pages\" ", 1)} {
		if _, err := disposition.ReadCertificate([]byte(bad), pub); !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("%.30q: got %v, want ErrCorrupt", bad, err)
		}
	}
	if _, err := disposition.ReadCertificate([]byte(text), y.people[1].Key); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("with another key: got %v, want ErrCorrupt", err)
	}
	if _, err := disposition.ReadCertificate([]byte(text), nil); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("without a key: got %v, want ErrCorrupt", err)
	}
	if err := disposition.CheckChain([]string{text, text}); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("a broken chain: got %v, want ErrCorrupt", err)
	}
	var pdf bytes.Buffer
	if err := disposition.Print(&pdf, c, []byte(text)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "c.txt")
	cmd := exec.Command("pdftotext", "-layout", "-", file)
	cmd.Stdin = &pdf
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pdftotext (apt-get install poppler-utils): %v %s", err, out)
	}
	out, err := exec.Command("cat", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Certificate of destruction", "No. 000001", "LAB_REPORT", "made-up law 1", "Witness", "Department manager", "page 1 of 2", "director", "privacy"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the printed certificate lacks %q", want)
		}
	}
}

func FuzzCertificate(f *testing.F) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32))
	good, err := disposition.Seal(disposition.Certificate{Number: "000001", Facility: "Sample (fictitious)"}, signer{key})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := disposition.ReadCertificate(b, key.Public().(ed25519.PublicKey))
		if (err == nil) != bytes.Equal(b, good) {
			t.Errorf("got %v for %q", err, b)
		}
	})
}
