package disposition

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// Kind is what an entry of the register is.
type Kind string

// Kinds. They are stored.
const (
	KindHold        Kind = "hold"
	KindApprover    Kind = "approver"
	KindPlan        Kind = "plan"
	KindItems       Kind = "plan-items" // of the plan of the same id
	KindCertificate Kind = "certificate"
	KindAnnex       Kind = "annex" // of the certificate of the same number: the chart numbers, sealed
	KindSchedule    Kind = "schedule"
	KindStanding    Kind = "standing" // approval of an automation, by its name
	KindExtension   Kind = "extension"
	KindCanary      Kind = "canary"
	KindClock       Kind = "clock" // the one entry "purge": whether destruction is frozen
	KindPaper       Kind = "paper" // a list of batches whose source paper may go
)

// Entry is one entry of the register as it was put last.
type Entry struct {
	Kind  Kind
	ID    string
	State string // in clear; names nobody
	At    time.Time
	Body  json.RawMessage
}

// Register keeps entries and journals every change of one, with who made it,
// before it is stored. A Put that failed may or may not have taken effect.
type Register interface {
	Put(ctx context.Context, event Event, who record.Actor, e Entry) error
	// Get returns one entry; record.ErrNotFound when there is none.
	Get(ctx context.Context, kind Kind, id string) (Entry, error)
	// Each calls f for the entries of a kind, oldest first: those in one of the
	// states, or all when no state is named. f may put entries.
	Each(ctx context.Context, kind Kind, f func(Entry) error, states ...string) error
}

// Event says in the journal what a Put was. Events are stored.
type Event string

// Events.
const (
	EventHoldPlaced       Event = "hold.placed"
	EventHoldReleasing    Event = "hold.releasing"
	EventHoldReleased     Event = "hold.released"
	EventApproverAdded    Event = "approver.added"
	EventPlanned          Event = "plan.made"
	EventPlanChanged      Event = "plan.changed"
	EventApproved         Event = "plan.approved"
	EventPlanCancelled    Event = "plan.cancelled"
	EventPlanExecuting    Event = "plan.executing"
	EventCertified        Event = "plan.certified"
	EventScheduleDraft    Event = "schedule.drafted"
	EventScheduleApproved Event = "schedule.approved"
	EventScheduleAdopted  Event = "schedule.adopted"
	EventStanding         Event = "standing.approved"
	EventExtended         Event = "retention.extended"
	EventCanary           Event = "canary.set"
	EventClock            Event = "clock.changed"
	EventPaper            Event = "paper.changed"
)

// Document is one document as disposition sees it, decided from scratch.
type Document struct {
	Subject  retention.Subject
	Decision retention.Decision
	Version  int // of its objects
}

// Gone is what a destruction left.
type Gone struct {
	Locked bool // ciphertext without a key lies in the store until a retention lock ends
}

// Holdings is the archive as disposition sees it.
type Holdings interface {
	// Due calls f for every filed document that the schedule lets end on the
	// day, decided with present facts and holds; held ones are not among them.
	Due(ctx context.Context, s *retention.Schedule, today record.Date, f func(Document) error) error
	// Look decides about one document from scratch. record.ErrDestroyed when it
	// is destroyed, ErrUnfinished when its destruction began and has not ended.
	Look(ctx context.Context, s *retention.Schedule, id record.ID, today record.Date) (Document, error)
	// Locked reports whether a retention lock still keeps something of a document
	// that is destroyed, or of its batch.
	Locked(ctx context.Context, id record.ID) (bool, error)
	// Core reports whether a document may go as far as the core of its chart is
	// concerned: the chart keeps a readable document of that record class,
	// besides those that except names, or the core need not be kept any more
	// either (retention.Schedule.CoreOver).
	Core(ctx context.Context, s *retention.Schedule, doc Document, today record.Date, except func(record.ID) bool) (bool, error)
	// Sizes counts the documents that are not destroyed, in all and by type.
	Sizes(ctx context.Context) (map[string]int, error)
	// DestroyedSince counts the documents whose destruction ended at or after t.
	DestroyedSince(ctx context.Context, t time.Time) (int, error)
	// Export hands a document to another keeper, reads it back and compares;
	// it returns the SHA-256 of what was written, in hex. It may be repeated.
	Export(ctx context.Context, plan record.ID, t Transfer, id record.ID) (string, error)
	// Destroy destroys a document, proves it gone and keeps a tombstone that
	// names the certificate. It may be repeated. record.ErrHeld when a hold was
	// placed in the meantime; then nothing has been destroyed.
	Destroy(ctx context.Context, id record.ID, certificate string) (Gone, error)
	// Settle clears the traces of what was destroyed out of caches and indexes,
	// after a run.
	Settle(ctx context.Context) error
	// Annex seals the list of charts that destroyed documents were of, for the
	// certificate, and counts them.
	Annex(ctx context.Context, ids []record.ID) (sealed []byte, charts int, err error)
}

// ErrUnfinished is returned by Look for a document whose destruction began.
var ErrUnfinished = fmt.Errorf("its destruction has begun: %w", record.ErrDestroyed)

// get reads an entry's body into v.
func get(ctx context.Context, r Register, kind Kind, id string, v any) (Entry, error) {
	e, err := r.Get(ctx, kind, id)
	if err != nil {
		return e, err
	}
	return e, e.Into(v)
}

// Into reads the body into v. record.ErrCorrupt when it is not v's JSON.
func (e Entry) Into(v any) error {
	if err := json.Unmarshal(e.Body, v); err != nil {
		return fmt.Errorf("%s %s: %w: %w", e.Kind, e.ID, record.ErrCorrupt, err)
	}
	return nil
}

// body is an entry with v as its body.
func (e Entry) body(v any) (Entry, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return e, fmt.Errorf("%s %s: %w", e.Kind, e.ID, err)
	}
	e.Body = b
	return e, nil
}

func (d *Desk) put(ctx context.Context, event Event, who record.Actor, e Entry, v any) error {
	e, err := e.body(v)
	if err != nil {
		return err
	}
	if j := d.Clock.Jumped().Abs(); j > d.Terms.MaxSkew && e.Kind != KindClock {
		// Before an entry of a wrong time can hide the jump from the next start.
		if f, err := d.frozen(ctx); err != nil {
			return err
		} else if f == nil {
			if err := d.freeze(ctx, fmt.Sprintf("the wall clock jumped by %s while the program ran", j.Round(time.Second))); err != nil {
				return err
			}
		}
	}
	switch e.Kind {
	case KindSchedule, KindCanary, KindClock, KindExtension, KindApprover, KindHold:
		// Also when the put fails: it may have taken effect.
		defer d.changes.Add(1)
	}
	return d.Register.Put(ctx, event, who, e)
}

// Events returns every event a Put can have, for who replays a journal.
func Events() []Event {
	return []Event{EventHoldPlaced, EventHoldReleasing, EventHoldReleased, EventApproverAdded, EventPlanned, EventPlanChanged, EventApproved,
		EventPlanCancelled, EventPlanExecuting, EventCertified, EventScheduleDraft, EventScheduleApproved, EventScheduleAdopted, EventStanding,
		EventExtended, EventCanary, EventClock, EventPaper}
}
