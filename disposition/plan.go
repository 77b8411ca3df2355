package disposition

import (
	"context"
	"fmt"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// States of entries. stateActive is what binds.
const (
	stateActive   = "active"
	stateReleased = "released"
	stateDraft    = "draft"
	stateAdopted  = "adopted"
	stateIssued   = "issued"
	PlanReview    = "review"    // being looked at; its list may still change
	PlanOpen      = "open"      // submitted: what people approve
	PlanExecuting = "executing" // begun; it only goes forward
	PlanDone      = "done"
	PlanCancelled = "cancelled"
)

// Item is one document a plan would end.
type Item struct {
	Document record.ID        `json:"document"`
	Batch    record.ID        `json:"batch"`
	Version  int              `json:"version"`
	Type     string           `json:"type"`
	Class    string           `json:"class"`
	Service  record.Date      `json:"service_date,omitzero"`
	Pages    int              `json:"pages"`
	Bytes    int64            `json:"bytes"`
	Due      record.Date      `json:"due"`
	Action   retention.Action `json:"action"`
	Rules    []string         `json:"rules"`
}

// Exclusion is an item a reviewer took out.
type Exclusion struct {
	Document record.ID    `json:"document"`
	Reason   string       `json:"reason"`
	By       record.Actor `json:"by"`
	At       time.Time    `json:"at"`
}

// Transfer says to whom documents are handed before they are destroyed here.
type Transfer struct {
	Recipient string `json:"recipient"`     // the other keeper
	Dir       string `json:"dir"`           // where the copies are put
	Age       string `json:"age,omitempty"` // an age recipient the copies are encrypted to; "" for none
}

// Plan is a list of documents to end. From its submission on it does not
// change; its digest is what people approve.
type Plan struct {
	ID             record.ID             `json:"id"`
	Action         retention.Action      `json:"action"` // Destroy (which reduces where the rules say so) or Transfer
	Schedule       string                `json:"schedule"`
	ScheduleDigest string                `json:"schedule_digest"`
	MadeBy         record.Actor          `json:"made_by"`
	MadeAt         time.Time             `json:"made_at"`
	Class          string                `json:"class,omitempty"`      // the only record class in it; "" for all
	Automation     string                `json:"automation,omitempty"` // whose name made it
	Charts         int                   `json:"charts"`
	Documents      int                   `json:"documents"`
	Pages          int                   `json:"pages"`
	Bytes          int64                 `json:"bytes"`
	Items          string                `json:"items_sha256"` // of the list as it was made, before exclusions
	Excluded       []Exclusion           `json:"excluded,omitempty"`
	Notices        []retention.NoticeDue `json:"notices,omitempty"`  // that must be on file
	Shares         []Share               `json:"shares,omitempty"`   // types it would end unusually much of
	Accepted       string                `json:"accepted,omitempty"` // why people accept that
	Transfer       *Transfer             `json:"transfer,omitempty"`
	SubmittedBy    record.Actor          `json:"submitted_by,omitempty"`
	SubmittedAt    time.Time             `json:"submitted_at,omitzero"`
}

// Share is how much of the documents of a type a plan would end.
type Share struct {
	Type string `json:"type"`
	Ends int    `json:"ends"`
	Of   int    `json:"of"`
}

// question is what people approve. Who submitted it did not prepare it any
// less than who made it; the plan names both, and neither approves.
func (p Plan) question() Question {
	return Question{Matter: MatterPlan, ID: p.ID.String(), Digest: digest(p), PreparedBy: p.MadeBy}
}

// excludes reports whether a reviewer took a document out.
func (p Plan) excludes(id record.ID) bool {
	for _, x := range p.Excluded {
		if x.Document == id {
			return true
		}
	}
	return false
}

// PlanBody is a plan and all that became of it.
type PlanBody struct {
	Plan        Plan          `json:"plan"`
	Given       []NoticeGiven `json:"notices_given,omitempty"`
	Approvals   []Approval    `json:"approvals,omitempty"`
	Standing    *Standing     `json:"standing,omitempty"`    // instead of approvals, for an automation
	Certificate string        `json:"certificate,omitempty"` // reserved when the execution begins
	Begun       time.Time     `json:"begun,omitzero"`
	Ended       time.Time     `json:"ended,omitzero"`
	Kept        []Kept        `json:"kept,omitempty"`
	Exported    []Exported    `json:"exported,omitempty"`
	CancelledBy record.Actor  `json:"cancelled_by,omitempty"`
	Why         string        `json:"why,omitempty"` // it was cancelled
}

// Kept is an item that was not destroyed after all.
type Kept struct {
	Document record.ID `json:"document"`
	Reasons  []string  `json:"reasons"`
}

// Exported is a document another keeper has.
type Exported struct {
	Document record.ID `json:"document"`
	SHA256   string    `json:"sha256"`
}

// Plan returns a plan, its state and what became of it.
func (d *Desk) Plan(ctx context.Context, id string) (Entry, PlanBody, error) {
	var b PlanBody
	e, err := get(ctx, d.Register, KindPlan, id, &b)
	return e, b, err
}

// Plans calls f for the plans in one of the states, or for all.
func (d *Desk) Plans(ctx context.Context, f func(Entry, PlanBody) error, states ...string) error {
	return d.Register.Each(ctx, KindPlan, func(e Entry) error {
		var b PlanBody
		if err := e.Into(&b); err != nil {
			return err
		}
		return f(e, b)
	}, states...)
}

// Items returns the list of a plan without what reviewers took out, and
// compares it with the digest the plan has of it.
func (d *Desk) Items(ctx context.Context, p Plan) ([]Item, error) {
	var all []Item
	if _, err := get(ctx, d.Register, KindItems, p.ID.String(), &all); err != nil {
		return nil, err
	}
	if digest(all) != p.Items {
		return nil, fmt.Errorf("plan %s: %w: its list is not the one it was made with", p.ID, record.ErrCorrupt)
	}
	out := all[:0]
	for _, it := range all {
		if !p.excludes(it.Document) {
			out = append(out, it)
		}
	}
	return out, nil
}

// inState wants a plan to be in one of the states.
func inState(e Entry, states ...string) error {
	for _, s := range states {
		if e.State == s {
			return nil
		}
	}
	return fmt.Errorf("plan %s: %w: it is %s", e.ID, record.ErrNotReady, e.State)
}
