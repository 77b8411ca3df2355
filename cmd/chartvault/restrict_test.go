package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/audit"
	"chartvault/ingest/correct"
	"chartvault/record"
	"chartvault/release"
)

// shutter is an archive with people, and a chart that can be shut.
type shutter struct {
	*releasing
	request string
}

func newShutter(t *testing.T) *shutter {
	t.Helper()
	s := &shutter{releasing: newReleasing(t)}
	for name, role := range map[string]accounts.Role{"a.named": accounts.Records, "b.other": accounts.Records, "c.release": accounts.Release, "d.director": accounts.Director, "e.scan": accounts.Scan} {
		if err := (people{s.app}).PutUser(t.Context(), "os:test", accounts.User{Name: name, Roles: []accounts.Role{role}}); err != nil {
			t.Fatal(err)
		}
	}
	s.request = s.must("user:c.release", "request-new", newRequest{Class: "patient", Requester: release.Party{Name: requester}, Charts: []string{oneChart}, What: "all", Purpose: "own"}).ID
	return s
}

// doors are the ways by which something of a chart is seen or changed.
func (s *shutter) doors() map[string]any {
	return map[string]any{
		"get":               getParams{Chart: oneChart, Purpose: "operations", List: true},
		"page":              pageParams{Document: s.doc, Page: 1, Purpose: "operations"},
		"document":          documentParams{Document: s.doc, Purpose: "operations"},
		"facts-show":        getParams{Chart: oneChart},
		"access":            accessParams{Chart: oneChart},
		"disclosures":       accountParams{Chart: oneChart},
		"disclosures-print": map[string]string{"chart": oneChart, "patient": "x"},
		"request-show":      requestID{ID: s.request},
		"request-letter":    letterParams{ID: s.request, Letter: "acknowledgement"},
		"request-choose":    requestAct{ID: s.request, Offer: true},
		"request-hand":      handParams{ID: s.request},
		"request-extend":    requestAct{ID: s.request},
		"qa-show":           qaShown{Document: s.doc},
		"qa-assign":         assignment{Document: s.doc, Chart: "7654321"},
		"correct":           correctParams{Act: correct.Rotate, Documents: []string{s.doc.String()}, Pages: []int{1}, Reason: "x"},
	}
}

// try does something as somebody: whether it was refused for the restriction.
func (s *shutter) try(who record.Actor, op string, params any) bool {
	err := s.perform(s.t.Context(), op, request{Actor: who, Params: params}, func(json.RawMessage) error { return nil })
	return errors.Is(err, record.ErrDenied) && strings.Contains(err.Error(), "this chart is restricted")
}

