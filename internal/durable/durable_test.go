package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"chartvault/internal/durable"
)

func TestCreateIsCreateOnly(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a", "b")
	if _, err := durable.Create(name, strings.NewReader("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Create(name, strings.NewReader("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	if b, _ := os.ReadFile(name); string(b) != "first" {
		t.Errorf("got %q, want the first content", b)
	}
}

// TestFailureLeavesNothing: a source that fails half way leaves neither the
// file nor a temporary one, and what was there stays.
func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if _, err := durable.Replace(old, strings.NewReader("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("gone")))
	if _, err := durable.Replace(old, bad, 0o600); err == nil {
		t.Error("got nil, want the source's error")
	}
	ents, err := os.ReadDir(dir)
	if err != nil || len(ents) != 1 {
		t.Errorf("got %v, %v, want the old file alone", ents, err)
	}
	if b, _ := os.ReadFile(old); string(b) != "old" {
		t.Errorf("got %q, want the old content", b)
	}
}

func TestMoveDoesNotOverwrite(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte(n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Move(filepath.Join(dir, "a"), filepath.Join(dir, "b")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	if err := durable.Move(filepath.Join(dir, "a"), filepath.Join(dir, "new", "c")); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, ok, err := durable.Lock(name)
	if err != nil || !ok {
		t.Fatalf("got %v, %v, want the lock", ok, err)
	}
	if _, ok, err := durable.Lock(name); ok || err != nil {
		t.Errorf("second: got %v, %v, want it refused", ok, err)
	}
	unlock()
	if _, ok, _ := durable.Lock(name); !ok {
		t.Error("after unlock: got refused, want the lock")
	}
}
