package audit_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"chartvault/audit"
)

const origin = "chartvault/test"

type fixture struct {
	dir    string
	signer note.Signer
	key    note.Verifier
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	s, v := newKeys(t)
	return &fixture{t.TempDir(), s, v}
}

func newKeys(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func (f *fixture) open(t *testing.T) *audit.Log {
	t.Helper()
	l, err := audit.Open(f.dir, origin, f.signer, func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func fill(t *testing.T, l *audit.Log, n int) {
	t.Helper()
	for i := range n {
		seq, err := l.Append(audit.ActDocumentRead, "object", "journal", fmt.Appendf(nil, "body %d", i))
		if err != nil || seq != l.Size()-1 {
			t.Fatalf("append: got %d, %v, want %d", seq, err, l.Size()-1)
		}
		if i%7 == 3 {
			if _, _, err := l.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := l.Checkpoint(); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) verify(t *testing.T) audit.Report {
	t.Helper()
	r, err := audit.Verify(f.dir, f.key, audit.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGrowsOverReopening(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		l := f.open(t)
		fill(t, l, 10)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if r := f.verify(t); r.Entries != 30 || r.Signed != 30 || len(r.Faults) > 0 {
		t.Errorf("got %+v, want 30 entries, all signed, no fault", r)
	}
	// The derived files are derived.
	for _, n := range []string{"offsets", "hashes"} {
		if err := os.Remove(filepath.Join(f.dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	l := f.open(t)
	fill(t, l, 5)
	if r := f.verify(t); r.Entries != 35 || len(r.Faults) > 0 {
		t.Errorf("after losing the derived files: got %+v, want 35 entries, no fault", r)
	}
	lines, err := l.Lines(31, 34)
	if err != nil || len(lines) != 3 || !bytes.Contains(lines[0], []byte(`"seq":31`)) {
		t.Errorf("lines: got %d, %v, want entries 31 to 33", len(lines), err)
	}
}

// TestTornTail: an entry that a crash cut short was never acknowledged and is
// cut off; the log goes on.
func TestTornTail(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 5)
	l.Close()
	name := filepath.Join(f.dir, "log")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(b, `{"seq":5,"time":"20`...), 0o600); err != nil {
		t.Fatal(err)
	}
	l = f.open(t)
	fill(t, l, 1)
	if r := f.verify(t); r.Entries != 6 || len(r.Faults) > 0 {
		t.Errorf("got %+v, want 6 entries, no fault", r)
	}
}

// TestTampering edits, removes, inserts, reorders, cuts and forks; each is
// found.
func TestTampering(t *testing.T) {
	lines := func(b []byte) [][]byte { return bytes.SplitAfter(bytes.TrimSuffix(b, nil), []byte("\n")) }
	tests := map[string]func(b []byte) []byte{
		"edit":    func(b []byte) []byte { return bytes.Replace(b, []byte("document.read"), []byte("document.rXad"), 1) },
		"remove":  func(b []byte) []byte { l := lines(b); return bytes.Join(append(l[:3:3], l[4:]...), nil) },
		"insert":  func(b []byte) []byte { l := lines(b); return bytes.Join(append(append(l[:3:3], l[2]), l[3:]...), nil) },
		"reorder": func(b []byte) []byte { l := lines(b); l[3], l[4] = l[4], l[3]; return bytes.Join(l, nil) },
		"cut":     func(b []byte) []byte { l := lines(b); return bytes.Join(l[:12], nil) },
		"bit":     func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
	}
	for name, tamper := range tests {
		for _, derived := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s derived=%v", name, derived), func(t *testing.T) {
				f := newFixture(t)
				l := f.open(t)
				fill(t, l, 20)
				l.Close()
				file := filepath.Join(f.dir, "log")
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, tamper(b), 0o600); err != nil {
					t.Fatal(err)
				}
				if !derived { // a careful forger removes what could contradict
					os.Remove(filepath.Join(f.dir, "hashes"))
					os.Remove(filepath.Join(f.dir, "offsets"))
				}
				if r := f.verify(t); len(r.Faults) == 0 {
					t.Errorf("got no fault: %+v", r)
				}
			})
		}
	}
}

// TestForeignCheckpoint: a log made anew by somebody with another key is not
// ours.
func TestForeignCheckpoint(t *testing.T) {
	f, g := newFixture(t), newFixture(t)
	l := g.open(t)
	fill(t, l, 5)
	l.Close()
	f.dir = g.dir
	r := f.verify(t)
	if len(r.Faults) == 0 || !strings.Contains(r.Faults[0], "not signed by this archive's key") {
		t.Errorf("got %v, want the signature to be the fault", r.Faults)
	}
}

func TestCutUnderCheckpointIsRefused(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 10)
	l.Close()
	file := filepath.Join(f.dir, "log")
	b, _ := os.ReadFile(file)
	if err := os.WriteFile(file, bytes.Join(bytes.SplitAfter(b, []byte("\n"))[:4], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(f.dir, "hashes"))
	os.Remove(filepath.Join(f.dir, "offsets"))
	if _, err := audit.Open(f.dir, origin, f.signer, time.Now); err == nil {
		t.Error("open: got nil, want it refused: signed entries are missing")
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte("origin\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— x y\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if cp, err := audit.ParseCheckpoint(b); err == nil && cp.Size < 0 {
			t.Errorf("got size %d", cp.Size)
		}
	})
}

// TestTornCheckpoint: a checkpoint that a power cut left torn is not there, and
// the next one takes its place; the log opens every time.
func TestTornCheckpoint(t *testing.T) {
	f := newFixture(t)
	log := f.open(t)
	for i := range 3 {
		if _, err := log.Append(audit.ActSearch, "o", "journal", []byte("b")); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			if _, _, err := log.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	log.Close()
	name := filepath.Join(f.dir, "checkpoints")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	first := len(whole) / 2
	for cut := first + 1; cut < len(whole); cut += 7 {
		for _, torn := range [][]byte{whole[:cut], append(bytes.Clone(whole[:cut]), make([]byte, len(whole)-cut)...)} {
			if err := os.WriteFile(name, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := audit.Open(f.dir, origin, f.signer, time.Now)
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if _, n, err := l.Checkpoint(); err != nil || n != 3 {
				t.Errorf("cut at %d: got a head over %d, %v, want 3", cut, n, err)
			}
			l.Close()
			cps, err := audit.Checkpoints(f.dir)
			if err != nil || len(cps) != 2 || cps[1].Size != 3 {
				t.Errorf("cut at %d: got %d heads, %v, want the first and a new one", cut, len(cps), err)
			}
		}
	}
}
