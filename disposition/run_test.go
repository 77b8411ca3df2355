package disposition_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chartvault/disposition"
	"chartvault/record"
	"chartvault/retention"
)

// four is a site with a plan of four documents that is ready to run.
func four(t *testing.T, w disposition.Wanted) (*year, string, []*doc) {
	t.Helper()
	y := site(t)
	ds := y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE")[1:]
	id := y.plan(t, w, 0, 1)
	y.pass(8)
	return y, id, ds
}

// TestMidRun: what people change while a plan runs is looked at before the next
// document.
func TestMidRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(y *year) error
		want   error
		text   string
		gone   int
	}{
		{"nothing", func(*year) error { return nil }, nil, "", 4},
		{"a longer schedule", func(y *year) error { return y.adopt("2", 30) }, nil, "", 1},
		{"a hold", func(y *year) error {
			_, err := y.desk.PlaceHold(y.ctx, "os:x", record.Hold{Kind: record.HoldLegal, Matter: "m", Reason: "r", Scope: record.HoldScope{Types: []string{"PROGRESS_NOTE"}}}, nil)
			return err
		}, nil, "", 1},
		{"an extension", func(y *year) error {
			_, err := y.desk.Extend(y.ctx, "os:x", disposition.Extension{Chart: []byte("chart-1"), Until: record.Date{Year: 2050}, Reason: "r"})
			return err
		}, nil, "", 1},
		{"a canary", func(y *year) error { _, err := y.desk.SetCanary(y.ctx, "os:x", []byte("chart-1"), "r"); return err }, disposition.ErrCanary, "canary chart", 1},
		{"a jump of the clock", func(y *year) error {
			y.offset = time.Hour
			_, err := y.desk.Extend(y.ctx, "os:x", disposition.Extension{Document: record.ID{9}, Until: record.Date{Year: 2050}, Reason: "r"})
			return err
		}, disposition.ErrFrozen, "frozen", 1},
	} {
		y, id, _ := four(t, disposition.Wanted{})
		y.desk.Progress = func(p disposition.Progress) {
			if p.Done == 1 {
				if err := tt.change(y); err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
			}
		}
		r, err := y.desk.Execute(y.ctx, "os:clerk", id)
		wants(t, tt.name, err, tt.want, tt.text)
		if r.Destroyed != tt.gone || tt.want == nil && r.Kept != 4-tt.gone || tt.want != nil && r.Pending != 4-tt.gone || y.unsettled != 0 {
			t.Errorf("%s: got %+v with %d unsettled, want %d destroyed", tt.name, r, y.unsettled, tt.gone)
		}
		y.offset = 0
		y.fine(t)
	}
}

// TestCutShort: a fault or an interruption leaves the rest pending, and says so.
func TestCutShort(t *testing.T) {
	y, id, ds := four(t, disposition.Wanted{})
	y.failLook = func(x record.ID) error {
		if x == ds[1].subject.Document {
			return errFault
		}
		return nil
	}
	r, err := y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "a fault", err, errFault, ds[1].subject.Document.String())
	if r.Destroyed != 1 || r.Pending != 3 || r.Done || r.Plan.String() != id || y.unsettled != 0 {
		t.Errorf("a fault: got %+v with %d unsettled", r, y.unsettled)
	}
	y.failLook = nil
	ctx, cancel := context.WithCancel(y.ctx)
	y.desk.Progress = func(p disposition.Progress) {
		if p.Done == 2 {
			cancel()
		}
	}
	r, err = y.desk.Execute(ctx, "os:clerk", id)
	wants(t, "interrupted", err, context.Canceled, "calling it again goes on")
	if r.Destroyed != 1 || r.Pending != 2 || y.unsettled != 0 {
		t.Errorf("interrupted: got %+v with %d unsettled", r, y.unsettled)
	}
	y.desk.Progress = nil
	if r, err = y.desk.Execute(y.ctx, "os:clerk", id); err != nil || r.Destroyed != 2 || !r.Done {
		t.Errorf("gone on: got %+v, %v", r, err)
	}
	// A fault when everything is destroyed and not settled yet.
	y, id, ds = four(t, disposition.Wanted{})
	y.failEnd = func(x record.ID) error {
		if x == ds[3].subject.Document && y.docs[x].state == record.DocumentFiled {
			y.docs[x].key, y.docs[x].objects, y.docs[x].row, y.docs[x].text = false, false, false, false
			y.docs[x].state, y.docs[x].ended, y.docs[x].certificate = record.DocumentDestroyed, y.Now(), "000001"
			y.unsettled = 1
			return errFault
		}
		return nil
	}
	y.desk.Execute(y.ctx, "os:clerk", id)
	y.unsettled = 1 // as if the program had died before it settled
	if r, err = y.desk.Execute(y.ctx, "os:clerk", id); err != nil || r.Destroyed != 0 || !r.Done || y.unsettled != 0 {
		t.Errorf("settled at the end: got %+v, %v, %d unsettled", r, err, y.unsettled)
	}
	y.fine(t)
}

