package disposition

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// Draft is a schedule on its way into force, or that was or is in force.
type Draft struct {
	ID        record.ID         `json:"id"`
	Schedule  json.RawMessage   `json:"schedule"` // complete, as retention.Restore reads it
	Text      string            `json:"text"`     // the file it was made from
	MadeBy    record.Actor      `json:"made_by"`
	MadeAt    time.Time         `json:"made_at"`
	Base      string            `json:"base"`             // digest of the schedule it was compared with
	Shortens  []string          `json:"shortens"`         // how it may let something end earlier; none: one person is enough
	Effective record.Date       `json:"effective"`        // the day it comes into force
	Change    *retention.Change `json:"change,omitempty"` // what it would do to the archive, when somebody looked
	Approvals []Approval        `json:"approvals,omitempty"`
	AdoptedBy record.Actor      `json:"adopted_by,omitempty"`
	AdoptedAt time.Time         `json:"adopted_at,omitzero"`
	Order     int               `json:"order,omitempty"` // of adoption, from 1: a wrong clock cannot change it
}

// question is what people approve: everything but the simulation, which can be
// run again, and who approved so far.
func (dr Draft) question() Question {
	q := dr
	q.Approvals, q.Change, q.AdoptedBy, q.AdoptedAt, q.Order = nil, nil, "", time.Time{}, 0
	return Question{Matter: MatterSchedule, ID: dr.ID.String(), Digest: digest(q), PreparedBy: dr.MadeBy}
}

// InForce returns the schedule in force now; an empty one when there is none.
func (d *Desk) InForce(ctx context.Context) (*retention.Schedule, error) {
	return d.inForce(ctx, d.now())
}

// inForce returns the schedule that was adopted last and has come into force.
func (d *Desk) inForce(ctx context.Context, now time.Time) (*retention.Schedule, error) {
	out, order := retention.Empty(), 0
	err := d.adopted(ctx, func(s *retention.Schedule, dr Draft) {
		if !dr.Effective.After(s.Today(now)) && dr.Order > order {
			out, order = s, dr.Order
		}
	})
	return out, err
}

// adopted calls f for every schedule that is or will be or was in force.
func (d *Desk) adopted(ctx context.Context, f func(*retention.Schedule, Draft)) error {
	return d.Register.Each(ctx, KindSchedule, func(e Entry) error {
		var dr Draft
		if err := e.Into(&dr); err != nil {
			return err
		}
		s, err := retention.Restore(dr.Schedule)
		if err != nil {
			return fmt.Errorf("schedule %s: %w", e.ID, err)
		}
		f(s, dr)
		return nil
	}, stateAdopted)
}

// last returns the schedule adopted last, in force or waiting, and its place in
// the order of adoption; 0 when there is none.
func (d *Desk) last(ctx context.Context) (out *retention.Schedule, order int, err error) {
	out = retention.Empty()
	err = d.adopted(ctx, func(s *retention.Schedule, dr Draft) {
		if dr.Order > order {
			out, order = s, dr.Order
		}
	})
	return out, order, err
}

// NewDraft registers a schedule to be adopted on or after a day, and says in
// what ways it might let something end earlier than the ones before it.
func (d *Desk) NewDraft(ctx context.Context, who record.Actor, text string, s *retention.Schedule, effective record.Date) (Entry, Draft, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	if s.Version == "" {
		return Entry{}, Draft{}, fmt.Errorf("schedule: %w: it has no version", record.ErrInvalid)
	}
	id, err := d.newID()
	if err != nil {
		return Entry{}, Draft{}, err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return Entry{}, Draft{}, err
	}
	if effective.IsZero() {
		effective = s.Today(d.now())
	}
	dr := Draft{ID: id, Schedule: b, Text: text, MadeBy: who, MadeAt: d.now(), Effective: effective}
	if dr.Shortens, dr.Base, err = d.shortens(ctx, s); err != nil {
		return Entry{}, dr, err
	}
	e := Entry{Kind: KindSchedule, ID: id.String(), State: stateDraft, At: dr.MadeAt}
	return e, dr, d.put(ctx, EventScheduleDraft, who, e, dr)
}

