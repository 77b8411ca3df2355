package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/internal/durable"
	"chartvault/record"
)

// rebuildLine says what a rebuild found.
type rebuildLine struct {
	Documents int      `json:"documents"`
	Batches   int      `json:"batches"`
	Entries   int      `json:"entries"` // of the audit log
	Faults    []string `json:"faults,omitempty"`
}

func (e *env) rebuildCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "rebuild",
		Short:   "Make catalogue and index again from the store and the vault identity",
		Long:    "Empties the catalogue and the index and fills them from the sealed manifests and the audit log. Run it after a\nloss of the data directory, with the configuration pointing at the stores; the passphrase or a recovery identity opens them.",
		Example: "  chartvault rebuild --passphrase-file pass\n  chartvault rebuild --recovery-identity /mnt/usb/recovery.age-identity",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e.rebuilding = true
			return e.call(cmd.Context(), "rebuild", struct{}{}, show(e, func(l rebuildLine) {
				fmt.Fprintf(e.out, "rebuilt: %d documents, %d batches, %d log entries replayed\n", l.Documents, l.Batches, l.Entries)
				for _, f := range l.Faults {
					fmt.Fprintf(e.out, "FAULT %s\n", f)
				}
			}))
		},
	}
}

// change is what an entry of the audit log makes a rebuild do, besides saying
// what happened. Its fields are part of the stored format.
type change struct {
	Actor    record.Actor   `json:"actor"`
	Register *catalog.Entry `json:"register,omitempty"` // an entry of the register as it was from then on
	Facts    []chartFacts   `json:"facts,omitempty"`    // new ones, besides those known
	Reason   string         `json:"reason,omitempty"`
	Assign   *assignment    `json:"assign,omitempty"`
	Gone     *tombstone     `json:"gone,omitempty"`
}

// chartFacts are the facts of one chart.
type chartFacts struct {
	Chart string        `json:"chart"`
	Facts catalog.Facts `json:"facts"`
}

// tombstone is what remains of a destroyed document.
type tombstone struct {
	Document    record.ID      `json:"document"`
	Version     int            `json:"version"`
	Of          record.ID      `json:"of_batch"`
	ChartToken  []byte         `json:"chart_token,omitempty"`
	Type        string         `json:"type"`
	ServiceDate record.Date    `json:"service_date"`
	FiledAt     time.Time      `json:"filed_at"`
	Pages       int            `json:"pages"`
	Bytes       int64          `json:"bytes"`
	At          time.Time      `json:"at,omitzero"`
	Certificate string         `json:"certificate"`
	Batch       *tombstoneRest `json:"batch,omitempty"` // set when the batch went with its last document
}

func (t tombstone) row() catalog.Row {
	return catalog.Row{Document: record.Document{ID: t.Document, Version: t.Version, Batch: t.Of, Type: t.Type, ServiceDate: t.ServiceDate,
		FiledAt: t.FiledAt, Pages: t.Pages, Bytes: t.Bytes}, ChartToken: t.ChartToken, DestroyedAt: t.At, Certificate: t.Certificate}
}

// tombstoneRest is what remains of a batch.
type tombstoneRest struct {
	ID     record.ID         `json:"id"`
	At     int64             `json:"received_ms"`
	State  record.BatchState `json:"state"`
	Counts record.Counts     `json:"counts"`
}

// rebuildMark is a file that says a rebuild has begun and not ended: a
// catalogue that lacks half its holds must not be acted on.
const rebuildMark = "rebuilding"

// What the mark says: how far the rebuild has come.
const (
	markReading   = "a rebuild has begun\n"               // documents are being read back: calling it again goes on
	markReplaying = "a rebuild has read every document\n" // the log is being applied: calling it again begins anew
)

func (a *app) opRebuild(ctx context.Context, r asked, out func(any) error) error {
	if a.watcher != nil {
		return fmt.Errorf("stop the daemon first: %w", record.ErrBusy)
	}
	leave, err := a.cat.Alone(ctx)
	if err != nil {
		return err
	}
	defer leave()
	mark, err := os.ReadFile(a.cfg.path(rebuildMark))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if string(mark) != markReading {
		if err := a.clearCaches(ctx); err != nil {
			return err
		}
	}
	b := &rebuild{app: a, batches: map[record.ID]bool{}, keyless: map[record.ID]bool{}}
	replaying := func(context.Context) error { return writeOnce(a.cfg.path(rebuildMark), markReplaying) }
	for _, step := range []func(context.Context) error{b.readBatches, b.readDocuments, replaying, b.replay, a.resumeCorrections, b.account, a.feed, a.holdArrivals} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	live, err := a.cat.Documents(ctx)
	if err != nil {
		return err
	}
	b.line.Documents = len(live) // some that were read are tombstones now
	if err := a.arch.Journal(ctx, audit.ActRebuilt, "", change{Actor: r.Actor}); err != nil {
		return err
	}
	if err := a.followedAll(ctx); err != nil {
		return err
	}
	if err := errors.Join(a.cat.SetProgress(ctx, catalog.Rebuilding, ""), durable.Remove(a.cfg.path(rebuildMark))); err != nil {
		return err
	}
	for _, f := range b.line.Faults {
		a.log.ErrorContext(ctx, "rebuild", "fault", f)
	}
	if err := out(b.line); err != nil {
		return err
	}
	if n := len(b.line.Faults); n > 0 {
		return fmt.Errorf("rebuilt, but for %d objects: %w", n, record.ErrCorrupt)
	}
	return nil
}

