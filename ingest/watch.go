package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"chartvault/audit"
	"chartvault/internal/durable"
	"chartvault/record"
)

// claimedDir is where sources lie while they are being taken in, inside the
// watched folder so that claiming is one rename on one file system.
const claimedDir = ".claimed"

// Watcher takes scans out of a folder. Polling is the truth; notifications
// only shorten the wait, because they miss what other machines write.
type Watcher struct {
	Folder   string
	Settle   time.Duration // a file must rest this long
	Poll     time.Duration
	Patience time.Duration // after which a file that lacks its end is taken as damaged
	Parallel int           // batches at once
	Reserve  int64         // bytes that must stay free for scans to be claimed
	Keep     time.Duration // how long a released source is kept, sealed
	Pipeline *Pipeline
	Log      *slog.Logger
	Filed    func(Result)               // called after each batch; nil for none
	Waits    func(batch record.ID) bool // batches whose kept source must stay for now; nil for none

	mu      sync.Mutex
	seen    map[string]sighting
	waiting map[string]Waiting
	busy    map[string]bool
	halted  error
}

// sighting is what a poll saw of a file.
type sighting struct {
	size  int64
	mtime time.Time
	since time.Time // when it was first seen so
}

// Waiting is a thing in the folder that is not being taken in, and why.
type Waiting struct {
	Name  record.Private
	Since time.Time
	Why   error
}

// Waiting lists what lies in the folder untaken, oldest first.
func (w *Watcher) Waiting() []Waiting {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Waiting
	for _, x := range w.waiting {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Waiting) int { return a.Since.Compare(b.Since) })
	return out
}

// Halted returns why nothing is being claimed, or nil.
func (w *Watcher) Halted() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.halted
}

// Run watches until ctx ends, and returns when the batches in progress have
// reached a state a restart goes on from. It fails only when the folder cannot
// be made.
func (w *Watcher) Run(ctx context.Context) error {
	w.seen, w.waiting, w.busy = map[string]sighting{}, map[string]Waiting{}, map[string]bool{}
	if err := durable.MkdirAll(filepath.Join(w.Folder, claimedDir)); err != nil {
		return fmt.Errorf("watch folder: %w", err)
	}
	hints := make(chan fsnotify.Event, 1)
	if n, err := fsnotify.NewWatcher(); err == nil {
		defer n.Close()
		if n.Add(w.Folder) == nil {
			go forward(ctx, n.Events, hints)
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(w.Poll)
	defer tick.Stop()
	line := newLine(w.Parallel)
	for {
		w.sweepKept(ctx)
		w.ready(ctx, line)
		for {
			path, leave, ok := line.next()
			if !ok || ctx.Err() != nil {
				break
			}
			wg.Go(func() {
				defer leave()
				w.take(ctx, path)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-hints:
		case <-line.left:
		}
	}
}

// forward passes hints on without ever blocking the notifier.
func forward(ctx context.Context, from chan fsnotify.Event, to chan fsnotify.Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-from:
			if !ok {
				return
			}
			if strings.HasPrefix(filepath.Base(e.Name), ".") {
				continue
			}
			select {
			case to <- e:
			default:
			}
		}
	}
}

// ready puts sources in line: those claimed before a crash first, then those
// that have settled, which it claims.
func (w *Watcher) ready(ctx context.Context, line *line) {
	for _, path := range w.claimed() {
		line.join(path)
	}
	if err := w.room(); err != nil {
		w.halt(ctx, err)
		return
	}
	w.halt(ctx, nil)
	now := w.Pipeline.Now()
	present := map[string]bool{}
	err := filepath.WalkDir(w.Folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if path == w.Folder {
				return err
			}
			w.wait(ctx, path, now, reason(err))
			return nil
		}
		if strings.HasPrefix(e.Name(), ".") && path != w.Folder {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		present[path] = true
		if claimed, ok := w.consider(ctx, path, now, line); ok {
			line.join(claimed)
		}
		return nil
	})
	if err != nil {
		w.halt(ctx, fmt.Errorf("the watched folder cannot be read: %w", reason(err)))
		return
	}
	w.forget(present)
}

// forget drops what is no longer in the folder.
func (w *Watcher) forget(present map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path := range w.seen {
		if !present[path] {
			delete(w.seen, path)
		}
	}
	for path := range w.waiting {
		if !present[path] && !strings.Contains(path, claimedDir) {
			delete(w.waiting, path)
		}
	}
}

// consider looks at one file and claims it when it has settled.
func (w *Watcher) consider(ctx context.Context, path string, now time.Time, line *line) (string, bool) {
	f, st, err := OpenSource(path)
	if err != nil {
		w.wait(ctx, path, now, err)
		return "", false
	}
	defer f.Close() // read-only
	if links(st) > 1 {
		w.wait(ctx, path, now, ErrLinked)
		return "", false
	}
	w.mu.Lock()
	s, known := w.seen[path]
	if !known || s.size != st.Size() || !s.mtime.Equal(st.ModTime()) {
		s = sighting{st.Size(), st.ModTime(), now}
		w.seen[path] = s
	}
	w.mu.Unlock()
	rest := now.Sub(s.since)
	switch {
	case st.Size() == 0:
		w.wait(ctx, path, now, ErrEmpty)
	case rest < w.Settle || !known, partial(path), written(f), !complete(f, st.Size()) && rest < w.Patience:
		w.wait(ctx, path, now, ErrWriting)
	case line.full(st.Size()):
		w.wait(ctx, path, now, ErrTurn)
	default:
		to, err := w.claim(path)
		if err != nil {
			w.wait(ctx, path, now, reason(err))
			return "", false
		}
		w.mu.Lock()
		delete(w.seen, path)
		delete(w.waiting, path)
		w.mu.Unlock()
		return to, true
	}
	return "", false
}

// partial reports whether a name is one that copying programs use until they
// are done.
func partial(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".part", ".tmp", ".filepart", ".crdownload":
		return true
	}
	return false
}

