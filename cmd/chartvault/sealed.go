package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/record"
	"chartvault/web"
)

// unlockParams open the vault of a daemon that runs sealed: one of them.
type unlockParams struct {
	Passphrase string `json:"passphrase,omitempty"`
	Identity   string `json:"identity,omitempty"` // content of an age identity file that is a way
	Recovery   string `json:"recovery,omitempty"` // content of a recovery identity's file
}

// by is how the parameters unlock.
func (p unlockParams) by() (unlocker, error) {
	switch {
	case p.Recovery != "":
		return func(ctx context.Context, ks keys.Places) (*keys.Vault, error) {
			return keys.UnlockRecovery(ctx, ks, p.Recovery)
		}, nil
	case p.Identity != "":
		return func(ctx context.Context, ks keys.Places) (*keys.Vault, error) {
			return keys.UnlockIdentity(ctx, ks, p.Identity)
		}, nil
	case p.Passphrase != "":
		return func(ctx context.Context, ks keys.Places) (*keys.Vault, error) {
			return keys.Unlock(ctx, ks, p.Passphrase)
		}, nil
	}
	return nil, fmt.Errorf("unlock: %w", record.ErrSealed)
}

// unlockedLine says what an unlocking did.
type unlockedLine struct {
	State string `json:"state"` // "unlocked"
	Was   bool   `json:"was"`   // it had been unlocked before
}

func (e *env) unlockCmd() *cobra.Command {
	return &cobra.Command{
		Use: "unlock", Short: "Open the vault of a daemon that was started with --sealed",
		Long:    "Gives the running daemon the passphrase, or --identity or --recovery-identity. It then takes over what was scanned while it was sealed, and answers.",
		Example: "  chartvault unlock --data /var/lib/chartvault", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := e.daemon()
			if c == nil {
				return fmt.Errorf("unlock: no daemon is running on %s: %w", e.data, record.ErrNotFound)
			}
			p, err := e.unlockParams()
			if err != nil {
				return err
			}
			return c.Call(cmd.Context(), "unlock", request{Actor: actor(), Params: p}, show(e, func(l unlockedLine) {
				if l.Was {
					fmt.Fprintln(e.out, "it was unlocked before")
					return
				}
				fmt.Fprintln(e.out, "unlocked")
			}))
		},
	}
}

// opUnlock answers an unlocking that nobody waited for.
func (a *app) opUnlock(_ context.Context, _ asked, out func(any) error) error {
	return out(unlockedLine{"unlocked", true})
}

// unlocking is a vault that was opened for a daemon that runs sealed.
type unlocking struct {
	vault *keys.Vault
	actor record.Actor
	done  chan error
}

// serveSealed takes scans in without the vault until somebody unlocks it, and
// then serves. It takes over the data directory's lock.
func (e *env) serveSealed(ctx context.Context, unlock func()) error {
	u, ep, err := e.untilUnlocked(ctx, unlock)
	if err != nil || u == nil {
		return err
	}
	cfg, err := loadConfig(e.data)
	if err != nil {
		u.done <- err
		unlock()
		return errors.Join(err, ep.stop())
	}
	a, err := open(ctx, cfg, func(context.Context, keys.Places) (*keys.Vault, error) { return u.vault, nil }, e.log, false, unlock)
	if err == nil {
		err = a.arch.Journal(ctx, audit.ActUnlocked, "", change{Actor: u.actor})
	}
	u.done <- err
	if err != nil {
		if a != nil {
			err = errors.Join(err, a.Close(context.WithoutCancel(ctx)))
		}
		return errors.Join(err, ep.stop())
	}
	used := false
	err = a.serveUntil(ctx, func() (*endpoint, error) { used = true; return ep, nil })
	if !used { // it failed before it could answer
		err = errors.Join(err, ep.stop())
	}
	return err
}

