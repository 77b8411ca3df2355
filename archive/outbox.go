package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"filippo.io/age"

	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/internal/durable"
	"chartvault/record"
)

// Outbox is where a machine that cannot open the archive, a scanning station
// or a server that is not unlocked, seals what it takes in. It makes each
// document's identity, seals with it, wraps it for the vault and forgets it:
// who has its disk opens nothing.
//
// Its invariant: a batch in the outbox is whole or is not there. The ticket is
// its commit point, written when every object has been read back; what has no
// ticket is removed by Sweep, and its source comes in again under new ids.
//
// Stored form, in Dir: BATCH/docs/NAME, objects under the names they will have
// in the documents store; BATCH/keys/ID.age, identities wrapped for the vault;
// BATCH/ticket, JSON of ticket; BATCH/sent, empty, when all of it was put.
type Outbox struct {
	Dir     string
	Vault   string // the vault's recipient
	Station *keys.Station
	Policy  string // the retention policy's name, for manifests

	mu   sync.Mutex
	open map[record.ID]*opening
}

// opening is a batch on its way into the outbox.
type opening struct {
	batch   record.Batch
	key     *keys.Key
	wrapped []byte
}

// ticket is what an outbox knows of a batch it holds.
type ticket struct {
	Source   []byte            `json:"source"` // HMAC-SHA-256 of the source's SHA-256 under the machine's key
	Size     int64             `json:"size"`   // of the source, in bytes
	Received time.Time         `json:"received"`
	State    record.BatchState `json:"state"`
	Counts   record.Counts     `json:"counts"`
}

func (o *Outbox) path(batch record.ID, parts ...string) string {
	return filepath.Join(append([]string{o.Dir, batch.String()}, parts...)...)
}

func (o *Outbox) object(batch record.ID, name string) string {
	return o.path(batch, "docs", filepath.FromSlash(name))
}

func (o *Outbox) token(sum []byte) []byte {
	m := hmac.New(sha256.New, o.Station.LocalKey())
	m.Write([]byte("source\x00"))
	m.Write(sum)
	return m.Sum(nil)
}

