package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chartvault/record"
)

// TestApproveHere: in the pages people approve with a passphrase of their own.
// Nobody's key is used without it, nobody has two, and nothing of it is stored.
func TestApproveHere(t *testing.T) {
	t.Parallel()
	a := openApp(t, "[retention]\napprover_age = \"0s\"\n")
	do := func(who record.Actor, op string, params any) (l approvedLine, err error) {
		err = a.perform(t.Context(), op, request{Actor: who, Params: params}, func(b json.RawMessage) error {
			_ = json.Unmarshal(b, &l) // lines of other operations are of no interest
			return nil
		})
		return l, err
	}
	const one, two = "the first of two phrases", "the second of two phrases"
	enrol := func(who record.Actor, pass string) error {
		_, err := do(who, "approver-enrol", map[string]string{"passphrase": pass})
		return err
	}
	for _, tt := range []struct {
		who  record.Actor
		pass string
		want error
	}{{"os:root", one, record.ErrDenied}, {"user:ann", "short", record.ErrInvalid}, {"user:ann", one, nil}, {"user:ann", two, record.ErrExists}, {"user:bob", two, nil}} {
		if err := enrol(tt.who, tt.pass); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("enrol %s: got %v, want %v", tt.who, err, tt.want)
		}
	}
	var id string
	if err := a.perform(t.Context(), "hold-place", request{Actor: "user:carl", Params: holdParams{Kind: record.HoldLegal, Charts: []string{"1001"}, Matter: "docket", Reason: "notice"}}, func(b json.RawMessage) error {
		var l holdLine
		err := json.Unmarshal(b, &l)
		id = l.ID
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := do("user:carl", "hold-release", holdParams{ID: id, Reason: "settled"}); err != nil {
		t.Fatal(err)
	}
	ask := func(pass string) map[string]string {
		return map[string]string{"matter": "hold-release", "id": id, "passphrase": pass}
	}
	for _, tt := range []struct {
		who  record.Actor
		pass string
	}{{"user:ann", two}, {"user:ann", ""}, {"user:carl", one}, {"os:root", one}, {"user:bob", one}} {
		if _, err := do(tt.who, "approve-here", ask(tt.pass)); !errors.Is(err, record.ErrDenied) {
			t.Errorf("%s with another's passphrase or none: got %v, want ErrDenied", tt.who, err)
		}
	}
	if l, err := do("user:ann", "approve-here", ask(one)); err != nil || l.Done {
		t.Errorf("the first: got %+v, %v", l, err)
	}
	if _, err := do("user:ann", "approve-here", ask(one)); err == nil {
		t.Error("one person approves twice")
	}
	if l, err := do("user:bob", "approve-here", ask(two)); err != nil || !l.Done {
		t.Errorf("the second: got %+v, %v", l, err)
	}
	for _, name := range files(t, a.cfg.dir) {
		b, err := os.ReadFile(filepath.Join(a.cfg.dir, name))
		if err != nil {
			b, err = os.ReadFile(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(one)) || bytes.Contains(b, []byte(two)) {
			t.Errorf("a passphrase stands in %s", name)
		}
	}
}

// TestThawHere: when a clock jumped nothing is destroyed until two people have
// said in the pages, each with their own passphrase, that the clocks are right.
func TestThawHere(t *testing.T) {
	t.Parallel()
	a := openApp(t, "[retention]\napprover_age = \"0s\"\n")
	do := func(who record.Actor, op string, params, v any) error {
		return a.perform(t.Context(), op, request{Actor: who, Params: params}, func(b json.RawMessage) error { return json.Unmarshal(b, v) })
	}
	words := map[string]string{"ann": "the first of two phrases", "bob": "the second of two phrases"}
	for name := range words {
		var l any
		if err := do(record.Actor("user:"+name), "approver-enrol", map[string]string{"passphrase": words[name]}, &l); err != nil {
			t.Fatal(err)
		}
	}
	now := a.now
	a.now = func() time.Time { return now().Add(48 * time.Hour) }
	if err := a.desk.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	var c clockLine
	frozen := func() bool {
		t.Helper()
		c = clockLine{}
		if err := do("user:ann", "retention-clock", struct{}{}, &c); err != nil {
			t.Fatal(err)
		}
		return c.Frozen
	}
	if !frozen() {
		t.Fatal("a clock jumped by two days, and nothing is frozen")
	}
	for i, name := range []string{"ann", "bob"} {
		var l approvedLine
		if err := do(record.Actor("user:"+name), "approve-here", map[string]string{"matter": "clock", "id": c.ID, "passphrase": words[name]}, &l); err != nil || l.Done != (i == 1) {
			t.Errorf("%s: got %+v, %v", name, l, err)
		}
		if got, want := frozen(), i == 0; got != want {
			t.Errorf("after %s: frozen %v, want %v", name, got, want)
		}
	}
}
