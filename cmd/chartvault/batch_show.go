package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/record"
)

// batchID names a batch.
type batchID struct {
	ID     record.ID `json:"id"`
	Scores bool      `json:"scores,omitempty"` // with how well its pages were read, for which its documents are opened
}

// batchView is a batch whole: where each of its pages is.
type batchView struct {
	batchLine
	Size      int64          `json:"size"`             // of the scan, in bytes
	Via       string         `json:"via,omitempty"`    // the station that deposited it
	Why       string         `json:"why,omitempty"`    // nothing of it could be read
	Places    []placeLine    `json:"places,omitempty"` // of its pages, in order; none of one on its way
	Documents []documentLine `json:"documents,omitempty"`
}

// placeLine is where a page of a scan is.
type placeLine struct {
	Page     int              `json:"page"` // of the scan, from 1
	Place    record.Placement `json:"place"`
	Document string           `json:"document,omitempty"`
	Score    int              `json:"score,omitempty"` // of a hundred, how surely its words were read; 0 for no words, or not asked for
}

// opBatchShow shows a batch whole. What its documents are is not told of those in
// restricted charts.
func (a *app) opBatchShow(ctx context.Context, r asked, out func(any) error) error {
	var p batchID
	if err := r.params(&p); err != nil {
		return err
	}
	b, err := a.cat.Batch(ctx, p.ID)
	if err != nil {
		return fmt.Errorf("batch %s: %w", p.ID, err)
	}
	mark, err := a.mark(ctx, p.ID)
	if err != nil {
		return err
	}
	v := batchView{batchLine: a.onItsWay(lineOfBatch(b)).marked(mark), Size: b.Size}
	if !b.State.Done() {
		return out(v)
	}
	rows, err := a.cat.OfBatch(ctx, p.ID)
	if err != nil {
		return err
	}
	some, err := a.shutFrom(ctx, r.Actor)
	if err != nil {
		return err
	}
	for _, row := range rows {
		l := lineOf(row)
		l.Why = words(row.Doubts)
		if waits(row) {
			v.Waits++
		}
		shut, err := a.shutTo(ctx, r.Actor, row.ChartToken)
		if err != nil {
			return err
		}
		// Of what a correction replaced is not known any more whose it was.
		ended := row.State != record.DocumentFiled && row.State != record.DocumentQA
		if shut && row.State == record.DocumentFiled || ended && len(some) > 0 {
			l.Type, l.ServiceDate, l.Doubts, l.Why = veil, "", nil, nil
		}
		v.Documents = append(v.Documents, l)
	}
	m, err := a.arch.LoadBatch(ctx, p.ID)
	if finding(err) || errors.Is(err, record.ErrDestroyed) { // destroyed with its last document, or damaged: the counts stay
		return out(v)
	}
	if err != nil {
		return err
	}
	v.Via, v.Why = m.Via, m.Why
	for i, pg := range m.Pages {
		l := placeLine{Page: i + 1, Place: pg.Placement}
		if !pg.Document.IsZero() {
			l.Document = pg.Document.String()
		}
		v.Places = append(v.Places, l)
	}
	if p.Scores {
		if err := a.score(ctx, rows, v.Places); err != nil {
			return err
		}
	}
	return out(v)
}

// score says how surely the pages of a batch were read, of those whose documents are
// there still.
func (a *app) score(ctx context.Context, rows []catalog.Row, places []placeLine) error {
	filed := map[string]bool{} // as they came: what a correction made may have pages of several scans
	for _, p := range places {
		filed[p.Document] = true
	}
	for _, row := range rows {
		if !filed[row.ID.String()] || row.State == record.DocumentDestroyed || row.State == record.DocumentDestroying {
			continue
		}
		s, err := a.arch.Load(ctx, row.ID, row.Version)
		if finding(err) || errors.Is(err, record.ErrDestroyed) {
			continue // verify says so
		}
		if err != nil {
			return err
		}
		pages, err := texts(s.Manifest)
		if err != nil {
			return err
		}
		for i, p := range s.Manifest.Pages {
			if p.Source >= 1 && p.Source <= len(places) {
				places[p.Source-1].Score = int(pages[i].Confidence)
			}
		}
	}
	return nil
}

// lineOfBatch is a batch as it is listed.
func lineOfBatch(b record.Batch) batchLine {
	l := batchLine{ID: b.ID.String(), ReceivedAt: b.ReceivedAt.Format("2006-01-02T15:04:05.000Z07:00"), State: b.State, Counts: b.Counts, Source: ingest.SourceOf(b.Name)}
	if b.SHA256 != [32]byte{} {
		l.SHA256 = hex.EncodeToString(b.SHA256[:])
	}
	return l
}

// before is the document that lay before another one in its batch, or at the end of
// the one that the same scanner gave before, where the two can be put together: it
// is there still, of the same chart and type, and not shut to whoever asks. Zero for
// none.
func (a *app) before(ctx context.Context, who record.Actor, of catalog.Row) record.ID {
	order, err := a.order(ctx, of.Batch)
	at := slices.Index(order, of.ID)
	if err != nil || at < 0 { // whoever merges finds out; or a correction made it
		return record.ID{}
	}
	if order = order[:at]; at == 0 {
		if order, err = a.orderBefore(ctx, of.Batch); err != nil {
			return record.ID{}
		}
	}
	for _, d := range slices.Backward(order) {
		row, err := a.cat.Document(ctx, d)
		if err != nil || row.State != record.DocumentFiled && row.State != record.DocumentQA {
			continue
		}
		if shut, err := a.shutTo(ctx, who, row.ChartToken); err != nil || shut || row.Type != of.Type || !bytes.Equal(row.ChartToken, of.ChartToken) {
			break
		}
		return d
	}
	return record.ID{}
}

// order is the documents of a batch as their pages lay.
func (a *app) order(ctx context.Context, batch record.ID) (out []record.ID, err error) {
	m, err := a.arch.LoadBatch(ctx, batch)
	if err != nil {
		return nil, err
	}
	for _, p := range m.Pages {
		if !p.Document.IsZero() && (len(out) == 0 || out[len(out)-1] != p.Document) {
			out = append(out, p.Document)
		}
	}
	return out, nil
}

// batchesBack is how many batches before one are looked at for the one that the
// same scanner gave.
const batchesBack = 10

// orderBefore is order of the batch that the same scanner gave before one; nothing
// for none.
func (a *app) orderBefore(ctx context.Context, batch record.ID) ([]record.ID, error) {
	b, err := a.cat.Batch(ctx, batch)
	source := ingest.SourceOf(b.Name)
	if err != nil || source == "" { // whoever gave it is not known
		return nil, err
	}
	earlier, err := a.cat.NewestBatches(ctx, catalog.Part{After: batch, Most: batchesBack}, catalog.BatchesAll)
	if err != nil {
		return nil, err
	}
	for _, e := range earlier {
		if ingest.SourceOf(e.Name) != source {
			continue
		}
		if e.State != record.BatchFiled { // the one before is not there to be put together with
			return nil, nil
		}
		return a.order(ctx, e.ID)
	}
	return nil, nil
}
