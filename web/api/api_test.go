package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/accounts/accountstest"
	"chartvault/record"
	"chartvault/web"
	"chartvault/web/api"
)

const password = "four words make a sentence"

// site is the API over operations that are made up, and a clock set by hand.
type site struct {
	t     *testing.T
	desk  *accounts.Desk
	users accountstest.Register
	srv   *httptest.Server

	mu    sync.Mutex
	now   time.Time
	calls []string                     // OPERATION ACTOR BODY
	do    func(op string) (int, error) // how many lines are said, and what goes wrong then

	kept  memory
	clock func() time.Time
}

type in struct {
	Chart string `json:"chart"`
}

type out struct {
	ID string `json:"id"`
}

func endpoints() []api.Endpoint {
	var es []api.Endpoint
	for _, r := range accounts.Rights() {
		es = append(es, api.Endpoint{Op: strings.ReplaceAll(strings.ReplaceAll(string(r), " ", "-"), "'", ""), Group: "All", Summary: "Do it", Right: r, Changes: true, In: in{}, Out: out{}})
	}
	return es
}

// memory keeps answers as the archive does.
type memory map[string]api.Answer

func (m memory) Answer(_ context.Context, name string) (api.Answer, error) {
	a, ok := m[name]
	if !ok {
		return a, record.ErrNotFound
	}
	return a, nil
}

func (m memory) PutAnswer(_ context.Context, name string, a api.Answer) error {
	m[name] = a
	return nil
}

func (m memory) DropAnswer(_ context.Context, name string) error {
	delete(m, name)
	return nil
}

func (m memory) ClearAnswers(_ context.Context, before time.Time) (int, error) {
	maps.DeleteFunc(m, func(_ string, a api.Answer) bool { return a.At.Before(before) })
	return len(m), nil
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{kept: memory{}, t: t, users: accountstest.Register{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), do: func(string) (int, error) { return 1, nil }}
	clock := func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}
	var err error
	if s.desk, err = accounts.NewDesk(s.users, clock, true); err != nil {
		t.Fatal(err)
	}
	for _, r := range accounts.Roles() {
		if err := s.desk.Put(t.Context(), "test", accounts.User{Name: "user-" + string(r), Roles: []accounts.Role{r}}, password); err != nil {
			t.Fatal(err)
		}
	}
	s.clock = clock
	s.start()
	return s
}

// start serves, anew where it did before: nothing of the process before is left.
func (s *site) start() {
	s.t.Helper()
	a := &api.API{Endpoints: endpoints(), Accounts: s.desk, Call: s.call, Problem: problem, Now: s.clock, Log: slog.New(slog.DiscardHandler), Answers: s.kept}
	h, err := a.Handler()
	if err != nil {
		s.t.Fatal(err)
	}
	s.srv = httptest.NewServer(h)
	s.t.Cleanup(s.srv.Close)
}

func problem(err error) web.Problem {
	switch {
	case strings.Contains(err.Error(), record.ErrInvalid.Error()):
		return web.Problem{Code: "invalid", Message: err.Error(), Status: 400}
	case strings.Contains(err.Error(), record.ErrBusy.Error()):
		return web.Problem{Code: "busy", Message: err.Error(), Status: 409}
	case strings.Contains(err.Error(), record.ErrNotReady.Error()):
		return web.Problem{Code: "not_ready", Message: err.Error(), Status: 409}
	}
	return web.Problem{Code: "internal", Message: err.Error(), Status: 500}
}

func (s *site) call(ctx context.Context, who record.Actor, op string, params any, f func(json.RawMessage) error) error {
	s.mu.Lock()
	s.calls = append(s.calls, fmt.Sprintf("%s %s %s", op, who, params))
	do := s.do
	s.mu.Unlock()
	n, err := do(op)
	if err == nil {
		err = ctx.Err()
	}
	for i := range n {
		if err := f(json.RawMessage(fmt.Sprintf(`{"id":"%d"}`, i))); err != nil {
			return err
		}
	}
	return err
}

