package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"chartvault/record"
)

// Disclosure is that something left the facility: what 45 CFR 164.528(b)(2) wants
// an accounting to say, and what it takes to know what went.
type Disclosure struct {
	ID        string       `json:"id"`
	Request   string       `json:"request,omitempty"` // "" for one made otherwise
	Version   int          `json:"version,omitempty"` // of the request, when it was made
	At        time.Time    `json:"at"`
	On        record.Date  `json:"on"`
	Charts    []string     `json:"charts"`
	Class     string       `json:"class"`
	Recipient Party        `json:"recipient"`
	What      string       `json:"what"`    // brief description
	Purpose   string       `json:"purpose"` // brief statement
	Documents []record.ID  `json:"documents,omitempty"`
	Pages     int          `json:"pages"`
	Format    string       `json:"format,omitempty"`
	SHA256    string       `json:"sha256,omitempty"` // of the package, in hex
	Method    string       `json:"method"`           // how it was handed over
	By        record.Actor `json:"by"`
	Checked   record.Actor `json:"checked_by,omitempty"`
	Again     string       `json:"again,omitempty"` // why it was handed over once more

	Accounted bool        `json:"accounted"`
	Exempt    string      `json:"exempt,omitempty"`         // under which law it is not in the accounting
	Suspended record.Date `json:"suspended_until,omitzero"` // not told to the patient before this day (164.528(a)(2))
	Basis     string      `json:"suspension_basis,omitempty"`
}

// Package is what is handed over, made of a request.
type Package struct {
	Format string
	SHA256 string // hex
	Pages  int    // with cover and index
	Bytes  int64
}

// Handing is how, and for what reason again.
type Handing struct {
	Method    string      `json:"method"`
	Again     string      `json:"again,omitempty"`
	Suspended record.Date `json:"suspended_until,omitzero"`
	Basis     string      `json:"suspension_basis,omitempty"`
}

// Ready returns a request that may go out at this moment: every check is made
// once more, against what is filed now. One that went out may again.
func (d *Desk) Ready(ctx context.Context, id string) (Request, Class, []Holding, error) {
	r, c, hs, err := d.Get(ctx, id)
	if err != nil {
		return r, c, nil, err
	}
	if r.State != Approved && (r.State != Closed || r.Outcome != Released) {
		return r, c, nil, fmt.Errorf("request %s: %w: a second person has to check it first", id, record.ErrNotReady)
	}
	if err := d.clear(r, c, hs); err != nil {
		return r, c, hs, err
	}
	rows, err := d.rows(ctx, r)
	switch {
	case err != nil || rows == r.Rows:
	case r.State == Closed:
		err = fmt.Errorf("request %s: %w: what the accounting lists has changed since it went out; take a new request in hand", id, record.ErrNotReady)
	default:
		err = fmt.Errorf("request %s: %w: what the accounting lists is not what was checked; a second person has to look again", id, record.ErrNotReady)
	}
	return r, c, hs, err
}

