package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/legacy"
	"chartvault/record"
)

// kindImport is the register of imports that the daemon carries out, one at a
// time; its states are those below. One that was running when the daemon ended
// goes on with the next.
const (
	kindImport    = "import"
	importWaiting = "waiting"
	importRunning = "running"
	importStopped = "stopped" // by somebody, or by an error
	importDone    = "done"
)

// mostRejects bounds how many lines that were not taken an import keeps.
const mostRejects = 10_000

// importJob is an import by the daemon, of a folder below the configured one.
type importJob struct {
	ID      string           `json:"id"`
	Folder  string           `json:"folder"`
	Index   string           `json:"index"` // file in it, or a pattern
	Kind    string           `json:"kind"`  // of index: csv, dip or pattern
	Map     legacy.Fields    `json:"map,omitempty"`
	From    string           `json:"from"`
	By      record.Actor     `json:"by"`
	At      time.Time        `json:"at"`
	State   string           `json:"state"`
	Sum     importSum        `json:"sum"`
	Rejects []legacy.Problem `json:"rejects,omitempty"`
	Why     string           `json:"why,omitempty"` // it stopped
}

// importWish is an import that somebody wants.
type importWish struct {
	Folder string        `json:"folder"`
	Index  string        `json:"index"`
	Kind   string        `json:"kind"` // csv, dip or pattern
	Map    legacy.Fields `json:"map,omitempty"`
	From   string        `json:"from,omitempty"` // what the other system is called
}

// importID names an import.
type importID struct {
	ID string `json:"id"`
}

// importStatus is an import as it is listed.
type importStatus struct {
	ID     string       `json:"id"`
	Folder string       `json:"folder"`
	From   string       `json:"from"`
	State  string       `json:"state"`
	By     record.Actor `json:"by"`
	At     string       `json:"at"`
	Sum    importSum    `json:"sum"`
	Why    string       `json:"why,omitempty"`
}

// importFolder is a folder that can be imported.
type importFolder struct {
	Folder string   `json:"folder"`
	Files  []string `json:"files,omitempty"` // in it that may be an index
}

// importer carries imports out, while the daemon runs.
type importer struct {
	mu     sync.Mutex
	serves bool
	wake   chan struct{}
	id     string     // of the one that runs; "" for none
	now    *importing // the same
	cancel context.CancelFunc
	halted bool // somebody stopped it
}

