package disposition

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// Sheaf is the source paper of one batch, as far as its release is concerned.
// Every condition must hold before the paper may go.
type Sheaf struct {
	Batch    record.ID   `json:"batch"`
	FiledOn  record.Date `json:"filed_on"`
	Pages    int         `json:"pages"`
	Missing  []string    `json:"missing,omitempty"`  // why the paper must stay; none: it may go
	Released string      `json:"released,omitempty"` // the certificate under which it went
}

// Shelf is the archive as the release of paper sees it.
type Shelf interface {
	// Sheaves calls f for every batch, with what is missing as of the day.
	Sheaves(ctx context.Context, today record.Date, f func(Sheaf) error) error
	// Sheaf looks at one batch again from scratch, reading its objects back.
	Sheaf(ctx context.Context, batch record.ID, today record.Date) (Sheaf, error)
}

// PaperList is a list of batches whose source paper may be destroyed, and what
// became of it.
type PaperList struct {
	ID          record.ID    `json:"id"`
	MadeBy      record.Actor `json:"made_by"`
	MadeAt      time.Time    `json:"made_at"`
	Sheaves     []Sheaf      `json:"sheaves"`
	Approvals   []Approval   `json:"approvals,omitempty"`
	Certificate string       `json:"certificate,omitempty"`
}

func (l PaperList) question() Question {
	q := l
	q.Approvals, q.Certificate = nil, ""
	return Question{Matter: MatterPaper, ID: l.ID.String(), Digest: digest(q), PreparedBy: l.MadeBy}
}

// Shredding says what was done to the paper, and by whom.
type Shredding struct {
	Method      string      `json:"method"` // burning, shredding, pulping, pulverising
	On          record.Date `json:"on"`
	DestroyedBy string      `json:"destroyed_by"`
	Vendor      string      `json:"vendor"`
	Contract    string      `json:"contract"`
	Witness     string      `json:"witness"`
}

// ReleasedPaper returns the batches whose paper has gone, or is on a list that
// is being approved, with the certificate or "".
func (d *Desk) ReleasedPaper(ctx context.Context) (map[record.ID]string, error) {
	out := map[record.ID]string{}
	err := d.Papers(ctx, func(e Entry, l PaperList) error {
		if e.State == PlanCancelled {
			return nil
		}
		for _, s := range l.Sheaves {
			out[s.Batch] = l.Certificate
		}
		return nil
	})
	return out, err
}

// Papers calls f for every list of paper.
func (d *Desk) Papers(ctx context.Context, f func(Entry, PaperList) error) error {
	return d.Register.Each(ctx, KindPaper, func(e Entry) error {
		var l PaperList
		if err := e.Into(&l); err != nil {
			return err
		}
		return f(e, l)
	})
}

// MakePaperList lists the batches whose paper may go, for approval.
func (d *Desk) MakePaperList(ctx context.Context, who record.Actor, shelf Shelf) (Entry, PaperList, error) {
	id, err := d.newID()
	if err != nil {
		return Entry{}, PaperList{}, err
	}
	l := PaperList{ID: id, MadeBy: who, MadeAt: d.now()}
	s, err := d.InForce(ctx)
	if err != nil {
		return Entry{}, l, err
	}
	var ready []Sheaf // which are read back, while nobody waits for it to place a hold
	err = shelf.Sheaves(ctx, s.Today(d.now()), func(s Sheaf) error {
		if len(s.Missing) == 0 {
			ready = append(ready, s)
		}
		return nil
	})
	if err != nil {
		return Entry{}, l, err
	}
	d.turn().Lock()
	defer d.turn().Unlock()
	taken, err := d.ReleasedPaper(ctx)
	if err != nil {
		return Entry{}, l, err
	}
	for _, s := range ready {
		if _, is := taken[s.Batch]; !is {
			l.Sheaves = append(l.Sheaves, s)
		}
	}
	if len(l.Sheaves) == 0 {
		return Entry{}, l, fmt.Errorf("no batch whose paper may go: %w", record.ErrNotFound)
	}
	e := Entry{Kind: KindPaper, ID: id.String(), State: PlanOpen, At: l.MadeAt}
	return e, l, d.put(ctx, EventPaper, who, e, l)
}

// Paper returns one list.
func (d *Desk) Paper(ctx context.Context, id string) (Entry, PaperList, error) {
	var l PaperList
	e, err := get(ctx, d.Register, KindPaper, id, &l)
	return e, l, err
}

// PaperQuestion returns what approvers of a list sign.
func (d *Desk) PaperQuestion(ctx context.Context, id string) (Question, error) {
	e, l, err := d.Paper(ctx, id)
	if err != nil {
		return Question{}, err
	}
	return l.question(), inState(e, PlanOpen)
}

