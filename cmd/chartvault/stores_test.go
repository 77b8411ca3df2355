package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/blob/s3blob"
	"chartvault/internal/sample"
	"chartvault/internal/testserver"
)

// batches are the sample batches, printed once for all tests.
var batches = sync.OnceValues(sample.Batches)

// putSamples writes the sample batches and returns their folder.
func putSamples(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	fs, err := batches()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fs {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// template is where the archive with the sample charts lies that tests copy.
var template struct {
	once sync.Once
	dir  string
}

// filedArchive is an archive of its own with the sample charts, which are read
// once for all tests.
func filedArchive(t testing.TB) *testArchive {
	t.Helper()
	template.once.Do(func() {
		var err error
		if template.dir, err = os.MkdirTemp("", "chartvault-template-"); err != nil {
			t.Fatal(err)
		}
		a := newArchiveIn(t, template.dir, "[server]\nlisten = \"127.0.0.1:0\"\n")
		if out, code := a.run("ingest", putSamples(t)); code != 0 {
			t.Fatalf("ingest: exit %d\n%s", code, out)
		}
	})
	root := t.TempDir()
	if out, err := exec.Command("cp", "-a", template.dir+"/.", root).CombinedOutput(); err != nil {
		t.Fatalf("copy the archive with the sample charts: %v\n%s", err, out)
	}
	return &testArchive{t: t, dir: filepath.Join(root, "a"), pass: filepath.Join(root, "pass")}
}

// TestS3 keeps documents and keys in a real S3 server, with versioning and
// Object Lock, and loses the machine.
func TestS3(t *testing.T) {
	srv := testserver.StartS3(t)
	cred := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(cred, []byte(srv.AccessKey+"\n"+srv.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("[storage.s3]\nendpoint = %q\nregion = \"us-east-1\"\nbucket = \"docs\"\nkeys_bucket = \"keys\"\ncredentials_file = %q\nca_file = %q\n",
		srv.Endpoint, cred, srv.CAFile)
	a := newArchive(t, config)
	a.plain()
	scans := putSamples(t)
	must := func(stdin, want string, args ...string) string {
		t.Helper()
		out, code := a.runWith(stdin, args...)
		if code != 0 || !strings.Contains(out, want) {
			t.Fatalf("%v: exit %d, want %q in\n%s", args, code, want, out)
		}
		return out
	}
	must("", `"state":"filed"`, "ingest", "--json", scans)
	must("9118427\n", "PROGRESS_NOTE, 2 pages, filed", "get", "--out", filepath.Join(t.TempDir(), "out"))
	must("", "0 faults", "verify")
	must("9118427\n", "active", "hold", "place", "--matter", "m", "--reason", "r")
	before := must("", "", "batches")
	if _, err := os.Stat(filepath.Join(a.dir, "objects")); err == nil {
		t.Error("there is a directory of objects beside the S3 store")
	}
	noCanary(t, srv.Root, "\x00", "metoprolol", "9118427", "TESTPATIENT", "monday")

	// The machine is lost: a new one has the configuration and the passphrase.
	b := &testArchive{t: t, dir: filepath.Join(t.TempDir(), "b"), pass: a.pass}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(b.dir, "chartvault.toml"), []byte(config))
	if out, code := b.run("rebuild"); code != 0 || !strings.Contains(out, "rebuilt: 4 documents, 3 batches") {
		t.Fatalf("rebuild: exit %d\n%s", code, out)
	}
	if after, _ := b.run("batches"); after != before {
		t.Errorf("batches after the rebuild: got\n%swant\n%s", after, before)
	}
	if out, _ := b.run("hold", "list"); !strings.Contains(out, "active") {
		t.Errorf("the hold is lost: %s", out)
	}
	if out, code := b.runWith("9118427\n", "get", "--out", filepath.Join(t.TempDir(), "out")); code != 0 {
		t.Errorf("get after the rebuild: exit %d\n%s", code, out)
	}
}

// TestS3Locks: in production the store itself keeps documents from being
// deleted, and those under a legal hold for as long as it lasts; in trial mode
// nothing is locked.
func TestS3Locks(t *testing.T) {
	srv := testserver.StartS3(t)
	cred := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(cred, []byte(srv.AccessKey+"\n"+srv.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, production := range []bool{true, false} {
		bucket := fmt.Sprintf("docs-%v", production)
		a := newArchive(t, fmt.Sprintf("production = %v\n[storage]\nlock_days = 40\n[storage.s3]\nendpoint = %q\nregion = \"us-east-1\"\nbucket = %q\nkeys_bucket = \"keys-%v\"\ncredentials_file = %q\nca_file = %q\n",
			production, srv.Endpoint, bucket, production, cred, srv.CAFile))
		a.plain()
		if out, code := a.run("ingest", putSamples(t)); code != 0 {
			t.Fatalf("ingest: exit %d\n%s", code, out)
		}
		for range 2 { // what the daemon does every minute: batches are written down, and then locked
			a.must("verify")
		}
		if out, code := a.runWith("9118427\n", "hold", "place", "--matter", "m", "--reason", "r"); code != 0 {
			t.Fatalf("hold: exit %d\n%s", code, out)
		}
		s, err := s3blob.Open(t.Context(), s3blob.Config{Endpoint: srv.Endpoint, Region: "us-east-1", Bucket: bucket, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, CAFile: srv.CAFile, Versioned: true})
		if err != nil {
			t.Fatal(err)
		}
		locked, held := 0, 0
		for info, err := range s.List(t.Context(), "b/") {
			if err != nil {
				t.Fatal(err)
			}
			if until, _, err := s.Locks(t.Context(), info.Name); err != nil || production != until.After(time.Now().Add(39*24*time.Hour)) {
				t.Errorf("production %v: %s of a batch is locked until %s, %v", production, info.Name, until, err)
			}
		}
		for info, err := range s.List(t.Context(), "d/") {
			if err != nil {
				t.Fatal(err)
			}
			until, hold, err := s.Locks(t.Context(), info.Name)
			if err != nil {
				t.Fatal(err)
			}
			if until.After(time.Now().Add(39 * 24 * time.Hour)) {
				locked++
			}
			if hold {
				held++
			}
			if err := s.Delete(t.Context(), info.Name); production != errors.Is(err, blob.ErrLocked) {
				t.Errorf("production %v: the administrator deletes %s: got %v", production, info.Name, err)
			}
		}
		want := [2]int{8, 2}
		if !production {
			want = [2]int{}
		}
		if got := [2]int{locked, held}; got != want {
			t.Errorf("production %v: got %v locked and held, want %v", production, got, want)
		}
	}
}

// TestStoreAway: a store that stops answering halts nothing for ever: the daemon
// says that it is away, goes on by itself when it is back, and takes other
// credentials without a restart.
func TestStoreAway(t *testing.T) {
	t.Parallel() // it waits, most of the time
	srv := testserver.StartS3(t)
	front := newFront(t, srv.Endpoint)
	cred := filepath.Join(t.TempDir(), "credentials")
	write := func(secret string) {
		t.Helper()
		if err := os.WriteFile(cred+".new", []byte(srv.AccessKey+"\n"+secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(cred+".new", cred); err != nil {
			t.Fatal(err)
		}
	}
	write(srv.SecretKey)
	a := newArchive(t, fmt.Sprintf("[server]\nlisten = \"127.0.0.1:0\"\n[ingest]\nsettle = \"100ms\"\npoll = \"100ms\"\n[storage.s3]\nendpoint = %q\nregion = \"us-east-1\"\nbucket = \"docs\"\nkeys_bucket = \"keys\"\ncredentials_file = %q\nca_file = %q\n",
		front.addr(), cred, srv.CAFile))
	var log syncBuffer
	d := a.serve(&log)
	defer func() {
		if err := d.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		d.Wait() // its exit code is not what is tested
		if t.Failed() {
			t.Logf("the daemon said:\n%s", log.String())
		}
	}()
	status := func() string {
		out, _ := a.run("status", "--json")
		return out
	}
	drop := func(name string) {
		t.Helper()
		a.write(filepath.Join(a.dir, "scans", name), small(t, 1))
	}
	a.await("the daemon to serve", time.Minute, func() bool { return fileExists(filepath.Join(a.dir, "daemon.json")) })
	front.cut()
	drop("one.tif")
	a.await("the status to say that the store is away", time.Minute, func() bool { return strings.Contains(status(), "the store is away since") })
	front.mend()
	a.await("the scan to be filed", 2*time.Minute, func() bool { return strings.Contains(status(), `"batches":1,"batches_open":0`) })
	if strings.Contains(status(), "the store is away") {
		t.Error("it is back, and said to be away")
	}
	write("not the key")
	if out, code := a.runWith("5512301\n", "get", "--list"); code != 0 {
		t.Errorf("a look at the catalogue needs no store: exit %d\n%s", code, out)
	}
	if out, code := a.run("verify"); code == 0 {
		t.Errorf("verify with wrong credentials: exit 0\n%s", out)
	}
	write(srv.SecretKey)
	a.await("the new credentials to be used", time.Minute, func() bool { _, code := a.run("verify"); return code == 0 })
}

// TestPostgres keeps the catalogue in a real PostgreSQL.
func TestPostgres(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(dsn, []byte(testserver.StartPostgres(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newArchive(t, fmt.Sprintf("[catalogue]\nengine = \"postgres\"\ndsn_file = %q\n", dsn))
	a.plain()
	if out, code := a.run("ingest", putSamples(t)); code != 0 {
		t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	for _, tt := range []struct {
		stdin, want string
		args        []string
	}{
		{"9118427\n", "PROGRESS_NOTE, 2 pages", []string{"get", "--list"}},
		{"", "rebuilt: 4 documents, 3 batches", []string{"rebuild"}},
		{"", "8 in = 3 filed + 2 separators + 3 blank + 0 in QA", []string{"batches"}},
		{"", "0 faults", []string{"verify"}},
	} {
		if out, code := a.runWith(tt.stdin, tt.args...); code != 0 || !strings.Contains(out, tt.want) {
			t.Errorf("%v: exit %d, want %q in\n%s", tt.args, code, tt.want, out)
		}
	}
}

// TestDatabaseAway: a daemon whose database ends all sessions, as one that restarts
// does, goes on by itself and takes scans in.
func TestDatabaseAway(t *testing.T) {
	t.Parallel() // it waits, most of the time
	dsn := testserver.StartPostgres(t)
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	a := newArchive(t, quick+fmt.Sprintf("[catalogue]\nengine = \"postgres\"\ndsn_file = %q\n", dsnFile(t, dsn)))
	a.plain()
	var log syncBuffer
	d := a.serve(&log)
	defer d.Process.Kill()
	filed := func(n int) func() bool {
		return func() bool {
			out, code := a.runWith("zanzibar\n", "search")
			return code == 0 && strings.Count(out, "[zanzibar]") == n
		}
	}
	for n := range 3 {
		a.write(filepath.Join(a.dir, "scans", fmt.Sprintf("%d.tif", n)), small(t, n))
		a.await("a scan to be filed", time.Minute, filed(n+1))
		if _, err := admin.ExecContext(t.Context(), endSessions); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(n) * 1500 * time.Millisecond)
	}
	a.await("all of them to be found", time.Minute, filed(3))
	stop(t, d) // it is the process that was started
	if strings.Contains(log.String(), "lost its place") {
		t.Errorf("the daemon ended:\n%s", lastLines(log.String(), 20))
	}
}

// TestMoveToPostgres: an archive on SQLite goes on in PostgreSQL, its log under
// the key it had, and another server can join.
func TestMoveToPostgres(t *testing.T) {
	t.Parallel()
	a := newArchive(t, quick)
	a.plain()
	if out, code := a.run("ingest", putSamples(t)); code != 0 {
		t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	verifier, err := os.ReadFile(filepath.Join(a.dir, "audit", "verifier"))
	if err != nil {
		t.Fatal(err)
	}
	dsn := dsnFile(t, testserver.StartPostgres(t))
	config := quick + fmt.Sprintf("[catalogue]\nengine = \"postgres\"\ndsn_file = %q\n", dsn)
	a.write(filepath.Join(a.dir, "chartvault.toml"), []byte(config))
	if out, code := a.run("rebuild"); code != 0 || !strings.Contains(out, "rebuilt: 4 documents, 3 batches") {
		t.Fatalf("rebuild: exit %d\n%s", code, out)
	}
	b := newArchive(t, config+fmt.Sprintf("[storage]\nobjects = %q\nkeys = [%q]\n", filepath.Join(a.dir, "objects"), filepath.Join(a.dir, "keys")))
	b.plain()
	for i, s := range []*testArchive{a, b} {
		if after, err := os.ReadFile(filepath.Join(s.dir, "audit", "verifier")); err != nil || string(after) != string(verifier) {
			t.Errorf("server %d: its log is verified by %q, %v, want %q", i, after, err, verifier)
		}
		for _, tt := range []struct {
			stdin, want string
			args        []string
		}{
			{"9118427\n", "PROGRESS_NOTE, 2 pages", []string{"get", "--list"}},
			{"lungs\n", "[Lungs]", []string{"search"}},
			{"", "0 faults", []string{"verify", "--index"}},
			{"", "good checkpoints", []string{"audit", "verify"}},
		} {
			if out, code := s.runWith(tt.stdin, tt.args...); code != 0 || !strings.Contains(out, tt.want) {
				t.Errorf("server %d: %v: exit %d, want %q in\n%s", i, tt.args, code, tt.want, out)
			}
		}
	}
	if out, _ := a.run("servers"); strings.Count(out, "\n") != 2 || !strings.Contains(out, "on, here") {
		t.Errorf("servers: got %s", out)
	}
}

// TestWorkedExample runs the example of docs/format.md, word for word, with the
// stock age tool: no lock-in.
func TestWorkedExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(doc, []byte("<!-- worked example -->\n```sh\n"))
	script, _, ok2 := bytes.Cut(rest, []byte("```"))
	if !ok || !ok2 {
		t.Fatal("docs/format.md has no worked example")
	}
	a := newArchive(t, "")
	if out, code := a.run("ingest", putSamples(t)); code != 0 {
		t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	docs, err := filepath.Glob(filepath.Join(a.dir, "objects", "d", "*"))
	if err != nil || len(docs) != 4 {
		t.Fatalf("got %d documents, %v, want 4", len(docs), err)
	}
	work := t.TempDir()
	c := exec.Command("sh", "-eu", "-c", string(script))
	c.Dir = work
	c.Env = append(os.Environ(), "DIR="+a.dir, "ID="+filepath.Base(docs[0]), "PATH="+filepath.Dir(testserver.Age(t))+":"+os.Getenv("PATH"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("the worked example: %v\n%s", err, out)
	}
	if out, err := exec.Command("pdftotext", filepath.Join(work, "document.pdf"), "-").Output(); err != nil || !strings.Contains(string(out), "metoprolol") {
		t.Errorf("document.pdf: %v, got text\n%s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(work, "manifest.json")); err != nil || !bytes.Contains(b, []byte(`"package":{`)) {
		t.Errorf("manifest.json: %v, got %.200s", err, b)
	}
}
