package keys

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/archive/blob"
	"chartvault/record"
)

// Role is what a depositor's signature is good for.
type Role string

// Roles. A server's signature makes what lies in the archive; a station's is
// believed once, at the door, by the server that takes its deposit over.
const (
	RoleServer  Role = "server"
	RoleStation Role = "station"
)

// Depositor is somebody whose deposits count: a server or a scanning station.
type Depositor struct {
	ID      string            `json:"id"` // names its signing key
	Name    string            `json:"name"`
	Role    Role              `json:"role"`
	Key     ed25519.PublicKey `json:"key"`
	Since   time.Time         `json:"since"`
	Revoked time.Time         `json:"revoked,omitzero"`
}

// ErrRevoked is a depositor that was trusted once and is not any more.
var ErrRevoked = errors.New("the key is revoked")

// SignerID names a depositor's signing key: the first 16 bytes of its SHA-256,
// in hex.
func SignerID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:16])
}

const trustPrefix = "trust/"

// Trust puts a depositor on the list, under its key's id. Nothing happens when
// it is there already; record.ErrExists when it is there in another role, and
// ErrRevoked when it was revoked: a machine that comes back makes a new key.
func (v *Vault) Trust(ctx context.Context, d Depositor) error {
	d.ID = SignerID(d.Key)
	old, err := v.findDepositor(ctx, d.ID)
	switch {
	case err == nil && !old.Revoked.IsZero():
		return fmt.Errorf("trust depositor %s: %w", d.ID, ErrRevoked)
	case err == nil && old.Role != d.Role:
		return fmt.Errorf("trust depositor %s: it is a %s: %w", d.ID, old.Role, record.ErrExists)
	case err == nil:
		return nil
	case !errors.Is(err, record.ErrDenied):
		return fmt.Errorf("trust depositor %s: %w", d.ID, err)
	}
	sealed, err := v.sealDepositor(d)
	if err == nil {
		err = v.places.put(ctx, trustPrefix+d.ID+".age", sealed)
	}
	if err != nil {
		return fmt.Errorf("trust depositor %s: %w", d.ID, err)
	}
	return nil
}

// Revoke takes a station off the list for good: what it deposited and a server
// took over stays; what it deposits from now on is not taken over.
// record.ErrDenied for a server, whose signature the archive rests on.
func (v *Vault) Revoke(ctx context.Context, id string, now time.Time) error {
	d, err := v.findDepositor(ctx, id)
	if errors.Is(err, record.ErrDenied) {
		return fmt.Errorf("revoke depositor %s: %w", id, record.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("revoke depositor %s: %w", id, err)
	}
	if d.Role != RoleStation {
		return fmt.Errorf("revoke depositor %s: %w: the archive rests on a server's signature", id, record.ErrDenied)
	}
	if d.Revoked.IsZero() { // a repetition mends a place that a crash left out
		d.Revoked = now.UTC()
	}
	sealed, err := v.sealDepositor(d)
	if err == nil {
		err = v.places.replace(ctx, trustPrefix+id+".age", sealed)
	}
	if err != nil {
		return fmt.Errorf("revoke depositor %s: %w", id, err)
	}
	v.ForgetSigners()
	return nil
}

// Depositors lists those on the list, revoked ones too, by name.
func (v *Vault) Depositors(ctx context.Context) ([]Depositor, error) {
	seen := map[string]bool{}
	var out []Depositor
	for _, place := range v.places {
		for info, err := range place.List(ctx, trustPrefix) {
			if err != nil {
				return nil, fmt.Errorf("list depositors: %w", err)
			}
			id := strings.TrimSuffix(strings.TrimPrefix(info.Name, trustPrefix), ".age")
			if seen[id] {
				continue
			}
			seen[id] = true
			d, err := v.findDepositor(ctx, id)
			if errors.Is(err, record.ErrDenied) {
				continue // somebody else's: it counts for nothing
			}
			if err != nil {
				return nil, fmt.Errorf("list depositors: %w", err)
			}
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Depositor) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	return out, nil
}

// signerFor is how long a depositor that was looked up is believed without
// looking again: a revocation by another server takes effect within it.
const signerFor = 30 * time.Second

// knownSigner is a depositor that was looked up.
type knownSigner struct {
	Depositor
	at time.Time
}

// Signer returns the public key of a trusted depositor in a role.
// record.ErrDenied when the list does not have it so, or has it without a good
// MAC; ErrRevoked as well when it had it once.
func (v *Vault) Signer(ctx context.Context, id string, role Role) (ed25519.PublicKey, error) {
	v.mu.Lock()
	k, ok := v.signers[id]
	v.mu.Unlock()
	if !ok || time.Since(k.at) >= signerFor {
		d, err := v.findDepositor(ctx, id)
		if err != nil {
			return nil, err
		}
		k = knownSigner{d, time.Now()}
		v.mu.Lock()
		if v.signers == nil {
			v.signers = map[string]knownSigner{}
		}
		v.signers[id] = k
		v.mu.Unlock()
	}
	switch {
	case k.Role != role:
		return nil, fmt.Errorf("signer %s is a %s: %w", id, k.Role, record.ErrDenied)
	case !k.Revoked.IsZero():
		return nil, fmt.Errorf("signer %s: %w: %w", id, record.ErrDenied, ErrRevoked)
	}
	return k.Key, nil
}

// ForgetSigners has every depositor looked up again.
func (v *Vault) ForgetSigners() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.signers = nil
}

// listed is a depositor as it is stored. The MAC matters: anybody who knows
// the vault's recipient can make an age file for it.
type listed struct {
	Body json.RawMessage `json:"body"`
	MAC  []byte          `json:"mac"`
}

func (v *Vault) sealDepositor(d Depositor) ([]byte, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(listed{body, v.depositorMAC(body)})
	if err != nil {
		return nil, err
	}
	return Seal(b, v.identity.Recipient())
}

func (v *Vault) findDepositor(ctx context.Context, id string) (Depositor, error) {
	name := trustPrefix + id + ".age"
	if err := blob.CheckName(name); err != nil || strings.Contains(id, "/") {
		return Depositor{}, fmt.Errorf("signer: %w", record.ErrDenied)
	}
	b, err := v.get(ctx, name)
	if errors.Is(err, blob.ErrNotExist) {
		return Depositor{}, fmt.Errorf("signer %s is not trusted: %w", id, record.ErrDenied)
	}
	if err != nil {
		return Depositor{}, fmt.Errorf("signer %s: %w", id, err)
	}
	var l listed
	var d Depositor
	if json.Unmarshal(b, &l) != nil || !hmac.Equal(l.MAC, v.depositorMAC(l.Body)) || json.Unmarshal(l.Body, &d) != nil ||
		len(d.Key) != ed25519.PublicKeySize || SignerID(d.Key) != id || d.ID != id {
		return Depositor{}, fmt.Errorf("signer %s is forged: %w", id, record.ErrDenied)
	}
	return d, nil
}

func (v *Vault) depositorMAC(body []byte) []byte {
	m := hmac.New(sha256.New, v.secrets.Trust)
	m.Write([]byte("depositor\x00"))
	m.Write(body)
	return m.Sum(nil)
}
