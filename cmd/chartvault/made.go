package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chartvault/audit"
	"chartvault/catalog"
	"chartvault/ingest/correct"
	"chartvault/record"
)

// madeOf says what documents were made of by corrections that are done.
type madeOf map[record.ID][]record.ID

// before lists what a document was made of, and what that was made of.
func (m *madeOf) before(id record.ID) []record.ID {
	if m == nil {
		return nil
	}
	var out []record.ID
	for next := []record.ID{id}; len(next) > 0; next = next[1:] {
		for _, s := range (*m)[next[0]] {
			if !slices.Contains(out, s) {
				out, next = append(out, s), append(next, s)
			}
		}
	}
	return out
}

// live lists the documents that are there of those that documents were made into,
// each once, and none that is among them.
func (a *app) live(ctx context.Context, of []catalog.Row) (out []catalog.Row, err error) {
	into := a.became.Load()
	seen := map[record.ID]bool{}
	for _, row := range of {
		seen[row.ID] = true
	}
	for _, row := range of {
		if row.State != record.DocumentSuperseded {
			continue
		}
		for _, id := range into.before(row.ID) { // which goes the other way in this map
			if seen[id] {
				continue
			}
			seen[id] = true
			r, err := a.cat.Document(ctx, id)
			if errors.Is(err, record.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if r.State != record.DocumentSuperseded {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// mapMade works out anew which documents were made of which.
func (a *app) mapMade(ctx context.Context) error {
	a.readMu.Lock()
	defer a.readMu.Unlock()
	cs, err := a.corrections(ctx, correct.Done)
	if err != nil {
		return err
	}
	m, into := madeOf{}, madeOf{}
	for _, c := range cs {
		for _, r := range c.Results {
			m[r.ID] = c.Sources
			for _, s := range c.Sources {
				into[s] = append(into[s], r.ID)
			}
		}
	}
	a.made.Store(&m)
	a.became.Store(&into)
	a.bound.Heard()
	return nil
}

// destroySources destroys what a document was made of, before the document
// itself: its pages are in there too. locked is whether the store keeps some of
// that ciphertext for a while.
func (h holdings) destroySources(ctx context.Context, id record.ID, certificate string) (locked bool, err error) {
	m := h.made.Load()
	if m == nil {
		return false, nil
	}
	for _, s := range (*m)[id] {
		row, err := h.cat.Document(ctx, s)
		if errors.Is(err, record.ErrNotFound) || err == nil && row.State == record.DocumentDestroyed {
			continue
		}
		if err != nil {
			return locked, err
		}
		gone, err := h.destroy(ctx, row, certificate, true)
		if err != nil {
			return locked, fmt.Errorf("what document %s was made of: %w", id, err)
		}
		locked = locked || gone.Locked
	}
	return locked, nil
}

// sight is one look somebody had at a document.
type sight struct {
	Seq     int64        `json:"seq"`
	At      string       `json:"at"`
	Actor   record.Actor `json:"actor"`
	Purpose string       `json:"purpose,omitempty"`
	What    string       `json:"what"` // "document.pdf", a preview, how it was found, or the disclosure it left in
}

// whoSaw lists from the log who was given a document, here or outside, and what it
// was made of and made into.
func (a *app) whoSaw(ctx context.Context, id record.ID, out func(sight) error) error {
	m := a.made.Load()
	ids := map[string]bool{id.String(): true}
	for _, s := range m.before(id) {
		ids[s.String()] = true
	}
	if m != nil {
		for r := range *m {
			if slices.Contains(m.before(r), id) {
				ids[r.String()] = true
			}
		}
	}
	return a.entries(0, func(e audit.Entry) error {
		if e.Action != audit.ActDocumentRead && e.Action != audit.ActReleased || !ids[e.Object] && !ids[e.Key] {
			return nil
		}
		var b struct {
			Actor      record.Actor `json:"actor"`
			Purpose    string       `json:"purpose"`
			Member     string       `json:"member"`
			Request    string       `json:"request"` // of one that was released
			Disclosure string       `json:"disclosure"`
		}
		if err := a.arch.OpenBody(ctx, e, &b); err != nil {
			if errors.Is(err, record.ErrDestroyed) {
				return nil
			}
			return err
		}
		if e.Action == audit.ActReleased {
			b.Purpose, b.Member = "released", "disclosure "+b.Disclosure+" of request "+b.Request
		}
		return out(sight{e.Seq, e.Time.Format("2006-01-02T15:04:05Z07:00"), b.Actor, b.Purpose, b.Member})
	})
}
