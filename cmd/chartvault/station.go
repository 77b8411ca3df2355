package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"chartvault/archive"
	"chartvault/archive/blob"
	"chartvault/archive/keys"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/ocr"
	"chartvault/record"
)

// depositing is a machine that takes scans in and cannot open the archive: a
// scanning station, or a server whose vault is not open.
type depositing struct {
	cfg     *config
	log     *slog.Logger
	now     func() time.Time
	card    card
	station *keys.Station
	outbox  *archive.Outbox
	pool    *ocr.Pool
	watcher *ingest.Watcher
	meter   meter

	said  map[record.ID]string   // what was logged of a deposit last
	begun map[[32]byte]record.ID // batches that wait for the vault, by their source
}

func newOutbox(cfg *config, station *keys.Station, vault string) *archive.Outbox {
	return &archive.Outbox{Dir: cfg.path("outbox"), Vault: vault, Station: station, Policy: "schedule"}
}

// ledger is the outbox as the catalogue of a machine that has none.
type ledger struct {
	*archive.Outbox
	begun map[[32]byte]record.ID
}

// Claim is the outbox's, but for sources that were begun before: what is
// sealed of them is under a key that only the vault opens, and goes on there.
func (l ledger) Claim(ctx context.Context, b record.Batch) (record.Batch, bool, error) {
	if id, ok := l.begun[b.SHA256]; ok {
		return b, false, fmt.Errorf("batch %s was begun before, and waits until the vault is open: %w", id, record.ErrSealed)
	}
	return l.Outbox.Claim(ctx, b)
}

// SetBatch does nothing: how far a batch is that has no ticket is not kept.
func (ledger) SetBatch(context.Context, record.ID, record.BatchState, record.Counts) error {
	return nil
}

// File does nothing: the batch's ticket says it.
func (ledger) File(context.Context, record.ID, record.BatchState, record.Counts, []catalog.Keyed) error {
	return nil
}

// newDepositing prepares taking in. The caller holds the data directory's lock.
func newDepositing(cfg *config, log *slog.Logger) (*depositing, error) {
	d := &depositing{cfg: cfg, log: log, now: time.Now, said: map[record.ID]string{}}
	for _, how := range keys.Guard() {
		log.Warn("keys in memory", "exposed", how)
	}
	var err error
	if d.card, err = readCard(cfg.path(cardFile)); err != nil {
		return nil, err
	}
	if d.station, err = keys.OpenStation(cfg.path("station.key")); err != nil {
		return nil, err
	}
	d.outbox = newOutbox(cfg, d.station, d.card.Vault)
	if err := d.outbox.Sweep(); err != nil {
		return nil, err
	}
	if err := d.findBegun(); err != nil {
		return nil, err
	}
	// Of a batch that was on its way here the key was forgotten with the process,
	// and its source comes in again.
	begun := slices.Collect(maps.Values(d.begun))
	if err := sweepSpool(cfg.path("spool"), func(id record.ID) (bool, error) { return slices.Contains(begun, id), nil }); err != nil {
		return nil, err
	}
	if err := cfg.warm(); err != nil {
		return nil, err
	}
	var pipe *ingest.Pipeline
	if d.pool, pipe, err = newPipeline(cfg, d.now, log); err != nil {
		return nil, err
	}
	pipe.Archive, pipe.Catalogue, pipe.Progress = d.outbox, ledger{d.outbox, d.begun}, d.meter.progress
	d.watcher = newWatcher(cfg, pipe, log, d.sealed, d.outbox.Holds)
	return d, nil
}

// findBegun finds the batches that a server had begun when it ended. A station
// has no catalogue, and none.
func (d *depositing) findBegun() error {
	if d.cfg.Catalogue.Engine == "sqlite" && !fileExists(d.cfg.path("catalogue.db")) {
		return nil
	}
	ctx := context.Background()
	cat, err := d.cfg.catalogue(ctx, nil, d.station)
	if err != nil {
		return err
	}
	bs, err := cat.Batches(ctx)
	if err := errors.Join(err, cat.Close()); err != nil {
		return err
	}
	d.begun = map[[32]byte]record.ID{}
	for _, b := range bs {
		if !b.State.Done() {
			d.begun[b.SHA256] = b.ID
		}
	}
	return nil
}

