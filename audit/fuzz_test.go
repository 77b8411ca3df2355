package audit_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chartvault/audit"
)

// FuzzCheckProof: any text is a proof that holds, or an error.
func FuzzCheckProof(f *testing.F) {
	signer, key := newKeys(f)
	l, err := audit.Open(f.TempDir(), origin, signer, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	for range 5 {
		if _, err := l.Append(audit.ActSearch, "o", "journal", []byte("b")); err != nil {
			f.Fatal(err)
		}
	}
	if _, _, err := l.Checkpoint(); err != nil {
		f.Fatal(err)
	}
	p, err := l.Prove(3)
	if err != nil {
		f.Fatal(err)
	}
	l.Close()
	f.Add(p)
	f.Fuzz(func(t *testing.T, b []byte) {
		line, _, err := audit.CheckProof(b, key)
		if err == nil && !bytes.Contains(line, []byte(`{"seq":3,`)) {
			t.Errorf("a proof of another entry was accepted: %s", line)
		}
	})
}

// FuzzWitness: whatever is posted to a witness, it answers and does not panic,
// and cosigns nothing but the log it knows.
func FuzzWitness(f *testing.F) {
	s, v := newKeys(f)
	dir := f.TempDir()
	l, err := audit.Open(dir, origin, s, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := l.Append(audit.ActSearch, "o", "journal", nil); err != nil {
		f.Fatal(err)
	}
	msg, _, err := l.Checkpoint()
	if err != nil {
		f.Fatal(err)
	}
	l.Close()
	f.Add(append([]byte("old 0\n\n"), msg...))
	f.Add([]byte("old 1\nAAAA\n\n"))
	w := &audit.WitnessServer{Log: v, Signer: audit.NewCosigner("w", make([]byte, 32), time.Now), File: filepath.Join(dir, "head")}
	f.Fuzz(func(t *testing.T, body []byte) {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/add-checkpoint", bytes.NewReader(body)))
		if rec.Code == http.StatusOK && !bytes.Contains(body, msg) {
			t.Errorf("it cosigned %q", body)
		}
	})
}

// FuzzReadHeads: any file holds heads or is an error.
func FuzzReadHeads(f *testing.F) {
	f.Add([]byte("cvhead1 AAAA"))
	f.Add([]byte("origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— x AAAA\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "heads")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		heads, err := audit.ReadHeads(name)
		for _, h := range heads {
			if err == nil && h.Size < 0 {
				t.Errorf("got %+v", h)
			}
		}
	})
}
