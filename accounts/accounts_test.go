package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"chartvault/accounts"
	"chartvault/record"
)

// list keeps users in memory.
type list map[string]accounts.User

func (l list) User(_ context.Context, name string) (accounts.User, error) {
	u, ok := l[name]
	if !ok {
		return u, record.ErrNotFound
	}
	return u, nil
}
func (l list) Users(context.Context) (out []accounts.User, _ error) {
	for _, u := range l {
		out = append(out, u)
	}
	return out, nil
}
func (l list) PutUser(_ context.Context, _ record.Actor, u accounts.User) error {
	l[u.Name] = u
	return nil
}

// clock is a clock that is set by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

const good = "four words make a sentence"

func desk(t *testing.T) (*accounts.Desk, list, *clock) {
	t.Helper()
	l, c := list{}, &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
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
	c.t = c.t.Add(accounts.Idle)
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
			if _, err := d.SignIn(ctx, name, "wrong", "", name); !errors.Is(err, record.ErrDenied) || !strings.Contains(err.Error(), "name, password or code") {
				t.Errorf("%d %s: got %v", i, name, err)
			}
		}
	}
	if _, err := d.SignIn(ctx, "tech", good, "", "elsewhere"); !errors.Is(err, record.ErrNotReady) {
		t.Errorf("after five failures: got %v, want a wait", err)
	}
	tries := 0
	for end := c.t.Add(24 * time.Hour); c.t.Before(end); c.t = c.t.Add(time.Second) {
		if _, err := d.SignIn(ctx, "tech", "wrong", "", "b"); errors.Is(err, record.ErrDenied) {
			tries++
		}
	}
	if tries > 300 {
		t.Errorf("a day of guessing: got %d attempts, want at most one in five minutes", tries)
	}
	c.t = c.t.Add(5 * time.Minute)
	if _, err := d.SignIn(ctx, "tech", good, "", "elsewhere"); err != nil {
		t.Errorf("the right person, after the wait: got %v", err)
	}
}

// TestRoles is the table of rights whole: what each role may, and nothing else.
func TestRoles(t *testing.T) {
	want := map[accounts.Role]string{
		accounts.Scan:     "see batches",
		accounts.Records:  "see batches, settle quality questions, correct filed documents, open charts, search all charts, see holds, place holds, see what is due",
		accounts.Release:  "open charts, see holds, place holds",
		accounts.Director: "see batches, settle quality questions, correct filed documents, open charts, search all charts, see holds, place holds, see what is due, see health",
		accounts.Auditor:  "see holds, place holds, see what is due, see the audit log, see health",
		accounts.Admin:    "see health, keep users",
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
	if err := d.Confirm(ctx, s, e, code()); err != nil || d.NeedsFactor(s.User) || l["tech"].Factor != e.Secret {
		t.Errorf("confirmed: got %v", err)
	}
	now := code()
	if _, err := d.SignIn(ctx, "tech", good, now, "a"); err != nil {
		t.Errorf("the code: got %v", err)
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