func (d *depositing) sealed(r ingest.Result) {
	d.log.Info("batch sealed", "batch", r.ID.String(), "state", string(r.State), "pages", r.Counts.PagesIn, "filed", r.Counts.Filed,
		"separators", r.Counts.Separators, "blanks", r.Counts.Blanks, "qa", r.Counts.QA, "again", r.Duplicate)
}

// run takes scans in and sends them until ctx ends.
func (d *depositing) run(ctx context.Context, docs blob.Store, places []blob.Store, ask func(context.Context) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.watcher.Run(gctx) })
	g.Go(func() error { return d.sending(gctx, docs, places, ask) })
	return errors.Join(g.Wait(), d.pool.Close())
}

// sending puts down what is sealed and then asks what became of it. What
// fails is tried again, more and more rarely while it keeps failing.
func (d *depositing) sending(ctx context.Context, docs blob.Store, places []blob.Store, ask func(context.Context) error) error {
	first := time.Duration(d.cfg.Ingest.Poll)
	wait, failed := first, false
	for {
		err := errors.Join(d.send(ctx, docs, places), ask(ctx))
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if failed {
				d.log.Info("deposits go on")
			}
			wait, failed = first, false
		default:
			if !failed {
				d.log.ErrorContext(ctx, "deposits wait in the outbox; it is tried again", "err", err)
			}
			wait, failed = min(2*wait, time.Minute), true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (d *depositing) send(ctx context.Context, docs blob.Store, places []blob.Store) error {
	held, err := d.outbox.Held()
	if err != nil {
		return err
	}
	for _, h := range held {
		if h.Sent {
			continue
		}
		if err := d.outbox.Send(ctx, h.ID, docs, places); err != nil {
			return err
		}
		d.log.InfoContext(ctx, "batch sent", "batch", h.ID.String())
	}
	return nil
}

// asking returns what asks the server about everything that was sent, and
// drops what it has taken over.
func (d *depositing) asking() (func(context.Context) error, error) {
	client := &http.Client{Timeout: 30 * time.Second}
	if f := d.cfg.Station.CAFile; f != "" {
		tr, err := tlsTransport(d.cfg.path(f))
		if err != nil {
			return nil, fmt.Errorf("station.ca_file: %w", err)
		}
		client.Transport = tr
	}
	return func(ctx context.Context) error {
		held, err := d.outbox.Held()
		if err != nil {
			return err
		}
		var ids []record.ID
		for _, h := range held {
			if h.Sent {
				ids = append(ids, h.ID)
			}
		}
		if len(ids) == 0 {
			return nil
		}
		a, err := d.card.ask(ctx, client, d.cfg.Station.Server, d.station, d.now(), ids)
		if err != nil {
			return err
		}
		if a.Vault != d.card.Vault {
			d.once(record.ID{}, "the vault was rotated: carry a new site card here")
		}
		for _, id := range ids {
			if err := d.settle(id, a.Batches[id.String()]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// settle does what the server's word about a batch means.
func (d *depositing) settle(id record.ID, what depositor) error {
	switch what.State {
	case depositFiled, depositDuplicate:
		d.log.Info("batch "+what.State, "batch", id.String())
		return d.outbox.Drop(id)
	case depositUnknown:
		d.once(id, "the server finds nothing of it: it is sent again")
		return d.outbox.Unsend(id)
	case depositQuarantined:
		d.once(id, "it is in quarantine: "+what.Why)
	}
	return nil
}

// once logs something about a batch unless it was what was logged last.
func (d *depositing) once(id record.ID, what string) {
	if d.said[id] != what {
		d.said[id] = what
		d.log.Warn("deposit", "batch", id.String(), "what", what)
	}
}
