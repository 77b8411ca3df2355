package disposition_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chartvault/disposition"
	"chartvault/record"
	"chartvault/retention"
)

const simRules = `format = 2
version = "%s"
zone = "America/Chicago"
[types]
chart = ["*"]
core = ["FACE_SHEET"]
[[rule]]
id = "chart"
class = "chart"
citation = "made-up law 1"
confidence = "high"
trigger = "last_encounter"
years = %d
reduce_to = "core"
[[rule]]
id = "child"
class = "chart"
population = "minor"
citation = "made-up law 2"
confidence = "high"
trigger = "majority"
years = 2
[[rule]]
id = "lab"
types = ["LAB_REPORT"]
class = "lab"
citation = "made-up law 3"
confidence = "high"
trigger = "service_date"
years = 2
notice = { audience = "patient", method = "mail", lead_days = 20, citation = "made-up law 4" }
[[rule]]
id = "core"
class = "core"
citation = "made-up law 5"
confidence = "high"
trigger = "last_encounter"
years = 25
[[automation]]
name = "old-charts"
class = "chart"
propose = true
execute = true
`

func simSchedule(version string, years int) (string, *retention.Schedule) {
	text := fmt.Sprintf(simRules, version, years)
	s, err := retention.ParseSchedule(text, retention.None{})
	if err != nil {
		panic(err)
	}
	return text, s
}

// TestSimulation lives through years of a hospital: people who forget, err and
// cheat, holds that come and go, facts that come late, clocks that jump, faults
// and crashes at every step. Nothing is destroyed early, under a hold, in part,
// over the cap or by one person, and nothing that is due stays without a named
// reason. CHARTVAULT_YEARS is how many years (make soak: ten thousand);
// CHARTVAULT_SEED runs one of them alone.
func TestSimulation(t *testing.T) {
	n, from := 12, 0
	if s := os.Getenv("CHARTVAULT_YEARS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("CHARTVAULT_SEED"); s != "" {
		from, _ = strconv.Atoi(s)
		n = from + 1
	}
	var wg sync.WaitGroup
	var destroyed, certificates, crashes, frozen atomic.Int64
	workers := runtime.GOMAXPROCS(0)
	for k := range workers {
		wg.Go(func() {
			for seed := from + k; seed < n && !t.Failed(); seed += workers {
				y := live(t, uint64(seed))
				destroyed.Add(int64(y.destroyed))
				certificates.Add(int64(y.certificates))
				crashes.Add(int64(y.crashes))
				frozen.Add(int64(y.frozen))
			}
		})
	}
	wg.Wait()
	t.Logf("%d years: %d documents destroyed under %d certificates, %d crashes, a frozen clock looked at %d times", n-from, destroyed.Load(), certificates.Load(), crashes.Load(), frozen.Load())
	if n-from >= 100 && (destroyed.Load() < int64(n) || crashes.Load() < int64(n) || frozen.Load() == 0) {
		t.Error("too little happened to prove anything")
	}
}

// year is one simulated year.
type year struct {
	*world
	ctx                              context.Context
	destroyed, certificates, crashes int
	frozen                           int
	lastNow                          string
}

func live(t *testing.T, seed uint64) *year {
	y := &year{world: newWorld(seed), ctx: context.Background()}
	y.open()
	y.fault, y.crash = 0.01*float64(y.r.IntN(3)), 0.004*float64(y.r.IntN(3))
	for day := 0; day < 365 && len(y.bad) == 0; day++ {
		y.tomorrow()
		for range y.r.IntN(4) {
			y.act()
		}
		y.tick()
	}
	y.settle()
	for _, b := range y.bad {
		t.Errorf("seed %d: %s", seed, b)
	}
	return y
}

// try does something that may fail; a crash restarts the program.
func (y *year) try(f func() error) error {
	err := f()
	if errors.Is(err, errCrash) {
		y.crashes++
		y.restart()
	}
	return err
}

// restart starts the program until it has come up.
func (y *year) restart() {
	for {
		y.start()
		if y.desk.Watch(y.ctx) == nil {
			return
		}
	}
}

