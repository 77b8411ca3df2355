package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"chartvault/accounts"
	"chartvault/accounts/accountstest"
	"chartvault/record"
)

// clock is a clock that is set by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

const good = "four words make a sentence"

func desk(t *testing.T) (*accounts.Desk, accountstest.Register, *clock) {
	t.Helper()
	l, c := accountstest.Register{}, &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	d, err := accounts.NewDesk(l, c.now, true)
	if err != nil {
		t.Fatal(err)
	}
	return d, l, c
}

func TestSetUp(t *testing.T) {
	d, l, _ := desk(t)
	ctx := t.Context()
	code, err := d.SetupCode(ctx)
	if err != nil || code == "" {
		t.Fatal(code, err)
	}
	if err := d.SetUp(ctx, "wrong", "root.admin", good, "a"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("wrong code: got %v", err)
	}
	if err := d.SetUp(ctx, code, "root.admin", "short", "a"); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("short password: got %v", err)
	}
	if err := d.SetUp(ctx, code, "root.admin", good, "a"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(l["root.admin"].Password, good) || !strings.HasPrefix(l["root.admin"].Password, "$argon2id$") {
		t.Errorf("stored: got %q, want a hash", l["root.admin"].Password)
	}
	if err := d.SetUp(ctx, code, "second", good, "a"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("the code again: got %v", err)
	}
	if again, err := d.SetupCode(ctx); again != "" || err != nil {
		t.Errorf("a code while there are users: got %q, %v", again, err)
	}
	d, _, c := desk(t)
	if code, err = d.SetupCode(ctx); err != nil {
		t.Fatal(err)
	}
	c.t = c.t.Add(time.Hour)
	if err := d.SetUp(ctx, code, "late", good, "a"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("an hour later: got %v", err)
	}
}

func TestSessions(t *testing.T) {
	d, _, c := desk(t)
	ctx := t.Context()
	if err := d.Put(ctx, "t", accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}}, good); err != nil {
		t.Fatal(err)
	}
	in := func() *accounts.Session {
		t.Helper()
		s, err := d.SignIn(ctx, "tech", good, "", "a")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := in()
	if d.Session(s.Secret) != s || d.Session("x") != nil || d.Session("") != nil {
		t.Error("a session is not found by its secret alone")
	}
	for range 60 { // busy all day: the absolute end comes
		c.t = c.t.Add(14 * time.Minute)
		if d.Session(s.Secret) == nil {
			break
		}
	}
	if d.Session(s.Secret) != nil {
		t.Error("a session outlives the twelve hours")
	}
	s = in()
	c.t = c.t.Add(accounts.Idle - time.Minute)
	if d.Peek(s.Secret) == nil {
		t.Error("a session is not there for what a page asks by itself")
	}
	c.t = c.t.Add(time.Minute) // in which nobody was seen
	if d.Peek(s.Secret) != nil {
		t.Error("an idle session goes on for what a page asks by itself")
	}
	if d.Session(s.Secret) != nil {
		t.Error("an idle session goes on")
	}
	s = in()
	if err := d.Put(ctx, "t", accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Scan}}, ""); err != nil {
		t.Fatal(err)
	}
	if d.Session(s.Secret) != nil {
		t.Error("a session outlives a change of its user's roles")
	}
	s = in()
	d.SignOut(s)
	if d.Session(s.Secret) != nil {
		t.Error("a session outlives its sign-out")
	}
	if c.t = c.t.Add(time.Minute); !d.Proved(in()) {
		t.Error("who has just signed in has to prove who they are")
	}
	if s = in(); !d.Broken(s).IsZero() {
		t.Error("a session begins as an emergency")
	}
	if d.Break(s); !d.Broken(s).IsZero() {
		t.Error("whoever may not break the glass does")
	}
	c.t = c.t.Add(accounts.StepUp)
	if d.Proved(s) {
		t.Error("a proof of five minutes ago counts")
	}
	if err := d.Again(ctx, s, "wrong", "", "a"); !errors.Is(err, record.ErrDenied) || d.Proved(s) {
		t.Errorf("again with a wrong password: got %v, and it counts: %v", err, d.Proved(s))
	}
	if err := d.Again(ctx, s, good, "", "a"); err != nil || !d.Proved(s) {
		t.Errorf("again: got %v, and it counts: %v", err, d.Proved(s))
	}
	name := s.Keep("9118427")
	if s.Kept(name) != "9118427" || s.Take(name) != "9118427" || s.Kept(name) != nil {
		t.Error("kept values do not come back once")
	}
}

