// Package providertest is a small OpenID provider on loopback that signs real
// tokens, and errs in whatever way a test asks for. It owns no stored form.
package providertest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Client and Secret are the archive's at every provider here.
const (
	Client = "chartvault"
	Secret = "a secret for tests"
)

// Provider is one. Its fields may be changed between sign-ins.
type Provider struct {
	URL string
	Now func() time.Time

	mu      sync.Mutex
	claims  map[string]any // of whoever signs in next
	spoil   func(map[string]any)
	key     *rsa.PrivateKey // signs; published unless another one was made
	public  *rsa.PrivateKey
	answers map[string]url.Values // codes that were given, and for what
	auth    string                // where browsers are sent; "" for here
	keys    string                // where keys are said to lie; "" for here
	down    bool
	asked   []string // paths
}

// New starts a provider, until the test ends.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{Now: time.Now, answers: map[string]url.Values{}}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.key, p.public = key, key
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}

// Knows says who signs in next: the claims of their token.
func (p *Provider) Knows(claims map[string]any) { p.set(func() { p.claims = claims }) }

// Spoils changes the claims of every token at the last moment; nil for none.
func (p *Provider) Spoils(f func(map[string]any)) { p.set(func() { p.spoil = f }) }

// Forges signs with a key that is not the published one.
func (p *Provider) Forges(t testing.TB) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.set(func() { p.key = k })
}

// Misleads says that browsers, or keys, are somewhere else.
func (p *Provider) Misleads(auth, keys string) { p.set(func() { p.auth, p.keys = auth, keys }) }

// Falls has it answer nothing any more, or again.
func (p *Provider) Falls(down bool) { p.set(func() { p.down = down }) }

// Asked lists the paths that were asked for.
func (p *Provider) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *Provider) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.URL.Path)
	if p.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	or := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": or(p.auth, p.URL+"/authorize"), "token_endpoint": p.URL + "/token", "jwks_uri": or(p.keys, p.URL+"/keys"),
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"}})
	case "/keys":
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.public.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

// authorize lets whoever is known in at once, or sends them back without.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != Client || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "not a question", http.StatusBadRequest)
		return
	}
	out := url.Values{"state": {q.Get("state")}}
	if p.claims == nil {
		out.Set("error", "access_denied")
		out.Set("error_description", "<script>canary()</script>")
	} else {
		code := rand.Text()
		p.answers[code] = q
		out.Set("code", code)
	}
	back.RawQuery = out.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// token gives a token for a code, once, to whoever asked for it.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	q, ok := p.answers[r.PostFormValue("code")]
	delete(p.answers, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if secret, err := url.QueryUnescape(secret); !ok || err != nil || id != Client || secret != Secret || r.PostFormValue("redirect_uri") != q.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_grant"})
		return
	}
	now := p.Now().Unix()
	claims := map[string]any{"iss": p.URL, "aud": Client, "iat": now, "exp": now + 300, "nonce": q.Get("nonce")}
	if q.Get("prompt") == "login" {
		claims["auth_time"] = now
	}
	maps.Copy(claims, p.claims)
	if p.spoil != nil {
		p.spoil(claims)
	}
	out := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300}
	if claims["sub"] != nil {
		out["id_token"] = p.sign(claims)
	}
	answer(w, out)
}

// sign signs claims; what cannot be signed is no token.
func (p *Provider) sign(claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: "one"}}, nil)
	if err != nil {
		return err.Error()
	}
	b, err := json.Marshal(claims)
	if err != nil {
		return err.Error()
	}
	sig, err := s.Sign(b)
	if err != nil {
		return err.Error()
	}
	out, err := sig.CompactSerialize()
	if err != nil {
		return err.Error()
	}
	return out
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // whoever asked is gone
	}
}
