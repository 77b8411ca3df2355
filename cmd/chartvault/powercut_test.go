package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/archive/keys"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/ingest/sheet"
	"chartvault/internal/durable"
	"chartvault/internal/lossytest"
	"chartvault/internal/testserver"
	"chartvault/ocr"
	"chartvault/record"
)

// plainReader stands for the worker, which is not what is tested here: any
// source has a separator sheet and one page.
type plainReader struct{ ocr.Reader }

func (plainReader) Probe(context.Context, ocr.Source) (ocr.Probe, error) {
	return ocr.Probe{Kind: "tiff", Pages: 2}, nil
}

func (plainReader) Page(_ context.Context, _ ocr.Source, n int, _ ocr.Options) (ocr.Page, error) {
	p := ocr.Page{Text: ocr.PageText{Width: 100, Height: 100, DPI: 100, DPIY: 100, Origin: ocr.FromOCR, Confidence: 95, Quality: ocr.Quality{Score: 98}}}
	if n == 1 {
		chart, err := record.ParseChartNumber("5512300")
		p.Barcodes, p.Sheet = []ocr.Barcode{{Symbology: "qr", Text: sheet.Payload(chart, "PROGRESS_NOTE")}}, true
		return p, err
	}
	p.Text.Words = []ocr.Word{{Text: "zanzibar", Box: image.Rect(1, 1, 9, 9), Confidence: 95}}
	return p, nil
}

func (plainReader) Document(_ context.Context, _ ocr.Source, next func() (ocr.DocumentPage, error), w io.Writer) (ocr.Document, error) {
	for {
		if _, err := next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return ocr.Document{}, err
		}
	}
	_, err := io.WriteString(w, "%PDF-1.7 a page\n")
	return ocr.Document{Exact: true}, err
}

// campaign is an archive on a file system that fails.
type campaign struct {
	t   *testing.T
	fs  *lossytest.FS
	env *env
	app *app
	r   *mrand.Rand

	sources  []string           // taken in, all of them
	plan     string             // the one that is being executed
	doomed   map[record.ID]bool // what it may destroy
	alive    map[record.ID]bool // what must never be touched
	people   []ed25519.PrivateKey
	when     string         // what failed last
	past     []string       // all that failed
	longest  map[string]int // calls of each task the last time nothing failed
	stopped  map[string]int // how often each call was the one that failed
	finished map[string]int // how often each task was done
}

