package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Lives of certificates, and how long before its end one is made anew.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	serverLife    = 397 * 24 * time.Hour // what browsers take at most
	renewBefore   = 30 * 24 * time.Hour
)

// Authority is the archive's own certificate authority: it can certify the
// site's names and no other, and keeps a server's certificate fresh. Files:
// DIR/ca.pem, which browsers are told to trust, DIR/ca.key, and nothing of the
// server's, whose key is new at every start.
type Authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	names []string // host names and addresses of the server
	now   func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
}

// OpenAuthority opens the authority in dir, making it when there is none, or
// when the one there cannot certify the names. write writes a file that is for
// its owner alone.
func OpenAuthority(dir string, names []string, now func() time.Time, write func(name string, text []byte) error) (*Authority, error) {
	if len(names) == 0 {
		return nil, errors.New("certificates: the server has no name to certify")
	}
	a := &Authority{names: names, now: now}
	err := a.read(dir)
	if err == nil && a.covers() {
		return a, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	if err := a.make(dir, write); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return a, nil
}

func (a *Authority) read(dir string) error {
	c, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return err
	}
	k, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return err
	}
	cb, _ := pem.Decode(c)
	kb, _ := pem.Decode(k)
	if cb == nil || kb == nil {
		return errors.New("ca.pem or ca.key is not PEM: remove both to have a new authority made")
	}
	if a.cert, err = x509.ParseCertificate(cb.Bytes); err != nil {
		return err
	}
	a.key, err = x509.ParseECPrivateKey(kb.Bytes)
	return err
}

// covers reports whether the authority may certify all names, for a year.
func (a *Authority) covers() bool {
	if a.now().Add(serverLife).After(a.cert.NotAfter) {
		return false
	}
	c, err := a.issue()
	if err != nil {
		return false
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	for _, n := range a.names {
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: n, CurrentTime: a.now()}); err != nil {
			return false
		}
	}
	return true
}

func (a *Authority) make(dir string, write func(string, []byte) error) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Chartvault authority of " + a.names[0]},
		NotBefore: a.now().Add(-time.Hour), NotAfter: a.now().Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true,
	}
	for _, n := range a.names {
		if ip := net.ParseIP(n); ip != nil {
			bits := 8 * len(shortIP(ip))
			t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: shortIP(ip), Mask: net.CIDRMask(bits, bits)})
		} else {
			t.PermittedDNSDomains = append(t.PermittedDNSDomains, n)
		}
	}
	// What is not permitted is excluded in words: a kind of name without any
	// constraint would be permitted whole, and a name permits those below it.
	for _, n := range t.PermittedDNSDomains {
		t.ExcludedDNSDomains = append(t.ExcludedDNSDomains, "."+n)
	}
	if len(t.PermittedDNSDomains) == 0 {
		t.ExcludedDNSDomains = []string{""}
	}
	if len(t.PermittedIPRanges) == 0 {
		t.ExcludedIPRanges = []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	kb, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	a.key = key
	// The key first: a certificate without its key would be trusted for nothing.
	if err := write(filepath.Join(dir, "ca.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kb})); err != nil {
		return err
	}
	return write(filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func shortIP(ip net.IP) net.IP {
	if v4 := ip.To4(); v4 != nil {
		return v4
	}
	return ip
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// issue makes a server's certificate with a key of its own.
func (a *Authority) issue() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: a.names[0]}, NotBefore: a.now().Add(-time.Hour), NotAfter: a.now().Add(serverLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range a.names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, err
}

// Config is how the pages' server speaks TLS: its certificate is made anew in
// time, without a restart.
func (a *Authority) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.current == nil || a.now().Add(renewBefore).After(a.current.Leaf.NotAfter) {
			c, err := a.issue()
			if err != nil {
				return nil, err
			}
			a.current = c
		}
		return a.current, nil
	}}
}

// Fingerprint is the SHA-256 of the authority's certificate, as browsers show
// it: whoever installs it compares.
func (a *Authority) Fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	s := strings.ToUpper(hex.EncodeToString(sum[:]))
	parts := make([]string, 0, 32)
	for i := 0; i < len(s); i += 2 {
		parts = append(parts, s[i:i+2])
	}
	return strings.Join(parts, ":")
}
