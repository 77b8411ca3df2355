package disposition

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/record"
	"chartvault/retention"
)

// Series sums up the destroyed records of one type under one set of rules.
type Series struct {
	Type      string      `json:"type"`
	Class     string      `json:"class"`
	Rules     []string    `json:"rules"`
	Citations []string    `json:"citations"`
	Documents int         `json:"documents"`
	Pages     int         `json:"pages"`
	Bytes     int64       `json:"bytes"`
	From      record.Date `json:"from"` // earliest date of service; "" when unknown
	To        record.Date `json:"to"`
}

// Signature is a person's part in a certificate.
type Signature struct {
	Who string    `json:"who"`
	At  time.Time `json:"at"`
}

// NoticeLine is a notice that was given.
type NoticeLine struct {
	Rule     string      `json:"rule"`
	Audience string      `json:"audience"`
	Method   string      `json:"method"`
	On       record.Date `json:"on"`
	Evidence string      `json:"evidence_sha256"`
}

// Certificate certifies a destruction. Its fields are those of AHIMA's sample
// certificate (Practice Brief "Retention and Destruction of Health
// Information") and what a court would ask besides. It names no patient. In
// its stored form every field is one line (seal.go); the order of the fields
// is part of the format.
type Certificate struct {
	Version     int              `json:"version"` // 2
	Number      string           `json:"number"`  // "000001"; of source paper "P000001"
	Facility    string           `json:"facility"`
	Statement   string           `json:"statement"`
	DestroyedOn record.Date      `json:"destroyed_on"`
	IssuedAt    time.Time        `json:"issued_at"`
	Description string           `json:"description"`
	From        record.Date      `json:"from"` // inclusive dates of service; "" when unknown
	To          record.Date      `json:"to"`
	Action      retention.Action `json:"action"`
	Method      string           `json:"method"`
	DestroyedBy string           `json:"destroyed_by"` // the program and its version, or a person
	Charts      int              `json:"charts"`
	Count       int              `json:"documents_count"`
	Pages       int              `json:"pages"`
	Bytes       int64            `json:"bytes"`
	Series      []Series         `json:"series"`
	Schedule    string           `json:"schedule"`
	ScheduleSHA string           `json:"schedule_sha256"`
	Plan        record.ID        `json:"plan"`
	PlanSHA     string           `json:"plan_sha256"`
	PreparedBy  record.Actor     `json:"prepared_by"`
	SubmittedBy record.Actor     `json:"submitted_by"`
	Excluded    int              `json:"excluded"` // taken out in the review
	Accepted    string           `json:"accepted"` // why people accepted an unusual share
	ApprovedBy  []Signature      `json:"approved_by"`
	Standing    string           `json:"standing"` // the automation whose standing approval it was
	Notices     []NoticeLine     `json:"notices"`
	HoldCheck   string           `json:"hold_check"`
	ClockCheck  string           `json:"clock_check"`
	Verified    string           `json:"verified"`
	Kept        int              `json:"kept"` // of the plan, no longer due or held when it ran
	StillLocked []record.ID      `json:"still_locked"`
	KeyBackups  record.Date      `json:"key_backups_gone"` // from this day no backup of a key remains either
	Transfer    *Transfer        `json:"transfer"`
	Vendor      string           `json:"vendor"`   // of source paper: who destroyed it
	Contract    string           `json:"contract"` // and under which contract
	Witness     string           `json:"witness"`
	Annex       string           `json:"annex_sha256"` // of the sealed list of chart numbers
	Documents   []record.ID      `json:"documents"`
	Previous    string           `json:"previous_sha256"` // the certificate before, of the same series; "" for the first
	Signer      string           `json:"signer"`
}

// statement is AHIMA's, in our words.
const statement = "The records described below were destroyed in the normal course of business, under the retention schedule and the destruction policy of the facility, after review and approval."

// methodErase names what was done, after NIST SP 800-88 Rev. 2.
const methodErase = "Cryptographic erase: the only key of each document was destroyed in every place it was kept, and its absence verified; then every stored version, index entry and catalogue row was deleted."

// nextNumber returns the number after the last of a series, and the digest of
// the last certificate.
func (d *Desk) nextNumber(ctx context.Context, prefix string) (number, previous string, err error) {
	last := 0
	err = d.Register.Each(ctx, KindCertificate, func(e Entry) error {
		var n int
		if _, serr := fmt.Sscanf(strings.TrimPrefix(e.ID, prefix), "%06d", &n); serr != nil || !strings.HasPrefix(e.ID, prefix) || n <= last {
			return nil
		}
		var text string
		if err := e.Into(&text); err != nil {
			return err
		}
		last, previous = n, textDigest(text)
		return nil
	})
	return fmt.Sprintf("%s%06d", prefix, last+1), previous, err
}

func textDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// certify issues the certificate of a run, unless a crash came after it was.
func (d *Desk) certify(ctx context.Context, r *run) error {
	_, err := d.Register.Get(ctx, KindCertificate, r.body.Certificate)
	if !isNothing(err) {
		return err
	}
	c, annex, err := d.certificate(ctx, r)
	if err != nil {
		return err
	}
	return d.issue(ctx, c, annex)
}

// issue signs a certificate and keeps it, its annex first.
func (d *Desk) issue(ctx context.Context, c Certificate, annex []byte) error {
	text, err := Seal(c, d.Signer)
	if err != nil {
		return err
	}
	if len(annex) > 0 {
		if err := d.put(ctx, EventCertified, record.Daemon, Entry{Kind: KindAnnex, ID: c.Number, State: stateIssued, At: c.IssuedAt}, annex); err != nil {
			return err
		}
	}
	return d.put(ctx, EventCertified, record.Daemon, Entry{Kind: KindCertificate, ID: c.Number, State: stateIssued, At: c.IssuedAt}, string(text))
}

