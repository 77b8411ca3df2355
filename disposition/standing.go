package disposition

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// standingYear is how long a standing approval holds.
const standingYear = 365 * 24 * time.Hour

// Standing is the standing approval of an automation: two people's word, for a
// year, that plans it makes of one record class under the rules as they are
// need no approval of their own. Every other check is made.
type Standing struct {
	Automation retention.Automation `json:"automation"`
	Rules      string               `json:"rules_sha256"` // of the class
	AskedBy    record.Actor         `json:"asked_by"`
	AskedAt    time.Time            `json:"asked_at"`
	Approvals  []Approval           `json:"approvals,omitempty"`
}

func (st Standing) question() Question {
	q := st
	q.Approvals = nil
	return Question{Matter: MatterStanding, ID: st.Automation.Name, Digest: digest(q), PreparedBy: st.AskedBy}
}

// rulesOf digests what a class stands under: its rules and what it consists of.
func rulesOf(s *retention.Schedule, class string) string {
	var rules []retention.Rule
	for _, r := range s.Rules {
		if r.Class == class {
			rules = append(rules, r)
		}
	}
	return digest(struct {
		Rules []retention.Rule
		Types []string
	}{rules, s.Types[class]})
}

// holds wants the standing approval to be whole, of the rules in force, and
// younger than a year.
func (st Standing) holds(name string, s *retention.Schedule, approvers []Approver, now time.Time) error {
	last, err := enough(st.question(), st.Approvals, approvers)
	if err != nil {
		return err
	}
	not := func(why string) error {
		return fmt.Errorf("automation %s: %w: %s", name, record.ErrNotReady, why)
	}
	switch {
	case st.Automation.Name != name || !slices.Contains(s.Automations, st.Automation):
		return not("the schedule in force has no such automation")
	case !st.Automation.Execute:
		return not("it may only propose")
	case st.Rules != rulesOf(s, st.Automation.Class):
		return not("the rules of its class have changed since it was approved")
	case !now.Before(last.Add(standingYear)):
		return not("its standing approval expired on " + last.Add(standingYear).Format("2006-01-02"))
	}
	return nil
}

// Stands returns until when two people's word for an automation holds, zero while
// there is none, and why it may not carry out what it proposes now; nil when it may.
func (d *Desk) Stands(ctx context.Context, st Standing) (until time.Time, err error) {
	s, err := d.InForce(ctx)
	if err != nil {
		return until, err
	}
	as, err := d.Approvers(ctx)
	if err != nil {
		return until, err
	}
	if last, err := enough(st.question(), st.Approvals, as); err == nil {
		until = last.Add(standingYear)
	}
	return until, st.holds(st.Automation.Name, s, as, d.now())
}

// AskStanding asks for the standing approval of an automation, and returns
// what approvers sign. It takes the place of an earlier question or approval.
func (d *Desk) AskStanding(ctx context.Context, who record.Actor, name string) (Standing, Question, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	s, err := d.inForce(ctx, d.now())
	if err != nil {
		return Standing{}, Question{}, err
	}
	i := slices.IndexFunc(s.Automations, func(a retention.Automation) bool { return a.Name == name })
	if i < 0 {
		return Standing{}, Question{}, fmt.Errorf("automation %s: %w in the schedule in force", name, record.ErrNotFound)
	}
	st := Standing{Automation: s.Automations[i], Rules: rulesOf(s, s.Automations[i].Class), AskedBy: who, AskedAt: d.now()}
	return st, st.question(), d.put(ctx, EventStanding, who, Entry{Kind: KindStanding, ID: name, State: stateDraft, At: st.AskedAt}, st)
}

// StandingQuestion returns what approvers of an automation sign.
func (d *Desk) StandingQuestion(ctx context.Context, name string) (Question, error) {
	var st Standing
	_, err := get(ctx, d.Register, KindStanding, name, &st)
	return st.question(), err
}

// ApproveStanding takes one person's approval of an automation.
func (d *Desk) ApproveStanding(ctx context.Context, a Approval) (Standing, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	var st Standing
	e, err := get(ctx, d.Register, KindStanding, a.ID, &st)
	if err != nil {
		return st, err
	}
	as, by, err := d.admit(ctx, st.question(), st.Approvals, a)
	if err != nil {
		return st, err
	}
	st.Approvals = as
	people, _, err := d.people(ctx, st.question(), as)
	if err != nil {
		return st, err
	}
	if people >= Needed {
		e.State = stateActive
	}
	return st, d.put(ctx, EventStanding, by.Actor(), e, st)
}

// Standings calls f for every standing approval, asked for or given.
func (d *Desk) Standings(ctx context.Context, f func(Entry, Standing) error) error {
	return d.Register.Each(ctx, KindStanding, func(e Entry) error {
		var st Standing
		if err := e.Into(&st); err != nil {
			return err
		}
		return f(e, st)
	})
}

// Propose lets every automation with a standing approval make a plan of what
// is due in its class. One that may execute submits it; its plan then cools
// off like any other. It returns the plans made.
func (d *Desk) Propose(ctx context.Context) ([]Entry, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	at, err := d.agreed(ctx)
	if err != nil {
		return nil, err
	}
	s, err := d.inForce(ctx, at.now)
	if err != nil {
		return nil, err
	}
	as, err := d.Approvers(ctx)
	if err != nil {
		return nil, err
	}
	var made []Entry
	for _, a := range s.Automations {
		var st Standing
		if _, err := get(ctx, d.Register, KindStanding, a.Name, &st); errors.Is(err, record.ErrNotFound) {
			continue
		} else if err != nil {
			return made, err
		}
		if _, err := enough(st.question(), st.Approvals, as); err != nil || st.Automation != a {
			continue // not approved, or approved as something else
		}
		e, b, err := d.makePlan(ctx, record.Daemon, Wanted{Class: a.Class, automation: a.Name})
		if isNothing(err) {
			continue
		}
		if err != nil {
			return made, err
		}
		if st.holds(a.Name, s, as, at.now) == nil && len(b.Plan.Shares) == 0 {
			b.Standing = &st
			if e, _, err = d.submit(ctx, record.Daemon, e, b, ""); err != nil {
				return made, err
			}
		}
		made = append(made, e)
	}
	return made, nil
}
