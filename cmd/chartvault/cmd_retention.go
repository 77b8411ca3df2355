package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/retention"
	"chartvault/retention/pack"
	"chartvault/retention/report"
)

func (e *env) retentionCmd() *cobra.Command {
	c := &cobra.Command{Use: "retention", Short: "Explain, list, forecast and extend retention"}
	simple := func(use, short, op string, f func(json.RawMessage) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: "  chartvault retention " + use, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return e.call(cmd.Context(), op, struct{}{}, f) }}
	}
	why := &cobra.Command{
		Use: "why < chart-number", Short: "Print the rules, facts and arithmetic behind every date of a chart",
		Example: "  chartvault retention why < number", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := e.private("", "Chart number: ")
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "retention-why", getParams{Chart: n}, show(e, func(d retention.Decision) {
				due := ""
				if !d.Due.IsZero() {
					due = ", from " + d.Due.String()
				}
				fmt.Fprintf(e.out, "%s  %s %s%s\n    %s\n", d.Document, d.Type, d.Verdict, due, strings.Join(d.Reasons, "\n    "))
			}))
		},
	}
	c.AddCommand(why,
		simple("due", "List documents whose retention has ended, and what each waits for", "retention-due", show(e, func(w disposition.Waiting) {
			fmt.Fprintf(e.out, "%s  %s, %d pages, due %s: %s\n", w.Document, w.Type, w.Pages, w.Due, w.Why)
		})),
		simple("evaluate", "Decide about every document now, as the daemon does daily", "retention-evaluate", show(e, func(ev evaluation) {
			fmt.Fprintf(e.out, "schedule %q on %s: %d documents in %.1f s: %v\n", ev.Schedule, ev.On, ev.Documents, ev.Seconds, ev.Verdicts)
		})),
		e.forecastCmd(), e.extendCmd(), e.rulesCmd(), e.canaryCmd(),
		simple("clock", "Say whether destruction is frozen because a clock was doubted", "retention-clock", show(e, func(l clockLine) {
			if !l.Frozen {
				fmt.Fprintln(e.out, "not frozen")
				return
			}
			fmt.Fprintf(e.out, "%s  FROZEN since %s: %s\n", l.ID, l.Since, l.Why)
		})),
		e.approveCmd(disposition.MatterClock, "thaw ID", "Sign that the clocks are right, after a freeze", "  chartvault retention thaw ID --key director.key"))
	return c
}

// clockLine says whether destruction is frozen.
type clockLine struct {
	Frozen bool   `json:"frozen"`
	ID     string `json:"id,omitempty"` // what people thaw
	Since  string `json:"since,omitempty"`
	Why    string `json:"why,omitempty"`
}

func (a *app) opClock(ctx context.Context, _ asked, out func(any) error) error {
	f, q, err := a.desk.Frozen(ctx)
	if err != nil {
		return err
	}
	if f == nil {
		return out(clockLine{})
	}
	return out(clockLine{true, q.ID, f.At.Format("2006-01-02T15:04:05Z07:00"), f.Why})
}

func (e *env) forecastCmd() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "forecast [--out DIR]", Short: "Count what becomes due, by month and record class", Args: cobra.NoArgs,
		Long:    "Prints the numbers of the last evaluation. With --out also writes forecast.csv, forecast.svg and forecast.pdf.",
		Example: "  chartvault retention forecast --out /tmp",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var f forecastLine
			if err := e.call(cmd.Context(), "retention-forecast", struct{}{}, func(b json.RawMessage) error { return json.Unmarshal(b, &f) }); err != nil {
				return err
			}
			if e.json {
				if err := json.NewEncoder(e.out).Encode(f); err != nil {
					return err
				}
			} else {
				for _, c := range f.Cells {
					fmt.Fprintf(e.out, "%04d-%02d  %-28s %7d documents %8d pages\n", c.Year, c.Month.Month, c.Class, c.Documents, c.Pages)
				}
				fmt.Fprintf(e.out, "in all %v\n", f.Verdicts)
			}
			if dir == "" {
				return nil
			}
			return e.writeForecast(dir, f)
		},
	}
	c.Flags().StringVar(&dir, "out", "", "directory for the report")
	return c
}

// forecastLine is a forecast as it is sent.
type forecastLine struct {
	Facility string           `json:"facility"`
	On       record.Date      `json:"on"`
	Schedule string           `json:"schedule"`
	Verdicts map[string]int   `json:"verdicts"`
	Cells    []retention.Cell `json:"cells"`
}

