package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"chartvault/accounts"
	"chartvault/archive"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/ingest/fields"
	"chartvault/ingest/sheet"
	"chartvault/ocr"
	"chartvault/record"
	"chartvault/search"
	"chartvault/web/pages"
)

// kindUser is the register of users; all its entries are stateKnown.
const (
	kindUser   = "user"
	stateKnown = "known"
)

// people implements accounts.Register on the catalogue, log first.
type people struct{ *app }

// User implements accounts.Register.
func (p people) User(ctx context.Context, name string) (u accounts.User, err error) {
	e, err := p.cat.Entry(ctx, kindUser, name)
	if err != nil {
		return u, fmt.Errorf("user: %w", err)
	}
	return u, json.Unmarshal(e.Body, &u)
}

// Users implements accounts.Register.
func (p people) Users(ctx context.Context) ([]accounts.User, error) {
	es, err := p.cat.Entries(ctx, kindUser)
	if err != nil {
		return nil, err
	}
	var out []accounts.User
	for _, e := range es {
		var u accounts.User
		if err := json.Unmarshal(e.Body, &u); err != nil { // it keeps nobody else out
			p.log.ErrorContext(ctx, "a user's entry is damaged", "entry", e.ID, "err", err)
			u = accounts.User{Name: e.ID, Disabled: true}
		}
		out = append(out, u)
	}
	return out, nil
}

// PutUser implements accounts.Register.
func (p people) PutUser(ctx context.Context, by record.Actor, u accounts.User) error {
	return p.enter(ctx, audit.ActUser, by, catalog.Entry{Kind: kindUser, ID: u.Name, State: stateKnown, At: p.now().UTC(), Body: mustJSON(u)})
}

// pages makes the pages for people; what goes on for ever in them ends when ending is
// closed.
func (a *app) pages(desk *accounts.Desk, door pages.Door, ending <-chan struct{}) *pages.Pages {
	return &pages.Pages{Ending: ending, Types: typeCodes(), Accounts: desk, Outside: door, Problem: problem, Facility: a.cfg.Facility, Names: a.cfg.Server.Names, Training: training(a.cfg.dir), Now: a.now, Log: a.log, Call: a.callAs}
}

// typeCodes are the document types there are.
func typeCodes() (out []string) {
	for _, t := range fields.Types() {
		out = append(out, t.Code)
	}
	return out
}

// pageParams ask for one page of a document, on a screen.
type pageParams struct {
	Document record.ID `json:"document"`
	Page     int       `json:"page"` // from 1
	Purpose  string    `json:"purpose"`
	Query    string    `json:"query,omitempty"` // whose words are to be marked
	Ahead    bool      `json:"ahead,omitempty"` // asked for before anybody turned to it, which the log says
	Sharp    bool      `json:"sharp,omitempty"` // 200 dots an inch instead of 100, which takes longer
}

// pageLine is a page: what it is filed as, its text, and its image.
type pageLine struct {
	Type    string               `json:"type"`
	Service string               `json:"service_date,omitempty"`
	State   record.DocumentState `json:"state"`
	Doubts  []string             `json:"doubts,omitempty"` // in words
	Pages   int                  `json:"pages"`
	Text    json.RawMessage      `json:"text,omitempty"`
	Boxes   [][4]int             `json:"boxes,omitempty"`
	Image   []byte               `json:"image,omitempty"` // PNG; none of a page that could not be read
}

// toShow returns a document that may be shown: one that is filed, in a chart that
// may allows, or in QA.
func (a *app) toShow(ctx context.Context, who record.Actor, id record.ID, what string, may func(context.Context, attempt) error) (catalog.Row, *archive.Stored, error) {
	row, err := a.cat.Document(ctx, id)
	if err != nil {
		return row, nil, err
	}
	if row.State != record.DocumentFiled && row.State != record.DocumentQA {
		return row, nil, fmt.Errorf("document %s is %s: %w", id, row.State, record.ErrNotFound)
	}
	if row.State == record.DocumentFiled {
		if err := may(ctx, attempt{who: who, what: what, token: row.ChartToken, id: id.String()}); err != nil {
			return row, nil, err
		}
	}
	s, err := a.arch.Load(ctx, id, row.Version)
	return row, s, err
}

