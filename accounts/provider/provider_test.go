package provider_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/accounts/provider"
	"chartvault/accounts/provider/providertest"
	"chartvault/record"
)

const back = "https://records.example/signin/back"

// site is a provider and an archive that asks it.
type site struct {
	*providertest.Provider
	t   *testing.T
	rp  *provider.Provider
	now time.Time
}

func config(p *providertest.Provider, now func() time.Time) provider.Config {
	return provider.Config{Issuer: p.URL, Client: providertest.Client, Secret: providertest.Secret, Label: "Hospital sign-in", Now: now,
		Groups: map[string]accounts.Role{"him-scanning": accounts.Scan, "him-records": accounts.Records},
		Claims: provider.Claims{Name: "preferred_username", Groups: "groups"}, Factors: []string{"mfa"}}
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Provider: providertest.New(t), t: t, now: time.Now()}
	clock := func() time.Time { return s.now }
	s.Now = clock
	s.Knows(person())
	var err error
	if s.rp, err = provider.New(config(s.Provider, clock)); err != nil {
		t.Fatal(err)
	}
	return s
}

func person() map[string]any {
	return map[string]any{"sub": "7d1f", "preferred_username": "Test.Clerk@hospital.example", "groups": []string{"everybody", "him-records"}, "amr": []string{"pwd", "mfa"}}
}

// go through the provider as a browser does, up to the address it comes back to.
func (s *site) through(anew bool) (secret string, answer url.Values) {
	s.t.Helper()
	to, secret, err := s.rp.Send(s.t.Context(), back, anew, "an errand")
	if err != nil {
		s.t.Fatal(err)
	}
	return secret, s.visit(to)
}

func (s *site) visit(to string) url.Values {
	s.t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(to)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	u, err := resp.Location()
	if err != nil || !strings.HasPrefix(u.String(), back) {
		s.t.Fatalf("sent back: got %v, %v", u, err)
	}
	return u.Query()
}

// TestSignIn: whoever the provider knows comes back with name, roles of groups
// and whether there was a second factor.
func TestSignIn(t *testing.T) {
	s := newSite(t)
	secret, answer := s.through(false)
	got, errand, err := s.rp.Receive(t.Context(), secret, answer)
	if err != nil || errand != "an errand" {
		t.Fatalf("got errand %v, %v", errand, err)
	}
	if want := (accounts.Subject{Issuer: s.URL, Subject: "7d1f"}); got.Subject != want {
		t.Errorf("subject: got %v, want %v", got.Subject, want)
	}
	if got.Name != "Test.Clerk@hospital.example" || !slices.Equal(got.Roles, []accounts.Role{accounts.Records}) || !got.Factor || !got.At.IsZero() {
		t.Errorf("got %+v", got)
	}
	if _, _, err := s.rp.Receive(t.Context(), secret, answer); !errors.Is(err, record.ErrDenied) {
		t.Errorf("the same answer twice: got %v, want %v", err, record.ErrDenied)
	}
	secret, answer = s.through(true)
	if got, _, err = s.rp.Receive(t.Context(), secret, answer); err != nil || got.At.Unix() != s.now.Unix() {
		t.Errorf("asked anew: got %v, %v, want the time of the password, %v", got.At, err, s.now)
	}
}

// TestClaims: claims of other shapes are read or left, and never guessed at.
func TestClaims(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(map[string]any)
		roles  []accounts.Role
		factor bool
		who    string
	}{
		{"one group as text", func(c map[string]any) { c["groups"] = "him-scanning" }, []accounts.Role{accounts.Scan}, true, "Test.Clerk@hospital.example"},
		{"no groups", func(c map[string]any) { delete(c, "groups") }, nil, true, "Test.Clerk@hospital.example"},
		{"groups that are numbers", func(c map[string]any) { c["groups"] = []int{1} }, nil, true, "Test.Clerk@hospital.example"},
		{"a name that is a number", func(c map[string]any) { c["preferred_username"] = 7 }, []accounts.Role{accounts.Records}, true, ""},
		{"a password alone", func(c map[string]any) { c["amr"] = []string{"pwd"} }, []accounts.Role{accounts.Records}, false, "Test.Clerk@hospital.example"},
		{"a class that says so", func(c map[string]any) { delete(c, "amr"); c["acr"] = "mfa" }, []accounts.Role{accounts.Records}, true, "Test.Clerk@hospital.example"},
		{"a group of a role's name", func(c map[string]any) { c["groups"] = []string{"admin", "director", "records"} }, nil, true, "Test.Clerk@hospital.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.Spoils(tt.spoil)
			secret, answer := s.through(false)
			got, _, err := s.rp.Receive(t.Context(), secret, answer)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Roles, tt.roles) || got.Factor != tt.factor || got.Name != tt.who {
				t.Errorf("got %v, factor %v, name %q; want %v, %v, %q", got.Roles, got.Factor, got.Name, tt.roles, tt.factor, tt.who)
			}
		})
	}
}