// token is a token of a role's user with some rights; all it can have when none
// is named.
func (s *site) token(role accounts.Role, rights ...accounts.Right) string {
	s.t.Helper()
	sess, err := s.desk.SignIn(s.t.Context(), "user-"+string(role), password, "", "a")
	if err != nil {
		s.t.Fatal(err)
	}
	if len(rights) == 0 {
		rights = accounts.MayGive(sess.User)
	}
	secret, err := s.desk.NewToken(s.t.Context(), sess, "a program", rights, 30)
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}

func (s *site) post(token, op, body string, head ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", s.srv.URL+api.Prefix+op, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	resp, err := s.srv.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(b)
}

// TestEveryEndpoint asks for every endpoint with the token of every role: it is
// allowed what role and token allow, and what no token may is never allowed.
func TestEveryEndpoint(t *testing.T) {
	s := newSite(t)
	never := map[accounts.Right]bool{accounts.KeepUsers: true, accounts.Approve: true, accounts.SetSchedule: true, accounts.ReleaseHold: true, accounts.BreakGlass: true, accounts.ReviewGlass: true, accounts.Restrict: true, accounts.KeepStations: true}
	for _, role := range accounts.Roles() {
		u := accounts.User{Roles: []accounts.Role{role}}
		if len(accounts.MayGive(u)) == 0 {
			continue
		}
		whole, narrow := s.token(role), s.token(role, accounts.MayGive(u)[0])
		for _, e := range endpoints() {
			for tok, may := range map[string]bool{whole: u.May(e.Right) && !never[e.Right], narrow: e.Right == accounts.MayGive(u)[0]} {
				n := len(s.calls)
				resp, body := s.post(tok, e.Op, `{"chart":"1"}`)
				if got := resp.StatusCode == 200; got != may || !got && resp.StatusCode != 403 || (len(s.calls) > n) != may {
					t.Errorf("%s as %s: got %d, want allowed %v\n%s", e.Op, role, resp.StatusCode, may, body)
				}
				if may && len(s.calls) > n && s.calls[n] != e.Op+" user:user-"+string(role)+` {"chart":"1"}` {
					t.Errorf("%s: called %q", e.Op, s.calls[n])
				}
				if resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: the answer may be kept", e.Op)
				}
			}
		}
	}
}

// TestNoToken: without a token that is good now nothing is done, whatever is
// wrong with it, and the body is not looked at.
func TestNoToken(t *testing.T) {
	s := newSite(t)
	tok := s.token(accounts.Records)
	ended := s.token(accounts.Scan)
	ctx := t.Context()
	sess, err := s.desk.SignIn(ctx, "user-scan", password, "", "a")
	if err != nil {
		t.Fatal(err)
	}
	ts, err := s.desk.Tokens(ctx, sess)
	if err != nil || len(ts) != 1 || strings.Contains(fmt.Sprint(ts), ended) {
		t.Fatalf("got %v, %v", ts, err)
	}
	if s.desk.Session(sess.Secret) == nil {
		t.Error("a token ends its user's sessions")
	}
	if err := s.desk.EndToken(ctx, sess, ts[0].ID); err != nil {
		t.Fatal(err)
	}
	want := func(what, token string) {
		t.Helper()
		resp, body := s.post(token, "open-charts", "not JSON: 9118427")
		var p api.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || resp.StatusCode != 401 || p.Code != "unauthenticated" || p.Type != "urn:chartvault:problem:unauthenticated" || p.Status != 401 ||
			resp.Header.Get("Content-Type") != "application/problem+json" || resp.Header.Get("WWW-Authenticate") == "" || strings.Contains(body, "9118427") || len(s.calls) > 0 {
			t.Errorf("%s: got %d, %s, called %v", what, resp.StatusCode, body, s.calls)
		}
	}
	want("none", "")
	want("another", "cvp_user-records_AAAA")
	want("cut", tok[:len(tok)-1])
	want("nobody's", "cvp_nobody_"+tok)
	want("ended", ended)
	want("a password", password)
	u := s.users["user-records"]
	u.Disabled = true
	s.users["user-records"] = u
	want("of one who is shut out", tok)
	u.Disabled = false
	s.users["user-records"] = u
	s.mu.Lock()
	s.now = s.now.Add(30 * 24 * time.Hour)
	s.mu.Unlock()
	want("over", tok)
	s.mu.Lock()
	s.now = s.now.Add(-time.Hour)
	s.mu.Unlock()
	if resp, body := s.post(tok, "open-charts", `{}`); resp.StatusCode != 200 {
		t.Errorf("the token itself: got %d %s", resp.StatusCode, body)
	}
	s.desk.RequireFactor = true
	s.calls = nil
	want("of one who must have a second factor", tok)
}

