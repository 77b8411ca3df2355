package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"chartvault/record"
)

// An idempotency key that cannot be answered: it came with another body than before,
// or is too long.
var (
	errOtherBody = errors.New("this idempotency key was sent with another body before")
	errLongKey   = fmt.Errorf("idempotency key: %w: it has at most 128 characters", record.ErrInvalid)
)

// Bounds of what is remembered: for how long, how many answers, and of how many
// bytes each; a longer answer is not, and its operation would run again.
const (
	keyLife   = 24 * time.Hour
	longKey   = 128
	gone      = 499 // the status of what its client did not wait for
	mostKeys  = 4096
	mostBytes = 64 << 10
)

// answered remembers what idempotency keys were answered. It is safe for
// concurrent use.
type answered struct {
	mu    sync.Mutex
	slots map[keyName]*slot
	order []*slot // oldest first
}

// keyName is whose key for which operation, hashed: what clients make up takes no
// room.
type keyName [32]byte

func named(user, op, key string) (keyName, error) {
	if len(key) > longKey {
		return keyName{}, errLongKey
	}
	return sha256.Sum256([]byte(user + "\x00" + op + "\x00" + key)), nil
}

// slot is one key's answer, while it is made and after.
type slot struct {
	name   keyName
	sum    [32]byte // of the body
	at     time.Time
	done   bool
	status int
	kind   string
	body   []byte
}

// take returns the slot of a key: done when it was answered, else the caller's to
// answer. record.ErrBusy while another answers it.
func (a *answered) take(name keyName, body []byte, now time.Time) (*slot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.slots == nil {
		a.slots = map[keyName]*slot{}
	}
	a.forget(now)
	sum := sha256.Sum256(body)
	if s := a.slots[name]; s != nil {
		switch {
		case s.sum != sum:
			return nil, errOtherBody
		case !s.done:
			return nil, fmt.Errorf("idempotency key: %w: the same is being done", record.ErrBusy)
		}
		return s, nil
	}
	s := &slot{name: name, sum: sum, at: now}
	a.slots[name], a.order = s, append(a.order, s)
	return s, nil
}

// forget makes room: of what is over, and of the oldest there is. What is being done
// is not forgotten, whatever its age.
func (a *answered) forget(now time.Time) {
	over := len(a.order) + 1 - mostKeys
	a.order = slices.DeleteFunc(a.order, func(s *slot) bool {
		if !s.done || over <= 0 && now.Sub(s.at) <= keyLife {
			return false
		}
		over--
		delete(a.slots, s.name) // what is not kept is in neither
		return true
	})
}

// give keeps an answer, or forgets the key where it cannot be kept, or where
// trying again may help.
func (a *answered) give(s *slot, r *recorder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if status := max(r.status, r.failed); status == 0 || status >= gone || status == http.StatusConflict || r.body.Len() > mostBytes {
		delete(a.slots, s.name)
		a.order = slices.DeleteFunc(a.order, func(o *slot) bool { return o == s })
		return
	}
	s.done, s.status, s.kind, s.body = true, r.status, r.Header().Get("Content-Type"), r.body.Bytes()
}

func (s *slot) replay(w http.ResponseWriter) {
	w.Header().Set("Content-Type", s.kind)
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(s.status)
	w.Write(s.body) // the client may have gone
}

// recorder keeps what is answered, also where the client has gone: it may ask again.
type recorder struct {
	http.ResponseWriter
	status int
	failed int // what went wrong after the first line; 0 for nothing
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.body.Len() <= mostBytes {
		r.body.Write(b)
	}
	r.ResponseWriter.Write(b) // the client may have gone
	return len(b), nil
}

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
