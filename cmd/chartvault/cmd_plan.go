package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/retention"
)

// planBody is a plan's register entry: the plan and all that became of it.
type planBody struct {
	Plan        retention.Plan       `json:"plan"`
	Approvals   []retention.Approval `json:"approvals,omitempty"`
	Certificate string               `json:"certificate,omitempty"` // reserved when the execution begins
	Outcomes    []retention.Outcome  `json:"outcomes,omitempty"`
	CancelledBy record.Actor         `json:"cancelled_by,omitempty"`
}

// States of a plan's register entry.
const (
	planOpen      = "open"
	planExecuting = "executing"
	planDone      = "done"
	planCancelled = "cancelled"
)

// planLine is a plan as it is listed.
type planLine struct {
	ID          string   `json:"id"`
	State       string   `json:"state"`
	MadeBy      string   `json:"made_by"`
	MadeAt      string   `json:"made_at"`
	Documents   int      `json:"documents"`
	Pages       int      `json:"pages"`
	Digest      string   `json:"digest"`
	Approvals   []string `json:"approvals"`
	ReadyAt     string   `json:"ready_at,omitempty"`
	Certificate string   `json:"certificate,omitempty"`
	Destroyed   int      `json:"destroyed"`
	Kept        int      `json:"kept"`
}

func (e *env) showPlan(l planLine) {
	fmt.Fprintf(e.out, "%s  %s: %d documents, %d pages, made by %s on %s, approved by %v", l.ID, l.State, l.Documents, l.Pages, l.MadeBy, l.MadeAt, l.Approvals)
	if l.ReadyAt != "" {
		fmt.Fprintf(e.out, ", may be executed from %s", l.ReadyAt)
	}
	if l.Certificate != "" {
		fmt.Fprintf(e.out, ", certificate %s: %d destroyed, %d kept", l.Certificate, l.Destroyed, l.Kept)
	}
	fmt.Fprintln(e.out)
}

func (e *env) planCmd() *cobra.Command {
	c := &cobra.Command{Use: "plan", Short: "Plan, approve and execute destruction"}
	simple := func(use, short, example, op string, args cobra.PositionalArgs) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: example, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			p := planParams{}
			if len(args) > 0 {
				p.ID = args[0]
			}
			return e.call(cmd.Context(), op, p, show(e, e.showPlan))
		}}
	}
	showOne := &cobra.Command{
		Use: "show ID", Short: "Print the documents of a plan and the reasons", Example: "  chartvault plan show ID", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "plan-show", planParams{ID: args[0]}, show(e, func(it retention.Item) {
				fmt.Fprintf(e.out, "%s  %s, %d pages, due %s\n    %s\n", it.Document, it.Type, it.Pages, it.Due, strings.Join(it.Reasons, "\n    "))
			}))
		},
	}
	var key string
	approve := &cobra.Command{
		Use: "approve ID --key FILE", Short: "Sign a plan as an approver", Example: "  chartvault plan approve ID --key director.key", Args: cobra.ExactArgs(1),
		Long: "Signs the plan's digest with an approver's key, here, so that the key never reaches the daemon. A plan needs the\napprovals of two different approvers. That they are two people, and not who made the plan, is the site's to see to\nuntil people sign in.",
		RunE: func(cmd *cobra.Command, args []string) error { return e.approve(cmd.Context(), args[0], key) },
	}
	approve.Flags().StringVar(&key, "key", "", "the approver's key file")
	must(approve.MarkFlagRequired("key"))
	c.AddCommand(
		simple("make", "List what is due in a new plan; destroys nothing", "  chartvault plan make", "plan-make", cobra.NoArgs),
		simple("list", "List plans", "  chartvault plan list --json", "plan-list", cobra.NoArgs),
		showOne, approve,
		simple("cancel ID", "Cancel a plan that has not begun", "  chartvault plan cancel ID", "plan-cancel", cobra.ExactArgs(1)),
		simple("execute ID", "Destroy what a ready plan lists and is still due", "  chartvault plan execute ID", "plan-execute", cobra.ExactArgs(1)),
	)
	return c
}

func (e *env) approverCmd() *cobra.Command {
	c := &cobra.Command{Use: "approver", Short: "Enrol people who may approve destruction"}
	var out string
	add := &cobra.Command{
		Use: "add NAME --out FILE", Short: "Make a key for an approver and register its public half",
		Example: "  chartvault approver add director --out /home/director/approver.key", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pub, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			text := "chartvault approver key v1\n" + args[0] + "\n" + hex.EncodeToString(key.Seed()) + "\n"
			if _, err := durable.Create(out, strings.NewReader(text), 0o600); err != nil {
				return fmt.Errorf("approver key file: %w", err)
			}
			err = e.call(cmd.Context(), "approver-add", retention.Approver{Name: args[0], Key: pub}, show(e, func(a retention.Approver) {
				fmt.Fprintf(e.out, "approver %s; the key is in %s: it belongs to that person alone\n", a.Name, out)
			}))
			if err != nil {
				os.Remove(out) // a key nobody knows is no use
			}
			return err
		},
	}
	add.Flags().StringVar(&out, "out", "", "file for the key")
	must(add.MarkFlagRequired("out"))
	c.AddCommand(add)
	return c
}

