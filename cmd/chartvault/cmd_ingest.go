package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"chartvault/ingest"
	"chartvault/ocr"
	"chartvault/record"
)

// ingestParams asks for files to be taken in.
type ingestParams struct {
	Paths    []string `json:"paths"` // absolute
	Progress bool     `json:"progress"`
}

// ingestLine is one line of the answer: a file's outcome, or progress.
type ingestLine struct {
	File      string            `json:"file,omitempty"`
	Batch     string            `json:"batch,omitempty"`
	State     record.BatchState `json:"state,omitempty"`
	Duplicate bool              `json:"duplicate,omitempty"`
	Why       ocr.Why           `json:"why,omitempty"` // no page could be read
	*record.Counts
	Error    string           `json:"error,omitempty"`
	Progress *ingest.Progress `json:"progress,omitempty"`
}

func (e *env) ingestCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "ingest FILE...",
		Short:   "Take scan files in, once",
		Long:    "Takes PDF, TIFF, JPEG, JPEG 2000 and PNG files in and returns when every page is stored, verified and accounted for.\nThe files stay where they are. A folder stands for the files in it. Repeating the command changes nothing.",
		Example: "  chartvault ingest --passphrase-file pass monday.tif tuesday.pdf",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p := ingestParams{}
			for _, f := range args {
				abs, err := filepath.Abs(f)
				if err != nil {
					return err
				}
				p.Paths = append(p.Paths, abs)
			}
			bar := e.progressBar()
			p.Progress = bar != nil
			return e.call(cmd.Context(), "ingest", p, show(e, func(l ingestLine) { e.showIngest(l, bar) }))
		},
	}
}

func (e *env) showIngest(l ingestLine, bar *progressBar) {
	if l.Progress != nil {
		bar.step(*l.Progress)
		return
	}
	bar.clear()
	switch {
	case l.Error != "":
		fmt.Fprintf(e.out, "%s: not taken in: %s\n", l.File, l.Error)
	case l.State == record.BatchUnread:
		fmt.Fprintf(e.out, "%s: kept whole, no page could be read: %s; batch %s\n", l.File, whyUnread(l.Why), l.Batch)
	default:
		again := ""
		if l.Duplicate {
			again = ", taken in before"
		}
		fmt.Fprintf(e.out, "%s: %d pages: %d filed, %d separators, %d blank, %d in QA; batch %s%s\n", l.File, l.PagesIn, l.Filed, l.Separators, l.Blanks, l.QA, l.Batch, again)
	}
}

// opIngest takes files in, several at once, so that the reading processes are
// never idle while a batch is being sealed.
func (a *app) opIngest(ctx context.Context, r asked, out func(any) error) error {
	var p ingestParams
	if err := r.params(&p); err != nil {
		return err
	}
	files, err := expand(p.Paths)
	if err != nil {
		return err
	}
	largestFirst(files) // so that the last to end is a short one
	if slices.ContainsFunc(files, isPDF) {
		if err := a.cfg.warm(); err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
	}
	var mu sync.Mutex
	say := func(l ingestLine) error {
		mu.Lock()
		defer mu.Unlock()
		return out(l)
	}
	pipe := *a.pipeline
	if p.Progress {
		pipe.Progress = func(pr ingest.Progress) { say(ingestLine{Progress: &pr}) } // a lost line of progress is no harm
	}
	unread, failed := 0, []error(nil)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2*a.pool.Size() + 1) // while some are read, others are sealed
	filed := make(chan struct{}, 1)
	fed := make(chan error, 1)
	go func() {
		var err error
		for range filed {
			if err == nil {
				err = a.feed(ctx)
			}
		}
		fed <- err
	}()
	for _, f := range files {
		g.Go(func() error {
			l, err := ingestFile(gctx, &pipe, f)
			if gctx.Err() != nil {
				return gctx.Err()
			}
			mu.Lock()
			switch {
			case err != nil && refused(err):
				l.Error = err.Error()
				unread++
			case err != nil:
				l.Error = err.Error()
				failed = append(failed, err)
			case l.State == record.BatchUnread:
				unread++
			}
			mu.Unlock()
			select {
			case filed <- struct{}{}:
			default: // it is being fed already, or will be
			}
			return say(l)
		})
	}
	err = g.Wait()
	close(filed)
	if ferr := <-fed; err == nil {
		err = ferr
	}
	if err != nil {
		return err
	}
	if err := a.feed(ctx); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d files were not taken in: %w", len(failed), len(files), failed[0])
	}
	if unread > 0 {
		return fmt.Errorf("%d of %d files: %w", unread, len(files), record.ErrUnreadable)
	}
	return nil
}

