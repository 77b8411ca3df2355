package main

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"chartvault/ingest"
	"chartvault/ingest/fields"
	"chartvault/internal/durable"
	"chartvault/mpi"
	"chartvault/ocr"
	"chartvault/ocr/sandbox"
	"chartvault/ocr/scan"
	"chartvault/record"
)

// newPipeline makes what reads scans, as the configuration says, of a server
// and of a station alike. Where they go is for the caller to set.
func newPipeline(cfg *config, now func() time.Time, log *slog.Logger) (*ocr.Pool, *ingest.Pipeline, error) {
	set, err := cfg.sheets()
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	place := cfg.Ingest.Facility
	if place != "" {
		if place, err = record.FacilityCode(place); err != nil {
			return nil, nil, fmt.Errorf("ingest.facility: %w", err)
		}
	}
	mode, err := sandbox.Parse(cfg.Ingest.Sandbox)
	if err != nil {
		return nil, nil, fmt.Errorf("ingest: %w", err)
	}
	var passwords []string
	if name := cfg.Ingest.Passwords; name != "" {
		if passwords, err = secretFile(cfg.path(name)); err != nil {
			return nil, nil, fmt.Errorf("ingest.pdf_passwords_file: %w", err)
		}
	}
	limits := ocr.DefaultLimits()
	limits.Page, limits.Memory = time.Duration(cfg.Ingest.PageTimeout), cfg.Ingest.MemoryMiB<<20
	pool := ocr.NewPool(cfg.workers(), limits, mode, self, "worker", cfg.path("cache"))
	return pool, &ingest.Pipeline{
		Reader: pool, Sheets: set, Languages: cfg.Ingest.Languages,
		Facility: place, Poor: cfg.Ingest.Poor, Parallel: cfg.workers(), Spool: cfg.path("spool"), Now: now, Rand: rand.Reader, Log: log,
		Inflight: &ingest.Inflight{},
		Fields:   fields.New(set.Number, fields.Order(cfg.Ingest.DateOrder), func() int { return now().Year() }, cfg.Ingest.Forms),
		Patients: func() *mpi.List { return nil }, Passwords: passwords,
	}, nil
}

// newWatcher makes what takes scans out of the configured folder. kept says
// which batches' kept sources must stay.
func newWatcher(cfg *config, pipe *ingest.Pipeline, log *slog.Logger, filed func(ingest.Result), kept func(record.ID) bool) *ingest.Watcher {
	c := &cfg.Ingest
	return &ingest.Watcher{
		Folder: cfg.path(c.Folder), Settle: time.Duration(c.Settle), Poll: time.Duration(c.Poll), Patience: time.Duration(c.Patience),
		Parallel: cfg.workers() + 1, Reserve: c.ReserveMiB << 20, Keep: time.Duration(c.Keep), Pipeline: pipe, Log: log, Filed: filed, Waits: kept,
	}
}

// warm compiles the PDF engine once, before workers need it: they may not
// write files.
func (c *config) warm() error {
	dir := c.path("cache")
	if err := durable.MkdirAll(dir); err != nil {
		return err
	}
	if ents, err := os.ReadDir(dir); err == nil && len(ents) > 0 {
		return nil
	}
	defer debug.FreeOSMemory() // compiling takes some 300 MB that nothing needs again
	return scan.WarmPDF(dir)
}
