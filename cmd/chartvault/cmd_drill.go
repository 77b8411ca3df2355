package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/record"
)

// drillKind is the register's name for rehearsals of recovery.
const drillKind = "drill"

// drillEvery is after how long a rehearsal is asked for again.
const drillEvery = 365 * 24 * time.Hour

// drillTask is what a rehearsal must open, and what its proof is made with.
type drillTask struct {
	Document  record.ID `json:"document"`
	Version   int       `json:"version"`
	Challenge []byte    `json:"challenge"`
}

// drillProof says that the task was done, and by which recovery identity.
type drillProof struct {
	Task      drillTask `json:"task"`
	Recipient string    `json:"recipient"`
	Proof     []byte    `json:"proof"`
}

// drillBody is a rehearsal in the register.
type drillBody struct {
	Recipient string       `json:"recipient"`
	Document  record.ID    `json:"document"`
	By        record.Actor `json:"by"`
}

type drillParams struct {
	Document string `json:"document,omitempty"` // "" for one at random
}

func (e *env) keysDrillCmd() *cobra.Command {
	var p drillParams
	c := &cobra.Command{
		Use: "drill --recovery-identity FILE", Short: "Rehearse recovery: open a document with the recovery identity alone", Args: cobra.NoArgs,
		Long:    "Opens the vault with the recovery identity and the stores alone, reads one document to its end, and proves to the archive\nthat it did. The rehearsal is recorded; production mode asks for one, and once a year for another.",
		Example: "  chartvault keys drill --recovery-identity /mnt/usb/recovery.age-identity",
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.drill(cmd.Context(), p) },
	}
	c.Flags().StringVar(&p.Document, "document", "", "document to open; one at random otherwise")
	return c
}

// drill rehearses in this process, with nothing but what a recovery would have,
// and has the archive check and record it.
func (e *env) drill(ctx context.Context, p drillParams) error {
	file := e.recovery
	if file == "" {
		return fmt.Errorf("drill: %w: give --recovery-identity", record.ErrInvalid)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("recovery identity: %w", err)
	}
	recipient, err := keys.RecipientOf(string(b))
	if err != nil {
		return err
	}
	if e.passFile != "" {
		e.recovery = "" // the archive is opened as every day, the rehearsal alone by recovery
	}
	var task drillTask
	if err := e.call(ctx, "drill-begin", p, func(line json.RawMessage) error { return json.Unmarshal(line, &task) }); err != nil {
		return err
	}
	proof := drillProof{Task: task, Recipient: recipient}
	if proof.Proof, err = e.rehearse(ctx, string(b), task); err != nil {
		return fmt.Errorf("the rehearsal failed: %w", err)
	}
	return e.call(ctx, "drill-end", proof, show(e, func(l drillBody) {
		fmt.Fprintf(e.out, "document %s opened with the recovery identity alone; recorded\n", l.Document)
	}))
}

func (e *env) rehearse(ctx context.Context, identity string, task drillTask) ([]byte, error) {
	cfg, err := loadConfig(e.data)
	if err != nil {
		return nil, err
	}
	docs, places, err := cfg.stores(ctx)
	if err != nil {
		return nil, err
	}
	v, err := keys.UnlockRecovery(ctx, places, identity)
	if err != nil {
		return nil, err
	}
	a := &archive.Archive{Docs: docs, Vault: v, Now: time.Now}
	return a.Prove(ctx, task.Document, task.Version, task.Challenge)
}

func (a *app) opDrillBegin(ctx context.Context, r asked, out func(any) error) error {
	var p drillParams
	if err := r.params(&p); err != nil {
		return err
	}
	row, err := a.drillDocument(ctx, p.Document)
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	return out(drillTask{row.ID, row.Version, a.challenge(row.ID, a.now())})
}

func (a *app) drillDocument(ctx context.Context, id string) (catalog.Row, error) {
	if id != "" {
		d, err := record.ParseID(id)
		if err != nil {
			return catalog.Row{}, err
		}
		return a.cat.Document(ctx, d)
	}
	rows, err := a.cat.Documents(ctx)
	if err != nil {
		return catalog.Row{}, err
	}
	if len(rows) == 0 {
		return catalog.Row{}, fmt.Errorf("there is no document to open: file a batch first: %w", record.ErrNotReady)
	}
	return rows[rand.IntN(len(rows))], nil // any will do
}

// challenge makes a proof fresh: it holds for the hour it was asked for in.
func (a *app) challenge(id record.ID, at time.Time) []byte {
	return a.vault.Token("recovery drill", fmt.Sprintf("%s %d", id, at.Unix()/3600))
}

func (a *app) opDrillEnd(ctx context.Context, r asked, out func(any) error) error {
	var p drillProof
	if err := r.params(&p); err != nil {
		return err
	}
	now := a.now()
	known := false
	for _, own := range a.vault.Recovery() {
		known = known || own == p.Recipient
	}
	fresh := bytes.Equal(p.Task.Challenge, a.challenge(p.Task.Document, now)) || bytes.Equal(p.Task.Challenge, a.challenge(p.Task.Document, now.Add(-time.Hour)))
	want, err := a.arch.Prove(ctx, p.Task.Document, p.Task.Version, p.Task.Challenge)
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	if !known || !fresh || !bytes.Equal(want, p.Proof) {
		return fmt.Errorf("drill: the proof is not this archive's, or too old: %w", record.ErrDenied)
	}
	id, err := record.NewID(a.pipeline.Rand)
	if err != nil {
		return err
	}
	body := drillBody{Recipient: p.Recipient, Document: p.Task.Document, By: r.Actor}
	entry := catalog.Entry{Kind: drillKind, ID: id.String(), State: "done", At: now.UTC().Truncate(time.Millisecond), Body: mustJSON(body)}
	if err := a.arch.Journal(ctx, audit.ActKeysDrill, entry.ID, change{Actor: r.Actor, Register: &entry}); err != nil {
		return err
	}
	if err := a.putEntry(ctx, entry); err != nil {
		return err
	}
	if err := a.arch.Publish(ctx); err != nil {
		return err
	}
	return out(body)
}

// drills returns when each recovery identity was last rehearsed; one that never
// was is absent.
func (a *app) drills(ctx context.Context) (map[string]time.Time, error) {
	es, err := a.cat.Entries(ctx, drillKind)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for _, e := range es {
		var b drillBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return nil, fmt.Errorf("drill %s: %w", e.ID, record.ErrCorrupt)
		}
		if e.At.After(out[b.Recipient]) {
			out[b.Recipient] = e.At
		}
	}
	return out, nil
}

// rehearsed reports why recovery cannot be relied on; nil when some recovery
// identity opened a document within the year.
func (a *app) rehearsed(ctx context.Context) error {
	when, err := a.drills(ctx)
	if err != nil {
		return err
	}
	newest := time.Time{}
	for _, r := range a.vault.Recovery() {
		if when[r].After(newest) {
			newest = when[r]
		}
	}
	const how = `take the recovery identity and run "chartvault keys drill"`
	switch {
	case newest.IsZero():
		return fmt.Errorf("recovery was never rehearsed: %s: %w", how, record.ErrNotReady)
	case a.now().Sub(newest) > drillEvery:
		return fmt.Errorf("recovery was last rehearsed on %s: %s: %w", newest.Format(time.DateOnly), how, errDrillOld)
	}
	return nil
}

// errDrillOld is a reminder, and stops nothing.
var errDrillOld = errors.New("a year has passed")
