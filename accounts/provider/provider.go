// Package provider has the site's own sign-in vouch for people: OpenID Connect
// (Core 1.0), the code flow with PKCE (RFC 7636).
//
// Its invariants: an answer is taken once, from the browser that was sent, within
// ten minutes, and only with a signature of the configured issuer over this
// client, this question and a time that has not passed; and nothing is asked of
// any host but those the configuration names. What the provider says in words is
// never shown and never logged.
//
// It stores nothing: who was sent and has not come back is kept, sealed, in that
// browser's cookie, and ends with the process.
package provider

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"chartvault/accounts"
	"chartvault/record"
)

// Config is what a site says of its sign-in.
type Config struct {
	Issuer  string // https, as the provider writes it
	Client  string // the name this archive has there
	Secret  string // "" for a client without one: PKCE stands alone then
	Label   string // what the button says
	Hosts   []string
	Roots   []byte                   // PEM of the authority that certifies the hosts; nil for the system's
	Groups  map[string]accounts.Role // roles that groups give; only accounts.FromGroups
	Claims  Claims
	Factors []string // values of amr and acr that say that there was a second factor
	Now     func() time.Time
}

// Claims name what the provider calls things.
type Claims struct {
	Name   string // of whom somebody goes by: preferred_username
	Groups string // a list of text, or one
}

// Check refuses a configuration that cannot be: record.ErrInvalid, in words.
func (c Config) Check() error {
	bad := func(why string) error { return fmt.Errorf("signin: %w: %s", record.ErrInvalid, why) }
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return bad("issuer is no address")
	}
	if !secure(u) {
		return bad("issuer must begin with https://")
	}
	if c.Client == "" {
		return bad("client is the name this archive has at the provider")
	}
	for g, r := range c.Groups {
		if !slices.Contains(accounts.FromGroups(), r) {
			return bad(fmt.Sprintf("the group %q cannot give the role %q: groups give %v, the others are given here", g, r, accounts.FromGroups()))
		}
	}
	return nil
}

// secure reports whether what goes to an address is read by nobody else.
func secure(u *url.URL) bool {
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1")
}

// Provider is the site's own sign-in. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	client *http.Client

	sealer cipher.AEAD // of journeys; its key is of chance, and gone with the process
	asking singleflight.Group

	mu     sync.Mutex
	found  *oidc.Provider       // nil until it was reached
	failed error                // why not, when it was asked last
	asked  time.Time            // when that was
	ended  map[string]time.Time // journeys that have, by state, and when they began
}

// New returns a provider that nobody has asked anything yet.
func New(c Config) (*Provider, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	client, err := c.http()
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	return &Provider{cfg: c, client: client, sealer: sealer, ended: map[string]time.Time{}}, err
}

// Label is what the button says.
func (p *Provider) Label() string { return p.cfg.Label }

// Limits of journeys.
const (
	journeyLife = 10 * time.Minute
	mostEnded   = 100_000
)

// journey is a browser that was sent to the provider and has not come back. It
// travels in that browser's cookie, sealed to this process: strangers who begin
// many take no room here.
type journey struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Back     string    `json:"b"` // address it comes back to
	Errand   string    `json:"e"`
	Began    time.Time `json:"t"`
}

// Send begins a journey: where the browser goes, and what its cookie holds
// meanwhile. back is the address it comes back to; errand is handed back there.
// anew has the provider ask for the password even of somebody it knows.
// record.ErrNotReady where the provider cannot be reached.
func (p *Provider) Send(ctx context.Context, back string, anew bool, errand string) (to, cookie string, err error) {
	o, err := p.oauth(ctx, back)
	if err != nil {
		return "", "", err
	}
	j := journey{rand.Text() + rand.Text(), rand.Text() + rand.Text(), oauth2.GenerateVerifier(), back, errand, p.cfg.Now()}
	plain, err := json.Marshal(j)
	if err != nil {
		return "", "", fmt.Errorf("sign in: %w", err)
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(j.Nonce), oauth2.S256ChallengeOption(j.Verifier)}
	if anew {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return o.AuthCodeURL(j.State, opts...), base64.RawURLEncoding.EncodeToString(p.sealer.Seal(nil, nil, plain, nil)), nil
}

// Receive ends a journey: who the provider says somebody is, and the errand they
// were sent on, "" where this browser is on no journey. cookie is what it held,
// answer the parameters it came back with. record.ErrDenied for whatever is not as
// it should be.
func (p *Provider) Receive(ctx context.Context, cookie string, answer url.Values) (accounts.Outside, string, error) {
	j, ok := p.take(cookie, answer.Get("state"))
	if !ok {
		return accounts.Outside{}, "", denied("this sign-in is over, or was begun in another browser; begin again")
	}
	if answer.Get("error") != "" || answer.Get("code") == "" {
		return accounts.Outside{}, j.Errand, denied("it was refused or broken off there")
	}
	o, err := p.oauth(ctx, j.Back)
	if err != nil {
		return accounts.Outside{}, j.Errand, err
	}
	out, err := p.redeem(ctx, o, j, answer.Get("code"))
	return out, j.Errand, err
}

// take ends the journey of a state, where it is this browser's, not over, and not
// ended before.
func (p *Provider) take(cookie, state string) (j journey, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		return j, false
	}
	plain, err := p.sealer.Open(nil, nil, sealed, nil)
	if err != nil || json.Unmarshal(plain, &j) != nil || subtle.ConstantTimeCompare([]byte(j.State), []byte(state)) != 1 {
		return j, false
	}
	now := p.cfg.Now()
	if age := now.Sub(j.Began); age < 0 || age >= journeyLife {
		return j, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, t := range p.ended {
		if now.Sub(t) >= journeyLife || len(p.ended) >= mostEnded {
			delete(p.ended, s)
		}
	}
	if _, was := p.ended[j.State]; was {
		return j, false
	}
	p.ended[j.State] = j.Began
	return j, true
}

// redeem has the provider say who brings a code.
func (p *Provider) redeem(ctx context.Context, o *oauth2.Config, j journey, code string) (accounts.Outside, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	t, err := o.Exchange(ctx, code, oauth2.VerifierOption(j.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError:
		return accounts.Outside{}, denied("the provider does not know this sign-in, or not this archive")
	case err != nil:
		return accounts.Outside{}, p.away(err)
	}
	raw, ok := t.Extra("id_token").(string)
	if !ok {
		return accounts.Outside{}, denied("the provider did not say who you are")
	}
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	id, err := found.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.Client, Now: p.cfg.Now}).Verify(ctx, raw)
	if err != nil {
		return accounts.Outside{}, denied("what the provider says of you is not signed by it, not for this archive, or over")
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(j.Nonce)) != 1 {
		return accounts.Outside{}, denied("the answer is one to another question")
	}
	return p.outside(id)
}