func newCampaign(t *testing.T, f *lossytest.FS, seed uint64, config string) *campaign {
	t.Helper()
	dir := filepath.Join(f.Dir, "a")
	pass := filepath.Join(t.TempDir(), "pass")
	for name, text := range map[string]string{filepath.Join(dir, "chartvault.toml"): atOnce + config, pass: "a passphrase for tests\n"} {
		if _, err := durable.Create(name, strings.NewReader(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &campaign{t: t, fs: f, r: mrand.New(mrand.NewPCG(seed, 4)), alive: map[record.ID]bool{}, longest: map[string]int{}, stopped: map[string]int{}, finished: map[string]int{}}
	c.env = &env{data: dir, passFile: pass, workFactor: 1, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)}
	if err := c.env.runInit(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	c.open()
	inForce(t, c.app, oldCharts)
	for i := range 2 {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c.people = append(c.people, key)
		c.do("approver-add", disposition.Approver{Name: c.name(i), Key: key.Public().(ed25519.PublicKey)})
	}
	return c
}

func (c *campaign) name(i int) string { return []string{"director", "privacy"}[i] }

func (c *campaign) open() {
	c.t.Helper()
	unlock, ok, err := durable.Lock(c.env.lockFile())
	if err != nil || !ok {
		c.t.Fatal(ok, err)
	}
	if c.app, err = c.env.open(c.t.Context(), unlock); err != nil {
		c.t.Fatalf("%s: it does not open: %v", c.when, err)
	}
	c.app.pipeline.Reader = plainReader{c.app.pipeline.Reader}
}

// do runs an operation that must succeed, and returns its last line.
func (c *campaign) do(op string, params any) json.RawMessage {
	c.t.Helper()
	var last json.RawMessage
	err := c.app.perform(c.t.Context(), op, request{Actor: "os:test", Params: params}, func(line json.RawMessage) error {
		last = line
		return nil
	})
	if err != nil {
		c.t.Fatalf("%s: %v", op, err)
	}
	return last
}

func (c *campaign) try(op string, params any) error {
	return c.app.perform(c.t.Context(), op, request{Actor: "os:test", Params: params}, func(json.RawMessage) error { return nil })
}

// task is what is interrupted.
type task struct {
	name   string
	before func()       // nothing fails yet
	run    func() error // may be called again and again
	check  func()       // after run has returned nil
	always func()       // after every interruption, before run is called again
}

func (c *campaign) tasks() []task {
	return []task{
		{"ingest", c.newSource, func() error { return c.ingestLast() }, c.ingested, c.neverHalf},
		{"purge", c.newPlan, c.execute, c.purged, c.neverEarly},
		{"rotate", func() {}, c.rotate, c.opensWhole, c.opensWhole},
		{"rebuild", func() {}, func() error { return c.try("rebuild", struct{}{}) }, c.wholeAgain, func() {}},
	}
}

func (c *campaign) newSource() {
	c.t.Helper()
	name := filepath.Join(c.env.data, "scans", fmt.Sprintf("scan-%d.tif", len(c.sources)))
	if _, err := durable.Create(name, strings.NewReader(fmt.Sprintf("source %d", len(c.sources))), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.sources = append(c.sources, name)
}

func (c *campaign) ingestLast() error {
	return c.try("ingest", ingestParams{Paths: []string{c.sources[len(c.sources)-1]}})
}

func (c *campaign) ingested() {
	c.t.Helper()
	bs, err := c.app.cat.Batches(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	mine := 0
	for _, b := range bs {
		if strings.HasPrefix(b.Name.Reveal(), "scan-") {
			mine++
			if want := (record.Counts{PagesIn: 2, Filed: 1, Separators: 1}); b.State != record.BatchFiled || b.Counts != want {
				c.t.Fatalf("batch %s: got %s, %+v", b.ID, b.State, b.Counts)
			}
		}
	}
	if mine != len(c.sources) {
		c.t.Fatalf("got %d batches of %d sources", mine, len(c.sources))
	}
	docs, _, err := c.app.index.Count(c.t.Context())
	rows, rerr := c.app.cat.Documents(c.t.Context())
	live := 0
	for _, r := range rows {
		if r.State != record.DocumentDestroyed {
			live++
		}
	}
	if err != nil || rerr != nil || docs != live {
		c.t.Fatalf("index: got %d documents, want %d; %v, %v", docs, live, err, rerr)
	}
}

// neverHalf: a batch that counts as filed is filed whole.
func (c *campaign) neverHalf() {
	c.t.Helper()
	bs, err := c.app.cat.Batches(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range bs[max(len(bs)-3, 0):] {
		if !b.State.Done() || !strings.HasPrefix(b.Name.Reveal(), "scan-") {
			continue // on its way; or of a plan, and gone with its documents
		}
		if _, err := c.app.arch.VerifyBatch(c.t.Context(), b.ID); err != nil {
			c.t.Fatalf("a filed batch: %v", err)
		}
	}
}

// newPlan has a plan approved over five old documents, of ten new ones, unless
// one is unfinished.
func (c *campaign) newPlan() {
	c.t.Helper()
	if c.plan != "" {
		return
	}
	before := c.rows()
	n := 10
	if len(c.alive) == 0 { // ten of these are too young to end, ever
		n = 100
	}
	deposit(c.t, c.app, n)
	c.doomed = map[record.ID]bool{}
	for id, row := range c.rows() {
		if _, old := before[id]; old {
			continue
		}
		if row.ServiceDate.Year < time.Now().Year() {
			c.doomed[id] = true
		} else {
			c.alive[id] = true
		}
	}
	var made struct {
		ID string `json:"id"`
	}
	line := c.do("plan-make", planParams{})
	made.ID = idIn(c.t, string(line))
	c.plan = made.ID
	c.do("plan-submit", planParams{ID: c.plan})
	for i, key := range c.people {
		var q disposition.Question
		if err := json.Unmarshal(c.do("question", questionParams{disposition.MatterPlan, c.plan}), &q); err != nil {
			c.t.Fatal(err)
		}
		c.do("approve", disposition.Approve(q, c.name(i), key, time.Now()))
	}
}

func (c *campaign) execute() error {
	err := c.try("plan-execute", planParams{ID: c.plan})
	if err != nil && strings.Contains(err.Error(), "it is done") {
		return nil // it was, when the answer failed
	}
	return err
}

func (c *campaign) rows() map[record.ID]catalog.Row {
	c.t.Helper()
	rows, err := c.app.cat.Documents(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	out := map[record.ID]catalog.Row{}
	for _, r := range rows {
		out[r.ID] = r
	}
	return out
}

func (c *campaign) row(id record.ID) catalog.Row {
	c.t.Helper()
	r, err := c.app.cat.Document(c.t.Context(), id)
	if err != nil {
		c.t.Fatalf("row of %s: %v", id, err)
	}
	return r
}

// neverEarly: what is not in the plan is untouched, and what is in it is whole
// or gone, never between.
func (c *campaign) neverEarly() {
	c.t.Helper()
	sample := 0
	for id := range c.alive {
		if c.row(id).State == record.DocumentDestroyed || c.row(id).State == record.DocumentDestroying {
			c.t.Fatalf("%s is %s, and no plan named it", id, c.row(id).State)
		}
		if sample++; sample <= 2 {
			if _, err := c.app.arch.Verify(c.t.Context(), id, 1); err != nil {
				c.t.Fatalf("%s was not in the plan: %v", id, err)
			}
		}
	}
	for id := range c.doomed {
		left, err := c.app.arch.Gone(c.t.Context(), id, 1)
		switch {
		case err != nil:
			c.t.Fatal(err)
		case c.row(id).State == record.DocumentDestroyed && len(left) > 0:
			c.t.Fatalf("%s is destroyed, and %v is left", id, left)
		case c.row(id).State == record.DocumentDestroying:
			c.t.Fatalf("%s is between after opening", id)
		case c.row(id).State != record.DocumentDestroyed && len(left) != 3:
			c.t.Fatalf("%s is %s, and only %v is left", id, c.row(id).State, left)
		}
	}
}

func (c *campaign) purged() {
	c.t.Helper()
	c.neverEarly()
	for id := range c.doomed {
		if c.row(id).State != record.DocumentDestroyed || c.row(id).Certificate == "" {
			c.t.Fatalf("%s: got %s under %q", id, c.row(id).State, c.row(id).Certificate)
		}
	}
	text, _, err := c.app.desk.Certificate(c.t.Context(), c.row(first(c.doomed)).Certificate)
	if err != nil {
		c.t.Fatal(err)
	}
	cert, err := disposition.ReadCertificate([]byte(text), c.app.station.Public())
	if err != nil || len(cert.Documents) != len(c.doomed) {
		c.t.Fatalf("certificate: %v, %d documents, want %d", err, len(cert.Documents), len(c.doomed))
	}
	c.plan, c.doomed = "", nil
}

func first(m map[record.ID]bool) (id record.ID) {
	for id = range m {
		break
	}
	return id
}

func (c *campaign) rotate() error {
	_, err := c.app.vault.Rotate(c.t.Context(), "a passphrase for tests", 1, nil, nil)
	return err
}

// opensWhole: passphrase and recovery identity open the vault, and it opens
// every key.
func (c *campaign) opensWhole() {
	c.t.Helper()
	_, places, err := c.app.cfg.stores(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	rec, err := os.ReadFile(filepath.Join(c.env.data, recoveryFile))
	if err != nil {
		c.t.Fatal(err)
	}
	byPass, err := keys.Unlock(c.t.Context(), places, "a passphrase for tests")
	if err != nil {
		c.t.Fatalf("passphrase: %v", err)
	}
	byRecovery, err := keys.UnlockRecovery(c.t.Context(), places, string(rec))
	if err != nil {
		c.t.Fatalf("recovery identity: %v", err)
	}
	for id, row := range c.rows() {
		for _, v := range []*keys.Vault{byPass, byRecovery} {
			if _, err := v.Key(c.t.Context(), id); err != nil && row.State != record.DocumentDestroyed {
				c.t.Fatalf("key of %s: %v", id, err)
			}
		}
	}
}

// wholeAgain: catalogue, log and store say the same, and everything verifies.
func (c *campaign) wholeAgain() {
	c.t.Helper()
	c.ingested()
	for id := range c.alive {
		if s := c.row(id).State; s != record.DocumentFiled {
			c.t.Fatalf("%s: got %s, want filed", id, s)
		}
		break
	}
	err := c.app.opVerify(c.t.Context(), asked{Actor: "os:test", Params: []byte("{}")}, func(v any) error {
		if l := v.(verifyLine); l.Fault != "" {
			c.t.Errorf("verify: got %s: %s", l.Object, l.Fault)
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// endSessions runs a task to its end while the database ends every session at some
// moment.
func (c *campaign) endSessions(k task, end func()) {
	c.t.Helper()
	k.before()
	pause := time.Duration(c.r.IntN(400)) * time.Millisecond
	ended := make(chan struct{})
	go func() {
		time.Sleep(pause)
		end()
		close(ended)
	}()
	err := k.run()
	<-ended
	c.stopped[k.name+" sessions"]++
	c.again(k, fmt.Sprintf("%s, sessions ended after %s: %v", k.name, pause, err))
}

// interrupt runs a task to its end while one call of it fails, over and over
// if that stops it, and returns how often it was stopped.
func (c *campaign) interrupt(k task, mode lossytest.Mode, at int) {
	c.t.Helper()
	k.before()
	c.fs.Arm(mode, at)
	err := k.run()
	calls, failed := c.fs.Calls()
	if failed != "" {
		c.stopped[k.name+" "+string(mode)]++
	} else {
		c.longest[k.name] = calls
	}
	if err == nil && failed == "" {
		c.fs.Arm(mode, 0)
		k.check()
		c.finished[k.name]++
		return
	}
	// As after a crash: nothing is written down any more.
	cerr := c.app.Close(context.WithoutCancel(c.t.Context()))
	c.fs.Arm(mode, 0)
	if mode == lossytest.Cut && failed != "" {
		c.fs.Lose(c.r.Uint64())
	}
	c.again(k, fmt.Sprintf("%s, %s at call %d (%s): %v; closed: %v", k.name, mode, at, failed, err, cerr))
}

// again opens the archive after something failed, and finishes a task.
func (c *campaign) again(k task, when string) {
	c.t.Helper()
	if !c.app.closed.Load() {
		when += fmt.Sprintf("; closed: %v", c.app.Close(context.WithoutCancel(c.t.Context())))
	}
	c.when = when
	c.past = append(c.past, c.when)
	c.env.rebuilding = k.name == "rebuild" // the command that mends opens what others refuse
	c.open()
	k.always()
	if rerr := k.run(); rerr != nil {
		c.t.Fatalf("%s; again: got %v", c.when, rerr)
	}
	if c.env.rebuilding {
		if err := c.app.Close(context.WithoutCancel(c.t.Context())); err != nil {
			c.t.Fatal(err)
		}
		c.env.rebuilding = false
		c.open()
	}
	k.check()
	c.finished[k.name]++
}

// TestPowerCuts takes scans in, destroys under approved plans, rotates the
// vault and rebuilds, on a file system where at a random call the disk fails,
// is full, or the power goes and takes with it what was not made durable.
// Nothing is lost, doubled, early or partial; on both engines of the catalogue, of
// which PostgreSQL lies elsewhere and now and then ends all its sessions.
// CHARTVAULT_CUTS sets how many calls fail (make soak: ten thousand).
func TestPowerCuts(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		archives(t, 12, func(t *testing.T, part, cuts int) { powerCuts(t, part, cuts, "", nil) })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		archives(t, 6, func(t *testing.T, part, cuts int) {
			dsn := testserver.StartPostgres(t)
			admin, err := sql.Open("pgx", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer admin.Close()
			powerCuts(t, part, cuts, "[catalogue]\nengine = \"postgres\"\ndsn_file = \""+dsnFile(t, dsn)+"\"\n", func() {
				if _, err := admin.ExecContext(context.Background(), endSessions); err != nil {
					t.Error(err)
				}
			})
		})
	})
}

// perArchive is how many calls fail in one archive. It grows, and every step reads
// all of it: a thousand in one archive take many times as long as in ten.
const perArchive = 100

// archives has CHARTVAULT_CUTS calls fail, least when it is not set, in as many
// archives as that takes. Each says its seed: with CHARTVAULT_SEED the first has
// that one, and does the same again when it is to have as many calls fail.
func archives(t *testing.T, least int, campaign func(t *testing.T, part, cuts int)) {
	for i, left := 0, told(t, "CHARTVAULT_CUTS", least); left > 0; i, left = i+1, left-perArchive {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel() // it waits for the disk, most of the time
			campaign(t, i, min(left, perArchive))
		})
	}
}

// endSessions has PostgreSQL end every session but its own.
const endSessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`

// powerCuts is TestPowerCuts on one engine. endSessions has the database end all
// its sessions; nil where it has none.
func powerCuts(t *testing.T, part, cuts int, config string, endSessions func()) {
	f := lossytest.Start(t)
	seed := seedOf(t) + uint64(part)
	t.Logf("seed %d", seed)
	c := newCampaign(t, f, seed, config)
	defer func() {
		for i, what := range c.past {
			if t.Failed() && i >= len(c.past)-6 {
				t.Logf("%d: %s", i, what)
			}
		}
		if c.app == nil {
			return // it did not open
		}
		if err := c.app.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	tasks := c.tasks()
	for _, k := range tasks { // once without a fault, to know how long each is
		c.interrupt(k, lossytest.Once, 1<<30)
	}
	modes := []lossytest.Mode{lossytest.Cut, lossytest.Cut, lossytest.Once, lossytest.Full}
	for done := 0; done < cuts; done++ {
		n := c.r.IntN(100)
		k := tasks[0]
		switch {
		case n >= 95:
			k = tasks[3]
		case n >= 80:
			k = tasks[2]
		case n >= 50:
			k = tasks[1]
		}
		if endSessions != nil && c.r.IntN(3) == 0 {
			c.endSessions(k, endSessions)
			continue
		}
		c.interrupt(k, modes[c.r.IntN(len(modes))], 1+c.r.IntN(c.longest[k.name]))
	}
	c.newPlan()
	if err := c.try("plan-execute", planParams{ID: c.plan}); err != nil {
		t.Fatal(err)
	}
	c.purged()
	c.wholeAgain()
	t.Logf("calls a task: %v; stopped: %v; finished: %v", c.longest, c.stopped, c.finished)
}
