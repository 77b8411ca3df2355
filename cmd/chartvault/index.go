package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"chartvault/archive/seal"
	"chartvault/internal/durable"
	"chartvault/ocr"
	"chartvault/record"
)

// indexDocument brings one document into the index, or out of it.
func (a *app) indexDocument(ctx context.Context, id record.ID) error {
	row, err := a.cat.Document(ctx, id)
	if errors.Is(err, record.ErrNotFound) {
		return a.index.Remove(ctx, id)
	}
	if err != nil {
		return err
	}
	if row.State == record.DocumentDestroying || row.State == record.DocumentDestroyed {
		return a.index.Remove(ctx, id)
	}
	s, err := a.arch.Load(ctx, id, row.Version)
	if err != nil {
		return err
	}
	pages, err := texts(s.Manifest)
	if err != nil {
		return err
	}
	if err := a.recordDocument(ctx, s); err != nil {
		return err
	}
	return a.index.Put(ctx, id, pages)
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
