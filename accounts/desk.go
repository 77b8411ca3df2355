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
	Idle      = 15 * time.Minute // without a request a session ends
	Absolute  = 12 * time.Hour   // and at the latest
	Emergency = time.Hour        // for which charts are open in one
	StepUp    = 5 * time.Minute  // for which password and code count for what is asked for again

	setupLife = time.Hour
)

// Desk lets people in. It is safe for concurrent use.
type Desk struct {
	RequireFactor bool // whoever opens charts, or decides, has a second factor

	// Once uses a step of somebody's second factor, and reports whether it is later than
	// every one used before, on any server and before any restart; nil where only this
	// process is to remember.
	Once func(name string, step int64) (bool, error)

	Changes sync.Locker // the common turn of the desks of several servers for a change of a user; nil for one server

	register Register
	now      func() time.Time
	params   *argon2id.Params
	dummy    string // a hash for names that are not there

	writes sync.RWMutex  // one change of a user at a time, and none while a session begins
	queue  chan struct{} // whoever waits to have a password hashed
	turns  chan struct{} // whoever has one hashed

	mu       sync.Mutex
	sessions map[string]*Session // by the hash of their secret
	failures map[guessed]failure
	used     map[string]int64     // the last step of a second factor, by user
	asked    []*asked             // keys being made, oldest first
	answers  map[string]time.Time // challenges that keys answered, and when they were made
	macKey   string               // for what sign-ins ask of keys; of chance, and gone with the process
	counts   map[string]uint32    // how often keys have signed, as they said last
	setup    []byte               // hash of the set-up code; nil when there is none
	until    time.Time            // for which it is good
}

// NewDesk returns a desk with nobody signed in. quick makes hashes that are
// cheap to make, for tests.
func NewDesk(register Register, now func() time.Time, quick bool) (*Desk, error) {
	d := &Desk{register: register, now: now, sessions: map[string]*Session{}, failures: map[guessed]failure{}, used: map[string]int64{}, counts: map[string]uint32{}, answers: map[string]time.Time{}, macKey: rand.Text() + rand.Text(),
		queue: make(chan struct{}, 32), turns: make(chan struct{}, atOnce)}
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

// SetUp makes the first administrator, where there is nobody. The code is good
// once.
func (d *Desk) SetUp(ctx context.Context, code, name, password, addr string) error {
	if err := d.guess("setup", addr); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(code))
	d.mu.Lock()
	had := d.setup
	ok := had != nil && d.now().Before(d.until) && subtle.ConstantTimeCompare(sum[:], had) == 1
	if ok {
		d.setup = nil // nobody else uses it meanwhile
	}
	d.mu.Unlock()
	if !ok {
		return fmt.Errorf("set up: %w: the code is wrong, used or over; a new one is shown when the server starts", record.ErrDenied)
	}
	d.right("setup", addr)
	us, err := d.register.Users(ctx)
	if err == nil && len(us) > 0 {
		return fmt.Errorf("set up: %w: there is somebody already", record.ErrDenied)
	}
	if err == nil {
		err = d.Put(ctx, "setup", User{Name: name, Roles: []Role{Admin}}, password)
	}
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.setup = had
	}
	return err
}

// Put writes a user down. An empty password keeps the one there is. Sessions of
// the user end, whatever else goes wrong.
func (d *Desk) Put(ctx context.Context, by record.Actor, u User, password string) error {
	if err := u.Check(); err != nil {
		return err
	}
	hash := ""
	if password != "" {
		if err := CheckPassword(u.Name, password); err != nil {
			return err
		}
		var err error
		if hash, err = d.hash(ctx, password); err != nil {
			return err
		}
	}
	return d.change(ctx, by, u.Name, func(old User) (User, error) {
		u.By, u.Since, u.Tokens = by, d.now().UTC(), old.Tokens
		u.Handle, u.Shortcuts, u.Outside = old.Handle, old.Shortcuts, old.Outside
		lost := u.Factor != keepFactor && (old.Factor != "" || len(old.Keys) > 0)
		if hash != "" || u.Disabled || lost { // whoever had password or factor may have made some
			u.Tokens = nil
		}
		if u.Factor == keepFactor {
			u.Factor, u.Keys = old.Factor, old.Keys
		}
		if u.Password = old.Password; hash != "" {
			u.Password = hash
		}
		if u.Password == "" && u.Outside == nil {
			return u, fmt.Errorf("user %s: %w: give a password", u.Name, record.ErrInvalid)
		}
		return u, nil
	})
}

