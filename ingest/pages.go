package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"chartvault/archive/keys"
	"chartvault/ingest/fields"
	"chartvault/internal/durable"
	"chartvault/ocr"
	"chartvault/record"
)

// pageFile is a page as it waits in the spool.
type pageFile struct {
	Page   ocr.Page     `json:"page"`
	Unread record.Doubt `json:"unread,omitempty"` // why it could not be read; "" when it was
	Found  fields.Found `json:"found,omitzero"`   // what its text says of itself
	Sketch sketch       `json:"sketch,omitzero"`
}

// readAll reads every page of the source into the spool and returns what the
// split needs to know of each. Pages that a crash left there are not read again.
func (j *job) readAll(ctx context.Context) ([]pageFile, error) {
	pr, err := j.Reader.Probe(ctx, j.src)
	if lost(err) {
		return nil, fmt.Errorf("%w: %w", errUnread, err)
	}
	if err != nil {
		return nil, err
	}
	if j.damaged = pr.Damage != ""; j.damaged {
		j.Log.WarnContext(ctx, "scan file is damaged", "batch", j.batch.ID.String(), "what", pr.Damage, "pages", pr.Pages)
	}
	j.src.Pages = pr.Pages
	pages := make([]pageFile, pr.Pages)
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(j.Parallel, 1))
	for n := 1; n <= pr.Pages; n++ {
		g.Go(func() error {
			p, err := j.readPage(ctx, n)
			if err != nil {
				return fmt.Errorf("page %d: %w", n, err)
			}
			p.Page.Text.Words, p.Page.Preview = nil, nil // they stay in the spool
			pages[n-1] = p
			j.progress(j.batch.ID, record.BatchClaimed, int(done.Add(1)), pr.Pages)
			return nil
		})
	}
	return pages, g.Wait()
}

// lost reports whether a reader's error is about the file: it will not get
// better.
func lost(err error) bool {
	return err != nil && !ocr.Unavailable(err)
}

func (j *job) readPage(ctx context.Context, n int) (pageFile, error) {
	var p pageFile
	name := fmt.Sprintf("%04d.age", n)
	if err := j.load(name, &p); err == nil {
		return p, nil
	}
	pg, err := j.Reader.Page(ctx, j.src, n, ocr.Options{Languages: j.Languages, Sheets: j.Sheets.Dropped()})
	switch {
	case ctx.Err() != nil:
		return p, ctx.Err()
	case err == nil:
		p.Page, p.Found, p.Sketch = pg, j.Fields.Page(pg.Text, n), newSketch(pg.Text)
	case ocr.Unavailable(err):
		return p, err
	default:
		j.Log.WarnContext(ctx, "page not read", "batch", j.batch.ID.String(), "page", n, "crash", errors.Is(err, ocr.ErrCrashed), "timeout", errors.Is(err, ocr.ErrTimeout))
		p.Unread = record.DoubtUnreadPage
	}
	return p, j.save(name, p)
}

// save seals v into the batch's spool folder.
func (j *job) save(name string, v any) error {
	plain, err := json.Marshal(v)
	if err != nil {
		return err
	}
	sealed, err := keys.Seal(plain, j.key.Recipient())
	if err != nil {
		return err
	}
	_, err = durable.Replace(filepath.Join(j.dir, name), bytes.NewReader(sealed), 0o600)
	return err
}

// load opens what save stored.
func (j *job) load(name string, v any) error {
	sealed, err := os.ReadFile(filepath.Join(j.dir, name))
	if err != nil {
		return err
	}
	b, err := keys.Open(sealed, j.key.Identity())
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
