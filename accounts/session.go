package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"chartvault/record"
)

// Session is somebody who is signed in. It keeps what must not stand in an
// address: chart numbers and queries, each under a name of chance that means
// nothing to anybody else.
type Session struct {
	Secret string // in the cookie, and nowhere else
	User   User

	began, seen time.Time
	proved      time.Time // when password and code were given last; guarded by the desk
	broken      time.Time // until when it is an emergency; guarded by the desk

	mu        sync.Mutex
	shortcuts map[string]string // keys the user chose
	kept      map[string]any
	order     []string // of what is kept
	large     []string // of what is kept to be fetched once
	small     []string // of small pictures, which are many
}

// mostKept and mostLarge bound what one session keeps, mostSessions how many
// sessions somebody has.
const (
	mostKept     = 400
	mostLarge    = 8
	mostSmall    = 40
	mostSessions = 8
)

// Keep remembers a value and returns the name it is kept under. The oldest
// values go when there are too many.
func (s *Session) Keep(v any) string { return s.keep(v, &s.order, mostKept) }

// KeepSmall is Keep for small pictures: many of them push out no look-up.
func (s *Session) KeepSmall(v any) string { return s.keep(v, &s.small, mostSmall) }

// KeepOnce is Keep for what is large and fetched once, by Take: there are few.
func (s *Session) KeepOnce(v any) string { return s.keep(v, &s.large, mostLarge) }

func (s *Session) keep(v any, order *[]string, most int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := rand.Text()
	s.kept[name] = v
	*order = append(*order, name)
	for len(*order) > most {
		delete(s.kept, (*order)[0])
		*order = (*order)[1:]
	}
	return name
}

// Kept returns what is kept under a name; nil when nothing is.
func (s *Session) Kept(name string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[name]
}

// Take returns what is kept under a name, and keeps it no longer.
func (s *Session) Take(name string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.kept[name]
	delete(s.kept, name)
	for _, order := range []*[]string{&s.large, &s.small} {
		*order = slices.DeleteFunc(*order, func(n string) bool { return n == name })
	}
	return v
}

// begin begins a session. Sessions that are over are forgotten, with what they
// kept, and of somebody's too many the oldest.
func (d *Desk) begin(u User) *Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	var own []string
	for k, s := range d.sessions {
		switch {
		case s.over(now):
			delete(d.sessions, k)
		case s.User.Name == u.Name:
			own = append(own, k)
		}
	}
	slices.SortFunc(own, func(a, b string) int { return d.sessions[a].began.Compare(d.sessions[b].began) })
	for len(own) >= mostSessions {
		delete(d.sessions, own[0])
		own = own[1:]
	}
	s := &Session{Secret: rand.Text() + rand.Text(), User: u, began: now, seen: now, proved: now, shortcuts: u.Shortcuts, kept: map[string]any{}}
	d.sessions[sessionKey(s.Secret)] = s
	return s
}

// over reports whether a session has ended by itself.
func (s *Session) over(now time.Time) bool {
	return now.Sub(s.seen) >= Idle || now.Sub(s.began) >= Absolute
}

// Session returns the session of a cookie's secret, and nil when there is none
// or it is over.
func (d *Desk) Session(secret string) *Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := sessionKey(secret)
	s := d.sessions[k]
	if s == nil {
		return nil
	}
	now := d.now()
	if s.over(now) {
		delete(d.sessions, k)
		return nil
	}
	s.seen = now
	return s
}

// Peek is Session for what a page asks by itself: nobody is seen at the desk, and the
// session ends as it would have.
func (d *Desk) Peek(secret string) *Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sessions[sessionKey(secret)]
	if s == nil || s.over(d.now()) {
		return nil
	}
	return s
}

// Proved reports whether somebody gave password and code within StepUp: what must
// not happen at a desk that was left is asked for again after it.
func (d *Desk) Proved(s *Session) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now().Sub(s.proved) < StepUp
}

// Break makes a session one of an emergency, for Emergency: its user may open
// charts meanwhile. Whoever calls it has written it down before.
func (d *Desk) Break(s *Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.broken = d.now().Add(Emergency)
}

// Mend ends the emergency of somebody, in all their sessions: it was reviewed.
func (d *Desk) Mend(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.sessions {
		if s.User.Name == name {
			s.broken = time.Time{}
		}
	}
}

// Broken reports until when a session is one of an emergency; zero when it is not,
// or its user may not break the glass.
func (d *Desk) Broken(s *Session) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !s.User.May(BreakGlass) || !d.now().Before(s.broken) {
		return time.Time{}
	}
	return s.broken
}

// Presence is how somebody is signed in.
type Presence struct {
	Sessions int       // that go on
	Seen     time.Time // when they asked for something last
}

// Present says who is signed in, by name.
func (d *Desk) Present() map[string]Presence {
	d.mu.Lock()
	defer d.mu.Unlock()
	out, now := map[string]Presence{}, d.now()
	for _, s := range d.sessions {
		if s.over(now) {
			continue
		}
		p := out[s.User.Name]
		p.Sessions++
		if s.seen.After(p.Seen) {
			p.Seen = s.seen
		}
		out[s.User.Name] = p
	}
	return out
}

// EndSessions signs somebody out everywhere. Whoever calls it has written it down
// before.
func (d *Desk) EndSessions(name string) { d.end(func(s *Session) bool { return s.User.Name == name }) }

// Recheck ends the sessions of everybody whose user is not what it was when they
// signed in, because another server changed it.
func (d *Desk) Recheck(ctx context.Context) error {
	d.writes.Lock() // whoever is being let in is looked at too
	defer d.writes.Unlock()
	for name := range d.Present() {
		u, err := d.register.User(ctx, name)
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return err
		}
		d.end(func(s *Session) bool { return s.User.Name == name && !u.lets(s.User) })
	}
	return nil
}

// lets reports whether a session that was begun for a user as it was goes on: it
// may do the same, and whoever it is proves it by the same.
func (u User) lets(was User) bool {
	same := func(a, b SecurityKey) bool { return a.ID == b.ID }
	return u.Name == was.Name && u.Disabled == was.Disabled && slices.Equal(u.Roles, was.Roles) && u.Password == was.Password && u.Factor == was.Factor &&
		slices.EqualFunc(u.Keys, was.Keys, same)
}

// SignOut ends a session.
func (d *Desk) SignOut(s *Session) { d.end(func(o *Session) bool { return o == s }) }

// end ends the sessions that f picks.
func (d *Desk) end(f func(*Session) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, s := range d.sessions {
		if f(s) {
			delete(d.sessions, k)
		}
	}
}