// open enrols people, adopts the first schedule and files charts.
func (y *year) open() {
	fatal := func(err error) {
		if err != nil {
			y.broken("at the opening: %v", err)
		}
	}
	for _, p := range y.people {
		_, err := y.desk.AddApprover(y.ctx, "os:admin", p.Approver)
		fatal(err)
	}
	y.true = y.true.AddDate(0, 0, 8)
	y.seen = y.true
	y.adopt("1", 8)
	for i := range 14 + y.r.IntN(10) {
		chart := fmt.Sprintf("chart-%d", i)
		last := record.Date{Year: 2014 + y.r.IntN(6), Month: 1 + y.r.IntN(12), Day: 1 + y.r.IntN(28)}
		f := &retention.Facts{Known: []record.Fact{{Name: record.FactBorn, Date: record.Date{Year: 1950 + y.r.IntN(60), Month: 2, Day: 3}, Source: record.SourcePatientList}}}
		if y.r.IntN(8) > 0 {
			f.Known = append(f.Known, record.Fact{Name: record.FactLastEncounter, Date: last, Source: record.SourcePatientList})
		}
		y.charts[chart] = f
		if y.r.IntN(5) > 0 {
			y.file(chart, "FACE_SHEET", last)
		}
		for range 1 + y.r.IntN(3) {
			y.file(chart, pickWord(y, "LAB_REPORT", "PROGRESS_NOTE"), last)
		}
	}
}

func pickWord(y *year, from ...string) string { return from[y.r.IntN(len(from))] }

// adopt drafts and adopts a schedule the proper way.
func (y *year) adopt(version string, years int) error {
	text, s := simSchedule(version, years)
	return y.adoptText(text, s)
}

func (y *year) adoptText(text string, s *retention.Schedule) error {
	if y.offset != 0 {
		return nil // people would see the wrong day on the draft
	}
	e, dr, err := y.desk.NewDraft(y.ctx, "os:clerk", text, s, record.Date{})
	if err != nil {
		return err
	}
	if len(dr.Shortens) > 0 {
		if err := y.desk.Simulated(y.ctx, "os:clerk", e.ID, retention.Change{}); err != nil {
			return err
		}
		q, err := y.desk.DraftQuestion(y.ctx, e.ID)
		if err != nil {
			return err
		}
		for _, p := range y.people[:2] {
			if _, _, err := y.desk.ApproveDraft(y.ctx, y.sign(p, q)); err != nil {
				return err
			}
		}
	}
	_, _, err = y.desk.Adopt(y.ctx, "os:clerk", e.ID)
	if stored, _, derr := y.desk.Draft(y.ctx, e.ID); derr == nil && stored.State == "adopted" {
		y.adopted = append(y.adopted, s) // also when the caller did not hear of it
	}
	return err
}

// tomorrow lets a day pass, and clocks misbehave.
func (y *year) tomorrow() {
	y.true = y.true.Add(24*time.Hour + time.Duration(y.r.IntN(60))*time.Minute)
	switch y.r.IntN(60) {
	case 0: // the clock is set forward while the program runs
		y.offset += time.Duration(1+y.r.IntN(4000)) * 24 * time.Hour
	case 1: // and set right
		y.offset = 0
	case 2: // the program stands still, and the clock is wrong when it comes back
		y.true = y.true.AddDate(0, 0, y.r.IntN(5))
		if y.two {
			y.offset += time.Duration(y.r.IntN(8000)-2000) * 24 * time.Hour
		} else if y.offset == 0 && y.r.IntN(3) == 0 {
			y.offset = 36 * time.Hour // too little to be noticed with one clock
		} else {
			y.offset += time.Duration(8+y.r.IntN(4000)) * 24 * time.Hour
		}
		y.restart()
	case 3:
		y.restart()
	}
}

// tick is the daemon's day.
func (y *year) tick() {
	if y.try(func() error { return y.desk.Watch(y.ctx) }) == nil {
		y.seen = y.Now() // the daemon's own entry of the day
	}
	y.try(func() error { _, err := y.desk.Propose(y.ctx); return err })
	y.try(func() error {
		var crash error
		err := y.desk.ExecuteReady(y.ctx, func(_ disposition.Run, err error) {
			if errors.Is(err, errCrash) {
				crash = err
			}
		})
		return errors.Join(err, crash)
	})
	y.whole()
}

