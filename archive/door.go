package archive

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/archive/blob"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/record"
)

// The door is where deposits of machines that cannot open the archive are put
// down: in/BATCH/NAME in the documents store, in/BATCH/ID.age in the keys
// places. Whoever may only put there can change nothing that is filed. A
// deposit that is not taken over has a mark, door/BATCH, which says why.

func arrival(batch record.ID) string  { return "in/" + batch.String() + "/" }
func markName(batch record.ID) string { return "door/" + batch.String() }

// Mark says why a deposit was not taken over.
type Mark struct {
	Batch record.ID `json:"batch"`
	State string    `json:"state"`         // MarkQuarantined or MarkDuplicate
	Of    record.ID `json:"of,omitzero"`   // the batch that has the same source
	By    string    `json:"by,omitempty"`  // the signing key it names, where one could be read
	Why   string    `json:"why,omitempty"` // in words
	At    time.Time `json:"at"`
}

// States of deposits that are not taken over.
const (
	MarkQuarantined = "quarantined"
	MarkDuplicate   = "duplicate"
)

// Waiting lists the batches at the door whose manifest, which is put last, is
// there. A listing that shows one too few is mended by the next.
func (a *Archive) Waiting(ctx context.Context) ([]record.ID, error) {
	var out []record.ID
	for info, err := range a.Docs.List(ctx, "in/") {
		if err != nil {
			return nil, fmt.Errorf("look at the door: %w", err)
		}
		f := strings.Split(info.Name, "/")
		if len(f) != 5 || f[2] != "b" || f[4] != "manifest.age" || f[1] != f[3] {
			continue
		}
		if id, err := record.ParseID(f[1]); err == nil {
			out = append(out, id)
		}
	}
	return out, nil
}

// AtDoor reports whether a batch waits at the door.
func (a *Archive) AtDoor(ctx context.Context, batch record.ID) (bool, error) {
	_, err := a.Docs.Stat(ctx, arrival(batch)+batchManifestName(batch))
	if errors.Is(err, blob.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Arrival is a deposit at the door that has been read to its end: everything
// its signed manifests name is there and is what they say.
type Arrival struct {
	Batch *seal.BatchManifest
	Key   *keys.Key
	By    string // the depositor's id

	docs   blob.Store // the deposit, under final names
	stored []*Stored  // in the order of the batch's pages
}

// OpenArrival reads a deposit at the door. seal.ErrSignature when nobody the
// archive trusts signed it, keys.ErrRevoked as well when it was trusted once;
// record.ErrCorrupt when it is not what was signed.
func (a *Archive) OpenArrival(ctx context.Context, batch record.ID) (*Arrival, error) {
	r := &Arrival{docs: blob.Under(a.Docs, arrival(batch))}
	if err := a.openArrival(ctx, batch, r); err != nil {
		return r, fmt.Errorf("deposit %s: %w", batch, err)
	}
	return r, nil
}

func (a *Archive) openArrival(ctx context.Context, batch record.ID, r *Arrival) (err error) {
	trusted := func(id string) (ed25519.PublicKey, error) {
		if b, err := hex.DecodeString(id); err != nil || len(b) != 16 {
			return nil, fmt.Errorf("its signer's id is none: %w", record.ErrDenied) // and is not repeated
		}
		if r.By == "" {
			r.By = id
		}
		if id != r.By {
			return nil, fmt.Errorf("one deposit by two signers: %w", record.ErrDenied)
		}
		pub, err := a.Vault.Signer(ctx, id, keys.RoleStation)
		if errors.Is(err, record.ErrDenied) && !errors.Is(err, keys.ErrRevoked) {
			return a.Vault.Signer(ctx, id, keys.RoleServer) // which filed while it was sealed
		}
		return pub, err
	}
	if r.Key, err = a.arrived(ctx, batch, batch); err != nil {
		return err
	}
	b, err := readAll(ctx, r.docs, batchManifestName(batch))
	if err != nil {
		return missing(err)
	}
	if r.Batch, err = openBatch(b, r.Key, trusted); err != nil {
		return err
	}
	if r.Batch.Object != "" {
		if err := checkObject(ctx, r.docs, r.Batch.Object, r.Key.Identity(), r.Batch.Rest); err != nil {
			return err
		}
	}
	for _, id := range documentsOf(r.Batch) {
		key, err := a.arrived(ctx, batch, id)
		if err != nil {
			return err
		}
		s, err := load(ctx, r.docs, key, 1, trusted)
		if err != nil {
			return missing(err)
		}
		if err := checkObject(ctx, r.docs, s.Manifest.Object, key.Identity(), s.Manifest.Package); err != nil {
			return err
		}
		r.stored = append(r.stored, s)
	}
	return r.account()
}

// arrived opens an identity at the door, which must not be for an id that has
// another one in the archive.
func (a *Archive) arrived(ctx context.Context, batch, id record.ID) (*keys.Key, error) {
	key, err := a.Vault.Arrived(ctx, batch, id)
	if err != nil {
		return nil, missing(err)
	}
	old, err := a.Vault.Key(ctx, id)
	switch {
	case errors.Is(err, record.ErrDestroyed):
		return key, nil
	case err != nil:
		return nil, err
	case !old.Same(key):
		return nil, fmt.Errorf("%s: %w: the archive has another document or batch of that id", id, record.ErrCorrupt)
	}
	return key, nil
}

// missing makes of something that a signed manifest promises, and that is not
// there or is far too large, what it is.
func missing(err error) error {
	if errors.Is(err, record.ErrNotFound) || errors.Is(err, blob.ErrLarge) {
		return fmt.Errorf("%w: %w", record.ErrCorrupt, err)
	}
	return err
}

// documentsOf lists a batch's documents in the order of their first pages.
func documentsOf(m *seal.BatchManifest) []record.ID {
	var out []record.ID
	for _, p := range m.Pages {
		if p.Document != (record.ID{}) && !slices.Contains(out, p.Document) {
			out = append(out, p.Document)
		}
	}
	return out
}

// account holds the batch's page accounting against what came: every page has
// one place, and those in documents are in them.
func (r *Arrival) account() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("page accounting: %w: "+format, append([]any{record.ErrCorrupt}, args...)...)
	}
	var n record.Counts
	want := map[record.ID][]int{}
	for i, p := range r.Batch.Pages {
		n.Count(p.Placement)
		if p.Document != (record.ID{}) {
			want[p.Document] = append(want[p.Document], i+1)
		}
	}
	if n != r.Batch.Counts || !n.Balanced() {
		return bad("its pages are %+v, it says %+v", n, r.Batch.Counts)
	}
	for _, s := range r.stored {
		var got []int
		for _, p := range s.Manifest.Pages {
			got = append(got, p.Source)
		}
		slices.Sort(got)
		if s.Manifest.Batch != r.Batch.ID || !slices.Equal(got, want[s.Manifest.ID]) {
			return bad("document %s has pages %v of batch %s, its batch says %v", s.Manifest.ID, got, s.Manifest.Batch, want[s.Manifest.ID])
		}
	}
	return nil
}

