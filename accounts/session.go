package accounts

import (
	"crypto/rand"
	"sync"
	"time"
)

// Session is somebody who is signed in. It keeps what must not stand in an
// address: chart numbers and queries, each under a name of chance that means
// nothing to anybody else.
type Session struct {
	Secret string // in the cookie, and nowhere else
	User   User

	began, seen time.Time

	mu    sync.Mutex
	kept  map[string]any
	order []string
}

// mostKept bounds what one session keeps.
const mostKept = 400

// Keep remembers a value and returns the name it is kept under. The oldest
// values go when there are too many.
func (s *Session) Keep(v any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := rand.Text()
	s.kept[name] = v
	s.order = append(s.order, name)
	for len(s.order) > mostKept {
		delete(s.kept, s.order[0])
		s.order = s.order[1:]
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
	return v
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
	if now.Sub(s.seen) >= Idle || now.Sub(s.began) >= Absolute {
		delete(d.sessions, k)
		return nil
	}
	s.seen = now
	return s
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