// TestGuessing: attempts become slow, for the account and for the address, and
// never stop the right person for good.
func TestGuessing(t *testing.T) {
	d, _, c := desk(t)
	ctx := t.Context()
	if err := d.Put(ctx, "t", accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}}, good); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		for _, name := range []string{"tech", "nobody"} {
			if _, err := d.SignIn(ctx, name, "wrong", "", "a"); !errors.Is(err, record.ErrDenied) || !strings.Contains(err.Error(), "name, password or code") {
				t.Errorf("%d %s: got %v", i, name, err)
			}
		}
	}
	for _, name := range []string{"tech", "nobody"} {
		if _, err := d.SignIn(ctx, name, good, "", "a"); !errors.Is(err, record.ErrNotReady) {
			t.Errorf("%s after five failures: got %v, want a wait", name, err)
		}
	}
	if _, err := d.SignIn(ctx, "tech", good, "", "elsewhere"); err != nil {
		t.Errorf("from elsewhere meanwhile: got %v", err)
	}
	tries := func(addr func(i int) string) (n int) {
		i := 0
		for end := c.t.Add(24 * time.Hour); c.t.Before(end); c.t = c.t.Add(time.Second) {
			i++
			if _, err := d.SignIn(ctx, "tech", "wrong", "", addr(i)); errors.Is(err, record.ErrDenied) {
				n++
			}
		}
		return n
	}
	if n := tries(func(int) string { return "b" }); n > 300 {
		t.Errorf("a day of guessing from one address: got %d attempts, want about one in five minutes", n)
	}
	if n := tries(func(i int) string { return fmt.Sprint(i % 5000) }); n > 3000 {
		t.Errorf("a day of guessing from everywhere: got %d attempts, want about one in half a minute", n)
	}
	for end := c.t.Add(31 * time.Second); c.t.Before(end); c.t = c.t.Add(time.Second) {
		if _, err := d.SignIn(ctx, "tech", good, "", "home"); err == nil {
			return
		}
	}
	t.Error("the right person does not get in within half a minute")
}

// TestAtOnce: guesses made at the same time are counted like others, and do not
// take more memory than two.
func TestAtOnce(t *testing.T) {
	d, _, _ := desk(t)
	ctx := t.Context()
	if err := d.Put(ctx, "t", accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}}, good); err != nil {
		t.Fatal(err)
	}
	var looked, all atomic.Int64
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			all.Add(1)
			if _, err := d.SignIn(ctx, "tech", "wrong", "", "a"); errors.Is(err, record.ErrDenied) {
				looked.Add(1)
			}
		})
	}
	wg.Wait()
	if looked.Load() > 5 {
		t.Errorf("of %d guesses at once %d were looked at, want five", all.Load(), looked.Load())
	}
}

// TestChangedMeanwhile: whoever is shut out while signing in gets no session,
// and sessions end even where the register could not be written whole.
func TestChangedMeanwhile(t *testing.T) {
	l, c := accountstest.Register{}, &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	b := &broken{Register: l}
	d, err := accounts.NewDesk(b, c.now, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	u := accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}}
	if err := d.Put(ctx, "t", u, good); err != nil {
		t.Fatal(err)
	}
	b.first = func() { // between the first look and the last
		v := l["tech"]
		v.Disabled = true
		l["tech"] = v
	}
	if _, err := d.SignIn(ctx, "tech", good, "", "a"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("shut out meanwhile: got %v", err)
	}
	v := l["tech"]
	v.Disabled = false
	l["tech"] = v
	s, err := d.SignIn(ctx, "tech", good, "", "b")
	if err != nil {
		t.Fatal(err)
	}
	b.err = errors.New("the store is away")
	u.Disabled = true
	if err := d.Put(ctx, "t", u, ""); err == nil || d.Session(s.Secret) != nil {
		t.Errorf("shut out while the store is away: got %v, and the session goes on: %v", err, d.Session(s.Secret) != nil)
	}
}

// broken is a register that something happens to.
type broken struct {
	accountstest.Register
	first func() // after the next look
	err   error  // of writing, which happens all the same
}

func (b *broken) User(ctx context.Context, name string) (accounts.User, error) {
	u, err := b.Register.User(ctx, name)
	if f := b.first; f != nil {
		b.first = nil
		f()
	}
	return u, err
}

func (b *broken) PutUser(ctx context.Context, by record.Actor, u accounts.User) error {
	return errors.Join(b.Register.PutUser(ctx, by, u), b.err)
}

