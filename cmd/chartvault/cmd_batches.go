package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

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

	Source string `json:"source,omitempty"` // the folder the scan lay in
	Waits  int    `json:"waits,omitempty"`  // of its documents, for a decision
	Keeper string `json:"keeper,omitempty"` // who has its questions in hand
	Urgent bool   `json:"urgent,omitempty"` // its questions come first
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
	cat, err := cfg.catalogue(ctx, nil, station)
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

// batchesWanted says which batches are listed.
type batchesWanted struct {
	part
	Only string `json:"only,omitempty"` // on its way, unread, waiting, urgent or mine; only in parts
}

// Batches that are listed by what people said about them.
const (
	onlyUrgent = "urgent"
	onlyMine   = "mine"
)

// opBatches lists batches: all, the oldest first, or a part, the newest first.
func (a *app) opBatches(ctx context.Context, r asked, out func(any) error) error {
	var p batchesWanted
	if err := r.params(&p); err != nil {
		return err
	}
	marks, err := a.marks(ctx)
	if err != nil {
		return err
	}
	if p.Only != "" && p.Only != onlyUrgent && p.Only != onlyMine && p.Most <= 0 {
		return fmt.Errorf("batches %q: %w: they are listed so in parts: say how many at most", p.Only, record.ErrInvalid)
	}
	list, asking := a.cat.Batches, a.waitsOf
	switch {
	case p.Only == onlyUrgent || p.Only == onlyMine: // which are few, and are asked for before each question
		list = func(ctx context.Context) ([]record.Batch, error) { return a.markedBatches(ctx, r.Actor, p, marks) }
	case p.Most > 0:
		list = func(ctx context.Context) ([]record.Batch, error) {
			return a.cat.NewestBatches(ctx, catalog.Part(p.part), catalog.BatchFilter(p.Only))
		}
	}
	if p.Only != onlyUrgent && p.Only != onlyMine {
		all, err := a.cat.WaitingByBatch(ctx)
		if err != nil {
			return err
		}
		asking = func(_ context.Context, id string) (int, error) { return all[id], nil }
	}
	return listBatches(ctx, list, func(l batchLine) error {
		l = a.onItsWay(l).marked(marks[l.ID])
		var err error
		if l.Waits, err = asking(ctx, l.ID); err != nil {
			return err
		}
		return out(l)
	})
}

// waitsOf counts the documents of a batch that wait for a decision.
func (a *app) waitsOf(ctx context.Context, batch string) (n int, err error) {
	id, err := record.ParseID(batch)
	if err != nil {
		return 0, err
	}
	rows, err := a.cat.OfBatch(ctx, id)
	for _, r := range rows {
		if waits(r) {
			n++
		}
	}
	return n, err
}

// markedBatches are the urgent ones, or those that whoever asks has in hand, newest
// first.
func (a *app) markedBatches(ctx context.Context, who record.Actor, p batchesWanted, marks map[string]batchMark) (out []record.Batch, err error) {
	for id, m := range marks {
		if p.Only == onlyMine && m.Keeper != signedIn(who) || p.Only == onlyUrgent && !m.Urgent {
			continue
		}
		n, err := record.ParseID(id)
		if err != nil {
			return nil, err
		}
		b, err := a.cat.Batch(ctx, n)
		if errors.Is(err, record.ErrNotFound) { // it was forgotten, and what was said of it says nothing
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("batch %s: %w", id, err)
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(x, y record.Batch) int {
		return cmp.Or(y.ReceivedAt.Compare(x.ReceivedAt), strings.Compare(y.ID.String(), x.ID.String()))
	})
	if i := slices.IndexFunc(out, func(b record.Batch) bool { return b.ID == p.After }); i >= 0 {
		out = out[i+1:]
	}
	if p.Most > 0 {
		out = out[:min(len(out), p.Most)]
	}
	return out, nil
}

// onItsWay is a batch with how far it is, while it is read and stored.
func (a *app) onItsWay(l batchLine) batchLine {
	if id, err := record.ParseID(l.ID); err == nil && !l.State.Done() {
		if p, ok := a.meter.step(id); ok {
			l.Step, l.Done, l.Of = p.State, p.Done, p.Of
		}
	}
	return l
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
