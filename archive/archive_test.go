package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	mrand "math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"chartvault/archive"
	"chartvault/archive/blob/blobtest"
	"chartvault/archive/blob/memblob"
	"chartvault/archive/keys"
	"chartvault/archive/seal"
	"chartvault/audit"
	"chartvault/record"
)

type fixture struct {
	*archive.Archive
	docs, keys, mirror *memblob.Store
	recovery           string
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{docs: memblob.New(time.Now), keys: memblob.New(time.Now), mirror: memblob.New(time.Now)}
	v, recovery, err := keys.Create(t.Context(), keys.Places{f.keys, f.mirror}, "pass", 10)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	st, err := keys.OpenStation(filepath.Join(dir, "station.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Trust(t.Context(), keys.Depositor{Name: "test", Role: keys.RoleServer, Key: st.Public(), Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	ns, err := keys.NoteSigner("chartvault/test", st.CheckpointSeed())
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(filepath.Join(dir, "audit"), "chartvault/test", ns, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	f.recovery = recovery
	f.Archive = &archive.Archive{Docs: f.docs, Vault: v, Station: st, Log: log, Spool: dir, Policy: "test", Now: time.Now}
	return f
}

func newID(t testing.TB) record.ID {
	t.Helper()
	id, err := record.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

const content = "%PDF-1.7 the planted word is zanzibar\n"

func (f *fixture) deposit(t testing.TB, id record.ID) *archive.Stored {
	t.Helper()
	m := seal.Manifest{ID: id, Batch: newID(t), Chart: "9118427", Type: "PROGRESS_NOTE", FiledAt: time.Now().UTC(), State: record.DocumentFiled,
		Pages: []seal.Page{{Source: 1, Text: json.RawMessage(`{"words":[["zanzibar",1,2,3,4,99,0]]}`)}}}
	s, err := f.Deposit(t.Context(), m, func(zw *zip.Writer, m *seal.Manifest) error {
		sum := sha256.Sum256([]byte(content))
		m.PDF = sum[:]
		w, err := seal.AddPart(zw, "document.pdf")
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		return err
	})
	if err != nil {
		t.Fatalf("deposit: %v", err)
	}
	return s
}

func (f *fixture) read(id record.ID) (string, error) {
	var b strings.Builder
	err := f.Read(context.Background(), archive.Access{Actor: "test", Purpose: "test"}, id, 1, "document.pdf", &b)
	return b.String(), err
}

func TestDepositAndRead(t *testing.T) {
	f := newFixture(t)
	id := newID(t)
	first := f.deposit(t, id)
	before := f.Log.Size()
	got, err := f.read(id)
	if err != nil || got != content {
		t.Errorf("read: got %q, %v, want what was stored", got, err)
	}
	if f.Log.Size() != before+1 {
		t.Errorf("got %d log entries for a read, want 1", f.Log.Size()-before)
	}
	again := f.deposit(t, id)
	if !again.Manifest.Package.Equal(first.Manifest.Package) {
		t.Error("a repeated deposit made another package")
	}
	for name, b := range f.docs.Snapshot() {
		if bytes.Contains(b, []byte("zanzibar")) || bytes.Contains(b, []byte("9118427")) {
			t.Errorf("%s holds readable text", name)
		}
	}
}

// TestNoEntryNoByte: when the log cannot be written, nothing is disclosed.
func TestNoEntryNoByte(t *testing.T) {
	f := newFixture(t)
	id := newID(t)
	f.deposit(t, id)
	f.Log.Close()
	if got, err := f.read(id); err == nil || got != "" {
		t.Errorf("got %q, %v, want nothing and an error", got, err)
	}
}

// TestTampering flips bits all over every object of a document: each flip is
// found by verification, and none is ever returned.
func TestTampering(t *testing.T) {
	f := newFixture(t)
	id := newID(t)
	f.deposit(t, id)
	r := mrand.New(mrand.NewPCG(1, 2))
	for name, b := range f.docs.Snapshot() {
		bits := []int{}
		for i := range min(len(b)*8, 512) { // every bit of the header's start
			bits = append(bits, i)
		}
		for range 300 {
			bits = append(bits, r.IntN(len(b)*8))
		}
		for _, bit := range bits {
			f.docs.Flip(name, bit)
			if _, err := f.Verify(t.Context(), id, 1); !errors.Is(err, record.ErrCorrupt) {
				t.Fatalf("%s, bit %d: verify got %v, want ErrCorrupt", name, bit, err)
			}
			if got, err := f.read(id); err == nil || got != "" {
				t.Fatalf("%s, bit %d: read got %q, %v, want nothing", name, bit, got, err)
			}
			f.docs.Flip(name, bit)
		}
	}
	if _, err := f.Verify(t.Context(), id, 1); err != nil {
		t.Errorf("all bits back: got %v", err)
	}
}

// replace puts other bytes under a name, as whoever owns the bucket can.
func (f *fixture) replace(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := f.docs.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if b == nil {
		return
	}
	if _, err := f.docs.Put(t.Context(), name, bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
}

// TestForgery: whoever knows the public recipients and owns the bucket can
// delete, cut, extend, swap and forge; each is found.
func TestForgery(t *testing.T) {
	f := newFixture(t)
	a, b := newID(t), newID(t)
	f.deposit(t, a)
	f.deposit(t, b)
	pkg, man := fmt.Sprintf("d/%s/1/package.age", a), fmt.Sprintf("d/%s/1/manifest.age", a)
	pkgB, manB := fmt.Sprintf("d/%s/1/package.age", b), fmt.Sprintf("d/%s/1/manifest.age", b)
	good := f.docs.Snapshot()
	key, err := f.Vault.Key(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := keys.OpenStation(filepath.Join(t.TempDir(), "stranger.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Load(t.Context(), a, 1)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := seal.SealManifest(s.Manifest, key.Recipient(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	var other bytes.Buffer
	w, err := age.Encrypt(&other, key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "PK something else entirely")
	w.Close()
	for name, attack := range map[string]map[string][]byte{
		"package deleted":     {pkg: nil},
		"manifest deleted":    {man: nil},
		"package cut":         {pkg: good[pkg][:len(good[pkg])-7]},
		"package extended":    {pkg: append(bytes.Clone(good[pkg]), 0)},
		"manifest cut":        {man: good[man][:len(good[man])-1]},
		"manifest extended":   {man: append(bytes.Clone(good[man]), 0)},
		"packages swapped":    {pkg: good[pkgB]},
		"manifests swapped":   {man: good[manB]},
		"both swapped":        {pkg: good[pkgB], man: good[manB]},
		"package forged":      {pkg: other.Bytes()},
		"manifest by another": {man: forged},
		"empty":               {pkg: {}},
	} {
		for n, b := range attack {
			f.replace(t, n, b)
		}
		if _, err := f.Verify(t.Context(), a, 1); !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
		for n := range attack {
			f.replace(t, n, good[n])
		}
	}
	if _, err := f.Verify(t.Context(), a, 1); err != nil {
		t.Errorf("all put back: got %v", err)
	}
}

// TestDestroyed: after destruction a copy of every object, with the vault and
// the recovery identity, opens nothing; other documents are untouched.
func TestDestroyed(t *testing.T) {
	f := newFixture(t)
	id, other := newID(t), newID(t)
	f.deposit(t, id)
	f.deposit(t, other)
	stolen := f.docs.Snapshot()
	if _, err := f.Destroy(t.Context(), id, 1); err != nil {
		t.Fatal(err)
	}
	if left, err := f.Gone(t.Context(), id, 1); err != nil || len(left) > 0 {
		t.Errorf("gone: got %v, %v, want nothing left", left, err)
	}
	if _, err := f.Destroy(t.Context(), id, 1); err != nil {
		t.Errorf("a second time: got %v", err)
	}
	for name, b := range stolen {
		if strings.Contains(name, id.String()) {
			f.replace(t, name, b)
		}
	}
	if _, err := f.Load(t.Context(), id, 1); !errors.Is(err, record.ErrDestroyed) {
		t.Errorf("restored objects: got %v, want ErrDestroyed", err)
	}
	rec, err := keys.UnlockRecovery(t.Context(), keys.Places{f.keys}, f.recovery)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rec.Key(t.Context(), id); !errors.Is(err, record.ErrDestroyed) {
		t.Errorf("with the recovery identity: got %v, want ErrDestroyed", err)
	}
	for _, place := range []*memblob.Store{f.keys, f.mirror} {
		for name := range place.Snapshot() {
			if strings.Contains(name, id.String()) {
				t.Errorf("a keys place still has %s", name)
			}
		}
	}
	if got, err := f.read(other); err != nil || got != content {
		t.Errorf("the other document: got %q, %v", got, err)
	}
}

// TestMirroredKeys: one keys place may be lost.
func TestMirroredKeys(t *testing.T) {
	f := newFixture(t)
	id := newID(t)
	f.deposit(t, id)
	v, err := keys.Unlock(t.Context(), keys.Places{memblob.New(time.Now), f.mirror}, "pass")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Key(t.Context(), id); err != nil {
		t.Errorf("from the mirror: got %v", err)
	}
	if _, err := keys.Unlock(t.Context(), keys.Places{f.keys}, "wrong"); !errors.Is(err, record.ErrPassphrase) {
		t.Errorf("wrong passphrase: got %v, want ErrPassphrase", err)
	}
	if _, _, err := keys.Create(t.Context(), keys.Places{f.keys}, "pass", 10); !errors.Is(err, record.ErrExists) {
		t.Errorf("a second archive in the same place: got %v, want ErrExists", err)
	}
}

// TestEveryCallFails: a deposit and a destruction are stopped at every call to
// the store in turn; the repetition always ends with one whole document, or
// with none.
func TestEveryCallFails(t *testing.T) {
	f := newFixture(t)
	real := f.Docs
	for n := 0; ; n++ {
		id := newID(t)
		f.Docs = blobtest.Faulty(real, &blobtest.Fault{At: n + 1, Stop: true})
		m := seal.Manifest{ID: id, Batch: newID(t), Type: "X", State: record.DocumentFiled}
		parts := func(zw *zip.Writer, _ *seal.Manifest) error {
			w, err := seal.AddPart(zw, "document.pdf")
			if err == nil {
				_, err = io.WriteString(w, content)
			}
			return err
		}
		_, err := f.Deposit(t.Context(), m, parts)
		f.Docs = real
		if _, err := f.Deposit(t.Context(), m, parts); err != nil {
			t.Fatalf("stopped at call %d: the repetition got %v", n, err)
		}
		if got, err := f.read(id); err != nil || got != content {
			t.Fatalf("stopped at call %d: read got %q, %v", n, got, err)
		}
		f.Docs = blobtest.Faulty(real, &blobtest.Fault{At: n + 1, Stop: true})
		_, derr := f.Destroy(t.Context(), id, 1)
		f.Docs = real
		if _, err := f.Destroy(t.Context(), id, 1); err != nil {
			t.Fatalf("stopped at call %d: the second destruction got %v", n, err)
		}
		if rest, err := f.Gone(t.Context(), id, 1); err != nil || len(rest) > 0 {
			t.Fatalf("stopped at call %d: left %v, %v", n, rest, err)
		}
		if err == nil && derr == nil {
			if n < 5 {
				t.Errorf("only %d calls were stopped", n)
			}
			return
		}
	}
}

// TestPublish: the log comes back from the store as it was.
func TestPublish(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		f.deposit(t, newID(t))
		for range 400 {
			if err := f.Journal(t.Context(), audit.ActSearch, "", map[string]string{"query": "zanzibar"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want, err := f.Log.Lines(0, f.Log.Size())
	if err != nil {
		t.Fatal(err)
	}
	got, err := archive.PublishedLines(t.Context(), f.Docs, 0)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d lines, %v, want %d", len(got), err, len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("line %d differs", i)
		}
	}
	names := slices.Sorted(maps.Keys(f.docs.Snapshot()))
	i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, "a/log/") })
	f.replace(t, names[i], nil)
	if _, err := archive.PublishedLines(t.Context(), f.Docs, 0); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("a missing part: got %v, want ErrCorrupt", err)
	}
}

func FuzzOpenManifest(f *testing.F) {
	fx := newFixture(f)
	id := newID(f)
	fx.deposit(f, id)
	key, err := fx.Vault.Key(f.Context(), id)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range fx.docs.Snapshot() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if orig, ok := fx.docs.Snapshot()[fmt.Sprintf("d/%s/1/manifest.age", id)]; ok && bytes.Equal(b, orig) {
			return
		}
		if m, err := seal.OpenManifest(b, key.Identity(), func(string) (ed25519.PublicKey, error) { return nil, record.ErrDenied }); err == nil {
			t.Errorf("a manifest nobody signed opened: %+v", m)
		}
	})
}
