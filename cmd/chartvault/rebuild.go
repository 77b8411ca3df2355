package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"chartvault/archive"
	"chartvault/archive/seal"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/record"
	"chartvault/search"
)

// rebuild is a rebuild on its way.
type rebuild struct {
	*app
	line    rebuildLine
	batches map[record.ID]bool // that have a manifest: their documents are filed
	keyless map[record.ID]bool // stored, without a key
}

func (b *rebuild) fault(object string, err error) {
	b.line.Faults = append(b.line.Faults, fmt.Sprintf("%s: %v", object, err))
}

// finding reports whether an error is about what is stored, and will not go
// away; a store that does not answer is none, and stops the rebuild.
func finding(err error) bool {
	return errors.Is(err, record.ErrCorrupt) || errors.Is(err, record.ErrNotFound) || errors.Is(err, record.ErrInvalid) || errors.Is(err, record.ErrDenied)
}

func (b *rebuild) readBatches(ctx context.Context) error {
	ids, err := b.arch.StoredBatches(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, _, err := b.readBatch(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// readBatch puts a batch into the catalogue from its manifest; ok is false for
// one that cannot be had, which is a finding.
func (b *rebuild) readBatch(ctx context.Context, id record.ID) (m *seal.BatchManifest, ok bool, err error) {
	m, err = b.arch.LoadBatch(ctx, id)
	if errors.Is(err, record.ErrDestroyed) {
		b.keyless[id] = true
		return nil, false, nil
	}
	b.batches[id] = true
	if err != nil && !finding(err) {
		return nil, false, fmt.Errorf("batch %s: %w", id, err)
	}
	if err != nil {
		b.fault("batch "+id.String(), err)
		return nil, false, ctx.Err()
	}
	row := record.Batch{ID: id, Size: m.Size, Name: record.NewPrivate(m.Name), ReceivedAt: m.ReceivedAt, State: m.State, Counts: m.Counts}
	copy(row.SHA256[:], m.SHA256)
	if err := b.cat.PutBatch(ctx, row); err != nil {
		return nil, false, err
	}
	b.line.Batches++
	return m, true, nil
}

func (b *rebuild) readDocuments(ctx context.Context) error {
	stored, err := b.arch.StoredDocuments(ctx)
	if err != nil {
		return err
	}
	for id, version := range stored { // an interrupted rebuild read some before
		row, err := b.cat.Document(ctx, id)
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return err
		}
		has, herr := b.index.Has(ctx, id)
		if herr != nil {
			return herr
		}
		if err == nil && has && row.Version == version {
			delete(stored, id)
		}
	}
	// Manifests are fetched and opened many at once and written one after the
	// other: the stores answer in parallel, the databases do not.
	read := make(chan rebuilt)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(rebuildAtOnce + 1)
	g.Go(func() error { return b.write(gctx, read, len(stored)) })
	for id, version := range stored {
		g.Go(func() error {
			d := b.fetch(gctx, id, version)
			select {
			case read <- d:
				return nil
			case <-gctx.Done():
				return gctx.Err()
			}
		})
	}
	return g.Wait()
}

// rebuildAtOnce is how many documents are fetched at once.
const rebuildAtOnce = 12

// rebuilt is a document as it was read back; err says why not.
type rebuilt struct {
	id      record.ID
	batch   record.ID
	row     catalog.Keyed
	objects []archive.Object
	entry   search.Entry
	err     error
}

// fetch reads a document's manifest and what lies beside it in the store.
func (b *rebuild) fetch(ctx context.Context, id record.ID, version int) (d rebuilt) {
	d.id = id
	s, err := b.arch.Load(ctx, id, version)
	if err != nil {
		d.err = err
		return d
	}
	d.batch = s.Manifest.Batch
	if d.row, d.err = ingest.Row(s.Manifest, s.Key); d.err != nil {
		return d
	}
	if d.objects, d.err = b.arch.Objects(ctx, s); d.err != nil {
		return d
	}
	d.entry, d.err = indexEntry(d.row.Document, s.Manifest)
	return d
}

// write takes what was fetched into catalogue and index, and leaves the index
// at the catalogue's position.
func (b *rebuild) write(ctx context.Context, read <-chan rebuilt, n int) error {
	var some []rebuilt
	for i := range n {
		select {
		case d := <-read:
			some = append(some, d)
		case <-ctx.Done():
			return ctx.Err()
		}
		if len(some) == rebuildStep || i == n-1 {
			if err := b.put(ctx, some...); err != nil {
				return err
			}
			some = nil
		}
		if (i+1)%1000 == 0 {
			b.log.InfoContext(ctx, "rebuilding", "documents", i+1, "of", n)
		}
	}
	seq, err := b.cat.LastChange(ctx)
	if err != nil {
		return err
	}
	return b.index.Apply(ctx, search.Change{Position: seq})
}

// rebuildStep is how many documents one transaction writes.
const rebuildStep = 64

// put writes documents that were fetched, and says what could not be had.
func (b *rebuild) put(ctx context.Context, some ...rebuilt) error {
	var rows []catalog.Keyed
	var objects []catalog.Object
	var entries []search.Entry
	for _, d := range some {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(d.err, record.ErrDestroyed):
			b.keyless[d.id] = true
		case d.err != nil && !finding(d.err):
			return fmt.Errorf("document %s: %w", d.id, d.err)
		case d.err != nil:
			b.fault("document "+d.id.String(), d.err)
		case !b.batches[d.batch] && !b.keyless[d.batch]:
			// Its batch is on its way and will file it.
		default:
			rows, entries = append(rows, d.row), append(entries, d.entry)
			objects = append(objects, asRecorded(d.objects, b.now())...)
		}
	}
	if err := b.cat.PutRebuilt(ctx, rows, objects); err != nil {
		return err
	}
	return b.index.Apply(ctx, search.Change{Put: entries})
}
