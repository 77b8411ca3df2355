// Package sqlite opens the catalogue in one encrypted SQLite file, the default
// of a single machine.
//
// Stored form: a SQLite database under the Adiantum VFS of ncruces/go-sqlite3:
// the file, its write-ahead log and its temporary files are encrypted under
// the machine's key, with secure-delete on. The rows are blind besides
// (package catalog). The file must lie on a local file system.
package sqlite

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum" // registers the encrypting VFS

	"chartvault/catalog"
	"chartvault/internal/durable"
	"path/filepath"
)

// Open opens the catalogue in file, making it when absent.
func Open(ctx context.Context, file string, secrets catalog.Secrets, local []byte) (*catalog.DB, error) {
	if err := durable.MkdirAll(filepath.Dir(file)); err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: "vfs=adiantum&_txlock=immediate"}).String()
	// The key goes by PRAGMA: a URI may end up in messages.
	db, err := driver.Open(dsn, func(c *sqlite3.Conn) error {
		for _, p := range []string{
			`PRAGMA hexkey='` + hex.EncodeToString(local) + `'`,
			`PRAGMA busy_timeout=60000`,
			`PRAGMA journal_mode=WAL`,
			`PRAGMA synchronous=FULL`,
			`PRAGMA secure_delete=ON`,
			`PRAGMA temp_store=MEMORY`,
		} {
			if err := c.Exec(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	db.SetMaxOpenConns(4)
	return catalog.New(ctx, db, catalog.Dialect{
		Name: "sqlite", Blob: "BLOB", Serial: "INTEGER PRIMARY KEY AUTOINCREMENT",
		Upkeep: []string{`PRAGMA wal_checkpoint(TRUNCATE)`},
	}, secrets, local)
}
