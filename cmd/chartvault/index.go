package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"chartvault/archive"
	"chartvault/archive/seal"
	"chartvault/catalog"
	"chartvault/internal/durable"
	"chartvault/ocr"
	"chartvault/record"
	"chartvault/search"
)

// Of the catalogue's changes so many are looked at at once, and so many pages
// go into the index at once.
const (
	feedStep  = 100
	feedPages = 2000
)

// feeding is how far the index has been brought, guarded by app.feedMu. The
// index's own position stays before a document that is damaged in the store, so
// that who must have seen everything (a saved search of a hold) is told; what
// came after it is found all the same.
type feeding struct {
	at     int64               // the catalogue's change; 0 before the first look
	unread map[record.ID]error // what could not be indexed
}

// feed brings the index up to the catalogue. Filing and rebuilding come
// through here alike. An error that is a finding names a damaged document that
// could not be indexed while all others were.
func (a *app) feed(ctx context.Context) error {
	a.feedMu.Lock()
	defer a.feedMu.Unlock()
	if err := a.feedAll(ctx); err != nil {
		return fmt.Errorf("feed index: %w", err)
	}
	return a.rollLocks(ctx)
}

func (a *app) feedAll(ctx context.Context) error {
	f := &a.feeding
	if f.at == 0 {
		var err error
		if f.at, err = a.index.Position(ctx); err != nil {
			return err
		}
		last, err := a.cat.LastChange(ctx)
		if err != nil {
			return err
		}
		if f.at > last { // the catalogue is older than the index: it came from a backup
			f.at = 0
		}
		a.fedTo.Store(f.at)
	}
	some := slices.Collect(maps.Keys(f.unread))
	at := f.at
	for {
		changed, err := a.cat.Changes(ctx, at, feedStep)
		if err != nil {
			return err
		}
		for _, ch := range changed {
			some, at = append(some, ch.Document), ch.Seq
		}
		if len(some) == 0 {
			return f.err()
		}
		if err := a.feedSome(ctx, some, at); err != nil {
			return err
		}
		a.moved.Heard() // every server finds out by itself; with the holds that the new words brought about
		f.at = at
		if len(f.unread) == 0 {
			// After the holds: a crash between them searches again.
			if err := a.index.Apply(ctx, search.Change{Position: at}); err != nil {
				return err
			}
		}
		some = nil
	}
}

// err is about the document that could not be indexed, when there is one.
func (f *feeding) err() error {
	for id, err := range f.unread {
		return fmt.Errorf("document %s: %w", id, err)
	}
	return nil
}

// feedSome brings documents into the index, or out of it: with them all changes up
// to one are.
func (a *app) feedSome(ctx context.Context, ids []record.ID, at int64) error {
	a.bound.Heard()
	var c search.Change
	pages := 0
	seen := map[record.ID]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		e, gone, err := a.entry(ctx, id)
		if err != nil && !finding(err) {
			return fmt.Errorf("document %s: %w", id, err)
		}
		a.feeding.note(id, err)
		if gone || err != nil {
			c.Remove = append(c.Remove, id)
			continue
		}
		c.Put = append(c.Put, e)
		if pages += len(e.Pages); pages >= feedPages {
			if err := a.index.Apply(ctx, c); err != nil {
				return err
			}
			c, pages = search.Change{}, 0
		}
	}
	if err := a.index.Apply(ctx, c); err != nil {
		return err
	}
	a.fedTo.Store(at)
	return a.holdArrivals(ctx)
}

// note remembers whether a document could be indexed.
func (f *feeding) note(id record.ID, err error) {
	if err == nil {
		delete(f.unread, id)
		return
	}
	if f.unread == nil {
		f.unread = map[record.ID]error{}
	}
	f.unread[id] = err
}

// entry makes a document's index entry; gone when it is to be in the index no
// more.
func (a *app) entry(ctx context.Context, id record.ID) (e search.Entry, gone bool, err error) {
	row, err := a.cat.Document(ctx, id)
	if errors.Is(err, record.ErrNotFound) {
		return e, true, nil
	}
	if err != nil {
		return e, false, err
	}
	if row.State != record.DocumentFiled && row.State != record.DocumentQA {
		return e, true, nil
	}
	s, err := a.arch.Load(ctx, id, row.Version)
	if err != nil {
		return e, false, err
	}
	if err := a.recordDocument(ctx, s); err != nil {
		return e, false, err
	}
	if err := a.asFiled(ctx, &row, s); err != nil {
		return e, false, err
	}
	e, err = indexEntry(row.Document, s.Manifest)
	return e, false, err
}

// asFiled gives a row the chart number it is filed under, which its sealed part
// tells to whoever has the document's key.
func (a *app) asFiled(ctx context.Context, row *catalog.Row, s *archive.Stored) error {
	key, err := s.Key.RowKey()
	if err != nil {
		return err
	}
	text, err := a.cat.ChartAsRead(ctx, row.ID, key)
	if err != nil || text == "" {
		return err
	}
	row.Chart, err = record.ParseChartNumber(text)
	return err
}

// indexEntry makes the index entry of a document: filed as it is in the catalogue,
// saying what its manifest says.
func indexEntry(d record.Document, m *seal.Manifest) (search.Entry, error) {
	pages, err := texts(m)
	return search.Entry{ID: d.ID, Chart: d.Chart, Type: d.Type, Service: d.ServiceDate, Batch: d.Batch, Facility: m.Facility, Pages: pages}, err
}

// texts opens the page texts of a manifest.
func texts(m *seal.Manifest) ([]ocr.PageText, error) {
	pages := make([]ocr.PageText, len(m.Pages))
	for i, p := range m.Pages {
		if len(p.Text) == 0 {
			continue
		}
		if err := json.Unmarshal(p.Text, &pages[i]); err != nil {
			return nil, fmt.Errorf("text of page %d: %w", i+1, record.ErrCorrupt)
		}
	}
	return pages, nil
}

// writeOnce writes a small file unless it is there with the same text.
func writeOnce(name, text string) error {
	if b, err := os.ReadFile(name); err == nil && string(b) == text {
		return nil
	}
	_, err := durable.Replace(name, strings.NewReader(text), 0o644)
	return err
}
