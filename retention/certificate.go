package retention

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"chartvault/record"
)

// Series sums up the destroyed documents of one type under one set of rules.
type Series struct {
	Type      string      `json:"type"`
	Rules     []string    `json:"rules"`
	Citations []string    `json:"citations"`
	Documents int         `json:"documents"`
	Pages     int         `json:"pages"`
	From      record.Date `json:"from"` // earliest date of service; zero when unknown
	To        record.Date `json:"to"`
}

// Certificate certifies a destruction. Its fields are those of AHIMA's sample
// certificate (Practice Brief "Retention and Destruction of Health
// Information") and what a court would ask besides. It names no patient.
type Certificate struct {
	Version     int         `json:"version"` // 1
	Number      string      `json:"number"`  // sequential, "000001"
	Facility    string      `json:"facility"`
	Statement   string      `json:"statement"`
	Plan        record.ID   `json:"plan"`
	PlanDigest  string      `json:"plan_digest"`
	Schedule    string      `json:"schedule"`
	DestroyedOn record.Date `json:"destroyed_on"`
	IssuedAt    time.Time   `json:"issued_at"`
	Method      string      `json:"method"`
	Series      []Series    `json:"series"`
	Documents   []record.ID `json:"documents"`
	Kept        int         `json:"kept"`         // of the plan, no longer due when it ran
	StillLocked []record.ID `json:"still_locked"` // their ciphertext lies under a retention lock, without a key
	ApprovedBy  []Approval  `json:"approved_by"`
	DestroyedBy string      `json:"destroyed_by"`     // the program and its version
	KeyBackups  record.Date `json:"key_backups_gone"` // from this day no backup of a key remains either
	HoldCheck   time.Time   `json:"hold_check"`
	Previous    string      `json:"previous"` // digest of the certificate before; "" for the first
	Signer      string      `json:"signer"`
	Sig         []byte      `json:"sig"`
}

// statement is AHIMA's, in our words.
const statement = "The records described below were destroyed in the normal course of business, under the retention schedule and the destruction policy of the facility, after review and approval."

// method names what was done, after NIST SP 800-88 Rev. 2.
const method = "Cryptographic erase: the only key of each document was destroyed in every place it was kept, and its absence verified; then every stored version, index entry and catalogue row was deleted."

// Signer signs certificates.
type Signer interface {
	ID() string
	Sign(message []byte) []byte
}

// Draft is what a certificate is made of.
type Draft struct {
	Number      string
	Facility    string
	Plan        Plan
	Schedule    *Schedule
	Outcomes    []Outcome
	Approvals   []Approval
	At          time.Time
	KeyHorizon  time.Duration // how long backups of the keys place live
	DestroyedBy string
	Previous    string
}

// Certify makes and signs the certificate of a finished plan.
func Certify(d Draft, by Signer) Certificate {
	c := Certificate{
		Version: 1, Number: d.Number, Facility: d.Facility, Statement: statement, Plan: d.Plan.ID, PlanDigest: d.Plan.Digest(),
		Schedule: d.Plan.Schedule, DestroyedOn: d.Schedule.Today(d.At), IssuedAt: d.At, Method: method,
		ApprovedBy: d.Approvals, DestroyedBy: d.DestroyedBy, KeyBackups: d.Schedule.Today(d.At.Add(d.KeyHorizon)).AddDays(1),
		HoldCheck: d.At, Previous: d.Previous, Signer: by.ID(),
	}
	bySeries := map[string]int{}
	for _, o := range d.Outcomes {
		if !o.Done {
			c.Kept++
			continue
		}
		c.Documents = append(c.Documents, o.Item.Document)
		if o.Locked {
			c.StillLocked = append(c.StillLocked, o.Item.Document)
		}
		key := fmt.Sprint(o.Item.Type, o.Item.Rules)
		i, ok := bySeries[key]
		if !ok {
			i = len(c.Series)
			bySeries[key] = i
			c.Series = append(c.Series, Series{Type: o.Item.Type, Rules: o.Item.Rules, Citations: d.Schedule.citations(o.Item.Rules)})
		}
		c.Series[i].add(o.Item)
	}
	c.Sig = by.Sign(c.message())
	return c
}

func (s *Series) add(it Item) {
	s.Documents++
	s.Pages += it.Pages
	if it.Service.IsZero() {
		return
	}
	if s.From.IsZero() || s.From.After(it.Service) {
		s.From = it.Service
	}
	if it.Service.After(s.To) {
		s.To = it.Service
	}
}

func (s *Schedule) citations(rules []string) []string {
	var out []string
	for _, id := range rules {
		for _, r := range s.Rules {
			if r.ID == id {
				out = append(out, r.Citation)
			}
		}
	}
	return out
}

// message is what the signature covers: everything but itself.
func (c Certificate) message() []byte {
	c.Sig = nil
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain data marshals
	}
	return append([]byte("chartvault certificate v1\n"), b...)
}

// Digest names the certificate in the next one.
func (c Certificate) Digest() string {
	sum := sha256.Sum256(append(c.message(), c.Sig...))
	return hex.EncodeToString(sum[:])
}

// Verify checks the signature. record.ErrCorrupt when it does not hold.
func (c Certificate) Verify(pub ed25519.PublicKey) error {
	if !ed25519.Verify(pub, c.message(), c.Sig) {
		return fmt.Errorf("certificate %s: %w: bad signature", c.Number, record.ErrCorrupt)
	}
	return nil
}