// TestGuessingTokens: whoever tries tokens has to wait, and the right one works
// meanwhile.
func TestGuessingTokens(t *testing.T) {
	s := newSite(t)
	tok := s.token(accounts.Records)
	last := 0
	for range 10 {
		resp, _ := s.post("cvp_user-records_guess", "open-charts", `{}`)
		last = resp.StatusCode
	}
	if last != 409 {
		t.Errorf("the tenth guess: got %d, want a wait", last)
	}
	if resp, _ := s.post(tok, "open-charts", `{}`); resp.StatusCode != 200 {
		t.Errorf("the right one meanwhile: got %d", resp.StatusCode)
	}
}

func TestBadRequests(t *testing.T) {
	s := newSite(t)
	tok := s.token(accounts.Records)
	for _, body := range []string{"", "null", "[]", `"x"`, "{", `{"chart":"9118427"} {}`, strings.Repeat(" ", 2<<20) + "{}"} {
		resp, got := s.post(tok, "open-charts", body)
		if resp.StatusCode != 400 || resp.Header.Get("Content-Type") != "application/problem+json" || strings.Contains(got, "9118427") || len(s.calls) > 0 {
			t.Errorf("%.20q: got %d %s", body, resp.StatusCode, got)
		}
	}
	if resp, _ := s.post(tok, "users-put", `{}`); resp.StatusCode != 404 {
		t.Errorf("an operation that is not in the table: got %d, want 404", resp.StatusCode)
	}
	resp, err := s.srv.Client().Get(s.srv.URL + api.Prefix + "open-charts")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("GET: got %d", resp.StatusCode)
	}
	// What goes wrong inside stays inside, also after the first line.
	for n, want := range map[int]string{0: `"status":500`, 2: `{"error":{`} {
		s.do = func(string) (int, error) { return n, fmt.Errorf("disk of /var/lib/secret") }
		if resp, got := s.post(tok, "open-charts", `{}`); !strings.Contains(got, want) || strings.Contains(got, "secret") || (resp.StatusCode == 500) != (n == 0) {
			t.Errorf("after %d lines: got %d %s", n, resp.StatusCode, got)
		}
	}
}

