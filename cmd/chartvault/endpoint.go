package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"chartvault/internal/durable"
)

// endpoint is where the daemon answers. What answers may change while it runs.
type endpoint struct {
	token   string
	file    string // tells commands on this machine where it is
	ln      net.Listener
	srv     *http.Server
	handler atomic.Pointer[http.Handler]
	done    chan error
}

// listen begins to answer, with "not ready" until something else is set.
func listen(addr, file string, log *slog.Logger) (*endpoint, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	token := make([]byte, 32)
	rand.Read(token) // never fails
	e := &endpoint{token: hex.EncodeToString(token), file: file, ln: ln, done: make(chan error, 1)}
	e.handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	e.srv = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*e.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: mostHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	info, err := json.Marshal(daemonFile{Addr: e.addr(), Token: e.token})
	if err == nil {
		_, err = durable.Replace(file, bytes.NewReader(info), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	go func() { e.done <- e.srv.Serve(ln) }()
	return e, nil
}

func (e *endpoint) addr() string { return e.ln.Addr().String() }

// handle sets what answers from now on.
func (e *endpoint) handle(h http.Handler) { e.handler.Store(&h) }

// wait answers until ctx ends, lets requests end, and takes the file away.
func (e *endpoint) wait(ctx context.Context) error {
	select {
	case err := <-e.done:
		return errors.Join(err, durable.Remove(e.file))
	case <-ctx.Done():
	}
	return e.stop()
}

// stop lets requests end, and takes the file away.
func (e *endpoint) stop() error {
	sctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := e.srv.Shutdown(sctx)
	if err != nil {
		err = e.srv.Close() // a client that holds on is cut off
	}
	return errors.Join(err, durable.Remove(e.file))
}
