package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestHTTPWitness runs a witness as on another machine: it follows the log over
// every command, and an archive put back from a copy stays shut, also when the
// copy has forgotten what was cosigned.
func TestHTTPWitness(t *testing.T) {
	a := newArchive(t, "")
	dir := filepath.Join(t.TempDir(), "witness")
	c := a.command("witness", "--log-key", filepath.Join(a.dir, "audit", "verifier"), "--dir", dir, "--listen", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		c.Wait() // it was told to end
	}()
	r := bufio.NewReader(out)
	config := "[audit]\n"
	for range 2 {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("the witness said %q, %v", config, err)
		}
		config += line
	}
	a.write(filepath.Join(a.dir, "chartvault.toml"), []byte(config))
	if out := a.must("status"); strings.Contains(out, "witness") {
		t.Errorf("status: got %s", out)
	}
	old := &testArchive{t: t, dir: filepath.Join(t.TempDir(), "old"), pass: a.pass}
	if err := os.CopyFS(old.dir, os.DirFS(a.dir)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a.runWith("metoprolol\n", "search")
	}
	if out, code := a.run("audit", "verify", "--head", filepath.Join(dir, "head")); code != 0 {
		t.Errorf("verify against the witness's head: exit %d\n%s", code, out)
	}
	for _, forget := range []bool{false, true} {
		if forget {
			if err := os.Remove(filepath.Join(old.dir, "audit", "cosigned")); err != nil {
				t.Fatal(err)
			}
		}
		if out, code := old.run("status"); code != exitDenied || !strings.Contains(out, "shut until its audit log is what its witness saw") {
			t.Errorf("an old copy, forgetful %v: exit %d\n%s", forget, code, out)
		}
	}
	if out, code := old.run("audit", "verify", "--head", filepath.Join(dir, "head")); code != exitCorrupt || !strings.Contains(out, "cut off") {
		t.Errorf("verify the old copy: exit %d\n%s", code, out)
	}
}