// certificate draws up the certificate of a finished run.
func (d *Desk) certificate(ctx context.Context, r *run) (Certificate, []byte, error) {
	p, at := r.body.Plan, d.now()
	_, previous, err := d.nextNumber(ctx, "")
	if err != nil {
		return Certificate{}, nil, err
	}
	c := Certificate{
		Version: 2, Number: r.body.Certificate, Facility: d.Facility, Statement: statement, DestroyedOn: r.schedule.Today(r.now), IssuedAt: at,
		Action: p.Action, Method: methodErase, DestroyedBy: d.Program, Schedule: p.Schedule, ScheduleSHA: p.ScheduleDigest,
		Plan: p.ID, PlanSHA: p.question().Digest, PreparedBy: p.MadeBy, SubmittedBy: p.SubmittedBy, Excluded: len(p.Excluded), Accepted: p.Accepted,
		HoldCheck:  "every hold in force was looked at for every document on its turn, last at " + r.now.UTC().Format(time.RFC3339),
		ClockCheck: r.clockCheck(),
		Verified:   fmt.Sprintf("for every document: its key absent in each of %d places, its objects, index entries and row gone", d.KeyPlaces),
		Kept:       len(r.body.Kept), StillLocked: r.locked, KeyBackups: r.schedule.Today(r.now.Add(d.KeyHorizon)).AddDays(1),
		Transfer: p.Transfer, Previous: previous, Signer: d.Signer.ID(),
	}
	if p.Transfer != nil {
		c.Method = "Transferred to " + p.Transfer.Recipient + ", read back and compared; then: " + methodErase
	}
	c.sum(r.schedule, r.ended)
	c.signatures(r.body)
	ids := make([]record.ID, len(r.ended))
	for i, it := range r.ended {
		ids[i] = it.Document
	}
	annex, charts, err := d.Holdings.Annex(ctx, ids)
	if err != nil {
		return c, nil, fmt.Errorf("annex of certificate %s: %w", c.Number, err)
	}
	if len(annex) > 0 {
		sum := sha256.Sum256(annex)
		c.Annex = hex.EncodeToString(sum[:])
	}
	c.Charts = charts
	return c, annex, nil
}

// clockCheck says what was asked of the clocks.
func (r *run) clockCheck() string {
	if r.stopped != "" {
		return r.stopped + ", at " + r.now.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%d clocks within %s of each other, at %s", r.clocks, r.Terms.MaxSkew, r.now.UTC().Format(time.RFC3339))
}

// sum fills what is counted.
func (c *Certificate) sum(s *retention.Schedule, ended []Item) {
	bySeries := map[string]int{}
	for _, it := range ended {
		c.Documents = append(c.Documents, it.Document)
		c.Count++
		c.Pages += it.Pages
		c.Bytes += it.Bytes
		key := it.Type + "\x00" + strings.Join(it.Rules, "\x00")
		i, ok := bySeries[key]
		if !ok {
			i = len(c.Series)
			bySeries[key] = i
			c.Series = append(c.Series, Series{Type: it.Type, Class: it.Class, Rules: it.Rules, Citations: citations(s, it.Rules)})
		}
		x := &c.Series[i]
		x.Documents++
		x.Pages += it.Pages
		x.Bytes += it.Bytes
		widen(&x.From, &x.To, it.Service)
		widen(&c.From, &c.To, it.Service)
	}
	slices.SortFunc(c.Series, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), slices.Compare(a.Rules, b.Rules))
	})
	c.Description = fmt.Sprintf("%d scanned documents of %d record series, %d pages, %d bytes", c.Count, len(c.Series), c.Pages, c.Bytes)
}

func widen(from, to *record.Date, day record.Date) {
	if day.IsZero() {
		return
	}
	if from.IsZero() || from.First().After(day.First()) {
		*from = day
	}
	if day.After(*to) {
		*to = day
	}
}

func citations(s *retention.Schedule, rules []string) []string {
	var out []string
	for _, id := range rules {
		if r := s.Rule(id); r != nil {
			out = append(out, r.Citation)
		}
	}
	return out
}

// signatures fills who approved and which notices were given.
func (c *Certificate) signatures(b PlanBody) {
	approvals := b.Approvals
	if b.Standing != nil {
		c.Standing, approvals = b.Standing.Automation.Name, b.Standing.Approvals
	}
	for _, a := range approvals {
		c.ApprovedBy = append(c.ApprovedBy, Signature{a.Approver, a.Received})
	}
	for _, n := range b.Plan.Notices {
		for _, g := range b.Given {
			if g.Rule == n.Rule {
				c.Notices = append(c.Notices, NoticeLine{n.Rule, n.Audience, n.Method, g.On, g.SHA256})
			}
		}
	}
}

// Certificates calls f for every certificate's text, oldest first.
func (d *Desk) Certificates(ctx context.Context, f func(number, text string) error) error {
	return d.Register.Each(ctx, KindCertificate, func(e Entry) error {
		var text string
		if err := e.Into(&text); err != nil {
			return err
		}
		return f(e.ID, text)
	})
}

// Certificate returns one certificate's text, and its sealed annex; nil where
// there is none.
func (d *Desk) Certificate(ctx context.Context, number string) (text string, annex []byte, err error) {
	if _, err = get(ctx, d.Register, KindCertificate, number, &text); err != nil {
		return "", nil, err
	}
	if _, err = get(ctx, d.Register, KindAnnex, number, &annex); isNothing(err) {
		return text, nil, nil
	}
	return text, annex, err
}