// act is something a person does.
func (y *year) act() {
	y.try(func() error {
		switch y.r.IntN(16) {
		case 0, 1:
			w := disposition.Wanted{Class: pickWord(y, "", "", "chart", "lab")}
			if y.r.IntN(5) == 0 {
				w.Transfer = &disposition.Transfer{Recipient: "State archives (fictitious)", Dir: "out"}
			}
			_, _, err := y.desk.MakePlan(y.ctx, record.Actor("os:"+pickWord(y, "clerk", "director")), w)
			return err
		case 2, 3:
			return y.eachPlan(func(id string) error {
				_, _, err := y.desk.Submit(y.ctx, record.Actor("os:"+pickWord(y, "clerk", "director")), id, pickWord(y, "", "a backlog"))
				return err
			}, disposition.PlanReview)
		case 4:
			return y.eachPlan(y.excludeOne, disposition.PlanReview)
		case 5, 6, 7:
			return y.eachPlan(y.approveOne, disposition.PlanOpen)
		case 8:
			return y.eachPlan(y.notify, disposition.PlanOpen, disposition.PlanReview)
		case 9:
			if y.r.IntN(6) > 0 {
				return nil
			}
			if y.r.IntN(3) == 0 {
				return y.eachPlan(func(id string) error { _, err := y.desk.Stop(y.ctx, "os:counsel", id, "a doubt"); return err }, disposition.PlanExecuting)
			}
			return y.eachPlan(func(id string) error {
				_, _, err := y.desk.Cancel(y.ctx, "os:counsel", id, "a doubt")
				return err
			}, disposition.PlanOpen, disposition.PlanReview)
		case 10:
			return y.hold()
		case 11:
			return y.release()
		case 12:
			return y.learn()
		case 13:
			return y.thaw(false)
		case 14:
			if y.r.IntN(20) > 0 {
				return y.standing()
			}
			return y.adopt(fmt.Sprint(len(y.adopted)+1), 7+y.r.IntN(3))
		default:
			d := y.docs[y.ids[y.r.IntN(len(y.ids))]]
			_, err := y.desk.Extend(y.ctx, "os:director", disposition.Extension{Document: d.subject.Document, Until: record.DateOf(y.true.AddDate(0, 2, 0)), Reason: "asked for"})
			if y.r.IntN(3) == 0 {
				return err
			}
			return nil
		}
	})
}

// eachPlan does something with one plan in one of the states.
func (y *year) eachPlan(f func(id string) error, states ...string) error {
	var ids []string
	err := y.desk.Plans(y.ctx, func(e disposition.Entry, _ disposition.PlanBody) error {
		ids = append(ids, e.ID)
		return nil
	}, states...)
	if err != nil || len(ids) == 0 {
		return err
	}
	return f(ids[y.r.IntN(len(ids))])
}

func (y *year) excludeOne(id string) error {
	_, b, err := y.desk.Plan(y.ctx, id)
	if err != nil {
		return err
	}
	items, err := y.desk.Items(y.ctx, b.Plan)
	if err != nil || len(items) == 0 {
		return err
	}
	_, _, err = y.desk.Exclude(y.ctx, "os:counsel", id, items[y.r.IntN(len(items))].Document, "to be kept")
	return err
}

// approveOne is somebody approving: mostly honestly.
func (y *year) approveOne(id string) error {
	q, err := y.desk.Question(y.ctx, id)
	if err != nil {
		return err
	}
	p := y.people[y.r.IntN(len(y.people))]
	var a disposition.Approval
	switch y.r.IntN(8) {
	case 0: // signs in another's name
		other := y.people[y.r.IntN(len(y.people))]
		if a = disposition.Approve(q, other.Name, p.key, y.Now()); other == p {
			a = y.sign(p, q)
		}
	case 1: // a signature of yesterday
		a = disposition.Approve(q, p.Name, p.key, y.Now().Add(-24*time.Hour))
	case 2: // of something else
		other := q
		other.Digest = hash(q.Digest)
		a = disposition.Approve(other, p.Name, p.key, y.Now())
	default:
		a = y.sign(p, q)
	}
	_, _, err = y.desk.Approve(y.ctx, a)
	return err
}

