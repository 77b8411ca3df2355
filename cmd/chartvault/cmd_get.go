package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"chartvault/archive"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/record"
)

// purposeCare is the purpose of a retrieval for the care of the patient, which
// restarts the clock of laws that count from the last use of a record.
const purposeCare = "treatment"

// getParams asks for a chart's documents.
type getParams struct {
	Chart   string `json:"chart"`
	Purpose string `json:"purpose"`
	List    bool   `json:"list"`            // without their content
	About   bool   `json:"about,omitempty"` // of a list: whose chart it is and what binds it
}

// documentLine is one document of a chart.
type documentLine struct {
	Document    string               `json:"document"`
	Type        string               `json:"type"`
	ServiceDate string               `json:"service_date,omitempty"`
	FiledAt     string               `json:"filed_at"`
	State       record.DocumentState `json:"state"`
	Pages       int                  `json:"pages"`
	Doubts      []record.Doubt       `json:"doubts,omitempty"`
	Why         []string             `json:"why,omitempty"`    // the doubts, in words, of what waits in QA
	Rescan      string               `json:"rescan,omitempty"` // why it is to be scanned again
	Due         string               `json:"due,omitempty"`    // first day on which it may end, as decided last; "" for not known
	Batch       string               `json:"batch,omitempty"`  // it came in with, of what waits
	Keeper      string               `json:"keeper,omitempty"` // who has the questions of that in hand
	Urgent      bool                 `json:"urgent,omitempty"` // they come first
	DestroyedOn string               `json:"destroyed_on,omitempty"`
	Certificate string               `json:"certificate,omitempty"`
	Under       string               `json:"under,omitempty"` // the schedule and the law it was destroyed under
	File        string               `json:"file,omitempty"`
	Error       string               `json:"error,omitempty"`
}

// getLine is one line of the answer: a document, a piece of its PDF, or its end.
type getLine struct {
	Document *documentLine `json:"document,omitempty"`
	Chunk    []byte        `json:"chunk,omitempty"`
	End      bool          `json:"end,omitempty"`

	Elsewhere string     `json:"elsewhere,omitempty"` // where another part of the chart is held
	About     *aboutLine `json:"about,omitempty"`     // whose chart it is and what binds it
}

func (e *env) getCmd() *cobra.Command {
	var outDir, numberFile, purpose string
	var list bool
	c := &cobra.Command{
		Use:     "get --out DIR < chart-number",
		Short:   "Write out a chart's documents as searchable PDFs",
		Long:    "Reads a chart number from standard input, from a file, or from the terminal (never from the command line,\nwhere others could see it), lists the chart's documents and writes each as a PDF named by its opaque id.",
		Example: "  chartvault get --passphrase-file pass --out chart < number\n  chartvault get --list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			number, err := e.private(numberFile, "Chart number: ")
			if err != nil {
				return err
			}
			if outDir == "" && !list {
				return fmt.Errorf("get: %w: give --out DIR, or --list", record.ErrInvalid)
			}
			w := &chartWriter{e: e, dir: outDir}
			defer w.abandon()
			return e.call(cmd.Context(), "get", getParams{Chart: number, Purpose: purpose, List: list}, w.line)
		},
	}
	c.Flags().StringVar(&outDir, "out", "", "directory for the PDFs")
	c.Flags().StringVar(&numberFile, "number-file", "", "file with the chart number")
	c.Flags().StringVar(&purpose, "purpose", "operations", "purpose of use, for the audit log; treatment is a use of the record for care, from which some laws count")
	c.Flags().BoolVar(&list, "list", false, "list the documents only")
	return c
}

// private reads one line that must not stand on the command line.
func (e *env) private(file, prompt string) (string, error) {
	in := e.in
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close() // read-only
		in = f
	} else if tty, ok := e.in.(*os.File); ok && term.IsTerminal(int(tty.Fd())) {
		fmt.Fprint(e.err, prompt)
	}
	line, err := bufio.NewReader(io.LimitReader(in, 1<<16)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%w: nothing was given on standard input", record.ErrInvalid)
	}
	return line, nil
}

// chartWriter writes documents as they come. A file has its name only when it
// is whole and verified.
type chartWriter struct {
	e    *env
	dir  string
	doc  documentLine
	file *pipedFile // nil while none is begun

	told      func(documentLine) error // instead of printing a document that came; nil to print it
	elsewhere string                   // where the list knows another part of the chart
}

