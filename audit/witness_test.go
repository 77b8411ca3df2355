package audit_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"chartvault/audit"
)

// witnesses are one of each kind, fresh.
func witnesses(t *testing.T, f *fixture) map[string]audit.Witness {
	t.Helper()
	c := audit.NewCosigner("witness.example/a", bytes.Repeat([]byte{7}, 32), func() time.Time { return time.Unix(1_800_000_000, 0) })
	v, err := audit.NewCosignatureVerifier(c.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(&audit.WitnessServer{Log: f.key, Signer: c, File: filepath.Join(t.TempDir(), "head")})
	t.Cleanup(srv.Close)
	return map[string]audit.Witness{
		"file": audit.FileWitness{Path: filepath.Join(t.TempDir(), "heads"), Verifier: f.key},
		"http": audit.HTTPWitness{URL: srv.URL, Log: f.key, Verifier: v, File: filepath.Join(t.TempDir(), "cosigned"), Client: srv.Client()},
	}
}

// forgetful is a witness whose server has lost its memory of what was cosigned.
type forgetful struct{ audit.Witness }

func (forgetful) Seen(context.Context) (audit.Checkpoint, error) { return audit.Checkpoint{}, nil }

// TestWitness: a witness follows the log; a log that was cut and went on, one
// that came back from a backup, and one that is another are told apart, also
// by a server that remembers nothing.
func TestWitness(t *testing.T) {
	for _, kind := range []string{"file", "http"} {
		t.Run(kind, func(t *testing.T) {
			f := newFixture(t)
			w := witnesses(t, f)[kind]
			l := f.open(t)
			if seen, err := w.Seen(t.Context()); err != nil || seen.Size != 0 {
				t.Errorf("at first: got %+v, %v", seen, err)
			}
			backup := ""
			for round := range 4 {
				fill(t, l, 5)
				if err := l.Witness(t.Context(), w); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if err := l.Witness(t.Context(), w); err != nil {
					t.Fatalf("round %d, again: %v", round, err)
				}
				if seen, err := w.Seen(t.Context()); err != nil || seen.Size != l.Size() {
					t.Errorf("round %d: got %+v, %v, want size %d", round, seen, err, l.Size())
				}
				if round == 1 {
					backup = copyDir(t, f.dir)
				}
			}
			if kind == "http" {
				fill(t, l, 1)
				if err := l.Witness(t.Context(), forgetful{w}); err != nil {
					t.Errorf("the server forgot what was cosigned: got %v", err)
				}
			}
			l.Close()

			old := (&fixture{backup, f.signer, f.key}).open(t)
			if err := old.Witness(t.Context(), w); !errors.Is(err, audit.ErrBehind) {
				t.Errorf("from a backup: got %v, want ErrBehind", err)
			}
			for range 4 { // it goes on, and becomes longer than what was seen
				fill(t, old, 6)
			}
			if err := old.Witness(t.Context(), w); !errors.Is(err, audit.ErrForked) {
				t.Errorf("gone on from a backup: got %v, want ErrForked", err)
			}
			if kind == "http" {
				if err := old.Witness(t.Context(), forgetful{w}); !errors.Is(err, audit.ErrForked) {
					t.Errorf("gone on, and the server forgot: got %v, want ErrForked", err)
				}
			}
		})
	}
}

func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestWitnessGone: a mount that is not there and a server that does not answer
// are neither heads nor histories.
func TestWitnessGone(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 3)
	c := audit.NewCosigner("w", make([]byte, 32), time.Now)
	v, err := audit.NewCosignatureVerifier(c.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]audit.Witness{
		"mount":  audit.FileWitness{Path: filepath.Join(t.TempDir(), "gone", "heads"), Verifier: f.key},
		"server": audit.HTTPWitness{URL: "http://127.0.0.1:1", Log: f.key, Verifier: v, File: filepath.Join(t.TempDir(), "c"), Client: &http.Client{Timeout: time.Second}},
	} {
		if err := l.Witness(t.Context(), w); !errors.Is(err, audit.ErrAbsent) {
			t.Errorf("%s: got %v, want ErrAbsent", name, err)
		}
	}
}

// TestCosignature: what a witness signs verifies under its key, and under no
// other key, text or time.
func TestCosignature(t *testing.T) {
	f := newFixture(t)
	l := f.open(t)
	fill(t, l, 3)
	head, err := l.Head()
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(head.Note, note.VerifierList(f.key))
	if err != nil {
		t.Fatal(err)
	}
	c := audit.NewCosigner("w", make([]byte, 32), time.Now)
	msg, err := note.Sign(n, c)
	if err != nil {
		t.Fatal(err)
	}
	v, err := audit.NewCosignatureVerifier(c.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := note.Open(msg, note.VerifierList(v)); err != nil || len(got.Sigs) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	o := audit.NewCosigner("w", bytes.Repeat([]byte{1}, 32), time.Now)
	ov, err := audit.NewCosignatureVerifier(o.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(msg, note.VerifierList(ov)); err == nil {
		t.Error("another key: got it verified")
	}
	if _, err := audit.NewCosignatureVerifier(c.VerifierKey()[:40]); err == nil {
		t.Error("a cut key: got no error")
	}
}
