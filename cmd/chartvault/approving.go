package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chartvault/accounts"
	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/record"
)

// kindApproverKey is the register of keys of approvers who sign in to the pages,
// by their names; all its entries are stateKnown. Each is sealed with a passphrase
// only that person knows: the server can use none by itself.
const kindApproverKey = "approver-key"

// keptKey is the key of an approver.
type keptKey struct {
	Account record.Actor `json:"account"`
	Sealed  []byte       `json:"sealed"` // age, with a passphrase
}

// signedIn is the name of a user of the pages; "" for any other actor.
func signedIn(who record.Actor) string {
	name, ok := strings.CutPrefix(string(who), "user:")
	if !ok {
		return ""
	}
	return name
}

// opApproverEnrol makes whoever is signed in an approver, with a passphrase for
// that alone.
func (a *app) opApproverEnrol(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		Passphrase string `json:"passphrase"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	name := signedIn(r.Actor)
	if name == "" {
		return fmt.Errorf("approver: %w: sign in to the pages first, or use \"approver add\"", record.ErrDenied)
	}
	if err := accounts.CheckPassword(name, p.Passphrase); err != nil {
		return err
	}
	a.enrolMu.Lock() // making a key takes long: one at a time
	defer a.enrolMu.Unlock()
	as, err := a.desk.Approvers(ctx)
	if err != nil {
		return err
	}
	for _, x := range as {
		if x.Name == name || x.Account == r.Actor {
			return fmt.Errorf("approver %s: %w", name, record.ErrExists)
		}
	}
	pub, sealed, err := newApproverKey(p.Passphrase, 0)
	if err != nil {
		return err
	}
	// The key first: an approver without one could never approve, nor enrol again.
	if err := a.enter(ctx, audit.ActApproverKey, r.Actor, catalog.Entry{Kind: kindApproverKey, ID: name, State: stateKnown, At: a.now().UTC(), Body: mustJSON(keptKey{r.Actor, sealed})}); err != nil {
		return err
	}
	x, err := a.desk.AddApprover(ctx, r.Actor, disposition.Approver{Name: name, Account: r.Actor, Key: pub})
	if err != nil {
		return err
	}
	return out(x)
}

// opApproveHere signs for whoever is signed in, with the passphrase of their key.
func (a *app) opApproveHere(ctx context.Context, r asked, out func(any) error) error {
	var p struct {
		questionParams
		Passphrase string `json:"passphrase"`
	}
	if err := r.params(&p); err != nil {
		return err
	}
	name := signedIn(r.Actor)
	e, err := a.cat.Entry(ctx, kindApproverKey, name)
	if err != nil {
		return fmt.Errorf("you are no approver yet: %w: become one under your own sign-in", record.ErrDenied)
	}
	var k keptKey
	if err := into(e, &k); err != nil {
		return err
	}
	q, err := a.question(ctx, p.questionParams)
	if err != nil {
		return err
	}
	var plain []byte
	err = a.try(ctx, "approvals of "+name, func() (err error) {
		plain, err = keys.OpenPassphrase(k.Sealed, p.Passphrase)
		return err
	})
	switch {
	case errors.Is(err, record.ErrPassphrase):
		denied := fmt.Errorf("approver %s: %w: this is not the passphrase of your approvals", name, record.ErrDenied)
		return errors.Join(denied, a.arch.Journal(ctx, audit.ActSignInRefused, "", map[string]any{"actor": r.Actor, "user": name, "for": "approval"}))
	case err != nil:
		return err
	}
	key, err := approverKey(plain)
	if err != nil {
		return err
	}
	l, err := a.approve(ctx, disposition.Approve(q, name, key, a.now().Truncate(time.Millisecond)))
	if err != nil {
		return err
	}
	return out(l)
}

// try opens something with a passphrase of somebody who is signed in, who is slowed
// down when guessing.
func (a *app) try(ctx context.Context, what string, open func() error) error {
	if d := a.accounts.Load(); d != nil {
		return d.Try(ctx, what, open)
	}
	return open() // nobody can be signed in
}
