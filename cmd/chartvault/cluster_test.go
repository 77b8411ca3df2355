package main

import (
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/internal/testserver"
	"chartvault/record"
)

// cluster is several servers on one PostgreSQL and one S3 server.
type cluster struct {
	t       *testing.T
	config  func(addr, cred string) string
	cred    string // file with the servers' credentials
	servers []*testArchive
	addrs   []string
	srv     testserver.S3
	dsn     string
}

// newCluster makes an archive and n servers on it.
func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	c := &cluster{t: t, srv: testserver.StartS3(t)}
	c.dsn = testserver.StartPostgres(t)
	dsn := dsnFile(t, c.dsn)
	dir := t.TempDir()
	c.cred = filepath.Join(dir, "root")
	if err := os.WriteFile(c.cred, []byte(c.srv.AccessKey+"\n"+c.srv.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.config = func(addr, cred string) string {
		return fmt.Sprintf("[server]\nlisten = %q\n[station]\nserver = \"http://%s\"\n[audit]\nwitness_file = %q\n[ingest]\nsettle = \"100ms\"\npoll = \"100ms\"\nreserve_mib = 1\n"+
			"[storage.s3]\nendpoint = %q\nregion = \"us-east-1\"\nbucket = \"docs\"\nkeys_bucket = \"keys\"\ncredentials_file = %q\nca_file = %q\n"+
			"[catalogue]\nengine = \"postgres\"\ndsn_file = %q\n", addr, addr, filepath.Join(dir, "witness"), c.srv.Endpoint, cred, c.srv.CAFile, dsn)
	}
	for range n {
		addr := freeAddr(t)
		a := newArchive(t, c.config(addr, c.cred))
		a.plain()
		c.servers, c.addrs = append(c.servers, a), append(c.addrs, addr)
	}
	return c
}

// same runs a command on every server and wants one answer. Hits of one score stand
// in the order of each server's own index: lines count, and not their order.
func (c *cluster) same(stdin string, args ...string) string {
	c.t.Helper()
	var first string
	for i, a := range c.servers {
		out, code := a.runWith(stdin, args...)
		lines := strings.SplitAfter(out, "\n")
		slices.Sort(lines)
		out = strings.Join(lines, "")
		if code != 0 {
			c.t.Errorf("server %d: %v: exit %d\n%s", i, args, code, out)
		}
		if i == 0 {
			first = out
		} else if out != first {
			c.t.Errorf("%v: server %d says\n%sand server 0\n%s", args, i, out, first)
		}
	}
	return first
}

// TestServersKill: two servers and three stations on one PostgreSQL and one S3
// server, killed at random for a while (CHARTVAULT_SECONDS), with scans dropped
// everywhere and some in two places, and a database that now and then ends all its
// sessions: each scan is filed once, nothing is lost, and
// both servers answer the same.
func TestServersKill(t *testing.T) {
	t.Parallel() // it waits for processes, most of the time
	seconds := told(t, "CHARTVAULT_SECONDS", 60)
	c := newCluster(t, 2)
	putter := filepath.Join(t.TempDir(), "putter")
	if err := os.WriteFile(putter, []byte("putter\nputtersecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.srv.Putter(t, "putter", "puttersecret", "in/", "docs", "keys")
	var stations []*testStation
	for i := range 3 {
		s := newStation(t, c.servers[0], c.config(c.addrs[i%2], putter))
		s.plain()
		s.trust(c.servers[0])
		stations = append(stations, s)
	}

	seed := seedOf(t)
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	var logs [5]syncBuffer
	start := func(i int, log io.Writer) *exec.Cmd {
		if i < 2 {
			return c.servers[i].serve(log)
		}
		return stations[i-2].start(log)
	}
	running := make([]*exec.Cmd, 5)
	stopAll := func() {
		for _, p := range running {
			if p != nil {
				p.Process.Kill()
				p.Wait()
			}
		}
	}
	t.Cleanup(stopAll)
	folder := func(i int) string {
		if i < 2 {
			return filepath.Join(c.servers[i].dir, "scans")
		}
		return filepath.Join(stations[i-2].dir, "scans")
	}
	admin, err := sql.Open("pgx", c.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	dropped, twice, kills, cut := 0, 0, 0, 0
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		for range r.IntN(3) {
			n, to := 1000+dropped, r.IntN(5)
			places := []int{to}
			if r.IntN(3) == 0 { // the same sheets went through another scanner's folder too
				places = append(places, (to+1+r.IntN(4))%5)
				twice++
			}
			for _, p := range places {
				c.servers[0].write(filepath.Join(folder(p), fmt.Sprintf("zanzibar-%d.tif", n)), small(t, n))
			}
			dropped++
		}
		if r.IntN(8) == 0 {
			if _, err := admin.ExecContext(t.Context(), endSessions); err != nil {
				t.Fatal(err)
			}
			cut++
			time.Sleep(time.Duration(r.IntN(6000)) * time.Millisecond)
			continue
		}
		i := r.IntN(5)
		if p := running[i]; p != nil {
			p.Process.Kill()
			p.Wait()
			kills++
		}
		running[i] = start(i, &logs[i])
		time.Sleep(time.Duration(200+r.IntN(2500)) * time.Millisecond)
	}
	stopAll()
	for i := range running {
		running[i] = start(i, &logs[i])
	}
	said := func() string {
		var b strings.Builder
		for i := range logs {
			fmt.Fprintf(&b, "--- %d\n%s", i, lastLines(logs[i].String(), 40))
		}
		return b.String()
	}
	deadline := time.Now().Add(time.Duration(240+2*dropped) * time.Second)
	for {
		left := 0
		for i := range 5 {
			left += len(files(t, folder(i)))
		}
		for _, s := range stations {
			left += s.held()
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d scans are not filed\n%s", left, said())
		}
		time.Sleep(300 * time.Millisecond)
	}

	bs := c.servers[0].batches()
	if len(bs) != dropped {
		t.Errorf("got %d batches, want %d\n%s", len(bs), dropped, said())
	}
	for _, b := range bs {
		if want := (record.Counts{PagesIn: 2, Filed: 1, Separators: 1}); b.State != record.BatchFiled || b.Counts != want {
			t.Errorf("batch %s: got %s, %+v", b.ID, b.State, b.Counts)
		}
	}
	c.same("", "batches")
	if out := c.same("zanzibar\n", "search", "--limit", "1000"); strings.Count(out, "[zanzibar]") != dropped {
		t.Errorf("search: got %d hits, want %d", strings.Count(out, "[zanzibar]"), dropped)
	}
	for n := range dropped {
		out := c.same(strconv.Itoa(5512300+1000+n)+"\n", "get", "--list")
		if strings.Count(out, "PROGRESS_NOTE, 1 pages, filed") != 1 {
			t.Errorf("chart of scan %d: got %s", n, out)
		}
	}
	c.same("", "verify", "--index")
	for i, a := range c.servers {
		if out, code := a.run("audit", "verify"); code != 0 {
			t.Errorf("server %d: audit verify: exit %d\n%s", i, code, out)
		}
	}
	for i := range logs {
		for _, canary := range []string{"zanzibar", "55133", "puttersecret"} {
			if strings.Contains(logs[i].String(), canary) {
				t.Errorf("the log of process %d says %q", i, canary)
			}
		}
	}
	t.Logf("%d kills, all sessions of the database ended %d times, %d scans, %d of them dropped in two places", kills, cut, dropped, twice)
}

func lastLines(s string, n int) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}
