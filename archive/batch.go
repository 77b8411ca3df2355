package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/record"
)

func restName(id record.ID) string          { return "b/" + id.String() + "/rest.age" }
func batchManifestName(id record.ID) string { return "b/" + id.String() + "/manifest.age" }

// BatchKey opens the identity of a batch, making it when the batch is new.
func (a *Archive) BatchKey(ctx context.Context, id record.ID) (*keys.Key, error) {
	k, err := a.Vault.Key(ctx, id)
	if errors.Is(err, record.ErrDestroyed) {
		return a.Vault.NewKey(ctx, id)
	}
	return k, err
}

// Keeper returns whom a released source is sealed to: its batch, so that the
// copy ends with it.
func (a *Archive) Keeper(ctx context.Context, batch record.ID) (age.Recipient, error) {
	key, err := a.BatchKey(ctx, batch)
	if err != nil {
		return nil, err
	}
	return key.Recipient(), nil
}

// Released logs that a batch's source is about to be removed.
func (a *Archive) Released(ctx context.Context, batch record.ID) error {
	key, err := a.BatchKey(ctx, batch)
	if err != nil {
		return err
	}
	return a.Note(ctx, audit.ActSourceRemoved, key, map[string]any{"actor": record.Daemon})
}

// DepositBatch stores a batch's rest, when parts is not nil, and its signed
// manifest. Like Deposit it may be repeated.
func (a *Archive) DepositBatch(ctx context.Context, m seal.BatchManifest, parts func(*zip.Writer) error) (*seal.BatchManifest, error) {
	if old, err := a.LoadBatch(ctx, m.ID); err == nil {
		if err := a.again(ctx, batchManifestName(m.ID)); err != nil {
			return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
		}
		return old, nil
	} else if !errors.Is(err, record.ErrNotFound) {
		return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
	}
	key, err := a.BatchKey(ctx, m.ID)
	if err != nil {
		return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
	}
	if parts != nil {
		m.Object = restName(m.ID)
		if err := a.Docs.Delete(ctx, m.Object); err != nil { // debris: no manifest names it
			return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
		}
		if m.Rest, err = a.putPackage(ctx, m.Object, key, parts); err != nil {
			return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
		}
		if err := checkObject(ctx, a.Docs, m.Object, key.Identity(), m.Rest); err != nil {
			return nil, fmt.Errorf("deposit batch %s: read back: %w", m.ID, err)
		}
	}
	sealed, err := seal.SealBatch(&m, key.Recipient(), a.Station)
	if err != nil {
		return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
	}
	if err := a.put(ctx, batchManifestName(m.ID), sealed); err != nil {
		return nil, fmt.Errorf("deposit batch %s: %w", m.ID, err)
	}
	return a.LoadBatch(ctx, m.ID)
}

// LoadBatch opens a batch's manifest. Errors as Load's.
func (a *Archive) LoadBatch(ctx context.Context, id record.ID) (*seal.BatchManifest, error) {
	b, err := readAll(ctx, a.Docs, batchManifestName(id))
	if err != nil {
		return nil, err
	}
	key, err := a.Vault.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	return openBatch(b, key, a.signers(ctx))
}

func openBatch(b []byte, key *keys.Key, trusted seal.Signers) (*seal.BatchManifest, error) {
	m, err := seal.OpenBatch(b, key.Identity(), trusted)
	if err != nil {
		return nil, err
	}
	if m.ID != key.ID || m.Object != "" && m.Object != restName(m.ID) {
		return nil, fmt.Errorf("manifest of batch %s: %w: it describes another batch", key.ID, record.ErrCorrupt)
	}
	return m, nil
}

// VerifyBatch re-reads a batch's objects against its signed manifest.
func (a *Archive) VerifyBatch(ctx context.Context, id record.ID) (*seal.BatchManifest, error) {
	m, err := a.LoadBatch(ctx, id)
	if errors.Is(err, record.ErrNotFound) || errors.Is(err, record.ErrDestroyed) {
		return nil, fmt.Errorf("verify batch %s: %w: %w", id, record.ErrCorrupt, err)
	}
	if err != nil {
		return nil, fmt.Errorf("verify batch %s: %w", id, err)
	}
	if m.Object == "" {
		return m, nil
	}
	key, err := a.Vault.Key(ctx, id)
	if err == nil {
		err = checkObject(ctx, a.Docs, m.Object, key.Identity(), m.Rest)
	}
	if err != nil {
		return nil, fmt.Errorf("verify batch %s: %w", id, err)
	}
	return m, nil
}

// DestroyBatch destroys a batch's identity and objects: its rest and its
// accounting. locked is true when the store still refuses to give up a
// version, which nothing can open any more.
func (a *Archive) DestroyBatch(ctx context.Context, id record.ID) (locked bool, err error) {
	return a.destroy(ctx, id, restName(id), batchManifestName(id))
}

// Destroy destroys a document: first its identity in every keys place, which
// is the point of no return, then every version of its objects. It may be
// repeated until it succeeds. locked as for DestroyBatch.
func (a *Archive) Destroy(ctx context.Context, id record.ID, versions int) (locked bool, err error) {
	var names []string
	for v := 1; v <= versions; v++ {
		names = append(names, packageName(id, v), manifestName(id, v))
	}
	return a.destroy(ctx, id, names...)
}

func (a *Archive) destroy(ctx context.Context, id record.ID, names ...string) (locked bool, err error) {
	if err := a.Vault.DestroyKey(ctx, id); err != nil {
		return false, fmt.Errorf("destroy %s: %w", id, err)
	}
	for _, n := range names {
		err := a.Docs.Delete(ctx, n)
		if errors.Is(err, blob.ErrLocked) {
			locked = true
			continue
		}
		if err != nil {
			return false, fmt.Errorf("destroy %s: %w", id, err)
		}
	}
	return locked, nil
}

// LivingKey is what Gone calls a key: what no lock excuses.
const LivingKey = "key"

// Gone proves a destruction: no keys place has the identity, and the store
// shows no object. It returns what is left.
func (a *Archive) Gone(ctx context.Context, id record.ID, versions int) (left []string, err error) {
	has, err := a.Vault.HasKey(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("verify destruction of %s: %w", id, err)
	}
	if has {
		left = append(left, LivingKey)
	}
	for v := 1; v <= versions; v++ {
		for _, n := range []string{packageName(id, v), manifestName(id, v)} {
			_, err := a.Docs.Stat(ctx, n)
			if err == nil {
				left = append(left, n)
			} else if !errors.Is(err, blob.ErrNotExist) {
				return nil, fmt.Errorf("verify destruction of %s: %w", id, err)
			}
		}
	}
	return left, nil
}
