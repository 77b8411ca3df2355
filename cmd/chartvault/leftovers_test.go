package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartvault/archive/blob"
	"chartvault/record"
)

// lockedStore keeps what a retention lock is on.
type lockedStore struct {
	blob.Store
	locked bool
}

func (s *lockedStore) Delete(ctx context.Context, name string) error {
	if s.locked && (strings.HasPrefix(name, "d/") || strings.HasPrefix(name, "b/")) {
		return blob.ErrLocked
	}
	return s.Store.Delete(ctx, name)
}

// oneDocument is an archive with a batch of one document.
func oneDocument(t *testing.T) (*app, record.ID, record.ID) {
	t.Helper()
	a := openApp(t, "")
	scan := filepath.Join(t.TempDir(), "scan.tif")
	if err := os.WriteFile(scan, small(t, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.opIngest(t.Context(), asked{Actor: "os:test", Params: mustJSON(ingestParams{Paths: []string{scan}})}, func(any) error { return nil }); err != nil {
		t.Fatal(err)
	}
	rows, err := a.cat.Documents(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("got %d documents, %v, want one", len(rows), err)
	}
	return a, rows[0].ID, rows[0].Batch
}

// TestLockedLeftovers: what locks keep of a destroyed document and of its batch is
// remembered past the run that destroyed it, and removed once the locks have ended.
func TestLockedLeftovers(t *testing.T) {
	a, id, batch := oneDocument(t)
	docs := &lockedStore{a.arch.Docs, true}
	a.arch.Docs = docs
	gone, err := (holdings{a}).Destroy(t.Context(), id, "000001")
	if err != nil || !gone.Locked {
		t.Fatalf("destroy: got %+v, %v, want what is locked", gone, err)
	}
	if again, err := (holdings{a}).Destroy(t.Context(), id, "000001"); err != nil || !again.Locked {
		t.Errorf("once more: got %+v, %v, want what is locked", again, err)
	}
	stored := func() (n int) {
		for _, prefix := range []string{"d/" + id.String(), "b/" + batch.String()} {
			for _, err := range docs.List(t.Context(), prefix) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
		}
		return n
	}
	for _, locked := range []bool{true, false} {
		docs.locked = locked
		if err := a.sweepLocked(t.Context()); err != nil {
			t.Fatal(err)
		}
		left, err := (holdings{a}).Locked(t.Context(), id)
		if err != nil || left != locked || (stored() > 0) != locked {
			t.Errorf("locked %v: got %d objects, remembered %v, %v", locked, stored(), left, err)
		}
	}
}

// TestKeysBack: keys of a destroyed document and of its batch that come back from
// a backup of the keys place are found and destroyed again.
func TestKeysBack(t *testing.T) {
	a, id, batch := oneDocument(t)
	saved := map[string][]byte{}
	for _, id := range []record.ID{id, batch} {
		name := "k/" + id.String() + ".age"
		b, err := blob.ReadAll(t.Context(), a.places[0], name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		saved[name] = b
	}
	if _, err := (holdings{a}).Destroy(t.Context(), id, "000001"); err != nil {
		t.Fatal(err)
	}
	for name, b := range saved {
		if _, err := a.places[0].Put(t.Context(), name, strings.NewReader(string(b)), int64(len(b))); err != nil {
			t.Fatal(err)
		}
	}
	faults, err := a.keysBack(t.Context())
	if err != nil || len(faults) != 2 {
		t.Errorf("got %v, %v, want both found", faults, err)
	}
	for _, id := range []record.ID{id, batch} {
		if has, err := a.vault.HasKey(t.Context(), id); err != nil || has {
			t.Errorf("key %s: got %v, %v, want it gone", id, has, err)
		}
	}
	// And one of them alone, the document's being gone.
	name := "k/" + batch.String() + ".age"
	if _, err := a.places[0].Put(t.Context(), name, strings.NewReader(string(saved[name])), int64(len(saved[name]))); err != nil {
		t.Fatal(err)
	}
	if faults, err := a.keysBack(t.Context()); err != nil || len(faults) != 1 {
		t.Errorf("the batch's alone: got %v, %v, want it found", faults, err)
	}
}

// unlockable is a bucket that was made without locks.
type unlockable struct{ blob.Store }

func (unlockable) Lock(context.Context, string, time.Time) error { return errNoLocks }

func (unlockable) Hold(context.Context, string, bool) error { return errNoLocks }

var errNoLocks = errors.New("the bucket has no locks")

// TestStoreWithoutLocks: in production a store that has no locks is found out when
// the archive is set up, the status says so, and everything is looked at all the
// same.
func TestStoreWithoutLocks(t *testing.T) {
	a, _, _ := oneDocument(t)
	a.cfg.Production, a.arch.LockDays = true, 40
	a.docs = unlockable{a.docs}
	a.arch.Docs = a.docs
	if w := a.lockWarning(t.Context()); !strings.Contains(w, "not tried yet") {
		t.Errorf("before: got %q", w)
	}
	if err := a.tryLocks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := a.lockWarning(t.Context()); !strings.Contains(w, "no retention locks") {
		t.Errorf("after: got %q", w)
	}
	if err := a.storeStep(t.Context()); err != nil {
		t.Errorf("got %v, want the store looked at", err)
	}
}
