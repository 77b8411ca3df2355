package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"chartvault/archive/blob"
	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/internal/durable"
	"chartvault/ocr/tesseract"
	"chartvault/record"
)

// checkLine is one check of the doctor.
type checkLine struct {
	Check  string `json:"check"`
	Result string `json:"result"` // "ok", "warn" or "fail"
	Detail string `json:"detail,omitempty"`
}

func (e *env) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check configuration, stores, keys, reader, disk and log",
		Long:    "Looks at everything the archive depends on. Without a passphrase it checks what can be checked sealed.",
		Example: "  chartvault doctor --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.doctor(cmd.Context()) },
	}
}

func (e *env) doctor(ctx context.Context) error {
	cfg, err := loadConfig(e.data)
	if err != nil {
		return err
	}
	failed := 0
	err = examine(ctx, cfg, func(l checkLine) error {
		if l.Result == "fail" {
			failed++
		}
		return show(e, func(l checkLine) { fmt.Fprintf(e.out, "%-4s  %s  %s\n", l.Result, l.Check, l.Detail) })(mustJSON(l))
	})
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("doctor: %d checks failed: %w", failed, record.ErrInvalid)
	}
	return nil
}

// examine checks everything the archive depends on, and says what it found, one by
// one.
func examine(ctx context.Context, cfg *config, out func(checkLine) error) error {
	for _, c := range []struct {
		name string
		warn bool // it works without
		f    func(context.Context, *config) (string, error)
	}{
		{"data directory is private", false, checkPrivate},
		{"recovery identity is off this machine", true, checkRecovery},
		{"stores answer and refuse to overwrite", false, checkStores},
		{"keys are kept in more than one place", true, checkPlaces},
		{"tesseract and its model", false, checkReader},
		{"disk", false, checkDisk},
		{"clocks agree", false, checkClocks},
		{"retention schedule", true, checkSchedule},
		{"audit log", false, checkLog},
		{"audit log is witnessed", true, checkWitness},
	} {
		detail, err := c.f(ctx, cfg)
		l := checkLine{c.name, "ok", detail}
		switch {
		case err != nil && c.warn:
			l.Result, l.Detail = "warn", err.Error()
		case err != nil:
			l.Result, l.Detail = "fail", err.Error()
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

// opCheck checks everything, as "doctor" does, for somebody who is signed in.
func (a *app) opCheck(ctx context.Context, r asked, out func(any) error) error {
	if err := a.arch.Journal(ctx, audit.ActChecked, "", map[string]any{"actor": r.Actor}); err != nil {
		return err
	}
	return examine(ctx, a.cfg, func(l checkLine) error { return out(l) })
}

// supportLine is what whoever helps from outside needs to know: numbers, versions
// and checks; no name of anybody, nothing about a patient and no secret.
type supportLine struct {
	Made    string      `json:"made"`
	Version string      `json:"version"`
	Go      string      `json:"go"`
	System  string      `json:"system"`
	Engine  string      `json:"catalogue"`
	Store   string      `json:"store"`
	Schema  int         `json:"schema"`
	Status  statusLine  `json:"status"`
	Checks  []checkLine `json:"checks"`
	Workers int         `json:"workers"`
	Real    bool        `json:"production"`
}

// opSupport gives what may be handed to whoever helps.
func (a *app) opSupport(ctx context.Context, r asked, out func(any) error) error {
	s, err := a.status(ctx)
	if err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActChecked, "", map[string]any{"actor": r.Actor, "for": "support"}); err != nil {
		return err
	}
	l := supportLine{Made: a.now().UTC().Format(time.RFC3339), Version: version(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Engine: a.cfg.Catalogue.Engine, Store: "directory", Schema: catalog.Schema(), Status: s, Workers: a.cfg.Ingest.Workers, Real: a.cfg.Production}
	if a.cfg.Storage.S3 != nil {
		l.Store = "s3"
	}
	if err := examine(ctx, a.cfg, func(c checkLine) error {
		if c.Result != "ok" && strings.Contains(c.Detail, a.cfg.dir) { // where it lies is the site's own
			c.Detail = strings.ReplaceAll(c.Detail, a.cfg.dir, "DIR")
		}
		l.Checks = append(l.Checks, c)
		return nil
	}); err != nil {
		return err
	}
	return out(l)
}

func checkPrivate(_ context.Context, cfg *config) (string, error) {
	st, err := os.Stat(cfg.dir)
	if err != nil {
		return "", err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s may be read by others: chmod 700", cfg.dir)
	}
	return st.Mode().Perm().String(), nil
}

func checkRecovery(_ context.Context, cfg *config) (string, error) {
	if _, err := os.Stat(cfg.path(recoveryFile)); err == nil {
		return "", fmt.Errorf("%s is still here: move it to two places that are not this machine", cfg.path(recoveryFile))
	}
	return "", nil
}

func checkStores(ctx context.Context, cfg *config) (string, error) {
	docs, _, err := cfg.stores(ctx)
	if err != nil {
		return "", err
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return "", err
	}
	name := "probe/" + id.String()
	put := func() error { _, err := docs.Put(ctx, name, strings.NewReader("probe"), 5); return err }
	if err := put(); err != nil {
		return "", err
	}
	again := put()
	if err := docs.Delete(ctx, name); err != nil {
		return "", err
	}
	if !errors.Is(again, blob.ErrExist) {
		return "", errors.New("the store overwrites objects")
	}
	if _, ok := docs.(blob.Locker); !ok {
		return "no retention locks: this store cannot keep an administrator from deleting", nil
	}
	return "retention locks supported", nil
}

func checkPlaces(_ context.Context, cfg *config) (string, error) {
	if cfg.Storage.S3 == nil && len(cfg.Storage.Keys) < 2 {
		return "", errors.New("one place: losing it is losing the archive; add a second to storage.keys, on another disk")
	}
	return "", nil
}

func checkReader(context.Context, *config) (string, error) {
	v := tesseract.Version()
	for _, dir := range []string{"/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata"} {
		if _, err := os.Stat(dir + "/eng.traineddata"); err == nil {
			return "tesseract " + v + ", " + dir, nil
		}
	}
	return "", errors.New("no model eng.traineddata: apt-get install tesseract-ocr-eng")
}

func checkDisk(_ context.Context, cfg *config) (string, error) {
	free, err := durable.Free(cfg.dir)
	if err != nil {
		return "", err
	}
	if free < cfg.Ingest.ReserveMiB<<20 {
		return "", fmt.Errorf("%d MiB free, %d are reserved: %w", free>>20, cfg.Ingest.ReserveMiB, record.ErrNoSpace)
	}
	return fmt.Sprintf("%d MiB free", free>>20), nil
}

func checkClocks(ctx context.Context, cfg *config) (string, error) {
	docs, _, err := cfg.stores(ctx)
	if err != nil {
		return "", err
	}
	c, ok := docs.(blob.Clock)
	if !ok {
		return "the store has no clock of its own", nil
	}
	t, err := c.Now(ctx)
	if err != nil {
		return "", err
	}
	if d := time.Since(t).Abs(); d > 5*time.Minute {
		return "", fmt.Errorf("the storage server's clock differs by %s", d.Round(time.Second))
	}
	return "", nil
}

func checkSchedule(_ context.Context, cfg *config) (string, error) {
	_, s, err := readSchedule(cfg.path(cfg.Retention.Schedule))
	if errors.Is(err, os.ErrNotExist) {
		return "no draft; \"chartvault schedule list\" says what is in force", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the draft: version %q, %d rules; \"chartvault schedule list\" says what is in force", s.Version, len(s.Rules)), nil
}

func checkLog(_ context.Context, cfg *config) (string, error) {
	b, err := os.ReadFile(cfg.path("audit/verifier"))
	if err != nil {
		return "", err
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(b)))
	if err != nil {
		return "", err
	}
	rep, err := audit.Verify(cfg.path("audit"), v, audit.Evidence{})
	if err != nil {
		return "", err
	}
	if len(rep.Faults) > 0 {
		return "", fmt.Errorf("%d faults, the first: %s", len(rep.Faults), rep.Faults[0])
	}
	return fmt.Sprintf("%d entries", rep.Entries), nil
}