// untilUnlocked runs sealed. Nothing is left running when it returns; the lock
// is let go of unless somebody unlocked.
func (e *env) untilUnlocked(ctx context.Context, unlock func()) (u *unlocking, ep *endpoint, err error) {
	defer func() {
		if u == nil {
			unlock()
		}
	}()
	cfg, err := loadConfig(e.data)
	if err != nil {
		return nil, nil, err
	}
	docs, places, err := cfg.stores(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, err := newDepositing(cfg, e.log)
	if err != nil {
		return nil, nil, fmt.Errorf("sealed start: %w", err)
	}
	if ep, err = listen(cfg.Server.Listen, e.daemonPath(), e.log); err != nil {
		return nil, nil, err
	}
	opened, over := make(chan *unlocking), make(chan struct{})
	defer close(over)
	ep.handle(d.handler(ep.token, places, opened, over))
	e.log.Info("serving sealed", "addr", ep.addr(), "folder", d.watcher.Folder)
	dctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.run(dctx, docs, places, func(context.Context) error { return nil }) }()
	select {
	case u = <-opened:
		stop()
		if err := <-ended; err != nil {
			u.done <- err
			u = nil
			return nil, nil, errors.Join(err, ep.stop())
		}
		return u, ep, nil
	case err = <-ended: // ctx ended, or it cannot watch
	}
	stop()
	return nil, nil, errors.Join(err, ep.wait(dctx))
}

// handler answers what can be answered without the vault.
func (d *depositing) handler(token string, places keys.Places, opened chan<- *unlocking, over <-chan struct{}) http.Handler {
	sealed := func(context.Context, json.RawMessage, func(any) error) error {
		return fmt.Errorf("the vault is not open: %w", record.ErrSealed)
	}
	ops := map[string]web.Op{}
	for name := range operations() {
		ops[name] = sealed
	}
	ops["status"] = d.status
	ops["unlock"] = func(ctx context.Context, in json.RawMessage, out func(any) error) error {
		var r asked
		var p unlockParams
		if err := json.Unmarshal(in, &r); err != nil {
			return fmt.Errorf("unlock: %w", record.ErrInvalid)
		}
		if err := r.params(&p); err != nil {
			return fmt.Errorf("unlock: %w", record.ErrInvalid) // the text may quote a secret
		}
		by, err := p.by()
		if err != nil {
			return err
		}
		u := &unlocking{actor: r.Actor, done: make(chan error, 1)}
		if u.vault, err = by(ctx, places); err != nil {
			return err
		}
		select {
		case opened <- u:
		case <-over: // somebody else has
			return out(unlockedLine{State: "unlocked", Was: true})
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := <-u.done; err != nil {
			return err
		}
		return out(unlockedLine{State: "unlocked"})
	}
	s := &web.Server{
		Ops: ops, Token: token, Problem: problem, Log: d.log, Metrics: d.metrics,
		Ready: func(context.Context) error { return fmt.Errorf("the vault is not open: %w", record.ErrSealed) },
		Station: func(context.Context, []byte) ([]byte, error) {
			return nil, fmt.Errorf("the vault is not open: %w", record.ErrSealed)
		},
	}
	return s.Handler()
}

// status sums up what is known without the vault.
func (d *depositing) status(_ context.Context, _ json.RawMessage, out func(any) error) error {
	held, err := d.outbox.Held()
	if err != nil {
		return err
	}
	s := statusLine{Batches: len(held), Open: len(held), Warnings: []string{"the vault is not open: run \"chartvault unlock\"; what is scanned now is sealed, and is filed then"}}
	for _, h := range held {
		s.PagesIn += h.Counts.PagesIn
	}
	for _, w := range d.watcher.Waiting() {
		s.Waiting = append(s.Waiting, w.Why.Error())
	}
	if err := d.watcher.Halted(); err != nil {
		s.Halted = err.Error()
	}
	return out(s)
}

func (d *depositing) metrics() []web.Metric {
	held, err := d.outbox.Held()
	if err != nil {
		d.log.Error("outbox not read", "err", err)
	}
	return []web.Metric{
		{Name: "chartvault_sealed", Help: "1 while the vault is not open.", Kind: "gauge", Value: 1},
		{Name: "chartvault_outbox_batches", Help: "Batches sealed and not taken over yet.", Kind: "gauge", Value: float64(len(held))},
		{Name: "chartvault_pages_total", Help: "Pages read since the start.", Kind: "counter", Value: float64(d.meter.pages.Load())},
	}
}
