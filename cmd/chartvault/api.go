package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"chartvault/accounts"
	"chartvault/disposition"
	"chartvault/ingest/legacy"
	"chartvault/record"
	"chartvault/release"
	"chartvault/retention"
	"chartvault/web/api"
)

// openOnly is a list of which only the open ones may be wanted.
type openOnly struct {
	Open bool `json:"open,omitempty"`
}

// requestsWanted says which requests are listed.
type requestsWanted struct {
	All   bool          `json:"all,omitempty"`   // closed ones too
	State release.State `json:"state,omitempty"` // only these
}

// endpoints is the table of what programs may do for people: what is not in it
// they cannot. Nothing that two people decide is in it, nor anything about users.
func endpoints() []api.Endpoint {
	const charts, work, requests, keeping, watching = "Charts", "Quality and corrections", "Requests", "Retention and holds", "Watching"
	row := func(op, group, summary string, right accounts.Right, changes bool, in, out any) api.Endpoint {
		return api.Endpoint{Op: op, Group: group, Summary: summary, Right: right, Changes: changes, In: in, Out: out}
	}
	act := func(op, summary string) api.Endpoint {
		return row(op, requests, summary, accounts.AnswerAsks, true, requestAct{}, requestLine{})
	}
	return []api.Endpoint{
		row("get", charts, "A chart's documents by chart number, each whole unless only a list is wanted", accounts.OpenChart, false, getParams{}, getLine{}),
		row("page", charts, "One page of a document: its text and image", accounts.OpenChart, false, pageParams{}, pageLine{}),
		row("document", charts, "A document's PDF, in pieces", accounts.OpenChart, false, documentParams{}, getLine{}),
		row("search", charts, "Find pages by their words", accounts.SearchAll, false, searchParams{}, searchLine{}),

		row("batches", work, "Batches with their page accounting: all, the oldest first, or so many, the newest first", accounts.SeeBatches, false, batchesWanted{}, batchLine{}),
		row("qa-list", work, "Documents that wait for a decision, or so many of them", accounts.Settle, false, waitingWanted{}, documentLine{}),
		row("batch-show", work, "A batch whole: where each of its pages is", accounts.SeeBatches, false, batchID{}, batchView{}),
		row("batch-mark", work, "Take a batch in hand, leave it, or say whether it is urgent", accounts.SeeBatches, true, batchActParams{}, batchLine{}),
		row("batch-reject", work, "Have everything of a batch that waits scanned again", accounts.Settle, true, batchRejectParams{}, documentLine{}),
		row("qa-count", work, "How many documents wait for a decision", accounts.Settle, false, nil, countLine{}),
		row("qa-reject", work, "Have a document scanned again", accounts.Settle, true, rejectParams{}, documentLine{}),
		row("qa-show", work, "What was read of a document, from where and how surely", accounts.Settle, false, qaShown{}, shownIndex{}),
		row("qa-assign", work, "Assign chart and type", accounts.Settle, true, assignment{}, documentLine{}),
		row("patients-find", work, "Find people in the patient list", accounts.Settle, false, personParams{}, personLine{}),
		row("correct", work, "Split, merge, move, turn or date filed documents", accounts.Correct, true, correctParams{}, correctionLine{}),
		row("corrections", work, "List corrections", accounts.Correct, false, openOnly{}, correctionLine{}),

		row("import-folders", work, "Folders with exports of other systems", accounts.Import, false, nil, importFolder{}),
		row("import-look", work, "What an import would take, and what it would not", accounts.Import, false, importWish{}, importLine{}),
		row("import-begin", work, "Take what another system exported in; the daemon goes on with it", accounts.Import, true, importWish{}, importStatus{}),
		row("import-go-on", work, "Have an import that stopped go on", accounts.Import, true, importID{}, importStatus{}),
		row("import-stop", work, "Stop an import", accounts.Import, true, importID{}, importStatus{}),
		row("import-list", work, "List imports, each as far as it is", accounts.Import, false, nil, importStatus{}),
		row("import-rejects", work, "The lines of an import that were not taken, and why", accounts.Import, false, importID{}, legacy.Problem{}),

		row("request-rules", requests, "Who may ask, under what authority, and what is sensitive", accounts.AnswerAsks, false, nil, release.Rules{}),
		row("request-new", requests, "Take a request in hand", accounts.AnswerAsks, true, newRequest{}, requestLine{}),
		row("request-list", requests, "List requests, those due first at the head", accounts.AnswerAsks, false, requestsWanted{}, requestLine{}),
		row("request-show", requests, "A request whole, with what is filed under its charts", accounts.AnswerAsks, false, requestID{}, requestView{}),
		act("request-ground", "Write the authority down"), act("request-choose", "Choose pages"), act("request-redact", "Black something of a page out"),
		act("request-clear", "Say that a page is not of a sensitive class"), act("request-waive", "Waive the fee"), act("request-submit", "Give it to a second person"),
		act("request-extend", "Extend the term"), act("request-return", "Return it to the requester"), act("request-end", "Close it without a disclosure"),
		act("request-revoke", "Write down that its authorisation was revoked"),
		row("request-letter", requests, "A letter to the requester, as PDF", accounts.AnswerAsks, false, letterParams{}, pdfLine{}),
		row("disclosures", requests, "A patient's disclosures", accounts.AnswerAsks, false, accountParams{}, release.Disclosure{}),
		row("disclosure-note", requests, "Write a disclosure down that was made otherwise", accounts.AnswerAsks, true, newDisclosure{}, release.Disclosure{}),

		row("hold-list", keeping, "List holds", accounts.SeeHolds, false, nil, holdLine{}),
		row("hold-place", keeping, "Place a hold", accounts.PlaceHold, true, holdParams{}, holdLine{}),
		row("retention-due", keeping, "What has come to the end of its time, and what it waits for: all decided anew, or so many of those the last evaluation found", accounts.SeeRetention, false, part{}, disposition.Waiting{}),
		row("schedule-list", keeping, "List retention schedules", accounts.SeeRetention, false, nil, scheduleLine{}),
		row("schedule-show", keeping, "The rules of a schedule; of the one in force without an id", accounts.SeeRetention, false, scheduleID{}, retention.Rule{}),
		row("plan-list", keeping, "List plans", accounts.SeeRetention, false, nil, planLine{}),
		row("plan-show", keeping, "The documents of a plan, and why each is due", accounts.SeeRetention, false, planID{}, itemLine{}),
		row("plan-make", keeping, "List what is due in a new plan; destroys nothing", accounts.ProposeEnds, true, planWanted{}, planLine{}),
		row("automation-list", keeping, "What the schedule in force has listed and ended by itself, and whether two people said so", accounts.SeeRetention, false, nil, automationLine{}),
		row("paper-lists", keeping, "Lists of source paper that may be destroyed", accounts.SeeRetention, false, nil, paperLine{}),
		row("paper-show", keeping, "The batches of such a list", accounts.SeeRetention, false, paperID{}, disposition.Sheaf{}),
		row("certificate-list", keeping, "Certificates of destruction", accounts.SeeRetention, false, nil, certificateLine{}),

		row("audit-list", watching, "Entries of the audit log, newest first", accounts.SeeAudit, false, listParams{}, entryLine{}),
		row("access", watching, "Who looked a chart up, was given something of it or was turned away", accounts.SeeAccess, false, accessParams{}, accessLine{}),
		row("report", watching, "Months summed up, and what comes to its end", accounts.SeeReports, false, reportWanted{}, reportLine{}),
		row("setup", watching, "How the site is set up", accounts.SeeHealth, false, nil, setupLine{}),
		row("status", watching, "What the archive holds, and what it lacks", accounts.SeeHealth, false, nil, statusLine{}),
	}
}

