package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/record"
	"chartvault/release"
)

func (e *env) requestCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "request", Short: "Answer requests for information",
		Long: "A request is taken in hand, its authority written down, pages are chosen and a second person checks them; then its package is\n" +
			"handed over, which writes the disclosure down. While a request is open nothing of its charts is destroyed.",
	}
	c.AddCommand(e.requestNewCmd(), e.requestListCmd(), e.requestShowCmd(), e.requestGroundCmd(), e.requestChooseCmd(), e.requestRedactCmd(), e.requestClearCmd(),
		e.requestPlainCmd("submit ID", "request-submit", "Give a request to a second person"), e.requestCheckCmd(), e.requestExtendCmd(),
		e.requestReasonCmd("return ID --reason TEXT", "request-return", "Give a request back to the requester, who has to mend something"),
		e.requestReasonCmd("waive ID --reason TEXT", "request-waive", "Charge nothing for a request"), e.requestEndCmd(), e.requestRevokeCmd(), e.requestLetterCmd(), e.requestHandCmd(), e.requestRulesCmd())
	return c
}

func (e *env) printRequest(l requestLine) {
	state := string(l.State)
	if l.State == release.Closed {
		state = string(l.Outcome)
	}
	left := ""
	switch {
	case l.State == release.Closed:
	case l.Left < 0:
		left = fmt.Sprintf(", %d days LATE", -l.Left)
	default:
		left = fmt.Sprintf(", %d days left", l.Left)
	}
	fmt.Fprintf(e.out, "%s  %-9s  %s, %s, received %s, due %s%s, %d pages chosen\n", l.ID, state, l.Kind, l.For, l.Received, l.Due, left, l.Pages)
}

