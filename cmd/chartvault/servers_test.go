package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/internal/testserver"
	"chartvault/record"
	"chartvault/search"
)

// pair is two servers on one archive, in this process.
type pair struct {
	*world
	t *testing.T
}

func newPair(t *testing.T) *pair {
	t.Helper()
	config := atOnce + "[catalogue]\nengine = \"postgres\"\ndsn_file = \"" + dsnFile(t, testserver.StartPostgres(t)) + "\"\n"
	w := newWorld(t, config, 1)
	w.join(config)
	return &pair{w, t}
}

// on runs an operation on a server, which must succeed.
func (p *pair) on(a *app, op string, params any) string {
	p.t.Helper()
	var out strings.Builder
	err := a.perform(p.t.Context(), op, request{Actor: "os:test", Params: params}, func(line json.RawMessage) error {
		out.Write(append(line, '\n'))
		return nil
	})
	if err != nil {
		p.t.Fatalf("%s: got %v", op, err)
	}
	return out.String()
}

// filed files some documents, and returns one and its chart.
func (p *pair) filed() (record.ID, *modelDoc) {
	p.t.Helper()
	for range 5 {
		p.file()
	}
	id, d := p.some()
	return id, d
}

func (p *pair) eventually(what string, f func() bool) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("gave up waiting for %s", what)
		}
	}
}