// whyUnread says why nothing of a file could be read, and what to do.
func whyUnread(w ocr.Why) string {
	say, ok := map[ocr.Why]string{
		ocr.WhyPassword: "it is encrypted: put its password into ingest.pdf_passwords_file and take it in again, or scan the paper",
		ocr.WhyForeign:  "it is no scan: neither TIFF, PDF, JPEG, JPEG 2000 nor PNG",
		ocr.WhyLimit:    "it is larger than is safe to open: scan it at a lower resolution or in parts",
		ocr.WhyCrashed:  "reading it crashed the reading process, twice: scan the paper again",
		ocr.WhyStuck:    "reading it did not end in time: scan the paper again",
	}[w]
	if !ok {
		return "it is damaged: scan the paper again"
	}
	return say
}

// refused reports whether a file was not even opened, for what it is.
func refused(err error) bool {
	return errors.Is(err, ingest.ErrNotRegular) || errors.Is(err, fs.ErrPermission)
}

// isPDF looks at a file's head.
func isPDF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false // it is told when it is opened in earnest
	}
	defer f.Close() // read-only
	head := make([]byte, 1024)
	n, _ := io.ReadFull(f, head) // a short file is no PDF
	return bytes.Contains(head[:n], []byte("%PDF-"))
}

func ingestFile(ctx context.Context, pipe *ingest.Pipeline, path string) (ingestLine, error) {
	l := ingestLine{File: path}
	f, _, err := ingest.OpenSource(path)
	if err != nil {
		return l, err
	}
	defer f.Close() // read-only
	res, err := pipe.Ingest(ctx, f, record.NewPrivate(filepath.Base(path)))
	if err != nil {
		return l, err
	}
	l.Why = res.Why
	l.Batch, l.State, l.Duplicate, l.Counts = res.ID.String(), res.State, res.Duplicate, &res.Counts
	return l, nil
}

// largestFirst orders files by their size, where it can be told.
func largestFirst(files []string) {
	sizes := map[string]int64{}
	for _, f := range files {
		if st, err := os.Stat(f); err == nil {
			sizes[f] = st.Size()
		}
	}
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(sizes[b], sizes[a]) })
}

// expand resolves links and replaces folders by the files in them.
func expand(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		real, err := filepath.EvalSymlinks(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("ingest: %s: %w", p, record.ErrNotFound)
		}
		if err != nil {
			return nil, fmt.Errorf("ingest: %w", err)
		}
		if st, err := os.Stat(real); err != nil || !st.IsDir() {
			out = append(out, real)
			continue
		}
		err = filepath.WalkDir(real, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
				out = append(out, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("ingest: %w", err)
		}
	}
	return out, nil
}

// progressBar draws on a terminal.
type progressBar struct {
	e    *env
	mu   sync.Mutex
	last map[string]ingest.Progress
}

// progressBar returns nil when nobody watches.
func (e *env) progressBar() *progressBar {
	f, ok := e.err.(*os.File)
	if e.json || !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &progressBar{e: e, last: map[string]ingest.Progress{}}
}

func (b *progressBar) step(p ingest.Progress) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[p.Batch.String()] = p
	done, of := 0, 0
	for _, x := range b.last {
		if x.State == record.BatchClaimed {
			done, of = done+x.Done, of+x.Of
		} else {
			done, of = done+max(x.Of, 1), of+max(x.Of, 1)
		}
	}
	const width = 40
	n := width * done / max(of, 1)
	fmt.Fprintf(b.e.err, "\r[%s%s] %d of %d pages read", strings.Repeat("#", n), strings.Repeat(".", width-n), done, of)
}

func (b *progressBar) clear() {
	if b != nil {
		fmt.Fprintf(b.e.err, "\r%70s\r", "")
	}
}