// TestRoles is the table of rights whole: what each role may, and nothing else.
func TestRoles(t *testing.T) {
	want := map[accounts.Role]string{
		accounts.Scan:     "see batches",
		accounts.Records:  "see batches, settle quality questions, correct filed documents, open charts, search all charts, import what other systems exported, open charts in an emergency, see holds, place holds, see what is due, propose what ends",
		accounts.Release:  "open charts, answer requests, open charts in an emergency, see holds, place holds",
		accounts.Director: "see batches, settle quality questions, correct filed documents, open charts, search all charts, import what other systems exported, answer requests, open charts in an emergency, review emergencies, restrict charts, see holds, place holds, see what is due, propose what ends, draft and adopt schedules, ask for a hold's release, approve, see who saw a chart, see reports, see health",
		accounts.Auditor:  "review emergencies, see holds, place holds, see what is due, approve, see the audit log, see who saw a chart, see reports, see health",
		accounts.Admin:    "see health, keep stations, keep users",

		accounts.Clinician: "open charts in an emergency",
	}
	for _, r := range accounts.Roles() {
		u := accounts.User{Name: "x", Roles: []accounts.Role{r}}
		var got []string
		for _, right := range accounts.Rights() {
			if u.May(right) {
				got = append(got, string(right))
			}
		}
		if s := strings.Join(got, ", "); s != want[r] {
			t.Errorf("%s: got %s, want %s", r, s, want[r])
		}
		u.Disabled = true
		if slices.ContainsFunc(accounts.Rights(), u.May) {
			t.Errorf("%s: disabled, and may still do something", r)
		}
	}
	if (accounts.User{Roles: accounts.Roles()}).May("anything else") {
		t.Error("an unknown right is allowed")
	}
}

func TestCheck(t *testing.T) {
	for _, u := range []accounts.User{
		{Name: "A", Roles: []accounts.Role{accounts.Scan}}, {Name: "a b", Roles: []accounts.Role{accounts.Scan}}, {Name: "ab"}, {Name: "ab", Roles: []accounts.Role{"king"}},
		{Name: "ab", Roles: []accounts.Role{accounts.Admin, accounts.Records}}, {Name: "ab", Roles: []accounts.Role{accounts.Auditor, accounts.Director}},
	} {
		if err := u.Check(); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%+v: got %v, want ErrInvalid", u, err)
		}
	}
	for _, p := range []string{"short", strings.Repeat("a", 15), "hospital12345", "techtechtechtech", "chartvaultchartvault", strings.Repeat("ab", 65)} {
		if err := accounts.CheckPassword("tech", p); !errors.Is(err, record.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", p, err)
		}
	}
}

// TestSecondFactor: a code is wanted once it is confirmed, is good once, and for
// a minute about its time; whoever must have one is told so.
func TestSecondFactor(t *testing.T) {
	d, l, c := desk(t)
	ctx := t.Context()
	d.RequireFactor = true
	if err := d.Put(ctx, "t", accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}}, good); err != nil {
		t.Fatal(err)
	}
	s, err := d.SignIn(ctx, "tech", good, "", "a")
	if err != nil || !d.NeedsFactor(s.User) {
		t.Fatalf("got %v, want a session that needs a second factor", err)
	}
	e, err := accounts.NewEnrolment("Sample", "tech")
	if err != nil {
		t.Fatal(err)
	}
	if im, err := e.Image(200); err != nil || im.Bounds().Dx() != 200 {
		t.Errorf("image: %v", err)
	}
	code := func() string {
		n, err := totp.GenerateCode(e.Secret, c.t)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := d.Confirm(ctx, s, e, "000000"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("a wrong code: got %v", err)
	}
	if err := d.Confirm(ctx, s, e, code()); err != nil || d.NeedsFactor(l["tech"]) || l["tech"].Factor != e.Secret || d.Session(s.Secret) != nil {
		t.Errorf("confirmed: got %v, and the session before it goes on: %v", err, d.Session(s.Secret) != nil)
	}
	if _, err := d.SignIn(ctx, "tech", good, code(), "a"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("the code it was confirmed with: got %v", err)
	}
	c.t = c.t.Add(time.Minute)
	now := code()
	if s, err = d.SignIn(ctx, "tech", good, now, "a"); err != nil {
		t.Fatalf("the code: got %v", err)
	}
	if err := d.Again(ctx, s, good, now, "a"); !errors.Is(err, record.ErrDenied) {
		t.Errorf("asked again with the same code: got %v", err)
	}
	for _, bad := range []string{now, "", "12345", "1234567"} { // the first was used
		if _, err := d.SignIn(ctx, "tech", good, bad, "a"); !errors.Is(err, record.ErrDenied) {
			t.Errorf("code %q: got %v", bad, err)
		}
	}
	old := code()
	c.t = c.t.Add(2 * time.Minute)
	if _, err := d.SignIn(ctx, "tech", good, old, "b"); err == nil {
		t.Error("a code of two minutes ago is good")
	}
	c.t = c.t.Add(10 * time.Minute)
	if err := d.Put(ctx, "t", accounts.KeepFactor(accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}}), ""); err != nil || l["tech"].Factor != e.Secret {
		t.Errorf("kept: got %q, %v", l["tech"].Factor, err)
	}
	if err := d.Put(ctx, "t", accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}}, ""); err != nil || l["tech"].Factor != "" {
		t.Errorf("taken off: got %q, %v", l["tech"].Factor, err)
	}
}

