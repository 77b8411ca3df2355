package retention_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chartvault/record"
	"chartvault/retention"
)

func date(t testing.TB, s string) record.Date {
	t.Helper()
	d, err := record.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func schedule(t testing.TB, rules string) *retention.Schedule {
	t.Helper()
	s, err := retention.ParseSchedule("version = \"t\"\n" + rules)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rule(id, population, trigger string, years int) string {
	return fmt.Sprintf("[[rule]]\nid = %q\npopulation = %q\ntrigger = %q\nyears = %d\ncitation = \"c\"\nconfidence = \"high\"\n", id, population, trigger, years)
}

// TestVectors are boundary cases of US law: 29 February, minors, restart of the
// whole chart, partial dates.
func TestVectors(t *testing.T) {
	tests := []struct {
		name, rules, born, service, last, died string
		due                                    string // "" for never
	}{
		{"TX adult", rule("a", "adult", "last_encounter", 10), "1970-01-01", "2012-03-10", "2012-03-10", "", "2022-03-11"},
		{"TX minor born on a leap day", rule("a", "adult", "last_encounter", 10) + rule("m", "minor", "birthday", 20), "2004-02-29", "2010-06-01", "2010-06-01", "", "2024-03-01"},
		{"PA minor", rule("a", "adult", "last_encounter", 7) + rule("m", "minor", "majority", 7), "2008-02-29", "2012-09-03", "2012-09-03", "", "2033-03-02"},
		{"AR at seventeen: the adult clock wins", rule("a", "adult", "last_encounter", 10) + rule("m", "minor", "majority", 2), "2003-07-01", "2021-01-15", "2021-01-15", "", "2031-01-16"},
		{"NC newborn", rule("a", "adult", "last_encounter", 11) + rule("m", "minor", "birthday", 30), "2015-05-05", "2015-05-05", "2015-05-07", "", "2045-05-06"},
		{"WA: a new stay restarts the chart", rule("a", "adult", "last_encounter", 10), "1950-01-01", "2008-05-01", "2019-09-30", "", "2029-10-01"},
		{"only the year is known", rule("a", "adult", "last_encounter", 10), "1950-01-01", "1998", "1998", "", "2009-01-01"},
		{"leap day and seven years", rule("a", "adult", "last_encounter", 7), "1950-01-01", "2016-02-29", "2016-02-29", "", "2023-03-02"},
		{"birth unknown for a possible minor", rule("a", "adult", "last_encounter", 7) + rule("m", "minor", "majority", 3), "", "2001-01-01", "2001-01-01", "", ""},
		{"encounter unknown", rule("a", "adult", "last_encounter", 7), "1950-01-01", "2001-01-01", "", "", ""},
		{"death never shortens", rule("a", "adult", "last_encounter", 10) + rule("d", "deceased", "death", 6), "1950-01-01", "2010-01-01", "2010-01-01", "2011-01-01", "2020-01-02"},
		{"death lengthens", rule("a", "adult", "last_encounter", 5) + rule("d", "deceased", "death", 7), "1950-01-01", "2010-01-01", "2010-01-01", "2011-01-01", "2018-01-02"},
		{"no rules", "", "1950-01-01", "1990-01-01", "1990-01-01", "", ""},
		{"permanent", "[[rule]]\nid=\"p\"\ntrigger=\"permanent\"\ncitation=\"c\"\nconfidence=\"high\"\n", "1950-01-01", "1990-01-01", "1990-01-01", "", ""},
		{"low confidence, unconfirmed", strings.Replace(rule("a", "adult", "last_encounter", 5), "high", "low", 1), "1950-01-01", "1990-01-01", "1990-01-01", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := schedule(t, tt.rules)
			f := retention.Facts{Born: date(t, tt.born), LastEncounter: date(t, tt.last), Died: date(t, tt.died)}
			sub := retention.Subject{Type: "CHART", ServiceDate: date(t, tt.service)}
			far := date(t, "2200-01-01")
			if tt.due == "" {
				if d := s.Decide(sub, f, nil, far); d.Verdict == retention.Due || !d.Due.IsZero() || len(d.Reasons) == 0 {
					t.Fatalf("got %+v, want it never due, with reasons", d)
				}
				return
			}
			due := date(t, tt.due)
			if d := s.Decide(sub, f, nil, due); d.Verdict != retention.Due || d.Due != due {
				t.Errorf("on %s: got %s, %s %v, want due", due, d.Verdict, d.Due, d.Reasons)
			}
			if d := s.Decide(sub, f, nil, due.AddDays(-1)); d.Verdict != retention.Keep {
				t.Errorf("the day before: got %s %v, want keep", d.Verdict, d.Reasons)
			}
			hold := []record.Hold{{PlacedAt: time.Now()}}
			if d := s.Decide(sub, f, hold, far); d.Verdict != retention.Held {
				t.Errorf("under a hold: got %s, want held", d.Verdict)
			}
			sub.InQA = true
			if d := s.Decide(sub, f, nil, far); d.Verdict != retention.Unresolved {
				t.Errorf("in QA: got %s, want unresolved", d.Verdict)
			}
		})
	}
}

// TestLongestWins: adding a rule never makes anything due earlier, and knowing
// less never makes it due at all.
func TestLongestWins(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rules := ""
		n := rapid.IntRange(1, 4).Draw(r, "rules")
		for i := range n {
			rules += rule(fmt.Sprint("r", i), rapid.SampledFrom([]string{"any", "adult", "minor", "deceased"}).Draw(r, "population"),
				rapid.SampledFrom([]string{"last_encounter", "service_date", "majority", "birthday", "death"}).Draw(r, "trigger"), rapid.IntRange(1, 40).Draw(r, "years"))
		}
		extra := rules + rule("extra", "any", "last_encounter", rapid.IntRange(1, 40).Draw(r, "extra"))
		day := func(name string) record.Date {
			return record.Date{Year: rapid.IntRange(1930, 2020).Draw(r, name), Month: rapid.IntRange(1, 12).Draw(r, name), Day: rapid.IntRange(1, 28).Draw(r, name)}
		}
		f := retention.Facts{Born: day("born"), LastEncounter: day("last")}
		sub := retention.Subject{Type: "CHART", ServiceDate: day("service")}
		today := record.Date{Year: 2100, Month: 1, Day: 1}
		few, more := schedule(t, rules).Decide(sub, f, nil, today), schedule(t, extra).Decide(sub, f, nil, today)
		if more.Verdict == retention.Due && few.Verdict == retention.Due && few.Due.After(more.Due) {
			r.Errorf("one more rule made it due on %s, before %s", more.Due, few.Due)
		}
		f.LastEncounter = record.Date{}
		if d := schedule(t, extra).Decide(sub, f, nil, today); d.Verdict == retention.Due {
			r.Errorf("without a last encounter it is due: %v", d.Reasons)
		}
	})
}

