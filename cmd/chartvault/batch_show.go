package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"chartvault/archive/seal"
	"chartvault/catalog"
	"chartvault/ingest"
	"chartvault/record"
)

// batchID names a batch.
type batchID struct {
	ID record.ID `json:"id"`
}

// batchView is a batch whole: where each of its pages is.
type batchView struct {
	batchLine
	Source    string         `json:"source,omitempty"` // the folder the scan lay in
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
	v := batchView{batchLine: lineOfBatch(b), Source: ingest.SourceOf(b.Name), Size: b.Size}
	if !b.State.Done() {
		if s, ok := a.meter.step(p.ID); ok {
			v.Step, v.Done, v.Of = s.State, s.Done, s.Of
		}
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
	return out(v)
}

// lineOfBatch is a batch as it is listed.
func lineOfBatch(b record.Batch) batchLine {
	l := batchLine{ID: b.ID.String(), ReceivedAt: b.ReceivedAt.Format("2006-01-02T15:04:05.000Z07:00"), State: b.State, Counts: b.Counts}
	if b.SHA256 != [32]byte{} {
		l.SHA256 = hex.EncodeToString(b.SHA256[:])
	}
	return l
}

// before is the document that lay before another one in its batch, where the two can
// be put together: it is there still, of the same chart and type, and not shut to
// whoever asks. Zero for none.
func (a *app) before(ctx context.Context, who record.Actor, of catalog.Row) record.ID {
	id := of.ID
	m, err := a.arch.LoadBatch(ctx, of.Batch)
	if err != nil {
		return record.ID{} // whoever merges finds out
	}
	at := slices.IndexFunc(m.Pages, func(p seal.BatchPage) bool { return p.Document == id })
	if at < 0 { // a correction made it
		return record.ID{}
	}
	var order []record.ID // of the documents before it
	for _, p := range m.Pages[:at] {
		if !p.Document.IsZero() && (len(order) == 0 || order[len(order)-1] != p.Document) {
			order = append(order, p.Document)
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
