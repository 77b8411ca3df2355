package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/internal/durable"
	"chartvault/record"
)

func (e *env) stationCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "station",
		Short: "Run a scanning station: watch, read, seal, deposit",
		Long: "A station takes scans in for a server elsewhere. It holds the archive's public recipient, its own signing key, and an account\n" +
			"that may only put objects: it can file, and read nothing. What it sealed stays in its outbox until the server has it.",
		Example: "  chartvault station --data /var/lib/chartvault-station",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.runStation(cmd.Context()) },
	}
	c.AddCommand(e.stationInitCmd(), e.stationStatusCmd())
	return c
}

func (e *env) stationInitCmd() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use: "init --card FILE", Short: "Make this machine a station of the archive a card describes",
		Long:    "Makes the data directory with a configuration, the station's own signing key and the archive's card, and prints the key for the server.\nRun again with a newer card after the vault was rotated.",
		Example: "  chartvault station init --data /var/lib/chartvault-station --card site.json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return e.stationInit(from) },
	}
	c.Flags().StringVar(&from, "card", "", `file that "chartvault stations card" wrote on the server`)
	c.MarkFlagRequired("card") // it exists
	return c
}

func (e *env) stationInit(from string) error {
	crd, err := readCard(from)
	if err != nil {
		return err
	}
	if old, err := readCard(filepath.Join(e.data, cardFile)); err == nil && old.Site != crd.Site {
		return fmt.Errorf("station init: %w: this directory belongs to another archive", record.ErrExists)
	}
	if fileExists(filepath.Join(e.data, "keys", "vault.age")) {
		return fmt.Errorf("station init: %w: this directory is a server's", record.ErrExists)
	}
	if _, err := durable.Create(filepath.Join(e.data, "chartvault.toml"), strings.NewReader(defaultConfig), 0o600); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("station init: %w", err)
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("station init: %w", err)
	}
	if _, err := durable.Replace(filepath.Join(e.data, cardFile), bytes.NewReader(b), 0o600); err != nil {
		return fmt.Errorf("station init: %w", err)
	}
	st, err := keys.OpenStation(filepath.Join(e.data, "station.key"))
	if err != nil {
		return err
	}
	cfg, err := loadConfig(e.data)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(cfg.path(cfg.Ingest.Folder)); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s\n", base64.StdEncoding.EncodeToString(st.Public()))
	fmt.Fprintf(e.err, `Station made in %s.

  Set storage and station.server in %s.
  On the server:  chartvault stations trust NAME KEY     with the key printed above
  Then:           chartvault station --data %s
`, e.data, filepath.Join(e.data, "chartvault.toml"), e.data)
	return nil
}

// runStation runs until ctx ends.
func (e *env) runStation(ctx context.Context) error {
	if !fileExists(filepath.Join(e.data, cardFile)) {
		return fmt.Errorf(`no station in %s: %w; make one with "chartvault station init"`, e.data, record.ErrNotFound)
	}
	unlock, ok, err := durable.Lock(e.lockFile())
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("station %s: %w", e.data, record.ErrBusy)
	}
	defer unlock()
	e.log = slog.New(slog.NewTextHandler(e.err, nil))
	cfg, err := loadConfig(e.data)
	if err != nil {
		return err
	}
	d, err := newDepositing(cfg, e.log)
	if err != nil {
		return err
	}
	docs, places, err := cfg.stationStores(ctx)
	if err != nil {
		return err
	}
	ask, err := d.asking()
	if err != nil {
		return err
	}
	e.log.Info("station", "id", d.station.ID(), "folder", d.watcher.Folder, "server", cfg.Station.Server)
	return d.run(ctx, docs, places, ask)
}

func (e *env) stationStatusCmd() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "List the batches the server does not have yet", Example: "  chartvault station status --data /var/lib/chartvault-station --json",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			held, err := (&archive.Outbox{Dir: filepath.Join(e.data, "outbox")}).Held()
			if err != nil {
				return err
			}
			slices.SortFunc(held, func(a, b archive.Held) int { return a.Received.Compare(b.Received) })
			for _, h := range held {
				line, err := json.Marshal(h)
				if err != nil {
					return err
				}
				err = show(e, func(h archive.Held) {
					what := "sealed, not sent yet"
					if h.Sent {
						what = "sent; the server has not taken it over yet"
					}
					fmt.Fprintf(e.out, "batch %s  %d pages  %s\n", h.ID, h.Counts.PagesIn, what)
				})(line)
				if err != nil {
					return err
				}
			}
			if len(held) == 0 && !e.json {
				fmt.Fprintf(e.out, "nothing waits: the server has everything this station took in\n")
			}
			return nil
		},
	}
}

// tlsTransport believes the authority in a file.
func tlsTransport(caFile string) (*http.Transport, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %w: it holds no certificate", caFile, record.ErrInvalid)
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}, nil
}