// claim moves a source out of the scanner's sight in one rename.
func (w *Watcher) claim(path string) (string, error) {
	id, err := record.NewID(w.Pipeline.Rand)
	if err != nil {
		return "", err
	}
	dir := id.String()
	if s := w.source(path); s != "" {
		dir += "@" + s
	}
	to := filepath.Join(w.Folder, claimedDir, dir, filepath.Base(path))
	if err := durable.Move(path, to); err != nil {
		return "", err
	}
	w.mu.Lock()
	w.busy[to] = true
	w.mu.Unlock()
	return to, nil
}

// source is the folder below the watched one that a file lies in, first of all:
// whose scans, or which scanner's, are in it. "" for a file beside the folders, and
// for folders with a name that is not one of those.
func (w *Watcher) source(path string) string {
	rel, err := filepath.Rel(w.Folder, path)
	if err != nil {
		return ""
	}
	first, _, in := strings.Cut(filepath.ToSlash(rel), "/")
	if !in || len(first) > maxSource || strings.Trim(first, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "" {
		return ""
	}
	return first
}

// maxSource bounds the name of a source.
const maxSource = 40

// named is the name of a claimed file as the batch keeps it: SOURCE/NAME, or NAME.
func named(claimed string) record.Private {
	_, source, ok := strings.Cut(filepath.Base(filepath.Dir(claimed)), "@")
	if !ok {
		return record.NewPrivate(filepath.Base(claimed))
	}
	return record.NewPrivate(source + "/" + filepath.Base(claimed))
}

// SourceOf is the source in the name of a batch; "" for none.
func SourceOf(name record.Private) string {
	source, _, ok := strings.Cut(name.Reveal(), "/")
	if !ok {
		return ""
	}
	return source
}

// claimed lists sources that were claimed and are not being worked on: left by
// a crash, or to be tried again.
func (w *Watcher) claimed() []string {
	var out []string
	paths, err := filepath.Glob(filepath.Join(globSafe(w.Folder), claimedDir, "*", "*"))
	if err != nil {
		return nil // only a malformed pattern fails
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range paths {
		if !w.busy[p] && w.due(p) {
			w.busy[p] = true
			out = append(out, p)
		}
	}
	return out
}

// globSafe quotes what Glob would take for a pattern.
func globSafe(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// retryAfter is how long a source that failed rests before it is tried again.
const retryAfter = 30 * time.Second

// due reports whether a claimed source may be tried; w.mu is held.
func (w *Watcher) due(path string) bool {
	x, ok := w.waiting[path]
	return !ok || w.Pipeline.Now().Sub(x.Since) >= retryAfter
}

// take runs one claimed source through the pipeline and releases it.
func (w *Watcher) take(ctx context.Context, path string) {
	res, err := w.ingest(ctx, path)
	w.mu.Lock()
	delete(w.busy, path)
	delete(w.waiting, path)
	if err != nil && ctx.Err() == nil {
		w.waiting[path] = Waiting{record.NewPrivate(filepath.Base(path)), w.Pipeline.Now(), err}
	}
	w.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			w.Log.ErrorContext(ctx, "source not filed; it is kept and tried again", "batch", res.ID.String(), "err", err)
		}
		return
	}
	if w.Filed != nil {
		w.Filed(res)
	}
}

func (w *Watcher) ingest(ctx context.Context, path string) (Result, error) {
	f, _, err := OpenSource(path)
	if err != nil {
		return Result{}, err
	}
	defer f.Close() // read-only
	res, err := w.Pipeline.Ingest(ctx, f, named(path))
	if err != nil {
		return res, err
	}
	return res, w.release(ctx, f, path, res.Batch)
}

// wait notes why a file is not taken. What is refused for good goes to the
// audit log once.
func (w *Watcher) wait(ctx context.Context, path string, now time.Time, why error) {
	w.mu.Lock()
	old, known := w.waiting[path]
	if known && errors.Is(why, old.Why) {
		w.mu.Unlock()
		return
	}
	w.waiting[path] = Waiting{record.NewPrivate(filepath.Base(path)), now, why}
	w.mu.Unlock()
	if errors.Is(why, ErrWriting) || errors.Is(why, ErrTurn) {
		return
	}
	w.Log.WarnContext(ctx, "not taken from the watched folder", "why", why)
	if err := w.Pipeline.Archive.Journal(ctx, audit.ActRefused, "", map[string]any{
		"actor": record.Daemon, "name": filepath.Base(path), "why": why.Error(),
	}); err != nil {
		w.Log.ErrorContext(ctx, "refusal not logged", "err", err)
	}
}

// room refuses new scans when the disk is nearly full. What is claimed goes on.
func (w *Watcher) room() error {
	for _, dir := range []string{w.Folder, w.Pipeline.Spool} {
		free, err := durable.Free(dir)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return err
		}
		if free < w.Reserve {
			return fmt.Errorf("%w: %d MiB free, %d MiB are reserved", record.ErrNoSpace, free>>20, w.Reserve>>20)
		}
	}
	return nil
}

func (w *Watcher) halt(ctx context.Context, why error) {
	w.mu.Lock()
	old := w.halted
	w.halted = why
	w.mu.Unlock()
	switch {
	case why != nil && old == nil:
		w.Log.ErrorContext(ctx, "claiming stopped; it goes on by itself", "err", why)
	case why == nil && old != nil:
		w.Log.InfoContext(ctx, "claiming goes on")
	}
}
