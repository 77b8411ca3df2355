package pages_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"chartvault/accounts"
)

// TestStepUp: at a desk that may have been left nothing is checked or handed over
// before the password was given once more, and then it is.
func TestStepUp(t *testing.T) {
	s := newSite(t, "")
	c := s.browser(accounts.Release)
	const hand = "/requests/R000001/hand"
	if resp, b := s.do(c, "POST", hand, url.Values{"method": {"by post"}}); resp.StatusCode != 200 || b != "%PDF-" || resp.Header.Get("Content-Disposition") != `attachment; filename="R000001.pdf"` {
		t.Errorf("just signed in: got %d, %q", resp.StatusCode, b)
	}
	s.mu.Lock()
	s.late = accounts.StepUp + time.Second
	n := len(s.calls)
	s.mu.Unlock()
	for _, path := range []string{hand, "/requests/R000001/check"} {
		resp, _ := s.do(c, "POST", path, url.Values{"method": {"by post"}, "agree": {"yes"}})
		if where := resp.Header.Get("Location"); where != "/again?to=/requests/R000001" || len(s.calls) != n {
			t.Errorf("%s later: got %d to %q, and %v was called", path, resp.StatusCode, where, s.calls[n:])
		}
	}
	s.allFresh()
	if resp, b := s.do(c, "POST", "/again", url.Values{"to": {"/requests/R000001"}, "password": {"wrong"}}); resp.StatusCode != 400 || !strings.Contains(b, "wrong") {
		t.Errorf("a wrong password: got %d", resp.StatusCode)
	}
	for to, want := range map[string]string{"/requests/R000001": "/requests/R000001", "//elsewhere.example": "/", "https://elsewhere.example": "/", "/requests/../users": "/", "/requests//elsewhere.example": "/", "/requests/\\x": "/"} {
		if resp, _ := s.do(c, "POST", "/again", url.Values{"to": {to}, "password": {password}}); resp.Header.Get("Location") != want {
			t.Errorf("on to %q: got %d to %q, want %q", to, resp.StatusCode, resp.Header.Get("Location"), want)
		}
	}
	if resp, b := s.do(c, "POST", hand, url.Values{"method": {"by post"}}); resp.StatusCode != 200 || b != "%PDF-" {
		t.Errorf("after it: got %d, %q", resp.StatusCode, b)
	}
}

// allFresh wants everything that must not happen at a desk that was left to be
// marked so, and to ask again, for every role that may do it.
func (s *site) allFresh() {
	t := s.t
	t.Helper()
	marked := map[string]bool{}
	for _, r := range s.p.Routes() {
		if r.Fresh {
			marked[r.Path] = true
		}
	}
	for _, path := range []string{"/account/newkey", "/account/dropkey", "/tokens", "/document/{document}/pdf", "/corrections/{correction}", "/requests/{request}/check", "/requests/{request}/hand", "/emergency", "/emergencies/{emergency}",
		"/plans/{plan}/approve", "/schedules/{schedule}/{act}", "/schedules/{schedule}/approve", "/holds/{hold}/release", "/holds/{hold}/approve", "/account/approver", "/users"} {
		if !marked[path] {
			t.Errorf("%s does not ask for the password again", path)
		}
	}
	s.mu.Lock()
	late := s.late
	s.mu.Unlock()
	for _, role := range accounts.Roles() {
		s.mu.Lock()
		s.late = 0
		s.mu.Unlock()
		c := s.browser(role)
		s.mu.Lock()
		s.late, s.calls = late, nil
		s.mu.Unlock()
		for _, r := range s.p.Routes() {
			if u := (accounts.User{Roles: []accounts.Role{role}}); !r.Fresh || r.Right != "" && !u.May(r.Right) {
				continue
			}
			resp, _ := s.do(c, r.Method, at(r.Path), url.Values{})
			if where := resp.Header.Get("Location"); !strings.HasPrefix(where, "/again?to=/") || len(s.calls) > 0 {
				t.Errorf("%s: %s %s: got %d to %q, called %v", role, r.Method, r.Path, resp.StatusCode, where, s.calls)
			}
		}
	}
}

// TestKeysOfNames: a security key is asked for only where the pages are asked for by
// a name that is theirs.
func TestKeysOfNames(t *testing.T) {
	s := newSite(t, "")
	for host, want := range map[string]bool{"charts.example": true, "charts.example:8443": true, "CHARTS.example": true, "localhost:8443": true, "elsewhere.example": false, "charts.example.elsewhere.example": false, "127.0.0.1": false, strings.Repeat("a", 2000): false} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.srv.URL+"/signin", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := s.srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(b), "With a security key"); got != want {
			t.Errorf("%.40s: a key is asked for: %v, want %v", host, got, want)
		}
	}
}