func (w *chartWriter) line(b json.RawMessage) error {
	var l getLine
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	switch {
	case l.Elsewhere != "":
		if w.elsewhere = l.Elsewhere; w.told != nil {
			return nil
		}
		if w.e.json {
			return json.NewEncoder(w.e.out).Encode(map[string]string{"elsewhere": l.Elsewhere})
		}
		fmt.Fprintf(w.e.out, "a part of this chart is held elsewhere: %s\n", l.Elsewhere)
	case l.Document != nil:
		w.doc = *l.Document
		if w.doc.State == record.DocumentDestroyed || w.doc.Error != "" || w.dir == "" {
			return w.report()
		}
	case l.Chunk != nil:
		if w.file == nil {
			w.file = pipeTo(filepath.Join(w.dir, w.doc.Document+".pdf"))
		}
		_, err := w.file.Write(l.Chunk)
		return err
	case l.End:
		if f := w.file; f != nil {
			w.file = nil
			if err := f.Close(); err != nil {
				return err
			}
			w.doc.File = filepath.Join(w.dir, w.doc.Document+".pdf")
		}
		return w.report()
	}
	return nil
}

// abandon drops a file that was cut short.
func (w *chartWriter) abandon() {
	if w.file != nil {
		w.file.abandon()
	}
}

func (w *chartWriter) report() error {
	if w.told != nil {
		return w.told(w.doc)
	}
	if w.e.json {
		return json.NewEncoder(w.e.out).Encode(w.doc)
	}
	d := w.doc
	switch {
	case d.State == record.DocumentDestroyed:
		fmt.Fprintf(w.e.out, "%s  %s, %d pages: destroyed on %s under certificate %s (%s)\n", d.Document, d.Type, d.Pages, d.DestroyedOn, d.Certificate, d.Under)
	case d.Error != "":
		fmt.Fprintf(w.e.out, "%s  %s, %d pages: NOT READ: %s\n", d.Document, d.Type, d.Pages, d.Error)
	default:
		fmt.Fprintf(w.e.out, "%s  %s, %d pages, %s  %s\n", d.Document, d.Type, d.Pages, d.State, d.File)
	}
	return nil
}

// chart reads the parameters of an operation on one chart.
func (r asked) chart() (p getParams, n record.ChartNumber, err error) {
	if err = r.params(&p); err == nil {
		n, err = record.ParseChartNumber(p.Chart)
	}
	return p, n, err
}

// opGet answers by chart number: every document, tombstones too.
func (a *app) opGet(ctx context.Context, r asked, out func(any) error) error {
	p, n, err := r.chart()
	if err != nil {
		return err
	}
	rows, err := a.ofPerson(ctx, n)
	if err != nil {
		return err
	}
	var in bool
	if p.Purpose, in, err = a.purposeOf(ctx, r.Actor, p.Purpose); err != nil {
		return err
	}
	if err := a.looks(in && p.List)(ctx, attempt{who: r.Actor, what: "get", token: a.cat.ChartToken(n), chart: n.Reveal()}); err != nil {
		return err
	}
	// What was asked is logged before anything is said, found or not.
	if err := a.arch.Journal(ctx, audit.ActLookup, "", map[string]any{
		"actor": r.Actor, "purpose": p.Purpose, "chart": n.Reveal(), "documents": len(rows),
	}); err != nil {
		return err
	}
	all, err := a.numbers(ctx, n)
	if err != nil {
		return err
	}
	for _, where := range a.elsewhere(all) {
		if err := out(getLine{Elsewhere: where}); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("no documents under this chart number: %w", record.ErrNotFound)
	}
	var due map[record.ID]record.Date
	if p.List && p.About {
		l, err := a.about(ctx, r.Actor, n, rows)
		if err != nil {
			return err
		}
		if err := out(getLine{About: &l}); err != nil {
			return err
		}
		if due, err = a.cat.DueDays(ctx, tokensOf(rows)); err != nil {
			return err
		}
	}
	if p.Purpose == purposeCare && !p.List {
		for _, o := range all { // the record of the person was used
			if err := a.used(ctx, r.Actor, o); err != nil {
				return err
			}
		}
	}
	var gone, bad int
	for _, row := range rows {
		if err := a.sendDocument(ctx, archive.Access{Actor: r.Actor, Purpose: p.Purpose}, row, due[row.ID], p.List, out); err != nil {
			if ctx.Err() != nil || !errors.Is(err, record.ErrCorrupt) {
				return err
			}
			bad++
		}
		if row.State == record.DocumentDestroyed {
			gone++
		}
	}
	switch {
	case bad > 0:
		return fmt.Errorf("%d of %d documents were not returned: %w", bad, len(rows), record.ErrCorrupt)
	case gone == len(rows):
		return fmt.Errorf("every document of this chart was %w on the dates and under the certificates named", record.ErrDestroyed)
	}
	return nil
}

