package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/keys"
	"chartvault/internal/durable"
	"chartvault/record"
)

// Held is a batch in the outbox.
type Held struct {
	ID       record.ID         `json:"batch"`
	Received time.Time         `json:"received"`
	State    record.BatchState `json:"state"`
	Counts   record.Counts     `json:"counts"`
	Sent     bool              `json:"sent"` // every object was put; a server has yet to say that it has taken it over
}

// Held lists the batches in the outbox.
func (o *Outbox) Held() ([]Held, error) {
	ts, err := o.tickets()
	if err != nil {
		return nil, err
	}
	var out []Held
	for id, t := range ts {
		_, err := os.Stat(o.path(id, "sent"))
		out = append(out, Held{id, t.Received, t.State, t.Counts, err == nil})
	}
	return out, nil
}

// Holds reports whether the outbox has a batch; true as well when that cannot
// be told.
func (o *Outbox) Holds(batch record.ID) bool {
	_, err := os.Stat(o.path(batch, "ticket"))
	return !errors.Is(err, fs.ErrNotExist)
}

// Unsend has a batch sent again.
func (o *Outbox) Unsend(batch record.ID) error {
	return durable.Remove(o.path(batch, "sent"))
}

// Drop removes a batch that a server has taken over.
func (o *Outbox) Drop(batch record.ID) error {
	// Without its ticket it is debris, whatever else a crash leaves of it.
	if err := durable.Remove(o.path(batch, "ticket")); err != nil {
		return fmt.Errorf("drop batch %s: %w", batch, err)
	}
	return durable.RemoveAll(o.path(batch))
}

// Send puts a batch's objects down at the archive's door, under in/BATCH: the
// wrapped identities in every keys place, the rest in the documents store, the
// batch's manifest last. Nothing is read. What is there already was put by an
// earlier call, under a name that nobody else can know; the server checks all
// of it.
func (o *Outbox) Send(ctx context.Context, batch record.ID, docs blob.Store, places []blob.Store) error {
	dir := o.path(batch, "keys")
	ents, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("send batch %s: %w", batch, err)
	}
	for _, e := range ents {
		for i, p := range places {
			if err := putFile(ctx, p, keys.ArrivalName(batch, e.Name()), filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("send batch %s: keys place %d: %w", batch, i+1, err)
			}
		}
	}
	root, last := o.path(batch, "docs"), batchManifestName(batch)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if name := filepath.ToSlash(rel); name != last && !durable.IsTemp(path) {
			return putFile(ctx, docs, arrival(batch)+name, path)
		}
		return nil
	})
	if err == nil {
		err = putFile(ctx, docs, arrival(batch)+last, o.object(batch, last))
	}
	if err == nil {
		err = replace(o.path(batch, "sent"), nil)
	}
	if err != nil {
		return fmt.Errorf("send batch %s: %w", batch, err)
	}
	return nil
}

func putFile(ctx context.Context, s blob.Store, name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() // read-only
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := s.Put(ctx, name, f, st.Size()); err != nil && !errors.Is(err, blob.ErrExist) {
		return err
	}
	return nil
}