// planParams name a plan, and carry an approval of it.
type planParams struct {
	ID       string              `json:"id,omitempty"`
	Approval *retention.Approval `json:"approval,omitempty"`
}

// approve fetches the plan, signs it here and sends the signature.
func (e *env) approve(ctx context.Context, id, keyFile string) error {
	lines, err := secretFile(keyFile)
	if err != nil {
		return fmt.Errorf("approver key: %w", err)
	}
	if len(lines) != 3 || lines[0] != "chartvault approver key v1" {
		return fmt.Errorf("approver key: %w: not a key file", record.ErrInvalid)
	}
	seed, err := hex.DecodeString(lines[2])
	if err != nil || len(seed) != ed25519.SeedSize {
		return fmt.Errorf("approver key: %w: damaged", record.ErrInvalid)
	}
	var plan *retention.Plan
	err = e.call(ctx, "plan-show", planParams{ID: id, Approval: &retention.Approval{}}, func(b json.RawMessage) error {
		plan = &retention.Plan{}
		return json.Unmarshal(b, plan)
	})
	if err != nil {
		return err
	}
	if plan == nil {
		return fmt.Errorf("plan %s: %w", id, record.ErrNotFound)
	}
	ap := retention.Approve(*plan, lines[1], ed25519.NewKeyFromSeed(seed), time.Now().UTC().Truncate(time.Millisecond))
	return e.call(ctx, "plan-approve", planParams{ID: id, Approval: &ap}, show(e, e.showPlan))
}

func (a *app) opApproverAdd(ctx context.Context, r asked, out func(any) error) error {
	var p retention.Approver
	if err := r.params(&p); err != nil {
		return err
	}
	if p.Name == "" || len(p.Name) > 64 || strings.ContainsAny(p.Name, "\n\r\t") || len(p.Key) != ed25519.PublicKeySize {
		return fmt.Errorf("approver: %w: a name of up to 64 characters and a key", record.ErrInvalid)
	}
	if _, err := a.cat.Entry(ctx, catalog.KindApprover, p.Name); err == nil {
		return fmt.Errorf("approver %s: %w", p.Name, record.ErrExists)
	}
	err := a.register(ctx, audit.ActApproverAdded, r.Actor, catalog.Entry{Kind: catalog.KindApprover, ID: p.Name, State: "active", At: a.now()}, p)
	if err != nil {
		return err
	}
	return out(p)
}

