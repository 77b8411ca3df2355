package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartvault/accounts/provider/providertest"
	"chartvault/internal/testserver"
)

// TestBrowser walks people's days through the pages of a real daemon in a real
// browser. CHARTVAULT_SHOTS names a folder for pictures of every screen,
// CHARTVAULT_STORY the stories that are walked, as an expression.
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
	house := providertest.New(t)
	house.Knows(map[string]any{"sub": "7", "preferred_username": "house.clerk@house.example", "groups": []string{"him"}})
	a := newArchive(t, "facility = \"Sample General Hospital (fictitious)\"\n[server]\nlisten = \"127.0.0.1:0\"\n[retention]\ncooling_off = \"0s\"\napprover_age = \"0s\"\n"+
		fmt.Sprintf("[signin]\nissuer = %q\nclient = %q\nsecret_file = \"signin-secret\"\nlabel = \"House sign-in\"\ngroups = { him = \"records\" }\n", house.URL, providertest.Client))
	a.write(filepath.Join(a.dir, "signin-secret"), []byte(providertest.Secret+"\n"))
	a.plain()
	samples := putSamples(t)
	if out, code := a.run("ingest", samples); code != 0 {
		t.Fatalf("ingest: exit %d\n%s", code, out)
	}
	facts := filepath.Join(t.TempDir(), "facts.csv")
	a.write(facts, []byte("chart_number,date_of_birth,last_encounter\n9118427,1950-02-01,2009-05-06\n9237654,1962-07-14,2024-01-31\n"))
	if out, code := a.run("facts", "import", facts); code != 0 {
		t.Fatalf("facts import: exit %d\n%s", code, out)
	}
	for name, role := range map[string]string{"scan": "scan", "records": "records", "release": "release", "director": "director", "auditor": "auditor", "privacy": "auditor", "clinician": "clinician", "admin": "admin"} {
		if out, code := a.runWith(password+"\n", "users", "put", "demo."+name, "--role", role); code != 0 {
			t.Fatalf("users put: exit %d\n%s", code, out)
		}
	}
	putExport(a, samples)
	var log syncBuffer
	a.serve(&log)
	var d daemonFile
	a.await("the daemon", time.Minute, func() bool {
		b, err := os.ReadFile(filepath.Join(a.dir, "daemon.json"))
		return err == nil && json.Unmarshal(b, &d) == nil && d.Addr != ""
	})
	c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "--test-name-pattern="+cmp.Or(os.Getenv("CHARTVAULT_STORY"), "."), e2e)
	c.Dir = e2e
	c.Env = append(os.Environ(), "CHARTVAULT_BASE=http://"+d.Addr, "CHARTVAULT_PASSWORD="+password, "CHARTVAULT_SCAN="+filepath.Join(samples, "monday-box-1.tif"), "CHARTVAULT_FOLDER="+filepath.Join(a.dir, "scans"))
	if dir := os.Getenv("CHARTVAULT_SHOTS"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, w := range []string{"9118427", "9237654", "TESTPATIENT", password, "lungs clear", "Zebra Testrequester", "1 Sample Street"} {
		if strings.Contains(strings.ToLower(log.String()), strings.ToLower(w)) {
			t.Errorf("%q is in the daemon's log", w)
		}
	}
}

// putExport lays an export of another system where people import from: three
// lines, one of them without its file.
func putExport(a *testArchive, samples string) {
	a.t.Helper()
	box := filepath.Join(a.dir, "exports", "oldbase-2009")
	if err := os.MkdirAll(box, 0o700); err != nil {
		a.t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(samples, "loose-page.jpg"))
	if err != nil {
		a.t.Fatal(err)
	}
	for i, name := range []string{"1.jpg", "3.jpg"} { // other files than the one that was taken in
		a.write(filepath.Join(box, name), append(page[:len(page):len(page)], byte(i)))
	}
	a.write(filepath.Join(box, "index.csv"), []byte("file,MRN\n1.jpg,7654321\n2.jpg,7654321\n3.jpg,7654321\n"))
}

// TestPagesOverTLS: people on other machines get the pages and nothing else,
// from a server that the archive's own authority certifies.
func TestPagesOverTLS(t *testing.T) {
	t.Parallel()
	port := testserver.FreePort(t)
	a := newArchive(t, fmt.Sprintf("[server]\nlisten = \"127.0.0.1:0\"\npages = \"127.0.0.1:%d\"\nnames = [\"localhost\"]\n", port))
	var log syncBuffer
	a.serve(&log)
	a.await("the pages", time.Minute, func() bool { return strings.Contains(log.String(), "serving pages") })
	b, err := os.ReadFile(filepath.Join(a.dir, "tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer c.CloseIdleConnections()
	base := fmt.Sprintf("https://localhost:%d", port)
	for path, want := range map[string]int{"/": 303, "/signin": 303, "/setup": 200, "/api/v1/status": 404, "/metrics": 404, "/readyz": 404, "/station/v1/ask": 404} {
		resp, err := c.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: got %d, want %d, and TLS for good", path, resp.StatusCode, want)
		}
	}
	// The first administrator is made with the code in the data directory, once.
	code, err := os.ReadFile(filepath.Join(a.dir, setupFile))
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"code": {strings.TrimSpace(string(code))}, "name": {"first.admin"}, "password": {"four words make a sentence"}}
	for i, want := range []int{303, 400} {
		resp, err := c.PostForm(base+"/setup", form)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("set up, time %d: got %d, want %d", i+1, resp.StatusCode, want)
		}
	}
	// Whoever is not let in is noted; of what was typed as a name only a user's.
	const mistyped = "a password in the wrong box"
	for _, name := range []string{"first.admin", mistyped} {
		resp, err := c.PostForm(base+"/signin", url.Values{"name": {name}, "password": {"not it"}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("a wrong password: got %d, want 401", resp.StatusCode)
		}
	}
	out := seen(t, a, c, base)
	if got := strings.Count(out, "user.refused"); got != 3 || strings.Count(out, " first.admin from 127.0.0.1") != 1 {
		t.Errorf("refused, in the log: got %d entries, want 3 and one of them with a name:\n%s", got, out)
	}
	if out += log.String(); strings.Contains(out, strings.TrimSpace(string(code))) || strings.Contains(out, mistyped) {
		t.Error("the set-up code or what was typed is in the log")
	}
}

// seen is the page of the log, as an auditor gets it.
func seen(t *testing.T, a *testArchive, c *http.Client, base string) string {
	t.Helper()
	const password = "another five words stand here"
	if out, code := a.runWith(password+"\n", "users", "put", "some.auditor", "--role", "auditor"); code != 0 {
		t.Fatal(out)
	}
	resp, err := c.PostForm(base+"/signin", url.Values{"name": {"some.auditor"}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	req, err := http.NewRequest(http.MethodGet, base+"/audit", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range resp.Cookies() {
		req.AddCookie(k)
	}
	if resp, err = c.Do(req); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the log: got %d, %v", resp.StatusCode, err)
	}
	return string(b)
}
