package keys

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

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
	object := "shards/" + name + ".age"
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

// DestroyShardKey removes the key of an index shard from every place.
func (v *Vault) DestroyShardKey(ctx context.Context, name string) error {
	return v.places.destroy(ctx, "shards/"+name+".age")
}

// trusted is one entry of the list of depositors. The MAC matters: anybody
// who knows the vault's recipient can make an age file for it.
type trusted struct {
	Key string `json:"key"` // base64 of the Ed25519 public key
	MAC []byte `json:"mac"`
}

// SignerID names a depositor's signing key: the first 16 bytes of its SHA-256,
// in hex.
func SignerID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:16])
}

// Trust adds a depositor's public signing key to the list.
func (v *Vault) Trust(ctx context.Context, pub ed25519.PublicKey) error {
	id := SignerID(pub)
	if _, err := v.Signer(ctx, id); err == nil {
		return nil
	}
	t := trusted{Key: base64.StdEncoding.EncodeToString(pub), MAC: v.trustMAC(pub)}
	b, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("trust signer %s: %w", id, err)
	}
	sealed, err := Seal(b, v.identity.Recipient())
	if err != nil {
		return fmt.Errorf("trust signer %s: %w", id, err)
	}
	if err := v.places.put(ctx, "trust/"+id+".age", sealed); err != nil {
		return fmt.Errorf("trust signer %s: %w", id, err)
	}
	return nil
}

// signerFor is how long a depositor that was looked up is believed without
// looking again: a revocation takes effect within it.
const signerFor = 30 * time.Second

// Signer returns the public key of a trusted depositor. record.ErrDenied when
// the list does not have it, or has it without a good MAC.
func (v *Vault) Signer(ctx context.Context, id string) (ed25519.PublicKey, error) {
	v.mu.Lock()
	k, ok := v.signers[id]
	v.mu.Unlock()
	if ok && time.Since(k.at) < signerFor {
		return k.pub, nil
	}
	pub, err := v.findSigner(ctx, id)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.signers == nil {
		v.signers = map[string]knownSigner{}
	}
	v.signers[id] = knownSigner{pub, time.Now()}
	return pub, nil
}

func (v *Vault) findSigner(ctx context.Context, id string) (ed25519.PublicKey, error) {
	name := "trust/" + id + ".age"
	if err := blob.CheckName(name); err != nil {
		return nil, fmt.Errorf("signer: %w", record.ErrDenied)
	}
	b, err := v.get(ctx, name)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("signer %s is not trusted: %w", id, record.ErrDenied)
	}
	if err != nil {
		return nil, fmt.Errorf("signer %s: %w", id, err)
	}
	var t trusted
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("signer %s: %w", id, record.ErrCorrupt)
	}
	pub, err := base64.StdEncoding.DecodeString(t.Key)
	if err != nil || len(pub) != ed25519.PublicKeySize || SignerID(pub) != id || !hmac.Equal(t.MAC, v.trustMAC(pub)) {
		return nil, fmt.Errorf("signer %s is forged: %w", id, record.ErrDenied)
	}
	return pub, nil
}

func (v *Vault) trustMAC(pub ed25519.PublicKey) []byte {
	m := hmac.New(sha256.New, v.secrets.Trust)
	m.Write(pub)
	return m.Sum(nil)
}