// shortens compares a schedule with the one in force and with one that waits.
func (d *Desk) shortens(ctx context.Context, s *retention.Schedule) (how []string, base string, err error) {
	now, err := d.inForce(ctx, d.now())
	if err != nil {
		return nil, "", err
	}
	next, _, err := d.last(ctx)
	if err != nil {
		return nil, "", err
	}
	how = now.Shortens(s)
	base = now.Digest()
	if next.Digest() != base {
		how = append(how, next.Shortens(s)...)
		base += " " + next.Digest()
	}
	return how, base, nil
}

// Draft returns a schedule's entry.
func (d *Desk) Draft(ctx context.Context, id string) (Entry, Draft, error) {
	var dr Draft
	e, err := get(ctx, d.Register, KindSchedule, id, &dr)
	return e, dr, err
}

// Drafts calls f for every schedule, drafts and adopted ones.
func (d *Desk) Drafts(ctx context.Context, f func(Entry, Draft) error) error {
	return d.Register.Each(ctx, KindSchedule, func(e Entry) error {
		var dr Draft
		if err := e.Into(&dr); err != nil {
			return err
		}
		return f(e, dr)
	})
}

// Simulated keeps with a draft what it would do to the archive.
func (d *Desk) Simulated(ctx context.Context, who record.Actor, id string, c retention.Change) error {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, dr, err := d.Draft(ctx, id)
	if err != nil {
		return err
	}
	dr.Change = &c
	return d.put(ctx, EventScheduleDraft, who, e, dr)
}

// DraftQuestion returns what approvers of a schedule sign.
func (d *Desk) DraftQuestion(ctx context.Context, id string) (Question, error) {
	_, dr, err := d.Draft(ctx, id)
	return dr.question(), err
}

// ApproveDraft takes one person's approval of a draft.
func (d *Desk) ApproveDraft(ctx context.Context, a Approval) (Entry, Draft, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, dr, err := d.Draft(ctx, a.ID)
	if err != nil {
		return e, dr, err
	}
	if e.State != stateDraft {
		return e, dr, fmt.Errorf("schedule %s: %w: it is %s", a.ID, record.ErrNotReady, e.State)
	}
	as, by, err := d.admit(ctx, dr.question(), dr.Approvals, a)
	if err != nil {
		return e, dr, err
	}
	dr.Approvals = as
	return e, dr, d.put(ctx, EventScheduleApproved, by.Actor(), e, dr)
}

// Adopt brings a draft into force on its day. One that shortens nothing needs
// one person; any other the approvals of two, and the simulation of what it
// would do. It is compared once more with what is in force by now.
func (d *Desk) Adopt(ctx context.Context, who record.Actor, id string) (Entry, Draft, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, dr, err := d.Draft(ctx, id)
	if err != nil {
		return e, dr, err
	}
	not := func(why string) (Entry, Draft, error) {
		return e, dr, fmt.Errorf("schedule %s: %w: %s", id, record.ErrNotReady, why)
	}
	if e.State != stateDraft {
		return not("it is " + e.State)
	}
	s, err := retention.Restore(dr.Schedule)
	if err != nil {
		return e, dr, err
	}
	_, base, err := d.shortens(ctx, s)
	if err != nil {
		return e, dr, err
	}
	if base != dr.Base {
		return not("another schedule was adopted since it was drafted: draft it again")
	}
	if len(dr.Shortens) > 0 {
		if dr.Change == nil {
			return not("it shortens retention: simulate it first, so that people know what they approve")
		}
		as, err := d.Approvers(ctx)
		if err != nil {
			return e, dr, err
		}
		if _, err := enough(dr.question(), dr.Approvals, as); err != nil {
			return e, dr, err
		}
	}
	_, order, err := d.last(ctx)
	if err != nil {
		return e, dr, err
	}
	e.State, dr.AdoptedBy, dr.AdoptedAt, dr.Order = stateAdopted, who, d.now(), order+1
	return e, dr, d.put(ctx, EventScheduleAdopted, who, e, dr)
}
