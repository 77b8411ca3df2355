package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"chartvault/catalog"
	"chartvault/catalog/catalogtest"
	"chartvault/catalog/postgres"
	"chartvault/internal/testserver"
)

// TestCatalogue runs the suite on a real server, each part in a database of
// its own, and then reads every column of every table as its administrator.
func TestCatalogue(t *testing.T) {
	dsn := testserver.StartPostgres(t)
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	var n atomic.Int64
	open := func(t *testing.T) (*catalog.DB, string) {
		name := fmt.Sprintf("test%d", n.Add(1))
		if _, err := admin.ExecContext(context.Background(), `CREATE DATABASE `+name); err != nil {
			t.Fatal(err)
		}
		own := strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
		c, err := postgres.Open(t.Context(), own, catalogtest.Secrets{}, catalogtest.Local(), "one")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, own
	}
	catalogtest.Run(t, func(t *testing.T) *catalog.DB { c, _ := open(t); return c })

	catalogtest.RunShared(t, func(t *testing.T) (func(string) (*catalog.DB, error), func()) {
		name := fmt.Sprintf("shared%d", n.Add(1))
		if _, err := admin.ExecContext(context.Background(), `CREATE DATABASE `+name); err != nil {
			t.Fatal(err)
		}
		own := strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
		return func(server string) (*catalog.DB, error) {
				return postgres.Open(t.Context(), own, catalogtest.Secrets{}, catalogtest.Local(), server)
			}, func() {
				_, err := admin.ExecContext(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chartvault member' AND datname = $1`, name)
				if err != nil {
					t.Fatal(err)
				}
			}
	})

	t.Run("the administrator reads nothing", func(t *testing.T) {
		c, own := open(t)
		catalogtest.Fill(t, c)
		db, err := sql.Open("pgx", own)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, table := range []string{"batches", "charts", "documents", "registers", "changes", "held", "dues", "progress", "objects", "members", "log", "signals", "lists", "jobs"} {
			rows, err := db.QueryContext(t.Context(), `SELECT CAST(t AS TEXT) FROM `+table+` t`)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					t.Fatal(err)
				}
				for _, w := range []string{"zanzibar", fmt.Sprintf("%x", "zanzibar"), fmt.Sprintf("%x", "ZANZIBAR"), "4711"} {
					if strings.Contains(strings.ToLower(s), w) {
						t.Errorf("%s shows %q: %s", table, w, s)
					}
				}
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestGolden: databases that programs of every earlier schema filled, as pg_dump
// wrote them, are brought to the present one, and hold what they held.
func TestGolden(t *testing.T) {
	dsn := testserver.StartPostgres(t)
	exec := func(dsn, text string) {
		t.Helper()
		db, err := sql.Open("pgx", dsn+"&default_query_exec_mode=simple_protocol")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("as laid down now", func(t *testing.T) {
		exec(dsn, "CREATE DATABASE golden")
		own := strings.Replace(dsn, "/postgres?", "/golden?", 1)
		c, err := postgres.Open(t.Context(), own, catalogtest.Secrets{}, catalogtest.Local(), "one")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		catalogtest.Lay(t, c)
		if dir := os.Getenv("CHARTVAULT_GOLDEN"); dir != "" {
			text, err := osexec.Command("pg_dump", "--no-owner", "--no-privileges", "--no-comments", "--inserts", own).Output()
			if err == nil {
				err = os.WriteFile(fmt.Sprintf("%s/schema-%d.sql", dir, catalog.Schema()), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		catalogtest.Golden(t, c)
	})
	for v := 1; v <= catalogtest.GoldenSchemas; v++ {
		t.Run(fmt.Sprintf("schema %d", v), func(t *testing.T) {
			text, err := os.ReadFile(fmt.Sprintf("testdata/schema-%d.sql", v))
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("golden%d", v)
			exec(dsn, "CREATE DATABASE "+name)
			own := strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
			exec(own, string(text))
			c, err := postgres.Open(t.Context(), own, catalogtest.Secrets{}, catalogtest.Local(), "one")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			catalogtest.Golden(t, c)
		})
	}
}
