package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chartvault/ingest/sheet"
	"chartvault/internal/sample"
	"chartvault/internal/shippedtest"
	"chartvault/record"
)

// archive is a data directory and the program that works on it, in processes
// of their own.
type testArchive struct {
	t      testing.TB
	dir    string
	pass   string // file; "" where there is no passphrase to give
	binary string // that is run; "" for the test's own, which is this program too
}

func newArchive(t testing.TB, config string) *testArchive {
	t.Helper()
	return newArchiveIn(t, t.TempDir(), config)
}

// newArchiveIn makes an archive in a folder.
func newArchiveIn(t testing.TB, root, config string) *testArchive {
	t.Helper()
	if _, err := plainBinary(); err != nil {
		t.Fatal(err)
	}
	a := &testArchive{t: t, dir: filepath.Join(root, "a"), pass: filepath.Join(root, "pass")}
	a.write(a.pass, []byte("a passphrase for tests\n"))
	if err := os.Mkdir(a.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a.write(filepath.Join(a.dir, "chartvault.toml"), []byte(config))
	if out, code := a.run("init", "--yes", "--work-factor", "10"); code != 0 {
		t.Fatalf("init: exit %d\n%s", code, out)
	}
	cache, err := warmCache()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(a.dir, "cache"), os.DirFS(cache)); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *testArchive) write(name string, b []byte) {
	a.t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *testArchive) command(args ...string) *exec.Cmd {
	if args = append(args, "--data", a.dir); a.pass != "" {
		args = append(args, "--passphrase-file", a.pass)
	}
	if a.binary != "" {
		return exec.Command(a.binary, args...)
	}
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "CHARTVAULT_TEST_COMMAND=1")
	return c
}

// plain has the archive run by the program as it is shipped, without the race
// detector, under which a password takes ten seconds to check and a page three
// times as long: for what takes long, and is not about what happens at once.
func (a *testArchive) plain() {
	a.t.Helper()
	var err error
	if a.binary, err = plainBinary(); err != nil {
		a.t.Fatal(err)
	}
}

// plainBinary builds the program, once for all tests, and lays a link to it
// where reading processes look for it.
var plainBinary = sync.OnceValues(func() (string, error) {
	name, err := shippedtest.Program()
	if err != nil {
		return "", err
	}
	link, err := plainBeside()
	if err != nil {
		return "", err
	}
	if err := os.Symlink(name, link); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return name, nil
})

// run runs a command to its end and returns what it printed and its exit code.
func (a *testArchive) run(args ...string) (string, int) {
	return a.runWith("", args...)
}

func (a *testArchive) runWith(stdin string, args ...string) (string, int) {
	a.t.Helper()
	c := a.command(args...)
	c.Stdin = strings.NewReader(stdin)
	var errb bytes.Buffer
	c.Stderr = &errb
	out, err := c.Output()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		a.t.Fatal(err)
	}
	if c.ProcessState.ExitCode() != 0 {
		out = append(out, errb.Bytes()...)
	}
	return string(out), c.ProcessState.ExitCode()
}

// serve starts the daemon. What it logs is checked for canaries at the end.
func (a *testArchive) serve(log io.Writer) *exec.Cmd {
	a.t.Helper()
	c := a.command("serve")
	c.Stderr = log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *testArchive) batches() []batchLine {
	a.t.Helper()
	out, code := a.run("batches", "--json")
	if code != 0 {
		a.t.Fatalf("batches: exit %d\n%s", code, out)
	}
	var bs []batchLine
	d := json.NewDecoder(strings.NewReader(out))
	for d.More() {
		var b batchLine
		if err := d.Decode(&b); err != nil {
			a.t.Fatal(err)
		}
		bs = append(bs, b)
	}
	return bs
}

func (a *testArchive) await(what string, limit time.Duration, f func() bool) {
	a.t.Helper()
	for end := time.Now().Add(limit); !f(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("gave up waiting for %s; batches: %+v", what, a.batches())
		}
	}
}

// told is how many the environment says, which campaigns use; least without it.
func told(t testing.TB, name string, least int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return least
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// seedOf is CHARTVAULT_SEED, or one of now.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	s := os.Getenv("CHARTVAULT_SEED")
	if s == "" {
		return uint64(time.Now().UnixNano())
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("CHARTVAULT_SEED: %v", err)
	}
	return n
}

const quick = "[server]\nlisten = \"127.0.0.1:0\"\n[ingest]\nsettle = \"300ms\"\npoll = \"100ms\"\npatience = \"3s\"\nreserve_mib = 1\n"

