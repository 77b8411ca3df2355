package release_test

import (
	"fmt"
	"strings"
	"testing"

	"chartvault/record"
	"chartvault/release"
)

// TestTakerHasAHand: whoever took a request in hand cannot be its second person.
func TestTakerHasAHand(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	r := o.take(t, "provider")
	for _, err := range []error{
		second(o.Ground(ctx, "helper", r.ID, release.Grounds{Identity: "x", Relationship: "treatment"})),
		second(o.Choose(ctx, "helper", r.ID, []release.Choice{{Document: record.ID{1}, Pages: []int{1}}}, false, "")),
		second(o.Submit(ctx, "helper", r.ID)),
	} {
		want(t, "prepare", err, nil)
	}
	_, err := o.Check(ctx, "clerk", r.ID, o.requests[r.ID].Version, true, "")
	want(t, "check what one took in hand", err, record.ErrDenied)
}

// TestRevoked: an authorisation that is revoked lets nothing more out, also what
// has gone out once.
func TestRevoked(t *testing.T) {
	for _, handed := range []bool{false, true} {
		o, ctx := newOffice(t, ""), t.Context()
		r := o.take(t, "attorney")
		for _, err := range []error{
			second(o.Ground(ctx, "clerk", r.ID, release.Grounds{Identity: "x", Authorisation: authorisation()})),
			second(o.Choose(ctx, "clerk", r.ID, []release.Choice{{Document: record.ID{1}, Pages: []int{1}}}, false, "of another visit")),
			second(o.Submit(ctx, "clerk", r.ID)), second(o.Check(ctx, "second", r.ID, o.requests[r.ID].Version, true, "")),
		} {
			want(t, "prepare", err, nil)
		}
		if handed {
			_, err := o.Disclose(ctx, "clerk", r.ID, o.requests[r.ID].Version, release.Package{}, release.Handing{Method: "by post"})
			want(t, "hand over", err, nil)
		}
		had := len(o.disclosures)
		_, err := o.Revoke(ctx, "clerk", r.ID, date("2026-03-03"))
		want(t, "revoke in the days to come", err, record.ErrInvalid)
		_, err = o.Revoke(ctx, "clerk", r.ID, date("2026-03-01"))
		want(t, "revoke", err, nil)
		_, err = o.Disclose(ctx, "clerk", r.ID, o.requests[r.ID].Version, release.Package{}, release.Handing{Method: "by post", Again: "lost"})
		want(t, "hand over what was revoked", err, record.ErrNotReady)
		if len(o.disclosures) != had {
			t.Errorf("a disclosure is written down")
		}
		if handed {
			continue
		}
		// Who had the form open before does not take it back without knowing; a new
		// authorisation is another.
		for what, g := range map[string]release.Grounds{"the form as it was": {Identity: "x", Authorisation: authorisation()}, "a form without one": {Identity: "x"}} {
			got, err := o.Ground(ctx, "helper", r.ID, g)
			want(t, what, err, nil)
			if got.Grounds.Authorisation == nil || got.Grounds.Authorisation.Revoked != date("2026-03-01") {
				t.Errorf("%s: the revocation is gone", what)
			}
			_, err = o.Submit(ctx, "helper", r.ID)
			want(t, what, err, record.ErrNotReady)
		}
		anew := authorisation()
		anew.Signed = date("2026-03-02")
		want(t, "a new one", second(o.Ground(ctx, "helper", r.ID, release.Grounds{Identity: "x", Authorisation: anew})), nil)
		want(t, "submit under a new one", second(o.Submit(ctx, "helper", r.ID)), nil)
	}
	o := newOffice(t, "")
	r := o.take(t, "patient")
	_, err := o.Revoke(t.Context(), "clerk", r.ID, date("2026-03-01"))
	want(t, "revoke what there is none of", err, record.ErrInvalid)
}

// TestAccountChecked: an accounting goes out with the rows that were looked at.
func TestAccountChecked(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	r, err := o.Take(ctx, "clerk", release.Request{Kind: release.Accounting, Class: "patient", Requester: release.Party{Name: "Alpha Testpatient"}, Patient: "Alpha Testpatient", Charts: []string{"1001"}, What: "an accounting", Purpose: "its own"})
	want(t, "take", err, nil)
	note := func() {
		_, err := o.Note(ctx, "clerk", release.Disclosure{Charts: []string{"1001"}, On: date("2026-03-01"), Class: "public_health", Recipient: release.Party{Name: "Sample County"}, What: "a report", Purpose: "reporting", Method: "by telephone"})
		want(t, "note", err, nil)
	}
	note()
	for _, err := range []error{
		second(o.Ground(ctx, "clerk", r.ID, release.Grounds{Identity: "x"})), second(o.Submit(ctx, "clerk", r.ID)),
		second(o.Check(ctx, "second", r.ID, o.requests[r.ID].Version, true, "")),
	} {
		want(t, "prepare", err, nil)
	}
	_, _, _, err = o.Ready(ctx, r.ID)
	want(t, "as it was checked", err, nil)
	note()
	_, _, _, err = o.Ready(ctx, r.ID)
	want(t, "with another row", err, record.ErrNotReady)
}

// TestMoving: a document that a correction has in hand does not go out.
func TestMoving(t *testing.T) {
	o, ctx := newOffice(t, ""), t.Context()
	r := o.take(t, "provider")
	want(t, "ground", second(o.Ground(ctx, "clerk", r.ID, release.Grounds{Identity: "x", Relationship: "treatment"})), nil)
	want(t, "choose", second(o.Choose(ctx, "clerk", r.ID, []release.Choice{{Document: record.ID{1}, Pages: []int{1}}}, false, "of another visit")), nil)
	o.holdings[0].Moving = true
	_, err := o.Submit(ctx, "clerk", r.ID)
	want(t, "submit", err, record.ErrNotReady)
	if !strings.Contains(fmt.Sprint(err), "settle it first") {
		t.Errorf("got %v, want it to say what to do", err)
	}
}

// TestToldOnly: that something is destroyed is told to those to whom it would have
// gone, and where else a record is to whom may have it whole.
func TestToldOnly(t *testing.T) {
	o := newOffice(t, "")
	o.holdings[2].State = record.DocumentDestroyed  // a psychotherapy note
	o.holdings[1].State = record.DocumentDestroying // which is not done yet
	for class, want := range map[string]int{"patient": 1, "provider": 1, "attorney": 1} {
		c, err := o.Rules.Class(class)
		if err != nil {
			t.Fatal(err)
		}
		r := o.take(t, class)
		if got := len(r.Destroyed(o.Rules, c, o.holdings)); got != want {
			t.Errorf("%s: told of %d destroyed documents, want %d", class, got, want)
		}
		if got := c.Told(); got != (class != "attorney") {
			t.Errorf("%s: told where else the record is: %v", class, got)
		}
	}
	c, err := o.Rules.Class("patient")
	if err != nil {
		t.Fatal(err)
	}
	r := o.take(t, "patient")
	if r.From = date("2026-01-01"); len(r.Destroyed(o.Rules, c, []release.Holding{{Type: "ECG", Service: date("2001-01-01"), State: record.DocumentDestroyed}})) > 0 {
		t.Error("told of what was not asked for")
	}
}
