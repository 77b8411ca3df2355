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

// kindRejects is the register of the lines that imports did not take, by import.
const kindRejects = "import-rejects"

// mostRejects bounds how many lines that were not taken an import keeps, and
// longReject how much of a file's name.
const (
	mostRejects = 10_000
	longReject  = 300
)

// importJob is an import by the daemon, of a folder below the configured one.
type importJob struct {
	ID     string        `json:"id"`
	Folder string        `json:"folder"`
	Index  string        `json:"index"` // file in it, or a pattern
	Kind   string        `json:"kind"`  // of index: csv, dip or pattern
	Map    legacy.Fields `json:"map,omitempty"`
	From   string        `json:"from"`
	By     record.Actor  `json:"by"` // who had it begin, or go on
	At     time.Time     `json:"at"`
	State  string        `json:"state"`
	Sum    importSum     `json:"sum"`
	Why    string        `json:"why,omitempty"`    // it stopped, or waits
	Server string        `json:"server,omitempty"` // of several: where the folder lies
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
}

// running is the import that runs, where it is that of an id; nil otherwise.
func (i *importer) running(id string) *importing {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.id != id {
		return nil
	}
	return i.now
}

func (i *importer) set(id string, m *importing) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.id, i.now = id, m
}

// importOf is what the import command would be given for a wish; record.ErrInvalid for what
// leads out of the configured folder.
func (a *app) importOf(w importWish) (importParams, error) {
	p := importParams{Map: w.Map, From: w.From}
	if p.From == "" {
		p.From = "the former system"
	}
	if a.cfg.Ingest.Exports == "" {
		return p, fmt.Errorf("import: %w: this site imports nothing from the pages", record.ErrInvalid)
	}
	if w.Folder == "" || w.Folder == "." || strings.ContainsAny(w.Folder, `/\`) || !filepath.IsLocal(w.Folder) {
		return p, fmt.Errorf("import: %w: name a folder in %s", record.ErrInvalid, a.cfg.Ingest.Exports)
	}
	p.Root = filepath.Join(a.cfg.path(a.cfg.Ingest.Exports), w.Folder)
	if st, err := os.Lstat(p.Root); err != nil || !st.IsDir() {
		return p, fmt.Errorf("import: %w: %s is not a folder", record.ErrInvalid, w.Folder)
	}
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

// mostFiles is how many files of a folder are looked at for one that may be an index.
const mostFiles = 1000

func (a *app) opImportFolders(_ context.Context, _ asked, out func(any) error) error {
	if a.cfg.Ingest.Exports == "" {
		return nil
	}
	dir := a.cfg.path(a.cfg.Ingest.Exports)
	ents, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("folder of exports: %w", errors.Unwrap(err))
	}
	for _, e := range ents {
		if !e.IsDir() {
			continue
		}
		if err := out(importFolder{e.Name(), indexes(filepath.Join(dir, e.Name()))}); err != nil {
			return err
		}
	}
	return nil
}

// indexes lists files of a folder that may be an index; none of one that cannot be
// read.
func indexes(dir string) (out []string) {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close() // read-only
	files, err := d.ReadDir(mostFiles)
	if err != nil {
		return nil
	}
	for _, f := range files {
		if x := strings.ToLower(filepath.Ext(f.Name())); f.Type().IsRegular() && (x == ".csv" || x == ".txt" || x == ".dip" || x == ".idx") {
			out = append(out, f.Name())
		}
	}
	slices.Sort(out)
	return out
}

// wished is an import that somebody wants, confined to its folder.
func (a *app) wished(r asked) (*importing, importWish, error) {
	var w importWish
	if err := r.params(&w); err != nil {
		return nil, w, err
	}
	p, err := a.importOf(w)
	if err != nil {
		return nil, w, err
	}
	m := a.newImport(r.Actor, p, nil)
	m.confined = true
	return m, w, nil
}

// opImportLook says what an import would take, and takes nothing.
func (a *app) opImportLook(ctx context.Context, r asked, out func(any) error) error {
	m, _, err := a.wished(r)
	if err != nil {
		return err
	}
	m.p.Dry, m.sum.Dry = true, true
	m.say = func(q legacy.Problem) error { return out(importLine{Problem: &q}) }
	if err := m.run(ctx); err != nil {
		return err
	}
	return out(importLine{Sum: &m.sum})
}

// opImportBegin has the daemon carry an import out.
func (a *app) opImportBegin(ctx context.Context, r asked, out func(any) error) error {
	m, w, err := a.wished(r)
	if err != nil {
		return err
	}
	if _, _, err := m.read(); err != nil { // what cannot begin is said at once
		return err
	}
	id, err := record.NewID(rand.Reader)
	if err != nil {
		return err
	}
	j := importJob{ID: id.String(), Folder: w.Folder, Index: w.Index, Kind: w.Kind, Map: w.Map, From: m.p.From, By: r.Actor, At: a.now().UTC().Truncate(time.Millisecond), State: importWaiting, Server: a.cat.Self()}
	a.importMu.Lock()
	defer a.importMu.Unlock()
	return a.waken(ctx, r.Actor, j, out)
}

// waken has a job wait for its turn. Held: importMu.
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

// opImportGoOn has one that stopped go on, for whoever asks for it: what was taken
// in is not taken in twice.
func (a *app) opImportGoOn(ctx context.Context, r asked, out func(any) error) error {
	a.importMu.Lock()
	defer a.importMu.Unlock()
	j, err := a.importHere(ctx, r)
	if err != nil {
		return err
	}
	if j.State != importStopped && j.State != importDone || a.imports.running(j.ID) != nil {
		return fmt.Errorf("import %s is not stopped yet: %w", j.ID, record.ErrInvalid)
	}
	j.State, j.Why, j.By = importWaiting, "", r.Actor
	return a.waken(ctx, r.Actor, j, out)
}

// opImportStop stops one that waits or runs; what is being read is finished. It stays
// stopped, whatever becomes of the daemon.
func (a *app) opImportStop(ctx context.Context, r asked, out func(any) error) error {
	a.importMu.Lock()
	defer a.importMu.Unlock()
	j, err := a.importHere(ctx, r)
	if err != nil {
		return err
	}
	if j.State != importWaiting && j.State != importRunning {
		return fmt.Errorf("import %s is %s: %w", j.ID, j.State, record.ErrInvalid)
	}
	j.State, j.Why = importStopped, "stopped by "+string(r.Actor)
	m := a.imports.running(j.ID)
	if m != nil {
		m.halted.Store(true)
		j.Sum = m.soFar()
	}
	if err := a.putImport(ctx, r.Actor, j); err != nil {
		return err
	}
	return out(statusOfImport(j))
}

// importHere is importJob for what only the server can do that has the folder.
func (a *app) importHere(ctx context.Context, r asked) (importJob, error) {
	j, err := a.importJob(ctx, r)
	if err == nil && j.Server != "" && j.Server != a.cat.Self() {
		err = fmt.Errorf("import %s is carried out by server %s: ask there: %w", j.ID, j.Server, record.ErrInvalid)
	}
	return j, err
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
		if m := a.imports.running(j.ID); m != nil {
			j.Sum = m.soFar()
		}
		return out(statusOfImport(j))
	})
}

// opImportRejects lists the lines of an import that were not taken, and why.
func (a *app) opImportRejects(ctx context.Context, r asked, out func(any) error) error {
	j, err := a.importJob(ctx, r)
	if err != nil {
		return err
	}
	var rejects []legacy.Problem
	if m := a.imports.running(j.ID); m != nil {
		m.mu.Lock()
		rejects = slices.Clone(m.rejects)
		m.mu.Unlock()
	} else if e, err := a.cat.Entry(ctx, kindRejects, j.ID); err == nil {
		if err := into(e, &rejects); err != nil {
			return err
		}
	} else if !errors.Is(err, record.ErrNotFound) {
		return err
	}
	for _, p := range rejects {
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

// tryAgain is how long an import waits that what may pass stood in the way of; twice
// as long each time, until longestPause.
const (
	tryAgain     = time.Minute
	longestPause = time.Hour
)