// What some operations take of parameters that others share.
type (
	qaShown struct {
		Document record.ID `json:"document"`
		Ahead    bool      `json:"ahead,omitempty"` // asked for before anybody turned to it, which the log says
	}
	scheduleID struct {
		ID string `json:"id,omitempty"`
	}
	planID struct {
		ID     string `json:"id"`
		Sample int    `json:"sample,omitempty"` // so many, spread over the list; 0 for all
	}
	planWanted struct {
		Class string `json:"class,omitempty"` // only this record class
	}
)

// programs answers programs that act for people.
func (a *app) programs(desk *accounts.Desk) *api.API {
	return &api.API{Endpoints: endpoints(), Accounts: desk, Problem: problem, Now: a.now, Log: a.log, Call: a.callProgram, Answers: answers{a}, Acts: &turn{a: a, name: "answers", deaf: true}}
}

// byProgram marks what a program asks for, and not somebody at a desk.
type byProgram struct{}

// callProgram runs an operation for a program of somebody.
func (a *app) callProgram(ctx context.Context, who record.Actor, op string, params any, f func(json.RawMessage) error) error {
	return a.callAs(context.WithValue(ctx, byProgram{}, true), who, op, params, f)
}

// callAs runs an operation as somebody.
func (a *app) callAs(ctx context.Context, who record.Actor, op string, params any, f func(json.RawMessage) error) error {
	return a.perform(ctx, op, request{Actor: who, Params: params}, f)
}

