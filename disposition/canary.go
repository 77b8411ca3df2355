package disposition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// ErrCanary is returned when something that must never be due would be:
// schedule, facts or clock cannot be right, and nothing is destroyed.
var ErrCanary = errors.New("a canary would be destroyed")

// Canary is a chart that must never become due: a real one of today's patient,
// or one made for the purpose.
type Canary struct {
	ID     record.ID    `json:"id"`
	Chart  []byte       `json:"chart"` // an opaque token
	Reason string       `json:"reason"`
	By     record.Actor `json:"by"`
	At     time.Time    `json:"at"`
}

// SetCanary makes a chart a canary.
func (d *Desk) SetCanary(ctx context.Context, who record.Actor, chart []byte, reason string) (Canary, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	id, err := d.newID()
	if err != nil {
		return Canary{}, err
	}
	c := Canary{id, chart, reason, who, d.now()}
	return c, d.put(ctx, EventCanary, who, Entry{Kind: KindCanary, ID: id.String(), State: stateActive, At: c.At}, c)
}

// canaries decides about documents made up for the purpose, whose outcome is
// known: of a patient seen today, of one nothing is known of, and under a hold.
func (d *Desk) canaries(ctx context.Context, s *retention.Schedule, today record.Date) error {
	known := func(day record.Date) *retention.Chart {
		f := retention.Facts{}
		for _, name := range retention.FactNames() {
			if name != record.FactDied {
				f.Known = append(f.Known, record.Fact{Name: name, Date: day, Source: record.SourcePatientList})
			}
		}
		return f.Resolve()
	}
	// The program's own day, which no schedule or fact can move.
	machine := record.DateOf(d.now()).AddDays(-1)
	seen, blank := known(machine), (&retention.Facts{}).Resolve()
	hold := []record.Hold{{Kind: record.HoldLegal}}
	for _, typ := range append([]string{record.TypeUnknown}, s.Named()...) {
		if v := s.Decide(retention.Subject{Type: typ, Service: machine}, seen, nil, today).Verdict; v == retention.Due {
			return fmt.Errorf("%w: type %s, of a patient seen yesterday", ErrCanary, typ)
		}
		if v := s.Decide(retention.Subject{Type: typ}, blank, nil, today).Verdict; v == retention.Due {
			return fmt.Errorf("%w: type %s, of a patient nothing is known of", ErrCanary, typ)
		}
		if v := s.Decide(retention.Subject{Type: typ, Service: machine}, seen, hold, record.LastDate()).Verdict; v == retention.Due {
			return fmt.Errorf("%w: type %s, under a hold", ErrCanary, typ)
		}
	}
	return nil
}
