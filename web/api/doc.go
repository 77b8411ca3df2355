// Package api is the archive's API for programs that act for people: each
// operation a POST of one JSON object, its answer JSON lines, described by an
// OpenAPI 3.1 document that is made of the same table and the same types.
//
// Its invariants: nothing is done without a token of a user, whose rights and
// whose token's rights both allow it, by the one table of endpoints; a token
// never approves, checks or changes users, because no endpoint does; chart
// numbers travel in bodies only; an error is said as RFC 9457 wants it, with a
// code that never changes its meaning, and never repeats what was sent.
//
// It stores nothing itself. What an idempotency key was answered is kept for a day
// where the archive keeps it (Answers), as the JSON of Answer.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"chartvault/accounts"
	"chartvault/record"
	"chartvault/web"
)

// Prefix is where the API is.
const Prefix = "/api/v2/"

// Endpoint is one operation for programs.
type Endpoint struct {
	Op      string         // its name, in the path and among the archive's operations
	Group   string         // of endpoints, for readers
	Summary string         // in a few words
	Right   accounts.Right // it takes
	Changes bool           // something; it may then be sent with an idempotency key
	In, Out any            // values of the types of its object and of a line of its answer; nil for none
}

// API answers programs. Its fields are set before use.
type API struct {
	Endpoints []Endpoint
	Accounts  *accounts.Desk
	Call      func(ctx context.Context, who record.Actor, op string, params any, f func(json.RawMessage) error) error
	Problem   func(error) web.Problem // the table of errors
	Now       func() time.Time
	Log       *slog.Logger
	Answers   Answers     // of idempotency keys
	Acts      sync.Locker // the common turn of several servers, for these; nil for one server

	answered answered
}

// Problem is an error as RFC 9457 has it, with the archive's code beside.
type Problem struct {
	Type   string `json:"type"`   // "urn:chartvault:problem:CODE"
	Title  string `json:"title"`  // the code in words
	Status int    `json:"status"` // the HTTP status
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"` // which never changes its meaning
}

func problemOf(p web.Problem) Problem {
	return Problem{"urn:chartvault:problem:" + p.Code, strings.ReplaceAll(p.Code, "_", " "), p.Status, p.Message, p.Code}
}

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// Handler returns the routes: the operations, and their description.
func (a *API) Handler() (http.Handler, error) {
	spec, err := json.MarshalIndent(a.Describe(), "", "  ")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, e := range a.Endpoints {
		mux.Handle("POST "+Prefix+e.Op, a.serve(e))
	}
	mux.HandleFunc("GET "+Prefix+"openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		w.Write(append(spec, '\n')) // whoever asked may have gone
	})
	mux.HandleFunc(Prefix, func(w http.ResponseWriter, _ *http.Request) {
		a.fail(w, web.Problem{Code: "not_found", Message: "there is no such operation", Status: http.StatusNotFound})
	})
	return web.Headers(mux), nil
}

// serve answers one operation: whose token it is comes before the body is read.
func (a *API) serve(e Endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			a.refuse(w, web.Problem{Code: "unauthenticated", Message: "a token of a user is needed: people make their own under their sign-in", Status: http.StatusUnauthorized})
			return
		}
		who, err := a.Accounts.ByToken(r.Context(), secret, addr(r))
		switch {
		case errors.Is(err, record.ErrDenied):
			a.refuse(w, web.Problem{Code: "unauthenticated", Message: err.Error(), Status: http.StatusUnauthorized})
			return
		case err != nil:
			a.fail(w, a.Problem(err))
			return
		case !who.May(e.Right):
			a.fail(w, web.Problem{Code: "denied", Message: "this token may not " + string(e.Right), Status: http.StatusForbidden})
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil || !object(body) {
			a.fail(w, web.Problem{Code: "invalid", Message: "want one JSON object of at most 1 MiB", Status: http.StatusBadRequest})
			return
		}
		a.answer(w, r, e, who, body)
	})
}

// object reports whether a body is one JSON object.
func object(b []byte) bool {
	var o map[string]json.RawMessage
	return json.Unmarshal(b, &o) == nil && o != nil
}

func addr(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// answer runs an operation, or says again what an idempotency key was answered.
func (a *API) answer(w http.ResponseWriter, r *http.Request, e Endpoint, who accounts.Bearer, body []byte) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || !e.Changes {
		a.run(w, r, e, who, body)
		return
	}
	name, err := named(who.User.Name, e.Op, key)
	if err != nil {
		a.fail(w, a.keyed(err))
		return
	}
	ctx := context.WithoutCancel(r.Context()) // what is begun under a key is done, and its answer kept
	ans, err := a.begin(ctx, name, body)
	if err != nil {
		a.fail(w, a.keyed(err))
		return
	}
	if ans.Done {
		ans.replay(w)
		return
	}
	rec := &recorder{ResponseWriter: w}
	defer a.end(ctx, name, ans, rec)
	a.run(rec, r.WithContext(ctx), e, who, body)
}

func (a *API) keyed(err error) web.Problem {
	if errors.Is(err, errOtherBody) || errors.Is(err, errLongKey) {
		return web.Problem{Code: "invalid", Message: err.Error(), Status: http.StatusUnprocessableEntity}
	}
	if errors.Is(err, errManyKeys) {
		return web.Problem{Code: "too_many_keys", Message: err.Error(), Status: http.StatusTooManyRequests}
	}
	if errors.Is(err, errNobodyKnows) {
		return web.Problem{Code: "outcome_unknown", Message: err.Error(), Status: http.StatusConflict}
	}
	return a.Problem(err)
}

func (a *API) run(w http.ResponseWriter, r *http.Request, e Endpoint, who accounts.Bearer, body []byte) {
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) { // a chart takes its time
		a.fail(w, a.Problem(err))
		return
	}
	rec, keyed := w.(*recorder)
	begun := false
	err := a.Call(r.Context(), who.User.Actor(), e.Op, json.RawMessage(body), func(line json.RawMessage) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		if err := rc.Flush(); err != nil && !keyed && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return nil
	})
	switch {
	case err == nil && !begun:
		w.WriteHeader(http.StatusNoContent)
	case err == nil:
	case begun:
		// The status has gone out; the last line says it.
		p := a.hide(a.Problem(err), err, e)
		if keyed {
			rec.failed = p.Status
		}
		b, merr := json.Marshal(map[string]Problem{"error": problemOf(p)})
		if merr == nil {
			w.Write(append(b, '\n')) // the client may have gone
		}
	default:
		a.fail(w, a.hide(a.Problem(err), err, e))
	}
}

// hide keeps what goes wrong inside from those outside.
func (a *API) hide(p web.Problem, err error, e Endpoint) web.Problem {
	if p.Status >= http.StatusInternalServerError {
		a.Log.Error("operation failed", "op", e.Op, "err", err)
		p.Message = "something inside went wrong; it is in the server's log"
	}
	return p
}

// refuse is fail for whoever has no token.
func (a *API) refuse(w http.ResponseWriter, p web.Problem) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="Chartvault"`)
	a.fail(w, p)
}

func (a *API) fail(w http.ResponseWriter, p web.Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(problemOf(p)) // the client may have gone
}

// typeOf is the type of a value of the table; nil for none.
func typeOf(v any) reflect.Type {
	if v == nil {
		return nil
	}
	return reflect.TypeOf(v)
}
