package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"chartvault/archive/blob"
	"chartvault/record"
)

// Way is one way to unlock the vault besides its passphrase: an age recipient,
// native or of a plugin (a hardware token), whose identity opens unlock/NAME.age.
type Way struct {
	Name      string `json:"name"`
	Recipient string `json:"recipient"` // or a plugin's identity, where the plugin encrypts to that
}

func (w Way) object() string { return "unlock/" + w.Name + ".age" }

// Unlock opens the vault with its passphrase. Errors match
// record.ErrPassphrase when the passphrase is wrong and record.ErrNotFound
// when the places hold no archive.
func Unlock(ctx context.Context, places Places, passphrase string) (*Vault, error) {
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("unlock vault: %w: %w", record.ErrPassphrase, err)
	}
	id.SetMaxWorkFactor(22)
	return unlock(ctx, places, vaultObject, id)
}

// UnlockRecovery opens the vault with a recovery identity, given as its line
// or as the content of its file.
func UnlockRecovery(ctx context.Context, places Places, identity string) (*Vault, error) {
	ids, err := age.ParseIdentities(bytes.NewReader([]byte(identity)))
	if err != nil {
		return nil, fmt.Errorf("unlock vault: the recovery identity is not an age identity: %w", record.ErrPassphrase)
	}
	return unlock(ctx, places, recoveryObject, ids...)
}

// UnlockIdentity opens the vault by one of its ways: identities is the content
// of an age identity file, whose lines may be a plugin's. The plugin's program
// is run, and may ask on the terminal.
func UnlockIdentity(ctx context.Context, places Places, identities string) (*Vault, error) {
	ids, err := parseIdentities(identities)
	if err != nil {
		return nil, fmt.Errorf("unlock vault: %w", err)
	}
	site, err := ReadSite(ctx, places)
	if err != nil {
		return nil, err
	}
	if len(site.Ways) == 0 {
		return nil, fmt.Errorf("unlock vault: no way is set up for an identity: %w", record.ErrPassphrase)
	}
	var errs []error
	for _, w := range site.Ways {
		v, err := unlock(ctx, places, w.object(), ids...)
		if err == nil {
			return v, nil
		}
		// A plugin says in its own words that a file is not for it.
		errs = append(errs, fmt.Errorf("way %s: %w", w.Name, err))
	}
	return nil, fmt.Errorf("%w: %w", record.ErrPassphrase, errors.Join(errs...))
}

func parseIdentities(text string) ([]age.Identity, error) {
	var out []age.Identity
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		var id age.Identity
		var err error
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "AGE-PLUGIN-"):
			id, err = plugin.NewIdentity(line, terminal())
		default:
			var ids []age.Identity
			if ids, err = age.ParseIdentities(strings.NewReader(line)); err == nil {
				id = ids[0]
			}
		}
		if err != nil { // it may quote the line
			return nil, fmt.Errorf("not an age identity: %w", record.ErrInvalid)
		}
		out = append(out, id)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no age identity: %w", record.ErrInvalid)
	}
	return out, nil
}

// RecipientOf returns the recipient of a hybrid identity, given as its line or
// as the content of its file.
func RecipientOf(identity string) (string, error) {
	id, err := parseIdentity([]byte(bareIdentity(identity)))
	if err != nil {
		return "", fmt.Errorf("identity: %w: not a hybrid age identity", record.ErrInvalid)
	}
	return id.Recipient().String(), nil
}

// parseRecipient reads a recipient of any kind, or a plugin's identity.
func parseRecipient(text string) (age.Recipient, error) {
	if strings.HasPrefix(text, "AGE-PLUGIN-") {
		id, err := plugin.NewIdentity(text, terminal())
		if err != nil {
			return nil, fmt.Errorf("age plugin identity: %w", record.ErrInvalid)
		}
		return id.Recipient(), nil
	}
	if rs, err := age.ParseRecipients(strings.NewReader(text)); err == nil && len(rs) == 1 {
		return rs[0], nil
	}
	r, err := plugin.NewRecipient(text, terminal())
	if err != nil {
		return nil, fmt.Errorf("age recipient: %w", record.ErrInvalid)
	}
	return r, nil
}

// terminal is how plugins speak to people. What they say is for the terminal
// and goes nowhere else.
func terminal() *plugin.ClientUI {
	quiet := func(string, ...any) {}
	return plugin.NewTerminalUI(quiet, quiet)
}

func unlock(ctx context.Context, places Places, object string, by ...age.Identity) (*Vault, error) {
	sealed, err := places.get(ctx, object)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("unlock vault: no archive in the keys place: %w", record.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("unlock vault: %w", err)
	}
	line, err := Open(sealed, by...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return nil, fmt.Errorf("unlock vault: %w", record.ErrPassphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("unlock vault: %w: %w", record.ErrCorrupt, err)
	}
	v := &Vault{places: places, secrets: &secrets{}}
	if v.identity, err = parseIdentity(line); err != nil {
		return nil, fmt.Errorf("unlock vault: %w", err)
	}
	for _, step := range []func(context.Context) error{v.findNext, v.findRetired, v.findTurning, v.findSecrets} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("unlock vault: %w", err)
		}
	}
	v.site, err = ReadSite(ctx, places)
	return v, err
}

// findNext: a rotation has begun, and what was opened is the identity it turns
// away from.
func (v *Vault) findNext(ctx context.Context) error {
	next, _, err := v.next(ctx)
	if err != nil || next == nil {
		return err
	}
	if next.String() != v.identity.String() {
		old := v.identity
		v.identity = next
		v.retire(old)
	}
	return nil
}

// next reads next.age, which an interrupted rotation left: the identity turned
// to, and the one turned away from; nil when there is none that opens.
func (v *Vault) next(ctx context.Context) (next, before *age.HybridIdentity, err error) {
	var line string
	before, err = v.getOwn(ctx, nextObject, &line)
	if err != nil || before == nil {
		return nil, nil, err
	}
	next, err = parseIdentity([]byte(line))
	return next, before, err
}

// findRetired finds the identities before this one.
func (v *Vault) findRetired(ctx context.Context) error {
	var lines []string
	if _, err := v.getOwn(ctx, retiredObject, &lines); err != nil {
		return err
	}
	for _, l := range lines {
		id, err := parseIdentity([]byte(l))
		if err != nil {
			return err
		}
		v.retire(id)
	}
	return nil
}

// findTurning finds out whether a rotation waits to be finished. Only now are
// all identities known that may have begun it.
func (v *Vault) findTurning(ctx context.Context) error {
	_, before, err := v.next(ctx)
	if err != nil {
		return err
	}
	if v.before, v.turning = before, before != nil; v.turning {
		return nil
	}
	if has, err := v.places.has(ctx, nextObject); err != nil || has {
		return errors.Join(err, fmt.Errorf("%s is not this vault's: %w", nextObject, record.ErrCorrupt))
	}
	return nil
}

func (v *Vault) findSecrets(ctx context.Context) error {
	by, err := v.getOwn(ctx, secretsObject, v.secrets)
	if err != nil {
		return err
	}
	if by == nil {
		return fmt.Errorf("%w: no secrets of this vault", record.ErrCorrupt)
	}
	v.journal, err = parseIdentity([]byte(v.secrets.Journal))
	return err
}

// retire keeps an earlier identity, once.
func (v *Vault) retire(id *age.HybridIdentity) {
	same := func(o *age.HybridIdentity) bool { return o.String() == id.String() }
	if !same(v.identity) && !slices.ContainsFunc(v.retired, same) {
		v.retired = append(v.retired, id)
	}
}
