package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/record"
	"chartvault/retention"
)

// paperParams name a list of paper, and what was done to it.
type paperParams struct {
	ID  string                `json:"id,omitempty"`
	How disposition.Shredding `json:"how"`
}

// paperLine is a list of paper.
type paperLine struct {
	ID          string   `json:"id"`
	State       string   `json:"state"`
	Batches     int      `json:"batches"`
	Pages       int      `json:"pages"`
	Approvals   []string `json:"approvals"`
	Certificate string   `json:"certificate,omitempty"`
	MadeBy      string   `json:"made_by"`
	MadeAt      string   `json:"made_at"`
}

func (e *env) paperCmd() *cobra.Command {
	c := &cobra.Command{Use: "paper", Short: "Release the source paper of filed batches, and certify its destruction"}
	human := func(l paperLine) {
		fmt.Fprintf(e.out, "%s  %s: %d batches, %d pages; approved by %v %s\n", l.ID, l.State, l.Batches, l.Pages, l.Approvals, l.Certificate)
	}
	list := &cobra.Command{
		Use: "list", Short: "Say of every batch whether its paper may go, or why not", Args: cobra.NoArgs, Example: "  chartvault paper list",
		Long: "Paper may go when its batch is filed, nothing of it waits in QA, every object reads back as it was stored, the replica\nhas the same bytes, and [paper] days have passed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "paper-list", paperParams{}, show(e, func(s disposition.Sheaf) {
				say := "may go"
				switch {
				case s.Released != "":
					say = "gone, certificate " + s.Released
				case len(s.Missing) > 0:
					say = strings.Join(s.Missing, "; ")
				}
				fmt.Fprintf(e.out, "%s  filed %s, %d pages: %s\n", s.Batch, s.FiledOn, s.Pages, say)
			}))
		},
	}
	one := func(use, short, op string) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: "  chartvault paper " + use, Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return e.call(cmd.Context(), op, paperParams{ID: strings.Join(args, "")}, show(e, human))
			}}
	}
	var p paperParams
	certify := &cobra.Command{
		Use: "certify ID", Short: "Certify that the paper of an approved list was destroyed", Args: cobra.ExactArgs(1),
		Example: "  chartvault paper certify ID --method shredding --on 2026-12-01 --by 'the mail room' --witness 'the records clerk'",
		RunE: func(cmd *cobra.Command, args []string) error {
			p.ID = args[0]
			return e.call(cmd.Context(), "paper-certify", p, show(e, func(l certificateLine) { fmt.Fprintf(e.out, "certificate %s\n", l.Number) }))
		},
	}
	f := certify.Flags()
	f.StringVar(&p.How.Method, "method", "", "burning, shredding, pulping, pulverising or another")
	f.TextVar(&p.How.On, "on", record.Date{}, "the day it was destroyed")
	f.StringVar(&p.How.DestroyedBy, "by", "", "who destroyed it")
	f.StringVar(&p.How.Witness, "witness", "", "who saw it")
	f.StringVar(&p.How.Vendor, "vendor", "", "the firm, if one did it")
	f.StringVar(&p.How.Contract, "contract", "", "its contract")
	c.AddCommand(list, one("make", "List the batches whose paper may go, for approval", "paper-make"),
		e.approveCmd(disposition.MatterPaper, "approve ID", "Sign a list of paper as an approver", "  chartvault paper approve ID --key director.key"),
		one("cancel ID", "Cancel a list that was not certified", "paper-cancel"), certify)
	return c
}

// shelf implements disposition.Shelf. The days are those of the schedule's zones.
type shelf struct {
	*app
	schedule *retention.Schedule
}

func (a *app) shelf(ctx context.Context) (shelf, error) {
	s, err := a.desk.InForce(ctx)
	return shelf{a, s}, err
}

// Sheaves implements disposition.Shelf. Batches that are not ready by what the
// catalogue knows are not read back.
func (s shelf) Sheaves(ctx context.Context, today record.Date, f func(disposition.Sheaf) error) error {
	bs, err := s.cat.Batches(ctx)
	if err != nil {
		return err
	}
	released, err := s.desk.ReleasedPaper(ctx)
	if err != nil {
		return err
	}
	for _, b := range bs {
		sh, err := s.look(ctx, b, today)
		if err != nil {
			return err
		}
		sh.Released = released[b.ID]
		if err := f(sh); err != nil {
			return err
		}
	}
	return nil
}

// Sheaf implements disposition.Shelf.
func (s shelf) Sheaf(ctx context.Context, batch record.ID, today record.Date) (disposition.Sheaf, error) {
	b, err := s.cat.Batch(ctx, batch)
	if err != nil {
		return disposition.Sheaf{}, err
	}
	return s.look(ctx, b, today)
}

