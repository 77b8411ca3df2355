package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBrowser walks people's days through the pages of a real daemon in a real
// browser. CHARTVAULT_SHOTS names a folder for pictures of every screen.
func TestBrowser(t *testing.T) {
	t.Parallel()
	e2e, err := filepath.Abs("../../web/e2e")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(e2e, "node_modules", "playwright-core")); err != nil {
		t.Fatal(`the browser's driver is missing: "make test" installs it, or run "npm ci" in web/e2e`)
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("Chromium is missing: apt-get install chromium")
	}
	const password = "four words make a sentence"
	a := newArchive(t, "[server]\nlisten = \"127.0.0.1:0\"\n")
	if out, code := a.run("ingest", putSamples(t)); code != 0 {
		t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	for _, role := range []string{"scan", "records", "release", "director", "auditor", "admin"} {
		if out, code := a.runWith(password+"\n", "users", "put", "demo."+role, "--role", role); code != 0 {
			t.Fatalf("users put: exit %d\n%s", code, out)
		}
	}
	var log syncBuffer
	a.serve(&log)
	var d daemonFile
	a.await("the daemon", time.Minute, func() bool {
		b, err := os.ReadFile(filepath.Join(a.dir, "daemon.json"))
		return err == nil && json.Unmarshal(b, &d) == nil && d.Addr != ""
	})
	c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", e2e)
	c.Dir = e2e
	c.Env = append(os.Environ(), "CHARTVAULT_BASE=http://"+d.Addr, "CHARTVAULT_PASSWORD="+password)
	if dir := os.Getenv("CHARTVAULT_SHOTS"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, w := range []string{"9118427", "9237654", "TESTPATIENT", password, "lungs clear"} {
		if strings.Contains(strings.ToLower(log.String()), strings.ToLower(w)) {
			t.Errorf("%q is in the daemon's log", w)
		}
	}
}
