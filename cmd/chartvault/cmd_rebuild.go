package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/record"
)

// rebuildLine says what a rebuild found.
type rebuildLine struct {
	Documents int `json:"documents"`
	Batches   int `json:"batches"`
	Entries   int `json:"entries"` // of the audit log
}

func (e *env) rebuildCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "rebuild",
		Short:   "Make catalogue and index again from the store and the vault identity",
		Long:    "Empties the catalogue and the index and fills them from the sealed manifests and the audit log. Run it after a\nloss of the data directory, with the configuration pointing at the stores; the passphrase or a recovery identity opens them.",
		Example: "  chartvault rebuild --passphrase-file pass\n  chartvault rebuild --recovery-identity /mnt/usb/recovery.age-identity",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "rebuild", struct{}{}, show(e, func(l rebuildLine) {
				fmt.Fprintf(e.out, "rebuilt: %d documents, %d batches, %d log entries replayed\n", l.Documents, l.Batches, l.Entries)
			}))
		},
	}
}

// change is what an entry of the audit log makes a rebuild do, besides saying
// what happened. Its fields are part of the stored format.
type change struct {
	Actor    record.Actor   `json:"actor"`
	Register *catalog.Entry `json:"register,omitempty"` // a hold, approver, plan or certificate as it was from then on
	Facts    []chartFacts   `json:"facts,omitempty"`
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

func (a *app) opRebuild(ctx context.Context, r asked, out func(any) error) error {
	if err := a.cat.Clear(ctx); err != nil {
		return err
	}
	if err := a.index.Clear(ctx); err != nil {
		return err
	}
	var l rebuildLine
	stored, err := a.arch.StoredDocuments(ctx)
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	for id, version := range stored {
		s, err := a.arch.Load(ctx, id, version)
		if errors.Is(err, record.ErrDestroyed) {
			continue // ciphertext without a key: under a lock, or to be swept
		}
		if err != nil {
			return fmt.Errorf("rebuild: document %s: %w", id, err)
		}
		row, err := ingest.Row(s.Manifest, s.Key)
		if err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		if err := a.cat.PutDocument(ctx, row); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		l.Documents++
	}
	if l.Batches, err = a.rebuildBatches(ctx); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if l.Entries, err = a.replay(ctx); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if err := a.feed(ctx); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActRebuilt, "", change{Actor: r.Actor}); err != nil {
		return err
	}
	return out(l)
}

func (a *app) rebuildBatches(ctx context.Context) (int, error) {
	ids, err := a.arch.StoredBatches(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range ids {
		m, err := a.arch.LoadBatch(ctx, id)
		if errors.Is(err, record.ErrDestroyed) {
			continue
		}
		if err != nil {
			return n, fmt.Errorf("batch %s: %w", id, err)
		}
		b := record.Batch{ID: id, Size: m.Size, Name: record.NewPrivate(m.Name), ReceivedAt: m.ReceivedAt, State: m.State, Counts: m.Counts}
		copy(b.SHA256[:], m.SHA256)
		if err := a.cat.PutBatch(ctx, b); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// replay applies the changes in the audit log, in order.
func (a *app) replay(ctx context.Context) (int, error) {
	n := a.arch.Log.Size()
	const step = 1000
	for from := int64(0); from < n; from += step {
		lines, err := a.arch.Log.Lines(from, min(from+step, n))
		if err != nil {
			return int(from), err
		}
		for _, line := range lines {
			var e audit.Entry
			if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
				return int(from), fmt.Errorf("log entry: %w", record.ErrCorrupt)
			}
			if err := a.apply(ctx, e); err != nil {
				return int(e.Seq), fmt.Errorf("log entry %d: %w", e.Seq, err)
			}
		}
	}
	return int(n), nil
}

func (a *app) apply(ctx context.Context, e audit.Entry) error {
	switch e.Action {
	case audit.ActHoldPlaced, audit.ActHoldReleased, audit.ActApproverAdded, audit.ActPlanned, audit.ActApproved,
		audit.ActPlanCancelled, audit.ActPlanExecuting, audit.ActCertified, audit.ActFacts, audit.ActDocumentIndexed,
		audit.ActDestroying, audit.ActDestroyed:
	default:
		return nil // it says what happened and changes nothing
	}
	var c change
	if err := a.arch.OpenBody(ctx, e, &c); err != nil {
		if errors.Is(err, record.ErrDestroyed) {
			return nil // about a document that is gone
		}
		return err
	}
	if c.Register != nil {
		if err := a.cat.PutEntry(ctx, *c.Register); err != nil {
			return err
		}
	}
	for _, f := range c.Facts {
		n, err := record.ParseChartNumber(f.Chart)
		if err != nil {
			return err
		}
		if err := a.cat.SetFacts(ctx, n, f.Facts); err != nil {
			return err
		}
	}
	if c.Assign != nil {
		return a.assign(ctx, *c.Assign)
	}
	if c.Gone != nil {
		return a.applyGone(ctx, e, *c.Gone)
	}
	return nil
}

// applyGone brings back the tombstone of a destroyed document, or the mark of
// one whose destruction had begun.
func (a *app) applyGone(ctx context.Context, e audit.Entry, g tombstone) error {
	if err := a.cat.PutTombstone(ctx, g.row()); err != nil {
		return err
	}
	if e.Action == audit.ActDestroying {
		return a.cat.MarkDestroying(ctx, g.Document)
	}
	if err := a.cat.Tombstone(ctx, g.Document, g.At, g.Certificate); err != nil {
		return err
	}
	if g.Batch == nil {
		return nil
	}
	return a.cat.PutBatchTombstone(ctx, g.Batch.ID, g.Batch.At, g.Batch.State, g.Batch.Counts)
}
