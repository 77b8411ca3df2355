package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/blob/s3blob"
	"chartvault/archive/keys"
	"chartvault/internal/testserver"
	"chartvault/record"
)

// testStation is a scanning station's data directory, beside an archive's.
type testStation struct {
	*testArchive
	key string // its public key
	id  string
}

// newStation makes a station of an archive; config is its configuration.
func newStation(t *testing.T, a *testArchive, config string) *testStation {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "station")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &testStation{testArchive: &testArchive{t: t, dir: dir}}
	s.write(filepath.Join(dir, "chartvault.toml"), []byte(config))
	crd, code := a.run("stations", "card")
	if code != 0 {
		t.Fatalf("stations card: exit %d\n%s", code, crd)
	}
	file := filepath.Join(t.TempDir(), "site.json")
	s.write(file, []byte(crd))
	out, code := s.run("station", "init", "--card", file)
	if code != 0 {
		t.Fatalf("station init: exit %d\n%s", code, out)
	}
	s.key = strings.TrimSpace(out)
	cache, err := warmCache()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "cache"), os.DirFS(cache)); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs the station.
func (s *testStation) start(log io.Writer) *exec.Cmd {
	s.t.Helper()
	c := s.command("station")
	c.Stderr = log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// trust has the archive trust the station.
func (s *testStation) trust(a *testArchive) {
	s.t.Helper()
	out, code := a.run("stations", "trust", "scanroom", s.key)
	if code != 0 {
		s.t.Fatalf("stations trust: exit %d\n%s", code, out)
	}
	s.id = strings.TrimSpace(out[strings.LastIndex(out, ": ")+2:])
}

// drop gives the station a scan.
func (s *testStation) drop(n int) {
	s.t.Helper()
	s.write(filepath.Join(s.dir, "scans", fmt.Sprintf("zanzibar-%d.tif", n)), small(s.t, n))
}

// held are the batches the station waits for the server to have.
func (s *testStation) held() int {
	out, _ := s.run("station", "status", "--json")
	return strings.Count(out, `"batch"`)
}

// idle says that every scan is gone from the folder and every batch was taken over.
func (s *testStation) idle() bool {
	return len(files(s.t, filepath.Join(s.dir, "scans"))) == 0 && s.held() == 0
}

func stop(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	return "127.0.0.1:" + strconv.Itoa(testserver.FreePort(t))
}

// TestStation: a station with an account that may only put seals what it scans
// while its server is away; its disk opens nothing; the server takes its
// deposits over. A revoked or unknown station's deposits wait in quarantine.
func TestStation(t *testing.T) {
	t.Parallel() // it waits for processes, most of the time
	srv := testserver.StartS3(t)
	addr := freeAddr(t)
	config := func(cred string) string {
		return fmt.Sprintf("[server]\nlisten = %q\n[station]\nserver = \"http://%s\"\n[ingest]\nsettle = \"100ms\"\npoll = \"100ms\"\nreserve_mib = 1\n[storage.s3]\nendpoint = %q\nregion = \"us-east-1\"\nbucket = \"docs\"\nkeys_bucket = \"keys\"\ncredentials_file = %q\nca_file = %q\n",
			addr, addr, srv.Endpoint, cred, srv.CAFile)
	}
	dir := t.TempDir()
	root, putter := filepath.Join(dir, "root"), filepath.Join(dir, "putter")
	for name, text := range map[string]string{root: srv.AccessKey + "\n" + srv.SecretKey + "\n", putter: "putter\nputtersecret\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := newArchive(t, config(root))
	srv.Putter(t, "putter", "puttersecret", "in/", "docs", "keys")
	onlyPuts(t, srv)

	s := newStation(t, a, config(putter))
	s.trust(a)
	var log syncBuffer
	st := s.start(&log)
	defer st.Process.Kill()
	s.drop(1)
	s.drop(2)
	s.awaits("two sealed batches", func() bool { return s.held() == 2 && len(files(t, filepath.Join(s.dir, "scans"))) == 0 })
	noCanary(t, s.dir, "\x00", "zanzibar", "5512301", "AGE-SECRET-KEY")

	var slog syncBuffer
	d := a.serve(&slog)
	s.awaits("the server to have them", s.idle)
	if out, code := a.runWith("5512301\n", "get", "--out", filepath.Join(t.TempDir(), "out")); code != 0 || !strings.Contains(out, "PROGRESS_NOTE, 1 pages, filed") {
		t.Errorf("get what the station scanned: exit %d\n%s", code, out)
	}
	if out, code := a.runWith("zanzibar\n", "search"); code != 0 || strings.Count(out, "[zanzibar]") != 2 {
		t.Errorf("search what the station scanned: exit %d\n%s", code, out)
	}
	s.drop(1) // once more
	s.awaits("the duplicate to be dropped", s.idle)
	if got := len(a.batches()); got != 2 {
		t.Errorf("got %d batches, want 2: the third is a duplicate", got)
	}

	// Revoked while it runs: what it puts down from now on is not taken over.
	if out, code := a.run("stations", "revoke", s.id); code != 0 {
		t.Fatalf("revoke: exit %d\n%s", code, out)
	}
	s.drop(3)
	quarantined := func(n int) func() bool {
		return func() bool {
			out, _ := a.run("stations", "waiting", "--json")
			return strings.Count(out, `"quarantined"`) == n
		}
	}
	a.await("the revoked station's deposit in quarantine", time.Minute, quarantined(1))
	stop(t, st)
	// A station nobody trusts yet; then somebody does.
	u := newStation(t, a, config(putter))
	ut := u.start(io.Discard)
	defer ut.Process.Kill()
	u.drop(4)
	a.await("the unknown station's deposit in quarantine", time.Minute, quarantined(2))
	if out, _ := a.run("status"); !strings.Contains(out, "2 deposits of stations are in quarantine") {
		t.Errorf("status: got %s", out)
	}
	u.trust(a)
	waiting, _ := a.run("stations", "waiting")
	for _, line := range strings.Split(strings.TrimSpace(waiting), "\n") {
		verb, args := "retry", []string(nil)
		if strings.Contains(line, "revoked") {
			verb, args = "discard", []string{"--reason", "stolen"}
		}
		if out, code := a.run(append([]string{"stations", verb, strings.Fields(line)[1]}, args...)...); code != 0 {
			t.Errorf("%s: exit %d\n%s", verb, code, out)
		}
	}
	u.awaits("the trusted station's deposit", u.idle)
	stop(t, ut)
	stop(t, d)
	before, _ := a.run("batches")
	if strings.Count(before, "filed") < 3 || !quarantined(0)() {
		t.Errorf("batches: got %s", before)
	}
	for _, args := range [][]string{{"verify"}, {"audit", "verify"}, {"rebuild"}} {
		if out, code := a.run(args...); code != 0 {
			t.Errorf("%v: exit %d\n%s", args, code, out)
		}
	}
	if after, _ := a.run("batches"); after != before {
		t.Errorf("after a rebuild: got\n%swant\n%s", after, before)
	}
	for what, text := range map[string]string{"station": log.String(), "server": slog.String()} {
		for _, canary := range []string{"zanzibar", "55123", "puttersecret"} {
			if strings.Contains(text, canary) {
				t.Errorf("the %s's log says %q:\n%s", what, canary, text)
			}
		}
	}
}

func (s *testStation) awaits(what string, f func() bool) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !f(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			out, _ := s.run("station", "status")
			s.t.Fatalf("gave up waiting for %s; the station's status: %s", what, out)
		}
	}
}

