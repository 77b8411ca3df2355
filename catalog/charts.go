package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"chartvault/record"
)

// Facts are what is known of a chart for retention; zero dates are unknown.
type Facts struct {
	Born          record.Date `json:"born"`
	LastEncounter record.Date `json:"last_encounter"`
	Died          record.Date `json:"died"`
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
