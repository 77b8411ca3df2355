// Package web is the archive's HTTP side: liveness, readiness, metrics and a
// JSON API on loopback, which the command line uses while the daemon runs.
//
// Its invariants: everything but /livez, /readyz and the question of a station,
// which carries a signature, needs the token, compared in constant time before
// a body is read; patient data travels in bodies only,
// never in a URL; an error is said once, in the form of Problem, with a code
// that never changes its meaning.
//
// The API: POST /api/v1/NAME with a JSON object; the answer is JSON lines, one
// object each. When an operation fails after its first line, the last line is
// {"error": Problem}; before it, the status says so and the body is the Problem.
package web

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Op is one operation of the API. in is the request's JSON object; out sends
// one line of the answer.
type Op func(ctx context.Context, in json.RawMessage, out func(any) error) error

// Server answers requests. Its fields are set before use.
type Server struct {
	Ops     map[string]Op
	Token   string                          // bearer token; 256 bits of chance
	Ready   func(ctx context.Context) error // nil when the archive can file and read
	Metrics func() []Metric
	Problem func(error) Problem                                                   // the table of errors
	Station func(ctx context.Context, question []byte) (answer []byte, err error) // what became of deposits; both are signed
	Log     *slog.Logger
}

// Problem is an error as the API says it.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Status  int    `json:"status"`
}

// Metric is one number for /metrics, in the Prometheus text format.
type Metric struct {
	Name  string // such as chartvault_pages_total
	Help  string
	Kind  string // "counter" or "gauge"
	Value float64
}

// maxRequest bounds a request's body, in bytes: a patient list of a million
// people fits.
const maxRequest = 128 << 20

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("POST /station/v1/ask", s.ask)
	mux.Handle("GET /metrics", s.authenticated(s.metrics))
	mux.Handle("POST /api/v1/{op}", s.authenticated(s.operate))
	return http.NewCrossOriginProtection().Handler(Headers(mux))
}

// Headers has answers to programs kept by nobody, and shown as nothing else than what
// they are.
func Headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

func (s *Server) authenticated(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || s.Token == "" || subtle.ConstantTimeCompare([]byte(got), []byte(s.Token)) != 1 {
			s.fail(w, Problem{"unauthenticated", "a bearer token is needed: it is in daemon.json in the data directory", http.StatusUnauthorized})
			return
		}
		next(w, r)
	})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(r.Context()); err != nil {
		s.fail(w, s.Problem(err))
		return
	}
	io.WriteString(w, "ready\n")
}

// maxQuestion bounds a station's question, in bytes.
const maxQuestion = 64 << 10

func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	if err != nil {
		s.fail(w, Problem{"invalid", "want a question of at most 64 KiB", http.StatusBadRequest})
		return
	}
	answer, err := s.Station(r.Context(), body)
	if err != nil {
		s.fail(w, s.Problem(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(answer) // the station may have gone, and asks again
}

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	b := bufio.NewWriter(w)
	defer b.Flush()
	for _, m := range s.Metrics() {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n%s %g\n", m.Name, m.Help, m.Name, m.Kind, m.Name, m.Value)
	}
}

func (s *Server) operate(w http.ResponseWriter, r *http.Request) {
	op, ok := s.Ops[r.PathValue("op")]
	if !ok {
		s.fail(w, Problem{"not_found", "there is no such operation", http.StatusNotFound})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil || !json.Valid(body) {
		s.fail(w, Problem{"invalid", "want one JSON object of at most 128 MiB", http.StatusBadRequest})
		return
	}
	// Reading a chart may take longer than a server's usual patience.
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.fail(w, s.Problem(err))
		return
	}
	begun := false
	enc := json.NewEncoder(w)
	err = op(r.Context(), body, func(v any) error {
		if !begun {
			w.Header().Set("Content-Type", "application/x-ndjson")
			begun = true
		}
		if err := enc.Encode(v); err != nil {
			return err
		}
		return rc.Flush()
	})
	switch p := s.Problem(err); {
	case err == nil && !begun:
		w.WriteHeader(http.StatusNoContent)
	case err == nil:
	case begun:
		// The status has gone out; the last line says it.
		enc.Encode(map[string]Problem{"error": p})
	default:
		s.fail(w, p)
	}
}

func (s *Server) fail(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(map[string]Problem{"error": p}) // the client may have gone
}