// TestRefused: what is not the provider's answer to this question, brought by
// this browser, in time, lets nobody in, and says nothing of the provider's words.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(s *site, secret *string, answer url.Values)
	}{
		{"another browser", func(_ *site, secret *string, _ url.Values) { *secret = "another" }},
		{"no cookie", func(_ *site, secret *string, _ url.Values) { *secret = "" }},
		{"a state of nobody's", func(_ *site, _ *string, a url.Values) { a.Set("state", "x") }},
		{"no code", func(_ *site, _ *string, a url.Values) { a.Del("code") }},
		{"a code of nobody's", func(_ *site, _ *string, a url.Values) { a.Set("code", "x") }},
		{"too late", func(s *site, _ *string, _ url.Values) { s.now = s.now.Add(11 * time.Minute) }},
		{"somebody else's code", func(s *site, _ *string, a url.Values) { _, o := s.through(false); a.Set("code", o.Get("code")) }},
		{"another question", func(s *site, _ *string, _ url.Values) { s.Spoils(func(c map[string]any) { c["nonce"] = "x" }) }},
		{"no question", func(s *site, _ *string, _ url.Values) { s.Spoils(func(c map[string]any) { delete(c, "nonce") }) }},
		{"another archive's", func(s *site, _ *string, _ url.Values) { s.Spoils(func(c map[string]any) { c["aud"] = "elsewhere" }) }},
		{"another issuer's", func(s *site, _ *string, _ url.Values) {
			s.Spoils(func(c map[string]any) { c["iss"] = "https://evil.example" })
		}},
		{"over", func(s *site, _ *string, _ url.Values) { s.Spoils(func(c map[string]any) { c["exp"] = 1000 }) }},
		{"nobody", func(s *site, _ *string, _ url.Values) { s.Spoils(func(c map[string]any) { delete(c, "sub") }) }},
		{"an empty name", func(s *site, _ *string, _ url.Values) { s.Spoils(func(c map[string]any) { c["sub"] = "" }) }},
		{"forged", func(s *site, _ *string, _ url.Values) { s.Forges(s.t) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			secret, answer := s.through(false)
			tt.do(s, &secret, answer)
			got, _, err := s.rp.Receive(t.Context(), secret, answer)
			if !errors.Is(err, record.ErrDenied) {
				t.Errorf("got %+v, %v; want %v", got, err, record.ErrDenied)
			}
		})
	}
	s := newSite(t)
	s.Knows(nil)
	secret, answer := s.through(false)
	_, _, err := s.rp.Receive(t.Context(), secret, answer)
	if !errors.Is(err, record.ErrDenied) || strings.Contains(err.Error(), "canary") {
		t.Errorf("refused there: got %v", err)
	}
}

// TestAway: a provider that is away, or sends elsewhere, is said to be; nothing
// is asked of a host that is not named, and it is asked again later.
func TestAway(t *testing.T) {
	s := newSite(t)
	s.Falls(true)
	if _, _, err := s.rp.Send(t.Context(), back, false, ""); !errors.Is(err, record.ErrNotReady) {
		t.Errorf("down: got %v, want %v", err, record.ErrNotReady)
	}
	s.Falls(false)
	if _, _, err := s.rp.Send(t.Context(), back, false, ""); !errors.Is(err, record.ErrNotReady) || len(s.Asked()) != 1 {
		t.Errorf("a moment later: got %v, asked for %v", err, s.Asked())
	}
	s.now = s.now.Add(time.Minute)
	secret, answer := s.through(false)
	s.Falls(true)
	if _, _, err := s.rp.Receive(t.Context(), secret, answer); !errors.Is(err, record.ErrNotReady) {
		t.Errorf("down on the way: got %v, want %v", err, record.ErrNotReady)
	}

	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	s = newSite(t)
	s.Misleads(elsewhere.URL+"/authorize", "")
	if to, _, err := s.rp.Send(t.Context(), back, false, ""); !errors.Is(err, record.ErrNotReady) {
		t.Errorf("browsers elsewhere: got %q, %v, want %v", to, err, record.ErrNotReady)
	}
	s = newSite(t)
	s.Misleads("", elsewhere.URL+"/keys")
	secret, answer = s.through(false)
	if _, _, err := s.rp.Receive(t.Context(), secret, answer); err == nil {
		t.Error("keys elsewhere: got no error")
	}
	if asked > 0 {
		t.Errorf("a host that is not named was asked %d times", asked)
	}
	for issuer, want := range map[string]string{"http://127.0.0.1:1": "it does not answer", "https://169.254.169.254": "no server's", "https://0.0.0.0": "no server's"} {
		cfg := config(newSite(t).Provider, time.Now)
		cfg.Issuer = issuer
		rp, err := provider.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, _, err := rp.Send(ctx, back, false, ""); !errors.Is(err, record.ErrNotReady) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %v with %q", issuer, err, record.ErrNotReady, want)
		}
	}
}

// TestConfig: what could let somebody in by mistake is refused at the start.
func TestConfig(t *testing.T) {
	p := providertest.New(t)
	for name, spoil := range map[string]func(*provider.Config){
		"no issuer":                 func(c *provider.Config) { c.Issuer = "" },
		"in clear":                  func(c *provider.Config) { c.Issuer = "http://login.hospital.example" },
		"no client":                 func(c *provider.Config) { c.Client = "" },
		"a group of administrators": func(c *provider.Config) { c.Groups["it"] = accounts.Admin },
		"a group of directors":      func(c *provider.Config) { c.Groups["him"] = accounts.Director },
		"a group of releasers":      func(c *provider.Config) { c.Groups["roi"] = accounts.Release },
		"a role of nobody's":        func(c *provider.Config) { c.Groups["x"] = "king" },
		"no authority":              func(c *provider.Config) { c.Roots = []byte("rubbish") },
	} {
		cfg := config(p, time.Now)
		spoil(&cfg)
		if _, err := provider.New(cfg); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", name, err, record.ErrInvalid)
		}
	}
}
