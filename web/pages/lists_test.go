package pages_test

import (
	"encoding/json"
	"fmt"
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
	if got := fmt.Sprint(parts); got != "[200 200 51]" || rows[0] != "batch449" || rows[450] != document {
		t.Errorf("got parts of %s, from %s to %s", got, rows[0], rows[len(rows)-1])
	}
	slices.Sort(rows)
	if len(slices.Compact(rows)) != 451 {
		t.Errorf("a row is shown twice")
	}
	if _, b := s.do(c, "GET", "/batches?after=gone", nil); !strings.Contains(b, "batch449") {
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
