package disposition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
)

// Clock is every clock there is.
type Clock interface {
	// Now is the machine's clock: for dating what people do.
	Now() time.Time
	// All reads every clock: the machine's first, then those of others.
	All(ctx context.Context) ([]time.Time, error)
	// Seen is the latest time the archive has on record.
	Seen(ctx context.Context) (time.Time, error)
	// Jumped says by how much the wall clock was moved while the program ran.
	Jumped() time.Duration
	// Trust takes the wall clock as it is now for right.
	Trust()
}

// ErrClocks is returned when no clock can be believed: nothing is destroyed then.
var ErrClocks = errors.New("clocks disagree")

// errJump is an ErrClocks that does not go away by itself.
var errJump = fmt.Errorf("%w: a clock may have jumped", ErrClocks)

// ErrFrozen is returned while destruction is frozen because a clock was
// doubted, until two people have said that it is right.
var ErrFrozen = errors.New("destruction is frozen")

// AgreedTime returns the earliest of several clocks, or ErrClocks when they
// lie further apart than skew, when one is before a time already seen, or when
// the archive was idle for longer than gap: then its clock may have jumped.
func AgreedTime(skew, gap time.Duration, seen time.Time, clocks ...time.Time) (time.Time, error) {
	if len(clocks) == 0 {
		return time.Time{}, fmt.Errorf("%w: there is none", ErrClocks)
	}
	first, last := clocks[0], clocks[0]
	for _, c := range clocks[1:] {
		if c.Before(first) {
			first = c
		}
		if c.After(last) {
			last = c
		}
	}
	if last.Sub(first) > skew {
		return time.Time{}, fmt.Errorf("%w by %s", ErrClocks, last.Sub(first).Round(time.Second))
	}
	if seen.IsZero() {
		return first, nil
	}
	if first.Add(skew).Before(seen) {
		return time.Time{}, fmt.Errorf("%w: the log has an entry of %s", ErrClocks, seen.UTC().Format(time.RFC3339))
	}
	if gap > 0 && first.Sub(seen) > gap {
		return time.Time{}, fmt.Errorf("%w: nothing was done here since %s", errJump, seen.UTC().Format(time.RFC3339))
	}
	return first, nil
}

// Freeze is the register's word on whether destruction is frozen.
type Freeze struct {
	Nonce     record.ID  `json:"nonce"` // of this freeze: an approval of an earlier one does not count
	Why       string     `json:"why"`
	At        time.Time  `json:"at"`
	Approvals []Approval `json:"approvals,omitempty"`
}

const clockID = "purge"

// States of the clock's entry.
const (
	stateFrozen = "frozen"
	stateThawed = "thawed"
)

// agreed returns the time a destruction may believe. Clocks that disagree stop
// it; a jump freezes it until two people have said that the clock is right.
func (d *Desk) agreed(ctx context.Context) (believed, error) {
	if f, err := d.frozen(ctx); err != nil {
		return believed{}, err
	} else if f != nil {
		return believed{}, fmt.Errorf("%w since %s: %s", ErrFrozen, f.At.Format(time.RFC3339), f.Why)
	}
	seen, err := d.Clock.Seen(ctx)
	if err != nil {
		return believed{}, err
	}
	clocks, err := d.Clock.All(ctx)
	if err != nil {
		return believed{}, err
	}
	now, err := AgreedTime(d.Terms.MaxSkew, d.Terms.MaxGap, seen, clocks...)
	if j := d.Clock.Jumped().Abs(); j > d.Terms.MaxSkew {
		err = fmt.Errorf("%w: by %s while the program ran", errJump, j.Round(time.Second))
	}
	if errors.Is(err, errJump) {
		return believed{}, errors.Join(err, d.freeze(ctx, err.Error()))
	}
	b := believed{now: now, deadlines: now, clocks: len(clocks)}
	if len(clocks) == 1 {
		b.deadlines = now.Add(-d.Terms.MaxGap)
	}
	return b, err
}

// believed is the time a destruction may believe.
type believed struct {
	now time.Time
	// deadlines is the time against which days are held. Where there is only
	// one clock nothing is due before it could not have jumped there unnoticed.
	deadlines time.Time
	clocks    int
}

// Watch looks whether a clock has jumped, and freezes destruction if so. It is
// called before the first entry after a start, so that no entry of a wrong time
// hides the jump, and every minute. Clocks that merely disagree are no error.
func (d *Desk) Watch(ctx context.Context) error {
	d.turn().Lock()
	defer d.turn().Unlock()
	_, err := d.agreed(ctx)
	switch {
	case errors.Is(err, errJump):
		f, ferr := d.frozen(ctx)
		if f != nil {
			return nil
		}
		return errors.Join(err, ferr) // it is not on record: the caller must try again
	case errors.Is(err, ErrFrozen), errors.Is(err, ErrClocks):
		return nil
	}
	return err
}

func (d *Desk) freeze(ctx context.Context, why string) error {
	nonce, err := d.newID()
	if err != nil {
		return err
	}
	f := Freeze{Nonce: nonce, Why: why, At: d.now()}
	return d.put(ctx, EventClock, record.Daemon, Entry{Kind: KindClock, ID: clockID, State: stateFrozen, At: f.At}, f)
}

// frozen returns the freeze in force, or nil.
func (d *Desk) frozen(ctx context.Context) (*Freeze, error) {
	var f Freeze
	e, err := get(ctx, d.Register, KindClock, clockID, &f)
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil
	}
	if err != nil || e.State != stateFrozen {
		return nil, err
	}
	return &f, nil
}

// Frozen returns the freeze in force and the question that thaws it, or nil.
func (d *Desk) Frozen(ctx context.Context) (*Freeze, Question, error) {
	f, err := d.frozen(ctx)
	if f == nil || err != nil {
		return nil, Question{}, err
	}
	return f, f.question(), nil
}

func (f Freeze) question() Question {
	return Question{Matter: MatterClock, ID: f.Nonce.String(), Digest: digest(f.Why), PreparedBy: record.Daemon}
}

// Thaw takes one person's word that the clocks are right; with the second it
// ends the freeze.
func (d *Desk) Thaw(ctx context.Context, a Approval) (Freeze, bool, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	f, err := d.frozen(ctx)
	if err != nil {
		return Freeze{}, false, err
	}
	if f == nil {
		return Freeze{}, false, fmt.Errorf("thaw: %w: destruction is not frozen", record.ErrInvalid)
	}
	as, by, err := d.admit(ctx, f.question(), f.Approvals, a)
	if err != nil {
		return *f, false, err
	}
	f.Approvals = as
	state := stateFrozen
	if people, _, err := d.people(ctx, f.question(), as); err != nil {
		return *f, false, err
	} else if people >= Needed {
		state = stateThawed
		d.Clock.Trust()
	}
	return *f, state == stateThawed, d.put(ctx, EventClock, by.Actor(), Entry{Kind: KindClock, ID: clockID, State: state, At: d.now()}, f)
}