func TestScheduleErrors(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":  "version=\"1\"\nyeers = 5\n",
		"no citation":  "version=\"1\"\n[[rule]]\nid=\"a\"\ntrigger=\"death\"\nyears=1\n",
		"no trigger":   "version=\"1\"\n[[rule]]\nid=\"a\"\ncitation=\"c\"\ntrigger=\"moon\"\nyears=1\n",
		"no years":     "version=\"1\"\n[[rule]]\nid=\"a\"\ncitation=\"c\"\ntrigger=\"death\"\n",
		"two ids":      "version=\"1\"\n" + rule("a", "any", "death", 1) + rule("a", "any", "death", 2),
		"no version":   rule("a", "any", "death", 1),
		"unknown zone": "zone=\"Mars/Base\"\n",
	} {
		if _, err := retention.ParseSchedule(text); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

type person struct {
	retention.Approver
	key ed25519.PrivateKey
}

func newPerson(t testing.TB, name string) person {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return person{retention.Approver{Name: name, Key: pub}, key}
}

func TestReady(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	a, b, m := newPerson(t, "a"), newPerson(t, "b"), newPerson(t, "maker")
	twin := person{retention.Approver{Name: "twin", Key: a.Key}, a.key}
	people := []retention.Approver{a.Approver, b.Approver, m.Approver, twin.Approver}
	plan := retention.Plan{ID: record.ID{1}, MadeBy: m.Actor(), Items: []retention.Item{{Document: record.ID{2}}}}
	terms := retention.Terms{CoolingOff: 48 * time.Hour}
	ap := func(p person, at time.Duration) retention.Approval {
		return retention.Approve(plan, p.Name, p.key, now.Add(at))
	}
	forged := ap(b, -72*time.Hour)
	forged.Sig = bytes.Clone(forged.Sig)
	forged.Sig[0] ^= 1
	tests := []struct {
		name      string
		approvals []retention.Approval
		want      error
	}{
		{"none", nil, record.ErrNotReady},
		{"one", []retention.Approval{ap(a, -72*time.Hour)}, record.ErrNotReady},
		{"one twice", []retention.Approval{ap(a, -72*time.Hour), ap(a, -71*time.Hour)}, record.ErrNotReady},
		{"one key under two names", []retention.Approval{ap(a, -72*time.Hour), ap(twin, -71*time.Hour)}, record.ErrNotReady},
		{"the maker", []retention.Approval{ap(a, -72*time.Hour), ap(m, -72*time.Hour)}, record.ErrDenied},
		{"a stranger", []retention.Approval{ap(a, -72*time.Hour), ap(newPerson(t, "x"), -72*time.Hour)}, record.ErrDenied},
		{"forged", []retention.Approval{ap(a, -72*time.Hour), forged}, record.ErrDenied},
		{"cooling off", []retention.Approval{ap(a, -72*time.Hour), ap(b, -47*time.Hour)}, record.ErrNotReady},
		{"ready", []retention.Approval{ap(a, -72*time.Hour), ap(b, -48*time.Hour)}, nil},
	}
	for _, tt := range tests {
		if err := retention.Ready(plan, tt.approvals, people, terms, now); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	changed := plan
	changed.Items = append(changed.Items, retention.Item{Document: record.ID{3}})
	if err := retention.Ready(changed, tests[8].approvals, people, terms, now); !errors.Is(err, record.ErrDenied) {
		t.Errorf("a plan changed after approval: got %v, want ErrDenied", err)
	}
}

func TestAgreedTime(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	skew := 5 * time.Minute
	if got, err := retention.AgreedTime(skew, now.Add(-time.Hour), now, now.Add(-time.Minute)); err != nil || !got.Equal(now.Add(-time.Minute)) {
		t.Errorf("got %v, %v, want the earlier clock", got, err)
	}
	for name, clocks := range map[string][]time.Time{"none": nil, "a year ahead": {now, now.AddDate(1, 0, 0)}, "behind the log": {now.Add(-2 * time.Hour)}} {
		if _, err := retention.AgreedTime(skew, now.Add(-time.Hour), clocks...); !errors.Is(err, retention.ErrClocks) {
			t.Errorf("%s: got %v, want ErrClocks", name, err)
		}
	}
}

// model is a destroyer that remembers what it did.
type model struct {
	verdict map[record.ID]retention.Verdict
	gone    map[record.ID]int
	failAt  int
}

func (m *model) Recheck(_ context.Context, it retention.Item) (retention.Decision, error) {
	if m.gone[it.Document] > 0 {
		return retention.Decision{}, record.ErrDestroyed
	}
	return retention.Decision{Verdict: m.verdict[it.Document], Reasons: []string{"model"}}, nil
}

func (m *model) Destroy(_ context.Context, it retention.Item) (bool, error) {
	if m.failAt--; m.failAt == 0 {
		return false, errors.New("storage away")
	}
	m.gone[it.Document]++
	return false, nil
}

// TestRun: whatever is interrupted and however often it is repeated, what is
// due goes exactly once, nothing else goes, and no run is over the cap.
func TestRun(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &model{verdict: map[record.ID]retention.Verdict{}, gone: map[record.ID]int{}}
		var p retention.Plan
		due := 0
		for i := range rapid.IntRange(0, 12).Draw(r, "items") {
			id := record.ID{byte(i + 1)}
			p.Items = append(p.Items, retention.Item{Document: id})
			m.verdict[id] = rapid.SampledFrom([]retention.Verdict{retention.Due, retention.Due, retention.Held, retention.Keep, retention.Unresolved}).Draw(r, "verdict")
			if m.verdict[id] == retention.Due {
				due++
			}
		}
		limit := rapid.IntRange(1, 5).Draw(r, "cap")
		done := map[record.ID]retention.Outcome{}
		for run := 0; ; run++ {
			if run > 40 {
				r.Fatal("it never ends")
			}
			m.failAt = rapid.IntRange(0, 3).Draw(r, "fail")
			before := len(m.gone)
			outs, err := retention.Run(context.Background(), p, m, limit, done)
			if len(m.gone)-before > limit {
				r.Fatalf("%d destroyed in a run, the cap is %d", len(m.gone)-before, limit)
			}
			pending := err != nil
			for _, o := range outs {
				done[o.Item.Document] = o
				pending = pending || o.Pending
			}
			if !pending {
				break
			}
		}
		if len(m.gone) != due {
			r.Errorf("got %d destroyed, want %d", len(m.gone), due)
		}
		for id, n := range m.gone {
			if n != 1 || m.verdict[id] != retention.Due {
				r.Errorf("%s: destroyed %d times, verdict %s", id, n, m.verdict[id])
			}
		}
	})
}

