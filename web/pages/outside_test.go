package pages_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/accounts/provider"
	"chartvault/accounts/provider/providertest"
)

// house is a site whose people sign in elsewhere too.
type house struct {
	*site
	idp *providertest.Provider
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{newSite(t, ""), providertest.New(t)}
	h.p.Names = append(h.p.Names, "127.0.0.1")
	clock := func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return time.Now().Add(h.late)
	}
	h.idp.Now = clock
	h.idp.Knows(map[string]any{"sub": "1", "preferred_username": "t.clerk@example", "groups": []string{"him"}, "amr": []string{"mfa"}})
	door, err := provider.New(provider.Config{Issuer: h.idp.URL, Client: providertest.Client, Secret: providertest.Secret, Label: "House sign-in", Now: clock,
		Groups: map[string]accounts.Role{"him": accounts.Records}, Claims: provider.Claims{Name: "preferred_username", Groups: "groups"}, Factors: []string{"mfa"}})
	if err != nil {
		t.Fatal(err)
	}
	h.p.Outside = door
	return h
}

// follow goes where a page sends the browser, over there and back.
func (h *house) follow(c *http.Client, path string) (*http.Response, string) {
	h.t.Helper()
	resp, body := h.do(c, "GET", path, nil)
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), h.idp.URL) {
		h.t.Fatalf("%s: got %d to %q\n%.300s", path, resp.StatusCode, resp.Header.Get("Location"), body)
	}
	there, err := http.DefaultTransport.RoundTrip(must(http.NewRequest("GET", resp.Header.Get("Location"), nil)))
	if err != nil {
		h.t.Fatal(err)
	}
	defer there.Body.Close()
	return h.do(c, "GET", strings.TrimPrefix(there.Header.Get("Location"), h.srv.URL), nil)
}

func must(r *http.Request, err error) *http.Request {
	if err != nil {
		panic(err)
	}
	return r
}

// TestSignInElsewhere: whoever the house knows is in, with the roles of their
// groups and a session as any other; the way there lets in nobody else.
func TestSignInElsewhere(t *testing.T) {
	h := newHouse(t)
	c := h.browser("")
	if _, body := h.do(c, "GET", "/signin", nil); !strings.Contains(body, `href="/signin/outside">House sign-in`) {
		t.Errorf("the form does not offer it:\n%s", body)
	}
	resp, body := h.follow(c, "/signin/outside")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `<meta http-equiv="refresh" content="0; url=/">`) {
		t.Fatalf("back: got %d\n%s", resp.StatusCode, body)
	}
	if !slices.Contains(h.calls, "signed-in user:t.clerk") {
		t.Errorf("it is not in the log: %v", h.calls)
	}
	for _, k := range resp.Cookies() {
		if !k.Secure || !k.HttpOnly || k.Name == "__Host-chartvault" && k.SameSite != http.SameSiteStrictMode {
			t.Errorf("a cookie: got %v", k)
		}
	}
	if resp, _ := h.do(c, "GET", "/qa", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("a page of the role: got %d", resp.StatusCode)
	}
	if resp, _ := h.do(c, "GET", "/users", nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another: got %d", resp.StatusCode)
	}
	if _, body := h.do(c, "GET", "/account", nil); !strings.Contains(body, "your roles are those of your groups") || strings.Contains(body, `name="password"`) {
		t.Errorf("my sign-in:\n%s", body)
	}

	// Another browser cannot bring the answer, and nobody the same one twice.
	other := h.browser("")
	resp, _ = h.do(other, "GET", "/signin/outside", nil)
	there, err := http.DefaultTransport.RoundTrip(must(http.NewRequest("GET", resp.Header.Get("Location"), nil)))
	if err != nil {
		t.Fatal(err)
	}
	there.Body.Close()
	path := strings.TrimPrefix(there.Header.Get("Location"), h.srv.URL)
	stranger := h.browser("")
	if resp, _ := h.do(stranger, "GET", path, nil); resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("another browser: got %d, %q", resp.StatusCode, resp.Header.Get("Set-Cookie"))
	}
	if resp, _ := h.do(other, "GET", path, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("its own: got %d", resp.StatusCode)
	}
	if resp, _ := h.do(other, "GET", path, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("twice: got %d", resp.StatusCode)
	}
	h.idp.Knows(map[string]any{"sub": "2", "preferred_username": "user-director", "groups": []string{"him"}})
	if resp, body := h.follow(h.browser(""), "/signin/outside"); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "there is a user user-director here already") {
		t.Errorf("a director's namesake: got %d\n%s", resp.StatusCode, body)
	}
	n := len(h.calls)
	if resp, _ := h.do(h.browser(""), "GET", "/signin/back?state=x", nil); resp.StatusCode != http.StatusUnauthorized || len(h.calls) != n {
		t.Errorf("a stranger who was not sent: got %d, and %v in the log", resp.StatusCode, h.calls[n:])
	}
	if !slices.Contains(h.calls, "sign-in-refused pages") {
		t.Errorf("who was refused is not in the log: %v", h.calls)
	}
	h.idp.Falls(true)
	if resp, _ := h.do(h.browser(accounts.Records), "GET", "/qa", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("while it is away, with a password: got %d", resp.StatusCode)
	}
}

