package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/disposition"
	"chartvault/internal/durable"
	"chartvault/record"
)

const approverHead = "chartvault approver key v2"

// questionParams name what is to be approved.
type questionParams struct {
	Matter disposition.Matter `json:"matter"`
	ID     string             `json:"id"`
}

// approvedLine says what an approval came to.
type approvedLine struct {
	Matter    disposition.Matter `json:"matter"`
	ID        string             `json:"id"`
	Approvals []string           `json:"approvals"`
	Done      bool               `json:"done"` // two people have approved
}

func (e *env) approverCmd() *cobra.Command {
	c := &cobra.Command{Use: "approver", Short: "Enrol people who may approve"}
	var out, account, passFile string
	add := &cobra.Command{
		Use: "add NAME --out FILE", Short: "Make a key for an approver and register its public half", Args: cobra.ExactArgs(1),
		Long:    "The key is encrypted under a passphrase that only that person knows; every approval asks for it again.\nAn approver may approve only after some days ([retention] approver_age).",
		Example: "  chartvault approver add director --account os:director --out /home/director/approver.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.addApprover(cmd.Context(), args[0], account, out, passFile)
		},
	}
	add.Flags().StringVar(&out, "out", "", "file for the key")
	add.Flags().StringVar(&account, "account", "", "the sign-in that is the same person, such as os:alice: it may not approve what it prepared")
	add.Flags().StringVar(&passFile, "key-passphrase-file", "", "file with the key's passphrase; asked for on a terminal otherwise")
	add.Flags().IntVar(&e.workFactor, "work-factor", 0, "log2 of scrypt's cost; 0 for age's default (18)")
	must(add.MarkFlagRequired("out"))
	list := &cobra.Command{
		Use: "list", Short: "List approvers", Example: "  chartvault approver list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "approver-list", struct{}{}, show(e, func(a disposition.Approver) {
				fmt.Fprintf(e.out, "%s  %s, since %s\n", a.Name, a.Account, a.Since.Format(time.RFC3339))
			}))
		},
	}
	c.AddCommand(add, list)
	return c
}

func (e *env) keySecret(file string) (string, error) {
	if file == "" {
		return e.secret("Passphrase of the approver's key: ")
	}
	lines, err := secretFile(file)
	if err != nil {
		return "", fmt.Errorf("passphrase of the approver's key: %w", err)
	}
	return lines[0], nil
}

func (e *env) addApprover(ctx context.Context, name, account, out, passFile string) error {
	pass, err := e.keySecret(passFile)
	if err != nil {
		return err
	}
	pub, sealed, err := newApproverKey(pass, e.workFactor)
	if err != nil {
		return err
	}
	text := approverHead + "\n" + name + "\n" + base64.StdEncoding.EncodeToString(sealed) + "\n"
	if _, err := durable.Create(out, strings.NewReader(text), 0o600); err != nil {
		return fmt.Errorf("approver key file: %w", err)
	}
	err = e.call(ctx, "approver-add", disposition.Approver{Name: name, Account: record.Actor(account), Key: pub}, show(e, func(a disposition.Approver) {
		fmt.Fprintf(e.out, "approver %s; the key is in %s: it belongs to that person alone\n", a.Name, out)
	}))
	if err != nil {
		os.Remove(out) // a key nobody knows is no use
	}
	return err
}

// approveCmd is the command by which a person approves one kind of matter.
func (e *env) approveCmd(matter disposition.Matter, use, short, example string) *cobra.Command {
	var key, passFile string
	c := &cobra.Command{
		Use: use + " --key FILE", Short: short, Example: example, Args: cobra.ExactArgs(1),
		Long: "Signs with an approver's key, here, so that the key never reaches the daemon. It takes two people, neither of whom\nprepared it; the signature must be of the last minutes.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.approve(cmd.Context(), questionParams{matter, args[0]}, key, passFile)
		},
	}
	c.Flags().StringVar(&key, "key", "", "the approver's key file")
	c.Flags().StringVar(&passFile, "key-passphrase-file", "", "file with the key's passphrase; asked for on a terminal otherwise")
	must(c.MarkFlagRequired("key"))
	return c
}

// approve fetches the question, signs it here and sends the signature.
func (e *env) approve(ctx context.Context, p questionParams, keyFile, passFile string) error {
	lines, err := secretFile(keyFile)
	if err != nil {
		return fmt.Errorf("approver key: %w", err)
	}
	if len(lines) != 3 || lines[0] != approverHead {
		return fmt.Errorf("approver key: %w: not a key file", record.ErrInvalid)
	}
	sealed, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return fmt.Errorf("approver key: %w: damaged", record.ErrInvalid)
	}
	var q disposition.Question
	err = e.call(ctx, "question", p, func(b json.RawMessage) error { return json.Unmarshal(b, &q) })
	if err != nil {
		return err
	}
	pass, err := e.keySecret(passFile)
	if err != nil {
		return err
	}
	plain, err := keys.OpenPassphrase(sealed, pass)
	if err != nil {
		return fmt.Errorf("approver key: %w", err)
	}
	key, err := approverKey(plain)
	if err != nil {
		return err
	}
	a := disposition.Approve(q, lines[1], key, time.Now())
	return e.call(ctx, "approve", a, show(e, func(l approvedLine) {
		state := "a second person must approve it"
		if l.Done {
			state = "approved by two people"
		}
		fmt.Fprintf(e.out, "%s %s: approved by %s; %s\n", l.Matter, l.ID, strings.Join(l.Approvals, " and "), state)
	}))
}

