package disposition

import (
	"context"
	"fmt"
	"strings"
	"time"

	"chartvault/record"
)

// Extension keeps a document, or all of a chart, until a day at least. One
// person may extend; nothing shortens an extension.
type Extension struct {
	ID       record.ID    `json:"id"`
	Document record.ID    `json:"document,omitzero"`
	Chart    []byte       `json:"chart,omitempty"` // an opaque token
	Until    record.Date  `json:"until"`           // the last day it protects
	Reason   string       `json:"reason"`
	By       record.Actor `json:"by"`
	At       time.Time    `json:"at"`
}

// Extend extends the retention of a document or of a chart.
func (d *Desk) Extend(ctx context.Context, who record.Actor, x Extension) (Extension, error) {
	d.turn().Lock()
	defer d.turn().Unlock()
	switch {
	case x.Document.IsZero() == (len(x.Chart) == 0):
		return x, fmt.Errorf("extension: %w: name a document or a chart", record.ErrInvalid)
	case x.Until.IsZero():
		return x, fmt.Errorf("extension: %w: say until which day", record.ErrInvalid)
	case strings.TrimSpace(x.Reason) == "":
		return x, fmt.Errorf("extension: %w: say why", record.ErrInvalid)
	}
	var err error
	if x.ID, err = d.newID(); err != nil {
		return x, err
	}
	x.Until, x.By, x.At = x.Until.Last(), who, d.now()
	return x, d.put(ctx, EventExtended, who, Entry{Kind: KindExtension, ID: x.ID.String(), State: stateActive, At: x.At}, x)
}

// Extensions answers until when people extended something.
type Extensions struct {
	documents map[record.ID]record.Date
	charts    map[string]record.Date
}

// Extensions reads all extensions.
func (d *Desk) Extensions(ctx context.Context) (*Extensions, error) {
	out := &Extensions{map[record.ID]record.Date{}, map[string]record.Date{}}
	err := d.Register.Each(ctx, KindExtension, func(e Entry) error {
		var x Extension
		if err := e.Into(&x); err != nil {
			return err
		}
		if len(x.Chart) > 0 {
			if c := string(x.Chart); x.Until.After(out.charts[c]) {
				out.charts[c] = x.Until
			}
		} else if x.Until.After(out.documents[x.Document]) {
			out.documents[x.Document] = x.Until
		}
		return nil
	})
	return out, err
}

// Until returns the last day an extension protects; zero when there is none.
func (x *Extensions) Until(doc record.ID, chart string) record.Date {
	out := x.documents[doc]
	if c := x.charts[chart]; chart != "" && c.After(out) {
		out = c
	}
	return out
}