// outside reads what the token says of somebody.
func (p *Provider) outside(id *oidc.IDToken) (accounts.Outside, error) {
	var all map[string]json.RawMessage
	if err := id.Claims(&all); err != nil || id.Subject == "" {
		return accounts.Outside{}, denied("the provider did not say who you are")
	}
	out := accounts.Outside{Subject: accounts.Subject{Issuer: id.Issuer, Subject: id.Subject}}
	if err := json.Unmarshal(all[p.cfg.Claims.Name], &out.Name); err != nil {
		out.Name = "" // refused where a name is needed
	}
	for _, g := range texts(all[p.cfg.Claims.Groups]) {
		if r, ok := p.cfg.Groups[g]; ok {
			out.Roles = append(out.Roles, r)
		}
	}
	for _, f := range append(texts(all["amr"]), texts(all["acr"])...) {
		out.Factor = out.Factor || slices.Contains(p.cfg.Factors, f)
	}
	var at float64 // seconds; a provider that leaves it out vouches for no time
	if err := json.Unmarshal(all["auth_time"], &at); err == nil {
		out.At = time.Unix(int64(at), 0)
	}
	return out, nil
}

// texts reads a list of text, or one.
func texts(b json.RawMessage) (out []string) {
	var one string
	if json.Unmarshal(b, &one) == nil {
		return []string{one}
	}
	if json.Unmarshal(b, &out) != nil {
		return nil
	}
	return out
}

// oauth is the client, once the provider said where it listens.
func (p *Provider) oauth(ctx context.Context, back string) (*oauth2.Config, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found == nil {
		var err error
		if found, err = p.discover(ctx); err != nil {
			return nil, err
		}
	}
	return &oauth2.Config{ClientID: p.cfg.Client, ClientSecret: p.cfg.Secret, Endpoint: found.Endpoint(), RedirectURL: back, Scopes: []string{oidc.ScopeOpenID, "profile"}}, nil
}

// askAgain is how long after one that was not answered the provider is asked again
// where it listens: whoever comes meanwhile is told so at once.
const askAgain = 5 * time.Second

// discover asks the provider where it listens, once for all who come at a time.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	found, err, _ := p.asking.Do("", func() (any, error) {
		p.mu.Lock()
		failed, asked := p.failed, p.asked
		p.mu.Unlock()
		if failed != nil && p.cfg.Now().Sub(asked) < askAgain {
			return nil, failed
		}
		// Its keys are fetched again by what lives longer than this request.
		found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.cfg.Issuer)
		if err == nil {
			if u, perr := url.Parse(found.Endpoint().AuthURL); perr != nil || !secure(u) || !p.cfg.allows(u.Host) {
				err = errElsewhere
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.failed, p.asked = p.away(err), p.cfg.Now()
			return nil, p.failed
		}
		p.found, p.failed = found, nil
		return found, nil
	})
	if err != nil {
		return nil, err
	}
	return found.(*oidc.Provider), nil
}

func denied(why string) error { return fmt.Errorf("sign in: %w: %s", record.ErrDenied, why) }

// errElsewhere is the provider naming a host that the configuration does not.
var errElsewhere = errors.New("it names a host that the configuration does not")

// away says that the provider cannot be asked, in words of ours: its own may quote
// what was sent to it, and those of the network say how this one is laid out.
func (p *Provider) away(err error) error {
	why := "it does not answer as a provider does"
	var network net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errElsewhere):
		why = errElsewhere.Error()
	case errors.As(err, &certificate):
		why = "its certificate is not trusted"
	case errors.Is(err, errAddress):
		why = errAddress.Error()
	case errors.As(err, &network):
		why = "it does not answer"
	}
	return fmt.Errorf("sign in: %w: %s cannot be asked (%s); whoever has a password here signs in with that", record.ErrNotReady, p.cfg.Label, why)
}
