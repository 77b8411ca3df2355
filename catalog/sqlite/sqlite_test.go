package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"chartvault/catalog"
	"chartvault/catalog/catalogtest"
	"chartvault/catalog/sqlite"
	"chartvault/record"

	"errors"
)

func open(t *testing.T, file string, s catalog.Secrets) *catalog.DB {
	t.Helper()
	c, err := sqlite.Open(t.Context(), file, s, catalogtest.Local())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCatalogue(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) *catalog.DB {
		return open(t, filepath.Join(t.TempDir(), "c.db"), catalogtest.Secrets{})
	})
}

// TestNothingReadable: the files hold no word of a row, not even those that
// stand in clear inside.
func TestNothingReadable(t *testing.T) {
	dir := t.TempDir()
	c := open(t, filepath.Join(dir, "c.db"), catalogtest.Secrets{})
	for range 50 {
		catalogtest.Fill(t, c)
	}
	ents, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ents {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []string{"zanzibar", "ZANZIBAR", "LAB_REPORT", "SQLite format", "CREATE TABLE"} {
			if bytes.Contains(b, []byte(w)) {
				t.Errorf("%s holds %q", e.Name(), w)
			}
		}
	}
}

// TestSealed: without the vault the accounting can be read, and nothing else.
func TestSealed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.db")
	c := open(t, file, catalogtest.Secrets{})
	d := catalogtest.Fill(t, c)
	c.Close()
	c = open(t, file, nil)
	bs, err := c.Batches(t.Context())
	if err != nil || len(bs) != 1 || !bs[0].Name.IsZero() || bs[0].SHA256 == [32]byte{} || bs[0].Counts.PagesIn != 2 {
		t.Errorf("batches: got %+v, %v, want counts and hash without a name", bs, err)
	}
	if _, err := c.OfChart(t.Context(), d.Chart); !errors.Is(err, record.ErrSealed) {
		t.Errorf("of chart: got %v, want ErrSealed", err)
	}
}

func TestWrongKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.db")
	open(t, file, nil).Close()
	if c, err := sqlite.Open(t.Context(), file, nil, bytes.Repeat([]byte{1}, 32)); err == nil {
		c.Close()
		t.Error("got nil, want an error")
	}
}

// TestGolden: databases that programs of every earlier schema filled are brought
// to the present one, and hold what they held.
func TestGolden(t *testing.T) {
	t.Run("as laid down now", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "c.db")
		c := open(t, file, catalogtest.Secrets{})
		catalogtest.Lay(t, c)
		if dir := os.Getenv("CHARTVAULT_GOLDEN"); dir != "" {
			c.Close()
			b, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("schema-%d.db", catalog.Schema())), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			c = open(t, file, catalogtest.Secrets{})
		}
		catalogtest.Golden(t, c)
	})
	for v := 1; v <= catalogtest.GoldenSchemas; v++ {
		t.Run(fmt.Sprintf("schema %d", v), func(t *testing.T) {
			b, err := os.ReadFile(fmt.Sprintf("testdata/schema-%d.db", v))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "c.db")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			catalogtest.Golden(t, open(t, file, catalogtest.Secrets{}))
		})
	}
}