// rows is the digest of what an accounting lists; "" for a request for records.
func (d *Desk) rows(ctx context.Context, r Request) (string, error) {
	if r.Kind != Accounting {
		return "", nil
	}
	h := sha256.New()
	err := d.Account(ctx, r.Charts, false, func(x Disclosure) error {
		return json.NewEncoder(h).Encode(x)
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// made finds the disclosure of a request as it is now that was written down while
// something after it failed, "" for none: nothing left under it, and what leaves
// takes its place.
func (d *Desk) made(ctx context.Context, r Request) (id string, err error) {
	err = d.Register.Disclosures(ctx, func(o Disclosure) error {
		if o.Request == r.ID && o.Version == r.Version {
			id = o.ID
		}
		return nil
	})
	return id, err
}

// Disclose writes a disclosure down and closes the request. Only when it has
// returned may a byte of the package go out. version is that of the request the
// package was made of: record.ErrBusy when it was changed since.
func (d *Desk) Disclose(ctx context.Context, who record.Actor, id string, version int, p Package, h Handing) (Disclosure, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	r, c, hs, err := d.Ready(ctx, id)
	if err != nil {
		return Disclosure{}, err
	}
	if r.Version != version {
		return Disclosure{}, fmt.Errorf("request %s: %w: it was changed while the package was made; look at it again", id, record.ErrBusy)
	}
	if strings.TrimSpace(h.Method) == "" {
		return Disclosure{}, fmt.Errorf("request %s: %w: say how it is handed over", id, record.ErrInvalid)
	}
	if r.State == Closed {
		if err := reason("handing request "+id+" over again", h.Again); err != nil {
			return Disclosure{}, err
		}
	}
	x := Disclosure{Request: r.ID, Charts: r.Charts, Class: r.Class, Recipient: r.Recipient, What: r.Describe(hs), Purpose: r.Purpose, Pages: r.Pages(),
		Format: p.Format, SHA256: p.SHA256, Method: h.Method, Checked: r.Checked, Again: h.Again, Suspended: h.Suspended, Basis: h.Basis}
	for _, ch := range r.Chosen {
		x.Documents = append(x.Documents, ch.Document)
	}
	if r.Kind == Accounting {
		x.What = "accounting of disclosures"
	}
	x.Version = r.Version
	if x.ID, err = d.made(ctx, r); err != nil {
		return x, err
	}
	if x, err = d.disclose(ctx, who, c, x); err != nil {
		return x, err
	}
	r = r.clone()
	what := "handed over, " + x.ID
	if r.State == Closed {
		what = "handed over again, " + x.ID + ": " + h.Again
	}
	r.State, r.Outcome = Closed, Released
	return x, d.put(ctx, who, &r, what)
}

// Note writes down a disclosure that was made otherwise: by telephone, by a
// report, by another system.
func (d *Desk) Note(ctx context.Context, who record.Actor, x Disclosure) (Disclosure, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	c, err := d.Rules.Class(x.Class)
	if err != nil {
		return x, err
	}
	for what, s := range map[string]string{"the recipient": x.Recipient.Name, "what it was": x.What, "what for": x.Purpose, "how": x.Method} {
		if strings.TrimSpace(s) == "" {
			return x, fmt.Errorf("disclosure: %w: say %s", record.ErrInvalid, what)
		}
	}
	if len(x.Charts) == 0 || x.On.IsZero() || x.On.After(d.Today()) {
		return x, fmt.Errorf("disclosure: %w: give the chart and the day, which cannot be to come", record.ErrInvalid)
	}
	x.Request, x.Documents, x.SHA256, x.Format = "", nil, "", ""
	return d.disclose(ctx, who, c, x)
}

func (d *Desk) disclose(ctx context.Context, who record.Actor, c Class, x Disclosure) (Disclosure, error) {
	if !x.Suspended.IsZero() && (!c.Suspendable || strings.TrimSpace(x.Basis) == "" || !x.Suspended.After(d.Today())) {
		return x, fmt.Errorf("disclosure: %w: the accounting is suspended only for oversight and law enforcement, until a day to come, on their statement (45 CFR 164.528(a)(2))", record.ErrInvalid)
	}
	if x.ID == "" {
		_, n, err := d.Register.Count(ctx)
		if err != nil {
			return x, err
		}
		x.ID = fmt.Sprintf("D%06d", n+1)
	}
	x.At, x.By, x.Accounted = d.Now().UTC().Truncate(time.Second), who, c.Accounted
	if x.On.IsZero() {
		x.On = d.Today()
	}
	if !c.Accounted {
		x.Exempt = "45 CFR 164.528(a)(1): " + c.Name + " (" + c.Cite + ")"
	}
	return x, d.Register.PutDisclosure(ctx, who, x)
}

// Describe says briefly what went, without naming anybody.
func (r Request) Describe(hs []Holding) string {
	types := map[string]int{}
	var order []string
	var from, to record.Date
	for _, ch := range r.Chosen {
		for _, h := range hs {
			if h.ID != ch.Document {
				continue
			}
			if types[h.Type] == 0 {
				order = append(order, h.Type)
			}
			types[h.Type] += len(ch.Pages)
			if !h.Service.IsZero() && (from.IsZero() || from.After(h.Service)) {
				from = h.Service
			}
			if h.Service.After(to) {
				to = h.Service
			}
		}
	}
	var parts []string
	for _, t := range order {
		parts = append(parts, fmt.Sprintf("%s (%d)", Words(t), types[t]))
	}
	s := fmt.Sprintf("%d pages: %s", r.Pages(), strings.Join(parts, ", "))
	if !from.IsZero() {
		s += ", dates of service " + from.String() + " to " + to.String()
	}
	return s
}

// Words is a type code as people read it.
func Words(code string) string { return strings.ToLower(strings.ReplaceAll(code, "_", " ")) }

// accountingYears is how far back an accounting goes (45 CFR 164.528(a)(1)).
const accountingYears = 6

// Account calls f for the disclosures of a patient that an accounting on this
// day lists, or, with all, for every one in the register, oldest first. What is
// suspended is left out of an accounting.
func (d *Desk) Account(ctx context.Context, charts []string, all bool, f func(Disclosure) error) error {
	today := d.Today()
	since := today.AddYears(-accountingYears).AddDays(-1) // rather a day too many
	return d.Register.Disclosures(ctx, func(x Disclosure) error {
		switch {
		case !d.sameCharts(x.Charts, charts):
			return nil
		case all:
		case !x.Accounted, since.After(x.On), x.Suspended.After(today):
			return nil
		}
		return f(x)
	})
}

// Find returns one disclosure of a request, the newest.
func (d *Desk) Find(ctx context.Context, request string) (x Disclosure, err error) {
	err = d.Register.Disclosures(ctx, func(o Disclosure) error {
		if o.Request == request {
			x = o
		}
		return nil
	})
	if err == nil && x.ID == "" {
		err = fmt.Errorf("request %s: %w: nothing was handed over", request, record.ErrNotFound)
	}
	return x, err
}
