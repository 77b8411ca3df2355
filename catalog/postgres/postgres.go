// Package postgres opens the catalogue in a PostgreSQL database, which several
// servers may share. Its administrator sees the clear columns that package
// catalog names, and no word about a patient.
package postgres

import (
	"context"
	"database/sql"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver

	"chartvault/catalog"
)

// Open connects to the database that dsn names
// ("postgres://user@host/database?sslmode=verify-full").
func Open(ctx context.Context, dsn string, secrets catalog.Secrets, local []byte) (*catalog.DB, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	db.SetMaxOpenConns(8)
	return catalog.New(ctx, db, catalog.Dialect{
		Name: "postgres", Blob: "BYTEA", Serial: "BIGSERIAL PRIMARY KEY", InTurn: `SELECT pg_advisory_xact_lock(7237419)`,
		Upkeep: []string{`VACUUM documents`, `VACUUM charts`, `VACUUM registers`},
	}, secrets, local)
}