// TestCertified: nothing is destroyed under a plan whose certificate is issued,
// though the plan did not hear of it.
func TestCertified(t *testing.T) {
	for _, how := range []string{"execute", "stop"} {
		y, id, ds := four(t, disposition.Wanted{})
		h, err := y.desk.PlaceHold(y.ctx, "os:x", record.Hold{Kind: record.HoldRequest, Matter: "m", Reason: "r", Scope: record.HoldScope{Charts: [][]byte{[]byte("chart-1")}, Types: []string{"CONSENT"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ds[3].subject.Type = "CONSENT" // held, and so kept
		y.failPut = func(e disposition.Entry) error {
			if e.Kind == disposition.KindCertificate {
				return errFault
			}
			return nil
		}
		_, err = y.desk.Execute(y.ctx, "os:clerk", id)
		wants(t, how+": certificate stored, caller not told", err, errFault, "")
		y.failPut = nil
		if _, err := y.desk.Release(y.ctx, "os:x", h.ID.String(), "over"); err != nil {
			t.Fatal(err)
		}
		ds[3].subject.Type = "PROGRESS_NOTE"
		var r disposition.Run
		if how == "execute" {
			r, err = y.desk.Execute(y.ctx, "os:clerk", id)
		} else {
			r, err = y.desk.Stop(y.ctx, "os:clerk", id, "a doubt")
		}
		if err != nil || !r.Done || r.Destroyed != 0 || r.Plan.String() != id || ds[3].state != record.DocumentFiled {
			t.Errorf("%s: got %+v, %v, %s, want the plan closed and the kept document kept", how, r, err, ds[3].state)
		}
		e, b, err := y.desk.Plan(y.ctx, id)
		if err != nil || e.State != disposition.PlanDone || len(b.Kept) != 1 || strings.Contains(b.Kept[0].Reasons[0], "stopped") || b.Ended.IsZero() || b.Certificate != "000001" {
			t.Errorf("%s: got %s, %+v, %v", how, e.State, b.Kept, err)
		}
		y.fine(t)
	}
	// While the register does not answer, nothing is begun.
	y, id, _ := four(t, disposition.Wanted{})
	y.terms.DailyCap = 2
	y.start()
	if _, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil {
		t.Fatal(err)
	}
	y.pass(2)
	y.failGet = func(k disposition.Kind) error {
		if k == disposition.KindCertificate {
			return errFault
		}
		return nil
	}
	r, err := y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "no register", err, errFault, "")
	if r.Destroyed != 0 {
		t.Errorf("no register: got %+v", r)
	}
	y.failGet = nil
	r, err = y.desk.Stop(y.ctx, "os:x", id, "a doubt")
	if err != nil || !r.Done || r.Kept != 2 || r.Plan.String() != id {
		t.Errorf("stop: got %+v, %v, want two kept", r, err)
	}
	_, b, _ := y.desk.Plan(y.ctx, id)
	if b.CancelledBy != "os:x" || b.Why != "a doubt" || len(b.Kept) != 2 || !strings.Contains(b.Kept[0].Reasons[0], "the plan was stopped: a doubt") {
		t.Errorf("stop: got %+v", b)
	}
	text, _, _ := y.desk.Certificate(y.ctx, "000001")
	if c, _ := disposition.Unseal(text); !strings.Contains(c.ClockCheck, "the plan was stopped") || c.Kept != 2 || c.DestroyedOn.IsZero() {
		t.Errorf("stop: certificate says %q, %d kept, %s", c.ClockCheck, c.Kept, c.DestroyedOn)
	}
}

// TestStopNothing: a plan that is stopped before it destroyed anything ends
// cancelled, without a certificate, and its number is the next one's.
func TestStopNothing(t *testing.T) {
	y, id, ds := four(t, disposition.Wanted{})
	y.failLook = func(record.ID) error { return errFault }
	_, err := y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "a fault", err, errFault, "")
	y.failLook = nil
	r, err := y.desk.Stop(y.ctx, "os:x", id, "a doubt")
	e, b, _ := y.desk.Plan(y.ctx, id)
	if err != nil || !r.Done || e.State != disposition.PlanCancelled || b.Certificate != "" || len(b.Kept) != 4 {
		t.Errorf("got %+v, %v, %s, %q", r, err, e.State, b.Certificate)
	}
	next := y.plan(t, disposition.Wanted{}, 0, 1)
	y.pass(8)
	if r, err := y.desk.Execute(y.ctx, "os:clerk", next); err != nil || r.Destroyed != 4 || ds[0].certificate != "000001" {
		t.Errorf("the next: got %+v, %v, under %s", r, err, ds[0].certificate)
	}
	y.fine(t)
}

// TestOneAtATime: a second plan waits until the first is done, and the daemon
// takes them in that order.
func TestOneAtATime(t *testing.T) {
	y := site(t)
	y.terms.DailyCap = 2
	y.start()
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE", "PROGRESS_NOTE", "PROGRESS_NOTE")
	first := y.plan(t, disposition.Wanted{}, 0, 1)
	y.chart(t, "chart-2", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	second := y.plan(t, disposition.Wanted{}, 0, 1)
	y.chart(t, "chart-3", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	y.plan(t, disposition.Wanted{}, 0) // never ready
	y.pass(8)
	var got []string
	day := func() {
		t.Helper()
		if err := y.desk.ExecuteReady(y.ctx, func(r disposition.Run, err error) {
			got = append(got, fmt.Sprintf("%s %d %v %v", r.Plan, r.Destroyed, r.Done, err))
		}); err != nil {
			t.Fatal(err)
		}
		y.pass(1)
		y.true = y.true.Add(time.Minute)
	}
	day()
	_, err := y.desk.Execute(y.ctx, "os:clerk", second)
	wants(t, "the second while the first is not done", err, record.ErrNotReady, "plan "+first+" is executed first")
	day()
	day()
	want := []string{first + " 2 false <nil>", first + " 1 true <nil>", second + " 1 true <nil>"}
	// What is left of the cap goes to the next plan on the same day.
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	ctx, cancel := context.WithCancel(y.ctx)
	cancel()
	y.chart(t, "chart-4", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	y.plan(t, disposition.Wanted{}, 0, 1)
	y.pass(8)
	if err := y.desk.ExecuteReady(ctx, func(r disposition.Run, err error) { t.Errorf("interrupted: reported %+v, %v", r, err) }); err != nil {
		t.Error(err)
	}
	failed := 0
	y.failLook = func(record.ID) error { return errFault }
	if err := y.desk.ExecuteReady(y.ctx, func(_ disposition.Run, err error) {
		if failed++; !errors.Is(err, errFault) {
			t.Errorf("a fault: reported %v", err)
		}
	}); err != nil || failed != 1 {
		t.Errorf("a fault: got %d reports, %v", failed, err)
	}
	y.fine(t)
}

// TestCoolingOff runs from the last approval, or from the submission if that is
// later.
func TestCoolingOff(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	id := y.plan(t, disposition.Wanted{})
	for i, p := range y.people[:2] {
		y.pass(3)
		q, err := y.desk.Question(y.ctx, id)
		if err == nil {
			_, _, err = y.desk.Approve(y.ctx, y.sign(p, q))
		}
		if err != nil {
			t.Fatal(i, err)
		}
	}
	y.pass(6)
	_, err := y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "six days after the second approval", err, record.ErrNotReady, "cools off until")
	y.pass(1)
	if r, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil || r.Destroyed != 1 {
		t.Errorf("seven days after it: got %+v, %v", r, err)
	}
	_, b, _ := y.desk.Plan(y.ctx, id)
	s, err := y.desk.InForce(y.ctx)
	if err != nil {
		t.Fatal(err)
	}
	early := b
	early.Plan.SubmittedAt = time.Time{}
	as, _ := y.desk.Approvers(y.ctx)
	wants(t, "never submitted", disposition.Ready(early, s, as, y.terms, y.Now()), record.ErrNotReady, "under review")
}

// TestHandedOver: a transfer that is cut short hands each document over once,
// and has on record what the other keeper got last.
func TestHandedOver(t *testing.T) {
	y, id, ds := four(t, disposition.Wanted{Transfer: &disposition.Transfer{Recipient: "State archives (fictitious)", Dir: "out"}})
	fail := ds[2].subject.Document
	y.locked = map[record.ID]bool{ds[0].subject.Document: true, ds[3].subject.Document: true}
	y.failEnd = func(x record.ID) error {
		if x == fail {
			return errFault
		}
		return nil
	}
	exported := func() map[record.ID]string {
		_, b, _ := y.desk.Plan(y.ctx, id)
		out := map[record.ID]string{}
		for _, x := range b.Exported {
			if out[x.Document] != "" {
				t.Errorf("%s is on record twice", x.Document)
			}
			out[x.Document] = x.SHA256
		}
		return out
	}
	for range 2 {
		_, err := y.desk.Execute(y.ctx, "os:clerk", id)
		wants(t, "cut short", err, errFault, "")
		if got := exported(); len(got) != 3 || got[fail] != "sum of "+fail.String() {
			t.Errorf("got %v", got)
		}
	}
	y.sums = map[record.ID]string{fail: "another sum"}
	_, err := y.desk.Execute(y.ctx, "os:clerk", id)
	wants(t, "cut short", err, errFault, "")
	if got := exported(); len(got) != 3 || got[fail] != "another sum" || got[ds[0].subject.Document] != "sum of "+ds[0].subject.Document.String() {
		t.Errorf("written anew: got %v", got)
	}
	y.failEnd = nil
	if r, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil || !r.Done {
		t.Fatal(r, err)
	}
	text, _, _ := y.desk.Certificate(y.ctx, "000001")
	if c, _ := disposition.Unseal(text); len(c.StillLocked) != 2 || c.StillLocked[0] != ds[0].subject.Document || c.StillLocked[1] != ds[3].subject.Document || len(exported()) != 4 {
		t.Errorf("got locked %v, %d exported", c.StillLocked, len(exported()))
	}
	y.fine(t)
}

// TestWatch: a jump freezes and is no error; a disagreement is neither; a
// register that does not answer is an error.
func TestWatch(t *testing.T) {
	y := site(t)
	frozen := func() bool { f, _, err := y.desk.Frozen(y.ctx); return err == nil && f != nil }
	if err := y.desk.Watch(y.ctx); err != nil || frozen() {
		t.Errorf("all well: got %v, frozen %v", err, frozen())
	}
	y.offset, y.startOffset = 10*time.Minute, 10*time.Minute
	if err := y.desk.Watch(y.ctx); err != nil || frozen() {
		t.Errorf("skew: got %v, frozen %v", err, frozen())
	}
	y.offset, y.startOffset = 5*time.Minute, 0 // at the limit of both
	y.two = false
	if err := y.desk.Watch(y.ctx); err != nil || frozen() {
		t.Errorf("a jump of five minutes: got %v, frozen %v", err, frozen())
	}
	y.failPut = func(disposition.Entry) error { return errFault }
	y.offset = time.Hour
	if err := y.desk.Watch(y.ctx); err != nil && !errors.Is(err, errFault) {
		t.Errorf("a jump that cannot be put: got %v", err)
	}
	y.failPut = nil
	y.entries = map[string]disposition.Entry{}
	y.order = nil
	for _, p := range y.people {
		y.offset = 0
		if _, err := y.desk.AddApprover(y.ctx, "os:admin", p.Approver); err != nil {
			t.Fatal(err)
		}
	}
	y.pass(8)
	y.offset, y.startOffset = time.Hour, 0
	y.refuse = func(disposition.Entry) error { return errFault }
	wants(t, "a jump the register does not take", y.desk.Watch(y.ctx), errFault, "")
	y.refuse = nil
	if err := y.desk.Watch(y.ctx); err != nil || !frozen() {
		t.Errorf("a jump: got %v, frozen %v", err, frozen())
	}
	if err := y.desk.Watch(y.ctx); err != nil {
		t.Errorf("frozen already: got %v", err)
	}
	// Two people say that the clock is right now: what it was before counts no more.
	_, q, err := y.desk.Frozen(y.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, thawed, err := y.desk.Thaw(y.ctx, disposition.Approve(q, "director", y.people[1].key, y.Now())); !errors.Is(err, record.ErrDenied) || thawed {
		t.Errorf("in another's name: got %v, thawed %v", err, thawed)
	}
	for _, p := range y.people[:2] {
		if _, _, err := y.desk.Thaw(y.ctx, y.sign(p, q)); err != nil {
			t.Fatal(err)
		}
	}
	y.seen = y.Now()
	if err := y.desk.Watch(y.ctx); err != nil || frozen() {
		t.Errorf("thawed: got %v, frozen %v", err, frozen())
	}
	y.failGet = func(disposition.Kind) error { return errFault }
	wants(t, "no register", y.desk.Watch(y.ctx), errFault, "")
	_, thawed, err := y.desk.Thaw(y.ctx, y.sign(y.people[0], q))
	wants(t, "no register to thaw in", err, errFault, "")
	if thawed {
		t.Error("no register to thaw in: it says that it thawed")
	}
}

// TestBrokenSchedule: a schedule that came into the register damaged makes the
// canaries sing before anything is listed.
func TestBrokenSchedule(t *testing.T) {
	y := site(t)
	y.chart(t, "chart-1", "2010-03-04", "FACE_SHEET", "PROGRESS_NOTE")
	_, s := simSchedule("broken", 8)
	for i := range s.Rules {
		for j := range s.Rules[i].Clocks {
			s.Rules[i].Clocks[j].Years = -40
		}
	}
	e, dr, err := y.desk.NewDraft(y.ctx, "os:clerk", "", s, record.Date{})
	if err != nil || len(dr.Shortens) == 0 {
		t.Fatal(dr.Shortens, err)
	}
	if err := y.desk.Simulated(y.ctx, "os:clerk", e.ID, retention.Change{}); err != nil {
		t.Fatal(err)
	}
	q, _ := y.desk.DraftQuestion(y.ctx, e.ID)
	for _, p := range y.people[:2] {
		if _, _, err := y.desk.ApproveDraft(y.ctx, y.sign(p, q)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := y.desk.Adopt(y.ctx, "os:clerk", e.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	wants(t, "a damaged schedule", err, disposition.ErrCanary, "of a patient seen yesterday")
}

// TestNames: an approver's name has a limit.
func TestNames(t *testing.T) {
	y := site(t)
	key := y.people[0].Key[:]
	for n, want := range map[int]error{64: record.ErrExists, 65: record.ErrInvalid} {
		_, err := y.desk.AddApprover(y.ctx, "os:admin", disposition.Approver{Name: strings.Repeat("x", n), Key: key})
		wants(t, fmt.Sprint(n, " characters"), err, want, "")
	}
}

// TestKeptAnew: what a run kept is not kept twice when it runs again or is stopped.
func TestKeptAnew(t *testing.T) {
	for _, how := range []string{"execute", "stop"} {
		y, id, ds := four(t, disposition.Wanted{})
		ds[3].subject.Pages++ // not the one the plan lists
		y.refuse = func(e disposition.Entry) error {
			if e.Kind == disposition.KindCertificate {
				return errFault
			}
			return nil
		}
		_, err := y.desk.Execute(y.ctx, "os:clerk", id)
		wants(t, how+": no certificate", err, errFault, "")
		y.refuse = nil
		if how == "execute" {
			_, err = y.desk.Execute(y.ctx, "os:clerk", id)
		} else {
			_, err = y.desk.Stop(y.ctx, "os:clerk", id, "a doubt")
		}
		_, b, perr := y.desk.Plan(y.ctx, id)
		if err != nil || perr != nil || len(b.Kept) != 1 || b.Certificate != "000001" {
			t.Errorf("%s: got %+v, %v, want one kept", how, b.Kept, err)
		}
		y.fine(t)
	}
}

// TestCore: the rest of a chart goes only while a core remains that is not going
// too, or when the core's own time is over.
func TestCore(t *testing.T) {
	text, _ := simSchedule("2", 8)
	text = strings.Replace(text, `core = ["FACE_SHEET"]`, `core = ["FACE_SHEET", "DISCHARGE_SUMMARY"]`, 1) +
		"[[rule]]\nid = \"summary\"\ntypes = [\"DISCHARGE_SUMMARY\"]\nclass = \"core\"\ncitation = \"made-up law 6\"\nconfidence = \"high\"\ntrigger = \"last_encounter\"\nyears = 60\n"
	s, err := retention.ParseSchedule(text, retention.None{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, last string
		types      []string
		gone       int
	}{
		{"a core remains", "2010-03-04", []string{"FACE_SHEET", "PROGRESS_NOTE"}, 1},
		{"no core", "2010-03-04", []string{"PROGRESS_NOTE"}, 0},
		{"the only core goes too", "1995-03-04", []string{"PROGRESS_NOTE", "FACE_SHEET"}, 1},
		{"one core goes, another remains", "1995-03-04", []string{"PROGRESS_NOTE", "FACE_SHEET", "DISCHARGE_SUMMARY"}, 2},
		{"the core's own time is over", "1955-03-04", []string{"PROGRESS_NOTE", "FACE_SHEET"}, 2},
	} {
		y := site(t)
		if err := y.adoptText(text, s); err != nil {
			t.Fatal(err)
		}
		y.chart(t, "chart-1", tt.last, tt.types...)
		y.charts["chart-1"].Known[0].Date.Year = 1930
		waiting := 0
		if err := y.desk.Waiting(y.ctx, func(w disposition.Waiting) error {
			if strings.Contains(w.Why, "file its core first") {
				waiting++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if tt.name == "no core" && waiting != 1 || tt.name == "a core remains" && waiting != 0 {
			t.Errorf("%s: %d wait for a core", tt.name, waiting)
		}
		id := y.plan(t, disposition.Wanted{}, 0, 1)
		y.pass(8)
		if r, err := y.desk.Execute(y.ctx, "os:clerk", id); err != nil || r.Destroyed != tt.gone {
			t.Errorf("%s: got %+v, %v, want %d destroyed", tt.name, r, err, tt.gone)
		}
		y.fine(t)
	}
}