type signer struct{ key ed25519.PrivateKey }

func (s signer) ID() string           { return "test" }
func (s signer) Sign(b []byte) []byte { return ed25519.Sign(s.key, b) }

func TestCertificate(t *testing.T) {
	s := schedule(t, rule("a", "adult", "last_encounter", 10))
	p := newPerson(t, "signer")
	c := retention.Certify(retention.Draft{
		Number: "000001", Facility: "Sample (fictitious)", Schedule: s, At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), KeyHorizon: 35 * 24 * time.Hour,
		Outcomes: []retention.Outcome{
			{Item: retention.Item{Document: record.ID{1}, Type: "LAB_REPORT", Pages: 3, Service: date(t, "2001-02-03"), Rules: []string{"a"}}, Done: true},
			{Item: retention.Item{Document: record.ID{2}, Type: "LAB_REPORT", Pages: 2, Service: date(t, "1999-02-03"), Rules: []string{"a"}}, Done: true, Locked: true},
			{Item: retention.Item{Document: record.ID{3}, Type: "LAB_REPORT", Pages: 2, Rules: []string{"a"}}, Kept: []string{"hold"}},
		},
	}, signer{p.key})
	if err := c.Verify(p.Key); err != nil {
		t.Error(err)
	}
	if len(c.Series) != 1 || c.Series[0].Documents != 2 || c.Series[0].Pages != 5 || c.Series[0].From != date(t, "1999-02-03") || c.Kept != 1 || len(c.StillLocked) != 1 {
		t.Errorf("got %+v", c)
	}
	if got := c.KeyBackups.String(); got != "2026-06-06" {
		t.Errorf("key backups gone: got %s, want 2026-06-06", got)
	}
	c.Kept = 0
	if err := c.Verify(p.Key); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("an edited certificate: got %v, want ErrCorrupt", err)
	}
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("pdftotext", "-layout", "-", filepath.Join(t.TempDir(), "c.txt"))
	cmd.Args[len(cmd.Args)-1] = "-"
	cmd.Stdin = &b
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pdftotext (apt-get install poppler-utils): %v", err)
	}
	for _, want := range []string{"Certificate of destruction", "000001", "LAB_REPORT: 2 documents, 5 pages", "Witness"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the printed certificate lacks %q", want)
		}
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("version = \"1\"\n" + rule("a", "any", "death", 5))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := retention.ParseSchedule(text)
		if err != nil {
			return
		}
		s.Decide(retention.Subject{Type: "X"}, retention.Facts{}, nil, record.Date{Year: 2026, Month: 1, Day: 1})
	})
}
