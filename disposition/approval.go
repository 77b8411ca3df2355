package disposition

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/record"
)

// Needed is the number of approvals by different people.
const Needed = 2

// Approver is a person who may approve: a name and the public half of a key
// that only that person has.
type Approver struct {
	Name    string            `json:"name"`
	Account record.Actor      `json:"account,omitempty"` // the sign-in that is the same person, such as "os:alice"
	Key     ed25519.PublicKey `json:"key"`
	Since   time.Time         `json:"since"`
}

// Actor is the approver as the audit log names it.
func (a Approver) Actor() record.Actor { return record.Actor("approver:" + a.Name) }

// is reports whether an actor is this person.
func (a Approver) is(who record.Actor) bool {
	return who != "" && (who == a.Actor() || who == a.Account)
}

// Matter is what an approval is of. Matters are stored and signed.
type Matter string

// Matters.
const (
	MatterPlan     Matter = "plan"
	MatterSchedule Matter = "schedule"
	MatterHold     Matter = "hold-release"
	MatterStanding Matter = "standing"
	MatterClock    Matter = "clock"
	MatterPaper    Matter = "paper"
)

// Question is what people are asked to approve: a matter, its id, and the
// digest of everything it says. PreparedBy may not approve it.
type Question struct {
	Matter     Matter       `json:"matter"`
	ID         string       `json:"id"`
	Digest     string       `json:"digest"`
	PreparedBy record.Actor `json:"prepared_by"`
}

// Approval is one person's signature over a question.
type Approval struct {
	Question
	Approver string    `json:"approver"`
	Signed   time.Time `json:"signed"`   // by the approver's clock; part of what is signed
	Received time.Time `json:"received"` // by the archive's clock: the cooling-off runs from it
	Sig      []byte    `json:"sig"`
}

func (a Approval) message() []byte {
	return []byte(strings.Join([]string{"chartvault approval v2", string(a.Matter), a.ID, a.Digest, string(a.PreparedBy), a.Approver,
		a.Signed.UTC().Format(time.RFC3339Nano), ""}, "\n"))
}

// Approve signs a question.
func Approve(q Question, approver string, key ed25519.PrivateKey, at time.Time) Approval {
	a := Approval{Question: q, Approver: approver, Signed: at.UTC().Truncate(time.Millisecond)}
	a.Sig = ed25519.Sign(key, a.message())
	return a
}

// check verifies an approval against the question and the approver's key, and
// that the approver did not prepare it. record.ErrDenied otherwise.
func (a Approval) check(q Question, by Approver) error {
	deny := func(why string) error {
		return fmt.Errorf("approval of %s %s: %w: %s", q.Matter, q.ID, record.ErrDenied, why)
	}
	switch {
	case a.Approver != by.Name || a.Matter != q.Matter || a.ID != q.ID:
		return deny("it is for something else or by somebody else")
	case by.is(q.PreparedBy):
		return deny("who prepares does not approve")
	case a.Digest != q.Digest || a.PreparedBy != q.PreparedBy:
		return deny("what was approved has changed since")
	case len(by.Key) != ed25519.PublicKeySize || !ed25519.Verify(by.Key, a.message(), a.Sig):
		return deny("bad signature")
	}
	return nil
}

// Count verifies approvals and returns how many different people gave them,
// and when the last of them came in. One person has one voice, under however
// many names, keys or sign-ins.
func Count(q Question, approvals []Approval, approvers []Approver) (people int, last time.Time, err error) {
	names, keys, accounts := map[string]bool{}, map[string]bool{}, map[record.Actor]bool{}
	for _, a := range approvals {
		i := slices.IndexFunc(approvers, func(x Approver) bool { return x.Name == a.Approver })
		if i < 0 {
			return 0, last, fmt.Errorf("%s %s: %w: approved by somebody who is no approver", q.Matter, q.ID, record.ErrDenied)
		}
		by := approvers[i]
		if err := a.check(q, by); err != nil {
			return 0, last, err
		}
		if names[by.Name] || keys[string(by.Key)] || by.Account != "" && accounts[by.Account] {
			continue
		}
		names[by.Name], keys[string(by.Key)], accounts[by.Account] = true, true, true
		people++
		if a.Received.After(last) {
			last = a.Received
		}
	}
	return people, last, nil
}

