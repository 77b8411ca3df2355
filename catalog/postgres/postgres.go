// Package postgres opens the catalogue in a PostgreSQL database, which several
// servers may share. Its administrator sees the clear columns that package
// catalog names, and no word about a patient.
package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"chartvault/catalog"
)

// connections is how many statements of one server run at once.
const connections = 8

// Open connects to the database that dsn names
// ("postgres://user@host/database?sslmode=verify-full") as the server of a name;
// without one it only reads. record.ErrBusy when another process of that server
// is on, or one that must be alone.
func Open(ctx context.Context, dsn string, secrets catalog.Secrets, local []byte, server string) (*catalog.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("open catalogue: the connection string cannot be read") // its text may hold a password
	}
	watchful(cfg)
	m := &member{server: server, held: map[string]bool{}, lost: make(chan struct{}), done: make(chan struct{})}
	if err := m.connect(ctx, cfg.Copy()); err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(m.introduce))
	db.SetMaxOpenConns(connections)
	// One server at a time brings the schema up to date.
	if err := m.wait(ctx, "schema"); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalogue: %w", err), m.Close(), db.Close())
	}
	c, err := catalog.New(ctx, db, catalog.Dialect{
		Name: "postgres", Blob: "BYTEA", Serial: "BIGSERIAL PRIMARY KEY", InTurn: `SELECT pg_advisory_xact_lock(7237419)`, Fence: fence(),
		LogTurn:   `SELECT pg_advisory_xact_lock(hashtextextended('log', 0))`,
		FenceTurn: fenceTurn,
		Upkeep:    []string{`VACUUM documents`, `VACUUM charts`, `VACUUM registers`},
		Members:   m,
	}, secrets, local)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if err := errors.Join(m.Leave(ctx, "schema"), m.join(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalogue: %w", err), c.Close())
	}
	// Connections of before it was a member write nothing.
	db.SetMaxIdleConns(0)
	db.SetMaxIdleConns(connections)
	return c, nil
}
