package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/catalog"
	"chartvault/internal/durable"
	"chartvault/record"
)

// batchLine is one batch with its page accounting.
type batchLine struct {
	ID         string            `json:"id"`
	SHA256     string            `json:"source_sha256"`
	ReceivedAt string            `json:"received_at"`
	State      record.BatchState `json:"state"`
	record.Counts

	Step record.BatchState `json:"step,omitempty"` // of a batch on its way: claimed while its pages are read, split while its documents are stored
	Done int               `json:"done,omitempty"` // how many of them
	Of   int               `json:"of,omitempty"`
}

func (e *env) batchesCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "batches",
		Short:   "List batches with their page accounting",
		Long:    "Lists every batch and where its pages went. It needs no passphrase: the list names no patient.",
		Example: "  chartvault batches --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			human := func(l batchLine) {
				fmt.Fprintf(e.out, "%s  %-7s  %4d in = %d filed + %d separators + %d blank + %d in QA\n", l.ID, l.State, l.PagesIn, l.Filed, l.Separators, l.Blanks, l.QA)
			}
			return e.sealedBatches(cmd.Context(), show(e, human))
		},
	}
}

// sealedBatches lists batches without opening the vault: from the daemon, or
// from the clear columns of the catalogue.
func (e *env) sealedBatches(ctx context.Context, f func(json.RawMessage) error) error {
	if _, err := os.Stat(e.data); err != nil {
		return e.noArchive()
	}
	unlock, ok, err := durable.Lock(e.lockFile())
	if err != nil {
		return err
	}
	if ok {
		defer unlock()
	} else if daemon := e.daemon(); daemon != nil {
		return daemon.Call(ctx, "batches", request{Actor: actor(), Params: struct{}{}}, f)
	}
	// Another command may hold the lock; the list can be read beside it.
	cfg, err := loadConfig(e.data)
	if err != nil {
		return err
	}
	if _, err := os.Stat(cfg.path("station.key")); err != nil {
		return e.noArchive()
	}
	station, err := keys.OpenStation(cfg.path("station.key"))
	if err != nil {
		return err
	}
	cat, err := cfg.catalogue(ctx, nil, station.LocalKey())
	if err != nil {
		return err
	}
	return errors.Join(listBatches(ctx, cat.Batches, func(l batchLine) error {
		line, err := json.Marshal(l)
		if err != nil {
			return err
		}
		return f(line)
	}), cat.Close())
}

// part is a part of a long list that is wanted.
type part struct {
	After record.ID `json:"after,omitzero"` // the row that the part comes after
	Most  int       `json:"most,omitempty"` // rows; all when not given
}

// opBatches lists batches: all, the oldest first, or a part, the newest first.
func (a *app) opBatches(ctx context.Context, r asked, out func(any) error) error {
	var p part
	if err := r.params(&p); err != nil {
		return err
	}
	list := a.cat.Batches
	if p.Most > 0 {
		list = func(ctx context.Context) ([]record.Batch, error) { return a.cat.NewestBatches(ctx, catalog.Part(p)) }
	}
	return listBatches(ctx, list, func(l batchLine) error {
		if id, err := record.ParseID(l.ID); err == nil && !l.State.Done() {
			if p, ok := a.meter.step(id); ok {
				l.Step, l.Done, l.Of = p.State, p.Done, p.Of
			}
		}
		return out(l)
	})
}

func listBatches(ctx context.Context, list func(context.Context) ([]record.Batch, error), out func(batchLine) error) error {
	bs, err := list(ctx)
	if err != nil {
		return err
	}
	for _, b := range bs {
		if err := out(lineOfBatch(b)); err != nil {
			return err
		}
	}
	return nil
}