// TestIdempotency: a key that is sent again is answered as before and does nothing;
// with another body it is refused; what may go better the next time is tried again.
func TestIdempotency(t *testing.T) {
	s := newSite(t)
	tok := s.token(accounts.Records)
	send := func(key, body string) (int, string, bool) {
		resp, b := s.post(tok, "place-holds", body, "Idempotency-Key", key)
		return resp.StatusCode, b, resp.Header.Get("Idempotent-Replayed") == "true"
	}
	code, first, again := send("k1", `{"chart":"1"}`)
	if code != 200 || again {
		t.Fatalf("first: got %d, replayed %v", code, again)
	}
	if code, b, again := send("k1", `{"chart":"1"}`); code != 200 || b != first || !again || len(s.calls) != 1 {
		t.Errorf("again: got %d %q, replayed %v, %d calls", code, b, again, len(s.calls))
	}
	if code, _, _ := send("k1", `{"chart":"2"}`); code != 422 || len(s.calls) != 1 {
		t.Errorf("with another body: got %d, %d calls", code, len(s.calls))
	}
	if code, _, again := send("k2", `{"chart":"1"}`); code != 200 || again || len(s.calls) != 2 {
		t.Errorf("another key: got %d, replayed %v", code, again)
	}
	other := s.token(accounts.Director)
	if resp, _ := s.post(other, "place-holds", `{"chart":"1"}`, "Idempotency-Key", "k1"); resp.Header.Get("Idempotent-Replayed") != "" {
		t.Error("somebody else's key is answered")
	}
	// A refusal is an answer; a fault and a busy archive are tried again.
	for _, tt := range []struct {
		err    error
		replay bool
	}{{fmt.Errorf("x: %w", record.ErrInvalid), true}, {fmt.Errorf("x: %w", record.ErrBusy), false}, {fmt.Errorf("x"), false}} {
		s.do = func(string) (int, error) { return 0, tt.err }
		key := tt.err.Error()
		send(key, `{}`)
		if _, _, again := send(key, `{}`); again != tt.replay {
			t.Errorf("%v: replayed %v, want %v", tt.err, again, tt.replay)
		}
	}
	// What goes wrong after the first line is no answer to keep either.
	s.do = func(string) (int, error) { return 2, errors.New("x") }
	send("k4", `{}`)
	if _, _, again := send("k4", `{}`); again {
		t.Error("what went wrong half way is answered again")
	}
	if code, _, _ := send(strings.Repeat("k", 129), `{}`); code != 422 {
		t.Errorf("a key of 129 characters: got %d, want 422", code)
	}
	// While it is being done, the same is not begun.
	hold, begun := make(chan bool), make(chan bool)
	s.do = func(string) (int, error) { close(begun); <-hold; return 1, nil }
	var wg sync.WaitGroup
	wg.Go(func() { send("k3", `{}`) })
	<-begun
	if code, _, _ := send("k3", `{}`); code != 409 {
		t.Errorf("while it is being done: got %d, want 409", code)
	}
	close(hold)
	wg.Wait()
	s.mu.Lock()
	s.now = s.now.Add(25 * time.Hour)
	s.do = func(string) (int, error) { return 1, nil }
	s.mu.Unlock()
	if _, _, again := send("k1", `{"chart":"1"}`); again {
		t.Error("a key of yesterday is answered")
	}
	// The answer outlives the process; what a process began and did not end is not known.
	s.start()
	if code, _, again := send("k1", `{"chart":"1"}`); code != 200 || !again {
		t.Errorf("after a restart: got %d, replayed %v", code, again)
	}
	// What is not a day old is not forgotten for more; more is refused.
	n := len(s.calls)
	for i := range 50_000 {
		s.kept[fmt.Sprint("made", i)] = api.Answer{At: s.now}
	}
	s.start()
	if code, b, _ := send("one more", `{}`); code != 429 || !strings.Contains(b, "too_many_keys") || len(s.calls) != n {
		t.Errorf("too many: got %d %s, %d calls, want 429 and none", code, b, len(s.calls)-n)
	}
	if code, _, again := send("k1", `{"chart":"1"}`); code != 200 || !again {
		t.Errorf("while there are too many: got %d, replayed %v", code, again)
	}
	maps.DeleteFunc(s.kept, func(name string, _ api.Answer) bool { return strings.HasPrefix(name, "made") })
	for name, a := range s.kept {
		a.Done, a.Status, a.Body = false, 0, nil
		s.kept[name] = a
	}
	s.start()
	n = len(s.calls)
	if code, b, _ := send("k1", `{"chart":"1"}`); code != 409 || !strings.Contains(b, "outcome_unknown") || len(s.calls) != n {
		t.Errorf("begun before a restart: got %d %s, %d calls, want 409 and none", code, b, len(s.calls)-n)
	}
}

// TestClientGone: what is begun under a key is done though its client goes away, and
// is answered when the client asks again; without a key it ends with the client.
func TestClientGone(t *testing.T) {
	for _, key := range []string{"k1", ""} {
		s := newSite(t)
		tok := s.token(accounts.Records)
		begun, went, done := make(chan bool), make(chan bool), make(chan bool, 1)
		s.do = func(string) (int, error) { close(begun); <-went; return 3, nil }
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", s.srv.URL+api.Prefix+"place-holds", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tok)
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		go func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
			}
			done <- true
		}()
		<-begun
		cancel()
		<-done
		time.Sleep(50 * time.Millisecond) // the server hears of it
		close(went)
		if key == "" {
			continue
		}
		s.mu.Lock()
		s.do = func(string) (int, error) { return 1, nil }
		s.mu.Unlock()
		var resp *http.Response
		var b string
		for range 100 { // until the first is done
			if resp, b = s.post(tok, "place-holds", `{}`, "Idempotency-Key", key); resp.StatusCode != 409 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if resp.StatusCode != 200 || resp.Header.Get("Idempotent-Replayed") != "true" || strings.Count(b, "\n") != 3 || len(s.calls) != 1 {
			t.Errorf("asked again: got %d %q, %d calls, want the three lines of the one call", resp.StatusCode, b, len(s.calls))
		}
	}
}

