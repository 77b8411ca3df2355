package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"chartvault/accounts"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// kindEmergency is the register of accesses in an emergency (45 CFR
// 164.312(a)(2)(ii)); its states are those below.
const (
	kindEmergency     = "emergency"
	emergencyOpen     = "open" // nobody has reviewed it
	emergencyReviewed = "reviewed"
)

// reviewWithin is how soon an access in an emergency is to be reviewed.
const reviewWithin = 24 * time.Hour

// purposeEmergency is what charts are opened for in one.
const purposeEmergency = "emergency"

// emergency is somebody's access in an emergency.
type emergency struct {
	ID       string       `json:"id"`
	By       record.Actor `json:"by"`
	Reason   string       `json:"reason"` // from the list
	Why      string       `json:"why"`    // in words
	At       time.Time    `json:"at"`
	Until    time.Time    `json:"until"`
	From     int64        `json:"from_entry"` // of the log; what was done comes after
	Reviewed record.Actor `json:"reviewed_by,omitempty"`
	On       time.Time    `json:"reviewed_at,omitzero"`
	Outcome  string       `json:"outcome,omitempty"` // "justified" or "not justified"
	Note     string       `json:"note,omitempty"`
}

// emergencyLine is one as it is listed.
type emergencyLine struct {
	emergency
	Overdue bool `json:"overdue,omitempty"` // it should have been reviewed
	opened
}

// opened is what somebody did in an emergency, as the log has it.
type opened struct {
	Charts    int `json:"charts"`    // looked up
	Pages     int `json:"pages"`     // opened
	Documents int `json:"documents"` // saved whole
	Searches  int `json:"searches"`
}

// emergencyReasons lists what may be given.
func emergencyReasons() []string {
	return []string{"treatment in an emergency", "nobody with the right can be reached", "other systems are down"}
}

func (a *app) putEmergency(ctx context.Context, who record.Actor, e emergency) error {
	state := emergencyOpen
	if e.Reviewed != "" {
		state = emergencyReviewed
	}
	return a.enter(ctx, audit.ActEmergency, who, catalog.Entry{Kind: kindEmergency, ID: e.ID, State: state, At: e.At, Body: mustJSON(e)})
}

