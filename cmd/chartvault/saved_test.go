package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"chartvault/accounts"
	"chartvault/record"
)

// TestSavedSearches: people keep searches, each their own, which nobody else is told
// of; and they are the same after a rebuild of the register from the log.
func TestSavedSearches(t *testing.T) {
	t.Parallel()
	a := openApp(t, quick)
	put := func(who record.Actor, name, query string) (savedSearch, error) {
		ls, err := lines[savedSearch](t, a, who, "saved-search-put", map[string]string{"name": name, "query": query})
		if err != nil {
			return savedSearch{}, err
		}
		return ls[0], nil
	}
	mine, err := put("user:one", " heart ", "metoprolol OR digoxin")
	if err != nil || mine.Name != "heart" {
		t.Fatalf("got %+v, %v", mine, err)
	}
	if _, err := put("user:two", "other", "asthma"); err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]string{"": "x", strings.Repeat("n", longName+1): "x", "bad": `"`} {
		if _, err := put("user:one", name, query); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%q as %q: got %v, want %v", query, name, err, record.ErrInvalid)
		}
	}
	if ls, err := lines[savedSearch](t, a, "user:one", "saved-searches", struct{}{}); err != nil || len(ls) != 1 || ls[0] != mine {
		t.Errorf("one's own: got %+v, %v", ls, err)
	}
	drop := func(who record.Actor) error {
		_, err := lines[savedSearch](t, a, who, "saved-search-drop", map[string]string{"id": mine.ID})
		return err
	}
	if err := drop("user:two"); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("somebody else drops it: got %v, want %v", err, record.ErrNotFound)
	}
	for i := range mostSaved - 1 {
		if _, err := put("user:one", fmt.Sprint("n", i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := put("user:one", "one too many", "x"); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("too many: got %v, want %v", err, record.ErrInvalid)
	}
	if err := drop("user:one"); err != nil {
		t.Fatal(err)
	}
	before, err := lines[savedSearch](t, a, "user:one", "saved-searches", struct{}{})
	if err != nil || len(before) != mostSaved-1 {
		t.Fatalf("dropped: got %d, %v, want %d", len(before), err, mostSaved-1)
	}
	if _, err := lines[json.RawMessage](t, a, "os:test", "rebuild", struct{}{}); err != nil {
		t.Fatal(err)
	}
	if after, err := lines[savedSearch](t, a, "user:one", "saved-searches", struct{}{}); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("rebuilt: got %+v, %v, want %+v", after, err, before)
	}
}

// TestSupport: what is handed to whoever helps says how the archive is, and names
// nobody, no chart and no place of the server.
func TestSupport(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	if err := (people{r.app}).PutUser(t.Context(), "os:test", accounts.User{Name: "zebra.clerk", Roles: []accounts.Role{accounts.Records}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := lines[json.RawMessage](t, r.app, "user:zebra.clerk", "signed-in", map[string]string{"from": "192.0.2.7"}); err != nil {
			t.Fatal(err)
		}
	}
	if ls, err := lines[seenLine](t, r.app, "user:admin", "users-seen", struct{}{}); err != nil || len(ls) != 1 || ls[0].Name != "zebra.clerk" || len(ls[0].At) < 20 {
		t.Errorf("who signed in last: got %+v, %v", ls, err)
	}
	cs, err := lines[checkLine](t, r.app, "user:admin", "check", struct{}{})
	if err != nil || len(cs) < 10 {
		t.Errorf("checks: got %+v, %v", cs, err)
	}
	for _, c := range cs {
		if c.Result == "fail" {
			t.Errorf("a new archive: %+v", c)
		}
	}
	got, err := lines[json.RawMessage](t, r.app, "user:admin", "support", struct{}{})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d, %v", len(got), err)
	}
	var l supportLine
	if err := json.Unmarshal(got[0], &l); err != nil || l.Engine != "sqlite" || l.Store != "directory" || len(l.Checks) != len(cs) || l.Status.Documents == 0 {
		t.Errorf("got %+v, %v", l, err)
	}
	for _, w := range []string{"zebra", oneChart, "TESTPATIENT", "192.0.2.7", r.cfg.dir, "monday-box", "user:"} {
		if strings.Contains(strings.ToLower(string(got[0])), strings.ToLower(w)) {
			t.Errorf("%q is in it: %s", w, got[0])
		}
	}
}

// TestBatchScores: how well each page of a batch was read is said when it is asked
// for.
func TestBatchScores(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	row, err := r.cat.Document(t.Context(), r.doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, scores := range []bool{false, true} {
		ls, err := lines[batchView](t, r.app, "user:one", "batch-show", batchID{ID: row.Batch, Scores: scores})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ls[0].Places {
			if read := p.Score > 50 && p.Score <= 100; read != (scores && p.Document != "") {
				t.Errorf("asked for: %t: got %+v", scores, p)
			}
		}
	}
}
