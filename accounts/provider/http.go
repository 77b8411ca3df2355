package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"chartvault/record"
)

// Limits of what is asked of a provider.
const (
	askPatience = 10 * time.Second
	mostAnswer  = 1 << 20 // bytes of an answer
)

// errAddress is a name for an address of a cloud's own, or of nobody's.
var errAddress = errors.New("its name stands for an address that is no server's")

// allows reports whether a host (with its port, where it has one) is the
// issuer's or named besides.
func (c Config) allows(host string) bool {
	u, err := url.Parse(c.Issuer)
	return err == nil && (strings.EqualFold(host, u.Host) || slices.ContainsFunc(c.Hosts, func(h string) bool { return strings.EqualFold(h, host) }))
}

// http is a client that reaches the named hosts and nothing else: the provider's
// own words say where its keys lie, and must not make this server ask others.
func (c Config) http() (*http.Client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.Roots != nil {
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(c.Roots) {
			return nil, fmt.Errorf("signin: %w: there is no certificate in the file of the authority", record.ErrInvalid)
		}
	}
	d := &net.Dialer{Timeout: askPatience, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if ip := a.Addr().Unmap(); err != nil || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
			return errAddress
		}
		return nil
	}}
	return &http.Client{
		Timeout:       askPatience,
		Transport:     named{c, &http.Transport{DialContext: d.DialContext, TLSClientConfig: t, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it sends elsewhere") },
	}, nil
}

// named asks named hosts only, and reads no more than an answer has.
type named struct {
	cfg  Config
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	if !secure(r.URL) || !n.cfg.allows(r.URL.Host) {
		return nil, errElsewhere
	}
	resp, err := n.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = short{io.LimitReader(resp.Body, mostAnswer), resp.Body}
	return resp, nil
}

// short is the beginning of a body.
type short struct {
	io.Reader
	io.Closer
}
