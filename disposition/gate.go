package disposition

import (
	"fmt"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// Ready says whether a submitted plan may be executed at now: approved by two
// people or by a standing approval that holds, noticed, and cooled off.
// record.ErrNotReady says what is missing and until when; record.ErrDenied that
// an approval is not what it says.
func Ready(b PlanBody, s *retention.Schedule, approvers []Approver, t Terms, now time.Time) error {
	p := b.Plan
	from := p.SubmittedAt
	if from.IsZero() {
		return fmt.Errorf("plan %s: %w: it is under review", p.ID, record.ErrNotReady)
	}
	if b.Standing != nil {
		if err := b.Standing.holds(p.Automation, s, approvers, now); err != nil {
			return fmt.Errorf("plan %s: %w", p.ID, err)
		}
	} else {
		last, err := enough(p.question(), b.Approvals, approvers)
		if err != nil {
			return err
		}
		if last.After(from) {
			from = last
		}
	}
	if err := noticed(p, b.Given, s.Today(now)); err != nil {
		return err
	}
	if from = from.Add(t.CoolingOff); now.Before(from) {
		return fmt.Errorf("plan %s: %w: it cools off until %s", p.ID, record.ErrNotReady, from.UTC().Format(time.RFC3339))
	}
	return nil
}

// unchanged says why a document is not the one a plan lists any more, or "".
func unchanged(it Item, doc Document) string {
	switch {
	case doc.Subject.Type != it.Type:
		return "its type has changed since the plan was made"
	case doc.Version != it.Version || doc.Subject.Pages != it.Pages:
		return "it has a newer version than the plan lists"
	case doc.Subject.Batch != it.Batch:
		return "it belongs to another batch than the plan says"
	}
	return ""
}
