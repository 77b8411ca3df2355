package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/record"
)

// Rotation is how far the re-wrapping of keys has come, and what it found.
type Rotation struct {
	Turn    int `json:"turn"`    // the number of the new vault identity
	Done    int `json:"done"`    // objects looked at
	Of      int `json:"of"`      // objects there are
	Wrapped int `json:"wrapped"` // re-wrapped; the others were before, or were destroyed meanwhile
	Holes   int `json:"holes"`   // copies that one place lacks and another has

	// Damaged are objects of which no place has a copy that opens, before or after:
	// they stay as they are, and what they opened is lost unless a backup has them.
	Damaged []string `json:"damaged,omitempty"`
}

// Rotate gives the vault a new identity and re-wraps every key under it, or
// goes on with a rotation that was interrupted. also names documents and
// batches whose keys are re-wrapped even where a listing does not show them;
// progress may be nil.
//
// It may stop at any point: the vault opens with its passphrase, with every way
// and with the recovery identities at every moment, before and after, and
// opens everything. The order is: next.age (the new identity, sealed to the
// old one); retired.age (the old one, sealed to the new one); whatever unlocks
// the vault, one after the other; the keys. The identity turned away from is
// never thrown away: it stays sealed in retired.age, so that a key no listing
// showed still opens. Whoever had the old identity and a copy of the keys
// place from before still reads that copy.
func (v *Vault) Rotate(ctx context.Context, passphrase string, workFactor int, also []record.ID, progress func(Rotation)) (Rotation, error) {
	var r Rotation
	fail := func(err error) (Rotation, error) { return r, fmt.Errorf("rotate vault: %w", err) }
	if passphrase == "" {
		return fail(fmt.Errorf("%w: empty passphrase", record.ErrInvalid))
	}
	if err := v.turn(ctx); err != nil {
		return fail(err)
	}
	if err := v.unlockables(ctx, passphrase, workFactor); err != nil {
		return fail(err)
	}
	r.Turn = v.site.Turn
	names, err := v.wrapped(ctx)
	if err != nil {
		return fail(err)
	}
	for _, id := range also {
		names[documentObject(id)] = true
	}
	r.Of = len(names)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		err := v.rewrap(ctx, name, &r)
		if errors.Is(err, record.ErrCorrupt) {
			r.Damaged = append(r.Damaged, name) // it must not keep the others under an identity that leaked
			err = nil
		}
		if err != nil {
			return fail(err)
		}
		if r.Done++; progress != nil {
			progress(r)
		}
	}
	if err := v.places.destroy(ctx, nextObject); err != nil {
		return fail(err)
	}
	v.turning, v.before = false, nil
	return r, nil
}

// Turning reports whether a rotation was begun and not finished.
func (v *Vault) Turning() bool { return v.turning }

// turn makes the new identity and stores it so that whoever opens the old one
// finds the new one, and the other way round.
func (v *Vault) turn(ctx context.Context) error {
	if !v.turning {
		next, err := age.GenerateHybridIdentity()
		if err != nil {
			return err
		}
		v.before, v.identity, v.turning = v.identity, next, true
		v.retire(v.before)
	}
	// Again after an interruption: one place may have it and another not.
	sealed, err := sealOwn(v.before, nextObject, v.identity.String())
	if err != nil {
		return err
	}
	if err := v.places.replace(ctx, nextObject, sealed); err != nil {
		return err
	}
	var lines []string
	for _, id := range v.retired {
		lines = append(lines, id.String())
	}
	if sealed, err = sealOwn(v.identity, retiredObject, lines); err != nil {
		return err
	}
	return v.places.replace(ctx, retiredObject, sealed)
}

// unlockables re-seals what opens the vault: the secrets, every way, the
// recovery copy, the passphrase copy, and last what others may know.
func (v *Vault) unlockables(ctx context.Context, passphrase string, workFactor int) error {
	if err := v.storeSecrets(ctx); err != nil {
		return err
	}
	for _, w := range v.secrets.Ways {
		if err := v.storeWay(ctx, w); err != nil {
			return err
		}
	}
	if err := v.storeRecovery(ctx); err != nil {
		return err
	}
	if err := v.storePassphrase(ctx, passphrase, workFactor); err != nil {
		return err
	}
	site := v.site
	if site.Vault != v.identity.Recipient().String() {
		site.Vault, site.Turn = v.identity.Recipient().String(), site.Turn+1
	}
	return v.storeSite(ctx, site)
}