// enough wants the approvals of two people.
func enough(q Question, approvals []Approval, approvers []Approver) (last time.Time, err error) {
	people, last, err := Count(q, approvals, approvers)
	if err != nil {
		return last, err
	}
	if people < Needed {
		return last, fmt.Errorf("%s %s: %w: %d of %d approvals", q.Matter, q.ID, record.ErrNotReady, people, Needed)
	}
	return last, nil
}

// people counts approvals against the approvers enrolled now.
func (d *Desk) people(ctx context.Context, q Question, have []Approval) (int, time.Time, error) {
	as, err := d.Approvers(ctx)
	if err != nil {
		return 0, time.Time{}, err
	}
	return Count(q, have, as)
}

// Approvers lists who may approve.
func (d *Desk) Approvers(ctx context.Context) ([]Approver, error) {
	var out []Approver
	err := d.Register.Each(ctx, KindApprover, func(e Entry) error {
		var a Approver
		if err := e.Into(&a); err != nil {
			return err
		}
		out = append(out, a)
		return nil
	})
	return out, err
}

// AddApprover enrols a person. Since is set here. record.ErrExists when the
// name, the key or the account is taken.
func (d *Desk) AddApprover(ctx context.Context, who record.Actor, a Approver) (Approver, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	if a.Name == "" || len(a.Name) > 64 || strings.ContainsAny(a.Name, "\n\r\t") || len(a.Key) != ed25519.PublicKeySize {
		return a, fmt.Errorf("approver: %w: a name of up to 64 characters and a key", record.ErrInvalid)
	}
	have, err := d.Approvers(ctx)
	if err != nil {
		return a, err
	}
	for _, h := range have {
		if h.Name == a.Name || h.Key.Equal(a.Key) || a.Account != "" && h.Account == a.Account {
			return a, fmt.Errorf("approver %s: %w: the name, the key or the sign-in belongs to %s", a.Name, record.ErrExists, h.Name)
		}
	}
	a.Since = d.now()
	return a, d.put(ctx, EventApproverAdded, who, Entry{Kind: KindApprover, ID: a.Name, State: stateActive, At: a.Since}, a)
}

// admit checks an approval that comes in: a good signature, made just now, by
// a person who has been an approver long enough and has not approved already.
// It returns the approvals with it.
func (d *Desk) admit(ctx context.Context, q Question, have []Approval, a Approval) ([]Approval, Approver, error) {
	as, err := d.Approvers(ctx)
	if err != nil {
		return nil, Approver{}, err
	}
	deny := func(format string, args ...any) error {
		return fmt.Errorf("%s %s: %w: %s", q.Matter, q.ID, record.ErrDenied, fmt.Sprintf(format, args...))
	}
	i := slices.IndexFunc(as, func(x Approver) bool { return x.Name == a.Approver })
	if i < 0 {
		return nil, Approver{}, deny("%s is no approver", a.Approver)
	}
	by, now := as[i], d.now()
	if err := a.check(q, by); err != nil {
		return nil, by, err
	}
	if off := now.Sub(a.Signed).Abs(); off > d.Terms.Fresh {
		return nil, by, deny("it was signed %s ago: sign again, now", off.Round(time.Second))
	}
	if old := by.Since.Add(d.Terms.ApproverAge); now.Before(old) {
		return nil, by, deny("%s may approve from %s on: an approver must have been one for %s", by.Name, old.Format(time.RFC3339), d.Terms.ApproverAge)
	}
	if slices.ContainsFunc(have, func(x Approval) bool { return x.Approver == a.Approver }) {
		return nil, by, deny("%s has approved it already; it takes a second person", a.Approver)
	}
	a.Received = now
	return append(slices.Clone(have), a), by, nil
}
