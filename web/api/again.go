package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"chartvault/record"
)

// An idempotency key that cannot be answered: it came with another body than before,
// is too long, or was begun by a process that ended before it said so.
var (
	errNobodyKnows = errors.New("this was begun before the server ended, and nobody knows whether it was done: look, and send it with another key if it was not")

	errManyKeys  = fmt.Errorf("idempotency keys: %d are remembered of the last day: wait, or send this without one", mostKeys)
	errOtherBody = errors.New("this idempotency key was sent with another body before")
	errLongKey   = fmt.Errorf("idempotency key: %w: it has at most 128 characters", record.ErrInvalid)
)

// Bounds of what is remembered: for how long, how many answers, and of how many
// bytes each; a longer answer is not, and its operation would run again.
const (
	keyLife   = 24 * time.Hour
	longKey   = 128
	gone      = 499 // the status of what its client did not wait for
	mostKeys  = 50_000
	mostBytes = 64 << 10
	clearing  = 10 * time.Minute // between two looks for what is too old
)

// Answer is what an idempotency key was answered, or that something was begun under
// it. It may name patients.
type Answer struct {
	At     time.Time `json:"at"`
	Sum    [32]byte  `json:"sum"`  // SHA-256 of the body that was sent
	Done   bool      `json:"done"` // false: begun, and not known whether it was done
	Status int       `json:"status,omitempty"`
	Kind   string    `json:"kind,omitempty"` // of the body
	Body   []byte    `json:"body,omitempty"`
}

// Answers keeps what keys were answered, beyond the end of the process. Names are
// hashes.
type Answers interface {
	// Answer returns one; record.ErrNotFound for none.
	Answer(ctx context.Context, name string) (Answer, error)
	// PutAnswer keeps one, in place of one of the same name.
	PutAnswer(ctx context.Context, name string, a Answer) error
	// DropAnswer forgets one.
	DropAnswer(ctx context.Context, name string) error
	// ClearAnswers forgets those before a moment, and counts what is left.
	ClearAnswers(ctx context.Context, before time.Time) (left int, err error)
}

// Yesterday is the moment before which what keys were answered is forgotten.
func Yesterday(now time.Time) time.Time { return now.Add(-keyLife) }

// answered remembers what idempotency keys were answered. It is safe for
// concurrent use.
type answered struct {
	mu      sync.Mutex
	doing   map[string]bool // keys under which something is being done, here
	cleared time.Time
	left    int // answers, as of then, and those since
}

// named is whose key for which operation, hashed: what clients make up takes no
// room, and says nothing.
func named(user, op, key string) (string, error) {
	if len(key) > longKey {
		return "", errLongKey
	}
	sum := sha256.Sum256([]byte(user + "\x00" + op + "\x00" + key))
	return hex.EncodeToString(sum[:]), nil
}

// begin returns what a key was answered, Done, or writes down that the caller begins
// to answer it. record.ErrBusy while another does.
func (a *API) begin(ctx context.Context, name string, body []byte) (Answer, error) {
	m := &a.answered
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.Acts != nil {
		a.Acts.Lock()
		defer a.Acts.Unlock()
	}
	now := a.Now()
	if now.Sub(m.cleared).Abs() > clearing {
		left, err := a.Answers.ClearAnswers(ctx, Yesterday(now))
		if err != nil {
			return Answer{}, err
		}
		m.cleared, m.left = now, left
	}
	sum := sha256.Sum256(body)
	old, err := a.Answers.Answer(ctx, name)
	switch {
	case err != nil && !errors.Is(err, record.ErrNotFound):
		return Answer{}, err
	case err == nil && now.Sub(old.At) <= keyLife && old.Sum != sum:
		return Answer{}, errOtherBody
	case m.doing[name]:
		return Answer{}, fmt.Errorf("idempotency key: %w: the same is being done", record.ErrBusy)
	case err == nil && now.Sub(old.At) <= keyLife && old.Done:
		return old, nil
	case err == nil && now.Sub(old.At) <= keyLife:
		return Answer{}, errNobodyKnows
	}
	if m.left >= mostKeys {
		return Answer{}, errManyKeys
	}
	fresh := Answer{At: now, Sum: sum}
	if err := a.Answers.PutAnswer(ctx, name, fresh); err != nil {
		return Answer{}, err
	}
	if m.doing == nil {
		m.doing = map[string]bool{}
	}
	m.doing[name] = true
	m.left++
	return fresh, nil
}

// end keeps an answer, or forgets the key where it cannot be kept, or where trying
// again may help.
func (a *API) end(ctx context.Context, name string, begun Answer, r *recorder) {
	m := &a.answered
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.doing, name)
	var err error
	if status := max(r.status, r.failed); status == 0 || status >= gone || status == http.StatusConflict || r.body.Len() > mostBytes {
		if err = a.Answers.DropAnswer(ctx, name); err == nil {
			m.left--
		}
	} else {
		begun.Done, begun.Status, begun.Kind, begun.Body = true, r.status, r.Header().Get("Content-Type"), r.body.Bytes()
		err = a.Answers.PutAnswer(ctx, name, begun)
	}
	if err != nil { // whoever asks again is told that nobody knows
		a.Log.ErrorContext(ctx, "what an idempotency key was answered is not kept", "err", err)
	}
}

func (a Answer) replay(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.Kind)
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(a.Status)
	w.Write(a.Body) // the client may have gone
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
