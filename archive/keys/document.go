package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/record"
)

// Key is the opened identity of one document or batch.
type Key struct {
	ID       record.ID
	identity *age.HybridIdentity
}

// Format keeps a Key from printing what it holds.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[key %s]", k.ID) }

// Recipient is what the document's objects are encrypted to.
func (k *Key) Recipient() age.Recipient { return k.identity.Recipient() }

// Identity opens the document's objects.
func (k *Key) Identity() age.Identity { return k.identity }

// Same reports whether both are the same identity.
func (k *Key) Same(o *Key) bool { return k.identity.String() == o.identity.String() }

// RowKey returns the 32-byte key the document's row in the catalogue is sealed
// under: derived from the identity, so that it dies with it.
func (k *Key) RowKey() ([]byte, error) { return Derive([]byte(k.identity.String()), "row") }

func documentObject(id record.ID) string { return "k/" + id.String() + ".age" }

// NewKey makes the identity of a document or batch and stores it in every
// place, encrypted to the vault. blob.ErrExist when the id has one already.
func (v *Vault) NewKey(ctx context.Context, id record.ID) (*Key, error) {
	ident, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("make key %s: %w", id, err)
	}
	sealed, err := Seal([]byte(ident.String()+"\n"), v.identity.Recipient())
	if err != nil {
		return nil, fmt.Errorf("make key %s: %w", id, err)
	}
	if err := v.places.put(ctx, documentObject(id), sealed); err != nil {
		return nil, fmt.Errorf("make key %s: %w", id, err)
	}
	return &Key{ID: id, identity: ident}, nil
}

// Fresh makes the identity of a document or batch where the vault is not open:
// it returns the key, to seal with and then to forget, and its stored form,
// encrypted to the vault's recipient.
func Fresh(id record.ID, vault string) (k *Key, wrapped []byte, err error) {
	ident, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, nil, fmt.Errorf("make key %s: %w", id, err)
	}
	if wrapped, err = SealFor(vault, []byte(ident.String()+"\n")); err != nil {
		return nil, nil, fmt.Errorf("make key %s: %w", id, err)
	}
	return &Key{ID: id, identity: ident}, wrapped, nil
}

// ArrivalName is where the wrapped identity in a file named ID.age waits in a
// keys place for the server that takes its batch over.
func ArrivalName(batch record.ID, file string) string { return "in/" + batch.String() + "/" + file }

// Arrived opens an identity that was made elsewhere and waits to be taken over.
// record.ErrNotFound when it did not arrive, record.ErrCorrupt when it is not
// one for this vault.
func (v *Vault) Arrived(ctx context.Context, batch, id record.ID) (*Key, error) {
	line, err := v.get(ctx, ArrivalName(batch, id.String()+".age"))
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("arrived key %s: %w", id, record.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("arrived key %s: %w", id, err)
	}
	ident, err := parseIdentity(line)
	if err != nil {
		return nil, fmt.Errorf("arrived key %s: %w", id, err)
	}
	return &Key{ID: id, identity: ident}, nil
}

// DropArrived removes every identity of a batch that waits to be taken over: those
// that are known, also where a listing does not show them, and what else there is.
func (v *Vault) DropArrived(ctx context.Context, batch record.ID, known ...record.ID) error {
	for _, id := range append([]record.ID{batch}, known...) {
		if err := v.places.destroy(ctx, ArrivalName(batch, id.String()+".age")); err != nil {
			return fmt.Errorf("drop arrived key %s: %w", id, err)
		}
	}
	for i, s := range v.places {
		for info, err := range s.List(ctx, ArrivalName(batch, "")) {
			if err == nil && blob.CheckName(info.Name) == nil { // what we never put stays a stranger's
				err = s.Delete(ctx, info.Name)
			}
			if err != nil {
				return fmt.Errorf("drop arrived keys of %s: keys place %d: %w", batch, i+1, err)
			}
		}
	}
	return nil
}

