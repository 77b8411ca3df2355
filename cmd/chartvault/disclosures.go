package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"chartvault/audit"
	"chartvault/record"
	"chartvault/release"
	"chartvault/release/binder"
)

// handParams hand a request's package over.
type handParams struct {
	ID        string          `json:"id"`
	Format    string          `json:"format"`              // pdf or zip
	Password  string          `json:"password,omitempty"`  // of the PDF
	Recipient string          `json:"recipient,omitempty"` // an age recipient
	Handing   release.Handing `json:"handing"`
}

// handLine is a part of a package: what it is, and then its bytes.
type handLine struct {
	Disclosure string `json:"disclosure,omitempty"`
	Name       string `json:"name,omitempty"`
	SHA256     string `json:"sha256,omitempty"`
	Pages      int    `json:"pages,omitempty"`
	Bytes      int64  `json:"bytes,omitempty"`
	Chunk      []byte `json:"chunk,omitempty"`
}

// opRequestHand makes the package of a request, writes the disclosure down, and
// only then gives it out.
func (a *app) opRequestHand(ctx context.Context, r asked, out func(any) error) error {
	var p handParams
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.mayAnswer(ctx, r.Actor, "request-hand", p.ID); err != nil {
		return err
	}
	q, c, hs, err := a.releases.Ready(ctx, p.ID)
	if err != nil {
		return err
	}
	b, err := a.bind(ctx, q, c, hs, binder.Wish{Format: p.Format, Password: p.Password, Recipient: p.Recipient})
	if err != nil {
		return err
	}
	defer b.Close() // it was memory
	d, err := a.releases.Disclose(ctx, r.Actor, q.ID, q.Version, b.Package, p.Handing)
	if err != nil {
		return err
	}
	for _, s := range b.Used { // before the first byte, like the disclosure
		if err := a.arch.Note(ctx, audit.ActReleased, s.Key, map[string]any{"actor": r.Actor, "request": q.ID, "disclosure": d.ID, "sha256": b.Package.SHA256}); err != nil {
			return err
		}
	}
	if err := out(handLine{Disclosure: d.ID, Name: b.Name, SHA256: b.Package.SHA256, Pages: b.Package.Pages, Bytes: b.Package.Bytes}); err != nil {
		return err
	}
	_, err = io.CopyBuffer(writerFunc(func(c []byte) (int, error) { return len(c), out(handLine{Chunk: c}) }), onlyReader{b}, make([]byte, 256<<10))
	return err
}

// onlyReader hides what else a file can, so that it is copied in pieces.
type onlyReader struct{ io.Reader }

// bind makes the package of a request that may go out.
func (a *app) bind(ctx context.Context, q release.Request, c release.Class, hs []release.Holding, wish binder.Wish) (*binder.Bound, error) {
	if err := a.cfg.warm(); err != nil {
		return nil, err
	}
	b := &binder.Binder{Archive: a.arch, Writer: a.pool, Now: a.now}
	if q.Kind == release.Accounting {
		pdf, pages, err := a.accountPDF(ctx, q.Patient, q.Charts)
		if err != nil {
			return nil, err
		}
		return b.Plain(ctx, q.ID, pdf, pages, wish)
	}
	places, err := a.elsewheres(ctx, c, q.Charts)
	if err != nil {
		return nil, err
	}
	front := release.Front{Facility: a.cfg.Facility, Request: q, On: a.releases.Today(), What: q.Describe(hs), Gone: a.gone(q, c, hs), Elsewhere: places}
	versions := map[record.ID]int{}
	for _, h := range hs {
		front.Index = append(front.Index, release.Entry{Holding: h})
	}
	for _, ch := range q.Chosen {
		row, err := a.cat.Document(ctx, ch.Document)
		if err != nil {
			return nil, err
		}
		versions[ch.Document] = row.Version
	}
	return b.Bind(ctx, front, versions, wish)
}

// accounted is what an accounting of charts lists.
func (a *app) accounted(ctx context.Context, charts []string) (xs []release.Disclosure, err error) {
	err = a.releases.Account(ctx, charts, false, func(x release.Disclosure) error {
		xs = append(xs, x)
		return nil
	})
	return xs, err
}