// TestFactorOfServers: a code that was used on one server, or before a restart, is
// good on no other; where that cannot be found out, it is good on none.
func TestFactorOfServers(t *testing.T) {
	d, l, c := desk(t)
	other, err := accounts.NewDesk(l, func() time.Time { return c.t }, true)
	if err != nil {
		t.Fatal(err)
	}
	last, away := map[string]int64{}, error(nil)
	once := func(name string, step int64) (bool, error) {
		if away != nil || step <= last[name] {
			return false, away
		}
		last[name] = step
		return true, nil
	}
	d.Once, other.Once = once, once
	e, err := accounts.NewEnrolment("Sample", "tech")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "t", accounts.User{Name: "tech", Roles: []accounts.Role{accounts.Records}, Factor: e.Secret}, good); err != nil {
		t.Fatal(err)
	}
	signIn := func(d *accounts.Desk) error {
		code, err := totp.GenerateCode(e.Secret, c.t)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.SignIn(t.Context(), "tech", good, code, "a")
		return err
	}
	if err := signIn(d); err != nil {
		t.Fatalf("the code: got %v", err)
	}
	if err := signIn(other); !errors.Is(err, record.ErrDenied) {
		t.Errorf("the same code at another server: got %v, want %v", err, record.ErrDenied)
	}
	c.t = c.t.Add(time.Minute)
	away = errors.New("away")
	if err := signIn(other); !errors.Is(err, record.ErrDenied) {
		t.Errorf("a code while nobody knows what was used: got %v, want %v", err, record.ErrDenied)
	}
	away = nil
	c.t = c.t.Add(time.Minute)
	if err := signIn(other); err != nil {
		t.Errorf("the next code at the other server: got %v", err)
	}
}

// TestEmergency: it opens for an hour, for this session alone.
func TestEmergency(t *testing.T) {
	d, _, c := desk(t)
	ctx := t.Context()
	if err := d.Put(ctx, "t", accounts.User{Name: "doc", Roles: []accounts.Role{accounts.Clinician}}, good); err != nil {
		t.Fatal(err)
	}
	var ss [2]*accounts.Session
	for i := range ss {
		var err error
		if ss[i], err = d.SignIn(ctx, "doc", good, "", "a"); err != nil {
			t.Fatal(err)
		}
	}
	d.Break(ss[0])
	if got := d.Broken(ss[0]); !got.Equal(c.t.Add(accounts.Emergency)) || !d.Broken(ss[1]).IsZero() {
		t.Errorf("got until %v, and the other session %v", got, d.Broken(ss[1]))
	}
	if c.t = c.t.Add(accounts.Emergency); !d.Broken(ss[0]).IsZero() {
		t.Error("it is open after its hour")
	}
}

// TestPresence: who is signed in, in how many places and seen when; and that an
// administrator ends it.
func TestPresence(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d, err := accounts.NewDesk(accountstest.Register{}, func() time.Time { return now }, true)
	if err != nil {
		t.Fatal(err)
	}
	var sessions []*accounts.Session
	for _, name := range []string{"a.one", "a.one", "b.two"} {
		if err := d.Put(t.Context(), "test", accounts.User{Name: name, Roles: []accounts.Role{accounts.Scan}}, "four words make a sentence"); err != nil && !errors.Is(err, record.ErrExists) {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.one", "a.one", "b.two"} {
		s, err := d.SignIn(t.Context(), name, "four words make a sentence", "", "addr")
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
		now = now.Add(time.Minute)
	}
	d.Session(sessions[0].Secret)
	if got := d.Present(); len(got) != 2 || got["a.one"] != (accounts.Presence{Sessions: 2, Seen: now}) || got["b.two"].Sessions != 1 {
		t.Errorf("got %+v, want two of a.one, seen now, and one of b.two", got)
	}
	d.EndSessions("a.one")
	if got := d.Present(); len(got) != 1 || d.Session(sessions[0].Secret) != nil || d.Session(sessions[2].Secret) == nil {
		t.Errorf("after the end of a.one's: got %+v", got)
	}
	now = now.Add(accounts.Idle)
	if got := d.Present(); len(got) != 0 {
		t.Errorf("after nobody was there: got %+v", got)
	}
}