// TestProveElsewhere: at a desk that was left, whoever came from elsewhere proves
// there who they are, and nobody else does.
func TestProveElsewhere(t *testing.T) {
	h := newHouse(t)
	c := h.browser("")
	h.follow(c, "/signin/outside")
	h.mu.Lock()
	h.late = accounts.StepUp + time.Minute
	h.mu.Unlock()
	const print = "/document/" + document + "/pdf"
	again := func() string {
		resp, _ := h.do(c, "POST", print, url.Values{"purpose": {"operations"}})
		return resp.Header.Get("Location")
	}
	to := again()
	if !strings.HasPrefix(to, "/again?to=") {
		t.Fatalf("at a desk that was left: got %q", to)
	}
	if _, body := h.do(c, "GET", to, nil); !strings.Contains(body, `href="/again/outside?to=`) || strings.Contains(body, `name="password"`) {
		t.Errorf("the form: \n%s", body)
	}
	h.idp.Knows(map[string]any{"sub": "2", "preferred_username": "x.clerk", "groups": []string{"him"}, "amr": []string{"mfa"}})
	if resp, _ := h.follow(c, "/again/outside?to=/document/"+document); resp.StatusCode != http.StatusUnauthorized || again() == "" {
		t.Errorf("somebody else: got %d", resp.StatusCode)
	}
	h.idp.Knows(map[string]any{"sub": "1", "preferred_username": "t.clerk", "groups": []string{"him"}, "amr": []string{"mfa"}})
	h.idp.Spoils(func(c map[string]any) { delete(c, "auth_time") })
	if resp, _ := h.follow(c, "/again/outside?to=/document/"+document); resp.StatusCode != http.StatusUnauthorized || again() == "" {
		t.Errorf("nobody asked for the password: got %d", resp.StatusCode)
	}
	h.idp.Spoils(nil)
	resp, body := h.follow(c, "/again/outside?to=/document/"+document)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "url=/document/"+document) || again() != "" {
		t.Errorf("it is me: got %d, then %q\n%s", resp.StatusCode, again(), body)
	}
}

// TestLinkElsewhere: somebody with a password links the two, and takes it back.
func TestLinkElsewhere(t *testing.T) {
	h := newHouse(t)
	c := h.browser(accounts.Records)
	if _, body := h.do(c, "GET", "/account", nil); !strings.Contains(body, `href="/account/link"`) {
		t.Errorf("my sign-in does not offer it:\n%s", body)
	}
	if _, body := h.do(h.browser(accounts.Director), "GET", "/account", nil); strings.Contains(body, `/account/link`) {
		t.Error("a director's sign-in offers it")
	}
	if resp, body := h.follow(c, "/account/link"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "url=/signin") {
		t.Fatalf("link: got %d\n%s", resp.StatusCode, body)
	}
	c = h.browser("")
	h.follow(c, "/signin/outside")
	if !slices.Contains(h.calls, "signed-in user:user-records") {
		t.Errorf("linked: got %v", h.calls)
	}
	if resp, _ := h.do(c, "POST", "/account/unlink", nil); !strings.HasPrefix(resp.Header.Get("Location"), "/again") {
		t.Errorf("unlink at a desk where nobody gave a password: got %q", resp.Header.Get("Location"))
	}
	h.follow(c, "/again/outside?to=/account")
	if resp, _ := h.do(c, "POST", "/account/unlink", nil); resp.Header.Get("Location") != "/signin" {
		t.Errorf("unlink: got %d, %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	// A journey that began before the session ended links nothing.
	c = h.browser(accounts.Records)
	resp, _ := h.do(c, "GET", "/account/link", nil)
	there, err := http.DefaultTransport.RoundTrip(must(http.NewRequest("GET", resp.Header.Get("Location"), nil)))
	if err != nil {
		t.Fatal(err)
	}
	there.Body.Close()
	h.do(c, "POST", "/signout", nil)
	if resp, _ := h.do(c, "GET", strings.TrimPrefix(there.Header.Get("Location"), h.srv.URL), nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the sign-out: got %d", resp.StatusCode)
	}
}
