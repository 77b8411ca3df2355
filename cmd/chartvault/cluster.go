package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"chartvault/catalog"
)

// Several servers may have one archive open: they share the catalogue (one
// PostgreSQL) and the stores, and nothing else. What one does they agree on by
// turns, which the database holds; what one keeps in memory follows signals of
// the others; what one has begun and cannot finish another takes over.

// tally counts changes of something that is kept in memory, and knows how many of
// them the other servers have not been told of.
type tally struct{ n, untold atomic.Uint64 }

// Load returns how often it changed, here or elsewhere.
func (t *tally) Load() uint64 { return t.n.Load() }

// Add notes a change that was made here: the others are told of it.
func (t *tally) Add() {
	t.n.Add(1)
	t.untold.Add(1)
}

// Heard notes a change that the others know of.
func (t *tally) Heard() { t.n.Add(1) }

// Signals, by what they say has changed.
const (
	signalBound    = "bound"    // what forbids or delays the end of documents
	signalMoved    = "moved"    // what may move the day of it
	signalPatients = "patients" // the patient list
	signalKin      = "kin"      // whose numbers are whose
	signalMade     = "made"     // which documents were made of which
	signalUsers    = "users"    // who may do what
	signalUpkeep   = "upkeep"   // documents were destroyed: their traces leave every index
	signalThaw     = "thaw"     // people have looked at the clocks
	signalOut      = "out "     // somebody, by token, is signed out everywhere
	signalMend     = "mend "    // somebody's emergency is reviewed
)

// tallies are the changes that others are told of, by signal.
func (a *app) tallies() map[string]*tally {
	return map[string]*tally{signalBound: &a.bound, signalMoved: &a.moved, signalPatients: &a.listTaken, signalKin: &a.kinned, signalMade: &a.remade, signalUsers: &a.peopled, signalThaw: &a.thawed}
}

// tellPatience is how long is tried to tell the others before who changed something is
// told that it is done; they are told later then.
const tellPatience = 10 * time.Second

