package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRotateKill kills a rotation of the vault with signal 9 at random moments:
// the archive opens whole after every one, and the rotation ends when it is
// called once more (CHARTVAULT_KILLS: how often; CHARTVAULT_ROTATE: documents).
func TestRotateKill(t *testing.T) {
	number := func(name string, small int) int {
		if v, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return v
		}
		return small
	}
	kills, n := number("CHARTVAULT_KILLS", 6), number("CHARTVAULT_ROTATE", 150)
	a := newArchive(t, "")
	a.plain()
	a.inProcess(func(x *app) { deposit(t, x, n) })
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 3))
	t.Logf("seed %d", seed)
	for k := range kills {
		c := a.command("keys", "rotate", "--work-factor", "10")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		select {
		case <-done:
		case <-time.After(time.Duration(50+r.IntN(700)) * time.Millisecond):
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-done
		}
		if out, code := a.run("verify", "--sample", "5"); code != 0 {
			t.Fatalf("after kill %d: exit %d\n%s", k+1, code, out)
		}
		rec := &testArchive{t: t, dir: a.dir, pass: a.pass}
		if out, code := rec.run("keys", "list", "--recovery-identity", filepath.Join(a.dir, recoveryFile)); code != 0 {
			t.Fatalf("after kill %d, by recovery: exit %d\n%s", k+1, code, out)
		}
	}
	a.must("keys", "rotate", "--work-factor", "10")
	began := time.Now()
	whole := a.must("keys", "rotate", "--work-factor", "10") // another one, which nobody stops
	took := time.Since(began)
	t.Logf("%d kills; then %s in %s: %.0f keys a second, %s each", kills, strings.TrimSpace(whole), took.Round(time.Millisecond), float64(n)/took.Seconds(), (took / time.Duration(n)).Round(time.Microsecond))
	out := a.must("verify", "--all")
	if want := strconv.Itoa(n) + " documents"; !strings.Contains(out, want) || !strings.Contains(out, " 0 faults") {
		t.Errorf("verify: got %s, want %s and no fault", out, want)
	}
	if out := a.must("keys", "list"); strings.Contains(out, "not finished") {
		t.Errorf("keys list: got %s", out)
	}
}
