package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"chartvault/record"
)

// Register keeps users. Its one real implementation is the catalogue and the
// log behind it.
type Register interface {
	// User returns one; record.ErrNotFound when there is none.
	User(ctx context.Context, name string) (User, error)
	// Users returns all, by name.
	Users(ctx context.Context) ([]User, error)
	// PutUser writes one down.
	PutUser(ctx context.Context, by record.Actor, u User) error
}

// Limits of sessions and of guessing.
const (
	Idle     = 15 * time.Minute // without a request a session ends
	Absolute = 12 * time.Hour   // and at the latest

	freeFailures = 5 // before somebody has to wait
	longestWait  = 5 * time.Minute
	setupLife    = time.Hour
)

// Desk lets people in. It is safe for concurrent use.
type Desk struct {
	RequireFactor bool // whoever opens charts, or decides, has a second factor

	register Register
	now      func() time.Time
	params   *argon2id.Params
	dummy    string // a hash for names that are not there

	mu       sync.Mutex
	sessions map[string]*Session // by the hash of their secret
	failures map[string]failure  // by account, and by address
	used     map[string]int64    // the last step of a second factor, by user
	setup    []byte              // hash of the set-up code; nil when there is none
	until    time.Time           // for which it is good
}

// failure is how often in a row something failed, and when last.
type failure struct {
	n    int
	last time.Time
}

// NewDesk returns a desk with nobody signed in. quick makes hashes that are
// cheap to make, for tests.
func NewDesk(register Register, now func() time.Time, quick bool) (*Desk, error) {
	d := &Desk{register: register, now: now, sessions: map[string]*Session{}, failures: map[string]failure{}, used: map[string]int64{}}
	d.params = &argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32} // RFC 9106, 4
	if quick {
		d.params.Memory, d.params.Iterations, d.params.Parallelism = 64, 1, 1
	}
	var err error
	d.dummy, err = argon2id.CreateHash(rand.Text(), d.params)
	return d, err
}

// SetupCode makes a code with which the first administrator is made, good for
// an hour; "" when there are users already.
func (d *Desk) SetupCode(ctx context.Context) (string, error) {
	us, err := d.register.Users(ctx)
	if err != nil || len(us) > 0 {
		return "", err
	}
	code := rand.Text()
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := sha256.Sum256([]byte(code))
	d.setup, d.until = sum[:], d.now().Add(setupLife)
	return code, nil
}

// SetUp makes the first administrator. The code is good once.
func (d *Desk) SetUp(ctx context.Context, code, name, password, addr string) error {
	if err := d.wait("setup@" + addr); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(code))
	d.mu.Lock()
	ok := d.setup != nil && d.now().Before(d.until) && subtle.ConstantTimeCompare(sum[:], d.setup) == 1
	d.mu.Unlock()
	if !ok {
		d.failed("setup@" + addr)
		return fmt.Errorf("set up: %w: the code is wrong, used or over; a new one is shown when the server starts", record.ErrDenied)
	}
	u := User{Name: name, Roles: []Role{Admin}}
	if err := d.Put(ctx, "setup", u, password); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setup = nil
	return nil
}

// Put writes a user down. An empty password keeps the one there is. Sessions of
// the user end.
func (d *Desk) Put(ctx context.Context, by record.Actor, u User, password string) error {
	if err := u.Check(); err != nil {
		return err
	}
	old, err := d.register.User(ctx, u.Name)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	u.By, u.Since = by, d.now().UTC()
	if u.Factor == keepFactor {
		u.Factor = old.Factor
	}
	if u.Password = old.Password; password != "" {
		if err := CheckPassword(u.Name, password); err != nil {
			return err
		}
		if u.Password, err = argon2id.CreateHash(password, d.params); err != nil {
			return err
		}
	}
	if u.Password == "" {
		return fmt.Errorf("user %s: %w: give a password", u.Name, record.ErrInvalid)
	}
	if err := d.register.PutUser(ctx, by, u); err != nil {
		return err
	}
	d.end(func(s *Session) bool { return s.User.Name == u.Name })
	return nil
}

// keepFactor is the Factor of a user whose second factor stays as it is.
const keepFactor = "keep"

// KeepFactor returns u with the second factor it has.
func KeepFactor(u User) User {
	u.Factor = keepFactor
	return u
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Users lists all, by name.
func (d *Desk) Users(ctx context.Context) ([]User, error) { return d.register.Users(ctx) }

// SignIn checks name, password and, where the user has one, the second factor's
// code, and begins a session. Whatever is wrong, the answer is the same
// record.ErrDenied, and takes as long.
func (d *Desk) SignIn(ctx context.Context, name, password, code, addr string) (*Session, error) {
	for _, k := range []string{"name:" + name, "addr:" + addr} {
		if err := d.wait(k); err != nil {
			return nil, err
		}
	}
	u, err := d.register.User(ctx, name)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return nil, err
	}
	hash := u.Password
	if hash == "" {
		hash = d.dummy
	}
	if len(password) > 4*maxPassword {
		password = ""
	}
	ok, herr := argon2id.ComparePasswordAndHash(password, hash)
	if herr != nil || !ok || u.Password == "" || u.Disabled || !d.factorOK(u, code) {
		d.failed("name:" + name)
		d.failed("addr:" + addr)
		return nil, fmt.Errorf("sign in: %w: name, password or code is wrong", record.ErrDenied)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.failures, "name:"+name)
	delete(d.failures, "addr:"+addr)
	s := &Session{Secret: rand.Text() + rand.Text(), User: u, began: d.now(), seen: d.now(), kept: map[string]any{}}
	d.sessions[sessionKey(s.Secret)] = s
	return s, nil
}

// wait refuses somebody who failed too often, for longer each time; never for
// good, so that no stranger can shut an account.
func (d *Desk) wait(key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.failures[key]
	if f.n < freeFailures {
		return nil
	}
	pause := longestWait
	if n := f.n - freeFailures; n < 9 {
		pause = time.Second << n
	}
	if left := f.last.Add(min(pause, longestWait)).Sub(d.now()); left > 0 {
		return fmt.Errorf("sign in: %w: too many attempts; wait %d seconds", record.ErrNotReady, int(left.Seconds())+1)
	}
	return nil
}

// mostFailures bounds how many names and addresses are remembered.
const mostFailures = 100_000

func (d *Desk) failed(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.failures) >= mostFailures {
		for k, f := range d.failures {
			if d.now().Sub(f.last) > longestWait {
				delete(d.failures, k)
			}
		}
	}
	f := d.failures[key]
	d.failures[key] = failure{f.n + 1, d.now()}
}

func sessionKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
