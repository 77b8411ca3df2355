package disposition

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/record"
)

// HoldBody is a hold, the chart numbers in its scope, and its release.
type HoldBody struct {
	record.Hold
	Numbers   []string   `json:"chart_numbers,omitempty"` // as they were given; the body is sealed
	Releasing *Releasing `json:"releasing,omitempty"`
}

// Releasing is the question whether a hold may end.
type Releasing struct {
	Reason    string       `json:"reason"`
	By        record.Actor `json:"by"`
	At        time.Time    `json:"at"`
	Approvals []Approval   `json:"approvals,omitempty"`
}

func (b HoldBody) question() Question {
	r := *b.Releasing
	r.Approvals = nil
	return Question{Matter: MatterHold, ID: b.ID.String(), Digest: digest(struct {
		Hold      record.ID
		Scope     record.HoldScope
		Releasing Releasing
	}{b.ID, b.Scope, r})}
}

// PlaceHold places a hold. It binds at once.
func (d *Desk) PlaceHold(ctx context.Context, who record.Actor, h record.Hold, numbers []string) (HoldBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	kinds := []record.HoldKind{record.HoldLegal, record.HoldAudit, record.HoldRequest, record.HoldAmendment, record.HoldMerge, record.HoldMisfile}
	invalid := func(why string) (HoldBody, error) {
		return HoldBody{}, fmt.Errorf("hold: %w: %s", record.ErrInvalid, why)
	}
	switch {
	case !slices.Contains(kinds, h.Kind):
		return invalid(fmt.Sprintf("no kind %q; there are legal, audit, request, amendment, merge and misfile", h.Kind))
	case h.Scope.Empty():
		return invalid("say what it binds: charts, types, dates of service or a search")
	case strings.TrimSpace(h.Matter) == "" || strings.TrimSpace(h.Reason) == "":
		return invalid("give the matter's reference and the reason")
	}
	var err error
	if h.ID, err = d.newID(); err != nil {
		return HoldBody{}, err
	}
	h.PlacedBy, h.PlacedAt, h.ReleasedBy, h.ReleasedAt = who, d.now(), nil, time.Time{}
	b := HoldBody{Hold: h, Numbers: numbers}
	return b, d.put(ctx, EventHoldPlaced, who, b.entry(), b)
}

func (b HoldBody) entry() Entry {
	state := stateActive
	if !b.Active() {
		state = stateReleased
	}
	return Entry{Kind: KindHold, ID: b.ID.String(), State: state, At: b.PlacedAt}
}

// Hold returns one hold.
func (d *Desk) Hold(ctx context.Context, id string) (HoldBody, error) {
	var b HoldBody
	_, err := get(ctx, d.Register, KindHold, id, &b)
	return b, err
}

// Holds calls f for every hold, or only for those that bind.
func (d *Desk) Holds(ctx context.Context, active bool, f func(HoldBody) error) error {
	var states []string
	if active {
		states = []string{stateActive}
	}
	return d.Register.Each(ctx, KindHold, func(e Entry) error {
		var b HoldBody
		if err := e.Into(&b); err != nil {
			return err
		}
		return f(b)
	}, states...)
}

// Release ends an open matter, or asks for the release of a legal or audit
// hold, which then takes the approvals of two people.
func (d *Desk) Release(ctx context.Context, who record.Actor, id, reason string) (HoldBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	b, err := d.Hold(ctx, id)
	if err != nil {
		return b, err
	}
	if !b.Active() {
		return b, fmt.Errorf("hold %s: %w: it has been released", id, record.ErrInvalid)
	}
	if strings.TrimSpace(reason) == "" {
		return b, fmt.Errorf("hold %s: %w: say why it may end", id, record.ErrInvalid)
	}
	b.Releasing = &Releasing{Reason: reason, By: who, At: d.now()}
	if !b.Kind.TwoToRelease() {
		b.free([]record.Actor{who}, d.now())
		return b, d.put(ctx, EventHoldReleased, who, b.entry(), b)
	}
	return b, d.put(ctx, EventHoldReleasing, who, b.entry(), b)
}

func (b *HoldBody) free(by []record.Actor, at time.Time) {
	b.ReleasedBy, b.ReleasedAt, b.Why = by, at, b.Releasing.Reason
}

// ReleaseQuestion returns what people sign to end a hold.
func (d *Desk) ReleaseQuestion(ctx context.Context, id string) (Question, error) {
	b, err := d.Hold(ctx, id)
	if err != nil {
		return Question{}, err
	}
	if b.Releasing == nil || !b.Active() {
		return Question{}, fmt.Errorf("hold %s: %w: nobody has asked for its release", id, record.ErrNotReady)
	}
	return b.question(), nil
}

// ApproveRelease takes one person's approval of a hold's release; with the
// second the hold ends. Nothing is destroyed by that.
func (d *Desk) ApproveRelease(ctx context.Context, a Approval) (HoldBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	b, err := d.Hold(ctx, a.ID)
	if err != nil {
		return b, err
	}
	if b.Releasing == nil || !b.Active() {
		return b, fmt.Errorf("hold %s: %w: nobody has asked for its release", a.ID, record.ErrNotReady)
	}
	as, by, err := d.admit(ctx, b.question(), b.Releasing.Approvals, a)
	if err != nil {
		return b, err
	}
	b.Releasing.Approvals = as
	people, _, err := d.people(ctx, b.question(), as)
	if err != nil {
		return b, err
	}
	event := EventHoldReleasing
	if people >= Needed {
		event = EventHoldReleased
		var who []record.Actor
		for _, x := range as {
			who = append(who, Approver{Name: x.Approver}.Actor())
		}
		b.free(who, d.now())
	}
	return b, d.put(ctx, event, by.Actor(), b.entry(), b)
}