func (e *env) writeForecast(dir string, f forecastLine) error {
	r := report.Forecast{Facility: f.Facility, On: f.On, Schedule: f.Schedule, Verdicts: f.Verdicts, Cells: f.Cells}
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	rows := [][]string{{"month", "record_class", "documents", "pages", "bytes"}}
	for _, c := range f.Cells {
		rows = append(rows, []string{fmt.Sprintf("%04d-%02d", c.Year, c.Month.Month), c.Class, strconv.Itoa(c.Documents), strconv.Itoa(c.Pages), strconv.FormatInt(c.Bytes, 10)})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	svg, err := r.SVG()
	if err != nil {
		return err
	}
	var pdf bytes.Buffer
	if err := r.PDF(&pdf); err != nil {
		return err
	}
	for name, b := range map[string][]byte{"forecast.csv": table.Bytes(), "forecast.svg": svg, "forecast.pdf": pdf.Bytes()} {
		if _, err := durable.Replace(filepath.Join(dir, name), bytes.NewReader(b), 0o600); err != nil {
			return err
		}
		fmt.Fprintln(e.err, filepath.Join(dir, name))
	}
	return nil
}

// extendParams extend a chart or a document.
type extendParams struct {
	Chart    string      `json:"chart,omitempty"`
	Document record.ID   `json:"document,omitzero"`
	Until    record.Date `json:"until"`
	Reason   string      `json:"reason"`
}

func (e *env) extendCmd() *cobra.Command {
	var p extendParams
	c := &cobra.Command{
		Use: "extend --until DAY --reason TEXT [--document ID] [< chart-number]", Short: "Keep a chart, or a document, until a day at least", Args: cobra.NoArgs,
		Example: "  chartvault retention extend --until 2031-12-31 --reason 'study follow-up' < number",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if p.Document.IsZero() {
				if p.Chart, err = e.private("", "Chart number: "); err != nil {
					return err
				}
			}
			return e.call(cmd.Context(), "retention-extend", p, show(e, func(x disposition.Extension) {
				fmt.Fprintf(e.out, "%s  kept until %s\n", x.ID, x.Until)
			}))
		},
	}
	c.Flags().TextVar(&p.Until, "until", record.Date{}, "the last day it protects")
	c.Flags().TextVar(&p.Document, "document", record.ID{}, "one document, instead of a chart")
	c.Flags().StringVar(&p.Reason, "reason", "", "why")
	must(c.MarkFlagRequired("until"))
	must(c.MarkFlagRequired("reason"))
	return c
}

func (a *app) opExtend(ctx context.Context, r asked, out func(any) error) error {
	var p extendParams
	if err := r.params(&p); err != nil {
		return err
	}
	x := disposition.Extension{Document: p.Document, Until: p.Until, Reason: p.Reason}
	if p.Document.IsZero() {
		n, err := record.ParseChartNumber(p.Chart)
		if err != nil {
			return err
		}
		x.Chart = a.cat.ChartToken(n)
	} else if _, err := a.cat.Document(ctx, p.Document); err != nil {
		return err
	}
	x, err := a.desk.Extend(ctx, r.Actor, x)
	if err != nil {
		return err
	}
	return out(x)
}

func (e *env) canaryCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "canary --reason TEXT < chart-number", Short: "Name a chart that must never be due: if it is, all destruction stops", Args: cobra.NoArgs,
		Example: "  chartvault retention canary --reason 'an active patient' < number",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := e.private("", "Chart number: ")
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "retention-canary", extendParams{Chart: n, Reason: reason}, show(e, func(c disposition.Canary) {
				fmt.Fprintf(e.out, "%s  canary\n", c.ID)
			}))
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why")
	must(c.MarkFlagRequired("reason"))
	return c
}

