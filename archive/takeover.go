package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/record"
)

// TakeOver moves a deposit into the archive: identities into every keys place,
// objects to their names, manifests signed anew by this server, which has
// checked them, the batch's last. What it stored is read back. It may be
// repeated after a crash. record.ErrExists when an id is taken.
func (a *Archive) TakeOver(ctx context.Context, r *Arrival) ([]*Stored, error) {
	var out []*Stored
	for _, s := range r.stored {
		kept, err := a.takeDocument(ctx, r, s)
		if err != nil {
			return nil, fmt.Errorf("take over document %s: %w", s.Manifest.ID, err)
		}
		out = append(out, kept)
		r.settle(kept.Manifest)
	}
	if err := a.takeBatch(ctx, r); err != nil {
		return nil, fmt.Errorf("take over batch %s: %w", r.Batch.ID, err)
	}
	return out, nil
}

func (a *Archive) takeDocument(ctx context.Context, r *Arrival, s *Stored) (*Stored, error) {
	id := s.Manifest.ID
	if err := a.Vault.Adopt(ctx, s.Key); err != nil {
		return nil, err
	}
	kept, err := a.Load(ctx, id, 1)
	if errors.Is(err, record.ErrNotFound) {
		if err := a.takeObject(ctx, r, s.Manifest.Object, s.Key, s.Manifest.Package); err != nil {
			return nil, err
		}
		m := *s.Manifest
		m.Via = r.By
		sealed, err := seal.SealManifest(&m, s.Key.Recipient(), a.Station)
		if err != nil {
			return nil, err
		}
		if err := a.put(ctx, manifestName(id, 1), sealed); err != nil {
			return nil, err
		}
		if kept, err = a.Load(ctx, id, 1); err != nil {
			return nil, fmt.Errorf("read back: %w", err)
		}
	} else if err != nil {
		return nil, err
	} else if err := a.again(ctx, manifestName(id, 1)); err != nil {
		return nil, err
	}
	return kept, a.check(ctx, kept)
}

func (a *Archive) takeBatch(ctx context.Context, r *Arrival) error {
	if err := a.Vault.Adopt(ctx, r.Key); err != nil {
		return err
	}
	if _, err := a.LoadBatch(ctx, r.Batch.ID); err == nil { // it was taken over before
		return a.again(ctx, batchManifestName(r.Batch.ID))
	} else if !errors.Is(err, record.ErrNotFound) {
		return err
	}
	if r.Batch.Object != "" {
		if err := a.takeObject(ctx, r, r.Batch.Object, r.Key, r.Batch.Rest); err != nil {
			return err
		}
	}
	m := *r.Batch
	m.Via = r.By
	sealed, err := seal.SealBatch(&m, r.Key.Recipient(), a.Station)
	if err != nil {
		return err
	}
	if err := a.put(ctx, batchManifestName(m.ID), sealed); err != nil {
		return err
	}
	_, err = a.LoadBatch(ctx, m.ID)
	return err
}

// takeObject copies an object of a deposit and reads it back, before any
// manifest names it: what an attempt before this one left is debris.
func (a *Archive) takeObject(ctx context.Context, r *Arrival, name string, key *keys.Key, want seal.Sums) error {
	if err := a.Docs.Delete(ctx, name); err != nil {
		return err
	}
	o, err := open(ctx, r.docs, name)
	if err != nil {
		return err
	}
	defer o.Close() // read-only
	if _, err := a.Docs.Put(ctx, name, io.NewSectionReader(o, 0, want.Size), want.Size); err != nil {
		return err
	}
	if err := checkObject(ctx, a.Docs, name, key.Identity(), want); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return nil
}