func (y *year) notify(id string) error {
	_, _, err := y.desk.GiveNotice(y.ctx, "os:clerk", id, "lab", record.DateOf(y.Now()), []byte("scan of the notice"))
	return err
}

func (y *year) hold() error {
	scope := record.HoldScope{}
	if y.r.IntN(2) == 0 {
		scope.Charts = [][]byte{[]byte(fmt.Sprintf("chart-%d", y.r.IntN(20)))}
	} else {
		scope.Types, scope.To = []string{"PROGRESS_NOTE"}, record.Date{Year: 2014 + y.r.IntN(6)}
	}
	_, err := y.desk.PlaceHold(y.ctx, "os:counsel", record.Hold{Kind: []record.HoldKind{record.HoldLegal, record.HoldRequest}[y.r.IntN(2)], Matter: "docket 1", Reason: "notice", Scope: scope}, nil)
	return err
}

// release asks for the release of a hold and lets two people approve it.
func (y *year) release() error {
	var ids []string
	err := y.desk.Holds(y.ctx, true, func(b disposition.HoldBody) error {
		ids = append(ids, b.ID.String())
		return nil
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	id := ids[y.r.IntN(len(ids))]
	b, err := y.desk.Release(y.ctx, "os:counsel", id, "closed")
	if err != nil || !b.Kind.TwoToRelease() {
		return err
	}
	q, err := y.desk.ReleaseQuestion(y.ctx, id)
	if err != nil {
		return err
	}
	for _, p := range y.people[:1+y.r.IntN(2)] {
		if _, err := y.desk.ApproveRelease(y.ctx, y.sign(p, q)); err != nil {
			return err
		}
	}
	return nil
}

// learn lets a fact come late, or a document.
func (y *year) learn() error {
	chart := fmt.Sprintf("chart-%d", y.r.IntN(len(y.charts)))
	f := y.charts[chart]
	day := record.DateOf(y.true.AddDate(-y.r.IntN(12), 0, 0))
	if y.r.IntN(2) == 0 {
		f.Known = append(f.Known, record.Fact{Name: record.FactLastEncounter, Date: day, Source: record.SourceEncounters})
		return nil
	}
	y.file(chart, "PROGRESS_NOTE", day)
	if day.After(f.LatestService) {
		f.LatestService = day
	}
	return nil
}

// thaw has the clock set right, and two people say so.
func (y *year) thaw(must bool) error {
	f, q, err := y.desk.Frozen(y.ctx)
	if f == nil || err != nil {
		return err
	}
	y.frozen++
	if y.offset = 0; y.seen.After(y.true) {
		y.seen = y.true // the log's last entry was of the wrong time; people looked at it
	}
	people := y.people[:1+y.r.IntN(2)]
	if must {
		people = y.people
	}
	for _, p := range people {
		_, thawed, err := y.desk.Thaw(y.ctx, y.sign(p, q))
		if thawed || err != nil && !must {
			return err
		}
	}
	return nil
}

func (y *year) standing() error {
	_, q, err := y.desk.AskStanding(y.ctx, "os:clerk", "old-charts")
	if err != nil {
		return err
	}
	for _, p := range y.people[:1+y.r.IntN(2)] {
		if _, err := y.desk.ApproveStanding(y.ctx, y.sign(p, q)); err != nil {
			return err
		}
	}
	return nil
}

// settle ends the year: everything that waits has a reason; and once every
// fault is mended and people do their part, all that is due goes and the rest
// stays.
func (y *year) settle() {
	y.fault, y.crash, y.offset = 0, 0, 0
	if y.seen.After(y.true) {
		y.seen = y.true
	}
	y.restart()
	y.named()
	if err := y.thaw(true); err != nil {
		y.broken("thaw: %v", err)
	}
	last := y.true
	for range 12 {
		last = y.true
		y.clear()
		for range 200 {
			y.true = y.true.Add(25 * time.Hour)
			y.tick()
			if y.open1() == 0 {
				break
			}
		}
	}
	left := 0
	s := y.inForceTruly()
	err := y.Due(y.ctx, s, s.Today(last.Add(-y.terms.MaxGap)), func(d disposition.Document) error {
		if core, _ := y.Core(y.ctx, s, d, s.Today(last), func(record.ID) bool { return false }); d.Decision.Action == retention.ReduceToCore && !core {
			return nil // its chart has no core: named in the plan
		}
		left++
		y.lastNow = d.Subject.Document.String()
		return nil
	})
	if err != nil || left > 0 {
		y.broken("%d due documents are left, such as %s: %v", left, y.lastNow, err)
	}
	y.whole()
	y.account()
}

// open1 counts plans that are not done.
func (y *year) open1() (n int) {
	y.desk.Plans(y.ctx, func(disposition.Entry, disposition.PlanBody) error { n++; return nil }, disposition.PlanReview, disposition.PlanOpen, disposition.PlanExecuting)
	return n
}

// clear has people do their part: cancel what cannot go on, plan what is due,
// notify, approve.
func (y *year) clear() {
	var stale []string
	y.desk.Plans(y.ctx, func(e disposition.Entry, _ disposition.PlanBody) error { stale = append(stale, e.ID); return nil }, disposition.PlanReview, disposition.PlanOpen)
	for _, id := range stale {
		if _, _, err := y.desk.Cancel(y.ctx, "os:clerk", id, "made again"); err != nil {
			y.broken("cancel: %v", err)
		}
	}
	y.eachPlan(func(id string) error {
		if _, err := y.desk.Stop(y.ctx, "os:clerk", id, "made again"); err != nil {
			y.broken("stop: %v", err)
		}
		return nil
	}, disposition.PlanExecuting)
	e, b, err := y.desk.MakePlan(y.ctx, "os:clerk", disposition.Wanted{})
	if errors.Is(err, record.ErrNotFound) {
		return
	}
	if err != nil {
		y.broken("plan at the end: %v", err)
		return
	}
	for _, n := range b.Plan.Notices {
		if _, _, err := y.desk.GiveNotice(y.ctx, "os:clerk", e.ID, n.Rule, record.DateOf(y.Now()), []byte("evidence")); err != nil {
			y.broken("notice: %v", err)
		}
	}
	if _, _, err := y.desk.Submit(y.ctx, "os:clerk", e.ID, "a backlog"); err != nil {
		y.broken("submit: %v", err)
	}
	q, err := y.desk.Question(y.ctx, e.ID)
	if err != nil {
		y.broken("question: %v", err)
	}
	for _, p := range y.people[:2] {
		if _, _, err := y.desk.Approve(y.ctx, y.sign(p, q)); err != nil {
			y.broken("approve at the end: %v", err)
		}
	}
}

// named wants a reason for everything that is due and still there.
func (y *year) named() {
	err := y.desk.Waiting(y.ctx, func(w disposition.Waiting) error {
		if strings.TrimSpace(w.Why) == "" {
			y.broken("%s is due and waits for nothing", w.Document)
		}
		return nil
	})
	if err != nil {
		y.broken("waiting: %v", err)
	}
}

// account holds the certificates against what was destroyed.
func (y *year) account() {
	certified := map[record.ID]int{}
	var texts []string
	err := y.desk.Certificates(y.ctx, func(number, text string) error {
		c, err := disposition.ReadCertificate([]byte(text), y.people[0].Key)
		if err != nil {
			return err
		}
		texts = append(texts, text)
		for _, id := range c.Documents {
			certified[id]++
			if d := y.docs[id]; d.certificate != number {
				y.broken("%s: its tombstone names certificate %q, and %s lists it", id, d.certificate, number)
			}
		}
		return nil
	})
	if err == nil {
		err = disposition.CheckChain(texts)
	}
	if err != nil {
		y.broken("certificates: %v", err)
	}
	y.certificates = len(texts)
	for id, d := range y.docs {
		switch n := certified[id]; {
		case d.state == record.DocumentDestroyed && n != 1:
			y.broken("%s is destroyed and stands in %d certificates", id, n)
		case d.state == record.DocumentDestroying:
			y.broken("%s was never finished", id)
		case d.state == record.DocumentDestroyed:
			y.destroyed++
		}
	}
}