func (a *app) approvers(ctx context.Context) ([]retention.Approver, error) {
	es, err := a.cat.Entries(ctx, catalog.KindApprover)
	if err != nil {
		return nil, err
	}
	out := make([]retention.Approver, len(es))
	for i, e := range es {
		if err := json.Unmarshal(e.Body, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *app) plan(ctx context.Context, id string) (catalog.Entry, planBody, error) {
	var b planBody
	e, err := a.cat.Entry(ctx, catalog.KindPlan, id)
	if err == nil {
		err = json.Unmarshal(e.Body, &b)
	}
	return e, b, err
}

func (a *app) plans(ctx context.Context, f func(catalog.Entry, planBody) error) error {
	es, err := a.cat.Entries(ctx, catalog.KindPlan)
	if err != nil {
		return err
	}
	for _, e := range es {
		var b planBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return err
		}
		if err := f(e, b); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) lineOfPlan(e catalog.Entry, b planBody) planLine {
	l := planLine{ID: e.ID, State: e.State, MadeBy: string(b.Plan.MadeBy), MadeAt: b.Plan.MadeAt.Format(time.RFC3339),
		Documents: len(b.Plan.Items), Digest: b.Plan.Digest(), Approvals: []string{}, Certificate: b.Certificate}
	for _, it := range b.Plan.Items {
		l.Pages += it.Pages
	}
	var last time.Time
	for _, ap := range b.Approvals {
		l.Approvals = append(l.Approvals, ap.Approver)
		if ap.At.After(last) {
			last = ap.At
		}
	}
	if e.State == planOpen && len(b.Approvals) >= retention.Needed {
		l.ReadyAt = last.Add(time.Duration(a.cfg.Retention.CoolingOff)).Format(time.RFC3339)
	}
	for _, o := range b.Outcomes {
		switch {
		case o.Done:
			l.Destroyed++
		case !o.Pending:
			l.Kept++
		}
	}
	return l
}

func (a *app) opPlanMake(ctx context.Context, r asked, out func(any) error) error {
	a.planMu.Lock()
	defer a.planMu.Unlock()
	e, b, err := a.makePlan(ctx, r.Actor)
	if err != nil {
		return err
	}
	if e.ID == "" {
		return fmt.Errorf("nothing is due that no open plan lists: %w", record.ErrNotFound)
	}
	return out(a.lineOfPlan(e, b))
}

// makePlan lists what is due and in no open plan. The entry is zero when there
// is nothing.
func (a *app) makePlan(ctx context.Context, who record.Actor) (catalog.Entry, planBody, error) {
	taken := map[record.ID]bool{}
	err := a.plans(ctx, func(e catalog.Entry, b planBody) error {
		if e.State == planOpen || e.State == planExecuting {
			for _, it := range b.Plan.Items {
				taken[it.Document] = true
			}
		}
		return nil
	})
	if err != nil {
		return catalog.Entry{}, planBody{}, err
	}
	s, err := a.cfg.schedule()
	if err != nil {
		return catalog.Entry{}, planBody{}, err
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return catalog.Entry{}, planBody{}, err
	}
	p := retention.Plan{ID: id, Schedule: s.Version, MadeBy: who, MadeAt: a.now().UTC().Truncate(time.Millisecond)}
	err = a.eachDue(ctx, func(row catalog.Row, d retention.Decision) error {
		if !taken[row.ID] {
			p.Items = append(p.Items, retention.Item{Document: row.ID, Batch: row.Batch, Type: row.Type, Service: row.ServiceDate,
				Pages: row.Pages, Due: d.Due, Rules: d.Rules, Reasons: d.Reasons})
		}
		return nil
	})
	if err != nil || len(p.Items) == 0 {
		return catalog.Entry{}, planBody{}, err
	}
	e := catalog.Entry{Kind: catalog.KindPlan, ID: id.String(), State: planOpen, At: p.MadeAt}
	b := planBody{Plan: p}
	return e, b, a.register(ctx, audit.ActPlanned, who, e, b)
}

func (a *app) opPlanList(ctx context.Context, _ asked, out func(any) error) error {
	return a.plans(ctx, func(e catalog.Entry, b planBody) error { return out(a.lineOfPlan(e, b)) })
}

// opPlanShow prints a plan's items; asked with an approval, the plan as it is
// to be signed.
func (a *app) opPlanShow(ctx context.Context, r asked, out func(any) error) error {
	var p planParams
	if err := r.params(&p); err != nil {
		return err
	}
	_, b, err := a.plan(ctx, p.ID)
	if err != nil {
		return err
	}
	if p.Approval != nil {
		return out(b.Plan)
	}
	for _, it := range b.Plan.Items {
		if err := out(it); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) opPlanApprove(ctx context.Context, r asked, out func(any) error) error {
	a.planMu.Lock()
	defer a.planMu.Unlock()
	var p planParams
	if err := r.params(&p); err != nil {
		return err
	}
	e, b, err := a.plan(ctx, p.ID)
	if err != nil {
		return err
	}
	if e.State != planOpen || p.Approval == nil {
		return fmt.Errorf("plan %s is %s: %w", p.ID, e.State, record.ErrNotReady)
	}
	as, err := a.approvers(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(as, func(x retention.Approver) bool { return x.Name == p.Approval.Approver })
	if i < 0 {
		return fmt.Errorf("plan %s: %w: %s is no approver", p.ID, record.ErrDenied, p.Approval.Approver)
	}
	if slices.ContainsFunc(b.Approvals, func(x retention.Approval) bool { return x.Approver == p.Approval.Approver }) {
		return fmt.Errorf("plan %s: %w: %s has approved it already; it takes a second person", p.ID, record.ErrDenied, p.Approval.Approver)
	}
	// The server's clock dates it: the cooling-off runs from when it came in.
	p.Approval.At = a.now().UTC().Truncate(time.Millisecond)
	if err := p.Approval.Check(b.Plan, as[i]); err != nil {
		return err
	}
	b.Approvals = append(b.Approvals, *p.Approval)
	if err := a.register(ctx, audit.ActApproved, as[i].Actor(), e, b); err != nil {
		return err
	}
	return out(a.lineOfPlan(e, b))
}

func (a *app) opPlanCancel(ctx context.Context, r asked, out func(any) error) error {
	a.planMu.Lock()
	defer a.planMu.Unlock()
	var p planParams
	if err := r.params(&p); err != nil {
		return err
	}
	e, b, err := a.plan(ctx, p.ID)
	if err != nil {
		return err
	}
	if e.State != planOpen {
		return fmt.Errorf("plan %s is %s: %w", p.ID, e.State, record.ErrNotReady)
	}
	e.State, b.CancelledBy = planCancelled, r.Actor
	if err := a.register(ctx, audit.ActPlanCancelled, r.Actor, e, b); err != nil {
		return err
	}
	return out(a.lineOfPlan(e, b))
}
