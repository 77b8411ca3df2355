package pages_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"chartvault/accounts"
)

// TestPaged: a long list comes in parts, of which each says where it goes on, and
// every row is on one of them.
func TestPaged(t *testing.T) {
	s := newSite(t, "")
	s.many = 450
	c := s.browser(accounts.Scan)
	row, link := regexp.MustCompile(`<tr data-id="([^"]+)"`), regexp.MustCompile(`<a href="([^"]+)" data-key="j">`)
	var rows []string
	var parts []int
	for path := "/batches"; path != ""; {
		_, b := s.do(c, "GET", path, nil)
		found := row.FindAllStringSubmatch(b, -1)
		for _, m := range found {
			rows = append(rows, m[1])
		}
		parts = append(parts, len(found))
		if later := path != "/batches"; strings.Contains(b, "The first ones") != later || strings.Contains(b, "data-now") == later {
			t.Errorf("%s: does not say where the list begins", path)
		}
		path = ""
		if m := link.FindStringSubmatch(b); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	if got := fmt.Sprint(parts); got != "[200 200 51]" || rows[0] != batchID(449) || rows[450] != document {
		t.Errorf("got parts of %s, from %s to %s", got, rows[0], rows[len(rows)-1])
	}
	slices.Sort(rows)
	if len(slices.Compact(rows)) != 451 {
		t.Errorf("a row is shown twice")
	}
	if _, b := s.do(c, "GET", "/batches?after=gone", nil); !strings.Contains(b, batchID(449)) {
		t.Error("after a row that is gone: the list does not begin anew")
	}
	if resp, b := s.do(c, "GET", "/batches?as=csv", nil); resp.StatusCode != 200 || strings.Count(b, "\n") != 452 {
		t.Errorf("as a file: got %d lines", strings.Count(b, "\n"))
	}
}

// TestBatchesNow: a list that changes by itself says what its rows say, and does not
// keep an empty desk signed in.
func TestBatchesNow(t *testing.T) {
	s := newSite(t, "")
	c := s.browser(accounts.Scan)
	_, b := s.do(c, "GET", "/batches/now", nil)
	var rows map[string][]string
	if err := json.Unmarshal([]byte(b), &rows); err != nil || fmt.Sprint(rows[document]) != "[filed 3 3 0 0 0 yes]" {
		t.Fatalf("got %q, %v", b, err)
	}
	for passed := time.Duration(0); passed < accounts.Idle; passed += time.Minute {
		s.do(c, "GET", "/batches/now", nil)
		s.mu.Lock()
		s.late += time.Minute
		s.mu.Unlock()
	}
	if resp, _ := s.do(c, "GET", "/batches", nil); resp.Header.Get("Location") != "/signin" {
		t.Errorf("after nobody was at the desk: got %d, want the sign-in", resp.StatusCode)
	}
}

// TestShortcuts: every key of the pages is on the list of those that can be chosen, or
// of those that stay; no key means two things; and a user keeps what was chosen.
func TestShortcuts(t *testing.T) {
	s := newSite(t, "")
	c := s.browser(accounts.Scan)
	_, list := s.do(c, "GET", "/keys", nil)
	listed := map[string]string{} // a key, and its field
	for _, m := range regexp.MustCompile(`<td><kbd>([^<]+)</kbd></td><td>[^<]*</td><td><input name="(key[0-9]+)"`).FindAllStringSubmatch(list, -1) {
		listed[html.UnescapeString(m[1])] = m[2]
	}
	used := map[string]bool{}
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`data-key="([^"]+)"`).FindAllSubmatch(b, -1) {
			if key := string(m[1]); !strings.HasPrefix(key, "g ") && !slices.Contains([]string{"/", "?", "Enter", "Escape"}, key) {
				used[key] = true
			}
		}
	}
	for key := range used {
		if listed[key] == "" {
			t.Errorf("%s does something and is not on the list", key)
		}
	}
	for key := range listed {
		if !used[key] {
			t.Errorf("%s is on the list and does nothing", key)
		}
	}
	set := func(form url.Values) int {
		resp, _ := s.do(c, "POST", "/keys", form)
		return resp.StatusCode
	}
	for what, form := range map[string]url.Values{
		"two of one": {listed["j"]: {"x"}, listed["k"]: {"x"}}, "one that is another's": {listed["j"]: {"k"}}, "the chart number's": {listed["j"]: {"/"}},
		"a word": {listed["j"]: {"xy"}}, "no character": {listed["j"]: {"\x01"}}, "another alphabet's": {listed["j"]: {"ж"}},
	} {
		if code := set(form); code != 400 {
			t.Errorf("%s: got %d, want 400", what, code)
		}
	}
	if code := set(url.Values{listed["j"]: {"k"}, listed["k"]: {"j"}, listed["s"]: {`"`}}); code != 303 {
		t.Errorf("two that change places: got %d", code)
	}
	const want = `<body data-own="{&#34;j&#34;:&#34;k&#34;,&#34;k&#34;:&#34;j&#34;,&#34;s&#34;:&#34;\&#34;&#34;}">`
	if _, b := s.do(c, "GET", "/", nil); !strings.Contains(b, want) {
		t.Errorf("what was chosen is not on the page: %.600s", b)
	}
	if _, b := s.do(s.browser(accounts.Scan), "GET", "/", nil); !strings.Contains(b, want) {
		t.Error("what was chosen is gone at the next sign-in")
	}
	if _, b := s.do(s.browser(accounts.Records), "GET", "/", nil); strings.Contains(b, "data-own") {
		t.Error("somebody else has the keys")
	}
	set(url.Values{"reset": {"yes"}, listed["j"]: {"x"}})
	if _, b := s.do(c, "GET", "/", nil); strings.Contains(b, "data-own") {
		t.Error("the keys the pages came with do not come back")
	}
}

// TestStations: an administrator trusts a station, and one by its key no more.
func TestStations(t *testing.T) {
	s := newSite(t, "")
	c := s.browser(accounts.Admin)
	_, b := s.do(c, "GET", "/site", nil)
	if !strings.Contains(b, `action="/site/stations/revoke"><input type="hidden" name="key"`) {
		t.Fatalf("the page does not say which station:\n%s", b)
	}
	s.mu.Lock()
	s.params = map[string]any{}
	s.mu.Unlock()
	s.do(c, "POST", "/site/stations", url.Values{"name": {"scanroom-2"}, "key": {"a key"}})
	s.do(c, "POST", "/site/stations/revoke", url.Values{"key": {"an id"}, "reason": {"stolen"}})
	if got := fmt.Sprint(s.params["stations-trust"], s.params["stations-revoke"]); got != "map[key:a key name:scanroom-2] map[key:an id reason:stolen]" {
		t.Errorf("asked for: got %s", got)
	}
}
