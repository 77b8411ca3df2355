package main

import (
	"context"
	"errors"
	"time"

	"chartvault/catalog"
	"chartvault/record"
)

// kindSettled is the register of how many questions somebody settled on a day, all of
// whose entries are stateKnown. The log has each decision, under its document's key;
// this sums them up, and a rebuild counts again what it can still read.
const kindSettled = "settled"

// settledDay is what somebody settled on a day.
type settledDay struct {
	By      record.Actor `json:"by"`
	Day     time.Time    `json:"day"` // where it begins, in the site's zone
	Settled int          `json:"settled"`
	Through int64        `json:"through"` // the log's last entry that is counted: what is replayed is not counted twice
}

// countSettled counts a question that somebody settled, which entry seq of the log or
// one before it says; decisions are counted in the order of the log.
func (a *app) countSettled(ctx context.Context, who record.Actor, at time.Time, seq int64) error {
	local := at.In(a.releases.Zone)
	day := settledDay{By: who, Day: time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, local.Location())}
	id := day.Day.Format(time.DateOnly) + " " + string(who)
	e, err := a.cat.Entry(ctx, kindSettled, id)
	switch {
	case errors.Is(err, record.ErrNotFound):
		e = catalog.Entry{Kind: kindSettled, ID: id, State: stateKnown, At: day.Day.UTC()}
	case err != nil:
		return err
	default:
		if err := into(e, &day); err != nil {
			return err
		}
	}
	if day.Settled > 0 && seq <= day.Through {
		return nil
	}
	day.Settled, day.Through = day.Settled+1, seq
	e.Body = mustJSON(day)
	return a.cat.PutEntry(ctx, e)
}