// opPage opens one page: one entry in the log, before anything of it is given.
func (a *app) opPage(ctx context.Context, r asked, out func(any) error) error {
	var p pageParams
	if err := r.params(&p); err != nil {
		return err
	}
	purpose, in, err := a.purposeOf(ctx, r.Actor, p.Purpose)
	if err != nil {
		return err
	}
	if p.Purpose = purpose; in && p.Ahead {
		return fmt.Errorf("page: %w: in an emergency every page that is opened is looked into, and none is opened ahead", record.ErrDenied)
	}
	row, s, err := a.toShow(ctx, r.Actor, p.Document, "page", a.looks(in))
	if err != nil {
		return err
	}
	if p.Page < 1 || p.Page > len(s.Manifest.Pages) {
		return fmt.Errorf("document %s has pages 1 to %d: %w", p.Document, len(s.Manifest.Pages), record.ErrNotFound)
	}
	l := pageLine{Type: row.Type, Service: row.ServiceDate.String(), State: row.State, Doubts: words(row.Doubts), Pages: len(s.Manifest.Pages), Text: s.Manifest.Pages[p.Page-1].Text}
	if p.Query != "" {
		if q, err := search.Parse(p.Query); err == nil {
			texts, err := texts(s.Manifest)
			if err != nil {
				return err
			}
			l.Boxes = search.Highlight(texts[p.Page-1], q, true)
		}
	}
	var image bytes.Buffer
	who := archive.Access{Actor: r.Actor, Purpose: p.Purpose}
	if p.Ahead {
		who.Purpose += ", ahead"
	}
	member := fmt.Sprintf("preview/%04d.png", p.Page)
	if err := a.usedForCare(ctx, r.Actor, p.Purpose, row, s); err != nil {
		return err
	}
	if p.Sharp {
		err = a.sharp(ctx, who, row, s, p.Page, &image)
	} else {
		err = a.arch.ReadPart(ctx, who, p.Document, row.Version, member, &image)
	}
	if errors.Is(err, record.ErrNotFound) && !errors.Is(err, record.ErrCorrupt) {
		// Its words are given all the same, and are a disclosure too.
		err = a.arch.Note(ctx, audit.ActDocumentRead, s.Key, map[string]any{"actor": r.Actor, "purpose": who.Purpose, "member": fmt.Sprintf("text/%04d", p.Page)})
	}
	if err != nil {
		return err
	}
	l.Image = image.Bytes()
	return out(l)
}

// sharp draws a page anew, of a document that is verified to its end: one entry in
// the log, before anything of it is given. record.ErrNotFound where the document
// has no readable page.
func (a *app) sharp(ctx context.Context, who archive.Access, row catalog.Row, s *archive.Stored, page int, out *bytes.Buffer) error {
	if err := a.cfg.warm(); err != nil {
		return err
	}
	_, pkg, err := a.arch.OpenWhole(ctx, row.ID, row.Version)
	if err != nil {
		return err
	}
	defer pkg.Close() // read-only
	if pkg.Size("document.pdf") < 0 {
		return fmt.Errorf("document %s: %w: no readable page", row.ID, record.ErrNotFound)
	}
	f, err := ocr.InMemory(func(w io.Writer) error { return pkg.Copy("document.pdf", w) })
	if err != nil {
		return err
	}
	defer f.Close() // it was memory
	png, err := a.pool.Picture(ctx, ocr.Source{Key: "picture-" + row.ID.String(), File: f, Pages: row.Pages}, page)
	if err != nil {
		return err
	}
	if err := a.arch.Note(ctx, audit.ActDocumentRead, s.Key, map[string]any{"actor": who.Actor, "purpose": who.Purpose, "member": fmt.Sprintf("picture/%04d", page)}); err != nil {
		return err
	}
	out.Write(png)
	return nil
}

