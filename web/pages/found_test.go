package pages_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"chartvault/accounts"
)

// TestNarrowed: what the fields beside a search say is part of it, and of no address.
func TestNarrowed(t *testing.T) {
	s := newSite(t, "")
	s.params = map[string]any{}
	c := s.browser(accounts.Records)
	for want, form := range map[string]url.Values{
		"lungs":                      {"query": {" lungs "}},
		"lungs type:ECG":             {"query": {"lungs"}, "type": {"ECG"}},
		"batch:b1 date:2019..":       {"batch": {"b1"}, "from": {"2019"}},
		"a type:ECG date:2018..20":   {"query": {"a"}, "type": {"ECG"}, "from": {"2018"}, "to": {"20"}},
		"x date:..2020-03":           {"query": {"x"}, "to": {"2020-03"}},
		`"lungs clear" -wheeze OR b`: {"query": {`"lungs clear" -wheeze OR b`}},
	} {
		resp, _ := s.do(c, "POST", "/search", form)
		to := resp.Header.Get("Location")
		s.do(c, "GET", to, nil)
		s.mu.Lock()
		got := s.params["search"].(map[string]any)["query"]
		s.mu.Unlock()
		if got != want || strings.Contains(to, "lungs") {
			t.Errorf("%v: asked for %q at %s, want %q", form, got, to, want)
		}
	}
	if resp, _ := s.do(c, "POST", "/search", url.Values{"type": {""}}); resp.StatusCode != 400 {
		t.Errorf("nothing: got %d, want 400", resp.StatusCode)
	}
}

// TestNextHit: from a page that was found the ones found before and after it can be
// gone to, and turning its pages does not lose them; what somebody else found is not
// to be had.
func TestNextHit(t *testing.T) {
	s := newSite(t, "")
	s.found = 3
	c := s.browser(accounts.Records)
	resp, _ := s.do(c, "POST", "/search", url.Values{"query": {"lungs"}})
	_, list := s.do(c, "GET", resp.Header.Get("Location"), nil)
	links := regexp.MustCompile(`href="(/document/[^"]+hit=\d)"`).FindAllStringSubmatch(list, -1)
	if len(links) != 3 {
		t.Fatalf("got %d links, want 3", len(links))
	}
	plain := func(s string) string { return strings.ReplaceAll(s, "&amp;", "&") }
	next, before := regexp.MustCompile(`<a href="([^"]+)" data-key="n">`), regexp.MustCompile(`<a href="([^"]+)" data-key="N">`)
	path, seen := plain(links[0][1]), 0
	for ; path != ""; seen++ {
		_, b := s.do(c, "GET", path, nil)
		if m := before.FindStringSubmatch(b); (m == nil) != (seen == 0) {
			t.Errorf("hit %d: before it is %v", seen, m)
		}
		if turn := regexp.MustCompile(`<a href="([^"]+)" data-key="2">`).FindStringSubmatch(b); turn == nil || !strings.Contains(turn[1], "hits=") {
			t.Errorf("hit %d: turned, its neighbours are lost: %v", seen, turn)
		}
		path = ""
		if m := next.FindStringSubmatch(b); m != nil {
			path = plain(m[1])
		}
	}
	if seen != 3 {
		t.Errorf("went to %d pages, want 3", seen)
	}
	other := s.browser(accounts.Director)
	if _, b := s.do(other, "GET", plain(links[0][1]), nil); next.MatchString(b) {
		t.Error("somebody else's search leads on")
	}
}

// TestEndSessions: an administrator signs somebody out everywhere, which is written
// down first.
func TestEndSessions(t *testing.T) {
	s := newSite(t, "")
	s.params = map[string]any{}
	c, admin := s.browser(accounts.Records), s.browser(accounts.Admin)
	if _, b := s.do(admin, "GET", "/users", nil); !strings.Contains(b, "Sign user-records out") || strings.Contains(b, "Sign user-scan out") {
		t.Error("the list does not say who is signed in")
	}
	if resp, _ := s.do(admin, "POST", "/users/sessions", url.Values{"name": {"user-records"}}); resp.StatusCode != 303 {
		t.Fatalf("got %d, want 303", resp.StatusCode)
	}
	if _, ok := s.params["sessions-ended"]; !ok {
		t.Error("it is not written down")
	}
	if resp, _ := s.do(c, "GET", "/qa", nil); resp.Header.Get("Location") != "/signin" {
		t.Errorf("signed out: got %d %s, want the sign-in", resp.StatusCode, resp.Header.Get("Location"))
	}
}