func (a *app) accountPDF(ctx context.Context, patient string, charts []string) ([]byte, int, error) {
	xs, err := a.accounted(ctx, charts)
	if err != nil {
		return nil, 0, err
	}
	var b bytes.Buffer
	n, err := release.PrintAccount(&b, a.cfg.Facility, patient, a.releases.Today(), xs)
	return b.Bytes(), n, err
}

// accountParams ask for a patient's disclosures.
type accountParams struct {
	Chart string `json:"chart"`
	All   bool   `json:"all"` // also what an accounting does not list
}

// opDisclosures lists the disclosures of a patient, under all numbers. That it
// was asked is logged first.
func (a *app) opDisclosures(ctx context.Context, r asked, out func(any) error) error {
	var p accountParams
	if err := r.params(&p); err != nil {
		return err
	}
	n, err := record.ParseChartNumber(p.Chart)
	if err != nil {
		return err
	}
	if err := a.mayOpenNumber(ctx, r.Actor, "disclosures", n); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActAccounting, "", map[string]any{"actor": r.Actor, "chart": n.Reveal(), "all": p.All}); err != nil {
		return err
	}
	return a.releases.Account(ctx, []string{n.Reveal()}, p.All, func(x release.Disclosure) error {
		if x, err = a.veiledDisclosure(ctx, r.Actor, x); err != nil {
			return err
		}
		return out(x)
	})
}

// veiledDisclosure is a disclosure as it may be told to somebody: one that was of
// several patients tells nothing of a chart that is shut to them.
func (a *app) veiledDisclosure(ctx context.Context, who record.Actor, x release.Disclosure) (release.Disclosure, error) {
	var open []string
	for _, c := range x.Charts {
		n, err := record.ParseChartNumber(c)
		if err != nil {
			return x, err
		}
		shut, err := a.shutTo(ctx, who, a.cat.ChartToken(n))
		if err != nil {
			return x, err
		}
		if !shut {
			open = append(open, c)
		}
	}
	if len(open) < len(x.Charts) {
		x.Charts, x.Documents, x.What = open, nil, veil
	}
	return x, nil
}

// opDisclosuresPrint prints the accounting of a patient.
func (a *app) opDisclosuresPrint(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		Chart   string `json:"chart"`
		Patient string `json:"patient"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	n, err := record.ParseChartNumber(p.Chart)
	if err != nil {
		return err
	}
	if err := a.mayOpenNumber(ctx, r.Actor, "disclosures", n); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActAccounting, "", map[string]any{"actor": r.Actor, "chart": n.Reveal(), "printed": true}); err != nil {
		return err
	}
	pdf, _, err := a.accountPDF(ctx, p.Patient, []string{n.Reveal()})
	if err != nil {
		return err
	}
	return out(pdfLine{pdf})
}

// newDisclosure is a disclosure that was made otherwise.
type newDisclosure struct {
	Charts    []string      `json:"charts"`
	On        record.Date   `json:"on"`
	Class     string        `json:"class"`
	Recipient release.Party `json:"recipient"`
	What      string        `json:"what"` // brief description
	Purpose   string        `json:"purpose"`
	Method    string        `json:"method"` // by telephone, by a report
	Pages     int           `json:"pages,omitempty"`
	Suspended record.Date   `json:"suspended_until,omitzero"` // not in the accounting before
	Basis     string        `json:"suspension_basis,omitempty"`
}

// opDisclosureNote writes down a disclosure that was made otherwise.
func (a *app) opDisclosureNote(ctx context.Context, r asked, out func(any) error) error {
	var p newDisclosure
	if err := r.params(&p); err != nil {
		return err
	}
	for i, c := range p.Charts {
		if _, err := record.ParseChartNumber(c); err != nil {
			return fmt.Errorf("chart %d: %w", i+1, err)
		}
	}
	x, err := a.releases.Note(ctx, r.Actor, release.Disclosure{Charts: p.Charts, On: p.On, Class: p.Class, Recipient: p.Recipient, What: p.What, Purpose: p.Purpose, Method: p.Method,
		Pages: p.Pages, Suspended: p.Suspended, Basis: p.Basis})
	if err != nil {
		return err
	}
	return out(x)
}
