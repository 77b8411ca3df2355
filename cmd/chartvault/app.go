package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"chartvault/accounts"
	"chartvault/archive"
	"chartvault/archive/blob"
	"chartvault/archive/blob/steady"
	"chartvault/archive/keys"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/ingest"
	"chartvault/internal/durable"
	"chartvault/mpi"
	"chartvault/ocr"
	"chartvault/record"
	"chartvault/release"
	"chartvault/search"
)

// app is an open archive: everything wired together. It holds the data
// directory's lock.
type app struct {
	cfg       *config
	log       *slog.Logger
	now       func() time.Time
	docs      blob.Store
	places    []blob.Store
	remotes   []*steady.Store // documents and keys, where they lie on a network
	station   *keys.Station
	vault     *keys.Vault
	arch      *archive.Archive
	cat       *catalog.DB
	index     *search.Index
	pool      *ocr.Pool
	pipeline  *ingest.Pipeline
	patients  atomic.Pointer[mpi.List] // nil without a patient list
	listLost  atomic.Bool              // a patient list was imported once and cannot be had
	relatives atomic.Pointer[kin]      // whose numbers are whose

	watcher *ingest.Watcher // nil unless the daemon runs
	outbox  *archive.Outbox // what was taken in while the vault was not open
	meter   meter

	imports importer

	desk     *disposition.Desk
	releases *release.Desk

	accounts  atomic.Pointer[accounts.Desk] // who is signed in, while pages are served
	made      atomic.Pointer[madeOf]        // which documents were made of which, by corrections
	became    atomic.Pointer[madeOf]        // and into which
	correctMu *turn                         // one correction carried out at a time

	askedMu     *turn      // what one request holds is worked out at a time
	enrolMu     *turn      // one approver enrolled at a time, from the pages
	emergencyMu *turn      // one review of an access in an emergency at a time
	patientsMu  *turn      // one patient list taken at a time
	kinMu       *turn      // one change of whose numbers are whose at a time
	decideMu    *turn      // everything decided anew by one at a time
	runs        *turn      // one execution of a plan at a time
	heldMu      *turn      // what saved searches of holds find is written down once at a time
	importMu    *turn      // one change of an import's entry at a time
	doorMu      sync.Mutex // one deposit taken over at a time, here
	feedMu      sync.Mutex // one feed of the index at a time; guards feeding
	feeding     feeding
	fedTo       atomic.Int64                     // the catalogue's change that the index has, with all before it
	moved       tally                            // changes that may move the day on which a document ends, after they took effect
	countMu     sync.Mutex                       // guards counted
	counted     *counted                         // the census that was taken last; nil for none
	evaluateMu  *turn                            // one evaluation at a time
	dueSums     atomic.Pointer[[]catalog.DueSum] // what the last one found, summed up; nil before the first
	bound       tally                            // changes of what forbids or delays the end of documents
	boundMu     sync.Mutex
	binding     *bindings                 // as of the last such change somebody looked at
	markMu      *turn                     // one change of what is said about a batch at a time
	restrictMu  *turn                     // one change of a restriction at a time
	shutMu      sync.Mutex                // guards shut
	shut        *restrictions             // as of the last change somebody looked at
	began       atomic.Pointer[time.Time] // with the monotonic clock, to notice that the wall clock jumped
	listTaken   tally                     // patient lists
	kinned      tally                     // changes of whose numbers are whose
	remade      tally                     // of which documents were made of which
	peopled     tally                     // of who may do what
	readMu      sync.Mutex                // whose numbers are whose, what was made of what, and the patient list are read and kept by one at a time: the last to read knows most
	hearMu      sync.Mutex                // guards heard
	heard       catalog.Heard             // of the other servers, and done
	cleanedAs   int64                     // the newest clean-up of the index that others asked for and that is done
	stuck       atomic.Int64              // one more than the first entry of the log that has not taken effect; 0 for none
	thawed      tally                     // of clocks, by people
	caughtUp    bool                      // the catalogue has followed the log
	opened      atomic.Bool               // what is kept in memory is there
	rebuilding  bool
	restored    bool // the servers' log came back from a backup, and the rest of the catalogue with it
	unlock      func()
	closed      atomic.Bool
	exposed     []string // how keys in memory may leave it

	witnessed atomic.Pointer[error] // what the witnesses said last
	followed  atomic.Int64          // length of the log when it was last published
}