// look finds what keeps the paper of a batch.
func (s shelf) look(ctx context.Context, b record.Batch, today record.Date) (disposition.Sheaf, error) {
	sh := disposition.Sheaf{Batch: b.ID, FiledOn: s.schedule.Today(b.ReceivedAt), Pages: b.Counts.PagesIn}
	missing := func(format string, args ...any) { sh.Missing = append(sh.Missing, fmt.Sprintf(format, args...)) }
	rows, err := s.cat.OfBatch(ctx, b.ID)
	if err != nil {
		return sh, err
	}
	made, err := s.live(ctx, rows) // a correction may have put pages of it with those of another batch
	if err != nil {
		return sh, err
	}
	rows = append(rows, made...)
	switch {
	case b.State == record.BatchUnread:
		missing("it could not be read: the paper is the better copy")
	case b.State != record.BatchFiled:
		missing("it is %s, not filed", b.State)
	case !b.Counts.Balanced():
		missing("its pages do not add up")
	}
	for _, r := range rows {
		if r.State == record.DocumentQA || len(r.Doubts) > 0 {
			missing("document %s waits in QA", r.ID)
		}
	}
	if from := sh.FiledOn.AddDays(s.cfg.Paper.Days); from.After(today) {
		missing("it is kept until %s, %d days after its filing", from, s.cfg.Paper.Days)
	}
	if s.cfg.Paper.Replica == "" {
		missing("no replica is configured to compare with ([paper] replica)")
	}
	if len(s.places) < 2 {
		missing("its keys lie in one place only ([storage] keys)")
	}
	if len(sh.Missing) > 0 {
		return sh, nil // not worth reading back
	}
	if err := s.arch.Replicated(ctx, s.cfg.path(s.cfg.Paper.Replica), b.ID, documentsOf(rows)); err != nil {
		if ctx.Err() != nil {
			return sh, err
		}
		missing("%v", err)
	}
	return sh, nil
}

// documentsOf returns the versions of documents that are not destroyed.
func documentsOf(rows []catalog.Row) map[record.ID]int {
	out := map[record.ID]int{}
	for _, r := range rows {
		if r.State != record.DocumentDestroyed {
			out[r.ID] = r.Version
		}
	}
	return out
}

func (a *app) opPaperList(ctx context.Context, _ asked, out func(any) error) error {
	sh, err := a.shelf(ctx)
	if err != nil {
		return err
	}
	return sh.Sheaves(ctx, sh.schedule.Today(a.now()), func(s disposition.Sheaf) error { return out(s) })
}

func lineOfPaper(e disposition.Entry, l disposition.PaperList) paperLine {
	p := paperLine{ID: e.ID, State: e.State, Batches: len(l.Sheaves), Approvals: []string{}, Certificate: l.Certificate, MadeBy: string(l.MadeBy), MadeAt: l.MadeAt.Format(time.RFC3339)}
	for _, s := range l.Sheaves {
		p.Pages += s.Pages
	}
	for _, a := range l.Approvals {
		p.Approvals = append(p.Approvals, a.Approver)
	}
	return p
}

// opPaperLists lists the lists of paper that were made, oldest first.
func (a *app) opPaperLists(ctx context.Context, _ asked, out func(any) error) error {
	return a.desk.Papers(ctx, func(e disposition.Entry, l disposition.PaperList) error { return out(lineOfPaper(e, l)) })
}

// paperID names a list of paper.
type paperID struct {
	ID string `json:"id"`
}

// opPaperShow lists the batches of a list.
func (a *app) opPaperShow(ctx context.Context, r asked, out func(any) error) error {
	var p paperID
	if err := r.params(&p); err != nil {
		return err
	}
	_, l, err := a.desk.Paper(ctx, p.ID)
	if err != nil {
		return fmt.Errorf("paper %s: %w", p.ID, err)
	}
	for _, s := range l.Sheaves {
		if err := out(s); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) opPaperMake(ctx context.Context, r asked, out func(any) error) error {
	sh, err := a.shelf(ctx)
	if err != nil {
		return err
	}
	e, l, err := a.desk.MakePaperList(ctx, r.Actor, sh)
	if err != nil {
		return err
	}
	return out(lineOfPaper(e, l))
}

func (a *app) opPaperCancel(ctx context.Context, r asked, out func(any) error) error {
	var p paperParams
	if err := r.params(&p); err != nil {
		return err
	}
	e, l, err := a.desk.CancelPaper(ctx, r.Actor, p.ID)
	if err != nil {
		return err
	}
	return out(lineOfPaper(e, l))
}

func (a *app) opPaperCertify(ctx context.Context, r asked, out func(any) error) error {
	var p paperParams
	if err := r.params(&p); err != nil {
		return err
	}
	sh, err := a.shelf(ctx)
	if err != nil {
		return err
	}
	c, err := a.desk.CertifyPaper(ctx, r.Actor, p.ID, sh, p.How)
	if err != nil {
		return err
	}
	return out(certificateLine{Number: c.Number})
}
