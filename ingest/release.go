package ingest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"chartvault/archive/seal"
	"chartvault/internal/durable"
	"chartvault/record"
)

// keptDir holds released sources, sealed, inside the spool.
const keptDir = "kept"

// release lets a claimed source go: a sealed copy is kept for some days, the
// log is told, and then the file in clear is removed. The source is hashed
// again first; one that changed stays, and comes in as a batch of its own.
func (w *Watcher) release(ctx context.Context, f *os.File, path string, b record.Batch) error {
	if err := unchanged(f, b); err != nil {
		return err
	}
	p := w.Pipeline
	if w.Keep > 0 {
		to, err := p.Archive.Keeper(ctx, b.ID)
		if err != nil {
			return fmt.Errorf("release source: %w", err)
		}
		pr, pw := io.Pipe()
		go func() {
			sw, err := seal.NewWriter(pw, to)
			if err == nil {
				if _, err = io.Copy(sw, io.NewSectionReader(f, 0, b.Size)); err == nil {
					err = sw.Close()
				}
			}
			pw.CloseWithError(err)
		}()
		_, err = durable.Replace(filepath.Join(p.Spool, keptDir, b.ID.String()+".age"), pr, 0o600)
		pr.CloseWithError(err) // unblocks the writer when the disk failed
		if err != nil {
			return fmt.Errorf("release source: %w", err)
		}
	}
	if err := p.Archive.Released(ctx, b.ID); err != nil {
		return fmt.Errorf("release source: %w", err)
	}
	if err := durable.Remove(path); err != nil {
		return fmt.Errorf("release source: %w", reason(err))
	}
	return durable.RemoveAll(filepath.Dir(path))
}

// sweepKept removes released sources whose time is up.
func (w *Watcher) sweepKept(ctx context.Context) {
	dir := filepath.Join(w.Pipeline.Spool, keptDir)
	ents, err := os.ReadDir(dir)
	if err != nil {
		return // there is none yet
	}
	for _, e := range ents {
		id, err := record.ParseID(strings.TrimSuffix(e.Name(), ".age"))
		if err != nil {
			continue
		}
		st, err := e.Info()
		if err != nil || w.Pipeline.Now().Sub(st.ModTime()) < max(w.Keep, time.Minute) {
			continue
		}
		if w.Waits != nil && w.Waits(id) {
			continue
		}
		if err := durable.Remove(filepath.Join(dir, e.Name())); err != nil {
			w.Log.ErrorContext(ctx, "kept source not removed", "batch", strings.TrimSuffix(e.Name(), ".age"), "err", err)
		}
	}
}

// DropKept removes the kept source of a batch, as a destruction must.
func DropKept(spool string, batch record.ID) error {
	return durable.Remove(filepath.Join(spool, keptDir, batch.String()+".age"))
}