// unlocker opens the vault: by passphrase or by a recovery identity.
type unlocker func(ctx context.Context, places keys.Places) (*keys.Vault, error)

// open opens the archive in a data directory, holding its lock until Close.
func open(ctx context.Context, cfg *config, by unlocker, log *slog.Logger, rebuilding bool, unlock func()) (_ *app, err error) {
	a := &app{cfg: cfg, log: log, now: time.Now, unlock: unlock, rebuilding: rebuilding, imports: importer{wake: make(chan struct{}, 1)}}
	clocks{a}.trust()
	a.exposed = keys.Guard()
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close(context.WithoutCancel(ctx)))
		}
	}()
	docs, places, err := cfg.stores(ctx)
	if err != nil {
		return nil, err
	}
	a.docs, a.places = docs, places
	for _, s := range append([]blob.Store{docs}, places...) {
		if r, ok := s.(*steady.Store); ok {
			a.remotes = append(a.remotes, r)
		}
	}
	if a.station, err = keys.OpenStation(cfg.path("station.key")); err != nil {
		return nil, err
	}
	if a.vault, err = by(ctx, places); err != nil {
		return nil, err
	}
	if err := a.vault.Trust(ctx, a.me()); err != nil {
		return nil, err
	}
	if err := a.openCatalogue(ctx); err != nil {
		return nil, err
	}
	a.takeTurns()
	// Whatever others change from here on is heard of once this server has read
	// what there is.
	if a.heard, err = a.cat.Hear(ctx); err != nil {
		return nil, err
	}
	lg, err := a.openLog(ctx)
	if err != nil {
		return nil, err
	}
	a.arch = &archive.Archive{Docs: docs, Vault: a.vault, Station: a.station, Log: lg, Spool: cfg.path("spool"),
		Policy: "schedule", Now: a.now}
	if cfg.Production { // a lock cannot be taken back: trials lock nothing
		a.arch.LockDays = cfg.Storage.LockDays
	}
	if err := a.quarantine(ctx); err != nil {
		return nil, err
	}
	if a.cat.Shared() {
		a.arch.Position = published{a}
	}
	if err := a.openIndex(ctx); err != nil {
		return nil, err
	}
	if err := a.writeCard(); err != nil {
		return nil, err
	}
	if a.releases, err = a.newReleases(); err != nil {
		return nil, err
	}
	if a.desk = a.newDesk(); !rebuilding {
		// Before any entry of a wrong time can hide that a clock jumped.
		if err := a.desk.Watch(ctx); err != nil {
			a.log.ErrorContext(ctx, "the clocks could not be compared", "err", err)
		}
	}
	if err := a.wireIngest(); err != nil {
		return nil, err
	}
	a.outbox = newOutbox(cfg, a.station, a.vault.Recipient())
	if rebuilding {
		a.caughtUp = true
		return a, a.sweepSpool(ctx)
	}
	if err := a.catchUp(ctx); err != nil {
		return nil, err
	}
	a.caughtUp = true
	if err := a.sweepSpool(ctx); err != nil {
		return nil, err
	}
	if err := a.mapMade(ctx); err != nil {
		return nil, err
	}
	a.opened.Store(true)
	if err := a.resumeAlone(ctx); err != nil {
		// It is tried again at the next start; reading and filing go on.
		a.log.ErrorContext(ctx, "a destruction is not finished", "err", err)
	}
	return a, nil
}

