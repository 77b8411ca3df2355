package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/archive/keys"
	"chartvault/audit"
	"chartvault/internal/durable"
	"chartvault/record"
)

func (e *env) initCmd() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "init",
		Short:   "Make a new archive: keys, configuration, catalogue, index, log",
		Long:    "Makes what a new archive needs in the data directory and in the stores its configuration names.\nWhat is there already stays: run it again after pointing the configuration at another store.",
		Example: "  chartvault init --data /var/lib/chartvault --yes --passphrase-file /root/passphrase",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.runInit(cmd.Context(), yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().IntVar(&e.workFactor, "work-factor", 0, "log2 of scrypt's cost for the passphrase; 0 for age's default (18)")
	return c
}

const recoveryFile = "recovery.age-identity"

func (e *env) runInit(ctx context.Context, yes bool) error {
	if err := durable.MkdirAll(e.data); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	unlock, ok, err := durable.Lock(e.lockFile())
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("init: archive %s: %w", e.data, record.ErrBusy)
	}
	for name, text := range map[string]string{"chartvault.toml": defaultConfig, "schedule.toml": defaultSchedule} {
		_, err := durable.Create(filepath.Join(e.data, name), strings.NewReader(text), 0o600)
		if err != nil && !errors.Is(err, os.ErrExist) {
			unlock()
			return fmt.Errorf("init: %w", err)
		}
	}
	made, err := e.makeVault(ctx, yes)
	if err != nil {
		unlock()
		return err
	}
	a, err := e.open(ctx, unlock)
	if err != nil {
		return err
	}
	if made {
		err = a.arch.Journal(ctx, audit.ActInit, "", map[string]any{"actor": actor(), "site": a.vault.Site().ID})
	}
	if err == nil {
		err = durable.MkdirAll(a.cfg.path(a.cfg.Ingest.Folder))
	}
	if err := errors.Join(err, a.Close(ctx)); err != nil {
		return err
	}
	if !made {
		fmt.Fprintf(e.err, "The archive is there already; nothing was changed.\n")
		return nil
	}
	fmt.Fprintf(e.err, `Archive made in %s.

  WARNING: the recovery identity is in %s.
  Move it off this machine now: print it, put it on two USB sticks, lock them away.
  Without it a lost passphrase loses the archive; with it anyone reads everything.

  Configuration: %s
  Schedule:      %s (a draft: nothing is ever destroyed until people adopt a schedule)
  Scan folder:   %s
  Next:          chartvault serve --data %s
`, e.data, filepath.Join(e.data, recoveryFile), filepath.Join(e.data, "chartvault.toml"), filepath.Join(e.data, "schedule.toml"),
		a.cfg.path(a.cfg.Ingest.Folder), e.data)
	return nil
}

// makeVault makes the keys of a new archive in the configured places, unless
// they hold one. The recovery identity is written beside the configuration,
// once.
func (e *env) makeVault(ctx context.Context, yes bool) (made bool, err error) {
	cfg, err := loadConfig(e.data)
	if err != nil {
		return false, err
	}
	_, places, err := cfg.stores(ctx)
	if err != nil {
		return false, err
	}
	if _, err := keys.ReadSite(ctx, places); err == nil {
		return false, nil
	} else if !errors.Is(err, record.ErrNotFound) {
		return false, err
	}
	if _, err := os.Stat(cfg.path("catalogue.db")); err == nil && !yes {
		return false, fmt.Errorf("init: %w: this directory had an archive in another store; give --yes to begin a new one", record.ErrExists)
	}
	pass, err := e.passphrase(true)
	if err != nil {
		return false, err
	}
	_, recovery, err := keys.Create(ctx, places, pass, e.workFactor)
	if err != nil {
		return false, err
	}
	if _, err := durable.Replace(filepath.Join(e.data, recoveryFile), strings.NewReader(recoveryText(recovery)), 0o600); err != nil {
		return false, fmt.Errorf("init: recovery identity: %w", err)
	}
	return true, nil
}
