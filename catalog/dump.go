package catalog

import (
	"context"
	"fmt"
	"slices"
)

// Dump returns what the catalogue knows as sorted lines, for comparing a
// rebuilt one with the one before. Rows sealed under the catalogue key are
// opened; sequence numbers and nonces, which a rebuild may change, are left out.
func (c *DB) Dump(ctx context.Context) ([]string, error) {
	var out []string
	bs, err := c.Batches(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range bs {
		out = append(out, fmt.Sprintf("batch %s %s %x %d %q %s %+v", b.ID, b.State, b.SHA256, b.Size, b.Name.Reveal(), b.ReceivedAt, b.Counts))
	}
	rs, err := c.rows(ctx, ``)
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		out = append(out, fmt.Sprintf("document %s v%d %s %x %s %s %s %s %v %d %d %s %s", r.ID, r.Version, r.Batch, r.ChartToken,
			r.Type, r.ServiceDate, r.FiledAt, r.State, r.Doubts, r.Pages, r.Bytes, r.DestroyedAt, r.Certificate))
		if r.ChartToken != nil {
			ch, err := c.ChartByToken(ctx, r.ChartToken)
			if err != nil {
				return nil, err
			}
			out = append(out, fmt.Sprintf("chart %s %+v", ch.Number.Canonical(), ch.Facts))
		}
	}
	for _, kind := range []string{"hold", "approver", "plan", "certificate", "link", "patients", "correction"} {
		es, err := c.Entries(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			out = append(out, fmt.Sprintf("%s %s %x %s %s %s", e.Kind, e.ID, e.Chart, e.State, e.At, e.Body))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