// followedAll writes down that what any server logged has taken effect.
func (a *app) followedAll(ctx context.Context) error {
	ms, err := a.cat.Members(ctx)
	for _, m := range ms {
		err = errors.Join(err, a.cat.SetProgress(ctx, logOf(m.Server), fmt.Sprint(a.arch.Log.Size())))
	}
	return err
}

// clearCaches empties catalogue and index. The mark that documents are being
// read comes last: what is in them then was read since.
func (a *app) clearCaches(ctx context.Context) error {
	if err := errors.Join(writeOnce(a.cfg.path(rebuildMark), markReplaying), a.cat.SetProgress(ctx, catalog.Rebuilding, "begun")); err != nil {
		return err
	}
	a.feeding = feeding{}
	a.fedTo.Store(0)
	a.dueSums.Store(nil)
	if err := errors.Join(a.cat.Clear(ctx), a.index.Clear(ctx)); err != nil {
		return err
	}
	return writeOnce(a.cfg.path(rebuildMark), markReading)
}

// replay applies the log.
func (b *rebuild) replay(ctx context.Context) error {
	return b.entries(0, func(e audit.Entry) error {
		b.line.Entries++
		return b.apply(ctx, e)
	})
}

// account looks at what is stored without a key: destroyed under a
// certificate, or lost.
func (b *rebuild) account(ctx context.Context) error {
	for id := range b.keyless {
		_, derr := b.cat.Document(ctx, id)
		_, berr := b.cat.Batch(ctx, id)
		if errors.Is(derr, record.ErrNotFound) && errors.Is(berr, record.ErrNotFound) {
			b.fault(id.String(), fmt.Errorf("%w: its key is gone, and no certificate says that it was destroyed: restore the keys place from its backup", record.ErrCorrupt))
		}
	}
	return nil
}

// applies reports whether an entry of the log changes what the catalogue has;
// others say what happened.
func applies(action audit.Action) bool {
	switch action {
	case audit.ActFacts, audit.ActDocumentIndexed, audit.ActDestroying, audit.ActDestroyed:
		return true
	}
	return registers(action)
}

func (a *app) apply(ctx context.Context, e audit.Entry) error {
	if !applies(e.Action) {
		return nil
	}
	var c change
	if err := a.arch.OpenBody(ctx, e, &c); err != nil {
		if errors.Is(err, record.ErrDestroyed) {
			return nil // about a document that is gone
		}
		return err
	}
	if c.Register != nil {
		c.Register.Said = e.Seq + 1
		if err := a.putEntry(ctx, *c.Register); err != nil {
			return err
		}
	}
	for _, f := range c.Facts {
		n, err := record.ParseChartNumber(f.Chart)
		if err != nil {
			return err
		}
		if _, err := a.addFacts(ctx, n, f.Facts); err != nil {
			return err
		}
	}
	if c.Assign != nil {
		if err := a.assign(ctx, *c.Assign); err != nil {
			return err
		}
		return a.countSettled(ctx, c.Actor, e.Time, e.Seq)
	}
	if c.Gone != nil {
		return a.applyGone(ctx, e, *c.Gone)
	}
	return nil
}

// destroyAgain makes sure that what a certificate says is gone is gone: the key
// first. A version that a lock still keeps is noise without it.
func (a *app) destroyAgain(ctx context.Context, g tombstone) error {
	has, err := a.vault.HasKey(ctx, g.Document)
	if err != nil {
		return err
	}
	if has {
		a.log.WarnContext(ctx, "a destroyed document had come back and is destroyed again", "document", g.Document.String(), "certificate", g.Certificate)
		if _, err := a.arch.Destroy(ctx, g.Document, g.Version); err != nil {
			return err
		}
	}
	if g.Batch == nil {
		return nil
	}
	_, err = a.destroyBatchAgain(ctx, g.Batch.ID)
	return err
}

// destroyBatchAgain is destroyAgain of a batch that ended with its last document.
func (a *app) destroyBatchAgain(ctx context.Context, id record.ID) (was bool, err error) {
	has, err := a.vault.HasKey(ctx, id)
	if err != nil || !has {
		return false, err
	}
	a.log.WarnContext(ctx, "a destroyed batch had come back and is destroyed again", "batch", id.String())
	_, err = a.arch.DestroyBatch(ctx, id)
	return true, err
}

// applyGone brings back the tombstone of a destroyed document, or the mark of
// one whose destruction had begun.
func (a *app) applyGone(ctx context.Context, e audit.Entry, g tombstone) error {
	if e.Action == audit.ActDestroying {
		// While the key is there nothing has begun: the plan decides again.
		if has, err := a.vault.HasKey(ctx, g.Document); err != nil || has {
			return err
		}
		if err := a.cat.PutTombstone(ctx, g.row()); err != nil {
			return err
		}
		return a.cat.MarkDestroying(ctx, g.Document)
	}
	if err := a.cat.PutTombstone(ctx, g.row()); err != nil {
		return err
	}
	if err := a.cat.Tombstone(ctx, g.Document, g.At, g.Certificate); err != nil {
		return err
	}
	// A keys place or a store put back from a backup has it again.
	if err := a.destroyAgain(ctx, g); err != nil {
		return err
	}
	if g.Batch == nil {
		return nil
	}
	return a.cat.PutBatchTombstone(ctx, g.Batch.ID, g.Batch.At, g.Batch.State, g.Batch.Counts)
}
