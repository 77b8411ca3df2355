package disposition

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// maxEvidence bounds the evidence of a notice, in bytes.
const maxEvidence = 512 << 10

// NoticeGiven is a notice and its evidence.
type NoticeGiven struct {
	Rule     string       `json:"rule"`
	On       record.Date  `json:"on"` // the day it was given
	Evidence []byte       `json:"evidence"`
	SHA256   string       `json:"sha256"` // of the evidence
	By       record.Actor `json:"by"`
	At       time.Time    `json:"at"`
}

// GiveNotice puts the evidence of a notice on a plan's file. The plan cannot
// be executed before it is there and its days have passed.
func (d *Desk) GiveNotice(ctx context.Context, who record.Actor, plan, rule string, on record.Date, evidence []byte) (Entry, PlanBody, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, b, err := d.Plan(ctx, plan)
	if err != nil {
		return e, b, err
	}
	if err := inState(e, PlanReview, PlanOpen); err != nil {
		return e, b, err
	}
	invalid := func(why string) error { return fmt.Errorf("plan %s: notice: %w: %s", plan, record.ErrInvalid, why) }
	switch {
	case !slices.ContainsFunc(b.Plan.Notices, func(n retention.NoticeDue) bool { return n.Rule == rule }):
		return e, b, invalid("the plan needs none for rule " + rule)
	case len(evidence) == 0 || len(evidence) > maxEvidence:
		return e, b, invalid(fmt.Sprintf("the evidence must be a file of 1 to %d bytes", maxEvidence))
	case on.Partial() || on.IsZero():
		return e, b, invalid("say the day it was given")
	case on.After(record.DateOf(d.now()).AddDays(1)):
		return e, b, invalid("it cannot have been given in the future")
	}
	sum := sha256.Sum256(evidence)
	b.Given = append(b.Given, NoticeGiven{rule, on, evidence, hex.EncodeToString(sum[:]), who, d.now()})
	return e, b, d.put(ctx, EventPlanChanged, who, e, b)
}

// noticed wants every notice a plan needs on file, and its days passed.
func noticed(p Plan, given []NoticeGiven, today record.Date) error {
	for _, n := range p.Notices {
		i := slices.IndexFunc(given, func(g NoticeGiven) bool { return g.Rule == n.Rule })
		if i < 0 {
			return fmt.Errorf("plan %s: %w: rule %s asks for a notice (%s, %s) and no evidence of it is on file", p.ID, record.ErrNotReady, n.Rule, n.Audience, n.Method)
		}
		// A day given twice counts from the first: the evidence of it stands.
		if from := given[i].On.AddDays(n.LeadDays); from.After(today) {
			return fmt.Errorf("plan %s: %w: the notice of rule %s was given on %s and runs until %s", p.ID, record.ErrNotReady, n.Rule, given[i].On, from)
		}
	}
	return nil
}