// approverKey reads an approver's key as it was sealed.
func approverKey(plain []byte) (ed25519.PrivateKey, error) {
	seed, err := hex.DecodeString(string(plain))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("approver key: %w: damaged", record.ErrInvalid)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// newApproverKey draws a key and seals it with a passphrase.
func newApproverKey(pass string, workFactor int) (ed25519.PublicKey, []byte, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := keys.SealPassphrase([]byte(hex.EncodeToString(key.Seed())), pass, workFactor)
	return pub, sealed, err
}

func (a *app) opApproverAdd(ctx context.Context, r asked, out func(any) error) error {
	var p disposition.Approver
	if err := r.params(&p); err != nil {
		return err
	}
	p, err := a.desk.AddApprover(ctx, r.Actor, p)
	if err != nil {
		return err
	}
	return out(p)
}

func (a *app) opApproverList(ctx context.Context, _ asked, out func(any) error) error {
	as, err := a.desk.Approvers(ctx)
	if err != nil {
		return err
	}
	for _, x := range as {
		if err := out(x); err != nil {
			return err
		}
	}
	return nil
}

// opQuestion returns what an approver signs.
func (a *app) opQuestion(ctx context.Context, r asked, out func(any) error) error {
	var p questionParams
	if err := r.params(&p); err != nil {
		return err
	}
	q, err := a.question(ctx, p)
	if err != nil {
		return err
	}
	return out(q)
}

func (a *app) question(ctx context.Context, p questionParams) (q disposition.Question, err error) {
	switch p.Matter {
	case disposition.MatterPlan:
		return a.desk.Question(ctx, p.ID)
	case disposition.MatterSchedule:
		return a.desk.DraftQuestion(ctx, p.ID)
	case disposition.MatterHold:
		return a.desk.ReleaseQuestion(ctx, p.ID)
	case disposition.MatterStanding:
		return a.desk.StandingQuestion(ctx, p.ID)
	case disposition.MatterPaper:
		return a.desk.PaperQuestion(ctx, p.ID)
	case disposition.MatterClock:
		var f *disposition.Freeze
		if f, q, err = a.desk.Frozen(ctx); err == nil && f == nil {
			err = fmt.Errorf("clock: %w: destruction is not frozen", record.ErrNotReady)
		}
		return q, err
	}
	return q, fmt.Errorf("question: %w: no matter %q", record.ErrInvalid, p.Matter)
}

// opApprove takes an approval of any matter.
func (a *app) opApprove(ctx context.Context, r asked, out func(any) error) error {
	var p disposition.Approval
	if err := r.params(&p); err != nil {
		return err
	}
	l, err := a.approve(ctx, p)
	if err != nil {
		return err
	}
	return out(l)
}

func (a *app) approve(ctx context.Context, p disposition.Approval) (l approvedLine, err error) {
	var have []disposition.Approval
	switch p.Matter {
	case disposition.MatterPlan:
		var b disposition.PlanBody
		_, b, err = a.desk.Approve(ctx, p)
		have = b.Approvals
	case disposition.MatterSchedule:
		var d disposition.Draft
		_, d, err = a.desk.ApproveDraft(ctx, p)
		have = d.Approvals
	case disposition.MatterHold:
		var b disposition.HoldBody
		if b, err = a.desk.ApproveRelease(ctx, p); b.Releasing != nil {
			have = b.Releasing.Approvals
		}
	case disposition.MatterStanding:
		var st disposition.Standing
		st, err = a.desk.ApproveStanding(ctx, p)
		have = st.Approvals
	case disposition.MatterPaper:
		var l disposition.PaperList
		_, l, err = a.desk.ApprovePaper(ctx, p)
		have = l.Approvals
	case disposition.MatterClock:
		var f disposition.Freeze
		f, _, err = a.desk.Thaw(ctx, p)
		have = f.Approvals
	default:
		err = fmt.Errorf("approve: %w: no matter %q", record.ErrInvalid, p.Matter)
	}
	if err != nil {
		return l, err
	}
	l = approvedLine{Matter: p.Matter, ID: p.ID, Done: len(have) >= disposition.Needed}
	for _, x := range have {
		l.Approvals = append(l.Approvals, x.Approver)
	}
	return l, nil
}
