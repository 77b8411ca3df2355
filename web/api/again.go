package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"chartvault/record"
)

// errOtherBody: an idempotency key came with another body than before.
var errOtherBody = errors.New("this idempotency key was sent with another body before")

// Bounds of what is remembered: for how long, how many answers, and of how many
// bytes each; a longer answer is not, and its operation would run again.
const (
	keyLife   = 24 * time.Hour
	mostKeys  = 4096
	mostBytes = 64 << 10
)

// answered remembers what idempotency keys were answered. It is safe for
// concurrent use.
type answered struct {
	mu    sync.Mutex
	slots map[string]*slot
	order []*slot
}

// slot is one key's answer, while it is made and after.
type slot struct {
	name   string
	sum    [32]byte // of the body
	at     time.Time
	done   bool
	status int
	kind   string
	body   []byte
}

// take returns the slot of a key: done when it was answered, else the caller's to
// answer. record.ErrBusy while another answers it.
func (a *answered) take(name string, body []byte, now time.Time) (*slot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.slots == nil {
		a.slots = map[string]*slot{}
	}
	for len(a.order) > 0 && (now.Sub(a.order[0].at) > keyLife || len(a.order) >= mostKeys && a.order[0].done) {
		if old := a.order[0]; a.slots[old.name] == old {
			delete(a.slots, old.name)
		}
		a.order = a.order[1:]
	}
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

// give keeps an answer, or forgets the key where it cannot be kept, or where
// trying again may help.
func (a *answered) give(s *slot, r *recorder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.status == 0 || r.status >= http.StatusInternalServerError || r.status == http.StatusConflict || r.body.Len() > mostBytes {
		delete(a.slots, s.name)
		s.done = true // so that it leaves the order
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

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter
	slot   *slot
	status int
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
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