// small prints a batch of one sheet and one short page, different for each n.
func small(t testing.TB, n int) []byte {
	t.Helper()
	chart, err := record.ParseChartNumber(strconv.Itoa(5512300 + n))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = sample.WriteTIFF(&b, []*image.Gray{
		sample.Sheet("test", sheet.Payload(chart, "PROGRESS_NOTE")),
		sample.Page("PROGRESS NOTE", []string{fmt.Sprintf("Visit %d of the planted canary zanzibar.", n)}),
	}, "g4")
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDaemon drops scans into the watched folder in every way there is, with
// things between them that are no scans.
func TestDaemon(t *testing.T) {
	a := newArchive(t, quick)
	scans := filepath.Join(a.dir, "scans")
	var log bytes.Buffer
	d := a.serve(&log)
	defer d.Process.Kill()

	// By rename, by slow copy, in a subfolder.
	a.write(filepath.Join(scans, ".renamed"), small(t, 1))
	if err := os.Rename(filepath.Join(scans, ".renamed"), filepath.Join(scans, "zanzibar renamed.tif")); err != nil {
		t.Fatal(err)
	}
	slow := small(t, 2)
	f, err := os.Create(filepath.Join(scans, "slow.tif"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for len(slow) > 0 {
			n := min(len(slow), 4000)
			f.Write(slow[:n])
			slow = slow[n:]
			time.Sleep(150 * time.Millisecond)
		}
		f.Close()
	}()
	if err := os.Mkdir(filepath.Join(scans, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	a.write(filepath.Join(scans, "sub", "third.tif"), small(t, 3))
	// Cut off, foreign, empty; a pipe, a link, a hard link.
	a.write(filepath.Join(scans, "cut.pdf"), []byte("%PDF-1.7\nhalf written"))
	a.write(filepath.Join(scans, "foreign.docx"), []byte("zanzibar in a foreign file"))
	a.write(filepath.Join(scans, "empty.tif"), nil)
	if err := syscall.Mkfifo(filepath.Join(scans, "pipe.tif"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(scans, "link.tif")); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "two-names.tif")
	a.write(outside, small(t, 4))
	if err := os.Link(outside, filepath.Join(scans, "hard.tif")); err != nil {
		t.Fatal(err)
	}

	a.await("five batches", 2*time.Minute, func() bool {
		done := 0
		for _, b := range a.batches() {
			if b.State.Done() {
				done++
			}
		}
		return done == 5
	})
	states := map[record.BatchState]int{}
	for _, b := range a.batches() {
		states[b.State]++
		if !b.Counts.Balanced() {
			t.Errorf("batch %s: got %+v, want balanced counts", b.ID, b.Counts)
		}
	}
	if states[record.BatchFiled] != 3 || states[record.BatchUnread] != 2 {
		t.Errorf("got %v, want 3 filed and 2 unread", states)
	}
	a.await("released sources", 20*time.Second, func() bool { return len(files(t, scans)) == 4 })
	out, _ := a.run("status", "--json")
	for _, want := range []string{"a link, a pipe or a device", "hard links are not taken", "it is empty"} {
		if !strings.Contains(out, want) {
			t.Errorf("status: got %s, want it to say %q", out, want)
		}
	}
	a.checkHTTP(t)

	// The command line goes through the daemon.
	if out, code := a.runWith("5512301\n", "get", "--out", filepath.Join(t.TempDir(), "out")); code != 0 || !strings.Contains(out, "PROGRESS_NOTE, 1 pages, filed") {
		t.Errorf("get through the daemon: exit %d\n%s", code, out)
	}
	if out, code := a.runWith("zanzibar\n", "search"); code != 0 || strings.Count(out, "[zanzibar]") != 3 {
		t.Errorf("search through the daemon: exit %d\n%s", code, out)
	}

	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Errorf("stop: %v\n%s", err, log.String())
	}
	for _, canary := range []string{"zanzibar", "55123", "foreign.docx", "a passphrase for tests"} {
		if strings.Contains(log.String(), canary) {
			t.Errorf("the log says %q:\n%s", canary, log.String())
		}
	}
	noCanary(t, a.dir, scans, "zanzibar", "5512301")
	if out, code := a.run("verify"); code != 0 {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
	if out, code := a.run("audit", "verify"); code != 0 {
		t.Errorf("audit verify: exit %d\n%s", code, out)
	}
	// Who scanned is the folder that the scans lay in.
	a.inProcess(func(x *app) {
		var r reportLine
		if err := x.perform(t.Context(), "report", request{Actor: "os:test", Params: struct{}{}}, func(b json.RawMessage) error { return json.Unmarshal(b, &r) }); err != nil {
			t.Fatal(err)
		}
		by := map[string]sourceLine{}
		for _, s := range r.Sources {
			by[s.Source] = s
		}
		if len(by) != 2 || by["sub"].Batches != 1 || by["sub"].Pages != 2 || by["sub"].Days != 1 || by[""].Batches != 4 {
			t.Errorf("sources: got %+v, want one batch of sub and four of none", r.Sources)
		}
	})
}

func (a *testArchive) checkHTTP(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(a.dir, "daemon.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d daemonFile
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/livez", "", 200},
		{"GET", "/readyz", "", 200},
		{"GET", "/metrics", "", 401},
		{"GET", "/metrics", d.Token, 200},
		{"POST", "/api/v1/batches", "", 401},
		{"POST", "/api/v1/batches", "wrong", 401},
		{"POST", "/api/v1/batches", d.Token, 200},
		{"POST", "/api/v1/nothing", d.Token, 404},
		{"GET", "/api/v1/batches", d.Token, 405},
	} {
		req, err := http.NewRequest(tt.method, "http://"+d.Addr+tt.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if tt.token != "" {
			req.Header.Set("Authorization", "Bearer "+tt.token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, resp.StatusCode, tt.want)
		}
	}
}

// files lists the files below dir that are not hidden.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went while we looked
		}
		if !d.IsDir() && !strings.HasPrefix(d.Name(), ".") {
			out = append(out, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// noCanary wants no file below dir, but for those below except, to hold a word.
func noCanary(t testing.TB, dir, except string, words ...string) {
	t.Helper()
	for _, f := range files(t, dir) {
		if strings.HasPrefix(f, except) {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if bytes.Contains(bytes.ToLower(append(b, f...)), []byte(strings.ToLower(w))) {
				t.Errorf("%q is in %s", w, f)
			}
		}
	}
}

// TestKill kills the daemon with signal 9 at random moments, again and again,
// while it takes scans in: no page is lost, none is doubled, and no source is
// gone before it is filed. CHARTVAULT_KILLS sets how often.
func TestKill(t *testing.T) {
	kills := 8
	if s := os.Getenv("CHARTVAULT_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		kills = 3
	}
	a := newArchive(t, quick)
	scans := filepath.Join(a.dir, "scans")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	want := map[string]bool{}
	dropped := 0
	drop := func() {
		b := small(t, 100+dropped)
		sum := sha256.Sum256(b)
		want[hex.EncodeToString(sum[:])] = true
		a.write(filepath.Join(scans, ".new"), b)
		if err := os.Rename(filepath.Join(scans, ".new"), filepath.Join(scans, fmt.Sprintf("scan-%04d.tif", dropped))); err != nil {
			t.Fatal(err)
		}
		dropped++
	}
	for k := range kills {
		if k%2 == 0 || r.IntN(3) == 0 {
			drop()
		}
		d := a.serve(io.Discard)
		time.Sleep(time.Duration(300+r.IntN(2200)) * time.Millisecond)
		if err := d.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		d.Wait()
		a.checkSources(scans, want, k)
	}
	d := a.serve(io.Discard)
	defer d.Process.Kill()
	a.await("every batch", 3*time.Minute, func() bool {
		bs := a.batches()
		for _, b := range bs {
			if !b.State.Done() {
				return false
			}
		}
		return len(bs) == dropped && len(files(t, scans)) == 0
	})
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.Wait()
	seen := map[string]int{}
	for _, b := range a.batches() {
		seen[b.SHA256]++
		if b.Counts != (record.Counts{PagesIn: 2, Filed: 1, Separators: 1}) {
			t.Errorf("batch %s: got %+v, want 2 in, 1 filed, 1 separator", b.ID, b.Counts)
		}
	}
	for s := range want {
		if seen[s] != 1 {
			t.Errorf("source %s: got %d batches, want 1", s, seen[s])
		}
	}
	for _, args := range [][]string{{"verify", "--json"}, {"audit", "verify"}} {
		if out, code := a.run(args...); code != 0 {
			t.Errorf("%v: exit %d\n%s", args, code, out)
		}
	}
	out, _ := a.run("status", "--json")
	if !strings.Contains(out, fmt.Sprintf(`"documents":%d,`, dropped)) {
		t.Errorf("status: got %s, want %d documents", out, dropped)
	}
}

// checkSources wants every source to be in the folder, or filed.
func (a *testArchive) checkSources(scans string, want map[string]bool, kill int) {
	a.t.Helper()
	have := map[string]bool{}
	for _, f := range files(a.t, scans) {
		b, err := os.ReadFile(f)
		if err != nil {
			a.t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		have[hex.EncodeToString(sum[:])] = true
	}
	for _, b := range a.batches() {
		if b.State.Done() {
			have[b.SHA256] = true
		}
	}
	for s := range want {
		if !have[s] {
			a.t.Errorf("after kill %d: source %s is neither in the folder nor filed", kill+1, s)
		}
	}
}
