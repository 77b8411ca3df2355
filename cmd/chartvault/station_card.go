package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"chartvault/archive/keys"
	"chartvault/record"
)

// card is all a machine needs to know of an archive to deposit into it: whom
// to seal to, and whose answers to believe. It holds no secret, and whoever
// could change it would read what is scanned: it is carried by hand, and a
// server keeps its own copy beside its own key.
type card struct {
	Version int      `json:"version"` // 1
	Site    string   `json:"site"`    // names the archive
	Vault   string   `json:"vault"`   // the vault's recipient
	Servers [][]byte `json:"servers"` // Ed25519 public keys
}

// cardFile is where it lies in a data directory.
const cardFile = "site.json"

// readCard reads a card.
func readCard(file string) (c card, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("site card: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil || c.Version != 1 || len(c.Servers) == 0 {
		return c, fmt.Errorf("site card %s: %w: make one with \"chartvault stations card\" on the server", file, record.ErrInvalid)
	}
	for _, k := range c.Servers {
		if len(k) != ed25519.PublicKeySize {
			return c, fmt.Errorf("site card %s: %w: a server's key has another length", file, record.ErrInvalid)
		}
	}
	return c, nil
}

// card makes the archive's card as of now.
func (a *app) card(ctx context.Context) (card, error) {
	c := card{Version: 1, Site: a.vault.Site().ID, Vault: a.vault.Recipient()}
	ds, err := a.vault.Depositors(ctx)
	if err != nil {
		return c, err
	}
	for _, d := range ds {
		if d.Role == keys.RoleServer {
			c.Servers = append(c.Servers, d.Key)
		}
	}
	return c, nil
}

// writeCard keeps this server's own copy of the card, which it seals to while
// the vault is not open: the keys place is where others could change it.
func (a *app) writeCard() error {
	c := card{Version: 1, Site: a.vault.Site().ID, Vault: a.vault.Recipient(), Servers: [][]byte{a.station.Public()}}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return writeOnce(a.cfg.path(cardFile), string(b)+"\n")
}

// me is this server as a depositor.
func (a *app) me() keys.Depositor {
	name, err := os.Hostname()
	if err != nil {
		name = "server"
	}
	return keys.Depositor{Name: name, Role: keys.RoleServer, Key: a.station.Public(), Since: a.now().UTC().Truncate(time.Second)}
}

// believes reports whether a server on the card signed a message.
func (c card) believes(message, sig []byte) bool {
	return slices.ContainsFunc(c.Servers, func(k []byte) bool { return ed25519.Verify(k, message, sig) })
}