// TestServersAgree: what is done on one server is in force on the other by the
// time it is said to be done.
func TestServersAgree(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	x, y := p.a, p.other
	id, doc := p.filed()

	t.Run("users", func(t *testing.T) {
		const password = "correct horse battery staple"
		p.on(x, "users-put", userParams{Name: "b.clerk", Roles: []accounts.Role{accounts.Records}, Password: password})
		d, err := y.newAccounts()
		if err != nil {
			t.Fatal(err)
		}
		y.accounts.Store(d)
		signIn := func() *accounts.Session {
			s, err := d.SignIn(t.Context(), "b.clerk", password, "", "192.0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		gone := func(s *accounts.Session) func() bool {
			return func() bool {
				if err := y.follow(t.Context()); err != nil {
					t.Fatal(err)
				}
				return d.Session(s.Secret) == nil
			}
		}
		s := signIn()
		p.on(x, "sessions-ended", map[string]string{"name": "b.clerk"})
		if !gone(s)() {
			t.Error("who was signed out on one server goes on at the other")
		}
		s = signIn()
		p.on(x, "users-put", userParams{Name: "c.clerk", Roles: []accounts.Role{accounts.Records}, Password: password + "2"})
		if gone(s)() {
			t.Error("another user was changed, and the session ended")
		}
		p.on(x, "users-put", userParams{Name: "b.clerk", Roles: []accounts.Role{accounts.Scan}})
		p.eventually("the session of who has other roles now to end", gone(s))
		y.accounts.Store(nil)
	})
	t.Run("patients", func(t *testing.T) {
		p.on(x, "patients-import", patientsParams{CSV: "chart_number,name,date_of_birth,aliases\n" + doc.chart + ",Example One,1950-01-02,9000001\n"})
		if err := y.follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l := y.patients.Load(); l == nil || l.People() != 1 {
			t.Fatal("the other server has no patient list")
		}
		n, err := record.ParseChartNumber("9000001")
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := y.ofPerson(t.Context(), n); err != nil || len(rows) == 0 {
			t.Errorf("by an alias of the list: got %d documents, %v", len(rows), err)
		}
	})
	t.Run("restriction", func(t *testing.T) {
		p.on(x, "restriction-shut", restrictParams{Charts: []string{doc.chart}, Why: "sensitive", Matter: "made up"})
		err := y.perform(t.Context(), "document", request{Actor: "user:b.clerk", Params: map[string]any{"document": id.String()}}, func(json.RawMessage) error { return nil })
		if !errors.Is(err, record.ErrDenied) {
			t.Errorf("a chart shut on the other server: got %v, want %v", err, record.ErrDenied)
		}
	})
	t.Run("hold", func(t *testing.T) {
		word := string(doc.leaves[0])
		line := p.on(x, "hold-place", holdParams{Kind: record.HoldLegal, Matter: "made up", Reason: "made up", Query: word})
		if err := y.follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := (holdings{y}).Destroy(t.Context(), id, "000001"); !errors.Is(err, record.ErrHeld) {
			t.Errorf("destroy what the other server's saved search holds: got %v, want %v", err, record.ErrHeld)
		}
		// What is filed on the other later, and what the first has not indexed, stays held.
		p.swap()
		p.filed()
		p.swap()
		if err := y.feed(t.Context()); err != nil {
			t.Fatal(err)
		}
		if held, err := x.cat.Held(t.Context(), id, nil); err != nil || !held {
			t.Errorf("held after the other server indexed more: got %v, %v", held, err)
		}
		if !strings.Contains(line, `"active"`) {
			t.Errorf("hold: got %s", line)
		}
	})
}

// TestServersDestroy: the words of a destroyed document leave the index of every
// server: one that is on cleans its own as soon as it is told; of one that is away the keys are
// destroyed.
func TestServersDestroy(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	x, y := p.a, p.other
	for _, a := range []*app{x, y} {
		p.filed()
		if err := a.feed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	find := func(a *app, l leaf) int {
		t.Helper()
		q, err := search.Parse(`"` + string(l) + `"`)
		if err != nil {
			t.Fatal(err)
		}
		part, err := a.index.Search(t.Context(), q, 10, "")
		if err != nil {
			t.Fatal(err)
		}
		return len(part.Hits)
	}
	keysOf := func(a *app) []string {
		t.Helper()
		names, err := a.shards().ShardKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if err := errors.Join(x.feed(t.Context()), y.feed(t.Context())); err != nil {
		t.Fatal(err)
	}

	id, doc := p.some()
	if find(y, doc.leaves[0]) != 1 {
		t.Fatal("it is not in the other server's index before")
	}
	before := keysOf(y)
	if _, err := (holdings{x}).Destroy(t.Context(), id, "000001"); err != nil {
		t.Fatal(err)
	}
	doc.state = record.DocumentDestroyed
	if err := x.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := keysOf(y); len(after) == 0 {
		t.Fatal("the index key of a server that is on was destroyed")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, f := range []func(context.Context) error{y.following, y.cleaning} {
		go func() { ended <- f(ctx) }()
	}
	p.eventually("its words to leave the other server's index", func() bool { return find(y, doc.leaves[0]) == 0 && fmt.Sprint(keysOf(y)) != fmt.Sprint(before) })
	if err := x.endShards(t.Context()); err != nil || len(keysOf(y)) == 0 {
		t.Errorf("the index key of a server that is on and clean: got %v, %v, want it", keysOf(y), err)
	}
	stop()
	<-ended
	<-ended

	id, doc = p.some()
	other := p.papers[p.order[0]]
	for _, i := range p.order {
		if o := p.papers[i]; o.state == record.DocumentFiled && i != id {
			other = o
		}
	}
	shards := y.shards()
	if err := y.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := (holdings{x}).Destroy(t.Context(), id, "000002"); err != nil {
		t.Fatal(err)
	}
	doc.state = record.DocumentDestroyed
	if err := x.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names, err := shards.ShardKeys(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("keys of the index of a server that is away: got %v, %v, want none", names, err)
	}
	y = reopen(t, p.otherEnv)
	if err := y.feed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, m := find(y, doc.leaves[0]), find(y, other.leaves[0]); n != 0 || m != 1 {
		t.Errorf("after it came back: got %d hits of what was destroyed and %d of another, want 0 and 1", n, m)
	}
	if find(x, other.leaves[0]) != 1 {
		t.Error("the first server lost its index")
	}
}

// TestJobsShared: one server at a time does a job; the other takes over when the
// lease is free.
func TestJobsShared(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	x, y := p.a, p.other
	began, end := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- x.job(t.Context(), "made up", time.Hour, func(context.Context) error { close(began); <-end; return nil })
	}()
	<-began
	ran := false
	if err := y.job(t.Context(), "made up", time.Hour, func(context.Context) error { ran = true; return nil }); err != nil || ran {
		t.Errorf("a job the other does: got %v, ran %v", err, ran)
	}
	if out := p.on(y, "jobs", struct{}{}); !strings.Contains(out, `"made up"`) || !strings.Contains(out, `"running":true`) {
		t.Errorf("jobs: got %s", out)
	}
	close(end)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	bad := errors.New("the store is away")
	if err := y.job(t.Context(), "once", 0, func(context.Context) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("a job that fails: got %v", err)
	}
	for range doubtful {
		_ = y.job(t.Context(), "once", 0, func(context.Context) error { return bad })
	}
	if out := p.on(x, "status", struct{}{}); !strings.Contains(out, "once has failed") {
		t.Errorf("status: got %s", out)
	}
	if err := x.job(t.Context(), "once", 0, func(context.Context) error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("a job that failed on the other: got %v, ran %v", err, ran)
	}
	if out := p.on(x, "jobs", struct{}{}); strings.Contains(out, `"once"`) {
		t.Errorf("a job that is done for good: got %s", out)
	}
	out := p.on(x, "servers", struct{}{})
	if strings.Count(out, `"on":true`) != 2 || strings.Count(out, `"here":true`) != 1 {
		t.Errorf("servers: got %s", out)
	}
	self := y.cat.Self()
	if err := x.perform(t.Context(), "servers-forget", request{Actor: "os:test", Params: serverParams{self}}, func(json.RawMessage) error { return nil }); !errors.Is(err, record.ErrBusy) {
		t.Errorf("forget a server that is on: got %v, want %v", err, record.ErrBusy)
	}
	begun := record.Batch{ID: record.ID{7}, SHA256: [32]byte{7}, Size: 1, Name: record.NewPrivate("made.tif"), ReceivedAt: time.Now(), State: record.BatchClaimed}
	if _, _, err := y.cat.Claim(t.Context(), begun); err != nil {
		t.Fatal(err)
	}
	if err := y.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out := p.on(x, "status", struct{}{}); !strings.Contains(out, "1 scans wait for server "+self) {
		t.Errorf("status: got %s", out)
	}
	again := begun
	again.ID = record.ID{8}
	if _, _, err := x.cat.Claim(t.Context(), again); !errors.Is(err, record.ErrBusy) {
		t.Errorf("a scan that a server which is away had begun: got %v, want %v", err, record.ErrBusy)
	}
	p.on(x, "servers-forget", serverParams{self})
	if _, _, err := x.cat.Claim(t.Context(), again); err != nil {
		t.Errorf("that scan after the server was forgotten: got %v", err)
	}
	if out := p.on(x, "servers", struct{}{}); strings.Contains(out, self) {
		t.Errorf("servers after one was forgotten: got %s", out)
	}
	reopen(t, p.otherEnv) // it may come back all the same
}