// standardJSON reads a JSON object from standard input: it names people.
func (e *env) standardJSON(v any) error {
	d := json.NewDecoder(io.LimitReader(e.in, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("standard input: %w: %w", record.ErrInvalid, err)
	}
	return nil
}

func (e *env) requestNewCmd() *cobra.Command {
	var class, kind, what, purpose string
	var from, to, received record.Date
	c := &cobra.Command{
		Use: "new --class C --what TEXT --purpose TEXT < people.json", Short: "Take a request in hand", Args: cobra.NoArgs,
		Long: "What names people comes by standard input, as JSON: charts (numbers), patient (as the request names the patient), requester and,\n" +
			"where somebody else is given the record, recipient, each with name, address and contact.",
		Example: `  echo '{"charts":["9118427"],"patient":"Alpha Testpatient","requester":{"name":"Alpha Testpatient","address":"1 Sample Street"}}' |
    chartvault request new --class patient --what "the whole record" --purpose "at the patient's request"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r newRequest
			if err := e.standardJSON(&r); err != nil {
				return err
			}
			r.Class, r.Kind, r.What, r.Purpose, r.From, r.To, r.Received = class, release.Kind(kind), what, purpose, from, to, received
			return e.call(cmd.Context(), "request-new", r, show(e, e.printRequest))
		},
	}
	c.Flags().StringVar(&class, "class", "", "who asks (\"request rules\" lists them)")
	c.Flags().StringVar(&kind, "kind", string(release.Records), "records, or accounting (of disclosures)")
	c.Flags().StringVar(&what, "what", "", "what is asked for, in words")
	c.Flags().StringVar(&purpose, "purpose", "", "what for")
	c.Flags().TextVar(&from, "from", record.Date{}, "dates of service from this day on")
	c.Flags().TextVar(&to, "to", record.Date{}, "dates of service until this day")
	c.Flags().TextVar(&received, "received", record.Date{}, "the day it was received; today when not given")
	for _, f := range []string{"class", "what", "purpose"} {
		must(c.MarkFlagRequired(f))
	}
	return c
}

func (e *env) requestListCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List open requests, those due first at the head", Args: cobra.NoArgs, Example: "  chartvault request list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "request-list", map[string]bool{"all": all}, show(e, e.printRequest))
		},
	}
	c.Flags().BoolVar(&all, "all", false, "closed ones too")
	return c
}

func (e *env) requestShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a request, what is filed under its charts, and what keeps it from going out", Args: cobra.ExactArgs(1), Example: "  chartvault request show R000001",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "request-show", requestID{args[0]}, show(e, e.printRequestView))
		},
	}
}

func (e *env) printRequestView(v requestView) {
	e.printRequest(v.requestLine)
	r := v.Request
	fmt.Fprintf(e.out, "  asked for: %s; purpose: %s; term: %s; version %d\n", r.What, r.Purpose, r.Term.Cite, v.Version)
	for _, l := range v.Listed {
		if l.Differs {
			fmt.Fprintln(e.out, "  WARNING: the patient list knows another name under this chart number than the request gives")
		}
	}
	for _, d := range v.Account {
		fmt.Fprintf(e.out, "  accounts for: %s %s to %s: %s\n", d.ID, d.On, d.Recipient.Name, d.What)
	}
	for _, h := range v.Holdings {
		taken := ""
		for _, c := range r.Chosen {
			if c.Document == h.ID {
				taken = ", chosen " + record.FormatPages(c.Pages)
			}
		}
		fmt.Fprintf(e.out, "  %s  %s %s, %d pages, %s%s\n", h.ID, release.Words(h.Type), h.Service, h.Pages, h.State, taken)
		for p := 1; p <= h.Pages; p++ {
			if len(h.Labels[p]) > 0 {
				fmt.Fprintf(e.out, "      page %d: %s\n", p, strings.Join(h.Labels[p], ", "))
			}
		}
	}
	for _, o := range v.Obstacles {
		where := ""
		if o.Page > 0 {
			where = fmt.Sprintf("%s page %d: ", o.Document, o.Page)
		}
		fmt.Fprintf(e.out, "  missing: %s%s\n", where, o.Why)
	}
	if v.Cost != "" {
		fmt.Fprintf(e.out, "  costs %s (%s)\n", v.Cost, v.FeeCite)
	}
	for _, a := range r.Log {
		fmt.Fprintf(e.out, "  %s  %s: %s\n", a.At.Format("2006-01-02 15:04"), a.By, a.What)
	}
}

// act is a command that does one act on a request.
func (e *env) act(c *cobra.Command, op string, fill func(*requestAct) error) *cobra.Command {
	c.Args = cobra.ExactArgs(1)
	if c.Example == "" {
		c.Example = "  chartvault request " + strings.Fields(c.Use)[0] + " R000001"
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		p := requestAct{ID: args[0]}
		if fill != nil {
			if err := fill(&p); err != nil {
				return err
			}
		}
		return e.call(cmd.Context(), op, p, show(e, e.printRequest))
	}
	return c
}

func (e *env) requestPlainCmd(use, op, short string) *cobra.Command {
	return e.act(&cobra.Command{Use: use, Short: short}, op, nil)
}

func (e *env) requestReasonCmd(use, op, short string) *cobra.Command {
	var why string
	c := e.act(&cobra.Command{Use: use, Short: short}, op, func(p *requestAct) error { p.Reason = why; return nil })
	c.Flags().StringVar(&why, "reason", "", "why")
	must(c.MarkFlagRequired("reason"))
	return c
}

func (e *env) requestGroundCmd() *cobra.Command {
	return e.act(&cobra.Command{
		Use: "ground ID < grounds.json", Short: "Write down what a requester's authority rests on",
		Long: "JSON: identity, acting, relationship, reference, dated, basis, assurance, sensitive (classes that the authority names), document (where it is\n" +
			"filed), and authorisation with the elements of 45 CFR 164.508(c). Whatever it was before is replaced.",
		Example: `  echo '{"identity":"photo identity card"}' | chartvault request ground R000001`,
	}, "request-ground", func(p *requestAct) error { return e.standardJSON(&p.Grounds) })
}

func (e *env) requestChooseCmd() *cobra.Command {
	var offer bool
	var take []string
	var leftOut string
	c := e.act(&cobra.Command{
		Use: "choose ID [--offer] [--take DOCUMENT:PAGES]... [--left-out TEXT]", Short: "Choose the pages that go out",
		Long:    "With --offer those that requesters of the class are offered first: all in scope that nothing blocks, or no more than is necessary.",
		Example: "  chartvault request choose R000001 --take DOCUMENT:1-3,5 --left-out \"of other dates\"",
	}, "request-choose", func(p *requestAct) error {
		p.Offer, p.LeftOut = offer, leftOut
		for _, t := range take {
			doc, list, _ := strings.Cut(t, ":")
			id, err := record.ParseID(doc)
			if err != nil {
				return fmt.Errorf("document: %w: %w", record.ErrInvalid, err)
			}
			pages, err := record.ParsePages(list)
			if err != nil {
				return err
			}
			p.Chosen = append(p.Chosen, release.Choice{Document: id, Pages: pages})
		}
		return nil
	})
	c.Flags().BoolVar(&offer, "offer", false, "what the class is offered first")
	c.Flags().StringArrayVar(&take, "take", nil, "a document's id and its pages, such as ID:1-3,5; may be repeated")
	c.Flags().StringVar(&leftOut, "left-out", "", "why something that was asked for is left out")
	c.MarkFlagsMutuallyExclusive("offer", "take")
	return c
}

// pageFlags adds the flags that name a page of a document.
func pageFlags(c *cobra.Command, doc *string, page *int, why *string) {
	c.Flags().StringVar(doc, "document", "", "the document's id")
	c.Flags().IntVar(page, "page", 0, "its page, from 1")
	c.Flags().StringVar(why, "reason", "", "why; without names and numbers of patients")
	for _, f := range []string{"document", "page", "reason"} {
		must(c.MarkFlagRequired(f))
	}
}

func (e *env) requestRedactCmd() *cobra.Command {
	var doc, why string
	var page int
	c := e.act(&cobra.Command{
		Use: "redact ID --document D --page N --reason TEXT < words", Short: "Black words of a page out, wherever they stand on it",
		Long:    "Reads the words from standard input. What is blacked out is burnt into the copy that goes out, which has no text layer then; the\ndocument stays as it is. An empty line takes back what was blacked out on the page.",
		Example: "  echo 'other patient' | chartvault request redact R000001 --document ID --page 2 --reason \"names somebody else\"",
	}, "request-redact", func(p *requestAct) (err error) {
		lines, err := io.ReadAll(io.LimitReader(e.in, 1<<16))
		if err != nil {
			return err
		}
		p.Page, p.Reason, p.Words = page, why, strings.TrimSpace(string(lines))
		p.Document, err = record.ParseID(doc)
		return err
	})
	pageFlags(c, &doc, &page, &why)
	return c
}

func (e *env) requestClearCmd() *cobra.Command {
	var doc, why, class string
	var page int
	c := e.act(&cobra.Command{Use: "clear ID --document D --page N --class C --reason TEXT", Short: "Say that a page is not of a sensitive class after all"}, "request-clear", func(p *requestAct) (err error) {
		p.Page, p.Reason, p.Class = page, why, class
		p.Document, err = record.ParseID(doc)
		return err
	})
	pageFlags(c, &doc, &page, &why)
	c.Flags().StringVar(&class, "class", "", "the sensitive class")
	must(c.MarkFlagRequired("class"))
	return c
}

func (e *env) requestCheckCmd() *cobra.Command {
	var agree, refuse bool
	var why string
	var version int
	c := e.act(&cobra.Command{
		Use: "check ID (--agree --version N | --refuse --reason TEXT)", Short: "Say, as the second person, whether a request may go out",
		Long:    "Whoever had a hand in a request cannot be the second person. What is agreed to is the version that request show told: it is\nrefused when somebody changed the request since, and any later change undoes it.",
		Example: "  chartvault request check R000001 --agree --version 6",
	}, "request-check", func(p *requestAct) error {
		if agree && version == 0 {
			return fmt.Errorf("check %s: %w: name the version you looked at, which request show tells, with --version", p.ID, record.ErrInvalid)
		}
		p.Agree, p.Reason, p.Version = agree, why, version
		return nil
	})
	c.Flags().IntVar(&version, "version", 0, "the version you looked at")
	c.Flags().BoolVar(&agree, "agree", false, "it may go out as it is")
	c.Flags().BoolVar(&refuse, "refuse", false, "it goes back")
	c.Flags().StringVar(&why, "reason", "", "why it goes back")
	c.MarkFlagsOneRequired("agree", "refuse")
	c.MarkFlagsMutuallyExclusive("agree", "refuse")
	return c
}

func (e *env) requestExtendCmd() *cobra.Command {
	var until record.Date
	var why string
	c := e.act(&cobra.Command{Use: "extend ID --until DAY --reason TEXT", Short: "Extend the term, once, before it is over; then send the letter"}, "request-extend", func(p *requestAct) error {
		p.Until, p.Reason = until, why
		return nil
	})
	c.Flags().TextVar(&until, "until", record.Date{}, "the new day")
	c.Flags().StringVar(&why, "reason", "", "why; the requester reads it")
	must(c.MarkFlagRequired("until"))
	must(c.MarkFlagRequired("reason"))
	return c
}

func (e *env) requestRevokeCmd() *cobra.Command {
	var on record.Date
	c := e.act(&cobra.Command{
		Use: "revoke ID --on DAY", Short: "Write down that the authorisation of a request was revoked",
		Long:    "Nothing more goes out under it from then on, not even again. What went out before was lawful and stays written down.",
		Example: "  chartvault request revoke R000001 --on 2026-03-01",
	}, "request-revoke", func(p *requestAct) error {
		p.Until = on
		return nil
	})
	c.Flags().TextVar(&on, "on", record.Date{}, "the day it was revoked on")
	must(c.MarkFlagRequired("on"))
	return c
}

func (e *env) requestEndCmd() *cobra.Command {
	var outcome, why string
	c := e.act(&cobra.Command{Use: "end ID --outcome O [--reason TEXT]", Short: "Close a request without handing anything over"}, "request-end", func(p *requestAct) error {
		p.Outcome, p.Reason = release.Outcome(outcome), why
		return nil
	})
	c.Flags().StringVar(&outcome, "outcome", "", "denied, cancelled, no_records or destroyed")
	c.Flags().StringVar(&why, "reason", "", "why; the requester may read it")
	must(c.MarkFlagRequired("outcome"))
	return c
}

func (e *env) requestRulesCmd() *cobra.Command {
	return &cobra.Command{
		Use: "rules", Short: "List who may ask, under what authority, and what is sensitive", Args: cobra.NoArgs, Example: "  chartvault request rules",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "request-rules", struct{}{}, show(e, func(r release.Rules) {
				for _, c := range r.Classes {
					fmt.Fprintf(e.out, "%-16s %s: %s (%s)\n", c.ID, c.Name, c.Authority, c.Cite)
				}
				for _, s := range r.Sensitive {
					fmt.Fprintf(e.out, "sensitive  %-16s %s (%s)\n", s.ID, s.Name, s.Cite)
				}
			}))
		},
	}
}
