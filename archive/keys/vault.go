package keys

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/record"
)

// Names of the fixed objects in a keys place.
const (
	siteObject     = "site.json"
	vaultObject    = "vault.age"
	recoveryObject = "vault-recovery.age"
	secretsObject  = "secrets.age"
	nextObject     = "next.age"
	retiredObject  = "retired.age"
)

// Site is what everybody may know of an archive. A depositor needs no more.
type Site struct {
	Version  int      `json:"version"`  // 1
	ID       string   `json:"id"`       // random; names the audit log
	Vault    string   `json:"vault"`    // the vault's recipient
	Journal  string   `json:"journal"`  // the recipient of journal entries
	Recovery []string `json:"recovery"` // recipients that can open the vault identity
	Ways     []Way    `json:"ways,omitempty"`
	Turn     int      `json:"turn,omitempty"` // how often the vault identity was rotated
}

// Vault is the unlocked archive. It holds secrets in memory and prints none.
type Vault struct {
	site     Site
	places   Places
	identity *age.HybridIdentity   // the newest: everything new is sealed to it
	retired  []*age.HybridIdentity // earlier ones, for what is not re-wrapped yet
	turning  bool                  // a rotation is not finished
	before   *age.HybridIdentity   // what that rotation turns away from
	journal  *age.HybridIdentity
	secrets  *secrets

	mu      sync.Mutex
	signers map[string]knownSigner
}

// Format keeps a Vault from printing what it holds.
func (v *Vault) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[vault]") }

// Create makes the keys of a new archive in the given places and returns the
// unlocked vault and the recovery identity's line, which is stored nowhere and
// must be shown once. workFactor is scrypt's log2(N); 0 means age's default.
// It fails with record.ErrExists when the places hold an archive already.
func Create(ctx context.Context, places Places, passphrase string, workFactor int) (v *Vault, recovery string, err error) {
	defer func() {
		if err != nil {
			v, recovery, err = nil, "", fmt.Errorf("create vault: %w", err)
		}
	}()
	if passphrase == "" {
		return nil, "", fmt.Errorf("%w: empty passphrase", record.ErrInvalid)
	}
	if ok, err := places.has(ctx, vaultObject); err != nil {
		return nil, "", err
	} else if ok {
		return nil, "", fmt.Errorf("%w: the keys place holds an archive", record.ErrExists)
	}
	var ids [3]*age.HybridIdentity
	for i := range ids {
		if ids[i], err = age.GenerateHybridIdentity(); err != nil {
			return nil, "", err
		}
	}
	vault, journal, rec := ids[0], ids[1], ids[2]
	v = &Vault{places: places, identity: vault, journal: journal, secrets: &secrets{
		Index: random(), Catalogue: random(), Trust: random(), Journal: journal.String(), Recovery: []string{rec.Recipient().String()},
	}}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	v.site = Site{Version: 1, ID: id.String(), Vault: vault.Recipient().String(),
		Journal: journal.Recipient().String(), Recovery: []string{rec.Recipient().String()}}
	if err := v.store(ctx, passphrase, workFactor, rec.Recipient()); err != nil {
		return nil, "", err
	}
	return v, rec.String(), nil
}

// store writes the fixed objects; vault.age comes last, because its presence
// is what makes a keys place an archive.
func (v *Vault) store(ctx context.Context, passphrase string, workFactor int, recovery age.Recipient) error {
	line := []byte(v.identity.String() + "\n")
	pass, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	if workFactor != 0 {
		pass.SetWorkFactor(workFactor)
	}
	site, err := json.MarshalIndent(v.site, "", "  ")
	if err != nil {
		return err
	}
	sec, err := sealOwn(v.identity, secretsObject, v.secrets)
	if err != nil {
		return err
	}
	for _, o := range []struct {
		name string
		data []byte
		to   age.Recipient
	}{
		{secretsObject, sec, nil},
		{recoveryObject, line, recovery},
		{siteObject, site, nil},
		{vaultObject, line, pass},
	} {
		if o.to != nil {
			if o.data, err = Seal(o.data, o.to); err != nil {
				return err
			}
		}
		// A crash before vault.age leaves objects of an archive that never was.
		if err := v.places.destroy(ctx, o.name); err != nil {
			return err
		}
		if err := v.places.put(ctx, o.name, o.data); err != nil {
			return err
		}
	}
	return nil
}

// ReadSite returns the public facts of the archive in the places;
// record.ErrNotFound when they hold none.
func ReadSite(ctx context.Context, places Places) (Site, error) {
	b, err := places.get(ctx, siteObject)
	if errors.Is(err, blob.ErrNotExist) {
		return Site{}, fmt.Errorf("read site: no archive in the keys place: %w", record.ErrNotFound)
	}
	if err != nil {
		return Site{}, fmt.Errorf("read site: %w", err)
	}
	var s Site
	if err := json.Unmarshal(b, &s); err != nil || s.Version != 1 {
		return Site{}, fmt.Errorf("read site: %w: site.json", record.ErrCorrupt)
	}
	return s, nil
}

// Site returns the public facts.
func (v *Vault) Site() Site { return v.site }

// Recipient is the vault's own recipient, from its identity: site.json says it
// too, for others, and is believed by nobody who has the vault.
func (v *Vault) Recipient() string { return v.identity.Recipient().String() }

// Journal returns the identity that opens journal entries.
func (v *Vault) Journal() *age.HybridIdentity { return v.journal }

// CatalogueKey returns the 32-byte key chart rows are sealed under.
func (v *Vault) CatalogueKey() []byte { return v.secrets.Catalogue }

// Token returns the keyed token of a value: HMAC-SHA-256 under the index key
// over the kind, a zero byte and the value. Equal values of one kind have
// equal tokens; without the key a token says nothing.
func (v *Vault) Token(kind, value string) []byte {
	m := hmac.New(sha256.New, v.secrets.Index)
	m.Write([]byte(kind))
	m.Write([]byte{0})
	m.Write([]byte(value))
	return m.Sum(nil)
}

// get reads an object sealed to the vault, under this identity or one before.
func (v *Vault) get(ctx context.Context, name string) ([]byte, error) {
	err := error(blob.ErrNotExist)
	for _, place := range v.places {
		sealed, gerr := Places{place}.get(ctx, name)
		if gerr != nil {
			if errors.Is(err, blob.ErrNotExist) {
				err = gerr
			}
			continue
		}
		b, oerr := Open(sealed, v.identities()...)
		if oerr == nil {
			return b, nil
		}
		// A mirror may have it whole.
		err = fmt.Errorf("open %s: %w: %w", name, record.ErrCorrupt, oerr)
	}
	return nil, err
}

func (v *Vault) identities() []age.Identity {
	out := []age.Identity{v.identity}
	for _, id := range v.retired {
		out = append(out, id)
	}
	return out
}

func parseIdentity(line []byte) (*age.HybridIdentity, error) {
	id, err := age.ParseHybridIdentity(string(bytes.TrimSpace(line)))
	if err != nil {
		// age's error may quote the line.
		return nil, fmt.Errorf("%w: not a hybrid identity", record.ErrCorrupt)
	}
	return id, nil
}

func random() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}

// Derive returns a 32-byte key for one purpose from a longer-lived secret.
func Derive(secret []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "chartvault "+purpose, 32)
}