// wrapped lists the objects under the vault, as any place shows them.
func (v *Vault) wrapped(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	for i, s := range v.places {
		for _, prefix := range []string{"k/", "shards/", "trust/"} {
			for info, err := range s.List(ctx, prefix) {
				if err != nil {
					return nil, fmt.Errorf("keys place %d: %w", i+1, err)
				}
				names[info.Name] = true
			}
		}
	}
	return names, nil
}

// rewrap puts one object under the present identity in every place that has
// it. Places may have it under different identities, after an interruption:
// then one ciphertext becomes that of all.
func (v *Vault) rewrap(ctx context.Context, name string, r *Rotation) error {
	have := make([][]byte, len(v.places))
	var fresh, plain []byte
	holes := 0
	for i, s := range v.places {
		b, err := blob.ReadAll(ctx, s, name, maxKeyObject)
		if errors.Is(err, blob.ErrNotExist) {
			holes++
			continue
		}
		if err != nil {
			return fmt.Errorf("keys place %d: %w", i+1, err)
		}
		have[i] = b
		if p, err := Open(b, v.identity); err == nil {
			if fresh == nil {
				fresh, plain = b, p
			}
		} else if p, err := Open(b, v.identities()...); err == nil && plain == nil {
			plain = p
		}
	}
	switch {
	case holes == len(v.places):
		return nil // destroyed meanwhile
	case plain == nil:
		return fmt.Errorf("%s: %w: no place has a copy that opens", name, record.ErrCorrupt)
	}
	r.Holes += holes
	if fresh == nil {
		var err error
		if fresh, err = Seal(plain, v.identity.Recipient()); err != nil {
			return err
		}
	}
	changed := false
	for i, s := range v.places {
		if have[i] == nil || bytes.Equal(have[i], fresh) {
			continue
		}
		err := s.Swap(ctx, name, have[i], fresh)
		if errors.Is(err, blob.ErrNotExist) {
			continue // destroyed at this moment: it stays so
		}
		if err != nil {
			return fmt.Errorf("keys place %d: %w", i+1, err)
		}
		changed = true
	}
	if changed {
		r.Wrapped++
	}
	return nil
}

// storeSite writes what others may know.
func (v *Vault) storeSite(ctx context.Context, site Site) error {
	site.Recovery, site.Ways = v.secrets.Recovery, v.secrets.Ways
	b, err := json.MarshalIndent(site, "", "  ")
	if err != nil {
		return err
	}
	if err := v.places.replace(ctx, siteObject, b); err != nil {
		return err
	}
	v.site = site
	return nil
}

func (v *Vault) storeSecrets(ctx context.Context) error {
	b, err := sealOwn(v.identity, secretsObject, v.secrets)
	if err != nil {
		return err
	}
	return v.places.replace(ctx, secretsObject, b)
}

// storeIdentity seals the vault identity to whoever may open it.
func (v *Vault) storeIdentity(ctx context.Context, object string, to ...age.Recipient) error {
	b, err := Seal([]byte(v.identity.String()+"\n"), to...)
	if err != nil {
		return err
	}
	return v.places.replace(ctx, object, b)
}

func (v *Vault) storePassphrase(ctx context.Context, passphrase string, workFactor int) error {
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return fmt.Errorf("%w: %w", record.ErrInvalid, err)
	}
	if workFactor != 0 {
		to.SetWorkFactor(workFactor)
	}
	return v.storeIdentity(ctx, vaultObject, to)
}

func (v *Vault) storeWay(ctx context.Context, w Way) error {
	to, err := parseRecipient(w.Recipient)
	if err != nil {
		return fmt.Errorf("way %s: %w", w.Name, err)
	}
	if err := v.storeIdentity(ctx, w.object(), to); err != nil {
		return fmt.Errorf("way %s: %w", w.Name, err)
	}
	return nil
}

func (v *Vault) storeRecovery(ctx context.Context) error {
	to, err := age.ParseRecipients(strings.NewReader(strings.Join(v.secrets.Recovery, "\n")))
	if err != nil {
		return fmt.Errorf("recovery recipient: %w", record.ErrInvalid)
	}
	return v.storeIdentity(ctx, recoveryObject, to...)
}
