package pages_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
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

// TestBatchesNow: a list that changes by itself says what its rows say, then what
// they say after a change, and ends with the session, which it does not lengthen.
func TestBatchesNow(t *testing.T) {
	s := newSite(t, "")
	s.p.Ending = nil
	c := s.browser(accounts.Scan)
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.srv.URL+"/batches/now", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("got %s, want text/event-stream", kind)
	}
	lines := bufio.NewScanner(resp.Body)
	event := func() map[string][]string {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var rows map[string][]string
				if err := json.Unmarshal([]byte(data), &rows); err != nil {
					t.Fatal(err)
				}
				return rows
			}
		}
		return nil
	}
	if rows := event(); fmt.Sprint(rows[document]) != "[filed 3 3 0 0 0 yes 2 user-records urgent]" {
		t.Fatalf("got %v", rows)
	}
	for passed := time.Duration(0); passed < accounts.Idle; passed += 4 * time.Minute { // something happens, and nobody is at the desk
		s.mu.Lock()
		s.late += 4 * time.Minute
		s.many++
		many := s.many
		s.mu.Unlock()
		if rows := event(); passed+4*time.Minute < accounts.Idle && len(rows) != 1+many {
			t.Fatalf("after a change: got %d rows, want %d", len(rows), 1+many)
		}
	}
	if rows := event(); rows != nil {
		t.Errorf("the session is over, and more is told: %v", rows)
	}
	if resp, _ := s.do(c, "GET", "/batches", nil); resp.Header.Get("Location") != "/signin" {
		t.Errorf("after nobody was at the desk: got %d, want the sign-in", resp.StatusCode)
	}
}

// TestBatchesInHand: whoever has a batch in hand is given its questions first, and
// nobody else is; what is urgent comes before the rest; one that is left without a
// decision comes later.
func TestBatchesInHand(t *testing.T) {
	s := newSite(t, "")
	s.queue = []queued{{batchID(1), batchID(100)}, {batchID(2), batchID(200)}, {batchID(2), batchID(201)}, {batchID(3), batchID(300)}}
	next := func(c *http.Client, path string) string {
		t.Helper()
		resp, b := s.do(c, "GET", path, nil)
		to := resp.Header.Get("Location")
		if resp.StatusCode != 303 {
			t.Fatalf("%s: got %d\n%s", path, resp.StatusCode, b)
		}
		return strings.TrimPrefix(to, "/qa/")
	}
	mine, other := s.browser(accounts.Records), s.browser(accounts.Director)
	s.keepers = map[string]string{batchID(2): "user-records"}
	if got := next(mine, "/qa/next"); got != batchID(200) {
		t.Errorf("of the batch in hand: got %s, want %s", got, batchID(200))
	}
	if got := next(mine, "/qa/next?after="+batchID(200)); got != batchID(201) {
		t.Errorf("after one that is left: got %s, want %s", got, batchID(201))
	}
	if got := next(mine, "/qa/next?after="+batchID(201)); got != batchID(300) {
		t.Errorf("after the last of the batch: got %s, want %s", got, batchID(300))
	}
	if got := next(other, "/qa/next"); got != batchID(100) {
		t.Errorf("somebody else: got %s, want %s", got, batchID(100))
	}
	s.keepers, s.urgent = nil, batchID(3)
	if got := next(other, "/qa/next"); got != batchID(100) && got != batchID(200) { // 300 is taken
		t.Errorf("the urgent one is somebody's: got %s", got)
	}
	s.do(mine, "GET", "/qa/next?after="+batchID(300), nil) // leaves it
	if got := next(other, "/qa/next"); got != batchID(300) {
		t.Errorf("what is urgent: got %s, want %s", got, batchID(300))
	}
	for act, want := range map[string]string{"take": "/qa/" + batchID(300), "leave": "/batches/" + batchID(3), "urgent": "/batches/" + batchID(3)} {
		if resp, _ := s.do(other, "POST", "/batches/"+batchID(3)+"/"+act, nil); resp.Header.Get("Location") != want {
			t.Errorf("%s: got %s, want %s", act, resp.Header.Get("Location"), want)
		}
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