// ApprovePaper takes one person's approval of a list.
func (d *Desk) ApprovePaper(ctx context.Context, a Approval) (Entry, PaperList, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, l, err := d.Paper(ctx, a.ID)
	if err != nil {
		return e, l, err
	}
	if err := inState(e, PlanOpen); err != nil {
		return e, l, err
	}
	as, by, err := d.admit(ctx, l.question(), l.Approvals, a)
	if err != nil {
		return e, l, err
	}
	l.Approvals = as
	return e, l, d.put(ctx, EventPaper, by.Actor(), e, l)
}

// CancelPaper ends a list that was not certified.
func (d *Desk) CancelPaper(ctx context.Context, who record.Actor, id string) (Entry, PaperList, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	e, l, err := d.Paper(ctx, id)
	if err != nil {
		return e, l, err
	}
	if err := inState(e, PlanOpen); err != nil {
		return e, l, err
	}
	e.State = PlanCancelled
	return e, l, d.put(ctx, EventPaper, who, e, l)
}

// CertifyPaper certifies that the paper of an approved list was destroyed.
// Every batch is looked at again; one that is no longer whole in the archive
// stops it, for its paper would be the only copy.
func (d *Desk) CertifyPaper(ctx context.Context, who record.Actor, id string, shelf Shelf, how Shredding) (Certificate, error) {
	_, before, err := d.certifiable(ctx, id, how)
	if err != nil {
		return Certificate{}, err
	}
	s, err := d.InForce(ctx)
	if err != nil {
		return Certificate{}, err
	}
	today := s.Today(d.now())
	for _, sh := range before.Sheaves { // read back while nobody waits for it to place a hold
		now, err := shelf.Sheaf(ctx, sh.Batch, today)
		if err != nil {
			return Certificate{}, err
		}
		if len(now.Missing) > 0 {
			return Certificate{}, fmt.Errorf("paper %s: batch %s: %w: %s", id, sh.Batch, record.ErrNotReady, strings.Join(now.Missing, "; "))
		}
	}
	d.turn().Lock()
	defer d.turn().Unlock()
	e, l, err := d.certifiable(ctx, id, how)
	if err != nil {
		return Certificate{}, err
	}
	c, err := d.paperCertificate(ctx, l, how)
	if err != nil {
		return c, err
	}
	if err := d.issue(ctx, c, nil); err != nil {
		return c, err
	}
	e.State, l.Certificate = PlanDone, c.Number
	return c, d.put(ctx, EventPaper, who, e, l)
}

// certifiable returns a list whose paper may be certified to be destroyed, as far as
// people said.
func (d *Desk) certifiable(ctx context.Context, id string, how Shredding) (Entry, PaperList, error) {
	e, l, err := d.Paper(ctx, id)
	if err != nil {
		return e, l, err
	}
	if err := inState(e, PlanOpen); err != nil {
		return e, l, err
	}
	if how.Method == "" || how.DestroyedBy == "" || how.Witness == "" || how.On.IsZero() || how.On.Partial() {
		return e, l, fmt.Errorf("paper %s: %w: say how and on which day it was destroyed, by whom, and who saw it", id, record.ErrInvalid)
	}
	as, err := d.Approvers(ctx)
	if err != nil {
		return e, l, err
	}
	if _, err := enough(l.question(), l.Approvals, as); err != nil {
		return e, l, err
	}
	s, err := d.InForce(ctx)
	if err != nil {
		return e, l, err
	}
	if how.On.After(s.Today(d.now())) {
		return e, l, fmt.Errorf("paper %s: %w: it cannot have been destroyed in the future", id, record.ErrInvalid)
	}
	return e, l, nil
}

func (d *Desk) paperCertificate(ctx context.Context, l PaperList, how Shredding) (Certificate, error) {
	number, previous, err := d.nextNumber(ctx, "P")
	if err != nil {
		return Certificate{}, err
	}
	c := Certificate{
		Version: 2, Number: number, Facility: d.Facility, DestroyedOn: how.On, IssuedAt: d.now(),
		Statement: "The source paper of the batches listed below was destroyed after its images were filed, checked, verified and replicated, in the normal course of business and after approval.",
		Action:    retention.Destroy, Method: how.Method, DestroyedBy: how.DestroyedBy, Plan: l.ID, PlanSHA: l.question().Digest,
		PreparedBy: l.MadeBy, SubmittedBy: l.MadeBy, Vendor: how.Vendor, Contract: how.Contract, Witness: how.Witness,
		Verified: "every batch was read back from the archive and compared with its replica before this certificate was issued",
		Previous: previous, Signer: d.Signer.ID(),
	}
	for _, s := range l.Sheaves {
		c.Documents = append(c.Documents, s.Batch)
		c.Pages += s.Pages
		c.Count++
	}
	slices.SortFunc(c.Documents, func(a, b record.ID) int { return strings.Compare(a.String(), b.String()) })
	c.Description = fmt.Sprintf("source paper of %d batches, %d pages", c.Count, c.Pages)
	for _, a := range l.Approvals {
		c.ApprovedBy = append(c.ApprovedBy, Signature{a.Approver, a.Received})
	}
	return c, nil
}