// TestTokens: what a token cannot have.
func TestTokens(t *testing.T) {
	s := newSite(t)
	sess, err := s.desk.SignIn(t.Context(), "user-scan", password, "", "a")
	if err != nil {
		t.Fatal(err)
	}
	for what, f := range map[string]func() (string, error){
		"a right its user has not": func() (string, error) {
			return s.desk.NewToken(t.Context(), sess, "x", []accounts.Right{accounts.OpenChart}, 1)
		},
		"no right": func() (string, error) { return s.desk.NewToken(t.Context(), sess, "x", nil, 1) },
		"no name": func() (string, error) {
			return s.desk.NewToken(t.Context(), sess, " ", []accounts.Right{accounts.SeeBatches}, 1)
		},
		"no time": func() (string, error) {
			return s.desk.NewToken(t.Context(), sess, "x", []accounts.Right{accounts.SeeBatches}, 0)
		},
		"long time": func() (string, error) {
			return s.desk.NewToken(t.Context(), sess, "x", []accounts.Right{accounts.SeeBatches}, 91)
		},
	} {
		if secret, err := f(); err == nil {
			t.Errorf("%s: got %q", what, secret)
		}
	}
	for range accounts.MostTokens {
		if _, err := s.desk.NewToken(t.Context(), sess, "x", []accounts.Right{accounts.SeeBatches}, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.desk.NewToken(t.Context(), sess, "x", []accounts.Right{accounts.SeeBatches}, 1); err == nil {
		t.Error("there are more than twenty")
	}
	if err := s.desk.Put(t.Context(), "t", accounts.User{Name: "user-scan", Roles: []accounts.Role{accounts.Auditor}}, ""); err != nil {
		t.Fatal(err)
	}
	if n := len(s.users["user-scan"].Tokens); n != accounts.MostTokens {
		t.Errorf("after a change of roles: got %d tokens, want them all, and none that may do more than its user", n)
	}
}

// TestTokensEnd: whoever gives a user another password, takes the second factor off
// or shuts the user out ends the user's tokens; and who needs a second factor makes
// none before.
func TestTokensEnd(t *testing.T) {
	base := accounts.User{Name: "user-records", Roles: []accounts.Role{accounts.Records}}
	for what, tt := range map[string]struct {
		user     accounts.User
		password string
		ends     bool
	}{
		"another password": {accounts.KeepFactor(base), "five words make a sentence too", true},
		"no second factor": {base, "", true},
		"shut out":         {accounts.KeepFactor(accounts.User{Name: base.Name, Roles: base.Roles, Disabled: true}), "", true},
		"another role":     {accounts.KeepFactor(accounts.User{Name: base.Name, Roles: []accounts.Role{accounts.Records, accounts.Scan}}), "", false},
	} {
		s := newSite(t)
		tok := s.token(accounts.Records)
		u := s.users["user-records"]
		u.Factor = "JBSWY3DPEHPK3PXP"
		s.users["user-records"] = u
		if err := s.desk.Put(t.Context(), "test", tt.user, tt.password); err != nil {
			t.Fatal(err)
		}
		if got := len(s.users["user-records"].Tokens) == 0; got != tt.ends {
			t.Errorf("%s: its tokens end: %v, want %v", what, got, tt.ends)
		}
		if resp, _ := s.post(tok, "open-charts", `{}`); (resp.StatusCode == 401) != tt.ends {
			t.Errorf("%s: got %d", what, resp.StatusCode)
		}
	}
	s := newSite(t)
	sess, err := s.desk.SignIn(t.Context(), "user-records", password, "", "a")
	if err != nil {
		t.Fatal(err)
	}
	s.desk.RequireFactor = true
	if _, err := s.desk.NewToken(t.Context(), sess, "a program", []accounts.Right{accounts.OpenChart}, 1); !errors.Is(err, record.ErrDenied) {
		t.Errorf("without a second factor: got %v, want ErrDenied", err)
	}
}