// withPrograms answers programs below their prefix, and everybody else as before.
func withPrograms(programs, shown http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(api.Prefix, programs)
	mux.Handle("/", shown)
	return mux
}

// apiLine is an endpoint as the pages list it.
type apiLine struct {
	Op      string         `json:"op"`
	Group   string         `json:"group"`
	Summary string         `json:"summary"`
	Right   accounts.Right `json:"right"`
	Changes bool           `json:"changes"`
	In      string         `json:"in"`  // its object's schema, as JSON
	Out     string         `json:"out"` // and that of a line of its answer
}

// opAPIDescribe lists the endpoints for programs, with what they take and give.
func (a *app) opAPIDescribe(_ context.Context, _ asked, out func(any) error) error {
	doc := (&api.API{Endpoints: endpoints()}).Describe()
	text := func(v any) (string, error) {
		b, err := json.MarshalIndent(v, "", "  ")
		return string(b), err
	}
	for _, e := range endpoints() {
		post := doc.Paths[api.Prefix+e.Op].Post
		l := apiLine{Op: e.Op, Group: e.Group, Summary: e.Summary, Right: e.Right, Changes: e.Changes}
		in := post.RequestBody.Content["application/json"].Schema
		if in.Ref != "" {
			in = doc.Components.Schemas.SchemaFromRef(in.Ref)
		}
		var err error
		if l.In, err = text(in); err != nil {
			return err
		}
		if r := post.Responses["200"]; r != nil {
			line := r.Content["application/x-ndjson"].Schema
			if line.Ref != "" {
				line = doc.Components.Schemas.SchemaFromRef(line.Ref)
			}
			if l.Out, err = text(line); err != nil {
				return err
			}
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) openapiCmd() *cobra.Command {
	return &cobra.Command{
		Use: "openapi", Short: "Print the OpenAPI 3.1 description of the API for programs", Args: cobra.NoArgs, Example: "  chartvault openapi > openapi.json",
		RunE: func(*cobra.Command, []string) error {
			b, err := describe()
			if err != nil {
				return err
			}
			_, err = e.out.Write(b)
			return err
		},
	}
}

// describe is the API's description as text.
func describe() ([]byte, error) {
	es := endpoints()
	if i := slices.IndexFunc(es, func(e api.Endpoint) bool { return operations()[e.Op] == nil }); i >= 0 {
		return nil, fmt.Errorf("endpoint %s: there is no such operation", es[i].Op)
	}
	b, err := json.MarshalIndent((&api.API{Endpoints: es}).Describe(), "", "  ")
	return append(bytes.TrimSpace(b), '\n'), err
}
