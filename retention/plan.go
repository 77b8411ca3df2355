package retention

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
)

// Item is one document a plan would destroy.
type Item struct {
	Document record.ID   `json:"document"`
	Batch    record.ID   `json:"batch"`
	Type     string      `json:"type"`
	Service  record.Date `json:"service_date"`
	Pages    int         `json:"pages"`
	Due      record.Date `json:"due"`
	Rules    []string    `json:"rules"`
	Reasons  []string    `json:"reasons"`
}

// Plan is a list of documents to destroy. It never changes once made; its
// digest is what people approve.
type Plan struct {
	ID       record.ID    `json:"id"`
	Schedule string       `json:"schedule"` // its version
	MadeBy   record.Actor `json:"made_by"`
	MadeAt   time.Time    `json:"made_at"`
	Items    []Item       `json:"items"`
}

// Digest is the SHA-256 of the plan's JSON, in hex.
func (p Plan) Digest() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Approver is a person who may approve plans: a name and the public half of a
// key that only that person has.
type Approver struct {
	Name string            `json:"name"`
	Key  ed25519.PublicKey `json:"key"`
}

// Actor is the approver as the audit log names it.
func (a Approver) Actor() record.Actor { return record.Actor("approver:" + a.Name) }

// Approval is one person's signature over a plan's digest.
type Approval struct {
	Plan     record.ID `json:"plan"`
	Digest   string    `json:"digest"`
	Approver string    `json:"approver"`
	At       time.Time `json:"at"`
	Sig      []byte    `json:"sig"`
}

func approvalMessage(plan record.ID, digest, approver string) []byte {
	return []byte("chartvault approval v1\n" + plan.String() + "\n" + digest + "\n" + approver + "\n")
}

// Approve signs a plan.
func Approve(p Plan, approver string, key ed25519.PrivateKey, at time.Time) Approval {
	d := p.Digest()
	return Approval{p.ID, d, approver, at, ed25519.Sign(key, approvalMessage(p.ID, d, approver))}
}

// Check verifies an approval against the plan and the approver's public key,
// and that the approver did not make the plan. record.ErrDenied otherwise.
func (a Approval) Check(p Plan, by Approver) error {
	switch {
	case a.Approver != by.Name, a.Plan != p.ID:
		return fmt.Errorf("approval of plan %s: %w: it is for another plan or person", p.ID, record.ErrDenied)
	case by.Actor() == p.MadeBy:
		return fmt.Errorf("approval of plan %s: %w: who makes a plan does not approve it", p.ID, record.ErrDenied)
	case a.Digest != p.Digest():
		return fmt.Errorf("approval of plan %s: %w: the plan is not the one that was approved", p.ID, record.ErrDenied)
	case len(by.Key) != ed25519.PublicKeySize || !ed25519.Verify(by.Key, approvalMessage(a.Plan, a.Digest, a.Approver), a.Sig):
		return fmt.Errorf("approval of plan %s: %w: bad signature", p.ID, record.ErrDenied)
	}
	return nil
}

// Needed is the number of approvals by different people.
const Needed = 2

// Terms are the site's conditions for a destruction.
type Terms struct {
	CoolingOff time.Duration // between the second approval and the execution
	DailyCap   int           // documents a day
	MaxSkew    time.Duration // between clocks
}

// DefaultTerms are seven days, fifty documents a day, five minutes.
func DefaultTerms() Terms { return Terms{7 * 24 * time.Hour, 50, 5 * time.Minute} }

// Ready says whether a plan may be executed at now. record.ErrNotReady says
// what is missing and until when.
func Ready(p Plan, approvals []Approval, approvers []Approver, t Terms, now time.Time) error {
	byName, byKey := map[string]Approver{}, map[string]bool{}
	for _, a := range approvers {
		byName[a.Name] = a
	}
	good := map[string]bool{}
	var last time.Time
	for _, a := range approvals {
		by, ok := byName[a.Approver]
		if !ok {
			return fmt.Errorf("plan %s: %w: approved by somebody who is no approver", p.ID, record.ErrDenied)
		}
		if err := a.Check(p, by); err != nil {
			return err
		}
		if good[a.Approver] || byKey[string(by.Key)] {
			continue // one person, one voice
		}
		good[a.Approver], byKey[string(by.Key)] = true, true
		if a.At.After(last) {
			last = a.At
		}
	}
	if len(good) < Needed {
		return fmt.Errorf("plan %s: %w: %d of %d approvals", p.ID, record.ErrNotReady, len(good), Needed)
	}
	if from := last.Add(t.CoolingOff); now.Before(from) {
		return fmt.Errorf("plan %s: %w: it cools off until %s", p.ID, record.ErrNotReady, from.UTC().Format(time.RFC3339))
	}
	return nil
}

// ErrClocks is returned when clocks disagree: nothing may be destroyed then.
var ErrClocks = errors.New("clocks disagree")

// AgreedTime returns the earliest of several clocks, or ErrClocks when they
// lie further apart than skew, or when now is before a time already seen.
func AgreedTime(skew time.Duration, seen time.Time, clocks ...time.Time) (time.Time, error) {
	if len(clocks) == 0 {
		return time.Time{}, fmt.Errorf("%w: there is none", ErrClocks)
	}
	first, last := clocks[0], clocks[0]
	for _, c := range clocks[1:] {
		if c.Before(first) {
			first = c
		}
		if c.After(last) {
			last = c
		}
	}
	if last.Sub(first) > skew {
		return time.Time{}, fmt.Errorf("%w by %s", ErrClocks, last.Sub(first).Round(time.Second))
	}
	if first.Add(skew).Before(seen) {
		return time.Time{}, fmt.Errorf("%w: the log has an entry of %s", ErrClocks, seen.UTC().Format(time.RFC3339))
	}
	return first, nil
}