// tell tells the other servers what was changed here and is in force.
func (a *app) tell(ctx context.Context) {
	if !a.cat.Shared() {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for end := time.Now().Add(tellPatience); ; time.Sleep(turnAgain) {
		err := a.tellOnce(ctx)
		if err == nil {
			return
		}
		if errors.Is(err, catalog.ErrStruckOff) || time.Now().After(end) || a.closed.Load() {
			a.log.ErrorContext(ctx, "the other servers are not told of a change yet", "err", err)
			return
		}
	}
}

func (a *app) tellOnce(ctx context.Context) error {
	a.hearMu.Lock()
	defer a.hearMu.Unlock()
	for name, t := range a.tallies() {
		k := t.untold.Load()
		if k == 0 {
			continue
		}
		if err := a.signal(ctx, name); err != nil {
			return err
		}
		t.untold.Add(-k) // what was changed since is told the next time
	}
	return nil
}

// signal gives a signal, which this server need not hear. Held: hearMu.
func (a *app) signal(ctx context.Context, name string) error {
	n, err := a.cat.Signal(ctx, name)
	if err == nil && n == a.heard.Signals[name]+1 {
		a.heard.Signals[name] = n
	}
	return err
}

// tellOf gives a signal about somebody, whose name is not in it.
func (a *app) tellOf(ctx context.Context, about, name string) error {
	if !a.cat.Shared() {
		return nil
	}
	a.hearMu.Lock()
	defer a.hearMu.Unlock()
	return a.signal(ctx, about+a.tokenOf(name))
}

func (a *app) tokenOf(name string) string {
	return hex.EncodeToString(a.vault.Token("user", name)[:12])
}

// follow has what this server keeps in memory be as the others left it.
func (a *app) follow(ctx context.Context) error {
	if !a.cat.Shared() || !a.opened.Load() {
		return nil
	}
	a.hearMu.Lock()
	defer a.hearMu.Unlock()
	h, err := a.cat.Hear(ctx)
	if err != nil {
		return fmt.Errorf("follow the other servers: %w", err)
	}
	if h.Log > a.arch.Log.Size() {
		if err := a.arch.Log.Follow(ctx); err != nil {
			return fmt.Errorf("follow the other servers: %w", err)
		}
	}
	if h.Change != a.heard.Change { // documents were filed or ended
		a.bound.Heard()
		a.moved.Heard()
		a.heard.Change = h.Change
	}
	for name, n := range h.Signals {
		if a.heard.Signals[name] == n {
			continue
		}
		if err := a.hear(ctx, name); err != nil {
			return fmt.Errorf("follow the other servers: %s: %w", strings.Fields(name)[0], err)
		}
		a.heard.Signals[name] = n
	}
	return nil
}

// hear does what one signal asks for. Held: hearMu.
func (a *app) hear(ctx context.Context, name string) error {
	switch name {
	case signalBound:
		a.bound.Heard()
		a.desk.Changed()
	case signalMoved:
		a.moved.Heard()
		a.dueSums.Store(nil)
	case signalPatients:
		if err := a.loadPatients(ctx, a.pipeline.Sheets); err != nil {
			return err
		}
		fallthrough
	case signalKin:
		if err := a.relate(ctx); err != nil {
			return err
		}
		a.bound.Heard()
		a.moved.Heard()
	case signalMade:
		if err := a.mapMade(ctx); err != nil {
			return err
		}
		a.bound.Heard()
	case signalThaw:
		clocks{a}.trust()
	}
	d := a.accounts.Load()
	if d == nil {
		return nil
	}
	switch about, token, _ := strings.Cut(name, " "); {
	case name == signalUsers:
		return d.Recheck(ctx)
	case about+" " == signalOut, about+" " == signalMend:
		for user := range d.Present() {
			if a.tokenOf(user) != token {
				continue
			}
			if about+" " == signalOut {
				d.EndSessions(user)
			} else {
				d.Mend(user)
			}
		}
	}
	return nil
}

// turn is a lock that all servers on one catalogue share. Whoever gets it knows
// what the others did in theirs.
type turn struct {
	a     *app
	name  string
	deaf  bool                   // it is taken where following would wait for it
	leave atomic.Pointer[func()] // of who has it
}

// turnAgain is how long is waited after the database could not be asked.
const turnAgain = 200 * time.Millisecond

// Lock implements sync.Locker. A server that was struck off gets it at once: the
// database takes nothing from it any more.
func (t *turn) Lock() {
	ctx := context.Background()
	for {
		leave, err := t.a.cat.Turn(ctx, t.name)
		if err == nil && !t.deaf {
			if err = t.a.follow(ctx); err != nil {
				leave()
			}
		}
		switch {
		case err == nil:
			t.leave.Store(&leave)
			return
		case errors.Is(err, catalog.ErrStruckOff), t.a.closed.Load():
			return
		}
		t.a.log.Error("a turn is waited for", "turn", t.name, "err", err)
		time.Sleep(turnAgain)
	}
}

// tryLock is Lock for what can as well be done another time.
func (t *turn) tryLock(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, turnAgain)
	defer stop()
	leave, err := t.a.cat.Turn(ctx, t.name)
	if err != nil {
		return false
	}
	if err := t.a.follow(ctx); err != nil {
		leave()
		return false
	}
	t.leave.Store(&leave)
	return true
}

// Unlock implements sync.Locker.
func (t *turn) Unlock() {
	leave := t.leave.Swap(nil)
	if leave == nil {
		return // this server was struck off
	}
	if !t.deaf {
		t.a.tell(context.Background())
	}
	(*leave)()
}

// takeTurns makes the turns there are.
func (a *app) takeTurns() {
	for name, t := range map[string]**turn{
		"correct": &a.correctMu, "asked": &a.askedMu, "enrol": &a.enrolMu, "emergency": &a.emergencyMu, "patients": &a.patientsMu, "kin": &a.kinMu,
		"evaluate": &a.evaluateMu, "decide": &a.decideMu, "mark": &a.markMu, "restrict": &a.restrictMu, "import": &a.importMu, "held": &a.heldMu, "runs": &a.runs,
	} {
		*t = &turn{a: a, name: name}
	}
}

// How often the others are followed without anybody asking, and looked after.
const (
	followEvery = 500 * time.Millisecond
	lookEvery   = 2 * time.Second
)

// following follows the other servers, and takes over from those that ended,
// until ctx ends or this one is struck off.
func (a *app) following(ctx context.Context) error {
	if !a.cat.Shared() {
		return nil
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	looked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.cat.Lost():
			return fmt.Errorf("this server lost its place among those on the archive, and must start again: %w", catalog.ErrStruckOff)
		case <-tick.C:
		}
		err := a.follow(ctx)
		a.tell(ctx)
		if first := a.stuck.Load(); err == nil && first != 0 {
			if err = a.finishLog(ctx, a.cat.Self()); err == nil {
				a.stuck.CompareAndSwap(first, 0)
			}
		}
		if err == nil && time.Since(looked) >= lookEvery {
			looked = time.Now()
			err = a.takeOverServers(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "the other servers are not followed; it is tried again", "err", err)
		}
	}
}