// Claim returns the batch a source belongs to: the one in the outbox, or the
// one on its way, or b itself; fresh says that it is b.
func (o *Outbox) Claim(_ context.Context, b record.Batch) (_ record.Batch, fresh bool, err error) {
	held, err := o.tickets()
	if err != nil {
		return b, false, fmt.Errorf("claim: %w", err)
	}
	for id, t := range held {
		if hmac.Equal(t.Source, o.token(b.SHA256[:])) {
			b.ID, b.ReceivedAt, b.State, b.Counts = id, t.Received, t.State, t.Counts
			return b, false, nil
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.open {
		if w.batch.SHA256 == b.SHA256 {
			return w.batch, false, nil
		}
	}
	key, wrapped, err := keys.Fresh(b.ID, o.Vault)
	if err != nil {
		return b, false, fmt.Errorf("claim: %w", err)
	}
	if o.open == nil {
		o.open = map[record.ID]*opening{}
	}
	o.open[b.ID] = &opening{b, key, wrapped}
	return b, true, nil
}

// BatchKey returns the identity of a batch on its way. record.ErrSealed for any
// other: it was forgotten.
func (o *Outbox) BatchKey(_ context.Context, id record.ID) (*keys.Key, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.open[id]; w != nil {
		return w.key, nil
	}
	return nil, fmt.Errorf("key of batch %s: %w", id, record.ErrSealed)
}

// Keeper returns whom a released source is sealed to: the vault, since this
// machine has forgotten the batch's identity.
func (o *Outbox) Keeper(context.Context, record.ID) (age.Recipient, error) {
	return age.ParseHybridRecipient(o.Vault)
}

// Note, Journal and Released do nothing: there is no log here. The server
// writes the entries when it takes a deposit over.
func (o *Outbox) Note(context.Context, audit.Action, *keys.Key, any) error { return nil }

// Journal does nothing, as Note.
func (o *Outbox) Journal(context.Context, audit.Action, string, any) error { return nil }

// Released does nothing, as Note.
func (o *Outbox) Released(context.Context, record.ID) error { return nil }

// Deposit seals version 1 of a document into the outbox and reads it back.
func (o *Outbox) Deposit(_ context.Context, m seal.Manifest, parts func(*zip.Writer, *seal.Manifest) error) (*Stored, error) {
	s, err := o.deposit(m, parts)
	if err != nil {
		return nil, fmt.Errorf("deposit %s: %w", m.ID, err)
	}
	return s, nil
}

func (o *Outbox) deposit(m seal.Manifest, parts func(*zip.Writer, *seal.Manifest) error) (*Stored, error) {
	key, wrapped, err := keys.Fresh(m.ID, o.Vault)
	if err != nil {
		return nil, err
	}
	m.Version, m.Object, m.Policy = 1, packageName(m.ID, 1), o.Policy
	if err := restart(filepath.Dir(o.object(m.Batch, m.Object))); err != nil {
		return nil, err
	}
	if m.Package, err = o.seal(m.Batch, m.Object, key, func(zw *zip.Writer) error { return parts(zw, &m) }); err != nil {
		return nil, err
	}
	sealed, err := seal.SealManifest(&m, key.Recipient(), o.Station)
	if err != nil {
		return nil, err
	}
	if err := create(o.object(m.Batch, manifestName(m.ID, 1)), sealed); err != nil {
		return nil, err
	}
	return &Stored{Manifest: &m, Key: key}, replace(o.path(m.Batch, "keys", m.ID.String()+".age"), wrapped)
}

// seal writes a package into the outbox and reads it back while its key is
// still known.
func (o *Outbox) seal(batch record.ID, name string, key *keys.Key, parts func(*zip.Writer) error) (seal.Sums, error) {
	file := o.object(batch, name)
	sums, err := sealPackage(file, key, parts)
	if err != nil {
		return sums, err
	}
	f, err := os.Open(file)
	if err != nil {
		return sums, err
	}
	defer f.Close() // read-only
	return sums, seal.Check(f, key.Identity(), sums)
}

// DepositBatch seals a batch's rest and manifest into the outbox and commits
// the batch. Its identity is forgotten.
func (o *Outbox) DepositBatch(ctx context.Context, m seal.BatchManifest, parts func(*zip.Writer) error) (*seal.BatchManifest, error) {
	if err := o.depositBatch(&m, parts); err != nil {
		return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, m.ID)
	return &m, nil
}

func (o *Outbox) depositBatch(m *seal.BatchManifest, parts func(*zip.Writer) error) (err error) {
	o.mu.Lock()
	w := o.open[m.ID]
	o.mu.Unlock()
	if w == nil {
		return fmt.Errorf("its key: %w", record.ErrSealed)
	}
	if err := restart(filepath.Dir(o.object(m.ID, restName(m.ID)))); err != nil {
		return err
	}
	if parts != nil {
		m.Object = restName(m.ID)
		if m.Rest, err = o.seal(m.ID, m.Object, w.key, parts); err != nil {
			return err
		}
	}
	sealed, err := seal.SealBatch(m, w.key.Recipient(), o.Station)
	if err != nil {
		return err
	}
	if err := create(o.object(m.ID, batchManifestName(m.ID)), sealed); err != nil {
		return err
	}
	if err := replace(o.path(m.ID, "keys", m.ID.String()+".age"), w.wrapped); err != nil {
		return err
	}
	t, err := json.Marshal(ticket{o.token(m.SHA256), m.Size, m.ReceivedAt, m.State, m.Counts})
	if err != nil {
		return err
	}
	return replace(o.path(m.ID, "ticket"), t)
}

// restart removes what an attempt that failed left in a folder.
func restart(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return durable.RemoveAll(dir)
}

func create(name string, data []byte) error {
	_, err := durable.Create(name, bytes.NewReader(data), 0o600)
	return err
}

func replace(name string, data []byte) error {
	_, err := durable.Replace(name, bytes.NewReader(data), 0o600)
	return err
}

// tickets reads the tickets of all batches that are whole.
func (o *Outbox) tickets() (map[record.ID]ticket, error) {
	ents, err := os.ReadDir(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[record.ID]ticket{}
	for _, e := range ents {
		id, err := record.ParseID(e.Name())
		if err != nil {
			continue // not ours
		}
		b, err := os.ReadFile(o.path(id, "ticket"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var t ticket
		if err == nil {
			err = json.Unmarshal(b, &t)
		}
		if err != nil {
			return nil, fmt.Errorf("outbox: batch %s: %w", id, err)
		}
		out[id] = t
	}
	return out, nil
}

// Sweep removes what a crash left of batches that were on their way. It is for
// the start, when none is.
func (o *Outbox) Sweep() error {
	ents, err := os.ReadDir(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep outbox: %w", err)
	}
	for _, e := range ents {
		id, err := record.ParseID(e.Name())
		if err != nil {
			continue
		}
		if _, err := os.Stat(o.path(id, "ticket")); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := durable.RemoveAll(o.path(id)); err != nil {
			return fmt.Errorf("sweep outbox: %w", err)
		}
	}
	return nil
}
