package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"chartvault/record"
)

// TestEmergency: an access in an emergency is written down and warned of, what was
// opened is counted from the log, and somebody else reviews it, once.
func TestEmergency(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	do := func(who record.Actor, op string, params any) (l emergencyLine, err error) {
		err = r.perform(t.Context(), op, request{Actor: who, Params: params}, func(b json.RawMessage) error { return json.Unmarshal(b, &l) })
		return l, err
	}
	type begin map[string]string
	for what, tt := range map[string]struct {
		who  record.Actor
		p    begin
		want error
	}{
		"without words":   {"user:doc", begin{"reason": "treatment in an emergency", "why": " "}, record.ErrInvalid},
		"another reason":  {"user:doc", begin{"reason": "curiosity", "why": "x"}, record.ErrInvalid},
		"not of the list": {"os:root", begin{"reason": "treatment in an emergency", "why": "x"}, record.ErrDenied},
	} {
		if _, err := do(tt.who, "emergency-begin", tt.p); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", what, err, tt.want)
		}
	}
	e, err := do("user:doc", "emergency-begin", begin{"reason": "treatment in an emergency", "why": "unconscious in room 4"})
	if err != nil || e.Until.Sub(e.At) != time.Hour {
		t.Fatalf("got %+v, %v", e, err)
	}
	for _, p := range []any{
		getParams{Chart: oneChart, Purpose: purposeEmergency, List: true},
	} {
		if err := r.perform(t.Context(), "get", request{Actor: "user:doc", Params: p}, func(json.RawMessage) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, who := range []record.Actor{"user:doc", "user:doc", "user:other"} {
		if err := r.perform(t.Context(), "page", request{Actor: who, Params: pageParams{Document: r.doc, Page: 1, Purpose: purposeEmergency}}, func(json.RawMessage) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if l, err := do("user:audit", "emergency-list", struct{}{}); err != nil || l.Charts != 1 || l.Pages != 2 || l.Overdue {
		t.Errorf("listed: got %+v, %v, want one chart and two pages", l, err)
	}
	warned := func() bool {
		return strings.Contains(strings.Join(r.warnings(t.Context(), 0), "\n"), "user:doc opened charts in an emergency") && r.unreviewed(t.Context()) == 1
	}
	if !warned() {
		t.Error("nobody is warned")
	}
	now := r.now
	r.now = func() time.Time { return now().Add(25 * time.Hour) }
	if l, err := do("user:audit", "emergency-list", struct{}{}); err != nil || !l.Overdue {
		t.Errorf("a day later: got %+v, %v, want overdue", l, err)
	}
	r.now = now
	review := func(who record.Actor, outcome, note string) error {
		_, err := do(who, "emergency-review", map[string]string{"id": e.ID, "outcome": outcome, "note": note})
		return err
	}
	for _, tt := range []struct {
		who           record.Actor
		outcome, note string
		want          error
	}{{"user:doc", "justified", "mine", record.ErrDenied}, {"user:audit", "fine", "x", record.ErrInvalid}, {"user:audit", "justified", "", record.ErrInvalid}, {"user:audit", "justified", "the patient was unconscious", nil}, {"user:audit", "justified", "again", record.ErrInvalid}} {
		if err := review(tt.who, tt.outcome, tt.note); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("review by %s, %q: got %v, want %v", tt.who, tt.outcome, err, tt.want)
		}
	}
	if warned() || r.unreviewed(t.Context()) != 0 {
		t.Error("it is reviewed, and warned of still")
	}
	if n := r.inClear("unconscious"); n != "" {
		t.Errorf("why stands in clear in %s", n)
	}
}
