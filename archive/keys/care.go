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

// SetPassphrase changes the vault's passphrase. A copy of the keys place from
// before still opens with the old one: rotate the vault after a leak.
func (v *Vault) SetPassphrase(ctx context.Context, passphrase string, workFactor int) error {
	if passphrase == "" {
		return fmt.Errorf("set passphrase: %w: empty", record.ErrInvalid)
	}
	if err := v.steady("set passphrase"); err != nil {
		return err
	}
	if err := v.storePassphrase(ctx, passphrase, workFactor); err != nil {
		return fmt.Errorf("set passphrase: %w", err)
	}
	return nil
}

// AddWay lets an age recipient unlock the vault. record.ErrExists when there
// is a way of that name.
func (v *Vault) AddWay(ctx context.Context, w Way) error {
	if err := v.steady("add way"); err != nil {
		return err
	}
	if err := blob.CheckName(w.object()); err != nil || strings.Contains(w.Name, "/") {
		return fmt.Errorf("add way: %w: a name has lower-case letters, digits and '-'", record.ErrInvalid)
	}
	if v.hasWay(w.Name) {
		return fmt.Errorf("add way %s: %w", w.Name, record.ErrExists)
	}
	if err := v.storeWay(ctx, w); err != nil {
		return fmt.Errorf("add %w", err)
	}
	v.secrets.Ways = append(slices.Clone(v.secrets.Ways), w)
	return v.storeLists(ctx)
}

// RemoveWay takes a way away. Whoever had it, and a copy of the keys place from
// before, still opens that copy.
func (v *Vault) RemoveWay(ctx context.Context, name string) error {
	if err := v.steady("remove way"); err != nil {
		return err
	}
	if !v.hasWay(name) {
		return fmt.Errorf("remove way %s: %w", name, record.ErrNotFound)
	}
	if err := v.places.destroy(ctx, Way{Name: name}.object()); err != nil {
		return fmt.Errorf("remove way %s: %w", name, err)
	}
	v.secrets.Ways = slices.DeleteFunc(slices.Clone(v.secrets.Ways), func(w Way) bool { return w.Name == name })
	return v.storeLists(ctx)
}

func (v *Vault) hasWay(name string) bool {
	return slices.ContainsFunc(v.secrets.Ways, func(w Way) bool { return w.Name == name })
}

// NewRecovery makes a recovery identity, adds it, and returns its line, which
// is stored nowhere and must be shown once.
func (v *Vault) NewRecovery(ctx context.Context) (line, recipient string, err error) {
	if err := v.steady("add recovery identity"); err != nil {
		return "", "", err
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return "", "", fmt.Errorf("add recovery identity: %w", err)
	}
	recipient = id.Recipient().String()
	return id.String(), recipient, v.setRecovery(ctx, append(slices.Clone(v.secrets.Recovery), recipient))
}

// RemoveRecovery takes a recovery recipient away, named by the end of its
// text. One must remain.
func (v *Vault) RemoveRecovery(ctx context.Context, end string) error {
	if err := v.steady("remove recovery identity"); err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(v.secrets.Recovery), func(r string) bool { return len(end) >= 8 && strings.HasSuffix(r, end) })
	switch {
	case len(left) == len(v.secrets.Recovery):
		return fmt.Errorf("remove recovery identity: %w: none ends so (give at least 8 characters)", record.ErrNotFound)
	case len(left) == 0:
		return fmt.Errorf("remove recovery identity: %w: it is the last one", record.ErrDenied)
	}
	return v.setRecovery(ctx, left)
}

func (v *Vault) setRecovery(ctx context.Context, recipients []string) error {
	before := v.secrets.Recovery
	v.secrets.Recovery = recipients
	if err := v.storeRecovery(ctx); err != nil {
		v.secrets.Recovery = before
		return fmt.Errorf("set recovery identities: %w", err)
	}
	return v.storeLists(ctx)
}