// IDs returns the documents of the deposit.
func (r *Arrival) IDs() []record.ID { return documentsOf(r.Batch) }

// Documents returns the manifests of the deposit's documents. They may be
// changed until it is taken over: what the station could not know.
func (r *Arrival) Documents() []*seal.Manifest {
	var out []*seal.Manifest
	for _, s := range r.stored {
		out = append(out, s.Manifest)
	}
	return out
}

// settle lets the batch's accounting say where a document's pages are, which a
// doubt of the server's may have sent to QA.
func (r *Arrival) settle(m *seal.Manifest) {
	for i, p := range r.Batch.Pages {
		if p.Document == m.ID && p.Placement == record.PlaceFiled && m.State == record.DocumentQA {
			r.Batch.Pages[i].Placement = record.PlaceQA
			r.Batch.Counts.Filed--
			r.Batch.Counts.QA++
		}
	}
}

// DropArrival clears a deposit from the door: its identities first, and last the
// batch's manifest, by which it is found again when this is interrupted. known are
// its documents, as far as the caller knows them: the identity of one must not stay
// because a listing did not show it.
func (a *Archive) DropArrival(ctx context.Context, batch record.ID, known ...record.ID) error {
	if err := a.Vault.DropArrived(ctx, batch, known...); err != nil {
		return err
	}
	last := arrival(batch) + batchManifestName(batch)
	var names []string
	for info, err := range a.Docs.List(ctx, arrival(batch)) {
		if err != nil {
			return fmt.Errorf("drop deposit %s: %w", batch, err)
		}
		if info.Name != last && blob.CheckName(info.Name) == nil { // what we never put stays a stranger's
			names = append(names, info.Name)
		}
	}
	for _, n := range append(names, last) {
		if err := a.Docs.Delete(ctx, n); err != nil {
			return fmt.Errorf("drop deposit %s: %w", batch, err)
		}
	}
	return nil
}

// PutMark leaves a mark for a deposit that is not taken over.
func (a *Archive) PutMark(ctx context.Context, m Mark) error {
	b, err := json.Marshal(m)
	if err == nil {
		err = a.put(ctx, markName(m.Batch), b)
	}
	if err != nil {
		return fmt.Errorf("mark deposit %s: %w", m.Batch, err)
	}
	return nil
}

// FindMark returns a deposit's mark; record.ErrNotFound when it has none.
func (a *Archive) FindMark(ctx context.Context, batch record.ID) (m Mark, err error) {
	b, err := readAll(ctx, a.Docs, markName(batch))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fmt.Errorf("mark of deposit: %w", err)
	}
	return m, nil
}

// Marks lists the marks of all deposits.
func (a *Archive) Marks(ctx context.Context) ([]Mark, error) {
	var out []Mark
	for info, err := range a.Docs.List(ctx, "door/") {
		if err != nil {
			return nil, fmt.Errorf("list marks: %w", err)
		}
		id, err := record.ParseID(strings.TrimPrefix(info.Name, "door/"))
		if err != nil {
			continue // not ours
		}
		m, err := a.FindMark(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// DropMark removes a deposit's mark, so that it is looked at again.
func (a *Archive) DropMark(ctx context.Context, batch record.ID) error {
	return a.Docs.Delete(ctx, markName(batch))
}