// change changes one user, and ends the user's sessions.
func (d *Desk) change(ctx context.Context, by record.Actor, name string, f func(old User) (User, error)) error {
	changed := false
	defer func() {
		if changed { // also where it could not be written whole
			d.end(func(s *Session) bool { return s.User.Name == name })
		}
	}()
	return d.edit(ctx, by, name, func(old User) (User, error) {
		u, err := f(old)
		changed = err == nil
		return u, err
	})
}

// changing takes the turn for a change of a user, here and among the servers, and
// returns what leaves it.
func (d *Desk) changing() (leave func()) {
	d.writes.Lock()
	if d.Changes == nil {
		return d.writes.Unlock
	}
	d.Changes.Lock()
	return func() {
		d.Changes.Unlock()
		d.writes.Unlock()
	}
}

// edit changes one user, one change at a time.
func (d *Desk) edit(ctx context.Context, by record.Actor, name string, f func(old User) (User, error)) error {
	defer d.changing()()
	old, err := d.register.User(ctx, name)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	u, err := f(old)
	if err != nil {
		return err
	}
	return d.register.PutUser(ctx, by, u)
}

// atOnce is how many passwords are hashed at once: each takes 64 MiB and a core.
const atOnce = 2

// hashing waits for its turn to hash a password; whoever would wait behind too
// many others is sent away.
func (d *Desk) hashing(ctx context.Context) (done func(), err error) {
	select {
	case d.queue <- struct{}{}:
	default:
		return nil, fmt.Errorf("sign in: %w: too many people sign in at this moment; try again", record.ErrNotReady)
	}
	defer func() { <-d.queue }()
	select {
	case d.turns <- struct{}{}:
		return func() { <-d.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Try opens something with a secret that whoever is signed in gives besides: what is
// wrong counts as guessing, and only a few are tried at once. record.ErrNotReady for
// whoever guesses too often.
func (d *Desk) Try(ctx context.Context, what string, open func() error) error {
	if err := d.guess(what, what); err != nil {
		return err
	}
	done, err := d.hashing(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := open(); err != nil {
		return err
	}
	d.right(what, what)
	return nil
}

func (d *Desk) hash(ctx context.Context, password string) (string, error) {
	done, err := d.hashing(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return argon2id.CreateHash(password, d.params)
}

func (d *Desk) matches(ctx context.Context, password, hash string) (bool, error) {
	done, err := d.hashing(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	if len(password) > 4*maxPassword {
		password = ""
	}
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	return ok && err == nil, nil
}

// SignIn checks name, password and, where the user has one, the second factor's
// code or a security key's answer (KeyAnswer), and begins a session. Whatever is wrong, the answer is the same
// record.ErrDenied, and takes as long.
func (d *Desk) SignIn(ctx context.Context, name, password, code, addr string) (*Session, error) {
	if err := d.guess(name, addr); err != nil {
		return nil, err
	}
	u, err := d.register.User(ctx, name)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return nil, err
	}
	hash := u.Password
	if hash == "" {
		hash = d.dummy
	}
	ok, err := d.matches(ctx, password, hash)
	if err != nil {
		return nil, err
	}
	// Nobody changes the user between the last look and the session.
	d.writes.RLock()
	defer d.writes.RUnlock()
	now, err := d.register.User(ctx, name)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return nil, err
	}
	if !ok || u.Password == "" || now.Password != u.Password || now.Disabled || !d.factorOK(now, code) {
		return nil, fmt.Errorf("sign in: %w: name, password or code is wrong", record.ErrDenied)
	}
	d.right(name, addr)
	return d.begin(now), nil
}

// Again asks somebody who is signed in for password and code once more, before
// what somebody at an unlocked desk must not do.
func (d *Desk) Again(ctx context.Context, s *Session, password, code, addr string) error {
	if err := d.guess(s.User.Name, addr); err != nil {
		return err
	}
	u, err := d.register.User(ctx, s.User.Name)
	if err != nil {
		return err
	}
	ok, err := d.matches(ctx, password, u.Password)
	if err != nil {
		return err
	}
	if !ok || !d.factorOK(u, code) {
		return fmt.Errorf("again: %w: password or code is wrong", record.ErrDenied)
	}
	d.right(s.User.Name, addr)
	d.mu.Lock()
	defer d.mu.Unlock()
	s.proved = d.now()
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

func sessionKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
