package main

import (
	"context"
	"fmt"
	"time"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// kindSignIn is the register of when users signed in last, by name; all its entries
// are stateKnown. It is a cache of what the log says: a rebuild forgets it.
const kindSignIn = "sign-in"

// seenLine is when a user signed in last.
type seenLine struct {
	Name string `json:"name"`
	At   string `json:"at"`
}

// noteSignIn keeps that a user signed in.
func (a *app) noteSignIn(ctx context.Context, who record.Actor) error {
	name := signedIn(who)
	if name == "" {
		return nil
	}
	at := a.now().UTC().Truncate(time.Second)
	return a.cat.PutEntry(ctx, catalog.Entry{Kind: kindSignIn, ID: name, State: stateKnown, At: at, Body: mustJSON(seenLine{name, at.Format(time.RFC3339)})})
}

// opUsersSeen lists when users signed in last.
func (a *app) opUsersSeen(ctx context.Context, _ asked, out func(any) error) error {
	es, err := a.cat.Entries(ctx, kindSignIn)
	return eachEntry(es, err, func(s seenLine) error { return out(s) })
}

// opSessionsEnded notes that an administrator signs somebody out everywhere, before
// it is done.
func (a *app) opSessionsEnded(ctx context.Context, r asked, _ func(any) error) error {
	var p struct {
		Name string `json:"name"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	if _, err := (people{a}).User(ctx, p.Name); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	if err := a.arch.Journal(ctx, audit.ActSessionsEnded, "", map[string]any{"actor": r.Actor, "user": p.Name}); err != nil {
		return err
	}
	return a.tellOf(ctx, signalOut, p.Name)
}