// usedForCare notes a use of the record for care under every number of the
// person, once a day: some laws count from it.
func (a *app) usedForCare(ctx context.Context, who record.Actor, purpose string, row catalog.Row, s *archive.Stored) error {
	if purpose != purposeCare {
		return nil
	}
	if err := a.asFiled(ctx, &row, s); err != nil || row.Chart.IsZero() {
		return err
	}
	all, err := a.numbers(ctx, row.Chart)
	if err != nil {
		return err
	}
	schedule, err := a.desk.InForce(ctx)
	if err != nil {
		return err
	}
	today := schedule.Today(a.now())
	for _, n := range all {
		ch, err := a.cat.ChartByToken(ctx, a.cat.ChartToken(n))
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return err
		}
		if slices.ContainsFunc(ch.Facts.Known, func(f record.Fact) bool { return f.Name == record.FactLastUse && f.Date == today }) {
			continue
		}
		if err := a.used(ctx, who, n); err != nil {
			return err
		}
	}
	return nil
}

// opAuditVerify proves that the log is whole, as "audit verify" does.
func (a *app) opAuditVerify(ctx context.Context, r asked, out func(any) error) error {
	v, err := a.cfg.verifier("")
	if err != nil {
		return err
	}
	ev, err := a.cfg.evidence(ctx, verifyAsk{})
	if err != nil {
		return err
	}
	rep, err := audit.Verify(a.cfg.path("audit"), v, ev)
	if err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActLogVerified, "", map[string]any{"actor": r.Actor, "entries": rep.Entries, "faults": len(rep.Faults)}); err != nil {
		return err
	}
	return out(rep)
}

// opSignedIn notes that somebody signed in to the pages.
func (a *app) opSignedIn(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		From string `json:"from"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActSignedIn, "", map[string]any{"actor": r.Actor, "from": p.From}); err != nil {
		return err
	}
	if err := a.noteSignIn(ctx, r.Actor); err != nil { // the log has it
		a.log.ErrorContext(ctx, "when somebody signed in last is not kept", "err", err)
	}
	return nil
}

// opSignInRefused notes that somebody was not let in. Of the name that was typed
// only that of a user is written down: anything else may be a password.
func (a *app) opSignInRefused(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		At   string `json:"at"` // signin, setup or factor
		Name string `json:"name"`
		From string `json:"from"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	if _, err := (people{a}).User(ctx, p.Name); errors.Is(err, record.ErrNotFound) {
		p.Name = ""
	} else if err != nil {
		return err
	}
	return a.arch.Journal(ctx, audit.ActSignInRefused, "", map[string]any{"actor": r.Actor, "at": p.At, "user": p.Name, "from": p.From})
}

// pdfLine is a PDF that was made for somebody.
type pdfLine struct {
	PDF []byte `json:"pdf"`
}

// opSheetsPrint prints separator and cover sheets, of lines as "sheets" reads
// them.
func (a *app) opSheetsPrint(_ context.Context, r asked, out func(any) error) error {
	var p struct {
		Lines string `json:"lines"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	labels, err := readLabels(strings.NewReader(p.Lines))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := sheet.Print(&b, labels); err != nil {
		return err
	}
	return out(pdfLine{b.Bytes()})
}

// opCertificatePrint prints a certificate.
func (a *app) opCertificatePrint(ctx context.Context, r asked, out func(any) error) error {
	var p certificateParams
	if err := r.params(&p); err != nil {
		return err
	}
	text, _, err := a.desk.Certificate(ctx, p.Number)
	if err != nil {
		return err
	}
	c, err := disposition.Unseal(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := disposition.Print(&b, c, []byte(text)); err != nil {
		return err
	}
	return out(pdfLine{b.Bytes()})
}

// documentParams name a document, and why it is read.
type documentParams struct {
	Document record.ID `json:"document"`
	Purpose  string    `json:"purpose"`
}

// opDocument gives a document's PDF in pieces, verified and logged before the
// first.
func (a *app) opDocument(ctx context.Context, r asked, out func(any) error) error {
	var p documentParams
	if err := r.params(&p); err != nil {
		return err
	}
	row, s, err := a.toShow(ctx, r.Actor, p.Document, "document", a.mayOpen)
	if err != nil {
		return err
	}
	if p.Purpose, _, err = a.purposeOf(ctx, r.Actor, p.Purpose); err != nil {
		return err
	}
	if err := a.usedForCare(ctx, r.Actor, p.Purpose, row, s); err != nil {
		return err
	}
	return a.arch.Read(ctx, archive.Access{Actor: r.Actor, Purpose: p.Purpose}, p.Document, row.Version, "document.pdf", writerFunc(func(b []byte) (int, error) {
		return len(b), out(getLine{Chunk: b})
	}))
}
