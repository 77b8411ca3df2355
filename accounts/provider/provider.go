// Package provider has the site's own sign-in vouch for people: OpenID Connect
// (Core 1.0), the code flow with PKCE (RFC 7636).
//
// Its invariants: an answer is taken once, from the browser that was sent, within
// ten minutes, and only with a signature of the configured issuer over this
// client, this question and a time that has not passed; and nothing is asked of
// any host but those the configuration names. What the provider says in words is
// never shown and never logged.
//
// It stores nothing: who was sent and has not come back is kept in memory.
package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

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

	mu    sync.Mutex
	found *oidc.Provider // nil until it was reached
	sent  map[string]journey
}

// New returns a provider that nobody has asked anything yet.
func New(c Config) (*Provider, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	client, err := c.http()
	return &Provider{cfg: c, client: client, sent: map[string]journey{}}, err
}

// Label is what the button says.
func (p *Provider) Label() string { return p.cfg.Label }

// Limits of journeys.
const (
	journeyLife = 10 * time.Minute
	mostSent    = 10_000
)

// journey is a browser that was sent to the provider and has not come back.
type journey struct {
	browser         [32]byte // hash of what its cookie holds
	nonce, verifier string
	back            string // address it comes back to
	errand          any
	began           time.Time
}

// Send begins a journey: where the browser goes, and the secret its cookie holds
// meanwhile. back is the address it comes back to; errand is handed back there.
// anew has the provider ask for the password even of somebody it knows.
// record.ErrNotReady where the provider cannot be reached.
func (p *Provider) Send(ctx context.Context, back string, anew bool, errand any) (to, secret string, err error) {
	o, err := p.oauth(ctx, back)
	if err != nil {
		return "", "", err
	}
	state, secret := rand.Text()+rand.Text(), rand.Text()+rand.Text()
	j := journey{sha256.Sum256([]byte(secret)), rand.Text() + rand.Text(), oauth2.GenerateVerifier(), back, errand, p.cfg.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, other := range p.sent {
		if j.began.Sub(other.began) >= journeyLife {
			delete(p.sent, s)
		}
	}
	if len(p.sent) >= mostSent {
		return "", "", fmt.Errorf("sign in: %w: too many people sign in at this moment; try again in a few minutes", record.ErrNotReady)
	}
	p.sent[state] = j
	opts := []oauth2.AuthCodeOption{oidc.Nonce(j.nonce), oauth2.S256ChallengeOption(j.verifier)}
	if anew {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return o.AuthCodeURL(state, opts...), secret, nil
}

// Receive ends a journey: who the provider says somebody is, and the errand they
// were sent on. secret is what the browser's cookie held, answer the parameters
// it came back with. record.ErrDenied for whatever is not as it should be.
func (p *Provider) Receive(ctx context.Context, secret string, answer url.Values) (accounts.Outside, any, error) {
	j, ok := p.take(secret, answer.Get("state"))
	if !ok {
		return accounts.Outside{}, nil, denied("this sign-in is over, or was begun in another browser; begin again")
	}
	if answer.Get("error") != "" || answer.Get("code") == "" {
		return accounts.Outside{}, j.errand, denied("it was refused or broken off there")
	}
	o, err := p.oauth(ctx, j.back)
	if err != nil {
		return accounts.Outside{}, j.errand, err
	}
	out, err := p.redeem(ctx, o, j, answer.Get("code"))
	return out, j.errand, err
}

// take ends the journey of a state, where it is this browser's and not over.
func (p *Provider) take(secret, state string) (journey, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j, ok := p.sent[state]
	sum := sha256.Sum256([]byte(secret))
	if !ok || subtle.ConstantTimeCompare(sum[:], j.browser[:]) != 1 {
		return journey{}, false // it stays for the browser whose it is
	}
	delete(p.sent, state)
	return j, p.cfg.Now().Sub(j.began) < journeyLife
}

// redeem has the provider say who brings a code.
func (p *Provider) redeem(ctx context.Context, o *oauth2.Config, j journey, code string) (accounts.Outside, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	t, err := o.Exchange(ctx, code, oauth2.VerifierOption(j.verifier))
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
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(j.nonce)) != 1 {
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

// discover asks the provider where it listens.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	// Its keys are fetched again by what lives longer than this request.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.cfg.Issuer)
	if err != nil {
		return nil, p.away(err)
	}
	u, err := url.Parse(found.Endpoint().AuthURL)
	if err != nil || !secure(u) || !p.cfg.allows(u.Host) {
		return nil, p.away(errors.New("it sends browsers to a host that the configuration does not name"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = found
	return found, nil
}

func denied(why string) error { return fmt.Errorf("sign in: %w: %s", record.ErrDenied, why) }

// away says that the provider cannot be asked. Its own words stay out: they may
// quote what was sent to it.
func (p *Provider) away(err error) error {
	why := "it does not answer"
	var u *url.Error
	switch {
	case errors.As(err, &u) && !u.Timeout():
		why = strings.TrimPrefix(u.Err.Error(), p.cfg.Issuer)
	case errors.As(err, &u), errors.Is(err, context.DeadlineExceeded):
	default:
		why = "it does not answer as a provider does"
	}
	return fmt.Errorf("sign in: %w: %s cannot be asked (%s); whoever has a password here signs in with that", record.ErrNotReady, p.cfg.Label, why)
}
