package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chartvault/record"
)

// Facts are what is known of a chart for retention: of every name the last word
// of each source, in the order it was learned, and the encounters.
type Facts struct {
	Known      []record.Fact      `json:"known,omitempty"`
	Encounters []record.Encounter `json:"encounters,omitempty"`
}

// UnmarshalJSON reads facts, also as archives wrote them when a chart had just
// three dates.
func (f *Facts) UnmarshalJSON(b []byte) error {
	var v struct {
		Known         []record.Fact      `json:"known"`
		Encounters    []record.Encounter `json:"encounters"`
		Born          record.Date        `json:"born"`
		LastEncounter record.Date        `json:"last_encounter"`
		Died          record.Date        `json:"died"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*f = Facts{v.Known, v.Encounters}
	for _, old := range []record.Fact{{Name: record.FactBorn, Date: v.Born}, {Name: record.FactLastEncounter, Date: v.LastEncounter}, {Name: record.FactDied, Date: v.Died}} {
		if old.Source = record.SourcePatientList; !old.Date.IsZero() {
			f.Known = append(f.Known, old)
		}
	}
	return nil
}

// Add takes new facts in. What they overrule is dropped: the log keeps it. It
// reports whether anything changed.
func (f *Facts) Add(n Facts) (changed bool) {
	for _, k := range n.Known {
		same := func(o record.Fact) bool {
			return o.Name == k.Name && o.Date == k.Date && o.Answer == k.Answer && o.Source == k.Source
		}
		if i := slices.IndexFunc(f.Known, same); i >= 0 && !f.spokenAfter(i) {
			continue
		}
		changed = true
		f.Known = slices.DeleteFunc(f.Known, func(o record.Fact) bool {
			if o.Name != k.Name {
				return false
			}
			if k.Source == record.SourceRetrieval {
				return o.Source == k.Source && !o.Date.After(k.Date) // the latest use counts
			}
			return o.Source == k.Source || k.Source == record.SourceCorrection && o.Source != record.SourceRetrieval
		})
		if k.Source == record.SourceRetrieval && slices.ContainsFunc(f.Known, func(o record.Fact) bool { return o.Name == k.Name && o.Source == k.Source }) {
			continue
		}
		f.Known = append(f.Known, k)
	}
	for _, e := range n.Encounters {
		i := slices.IndexFunc(f.Encounters, func(o record.Encounter) bool { return o.ID == e.ID })
		switch {
		case i < 0:
			f.Encounters, changed = append(f.Encounters, e), true
		case f.Encounters[i].Begin != e.Begin || f.Encounters[i].End != e.End:
			f.Encounters[i], changed = e, true
		}
	}
	return changed
}

// spokenAfter reports whether a later fact bears the name of fact i.
func (f *Facts) spokenAfter(i int) bool {
	return slices.ContainsFunc(f.Known[i+1:], func(o record.Fact) bool { return o.Name == f.Known[i].Name })
}

// Chart is a chart's row.
type Chart struct {
	Token  []byte
	Number record.ChartNumber
	Facts  Facts
}

// chartRow is what a chart's row seals.
type chartRow struct {
	Number string `json:"number"`
	Facts  Facts  `json:"facts"`
}

func chartPlace(token []byte) string { return fmt.Sprintf("chart %x", token) }

func (c *DB) ensureChart(ctx context.Context, tx *sql.Tx, token []byte, n record.ChartNumber) error {
	sealed, err := sealRow(c.secrets.CatalogueKey(), chartPlace(token), chartRow{Number: n.Reveal()})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO charts (token, sealed) VALUES ($1, $2) ON CONFLICT (token) DO NOTHING`, token, sealed)
	return err
}

// SetFacts records what is known of a chart; a chart without documents may
// have facts.
func (c *DB) SetFacts(ctx context.Context, n record.ChartNumber, f Facts) error {
	if err := c.unlocked(); err != nil {
		return err
	}
	token := c.ChartToken(n)
	row := chartRow{Number: n.Reveal(), Facts: f}
	if old, err := c.ChartByToken(ctx, token); err == nil {
		row.Number = old.Number.Reveal()
	} else if !errors.Is(err, record.ErrNotFound) {
		return err
	}
	sealed, err := sealRow(c.secrets.CatalogueKey(), chartPlace(token), row)
	if err != nil {
		return err
	}
	_, err = c.sql.ExecContext(ctx, `INSERT INTO charts (token, sealed) VALUES ($1, $2)
		ON CONFLICT (token) DO UPDATE SET sealed = excluded.sealed`, token, sealed)
	if err != nil {
		return fmt.Errorf("set facts of a chart: %w", err)
	}
	return nil
}

// ChartByToken opens a chart's row; record.ErrNotFound when there is none.
func (c *DB) ChartByToken(ctx context.Context, token []byte) (Chart, error) {
	if err := c.unlocked(); err != nil {
		return Chart{}, err
	}
	var sealed []byte
	err := c.sql.QueryRowContext(ctx, `SELECT sealed FROM charts WHERE token = $1`, token).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return Chart{}, fmt.Errorf("chart: %w", record.ErrNotFound)
	}
	if err != nil {
		return Chart{}, fmt.Errorf("chart: %w", err)
	}
	var row chartRow
	if err := openRow(c.secrets.CatalogueKey(), chartPlace(token), sealed, &row); err != nil {
		return Chart{}, err
	}
	n, err := record.ParseChartNumber(row.Number)
	return Chart{Token: token, Number: n, Facts: row.Facts}, err
}