// params are those of the import command for a wish; record.ErrInvalid for what
// leads out of the configured folder.
func (a *app) importOf(w importWish) (importParams, error) {
	p := importParams{Map: w.Map, From: w.From}
	if p.From == "" {
		p.From = "the former system"
	}
	if w.Folder == "" || w.Folder == "." || strings.ContainsAny(w.Folder, `/\`) || !filepath.IsLocal(w.Folder) {
		return p, fmt.Errorf("import: %w: name a folder in %s", record.ErrInvalid, a.cfg.Ingest.Exports)
	}
	p.Root = filepath.Join(a.cfg.path(a.cfg.Ingest.Exports), w.Folder)
	switch {
	case w.Kind == "pattern" && w.Index != "":
		p.Pattern = w.Index
		return p, nil
	case w.Kind != "csv" && w.Kind != "dip", w.Index == "":
		return p, fmt.Errorf("import: %w: say what the index is: a CSV, a DIP index, or a pattern of names", record.ErrInvalid)
	case !filepath.IsLocal(w.Index):
		return p, fmt.Errorf("import: %w: the index lies in the folder", record.ErrInvalid)
	case w.Kind == "csv":
		p.CSV = filepath.Join(p.Root, w.Index)
	default:
		p.DIP = filepath.Join(p.Root, w.Index)
	}
	return p, nil
}

func (a *app) opImportFolders(_ context.Context, _ asked, out func(any) error) error {
	dir := a.cfg.path(a.cfg.Ingest.Exports)
	ents, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("folder of exports: %w", errors.Unwrap(err))
	}
	for _, e := range ents {
		if !e.IsDir() {
			continue
		}
		l := importFolder{Folder: e.Name()}
		files, err := os.ReadDir(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("folder of exports: %w", errors.Unwrap(err))
		}
		for _, f := range files {
			if x := strings.ToLower(filepath.Ext(f.Name())); f.Type().IsRegular() && (x == ".csv" || x == ".txt" || x == ".dip" || x == ".idx") {
				l.Files = append(l.Files, f.Name())
			}
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}

// opImportLook says what an import would take, and takes nothing.
func (a *app) opImportLook(ctx context.Context, r asked, out func(any) error) error {
	var w importWish
	if err := r.params(&w); err != nil {
		return err
	}
	p, err := a.importOf(w)
	if err != nil {
		return err
	}
	p.Dry = true
	m := a.newImport(r.Actor, p, func(q legacy.Problem) error { return out(importLine{Problem: &q}) })
	if err := m.run(ctx); err != nil {
		return err
	}
	return out(importLine{Sum: &m.sum})
}

// opImportBegin has the daemon carry an import out.
func (a *app) opImportBegin(ctx context.Context, r asked, out func(any) error) error {
	var w importWish
	if err := r.params(&w); err != nil {
		return err
	}
	p, err := a.importOf(w)
	if err != nil {
		return err
	}
	if _, _, err := a.newImport(r.Actor, p, nil).read(); err != nil { // what cannot begin is said at once
		return err
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return err
	}
	j := importJob{ID: id.String(), Folder: w.Folder, Index: w.Index, Kind: w.Kind, Map: w.Map, From: p.From, By: r.Actor, At: a.now().UTC().Truncate(time.Millisecond), State: importWaiting}
	return a.waken(ctx, r.Actor, j, out)
}

// waken has a job wait for its turn.
func (a *app) waken(ctx context.Context, who record.Actor, j importJob, out func(any) error) error {
	a.imports.mu.Lock()
	serves := a.imports.serves
	a.imports.mu.Unlock()
	if !serves {
		return fmt.Errorf(`import: %w: the daemon carries it out, and does not run; "chartvault import" does so without it`, record.ErrNotReady)
	}
	if err := a.putImport(ctx, who, j); err != nil {
		return err
	}
	select {
	case a.imports.wake <- struct{}{}:
	default: // it looks again anyway
	}
	return out(statusOfImport(j))
}

// opImportGoOn has one that stopped go on: what was taken in is not taken in twice.
func (a *app) opImportGoOn(ctx context.Context, r asked, out func(any) error) error {
	j, err := a.importJob(ctx, r)
	if err != nil {
		return err
	}
	if j.State != importStopped && j.State != importDone {
		return fmt.Errorf("import %s is %s: %w", j.ID, j.State, record.ErrInvalid)
	}
	j.State, j.Why = importWaiting, ""
	return a.waken(ctx, r.Actor, j, out)
}

// opImportStop stops one that waits or runs; what is being read is finished.
func (a *app) opImportStop(ctx context.Context, r asked, out func(any) error) error {
	j, err := a.importJob(ctx, r)
	if err != nil {
		return err
	}
	a.imports.mu.Lock()
	runs := a.imports.id == j.ID
	if runs {
		a.imports.halted = true
		a.imports.cancel()
	}
	a.imports.mu.Unlock()
	if runs {
		return out(statusOfImport(j))
	}
	if j.State != importWaiting && j.State != importRunning {
		return fmt.Errorf("import %s is %s: %w", j.ID, j.State, record.ErrInvalid)
	}
	j.State, j.Why = importStopped, "stopped by "+string(r.Actor)
	if err := a.putImport(ctx, r.Actor, j); err != nil {
		return err
	}
	return out(statusOfImport(j))
}

func (a *app) importJob(ctx context.Context, r asked) (j importJob, err error) {
	var p importID
	if err := r.params(&p); err != nil {
		return j, err
	}
	e, err := a.cat.Entry(ctx, kindImport, p.ID)
	if err != nil {
		return j, fmt.Errorf("import %s: %w", p.ID, err)
	}
	return j, into(e, &j)
}

// opImportList lists imports, the newest first, each as far as it is.
func (a *app) opImportList(ctx context.Context, _ asked, out func(any) error) error {
	es, err := a.cat.Entries(ctx, kindImport)
	if err != nil {
		return err
	}
	slices.Reverse(es)
	return eachEntry(es, nil, func(j importJob) error {
		a.imports.mu.Lock()
		if a.imports.id == j.ID {
			j.Sum = a.imports.now.soFar()
		}
		a.imports.mu.Unlock()
		return out(statusOfImport(j))
	})
}

// opImportRejects lists the lines of an import that were not taken, and why.
func (a *app) opImportRejects(ctx context.Context, r asked, out func(any) error) error {
	j, err := a.importJob(ctx, r)
	if err != nil {
		return err
	}
	for _, p := range j.Rejects {
		if err := out(p); err != nil {
			return err
		}
	}
	return nil
}

func statusOfImport(j importJob) importStatus {
	return importStatus{ID: j.ID, Folder: j.Folder, From: j.From, State: j.State, By: j.By, At: j.At.Format(time.RFC3339), Sum: j.Sum, Why: j.Why}
}

func (a *app) putImport(ctx context.Context, who record.Actor, j importJob) error {
	return a.enter(ctx, audit.ActImport, who, catalog.Entry{Kind: kindImport, ID: j.ID, State: j.State, At: j.At, Body: mustJSON(j)})
}

// importing carries imports out, one after the other, until ctx ends.
func (a *app) importing(ctx context.Context) error {
	a.imports.mu.Lock()
	a.imports.serves = true
	a.imports.mu.Unlock()
	again := time.NewTicker(time.Minute)
	defer again.Stop()
	for {
		var next *importJob
		es, err := a.cat.EntriesIn(ctx, kindImport, importWaiting, importRunning)
		err = eachEntry(es, err, func(j importJob) error {
			if next == nil {
				next = &j
			}
			return nil
		})
		if err == nil && next != nil {
			err = a.carryImport(ctx, *next)
		}
		if ctx.Err() != nil {
			return nil // it goes on with the next start
		}
		if err != nil {
			a.log.ErrorContext(ctx, "imports are not looked at; it is tried again", "err", err)
		}
		if err == nil && next != nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.imports.wake:
		case <-again.C:
		}
	}
}

// carryImport carries one out, and writes down how it ended.
func (a *app) carryImport(ctx context.Context, j importJob) error {
	p, err := a.importOf(importWish{Folder: j.Folder, Index: j.Index, Kind: j.Kind, Map: j.Map, From: j.From})
	if err != nil { // it was one once
		j.State, j.Why = importStopped, err.Error()
		return a.putImport(ctx, j.By, j)
	}
	if j.State != importRunning {
		j.State = importRunning
		if err := a.putImport(ctx, j.By, j); err != nil {
			return err
		}
	}
	j.Rejects = nil
	m := a.newImport(j.By, p, func(q legacy.Problem) error {
		if len(j.Rejects) < mostRejects {
			j.Rejects = append(j.Rejects, q)
		}
		return nil
	})
	jctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.imports.mu.Lock()
	a.imports.id, a.imports.now, a.imports.cancel, a.imports.halted = j.ID, m, cancel, false
	a.imports.mu.Unlock()
	err = m.run(jctx)
	a.imports.mu.Lock()
	halted := a.imports.halted
	a.imports.id, a.imports.now = "", nil
	a.imports.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	j.Sum, j.State, j.Why = m.soFar(), importDone, ""
	switch {
	case halted:
		j.State, j.Why = importStopped, "somebody stopped it"
	case err != nil:
		j.State, j.Why = importStopped, err.Error()
		a.log.ErrorContext(ctx, "an import stopped", "import", j.ID)
	}
	return a.putImport(ctx, j.By, j)
}
