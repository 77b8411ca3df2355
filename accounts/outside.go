package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chartvault/record"
)

// Subject is who somebody is to the site's own sign-in: the pair that never
// passes to another person (OpenID Connect Core 1.0, 5.7). Names there may.
type Subject struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// Outside is somebody for whom the site's own sign-in vouches.
type Outside struct {
	Subject Subject
	Name    string    // they go by there; the part before an '@' is a new user's name here
	Roles   []Role    // their groups give them; those of FromGroups count, and no other
	Factor  bool      // there was a second factor
	At      time.Time // when they proved who they are
}

// Username is what a user is called here who goes by a name there.
func (o Outside) Username() string {
	name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(o.Name)), "@")
	return name
}

// FromGroups lists the roles that groups of the site's own sign-in may give.
// Whoever rules over those groups is no party to what is released, destroyed or
// administered here, and so can make nobody one who does that.
func FromGroups() []Role { return []Role{Scan, Records, Clinician} }

// byGroups reports whether somebody is known by the site's own sign-in alone:
// there is no password here, and roles are what groups say.
func (u User) byGroups() bool { return u.Outside != nil && u.Password == "" }

// SignInOutside begins a session for somebody for whom the site's own sign-in
// vouches. Who is new is written down with the roles their groups give; who was
// here before gets those of now. Whoever linked a user with a password has that
// user's roles, none of which may be beyond FromGroups. record.ErrDenied, in
// words, for everybody else.
func (d *Desk) SignInOutside(ctx context.Context, o Outside) (*Session, error) {
	defer d.changing()()
	u, err := d.outsider(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := d.mayComeFromOutside(u, o); err != nil {
		return nil, err
	}
	s := d.begin(u)
	// A sign-in there may be of this morning: only a password of now counts as one.
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.proved = o.At; o.At.After(s.began) {
		s.proved = time.Time{}
	}
	return s, nil
}

// outsider returns the user that somebody is, as of now. Held: writes.
func (d *Desk) outsider(ctx context.Context, o Outside) (User, error) {
	u, err := d.bySubject(ctx, o.Subject)
	switch {
	case errors.Is(err, record.ErrNotFound):
		return d.newOutsider(ctx, o)
	case err != nil || !u.byGroups() || u.Disabled:
		return u, err
	}
	roles := fromGroups(o)
	if len(roles) == 0 {
		d.end(func(s *Session) bool { return s.User.Name == u.Name })
		return u, fmt.Errorf("sign in: %w: none of your groups is let in here any more; ask whoever keeps the groups", record.ErrDenied)
	}
	if slices.Equal(roles, u.Roles) {
		return u, nil
	}
	u.Roles, u.By, u.Since = roles, keeper, d.now().UTC()
	d.end(func(s *Session) bool { return s.User.Name == u.Name }) // none goes on with the roles of before
	return u, d.register.PutUser(ctx, keeper, u)
}

// keeper is who writes users down whom the site's own sign-in brings.
const keeper record.Actor = "sign-in"

func (d *Desk) newOutsider(ctx context.Context, o Outside) (User, error) {
	u := User{Name: o.Username(), Roles: fromGroups(o), Outside: &o.Subject, By: keeper, Since: d.now().UTC()}
	if len(u.Roles) == 0 {
		return u, fmt.Errorf("sign in: %w: none of your groups is let in here; ask whoever keeps the groups", record.ErrDenied)
	}
	if err := u.Check(); err != nil {
		return u, fmt.Errorf("sign in: %w: the name you go by cannot be one here: it has 2 to 32 small letters, digits, '.', '_' and '-', and begins with a letter", record.ErrDenied)
	}
	if err := d.mayComeFromOutside(u, o); err != nil {
		return u, err
	}
	us, err := d.register.Users(ctx)
	if err != nil {
		return u, err
	}
	if !slices.ContainsFunc(us, func(o User) bool { return slices.Contains(o.Roles, Admin) }) {
		return u, fmt.Errorf("sign in: %w: the first administrator has to be made before anybody comes in", record.ErrDenied)
	}
	if slices.ContainsFunc(us, func(o User) bool { return o.Name == u.Name }) {
		return u, fmt.Errorf("sign in: %w: there is a user %s here already: where that is you, sign in with name and password and link the two on \"My sign-in\"", record.ErrDenied, u.Name)
	}
	return u, d.register.PutUser(ctx, keeper, u)
}

// fromGroups are the roles that somebody's groups give, in the order of Roles.
func fromGroups(o Outside) (out []Role) {
	for _, r := range FromGroups() {
		if slices.Contains(o.Roles, r) {
			out = append(out, r)
		}
	}
	return out
}

// mayComeFromOutside refuses whoever is let in with a password of this archive
// and no other way.
func (d *Desk) mayComeFromOutside(u User, o Outside) error {
	switch {
	case u.Disabled:
		return fmt.Errorf("sign in: %w: this user may not sign in any more", record.ErrDenied)
	case slices.ContainsFunc(u.Roles, func(r Role) bool { return !slices.Contains(FromGroups(), r) }):
		return fmt.Errorf("sign in: %w: whoever releases, decides, audits or administers signs in here with name and password", record.ErrDenied)
	case !o.Factor && (d.RequireFactor && needsFactor(u) || u.Factor != "" || len(u.Keys) > 0):
		return fmt.Errorf("sign in: %w: you need a second factor, and your sign-in did not say that there was one", record.ErrDenied)
	}
	return nil
}

// bySubject finds the user that somebody is; record.ErrNotFound for nobody.
func (d *Desk) bySubject(ctx context.Context, s Subject) (User, error) {
	us, err := d.register.Users(ctx)
	if err != nil {
		return User{}, err
	}
	for _, u := range us {
		if u.Outside != nil && *u.Outside == s {
			return u, nil
		}
	}
	return User{}, fmt.Errorf("user: %w", record.ErrNotFound)
}

// AgainOutside is Again by way of the site's own sign-in: somebody who is signed
// in proved there, within StepUp, to be the same person.
func (d *Desk) AgainOutside(ctx context.Context, s *Session, o Outside) error {
	u, err := d.register.User(ctx, s.User.Name)
	if err != nil {
		return err
	}
	if u.Outside == nil || *u.Outside != o.Subject {
		return fmt.Errorf("again: %w: that is somebody else", record.ErrDenied)
	}
	if err := d.mayComeFromOutside(u, o); err != nil {
		return err
	}
	if u.byGroups() && !slices.Equal(fromGroups(o), u.Roles) {
		d.end(func(s *Session) bool { return s.User.Name == u.Name })
		return fmt.Errorf("again: %w: your groups have changed: sign in anew", record.ErrDenied)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if now.Sub(o.At) >= StepUp || o.At.Sub(now) > time.Minute {
		return fmt.Errorf("again: %w: your sign-in did not ask for your password anew", record.ErrDenied)
	}
	if s.proved.Before(o.At) {
		s.proved = o.At
	}
	return nil
}

// Link lets whoever is signed in with a password come by way of the site's own
// sign-in too. Their sessions end. record.ErrDenied for roles that may not, and
// for somebody who is another user already.
func (d *Desk) Link(ctx context.Context, s *Session, o Outside) error {
	return d.change(ctx, s.User.Actor(), s.User.Name, func(u User) (User, error) {
		if u.Password == "" {
			return u, fmt.Errorf("link: %w: you come by way of it already", record.ErrDenied)
		}
		if err := d.mayComeFromOutside(u, o); err != nil {
			return u, err
		}
		switch other, err := d.bySubject(ctx, o.Subject); {
		case err == nil && other.Name != u.Name:
			return u, fmt.Errorf("link: %w: you are the user %s there already", record.ErrDenied, other.Name)
		case err != nil && !errors.Is(err, record.ErrNotFound):
			return u, err
		}
		u.Outside = &o.Subject
		return u, nil
	})
}

// Unlink takes the site's own sign-in off whoever has a password too. Their
// sessions end.
func (d *Desk) Unlink(ctx context.Context, s *Session) error {
	return d.change(ctx, s.User.Actor(), s.User.Name, func(u User) (User, error) {
		if u.Outside == nil {
			return u, fmt.Errorf("link: %w: there is none", record.ErrNotFound)
		}
		if u.Password == "" {
			return u, fmt.Errorf("link: %w: without it you could not sign in at all", record.ErrDenied)
		}
		u.Outside = nil
		return u, nil
	})
}