// finds counts the pages that somebody's search finds, and what it says of how many.
func (s *shutter) finds(who record.Actor, query string) (hits int, total uint64) {
	s.t.Helper()
	err := s.perform(s.t.Context(), "search", request{Actor: who, Params: searchParams{Query: query, Limit: 50}}, func(b json.RawMessage) error {
		var l struct {
			Document string  `json:"document"`
			Total    *uint64 `json:"total"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if l.Document == s.doc.String() {
			hits++
		}
		if l.Total != nil {
			total = *l.Total
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return hits, total
}

func (s *shutter) restrict(op string, p restrictParams) restrictionLine {
	s.t.Helper()
	var l restrictionLine
	if err := s.perform(s.t.Context(), op, request{Actor: "user:d.director", Params: p}, func(b json.RawMessage) error { return json.Unmarshal(b, &l) }); err != nil {
		s.t.Fatalf("%s: %v", op, err)
	}
	return l
}

// TestRestricted: a restricted chart is found, opened, corrected and released by
// whoever is named for it and by nobody else, director or not, under each of the
// patient's numbers; in an emergency it opens; whoever was turned away is in the log.
func TestRestricted(t *testing.T) {
	t.Parallel()
	s := newShutter(t)
	const other = "7770001" // a number of the same person, under which nothing is filed
	if err := s.perform(t.Context(), "patients-link", request{Actor: "os:test", Params: linkParams{Charts: []string{oneChart, other}, Reason: "one person"}}, func(json.RawMessage) error { return nil }); err != nil {
		t.Fatal(err)
	}
	open := func(when string, who record.Actor) {
		t.Helper()
		for op, p := range s.doors() {
			if op != "qa-assign" && s.try(who, op, p) { // which would move it
				t.Errorf("%s: %s is shut to %s", when, op, who)
			}
		}
		if n, _ := s.finds(who, "chart:"+oneChart); n == 0 {
			t.Errorf("%s: %s finds nothing of it", when, who)
		}
	}
	_, all := s.finds("user:b.other", "the")
	shut := func(when string, who record.Actor) {
		t.Helper()
		before := s.arch.Log.Size()
		for op, p := range s.doors() {
			if !s.try(who, op, p) {
				t.Errorf("%s: %s is open to %s", when, op, who)
			}
		}
		if n := s.turnedAway(before); n != len(s.doors()) {
			t.Errorf("%s: %d entries of %s who was turned away, want %d", when, n, who, len(s.doors()))
		}
		for _, q := range []string{"chart:" + oneChart, "the", `"of the"`} {
			if n, total := s.finds(who, q); n != 0 || q == "the" && total >= all {
				t.Errorf("%s: %s finds %d pages of it with %s, and is told of %d of %d", when, who, n, q, total, all)
			}
		}
	}
	open("before", "user:b.other")
	r := s.restrict("restriction-shut", restrictParams{Charts: []string{other}, Why: "of staff", Matter: "ward 3 zebra", Named: []string{"a.named"}})
	open("named", "user:a.named")
	shut("not named", "user:b.other")
	s.veiled(r)
	shut("who released", "user:c.release")
	shut("who shut it", "user:d.director")
	open("on this machine", "os:test")

	// As it was after a restart.
	if err := s.app.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.app = reopen(t, &env{data: s.a.dir, passFile: s.a.pass, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)})
	shut("after a restart", "user:b.other")

	if err := s.perform(t.Context(), "emergency-begin", request{Actor: "user:b.other", Params: map[string]string{"reason": "treatment in an emergency", "why": "unconscious"}}, func(json.RawMessage) error { return nil }); err != nil {
		t.Fatal(err)
	}
	// In an emergency it is looked at, by somebody at a desk, and nothing else.
	for op, p := range s.doors() {
		if got, want := s.try("user:b.other", op, p), op != "get" && op != "page"; got != want {
			t.Errorf("in an emergency: %s is shut %v, want %v", op, got, want)
		}
	}
	if n, _ := s.finds("user:b.other", "chart:"+oneChart); n != 0 {
		t.Errorf("in an emergency: a search finds %d pages", n)
	}
	for _, op := range []string{"get", "page"} {
		err := s.callProgram(t.Context(), "user:b.other", op, s.doors()[op], func(json.RawMessage) error { return nil })
		if !errors.Is(err, record.ErrDenied) {
			t.Errorf("in an emergency, for a program: %s gives %v, want %v", op, err, record.ErrDenied)
		}
	}
	var e emergencyLine
	if err := s.perform(t.Context(), "page", request{Actor: "user:b.other", Params: pageParams{Document: s.doc, Page: 2, Purpose: "operations"}}, func(json.RawMessage) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.perform(t.Context(), "page", request{Actor: "user:b.other", Params: pageParams{Document: s.doc, Page: 2, Purpose: "operations", Ahead: true}}, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrDenied) {
		t.Errorf("in an emergency a page is opened ahead: %v", err)
	}
	if err := s.perform(t.Context(), "emergency-list", request{Actor: "user:x"}, func(b json.RawMessage) error { return json.Unmarshal(b, &e) }); err != nil || e.Charts != 1 || e.Pages != 2 || e.Searches != 1 {
		t.Errorf("its review: got %+v, %v, want one chart, two pages, whatever was said of them, and a search", e, err)
	}
	shut("in somebody else's", "user:d.director")
	now := s.now
	s.now = func() time.Time { return now().Add(accounts.Emergency) }
	shut("an hour later", "user:b.other")
	s.now = now
	if err := s.perform(t.Context(), "emergency-review", request{Actor: "user:d.director", Params: map[string]string{"id": e.ID, "outcome": "not justified", "note": "nobody was unconscious"}}, func(json.RawMessage) error { return nil }); err != nil {
		t.Fatal(err)
	}
	shut("after its review", "user:b.other")

	s.restrict("restriction-name", restrictParams{ID: r.ID, Named: []string{"d.director"}})
	open("named anew", "user:d.director")
	shut("named no more", "user:a.named")
	s.restrict("restriction-lift", restrictParams{ID: r.ID})
	open("lifted", "user:a.named")
	if n := s.inClear("zebra"); n != "" {
		t.Errorf("what it is about stands in clear in %s", n)
	}
	for what, p := range map[string]restrictParams{
		"nobody's name":  {Charts: []string{oneChart}, Why: "of staff", Matter: "x", Named: []string{"nobody"}},
		"a scanner":      {Charts: []string{oneChart}, Why: "of staff", Matter: "x", Named: []string{"e.scan"}},
		"no chart":       {Why: "of staff", Matter: "x"},
		"no chart's":     {Charts: []string{"?"}, Why: "of staff", Matter: "x"},
		"another reason": {Charts: []string{oneChart}, Why: "envy", Matter: "x"},
		"no matter":      {Charts: []string{oneChart}, Why: "of staff", Matter: " "},
	} {
		err := s.perform(t.Context(), "restriction-shut", request{Actor: "user:d.director", Params: p}, func(json.RawMessage) error { return nil })
		if !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", what, err, record.ErrInvalid)
		}
	}
	if err := s.perform(t.Context(), "restriction-lift", request{Actor: "user:d.director", Params: restrictParams{ID: r.ID}}, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("lifted twice: got %v, want %v", err, record.ErrInvalid)
	}
}

// turnedAway counts the entries of those who were, since.
func (s *shutter) turnedAway(since int64) (n int) {
	s.t.Helper()
	lines, err := s.arch.Log.Lines(since, s.arch.Log.Size())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range lines {
		if strings.Contains(string(l), string(audit.ActTurnedAway)) {
			n++
		}
	}
	return n
}

// veiled: what lists documents tells of a restricted one that it is there, and no
// more; a hold on what a search finds tells not even how much.
func (s *shutter) veiled(r restrictionLine) {
	s.t.Helper()
	all := ""
	say := func(who record.Actor, op string, params any) (string, error) {
		var b strings.Builder
		err := s.perform(s.t.Context(), op, request{Actor: who, Params: params}, func(l json.RawMessage) error { b.Write(l); return nil })
		all += b.String()
		return b.String(), err
	}
	hold := holdParams{Kind: record.HoldLegal, Query: "chart:" + oneChart, Matter: "a question", Reason: "x"}
	if _, err := say("user:c.release", "hold-place", hold); !errors.Is(err, record.ErrDenied) {
		s.t.Errorf("a hold on a search by somebody who does not search: got %v, want %v", err, record.ErrDenied)
	}
	if _, err := say("user:b.other", "hold-place", hold); !errors.Is(err, record.ErrDenied) {
		s.t.Errorf("a hold on a search by somebody who is not named: got %v, want %v", err, record.ErrDenied)
	}
	if out, err := say("user:a.named", "hold-place", hold); err != nil || !strings.Contains(out, "documents now") {
		s.t.Errorf("a hold on a search by whoever is named: got %s, %v", out, err)
	}
	for who, want := range map[record.Actor]bool{"user:b.other": false, "user:a.named": true} {
		if out, err := say(who, "hold-list", struct{}{}); err != nil || strings.Contains(out, "documents now") != want {
			s.t.Errorf("holds, to %s: got %s, %v, want how much they find told %v", who, out, err, want)
		}
	}
	if strings.Contains(all, oneChart) || r.Charts != 2 {
		s.t.Errorf("a list names the chart, or the restriction is of %d numbers, want both of the person", r.Charts)
	}
}
