package catalog

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chartvault/record"
)

// Dialect is what two engines say differently.
type Dialect struct {
	Name   string
	Blob   string // the type of bytes
	Serial string // the definition of a growing primary key
	InTurn string // has a transaction wait until others that changed something have ended; "" where they do anyway
	Fence  string // has the database refuse what a member that was struck off writes; "" where there is one process
	// LogTurn has a transaction wait until others that append to the log have ended;
	// FenceTurn, until what a server (its one argument) is writing has ended.
	LogTurn, FenceTurn string
	// Members is what several processes on one database agree by; nil where there is one.
	Members Members
	// Upkeep brings what was deleted out of the files, after a destruction.
	Upkeep []string
}

// Secrets are the vault's services to the catalogue. Without them (nil) only
// clear columns can be read.
type Secrets interface {
	Token(kind, value string) []byte
	CatalogueKey() []byte
}

// DB is an open catalogue. It is safe for concurrent use.
type DB struct {
	sql     *sql.DB
	dialect Dialect
	secrets Secrets
	local   []byte
	turns   turns
}

// New brings the schema up to date and returns the catalogue. It owns db.
// local is the machine's own 32-byte key.
func New(ctx context.Context, db *sql.DB, d Dialect, secrets Secrets, local []byte) (*DB, error) {
	c := &DB{sql: db, dialect: d, secrets: secrets, local: local}
	if err := c.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// Close ends the membership and closes the database.
func (c *DB) Close() error {
	var err error
	if c.dialect.Members != nil {
		err = c.dialect.Members.Close()
	}
	return errors.Join(err, c.sql.Close())
}

// Engine names the database behind the catalogue.
func (c *DB) Engine() string { return c.dialect.Name }

// Upkeep clears the traces of deleted rows out of the database's files.
func (c *DB) Upkeep(ctx context.Context) error {
	for _, s := range c.dialect.Upkeep {
		if _, err := c.sql.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("catalogue upkeep: %w", err)
		}
	}
	return nil
}

// Rebuilding is the progress that says that a rebuild has begun and not ended.
const Rebuilding = "rebuilding"

// Clear removes every row, before a rebuild, but those of batches on their way:
// nothing of them is in the store yet.
func (c *DB) Clear(ctx context.Context) error {
	return c.tx(ctx, func(tx *sql.Tx) error {
		for _, t := range []string{"objects", "changes", "held", "dues", "progress", "registers", "documents", "charts", "batches"} {
			where := ""
			switch t {
			case "batches":
				where = ` WHERE state NOT IN ('claimed', 'split')`
			case "progress":
				where = ` WHERE name <> '` + Rebuilding + `'`
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+t+where); err != nil {
				return fmt.Errorf("clear catalogue: %w", err)
			}
		}
		return nil
	})
}

func (c *DB) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := c.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(struckOff(err), ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

// ignoreDone passes over a rollback the driver already did.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func (c *DB) unlocked() error {
	if c.secrets == nil {
		return fmt.Errorf("catalogue: %w", record.ErrSealed)
	}
	return nil
}

// ChartToken returns the token a chart is looked up by.
func (c *DB) ChartToken(n record.ChartNumber) []byte {
	return c.secrets.Token("chart", n.Canonical())
}

func gcm(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// sealRow seals v as JSON under key. place binds it to its row.
func sealRow(key []byte, place string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", place, err)
	}
	a, err := gcm(key)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", place, err)
	}
	return a.Seal(nil, nil, plain, []byte(place)), nil
}

// openRow is the inverse of sealRow; record.ErrCorrupt when the row was
// changed or moved.
func openRow(key []byte, place string, sealed []byte, v any) error {
	a, err := gcm(key)
	if err != nil {
		return fmt.Errorf("open %s: %w", place, err)
	}
	plain, err := a.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return fmt.Errorf("open %s: %w", place, record.ErrCorrupt)
	}
	return json.Unmarshal(plain, v)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
