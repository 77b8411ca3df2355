package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/catalog"
	"chartvault/disposition"
	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/retention"
)

// holdings implements disposition.Holdings on the archive.
type holdings struct{ *app }

// Due implements disposition.Holdings.
func (h holdings) Due(ctx context.Context, s *retention.Schedule, today record.Date, f func(disposition.Document) error) error {
	if len(s.Rules) == 0 {
		return nil
	}
	return h.eachDocument(ctx, nil, func(row catalog.Row, sub retention.Subject, facts *retention.Chart, holds []record.Hold) error {
		dec := s.Decide(sub, facts, holds, today)
		if dec.Verdict != retention.Due || row.State != record.DocumentFiled {
			return nil
		}
		return f(disposition.Document{Subject: sub, Decision: dec, Version: row.Version})
	}, goOn)
}

// Look implements disposition.Holdings.
func (h holdings) Look(ctx context.Context, s *retention.Schedule, id record.ID, today record.Date) (disposition.Document, error) {
	row, err := h.cat.Document(ctx, id)
	if err != nil {
		return disposition.Document{}, err
	}
	switch row.State {
	case record.DocumentDestroyed:
		return disposition.Document{}, record.ErrDestroyed
	case record.DocumentDestroying:
		return disposition.Document{}, disposition.ErrUnfinished
	}
	return h.decide(ctx, s, row, today)
}

// Core implements disposition.Holdings. The document that remains is read back
// whole: it will be all there is of the chart.
func (h holdings) Core(ctx context.Context, s *retention.Schedule, doc disposition.Document, today record.Date, except func(record.ID) bool) (bool, error) {
	token := []byte(doc.Subject.Chart)
	facts, rows, err := h.person(ctx, token)
	if err != nil {
		return false, err
	}
	if s.CoreOver(doc.Decision.Core, doc.Subject, facts, today) {
		return true, nil
	}
	for _, r := range rows {
		if r.State != record.DocumentFiled || !s.InClass(doc.Decision.Core, r.Type) || except(r.ID) {
			continue
		}
		if _, err := h.arch.Verify(ctx, r.ID, r.Version); err == nil {
			return true, nil
		} else if !errors.Is(err, record.ErrCorrupt) {
			return false, err
		}
	}
	return false, nil
}

// Sizes implements disposition.Holdings.
func (h holdings) Sizes(ctx context.Context) (map[string]int, error) { return h.cat.TypeCounts(ctx) }

// DestroyedSince implements disposition.Holdings.
func (h holdings) DestroyedSince(ctx context.Context, t time.Time) (int, error) {
	return h.cat.DestroyedSince(ctx, t)
}

// Settle implements disposition.Holdings.
func (h holdings) Settle(ctx context.Context) error { return h.upkeep(ctx) }

// exported is what goes with an exported document.
type exported struct {
	Document    record.ID   `json:"document"`
	Chart       string      `json:"chart_number"`
	Type        string      `json:"type"`
	ServiceDate record.Date `json:"service_date"`
	Pages       int         `json:"pages"`
	SHA256      string      `json:"sha256"` // of the file beside it
}

// Export implements disposition.Holdings: ID.pdf and ID.json in a folder named
// by the plan, both with ".age" behind it when they are encrypted.
func (h holdings) Export(ctx context.Context, plan record.ID, t disposition.Transfer, id record.ID) (string, error) {
	row, err := h.cat.Document(ctx, id)
	if err != nil {
		return "", err
	}
	var pdf bytes.Buffer
	if err := h.arch.Read(ctx, archive.Access{Actor: record.Daemon, Purpose: "transfer to " + t.Recipient}, id, row.Version, "document.pdf", &pdf); err != nil {
		return "", err
	}
	ch, err := h.cat.ChartByToken(ctx, row.ChartToken)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(h.cfg.path(t.Dir), plan.String())
	if err := durable.MkdirAll(dir); err != nil {
		return "", err
	}
	sum, err := writeExport(filepath.Join(dir, id.String()+".pdf"), pdf.Bytes(), t.Age)
	if err != nil {
		return "", err
	}
	about, err := json.Marshal(exported{id, ch.Number.Reveal(), row.Type, row.ServiceDate, row.Pages, sum})
	if err != nil {
		return "", err
	}
	_, err = writeExport(filepath.Join(dir, id.String()+".json"), about, t.Age)
	return sum, err
}

// writeExport writes a file, encrypted where a recipient is given, reads it
// back and returns its digest.
func writeExport(name string, plain []byte, recipient string) (string, error) {
	data := plain
	if recipient != "" {
		var err error
		if data, err = keys.SealFor(recipient, plain); err != nil {
			return "", err
		}
		name += ".age"
	}
	if _, err := durable.Replace(name, bytes.NewReader(data), 0o600); err != nil {
		return "", err
	}
	back, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(back, data) {
		return "", fmt.Errorf("%w: what was written to the folder of the transfer does not read back", record.ErrCorrupt)
	}
	sum := sha256.Sum256(back)
	return hex.EncodeToString(sum[:]), nil
}

// Annex implements disposition.Holdings.
func (h holdings) Annex(ctx context.Context, ids []record.ID) ([]byte, int, error) {
	var text bytes.Buffer
	charts := map[string]bool{}
	for _, id := range ids {
		row, err := h.cat.Document(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		ch, err := h.cat.ChartByToken(ctx, row.ChartToken)
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return nil, 0, err
		}
		charts[string(row.ChartToken)] = true
		fmt.Fprintf(&text, "%s\t%s\n", id, ch.Number.Reveal())
	}
	sealed, err := keys.Seal(text.Bytes(), h.vault.Journal().Recipient())
	return sealed, len(charts), err
}
