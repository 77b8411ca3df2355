package accounts_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"chartvault/accounts"
	"chartvault/record"
)

// outsider is somebody whom the site's own sign-in knows.
func outsider(roles ...accounts.Role) accounts.Outside {
	return accounts.Outside{Subject: accounts.Subject{Issuer: "https://login.example", Subject: "1"}, Name: "A.Clerk@site.example", Roles: roles, Factor: true}
}

// TestOutside: whoever the site's own sign-in brings has the roles of its groups
// as they are now, and none of those that only this archive gives.
func TestOutside(t *testing.T) {
	d, l, c := desk(t)
	d.RequireFactor = true
	ctx := t.Context()
	in := func(o accounts.Outside) *accounts.Session {
		t.Helper()
		s, err := d.SignInOutside(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	out := func(what string, o accounts.Outside) {
		t.Helper()
		if s, err := d.SignInOutside(ctx, o); !errors.Is(err, record.ErrDenied) {
			t.Errorf("%s: got %v, %v, want %v", what, s, err, record.ErrDenied)
		}
	}
	out("nobody keeps users", outsider(accounts.Records))
	if err := d.Put(ctx, "test", accounts.User{Name: "root.admin", Roles: []accounts.Role{accounts.Admin}}, good); err != nil {
		t.Fatal(err)
	}
	out("no group", outsider())
	out("groups beyond", outsider(accounts.Director, accounts.Admin, accounts.Release, accounts.Auditor))
	one := outsider(accounts.Scan)
	one.Name = "x"
	out("a name that cannot be one", one)
	one = outsider(accounts.Records)
	one.Factor = false
	out("no second factor", one)
	if len(l) != 1 {
		t.Fatalf("whoever was refused was written down: %v", l)
	}

	s := in(outsider(accounts.Records, accounts.Director))
	if d.Proved(s) {
		t.Error("a sign-in of this morning counts as a password of now")
	}
	if s.User.Name != "a.clerk" || !slices.Equal(s.User.Roles, []accounts.Role{accounts.Records}) || d.NeedsFactor(s.User) {
		t.Errorf("got %+v, needs a factor %v", s.User, d.NeedsFactor(s.User))
	}
	for _, p := range []string{"", good} {
		if _, err := d.SignIn(ctx, "a.clerk", p, "", "here"); !errors.Is(err, record.ErrDenied) {
			t.Errorf("with the password %q: got %v, want %v", p, err, record.ErrDenied)
		}
	}
	if _, err := d.NewToken(ctx, s, "x", []accounts.Right{accounts.OpenChart}, 1); !errors.Is(err, record.ErrDenied) {
		t.Errorf("a token: got %v, want %v", err, record.ErrDenied)
	}
	if in(outsider(accounts.Records)); d.Session(s.Secret) == nil {
		t.Error("a second sign-in with the same roles ended the first")
	}
	now := in(outsider(accounts.Scan))
	if d.Session(s.Secret) != nil || now.User.May(accounts.OpenChart) || !now.User.May(accounts.SeeBatches) {
		t.Errorf("the groups changed: got %+v, and the session of before %v", now.User, d.Session(s.Secret))
	}
	if err := d.AgainOutside(ctx, now, accounts.Outside{Subject: outsider().Subject, Roles: []accounts.Role{accounts.Records}, Factor: true, At: c.t}); !errors.Is(err, record.ErrDenied) || d.Session(now.Secret) != nil {
		t.Errorf("again with other groups: got %v, and the session %v", err, d.Session(now.Secret))
	}
	now = in(outsider(accounts.Scan))
	out("no group any more", outsider())
	if d.Session(now.Secret) != nil {
		t.Error("no group any more: the session goes on")
	}
	if err := d.Link(ctx, in(outsider(accounts.Scan)), outsider(accounts.Scan)); !errors.Is(err, record.ErrDenied) {
		t.Errorf("links without a password: got %v, want %v", err, record.ErrDenied)
	}
	namesake := outsider(accounts.Scan)
	namesake.Subject.Subject = "2"
	out("somebody else of that name", namesake)
	namesake = outsider(accounts.Scan)
	namesake.Subject.Issuer = "https://other.example"
	out("the same number elsewhere", namesake)
	if err := d.Put(ctx, "user:admin", accounts.User{Name: "a.clerk", Roles: []accounts.Role{accounts.Scan}, Disabled: true}, ""); err != nil {
		t.Fatal(err)
	}
	out("shut out", outsider(accounts.Scan))
}

// TestOutsideLink: whoever has a password here links the two themselves; whoever
// decides cannot, nor come that way when they are made one who does.
func TestOutsideLink(t *testing.T) {
	d, l, c := desk(t)
	ctx := t.Context()
	put := func(name string, role accounts.Role) {
		t.Helper()
		if err := d.Put(ctx, "user:admin", accounts.User{Name: name, Roles: []accounts.Role{role}}, good); err != nil {
			t.Fatal(err)
		}
	}
	signIn := func(name string) *accounts.Session {
		t.Helper()
		s, err := d.SignIn(ctx, name, good, "", "here")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	put("a.clerk", accounts.Records)
	put("a.director", accounts.Director)
	put("b.clerk", accounts.Scan)
	if _, err := d.SignInOutside(ctx, outsider(accounts.Records)); !errors.Is(err, record.ErrDenied) {
		t.Errorf("a namesake that is not linked: got %v, want %v", err, record.ErrDenied)
	}
	if err := d.Link(ctx, signIn("a.director"), outsider(accounts.Records)); !errors.Is(err, record.ErrDenied) {
		t.Errorf("a director links: got %v, want %v", err, record.ErrDenied)
	}
	first := signIn("a.clerk")
	if err := d.Link(ctx, first, outsider()); err != nil || d.Session(first.Secret) != nil {
		t.Fatalf("link: got %v, and the session %v", err, d.Session(first.Secret))
	}
	if err := d.Link(ctx, signIn("b.clerk"), outsider(accounts.Scan)); !errors.Is(err, record.ErrDenied) {
		t.Errorf("one person, two users: got %v, want %v", err, record.ErrDenied)
	}
	s, err := d.SignInOutside(ctx, outsider())
	if err != nil || s.User.Name != "a.clerk" || !s.User.May(accounts.OpenChart) {
		t.Fatalf("linked: got %+v, %v", s, err)
	}

	c.t = c.t.Add(time.Minute + accounts.StepUp)
	for what, o := range map[string]accounts.Outside{
		"a password of long ago":  {Subject: outsider().Subject, At: c.t.Add(-accounts.StepUp)},
		"no time at all":          {Subject: outsider().Subject},
		"a time that is to come":  {Subject: outsider().Subject, At: c.t.Add(time.Hour)},
		"somebody else at a desk": {Subject: accounts.Subject{Issuer: outsider().Subject.Issuer, Subject: "2"}, At: c.t},
	} {
		if err := d.AgainOutside(ctx, s, o); !errors.Is(err, record.ErrDenied) || d.Proved(s) {
			t.Errorf("again with %s: got %v, proved %v, want %v", what, err, d.Proved(s), record.ErrDenied)
		}
	}
	u := l["a.clerk"]
	u.Factor = "JBSWY3DPEHPK3PXP"
	l["a.clerk"] = u
	if err := d.AgainOutside(ctx, s, accounts.Outside{Subject: outsider().Subject, At: c.t}); !errors.Is(err, record.ErrDenied) {
		t.Errorf("again without the second factor there is: got %v, want %v", err, record.ErrDenied)
	}
	u.Factor = ""
	l["a.clerk"] = u
	if err := d.AgainOutside(ctx, s, accounts.Outside{Subject: outsider().Subject, At: c.t}); err != nil || !d.Proved(s) {
		t.Errorf("again: got %v, proved %v", err, d.Proved(s))
	}

	put("a.clerk", accounts.Director) // keeps the link
	if _, err := d.SignInOutside(ctx, outsider(accounts.Records)); !errors.Is(err, record.ErrDenied) {
		t.Errorf("made a director: got %v, want %v", err, record.ErrDenied)
	}
	put("a.clerk", accounts.Records)
	if err := d.Unlink(ctx, signIn("a.clerk")); err != nil || l["a.clerk"].Outside != nil {
		t.Errorf("unlink: got %v, %v", err, l["a.clerk"].Outside)
	}
}