// opEmergencyBegin writes down that somebody opens charts in an emergency, and
// tells those who watch. Only after it is anything opened.
func (a *app) opEmergencyBegin(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		Reason string `json:"reason"`
		Why    string `json:"why"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	known := false
	for _, s := range emergencyReasons() {
		known = known || s == p.Reason
	}
	if !known || strings.TrimSpace(p.Why) == "" {
		return fmt.Errorf("emergency: %w: choose a reason, and say it in words as well", record.ErrInvalid)
	}
	if signedIn(r.Actor) == "" {
		return fmt.Errorf("emergency: %w: it is for people who sign in to the pages", record.ErrDenied)
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return err
	}
	now := a.now().UTC().Truncate(time.Millisecond)
	e := emergency{ID: id.String(), By: r.Actor, Reason: p.Reason, Why: p.Why, At: now, Until: now.Add(accounts.Emergency), From: a.arch.Log.Size()}
	if err := a.putEmergency(ctx, r.Actor, e); err != nil {
		return err
	}
	a.log.WarnContext(ctx, "ALARM: somebody opens charts in an emergency; it is to be reviewed within a day", "who", string(r.Actor), "emergency", e.ID)
	return out(e)
}

// emergencies calls f for those in one of the states, all when none is named.
func (a *app) emergencies(ctx context.Context, f func(emergency) error, states ...string) error {
	es, err := a.cat.EntriesIn(ctx, kindEmergency, states...)
	return eachEntry(es, err, f)
}

// emergencyOf is the emergency in which somebody opens charts at this moment; nil
// for none. It is people's, at their desks: a program has none.
func (a *app) emergencyOf(ctx context.Context, who record.Actor) (found *emergency, err error) {
	if signedIn(who) == "" || ctx.Value(byProgram{}) != nil {
		return nil, nil
	}
	now := a.now()
	err = a.emergencies(ctx, func(e emergency) error {
		if e.By == who && !now.Before(e.At) && now.Before(e.Until) {
			found = &e
		}
		return nil
	}, emergencyOpen)
	return found, err
}

// purposeOf is what somebody opens something for, whatever they say: in an
// emergency, which in says it is, all of it is opened in that, and counted in its
// review. It is asked once for what is opened, before.
func (a *app) purposeOf(ctx context.Context, who record.Actor, said string) (purpose string, in bool, err error) {
	e, err := a.emergencyOf(ctx, who)
	if e != nil {
		return purposeEmergency, true, err
	}
	return said, false, err
}

func (a *app) opEmergencyList(ctx context.Context, _ asked, out func(any) error) error {
	return a.emergencies(ctx, func(e emergency) error {
		l := emergencyLine{emergency: e, Overdue: e.Reviewed == "" && a.now().Sub(e.At) > reviewWithin}
		var err error
		if l.opened, err = a.doneIn(ctx, e); err != nil {
			return err
		}
		return out(l)
	})
}

// doneIn counts what was looked up and opened in an emergency, from the log.
func (a *app) doneIn(ctx context.Context, e emergency) (n opened, err error) {
	const some = 256
	for from := e.From; from < a.arch.Log.Size(); from += some {
		lines, err := a.arch.Log.Lines(from, min(from+some, a.arch.Log.Size()))
		if err != nil {
			return n, err
		}
		for _, line := range lines {
			var x audit.Entry
			if err := json.Unmarshal(bytes.TrimSpace(line), &x); err != nil {
				return n, fmt.Errorf("log entry: %w", record.ErrCorrupt)
			}
			if x.Time.After(e.Until.Add(time.Minute)) {
				return n, nil
			}
			if x.Action != audit.ActLookup && x.Action != audit.ActDocumentRead && x.Action != audit.ActSearch {
				continue
			}
			var body struct {
				Actor   record.Actor `json:"actor"`
				Purpose string       `json:"purpose"`
				Member  string       `json:"member"`
			}
			if err := a.arch.OpenBody(ctx, x, &body); err != nil || body.Actor != e.By || body.Purpose != purposeEmergency {
				continue // about a document that is gone, or of somebody else
			}
			switch {
			case x.Action == audit.ActLookup:
				n.Charts++
			case x.Action == audit.ActSearch:
				n.Searches++
			case body.Member == "document.pdf":
				n.Documents++
			default:
				n.Pages++
			}
		}
	}
	return n, nil
}

// opEmergencyReview is somebody else's word about an access in an emergency.
func (a *app) opEmergencyReview(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		ID      string `json:"id"`
		Outcome string `json:"outcome"`
		Note    string `json:"note"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	a.emergencyMu.Lock() // the first word stands
	defer a.emergencyMu.Unlock()
	x, err := a.cat.Entry(ctx, kindEmergency, p.ID)
	if err != nil {
		return err
	}
	var e emergency
	if err := into(x, &e); err != nil {
		return err
	}
	switch {
	case e.Reviewed != "":
		return fmt.Errorf("emergency %s: %w: %s has reviewed it", e.ID, record.ErrInvalid, e.Reviewed)
	case e.By == r.Actor:
		return fmt.Errorf("emergency %s: %w: somebody else reviews it", e.ID, record.ErrDenied)
	case p.Outcome != "justified" && p.Outcome != "not justified":
		return fmt.Errorf("emergency %s: %w: it was justified, or not", e.ID, record.ErrInvalid)
	case strings.TrimSpace(p.Note) == "":
		return fmt.Errorf("emergency %s: %w: say what you found", e.ID, record.ErrInvalid)
	}
	e.Reviewed, e.On, e.Outcome, e.Note = r.Actor, a.now().UTC().Truncate(time.Second), p.Outcome, p.Note
	if e.On.Before(e.Until) { // what is opened after it nobody would review
		e.Until = e.On
	}
	if err := a.putEmergency(ctx, r.Actor, e); err != nil {
		return err
	}
	if d := a.accounts.Load(); d != nil {
		d.Mend(signedIn(e.By))
	}
	if err := a.tellOf(ctx, signalMend, signedIn(e.By)); err != nil {
		return err
	}
	return out(e)
}

// unreviewed counts accesses that nobody has reviewed.
func (a *app) unreviewed(ctx context.Context) (n int) {
	err := a.emergencies(ctx, func(emergency) error { n++; return nil }, emergencyOpen)
	if err != nil {
		a.log.ErrorContext(ctx, "emergencies were not counted", "err", err)
	}
	return n
}

// emergencyWarnings are for those who are to review.
func (a *app) emergencyWarnings(ctx context.Context) (out []string) {
	err := a.emergencies(ctx, func(e emergency) error {
		late := ""
		if a.now().Sub(e.At) > reviewWithin {
			late = ", and should have been within a day"
		}
		out = append(out, fmt.Sprintf("%s opened charts in an emergency on %s: it is not reviewed%s", e.By, e.At.Local().Format("2006-01-02 15:04"), late))
		return nil
	}, emergencyOpen)
	if err != nil {
		a.log.ErrorContext(ctx, "emergencies were not looked at", "err", err)
	}
	return out
}
