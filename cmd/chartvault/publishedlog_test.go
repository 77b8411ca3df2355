package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"chartvault/audit"
	"chartvault/record"
)

// TestForgedEntry: whoever can write to the documents store and knows the public
// recipients puts an entry behind the log that says a document was destroyed. The
// next start does not do as it says.
func TestForgedEntry(t *testing.T) {
	a := filedArchive(t)
	before := a.must("status")
	b, err := os.ReadFile(filepath.Join(a.dir, "audit", "log"))
	if err != nil {
		t.Fatal(err)
	}
	n := bytes.Count(b, []byte("\n"))
	var site struct {
		Journal string `json:"journal"`
	}
	sites, err := filepath.Glob(filepath.Join(a.dir, "*", "site.json"))
	if err != nil || len(sites) == 0 {
		t.Fatal("no site.json", err)
	}
	if b, err = os.ReadFile(sites[0]); err == nil {
		err = json.Unmarshal(b, &site)
	}
	if err != nil {
		t.Fatal(err)
	}
	to, err := age.ParseHybridRecipient(site.Journal)
	if err != nil {
		t.Fatalf("the journal's recipient %q: %v", site.Journal, err)
	}
	dirs, err := filepath.Glob(filepath.Join(a.dir, "keys*", "k", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no key", err)
	}
	docs, err := filepath.Glob(filepath.Join(a.dir, "objects", "d", "*"))
	if err != nil || len(docs) == 0 {
		t.Fatal("no document", err)
	}
	id, err := record.ParseID(filepath.Base(docs[0]))
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	w, err := age.Encrypt(&body, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(w).Encode(change{Actor: "user:nobody", Gone: &tombstone{Document: id, Version: 1, Type: "PROGRESS_NOTE", At: time.Now(), Certificate: "forged"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(audit.Entry{Seq: int64(n), Time: time.Now(), Action: audit.ActDestroyed, Key: "journal", Body: body.Bytes()})
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(a.dir, "objects", "a", "log", fmt.Sprintf("%016d-%016d", n, n))
	a.write(forged, append(line, '\n'))
	if after := a.must("status"); after != before {
		t.Errorf("got\n%swant\n%s", after, before)
	}
	for _, k := range dirs {
		if !fileExists(k) {
			t.Errorf("key %s was destroyed", filepath.Base(k))
		}
	}
	if fileExists(forged) {
		t.Error("the forged entry is still where the log's are")
	}
	kept, err := os.ReadFile(filepath.Join(a.dir, "objects", "a", "stray", "0", "log", filepath.Base(forged)))
	if err != nil || !bytes.Equal(kept, append(line, '\n')) {
		t.Errorf("set aside: got %d bytes, %v, want the forged entry", len(kept), err)
	}
	a.must("audit", "verify", "--published")
}

// TestMoveWithWitness: the machine is lost, and the archive comes back on another
// from its stores and its passphrase. Its witness knows it again, and goes on.
func TestMoveWithWitness(t *testing.T) {
	a := filedArchive(t)
	heads := filepath.Join(t.TempDir(), "heads")
	witness := fmt.Sprintf("[audit]\nwitness_file = %q\n", heads)
	a.write(filepath.Join(a.dir, "chartvault.toml"), []byte(witness))
	a.runWith("metoprolol\n", "search")
	want := a.must("batches")

	b := &testArchive{t: t, dir: filepath.Join(t.TempDir(), "b"), pass: a.pass}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(b.dir, "chartvault.toml"), []byte(witness))
	for _, place := range []string{"objects", "keys", "keys-copy"} {
		if _, err := os.Stat(filepath.Join(a.dir, place)); err == nil {
			if err := os.Rename(filepath.Join(a.dir, place), filepath.Join(b.dir, place)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, code := b.run("rebuild"); code != 0 {
		t.Fatalf("rebuild: exit %d\n%s", code, out)
	}
	if got := b.must("batches"); got != want {
		t.Errorf("batches: got\n%swant\n%s", got, want)
	}
	if out := b.must("status"); strings.Contains(out, "witness") {
		t.Errorf("status: got %s", out)
	}
	old := &testArchive{t: t, dir: filepath.Join(t.TempDir(), "old"), pass: a.pass}
	if err := os.CopyFS(old.dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	b.runWith("metoprolol\n", "search")
	if out, code := old.run("status"); code == 0 {
		t.Errorf("a copy that is too old: exit 0\n%s", out)
	}
	// People know what is lost. What is lost later they do not.
	old.must("audit", "resume", "--reason", "the disk was lost")
	old.must("status")
	fresh := fmt.Sprintf("[audit]\nwitness_file = %q\n", heads+"2")
	old.write(filepath.Join(old.dir, "chartvault.toml"), []byte(fresh))
	old.must("status")
	older := &testArchive{t: t, dir: filepath.Join(t.TempDir(), "older"), pass: a.pass}
	if err := os.CopyFS(older.dir, os.DirFS(old.dir)); err != nil {
		t.Fatal(err)
	}
	old.runWith("metoprolol\n", "search")
	if out, code := older.run("status"); code == 0 {
		t.Errorf("too old once more, before a new witness: exit 0\n%s", out)
	}
}

// TestPublishedMissing: a copy of the data directory that is older than a store from
// which the newest entries are missing, though a signed head speaks of them, is shut,
// until people say that they know.
func TestPublishedMissing(t *testing.T) {
	a := filedArchive(t)
	old := &testArchive{t: t, dir: filepath.Join(t.TempDir(), "old"), pass: a.pass}
	if err := os.CopyFS(old.dir, os.DirFS(a.dir)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a.runWith("metoprolol\n", "search")
	}
	if err := os.RemoveAll(filepath.Join(old.dir, "objects")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(old.dir, "objects"), os.DirFS(filepath.Join(a.dir, "objects"))); err != nil {
		t.Fatal(err)
	}
	bundles, err := filepath.Glob(filepath.Join(old.dir, "objects", "a", "log", "*"))
	if err != nil || len(bundles) < 3 {
		t.Fatalf("got %d bundles, %v, want some of before and two of after", len(bundles), err)
	}
	if err := os.Remove(bundles[len(bundles)-1]); err != nil {
		t.Fatal(err)
	}
	if out, code := old.run("status"); code == 0 || !strings.Contains(out, "which were signed, some are missing") {
		t.Errorf("entries missing: exit %d\n%s", code, out)
	}
	before := len(logLines(t, old.dir))
	old.must("audit", "resume", "--reason", "the store lost its newest entries")
	old.must("status")
	// What an older head vouches for is there, and the reason.
	if after := len(logLines(t, old.dir)); after < before+2 {
		t.Errorf("got %d entries after %d, want those that are left and the reason", after, before)
	}
}

func logLines(t *testing.T, dir string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "audit", "log"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}