// openCatalogue opens the catalogue. It can be made again: for a rebuild one that
// does not open is put aside.
func (a *app) openCatalogue(ctx context.Context) (err error) {
	interrupted := fmt.Errorf(`a rebuild was interrupted: run "chartvault rebuild" again: %w`, record.ErrNotReady)
	if fileExists(a.cfg.path(rebuildMark)) && !a.rebuilding {
		return interrupted
	}
	a.cat, err = a.cfg.catalogue(ctx, a.vault, a.station)
	if err != nil && a.rebuilding && a.cfg.Catalogue.Engine == "sqlite" {
		a.log.ErrorContext(ctx, "the catalogue does not open and is put aside", "err", err)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			old := a.cfg.path("catalogue.db") + suffix
			if _, serr := os.Stat(old); serr == nil {
				if merr := durable.Move(old, old+".broken-"+a.now().UTC().Format("20060102T150405")); merr != nil {
					return errors.Join(err, merr)
				}
			}
		}
		a.cat, err = a.cfg.catalogue(ctx, a.vault, a.station)
	}
	if err != nil {
		return err
	}
	// By another server, where there are several.
	if begun, err := a.cat.Progress(ctx, catalog.Rebuilding); err != nil || begun != "" && !a.rebuilding {
		return errors.Join(err, interrupted)
	}
	return nil
}

// openIndex opens the index. One that does not open is begun anew.
func (a *app) openIndex(ctx context.Context) (err error) {
	dir, own := a.cfg.path("index"), a.shards()
	if a.index, err = search.Open(ctx, dir, own); err != nil {
		a.log.ErrorContext(ctx, "the index does not open and is made again", "err", err)
		if err := durable.RemoveAll(dir); err != nil {
			return err
		}
		a.index, err = search.Open(ctx, dir, own)
	}
	return err
}

// sweepSpool removes what a crash left of batches that are done.
func (a *app) sweepSpool(ctx context.Context) error {
	err := sweepSpool(a.cfg.path("spool"), func(id record.ID) (bool, error) {
		b, err := a.cat.Batch(ctx, id)
		if errors.Is(err, record.ErrNotFound) {
			return false, nil
		}
		return err == nil && !b.State.Done(), err
	})
	if err != nil {
		return err
	}
	return durable.Sweep(filepath.Join(a.cfg.path("spool"), "out"))
}

// sweepSpool removes the folders of batches from a spool, but for those that
// are to be kept. What is no batch's stays: sealed files on their way, and kept
// sources.
func sweepSpool(spool string, keep func(record.ID) (bool, error)) error {
	ents, err := os.ReadDir(spool)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range ents {
		id, err := record.ParseID(e.Name())
		if err != nil {
			continue
		}
		if stays, err := keep(id); err != nil || stays {
			if err != nil {
				return err
			}
			continue
		}
		if err := durable.RemoveAll(filepath.Join(spool, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) wireIngest() (err error) {
	if a.pool, a.pipeline, err = newPipeline(a.cfg, a.now, a.log); err != nil {
		return err
	}
	a.pipeline.Archive, a.pipeline.Catalogue, a.pipeline.Patients, a.pipeline.Elsewhere = a.arch, a.cat, a.patients.Load, a.elsewhereBegun
	if err := a.loadPatients(context.Background(), a.pipeline.Sheets); err != nil {
		return err
	}
	a.moved.Heard()
	a.bound.Heard()
	return a.relate(context.Background())
}

// Close finishes the audit log and lets everything go, in the reverse order.
// Closing again does nothing.
func (a *app) Close(ctx context.Context) error {
	if a.closed.Swap(true) {
		return nil
	}
	var errs []error
	if a.pool != nil {
		errs = append(errs, a.pool.Close())
	}
	switch {
	case a.arch != nil && a.caughtUp:
		a.tell(ctx)
		errs = append(errs, a.publishLast(ctx), a.arch.Log.Close())
	case a.arch != nil:
		errs = append(errs, a.arch.Log.Close())
	}
	if a.index != nil {
		errs = append(errs, a.index.Close())
	}
	if a.cat != nil {
		if errors.Join(errs...) == nil && a.caughtUp { // nothing is left that others would have to finish
			errs = append(errs, a.cat.Leaving(ctx, a.now()))
		}
		errs = append(errs, a.cat.Close())
	}
	if a.unlock != nil {
		a.unlock()
	}
	return errors.Join(errs...)
}