// onlyPuts wants the station's account to be refused everything but putting at
// the door.
func onlyPuts(t *testing.T, srv testserver.S3) {
	t.Helper()
	for _, bucket := range []string{"docs", "keys"} {
		open := func(access, secret string, blind bool) blob.Store {
			s, err := s3blob.Open(t.Context(), s3blob.Config{Endpoint: srv.Endpoint, Region: "us-east-1", Bucket: bucket, AccessKey: access, SecretKey: secret, CAFile: srv.CAFile, PutOnly: blind})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		whole, only := open(srv.AccessKey, srv.SecretKey, false), open("putter", "puttersecret", true)
		put := func(s blob.Store, name string) error {
			_, err := s.Put(t.Context(), name, strings.NewReader("bytes"), 5)
			return err
		}
		if err := put(only, "in/own"); err != nil {
			t.Errorf("%s: put at the door: got %v", bucket, err)
		}
		if err := put(whole, "in/other"); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"put a document":     put(only, "d/x"),
			"put a key":          put(only, "k/x.age"),
			"put a trusted key":  put(only, "trust/x.age"),
			"put beside":         put(only, "inside"),
			"read its own":       func() error { _, err := blob.ReadAll(t.Context(), only, "in/own", 100); return err }(),
			"read":               func() error { _, err := blob.ReadAll(t.Context(), only, "in/other", 100); return err }(),
			"look":               func() error { _, err := only.Stat(t.Context(), "in/other"); return err }(),
			"delete its own":     only.Delete(t.Context(), "in/own"),
			"delete":             only.Delete(t.Context(), "in/other"),
			"list":               listed(t, only),
			"swap":               only.Swap(t.Context(), "in/other", []byte("bytes"), []byte("other")),
			"read the site":      func() error { _, err := blob.ReadAll(t.Context(), only, "site.json", 1000); return err }(),
			"read the vault key": func() error { _, err := blob.ReadAll(t.Context(), only, "vault.age", 1000); return err }(),
		} {
			if err == nil {
				t.Errorf("%s: the station's account may %s", bucket, what)
			}
		}
		for _, name := range []string{"in/own", "in/other"} {
			if b, err := blob.ReadAll(t.Context(), whole, name, 100); err != nil || string(b) != "bytes" {
				t.Errorf("%s: %s: got %q, %v", bucket, name, b, err)
			}
			if err := whole.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func listed(t *testing.T, s blob.Store) error {
	for _, err := range s.List(t.Context(), "") {
		return err
	}
	return nil
}

// TestStationKill kills the station and the server at random, again and again:
// every scan becomes one batch, and no source is gone before it is sealed.
// CHARTVAULT_KILLS sets how often.
func TestStationKill(t *testing.T) {
	t.Parallel() // it waits for processes, most of the time
	kills := told(t, "CHARTVAULT_KILLS", 5)
	addr := freeAddr(t)
	a := newArchive(t, fmt.Sprintf("[server]\nlisten = %q\n[ingest]\npoll = \"100ms\"\nreserve_mib = 1\n", addr))
	s := newStation(t, a, fmt.Sprintf("[station]\nserver = \"http://%s\"\n[storage]\nobjects = %q\nkeys = [%q]\n[ingest]\nsettle = \"100ms\"\npoll = \"100ms\"\nreserve_mib = 1\n",
		addr, filepath.Join(a.dir, "objects"), filepath.Join(a.dir, "keys")))
	s.trust(a)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	var st, d *exec.Cmd
	kill := func(c *exec.Cmd) {
		if c != nil {
			c.Process.Kill()
			c.Wait()
		}
	}
	dropped := 0
	for k := range kills {
		if k%2 == 0 {
			s.drop(200 + dropped)
			dropped++
		}
		switch {
		case st == nil || r.IntN(2) == 0:
			kill(st)
			st = s.start(io.Discard)
		default:
			kill(d)
			d = a.serve(io.Discard)
		}
		time.Sleep(time.Duration(300+r.IntN(1800)) * time.Millisecond)
	}
	kill(d)
	var log, dlog syncBuffer
	kill(st)
	d, st = a.serve(&dlog), s.start(&log)
	defer kill(d)
	defer kill(st)
	s.awaits("every batch to be taken over", s.idle)
	a.await("the door to be clear", time.Minute, func() bool {
		left, err := filepath.Glob(filepath.Join(a.dir, "objects", "in", "*", "b", "*", "*"))
		return err == nil && len(left) == 0
	})
	// A second copy of a key would outlive the certificate of its document.
	if left, err := filepath.Glob(filepath.Join(a.dir, "keys", "in", "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("keys at the door: got %v, %v, want none", left, err)
	}
	bs := a.batches()
	if len(bs) != dropped {
		t.Errorf("got %d batches, want %d\nstation:\n%s\nserver:\n%s", len(bs), dropped, log.String(), dlog.String())
	}
	for _, b := range bs {
		if want := (record.Counts{PagesIn: 2, Filed: 1, Separators: 1}); b.State != record.BatchFiled || b.Counts != want {
			t.Errorf("batch %s: got %s, %+v", b.ID, b.State, b.Counts)
		}
	}
	if out, code := a.run("verify"); code != 0 {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
}

// TestSealedStart: a daemon that starts without its passphrase takes scans in,
// reads nothing, survives being killed, and files what it took in once it is
// unlocked.
func TestSealedStart(t *testing.T) {
	t.Parallel() // it waits for processes, most of the time
	a := newArchive(t, quick)
	scans := filepath.Join(a.dir, "scans")
	sealed := func(log io.Writer) *exec.Cmd {
		c := (&testArchive{t: t, dir: a.dir}).command("serve", "--sealed")
		c.Stderr = log
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var log syncBuffer
	// Whoever can write into the keys place must not become the recipient.
	site := filepath.Join(a.dir, "keys", "site.json")
	honest, err := os.ReadFile(site)
	if err != nil {
		t.Fatal(err)
	}
	a.write(site, []byte(`{"version":1,"id":"x","vault":"age1pqfalse","journal":"age1pqfalse"}`))
	// A batch that was begun before the restart goes on under its own key, later.
	begun := record.ID{5}
	a.inProcess(func(x *app) {
		b := record.Batch{ID: begun, SHA256: sha256.Sum256(small(t, 9)), Size: int64(len(small(t, 9))), Name: record.NewPrivate("begun.tif"), ReceivedAt: time.Now().UTC(), State: record.BatchClaimed}
		if _, fresh, err := x.cat.Claim(t.Context(), b); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	})
	a.write(filepath.Join(scans, "begun.tif"), small(t, 9))
	if err := os.MkdirAll(filepath.Join(a.dir, "spool", begun.String()), 0o700); err != nil {
		t.Fatal(err)
	}
	d := sealed(&log)
	a.write(filepath.Join(scans, "zanzibar.tif"), small(t, 1))
	a.awaits("a sealed batch", func() bool { out, _ := a.run("status"); return strings.Contains(out, "1 batches (1 open), 2 pages") })
	if err := d.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.Wait()
	a.write(site, honest)
	d = sealed(&log)
	defer d.Process.Kill()
	a.write(filepath.Join(scans, "second.tif"), small(t, 2))
	a.awaits("a second one", func() bool { out, _ := a.run("status"); return strings.Contains(out, "2 batches (2 open), 4 pages") })
	if !fileExists(filepath.Join(a.dir, "spool", begun.String())) {
		t.Error("what was read of a batch begun before is gone")
	}
	noCanary(t, a.dir, scans, "zanzibar", "5512301")
	for _, args := range [][]string{{"search"}, {"get", "--list"}, {"batches"}, {"verify"}} {
		if out, code := a.runWith("5512301\n", args...); code != exitSealed || !strings.Contains(out, "chartvault unlock") {
			t.Errorf("%v while sealed: got exit %d, want %d\n%s", args, code, exitSealed, out)
		}
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	a.write(wrong, []byte("not the passphrase\n"))
	right := a.pass
	a.pass = wrong
	if out, code := a.run("unlock"); code != exitSealed {
		t.Errorf("a wrong passphrase: got exit %d\n%s", code, out)
	}
	a.pass = right
	if out, code := a.run("unlock"); code != 0 || !strings.Contains(out, "unlocked") {
		t.Fatalf("unlock: exit %d\n%s\n%s", code, out, log.String())
	}
	a.await("all batches to be filed", 2*time.Minute, func() bool {
		out, _ := a.run("status", "--json")
		return strings.Contains(out, `"documents":3,`) && strings.Contains(out, `"batches_open":0`)
	})
	if bs := a.batches(); len(bs) != 3 || !slices.ContainsFunc(bs, func(b batchLine) bool { return b.ID == begun.String() }) {
		t.Errorf("got %+v, want three batches, one of them the one begun before", bs)
	}
	if out, code := a.runWith("zanzibar\n", "search"); code != 0 || strings.Count(out, "[zanzibar]") != 3 {
		t.Errorf("search after unlocking: exit %d\n%s", code, out)
	}
	if out, code := a.run("unlock"); code != 0 || !strings.Contains(out, "unlocked before") {
		t.Errorf("unlock again: exit %d\n%s", code, out)
	}
	a.write(filepath.Join(scans, "third.tif"), small(t, 3))
	a.await("a third one, unsealed", time.Minute, func() bool { bs := a.batches(); return len(bs) == 4 && bs[3].State.Done() })
	stop(t, d)
	if t.Failed() {
		t.Log(log.String())
	}
	for _, args := range [][]string{{"verify"}, {"audit", "verify"}} {
		if out, code := a.run(args...); code != 0 {
			t.Errorf("%v: exit %d\n%s", args, code, out)
		}
	}
	if left := files(t, filepath.Join(a.dir, "outbox")); len(left) > 0 {
		t.Errorf("the outbox still has %v", left)
	}
	if strings.Contains(log.String(), "zanzibar") || strings.Contains(log.String(), "passphrase for tests") {
		t.Errorf("the log says too much:\n%s", log.String())
	}
}

// awaits is await for a daemon that answers nothing but its status.
func (a *testArchive) awaits(what string, f func() bool) {
	a.t.Helper()
	for end := time.Now().Add(time.Minute); !f(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			out, _ := a.run("status")
			a.t.Fatalf("gave up waiting for %s: %s", what, out)
		}
	}
}

// TestFalseAnswers: a station believes only answers that a server of its card
// signed over its own question; a server answers only stations it trusts.
func TestFalseAnswers(t *testing.T) {
	a := openApp(t, "")
	dir := t.TempDir()
	st, err := keys.OpenStation(filepath.Join(dir, "station.key"))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := keys.OpenStation(filepath.Join(dir, "stranger.key"))
	if err != nil {
		t.Fatal(err)
	}
	crd, err := a.card(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	batch := record.ID{7}
	var old []byte // an honest answer to an earlier question
	answer := func(q []byte) []byte {
		b, err := a.answerStation(t.Context(), q)
		if err != nil {
			t.Errorf("answer: %v", err)
		}
		return b
	}
	filed := func(q []byte, by *keys.Station) []byte {
		var s signed
		var qu question
		if json.Unmarshal(q, &s) != nil || json.Unmarshal(s.Body, &qu) != nil {
			t.Fatal("not a question")
		}
		// An answer of the server's own, not over this nonce, or by another.
		b, err := sign(by, answerContext, map[string]any{"nonce": qu.Nonce, "vault": "x", "batches": map[string]any{batch.String(): map[string]string{"state": depositFiled}}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ask := func(by *keys.Station, now time.Time, say func(q []byte) []byte) (string, error) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Write(say(q))
		}))
		defer srv.Close()
		got, err := crd.ask(t.Context(), srv.Client(), srv.URL, by, now, []record.ID{batch})
		return got.Batches[batch.String()].State, err
	}
	if err := a.vault.Trust(t.Context(), keys.Depositor{Name: "s", Role: keys.RoleStation, Key: st.Public(), Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(st, time.Now(), func(q []byte) []byte { old = answer(q); return old }); err != nil || got != depositUnknown {
		t.Errorf("an honest answer: got %q, %v", got, err)
	}
	for what, say := range map[string]func([]byte) []byte{
		"a stranger's":       func(q []byte) []byte { return filed(q, stranger) },
		"the station's own":  func(q []byte) []byte { return filed(q, st) },
		"an old one":         func([]byte) []byte { return old },
		"the question again": func(q []byte) []byte { return q },
		"nothing":            func([]byte) []byte { return nil },
		"rubbish":            func([]byte) []byte { return []byte(`{"body":"e30=","sig":""}`) },
	} {
		if got, err := ask(st, time.Now(), say); err == nil {
			t.Errorf("%s is believed: %q", what, got)
		}
	}
	for what, q := range map[string]struct {
		by  *keys.Station
		now time.Time
	}{"a stranger": {stranger, time.Now()}, "a server": {a.station, time.Now()}, "an old question": {st, time.Now().Add(-time.Hour)}} {
		ask(q.by, q.now, func(b []byte) []byte {
			if _, err := a.answerStation(t.Context(), b); !errors.Is(err, record.ErrDenied) {
				t.Errorf("%s is answered: %v", what, err)
			}
			return nil
		})
	}
}
