package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartvault/web"
)

// TestAuthority: a browser that trusts the authority trusts the server under
// each of its names; the authority stays the same over restarts, is made anew
// for a name it may not certify, and the server's certificate in time.
func TestAuthority(t *testing.T) {
	dir := t.TempDir()
	at := time.Now()
	now := func() time.Time { return at }
	write := func(name string, b []byte) error { return os.WriteFile(name, b, 0o600) }
	open := func(names ...string) *web.Authority {
		t.Helper()
		a, err := web.OpenAuthority(dir, names, now, write)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open("records.example", "127.0.0.1")
	first := a.Fingerprint()
	if len(first) != 95 || strings.Count(first, ":") != 31 {
		t.Errorf("fingerprint: got %q", first)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", a.Config())
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }), ReadHeaderTimeout: time.Minute}
	go srv.Serve(ln)
	defer srv.Close()
	get := func(name string) error {
		b, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		p, _ := pem.Decode(b)
		ca, err := x509.ParseCertificate(p.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(ca)
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name, Time: now}}}
		defer c.CloseIdleConnections()
		resp, err := c.Get("https://" + ln.Addr().String())
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for name, ok := range map[string]bool{"records.example": true, "127.0.0.1": true, "elsewhere.example": false} {
		if err := get(name); (err == nil) != ok {
			t.Errorf("%s: got %v, want trusted %v", name, err, ok)
		}
	}
	if open("records.example", "127.0.0.1").Fingerprint() != first {
		t.Error("a restart made another authority")
	}
	for range 3 { // three years, without a restart
		at = at.Add(380 * 24 * time.Hour)
		if err := get("records.example"); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
	if open("records.example", "other.example").Fingerprint() == first {
		t.Error("the authority certifies a name it was not made for")
	}
	// An authority of addresses certifies no name, and one of a name nothing below it.
	for _, tt := range []struct{ names, others []string }{{[]string{"10.0.0.5"}, []string{"bank.example"}}, {[]string{"records.example"}, []string{"8.8.8.8", "x.records.example"}}} {
		dir = t.TempDir()
		mine := open(tt.names...).Fingerprint()
		if open(tt.others...).Fingerprint() == mine {
			t.Errorf("the authority of %v certifies %v", tt.names, tt.others)
		}
		if open(tt.names[0], tt.others[0]).Fingerprint() == mine {
			t.Errorf("the authority of %v certifies %v", tt.names, tt.others)
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("its key: got %v, %v", st, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := web.OpenAuthority(dir, []string{"x.example"}, now, write); err == nil {
		t.Error("rubbish: got no error")
	}
	if _, err := web.OpenAuthority(t.TempDir(), nil, now, write); err == nil {
		t.Error("no names: got no error")
	}
}
