package keys

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"filippo.io/age"

	"chartvault/archive/blob"
	"chartvault/record"
)

// secrets are what only an unlocked vault has, and whom it trusts: the list of
// recipients in site.json is for others to see and is believed by nobody here.
type secrets struct {
	Index     []byte   `json:"index"`     // HMAC key of tokens
	Catalogue []byte   `json:"catalogue"` // AEAD key of chart rows
	Trust     []byte   `json:"trust"`     // HMAC key of the list of depositors
	Journal   string   `json:"journal"`   // identity that opens journal entries
	Recovery  []string `json:"recovery"`  // recipients the vault identity is sealed to
	Ways      []Way    `json:"ways,omitempty"`
	Log       []byte   `json:"log,omitempty"` // seed of the key that signs the log's checkpoints, where several servers write it
}

// owned is the plaintext of an object that only the vault can have made.
// Anybody who knows its recipient can seal to it; nobody else has the key of
// this MAC, which is derived from the identity.
type owned struct {
	Body json.RawMessage `json:"body"`
	MAC  []byte          `json:"mac"`
}

func ownMAC(id *age.HybridIdentity, object string, body []byte) ([]byte, error) {
	key, err := Derive([]byte(id.String()), "own objects")
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(object))
	m.Write([]byte{0})
	m.Write(body)
	return m.Sum(nil), nil
}

// sealOwn seals v as the content of one of the vault's own objects.
func sealOwn(id *age.HybridIdentity, object string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	mac, err := ownMAC(id, object, body)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(owned{body, mac})
	if err != nil {
		return nil, err
	}
	return Seal(b, id.Recipient())
}

func openOwn(id *age.HybridIdentity, object string, sealed []byte, v any) error {
	b, err := Open(sealed, id)
	if err != nil {
		return err
	}
	var o owned
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("%s: %w", object, record.ErrCorrupt)
	}
	mac, err := ownMAC(id, object, o.Body)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac, o.MAC) {
		return fmt.Errorf("%s is forged: %w", object, record.ErrCorrupt)
	}
	if err := json.Unmarshal(o.Body, v); err != nil {
		return fmt.Errorf("%s: %w", object, record.ErrCorrupt)
	}
	return nil
}

// getOwn reads one of the vault's own objects into v, under any of the
// identities it has, and returns that identity; nil when no place has one.
func (v *Vault) getOwn(ctx context.Context, object string, into any) (by *age.HybridIdentity, err error) {
	for i, place := range v.places {
		sealed, gerr := Places{place}.get(ctx, object)
		if errors.Is(gerr, blob.ErrNotExist) {
			continue
		}
		if gerr != nil {
			err = fmt.Errorf("keys place %d: %w", i+1, gerr)
			continue // a mirror may have it
		}
		for _, id := range append([]*age.HybridIdentity{v.identity}, v.retired...) {
			oerr := openOwn(id, object, sealed, into)
			if oerr == nil {
				return id, nil
			}
			if noMatch := (*age.NoIdentityMatchError)(nil); !errors.As(oerr, &noMatch) {
				err = fmt.Errorf("keys place %d: %w: %w", i+1, record.ErrCorrupt, oerr)
			}
		}
	}
	return nil, err
}