// tokensOf are the charts of documents, each once.
func tokensOf(rows []catalog.Row) (out [][]byte) {
	for _, r := range rows {
		if len(r.ChartToken) > 0 && !slices.ContainsFunc(out, func(t []byte) bool { return bytes.Equal(t, r.ChartToken) }) {
			out = append(out, r.ChartToken)
		}
	}
	return out
}

// ofPerson returns the documents under every number of a chart's person,
// oldest first.
func (a *app) ofPerson(ctx context.Context, n record.ChartNumber) ([]catalog.Row, error) {
	tokens := a.relatives.Load().of(string(a.cat.ChartToken(n)))
	var rows []catalog.Row
	for _, t := range tokens {
		some, err := a.cat.OfToken(ctx, []byte(t))
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	if len(tokens) > 1 {
		slices.SortStableFunc(rows, func(x, y catalog.Row) int { return x.FiledAt.Compare(y.FiledAt) })
	}
	return rows, nil
}

func lineOf(row catalog.Row) documentLine {
	l := documentLine{Document: row.ID.String(), Type: row.Type, ServiceDate: row.ServiceDate.String(),
		FiledAt: row.FiledAt.Format("2006-01-02T15:04:05Z07:00"), State: row.State, Pages: row.Pages, Doubts: row.Doubts, Certificate: row.Certificate}
	if !row.DestroyedAt.IsZero() {
		l.DestroyedOn = row.DestroyedAt.Format("2006-01-02")
	}
	return l
}

// under says under which schedule and law a document was destroyed, from its
// certificate; "" while that is not issued.
func (a *app) under(ctx context.Context, row catalog.Row) (string, error) {
	text, _, err := a.desk.Certificate(ctx, row.Certificate)
	if errors.Is(err, record.ErrNotFound) {
		return "its certificate is not issued yet", nil
	}
	if err != nil {
		return "", err
	}
	c, err := disposition.Unseal(text)
	if err != nil {
		return "", err
	}
	var laws []string
	for _, s := range c.Series {
		if s.Type == row.Type {
			laws = append(laws, s.Citations...)
		}
	}
	slices.Sort(laws)
	return fmt.Sprintf("schedule %s: %s", c.Schedule, strings.Join(slices.Compact(laws), "; ")), nil
}

func (a *app) sendDocument(ctx context.Context, who archive.Access, row catalog.Row, due record.Date, list bool, out func(any) error) error {
	l := lineOf(row)
	l.Due = due.String()
	if row.State == record.DocumentDestroyed {
		var err error
		if l.Under, err = a.under(ctx, row); err != nil {
			return err
		}
	}
	if row.State == record.DocumentDestroyed || row.State == record.DocumentDestroying || list {
		return out(getLine{Document: &l})
	}
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return out(getLine{Document: &l})
	}
	err := a.arch.Read(ctx, who, row.ID, row.Version, "document.pdf", writerFunc(func(b []byte) (int, error) {
		if err := begin(); err != nil {
			return 0, err
		}
		return len(b), out(getLine{Chunk: b})
	}))
	switch {
	case errors.Is(err, record.ErrNotFound) && !errors.Is(err, record.ErrCorrupt):
		// None of its pages could be put into a PDF; its batch keeps the source.
		l.Error = "it has no readable page; the batch keeps the scan"
		return out(getLine{Document: &l})
	case err != nil && !begun:
		l.Error = err.Error()
		return errors.Join(out(getLine{Document: &l}), err)
	case err != nil:
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	return out(getLine{End: true})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
