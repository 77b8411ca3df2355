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
	"chartvault/internal/durable"
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

type keysListLine struct {
	Site     string               `json:"site"`
	Turn     int                  `json:"turn"` // rotations of the vault identity
	Turning  bool                 `json:"turning,omitempty"`
	Vault    string               `json:"vault"` // recipient
	Recovery []string             `json:"recovery"`
	Drills   map[string]time.Time `json:"drills"` // by recovery recipient
	Ways     []keys.Way           `json:"ways,omitempty"`
	Keys     []int                `json:"keys"` // that each place shows
	Signer   string               `json:"signer"`
}

func (e *env) keysListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what opens the archive, and when recovery was rehearsed", Args: cobra.NoArgs, Example: "  chartvault keys list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "keys-list", struct{}{}, show(e, func(l keysListLine) {
				fmt.Fprintf(e.out, "site %s, vault identity %d, ends %s\n", l.Site, l.Turn, tail(l.Vault))
				if l.Turning {
					fmt.Fprintln(e.out, "  a rotation is not finished: run \"chartvault keys rotate\"")
				}
				for _, r := range l.Recovery {
					when := "never rehearsed"
					if t, ok := l.Drills[r]; ok {
						when = "rehearsed " + t.Format(time.DateOnly)
					}
					fmt.Fprintf(e.out, "  recovery ends %s, %s\n", tail(r), when)
				}
				for _, w := range l.Ways {
					fmt.Fprintf(e.out, "  way %s, %s\n", w.Name, tail(w.Recipient))
				}
				for i, n := range l.Keys {
					fmt.Fprintf(e.out, "  place %d: %d keys of documents and batches\n", i+1, n)
				}
				fmt.Fprintf(e.out, "  depositor %s (this machine)\n", l.Signer)
			}))
		},
	}
}

// tail names a recipient by its end: hybrid ones have two thousand letters.
func tail(s string) string { return s[max(len(s)-12, 0):] }

func (a *app) opKeysList(ctx context.Context, _ asked, out func(any) error) error {
	site := a.vault.Site()
	l := keysListLine{Site: site.ID, Turn: site.Turn, Turning: a.vault.Turning(), Vault: site.Vault, Recovery: a.vault.Recovery(), Ways: a.vault.Ways(), Signer: a.station.ID()}
	var err error
	if l.Drills, err = a.drills(ctx); err != nil {
		return err
	}
	if l.Keys, err = a.vault.Count(ctx); err != nil {
		return err
	}
	return out(l)
}

type keyParams struct {
	ID string `json:"id"`
	To string `json:"to,omitempty"`
}

type keyLine struct {
	ID record.ID `json:"id"`
	keys.Inspection
}

func (e *env) keysInspectCmd() *cobra.Command {
	return &cobra.Command{
		Use: "inspect ID", Short: "Say where the key of a document or batch lies, without showing it", Args: cobra.ExactArgs(1), Example: "  chartvault keys inspect kq7cdhvdp2ysprwztgjpq52fia",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.call(cmd.Context(), "keys-inspect", keyParams{ID: args[0]}, show(e, func(l keyLine) {
				fmt.Fprintf(e.out, "%s: recipient ends %s\n", l.ID, tail(l.Recipient))
				for i, p := range l.Places {
					fmt.Fprintf(e.out, "  place %d: %s\n", i+1, p)
				}
			}))
		},
	}
}

func (a *app) opKeysInspect(ctx context.Context, r asked, out func(any) error) error {
	var p keyParams
	if err := r.params(&p); err != nil {
		return err
	}
	id, err := record.ParseID(p.ID)
	if err != nil {
		return err
	}
	in, err := a.vault.Inspect(ctx, id)
	if err != nil {
		return err
	}
	return out(keyLine{id, in})
}

type exportLine struct {
	Sealed []byte `json:"sealed"`
}

func (e *env) keysExportCmd() *cobra.Command {
	var p keyParams
	var file string
	c := &cobra.Command{
		Use: "export ID --to RECIPIENT --out FILE", Short: "Hand the key of one document to somebody, sealed to them", Args: cobra.ExactArgs(1),
		Long:    "Writes the identity of one document or batch, as the stock age tool reads it, encrypted to an age recipient. Whoever opens\nit reads that document for ever, wherever its objects are: it is logged as a disclosure.",
		Example: "  chartvault keys export kq7cdhvdp2ysprwztgjpq52fia --to age1... --out doc.key.age",
		RunE: func(cmd *cobra.Command, args []string) error {
			p.ID = args[0]
			return e.call(cmd.Context(), "keys-export", p, func(line json.RawMessage) error {
				var l exportLine
				if err := json.Unmarshal(line, &l); err != nil {
					return err
				}
				_, err := durable.Create(file, bytes.NewReader(l.Sealed), 0o600)
				return err
			})
		},
	}
	c.Flags().StringVar(&p.To, "to", "", "age recipient")
	c.Flags().StringVar(&file, "out", "", "file to write")
	must(c.MarkFlagRequired("to"))
	must(c.MarkFlagRequired("out"))
	return c
}

func (a *app) opKeysExport(ctx context.Context, r asked, out func(any) error) error {
	var p keyParams
	if err := r.params(&p); err != nil {
		return err
	}
	id, err := record.ParseID(p.ID)
	if err != nil {
		return err
	}
	b, err := a.vault.Export(ctx, id, p.To)
	if err != nil {
		return err
	}
	k, err := a.vault.Key(ctx, id)
	if err != nil {
		return err
	}
	// Before it leaves.
	if err := a.arch.Note(ctx, audit.ActKeyExported, k, map[string]any{"actor": r.Actor, "to": p.To}); err != nil {
		return err
	}
	return out(exportLine{b})
}