// Adopt stores a key that was made elsewhere in every place. Repeating it is
// harmless; record.ErrExists when the id has another key.
func (v *Vault) Adopt(ctx context.Context, k *Key) error {
	have, err := v.Key(ctx, k.ID)
	switch {
	case err == nil && !have.Same(k):
		return fmt.Errorf("adopt key %s: %w: the id has another key", k.ID, record.ErrExists)
	case err == nil:
		// A crash may have come between two places: each gets what it lacks.
	case !errors.Is(err, record.ErrDestroyed):
		return fmt.Errorf("adopt key %s: %w", k.ID, err)
	}
	sealed, err := Seal([]byte(k.identity.String()+"\n"), v.identity.Recipient())
	if err != nil {
		return fmt.Errorf("adopt key %s: %w", k.ID, err)
	}
	if err := v.places.fill(ctx, documentObject(k.ID), sealed); err != nil {
		return fmt.Errorf("adopt key %s: %w", k.ID, err)
	}
	return nil
}

// Key opens the identity of a document or batch. record.ErrDestroyed when no
// place has it: a key that was ever stored is missing only after destruction.
func (v *Vault) Key(ctx context.Context, id record.ID) (*Key, error) {
	b, err := v.get(ctx, documentObject(id))
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("open key %s: %w", id, record.ErrDestroyed)
	}
	if err != nil {
		return nil, fmt.Errorf("open key %s: %w", id, err)
	}
	ident, err := parseIdentity(b)
	if err != nil {
		return nil, fmt.Errorf("open key %s: %w", id, err)
	}
	return &Key{ID: id, identity: ident}, nil
}

// Mend puts the identity of id back into places that lack it, from one that has
// it, and returns how many had a hole. It is for documents and batches that are
// known to live: of one whose destruction has begun, a hole is the destruction.
func (v *Vault) Mend(ctx context.Context, id record.ID) (holes int, err error) {
	if len(v.places) < 2 {
		return 0, nil
	}
	for i, s := range v.places {
		_, serr := s.Stat(ctx, documentObject(id))
		if errors.Is(serr, blob.ErrNotExist) {
			holes++
		} else if serr != nil {
			return 0, fmt.Errorf("mend key %s: keys place %d: %w", id, i+1, serr)
		}
	}
	if holes == 0 || holes == len(v.places) {
		return 0, nil
	}
	k, err := v.Key(ctx, id)
	if err == nil {
		err = v.Adopt(ctx, k)
	}
	if err != nil {
		return 0, fmt.Errorf("mend key %s: %w", id, err)
	}
	return holes, nil
}

// HasKey reports whether any place has the identity of id.
func (v *Vault) HasKey(ctx context.Context, id record.ID) (bool, error) {
	return v.places.has(ctx, documentObject(id))
}

// DestroyKey removes the identity of id from every place and looks that it is
// gone. It is the point of no return of a destruction. Repeating it is
// harmless.
func (v *Vault) DestroyKey(ctx context.Context, id record.ID) error {
	if err := v.places.destroy(ctx, documentObject(id)); err != nil {
		return fmt.Errorf("destroy key %s: %w", id, err)
	}
	return nil
}

// ShardKey returns the 32-byte key of an index shard, making it when absent.
func (v *Vault) ShardKey(ctx context.Context, name string) ([]byte, error) {
	object := shardPrefix + name + ".age"
	b, err := v.get(ctx, object)
	if errors.Is(err, blob.ErrNotExist) {
		b = random()
		sealed, serr := Seal(b, v.identity.Recipient())
		if serr != nil {
			return nil, fmt.Errorf("make shard key %s: %w", name, serr)
		}
		err = v.places.put(ctx, object, sealed)
	}
	if err != nil {
		return nil, fmt.Errorf("shard key %s: %w", name, err)
	}
	return b, nil
}

// ShardKeys lists the names of the keys of index shards that any place has.
func (v *Vault) ShardKeys(ctx context.Context) ([]string, error) {
	var out []string
	for _, place := range v.places {
		for info, err := range place.List(ctx, shardPrefix) {
			if err != nil {
				return nil, fmt.Errorf("list shard keys: %w", err)
			}
			name := strings.TrimSuffix(strings.TrimPrefix(info.Name, shardPrefix), ".age")
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out, nil
}

// shardPrefix is where the keys of index shards lie.
const shardPrefix = "shards/"

// DestroyShardKey removes the key of an index shard from every place.
func (v *Vault) DestroyShardKey(ctx context.Context, name string) error {
	return v.places.destroy(ctx, shardPrefix+name+".age")
}