func (a *app) opCanary(ctx context.Context, r asked, out func(any) error) error {
	var p extendParams
	if err := r.params(&p); err != nil {
		return err
	}
	n, err := record.ParseChartNumber(p.Chart)
	if err != nil {
		return err
	}
	var c disposition.Canary
	for _, t := range a.relatives.Load().of(string(a.cat.ChartToken(n))) { // every number of the person
		if c, err = a.desk.SetCanary(ctx, r.Actor, []byte(t), p.Reason); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return out(c)
}

// rulesCmd needs no archive: it shows what is shipped.
func (e *env) rulesCmd() *cobra.Command {
	return &cobra.Command{
		Use: "rules [JURISDICTION...]", Short: "List the rules shipped with the program, or the jurisdictions they are of", Example: "  chartvault retention rules US-TX US-CMS",
		RunE: func(_ *cobra.Command, codes []string) error {
			lib, err := pack.Open()
			if err != nil {
				return err
			}
			if len(codes) == 0 {
				for _, code := range lib.Codes() {
					j, _ := lib.Jurisdiction(code)
					fmt.Fprintf(e.out, "%-9s %-40s %d rules\n", code, j.Name, len(j.Rules))
				}
				return nil
			}
			for _, code := range codes {
				j, ok := lib.Jurisdiction(code)
				if !ok {
					return fmt.Errorf("jurisdiction %s: %w", code, record.ErrNotFound)
				}
				if err := e.showRules(j); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (e *env) showRules(j retention.Jurisdiction) error {
	for _, r := range j.Rules {
		if e.json {
			if err := json.NewEncoder(e.out).Encode(r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(e.out, "%s\n    %s\n    %s; confidence %s, read %s\n", r.ID, r.Period(), r.Citation, r.Confidence, cmp.Or(r.VerifiedOn, "never"))
	}
	for _, n := range j.Notes {
		if !e.json {
			fmt.Fprintf(e.out, "note: %s\n", n)
		}
	}
	return nil
}

func (a *app) opWhy(ctx context.Context, r asked, out func(any) error) error {
	_, n, err := r.chart()
	if err != nil {
		return err
	}
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return err
	}
	rows, err := a.ofPerson(ctx, n)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("no documents under this chart number: %w", record.ErrNotFound)
	}
	for _, row := range rows {
		if row.State == record.DocumentDestroyed {
			continue
		}
		d, err := a.decide(ctx, s, row, s.Today(a.now()))
		if err != nil {
			return err
		}
		if err := out(d.Decision.Explain()); err != nil {
			return err
		}
	}
	return nil
}

// opDue lists what has come to the end of its time: all of it, for which every
// document is decided anew, or a part of what the last evaluation found, each of
// which is decided anew.
func (a *app) opDue(ctx context.Context, r asked, out func(any) error) error {
	var p part
	if err := r.params(&p); err != nil {
		return err
	}
	if err := a.feed(ctx); err != nil {
		return err
	}
	left := p.Most
	say := func(w disposition.Waiting) error {
		left--
		if shut, err := a.veiled(ctx, r.Actor, w.Document); err != nil || shut {
			if err != nil {
				return err
			}
			w.Type, w.Class = veil, ""
		}
		return out(w)
	}
	if p.Most <= 0 {
		return a.desk.Waiting(ctx, say)
	}
	// What is not due any more is not shown, and does not make the part shorter, but
	// for a while after much of it was put off.
	for range mostRounds {
		if left <= 0 {
			return nil
		}
		asked := left
		ids, err := a.cat.DuePart(ctx, string(retention.Due), catalog.Part{After: p.After, Most: asked})
		if err != nil {
			return err
		}
		if err := a.desk.WaitingOf(ctx, ids, say); err != nil {
			return err
		}
		if len(ids) < asked {
			return nil
		}
		p.After = ids[len(ids)-1]
	}
	return nil
}

// mostRounds is how often a part that came out too short is filled up.
const mostRounds = 10

// opDueCount counts what the last evaluation found.
func (a *app) opDueCount(ctx context.Context, _ asked, out func(any) error) error {
	n, err := a.cat.CountDue(ctx, string(retention.Due))
	if err != nil {
		return err
	}
	return out(countLine{n})
}

func (a *app) opEvaluate(ctx context.Context, _ asked, out func(any) error) error {
	ev, err := a.evaluate(ctx, nil)
	if err != nil {
		return err
	}
	return out(ev)
}

func (a *app) opForecast(ctx context.Context, _ asked, out func(any) error) error {
	f, err := a.forecast(ctx)
	if err != nil {
		return err
	}
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return err
	}
	l := forecastLine{Facility: a.cfg.Facility, On: s.Today(a.now()), Schedule: s.Version, Verdicts: map[string]int{}, Cells: f.Cells()}
	for v, n := range f.Verdicts {
		l.Verdicts[string(v)] = n
	}
	return out(l)
}

// readSchedule reads and checks a schedule file.
func readSchedule(name string) (string, *retention.Schedule, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", nil, fmt.Errorf("retention schedule: %w", err)
	}
	s, err := parseSchedule(string(b))
	return string(b), s, err
}

// parseSchedule reads a schedule with the rules of this program's library.
func parseSchedule(text string) (*retention.Schedule, error) {
	lib, err := pack.Open()
	if err != nil {
		return nil, err
	}
	return retention.ParseSchedule(text, lib)
}
