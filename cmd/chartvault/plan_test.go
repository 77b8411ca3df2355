package main

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chartvault/archive/seal"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/ingest"
	"chartvault/internal/durable"
	"chartvault/record"
)

// atOnce is a configuration without waiting, for tests.
const atOnce = "facility = \"Sample General Hospital (fictitious)\"\n[retention]\ncooling_off = \"0s\"\napprover_age = \"0s\"\ndaily_cap = 1000000\nmax_share = 1.0\n"

const oldCharts = "format = 2\nversion = \"test\"\n[types]\nchart = [\"*\"]\n[[rule]]\nid = \"chart\"\nclass = \"chart\"\ncitation = \"made-up law\"\nconfidence = \"high\"\ntrigger = \"last_encounter\"\nyears = 10\n"

// deposit stores small documents of fictitious charts, ten a chart and fifty a
// batch, without reading any scan. Every tenth chart is too young to end.
func deposit(t testing.TB, a *app, n int) {
	t.Helper()
	for from := 0; from < n; from += 50 {
		batch, err := record.NewID(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(batch[:])
		bm := seal.BatchManifest{ID: batch, SHA256: sum[:], Size: 1, Name: "made.tif", ReceivedAt: time.Now().UTC(), State: record.BatchFiled}
		var rows []catalog.Keyed
		for i := from; i < min(from+50, n); i++ {
			rows = append(rows, depositOne(t, a, batch, i, 1))
			d := rows[len(rows)-1].Document
			if _, err := a.addFacts(t.Context(), d.Chart, catalog.Facts{Known: []record.Fact{{Name: record.FactLastEncounter, Date: d.ServiceDate, Source: record.SourcePatientList}}}); err != nil {
				t.Fatal(err)
			}
			bm.Pages = append(bm.Pages, seal.BatchPage{Placement: record.PlaceFiled, Document: rows[len(rows)-1].ID})
		}
		bm.Counts = record.Counts{PagesIn: len(rows), Filed: len(rows)}
		if err := a.cat.PutBatch(t.Context(), record.Batch{ID: batch, SHA256: sum, Size: 1, Name: record.NewPrivate("made.tif"), ReceivedAt: bm.ReceivedAt, State: record.BatchClaimed}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.arch.DepositBatch(t.Context(), bm, nil); err != nil {
			t.Fatal(err)
		}
		if err := a.cat.File(t.Context(), batch, record.BatchFiled, bm.Counts, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.feed(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func depositOne(t testing.TB, a *app, batch record.ID, i, pages int) catalog.Keyed {
	t.Helper()
	id, err := record.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	day := record.Date{Year: 2001 + i%10, Month: 1 + i%12, Day: 3}
	if i/10%10 == 9 {
		day.Year = time.Now().Year()
	}
	chart := strconv.Itoa(7_000_000 + i/10)
	content := "document " + strconv.Itoa(i)
	m := seal.Manifest{ID: id, Batch: batch, Chart: chart, Type: "PROGRESS_NOTE", ServiceDate: day, FiledAt: time.Now().UTC(), State: record.DocumentFiled,
		Pages: []seal.Page{{Source: 1, Text: json.RawMessage(`{"words":[["canaryword` + strconv.Itoa(i) + `",1,2,3,4,99,0]]}`)}}}
	for k := 2; k <= pages; k++ {
		m.Pages = append(m.Pages, seal.Page{Source: k, Text: json.RawMessage(`{"words":[["page` + strconv.Itoa(k) + `",1,2,3,4,99,0]]}`)})
	}
	s, err := a.arch.Deposit(t.Context(), m, func(zw *zip.Writer, m *seal.Manifest) error {
		sum := sha256.Sum256([]byte(content))
		m.PDF = sum[:]
		w, err := seal.AddPart(zw, "document.pdf")
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	row, err := ingest.Row(s.Manifest, s.Key)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// approvers enrols two people, and approves a matter as both.
func (a *testArchive) approvers() func(verb, id string) {
	a.t.Helper()
	dir := filepath.Dir(a.dir)
	for _, name := range []string{"director", "privacy"} {
		a.write(filepath.Join(dir, name+".pass"), []byte(name+"'s passphrase\n"))
		a.must("approver", "add", name, "--out", filepath.Join(dir, name+".key"), "--key-passphrase-file", filepath.Join(dir, name+".pass"), "--work-factor", "10")
	}
	return func(verb, id string) {
		a.t.Helper()
		for _, name := range []string{"director", "privacy"} {
			a.must(verb, "approve", id, "--key", filepath.Join(dir, name+".key"), "--key-passphrase-file", filepath.Join(dir, name+".pass"))
		}
	}
}

// must runs a command that must succeed.
func (a *testArchive) must(args ...string) string {
	a.t.Helper()
	out, code := a.run(args...)
	if code != 0 {
		a.t.Fatalf("%v: exit %d\n%s", args, code, out)
	}
	return out
}

// idIn finds an opaque id in what a command printed.
func idIn(t testing.TB, out string) string {
	t.Helper()
	id := regexp.MustCompile(`[a-z2-7]{26}`).FindString(out)
	if id == "" {
		t.Fatalf("no id in %s", out)
	}
	return id
}

// TestPlanKill kills the execution of a plan with signal 9 at random moments
// until it is done: every document is destroyed whole, once, under one
// certificate, and the rest is untouched. CHARTVAULT_PLAN sets of how many
// documents (make soak: ten thousand).
func TestPlanKill(t *testing.T) {
	n := told(t, "CHARTVAULT_PLAN", 120)
	a := newArchive(t, atOnce)
	a.plain()
	a.inProcess(func(x *app) {
		inForce(t, x, oldCharts)
		began := time.Now()
		deposit(t, x, n)
		t.Logf("%d documents deposited, %.0f a second", n, float64(n)/time.Since(began).Seconds())
	})
	approve := a.approvers()
	id := idIn(t, a.must("plan", "make", "--json"))
	a.must("plan", "submit", id)
	approve("plan", id)
	due := 0
	for i := range n {
		if i/10%10 != 9 {
			due++
		}
	}
	seed := uint64(time.Now().UnixNano())
	r := mrand.New(mrand.NewPCG(seed, 2))
	kills, began, alive := 0, time.Now(), time.Duration(0)
	for {
		c := a.command("plan", "execute", id, "--json")
		var said strings.Builder
		c.Stderr = &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		started := time.Now()
		go func() { done <- c.Wait() }()
		// Later kills come later, so that it ends.
		wait := time.Duration(300+r.IntN(700)+kills*kills*10) * time.Millisecond
		select {
		case err := <-done:
			alive += time.Since(started)
			if err != nil && (kills == 0 || !strings.Contains(said.String(), "it is done")) {
				// A kill may come when the plan is done and nobody was told.
				t.Fatalf("seed %d: execute: %v\n%s", seed, err, said.String())
			}
		case <-time.After(wait):
			alive += wait
			kills++
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-done
			continue
		}
		break
	}
	t.Logf("seed %d: %d documents destroyed through %d kills in %.1f s, %.1f a second while alive", seed, due, kills, time.Since(began).Seconds(), float64(due)/alive.Seconds())
	if line := a.must("plan", "list"); !strings.Contains(line, "done") || !strings.Contains(line, "certificate 000001, 0 kept") {
		t.Errorf("plan: got %s", line)
	}
	a.accounted(n, due)
}

// accounted holds certificate, tombstones, store and index against what should
// be gone.
func (a *testArchive) accounted(n, due int) {
	t := a.t
	t.Helper()
	a.inProcess(func(x *app) {
		text, _, err := x.desk.Certificate(t.Context(), "000001")
		if err != nil {
			t.Fatal(err)
		}
		c, err := disposition.ReadCertificate([]byte(text), x.station.Public())
		if err != nil || len(c.Documents) != due || c.Count != due {
			t.Fatalf("certificate: %v, %d documents, want %d", err, len(c.Documents), due)
		}
		listed := map[record.ID]bool{}
		for _, id := range c.Documents {
			if listed[id] {
				t.Errorf("%s stands in the certificate twice", id)
			}
			listed[id] = true
			row, err := x.cat.Document(t.Context(), id)
			if err != nil || row.State != record.DocumentDestroyed || row.Certificate != "000001" {
				t.Errorf("%s: got %s under %q, %v", id, row.State, row.Certificate, err)
			}
			if left, err := x.arch.Gone(t.Context(), id, row.Version); err != nil || len(left) > 0 {
				t.Errorf("%s: still there: %v, %v", id, left, err)
			}
		}
		for _, s := range []record.DocumentState{record.DocumentDestroying} {
			if rows, err := x.cat.InState(t.Context(), s); err != nil || len(rows) > 0 {
				t.Errorf("%d documents are %s, %v", len(rows), s, err)
			}
		}
		if docs, _, err := x.index.Count(t.Context()); err != nil || docs != n-due {
			t.Errorf("index: got %d documents, %v, want %d", docs, err, n-due)
		}
	})
	if out, code := a.run("verify", "--json"); code != 0 || !strings.Contains(out, fmt.Sprintf(`"documents":%d,`, n-due)) {
		t.Errorf("verify: exit %d\n%.2000s", code, out)
	}
	if out, code := a.run("audit", "verify"); code != 0 {
		t.Errorf("audit verify: exit %d\n%s", code, out)
	}
}

// inProcess opens the archive in this process for a while.
func (a *testArchive) inProcess(f func(*app)) {
	a.t.Helper()
	unlock, ok, err := durable.Lock(filepath.Join(a.dir, "lock"))
	if err != nil || !ok {
		a.t.Fatal(ok, err)
	}
	e := &env{data: a.dir, passFile: a.pass, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)}
	x, err := e.open(a.t.Context(), unlock)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() {
		if err := x.Close(a.t.Context()); err != nil {
			a.t.Error(err)
		}
	}()
	f(x)
}

// TestAutomation: the daemon evaluates by itself, says so in its metrics, lets an
// approved automation propose, and executes what is ready.
func TestAutomation(t *testing.T) {
	a := newArchive(t, atOnce+"[server]\nlisten = \"127.0.0.1:0\"\n")
	a.inProcess(func(x *app) {
		inForce(t, x, oldCharts+"[[automation]]\nname = \"old\"\nclass = \"chart\"\npropose = true\nexecute = true\n")
		deposit(t, x, 110)
	})
	approve := a.approvers()
	a.must("automation", "ask", "old")
	approve("automation", "old")
	var log strings.Builder
	d := a.serve(&log)
	defer d.Process.Kill()
	a.await("the certificate", time.Minute, func() bool {
		out, code := a.run("certificate", "list")
		return code == 0 && strings.Contains(out, "000001")
	})
	text := a.metrics()
	for _, want := range []string{"chartvault_retention_due_documents 100\n", "chartvault_retention_evaluated_documents 110\n", "chartvault_plan_items_done 100\n", "chartvault_destruction_frozen 0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	if out := a.must("plan", "list"); !strings.Contains(out, "made by daemon") || !strings.Contains(out, "done") {
		t.Errorf("plan: got %s", out)
	}
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.Wait()
	for _, bad := range []string{"7000000", "canaryword"} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("the log names %q", bad)
		}
	}
	if !strings.Contains(log.String(), "retention evaluated") || !strings.Contains(log.String(), "plan executed") {
		t.Errorf("the log does not tell: %s", log.String())
	}
	a.accounted(110, 100)
}

// metrics reads the daemon's metrics.
func (a *testArchive) metrics() string {
	a.t.Helper()
	b, err := os.ReadFile(filepath.Join(a.dir, "daemon.json"))
	if err != nil {
		a.t.Fatal(err)
	}
	var f daemonFile
	if err := json.Unmarshal(b, &f); err != nil {
		a.t.Fatal(err)
	}
	req, err := http.NewRequest("GET", "http://"+f.Addr+"/metrics", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// TestEvaluateResumes: an evaluation that is cut short goes on where it stopped,
// and in the end every document is decided.
func TestEvaluateResumes(t *testing.T) {
	a := openApp(t, "")
	inForce(t, a, "format = 2\nversion = \"1\"\nuse = [\"US-TX\"]\n")
	const n = 6_000
	fill(t, a, n)
	ctx, cancel := context.WithCancel(t.Context())
	first := 0
	if _, err := a.evaluate(ctx, func(documents int) { first = documents; cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("cut short: got %v", err)
	}
	ev, err := a.evaluate(t.Context(), nil)
	if err != nil || ev.Documents >= n || ev.Documents == 0 {
		t.Errorf("resumed: got %d documents, %v, want what was left of %d after %d", ev.Documents, err, n, first)
	}
	sum := 0
	f, err := a.forecast(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Verdicts {
		sum += d
	}
	if sum != n {
		t.Errorf("decided: got %d documents, want %d", sum, n)
	}
	// Another day, or another schedule, begins anew.
	inForceAs(t, a, "format = 2\nversion = \"2\"\nuse = [\"US-CT\"]\n", 2)
	if ev, err = a.evaluate(t.Context(), nil); err != nil || ev.Documents != n || ev.Schedule != "2" {
		t.Errorf("under another schedule: got %+v, %v", ev, err)
	}
}