// storeLists stores who may unlock, for the vault and for others to see.
func (v *Vault) storeLists(ctx context.Context) error {
	if err := v.storeSecrets(ctx); err != nil {
		return fmt.Errorf("store secrets: %w", err)
	}
	if err := v.storeSite(ctx, v.site); err != nil {
		return fmt.Errorf("store site: %w", err)
	}
	return nil
}

// steady refuses while a rotation is not finished: it would seal some things
// to one identity and some to the other.
func (v *Vault) steady(op string) error {
	if v.turning {
		return fmt.Errorf(`%s: a rotation is not finished: run "chartvault keys rotate": %w`, op, record.ErrNotReady)
	}
	return nil
}

// LogSeed returns the seed of the key with which all servers sign the audit log
// they share. The first that asks gives its own, so that a log which was one
// machine's goes on under the same key. One server asks at a time.
func (v *Vault) LogSeed(ctx context.Context, own []byte) ([]byte, error) {
	if v.secrets.Log != nil {
		return v.secrets.Log, nil
	}
	if err := v.findSecrets(ctx); err != nil { // another server may have given its own
		return nil, fmt.Errorf("log key: %w", err)
	}
	if v.secrets.Log != nil {
		return v.secrets.Log, nil
	}
	if v.turning { // it is stored once the rotation has ended; until then there is one server
		return own, nil
	}
	v.secrets.Log = own
	if err := v.storeSecrets(ctx); err != nil {
		v.secrets.Log = nil
		return nil, fmt.Errorf("log key: %w", err)
	}
	return own, nil
}

// Recovery lists the recipients that can open the vault identity.
func (v *Vault) Recovery() []string { return slices.Clone(v.secrets.Recovery) }

// Ways lists what unlocks the vault besides its passphrase.
func (v *Vault) Ways() []Way { return slices.Clone(v.secrets.Ways) }

// Count returns how many keys of documents and batches each place shows.
func (v *Vault) Count(ctx context.Context) ([]int, error) {
	out := make([]int, len(v.places))
	for i, s := range v.places {
		for _, err := range s.List(ctx, "k/") {
			if err != nil {
				return nil, fmt.Errorf("keys place %d: %w", i+1, err)
			}
			out[i]++
		}
	}
	return out, nil
}

// Inspection is what can be said of a key without showing it.
type Inspection struct {
	Recipient string   `json:"recipient"` // what its objects are encrypted to
	Places    []string `json:"places"`    // of each place: "current", "retired" (before the last rotation), "absent" or "damaged"
}

// Inspect looks at the key of a document or batch in every place.
func (v *Vault) Inspect(ctx context.Context, id record.ID) (Inspection, error) {
	k, err := v.Key(ctx, id)
	if err != nil {
		return Inspection{}, err
	}
	out := Inspection{Recipient: k.identity.Recipient().String()}
	for i, s := range v.places {
		b, err := blob.ReadAll(ctx, s, documentObject(id), maxKeyObject)
		state := "damaged"
		switch {
		case errors.Is(err, blob.ErrNotExist):
			state = "absent"
		case err != nil:
			return out, fmt.Errorf("inspect key %s: keys place %d: %w", id, i+1, err)
		case opens(b, v.identity):
			state = "current"
		case opens(b, v.identities()...):
			state = "retired"
		}
		out.Places = append(out.Places, state)
	}
	return out, nil
}

func opens(sealed []byte, by ...age.Identity) bool {
	_, err := Open(sealed, by...)
	return err == nil
}

// Export seals a document's identity, as the stock age tool reads it, to a
// recipient of any kind.
func (v *Vault) Export(ctx context.Context, id record.ID, recipient string) ([]byte, error) {
	to, err := parseRecipient(recipient)
	if err != nil {
		return nil, fmt.Errorf("export key %s: %w", id, err)
	}
	k, err := v.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	b, err := Seal([]byte(k.identity.String()+"\n"), to)
	if err != nil {
		return nil, fmt.Errorf("export key %s: %w", id, err)
	}
	return b, nil
}
