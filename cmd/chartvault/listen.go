package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"chartvault/accounts"
	"chartvault/internal/durable"
	"chartvault/web"
)

// handler answers the API, and everybody else with the pages.
func (a *app) handler(token string, shown http.Handler) http.Handler {
	ops := map[string]web.Op{}
	for name, o := range operations() {
		ops[name] = a.webOp(o)
	}
	s := &web.Server{Ops: ops, Token: token, Ready: a.ready, Metrics: a.metrics, Problem: problem, Station: a.answerStation, Log: a.log}
	api := s.Handler()
	mux := http.NewServeMux()
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/api/v1/", "/station/"} {
		mux.Handle(path, api)
	}
	mux.Handle("/", shown)
	return mux
}

// mostHeader bounds the header of a request, in bytes.
const mostHeader = 32 << 10

// setupFile holds the code with which the first administrator is made, while
// there is nobody.
const setupFile = "setup-code"

// offerSetup makes the pages' set-up code, while nobody can sign in.
func (a *app) offerSetup(ctx context.Context, desk *accounts.Desk) error {
	a.accounts.Store(desk)
	code, err := desk.SetupCode(ctx)
	if err != nil {
		return err
	}
	if code == "" {
		return durable.Remove(a.cfg.path(setupFile))
	}
	if _, err := durable.Replace(a.cfg.path(setupFile), strings.NewReader(code+"\n"), 0o600); err != nil {
		return err
	}
	a.log.InfoContext(ctx, "nobody can sign in to the pages yet; the code to make the first administrator is good for an hour", "file", setupFile)
	return nil
}

// listenPages answers people on other machines with the pages, and nothing
// else, over TLS, where the site wants that. What it returns serves until its
// context ends.
func (a *app) listenPages(shown http.Handler) (func(context.Context) error, error) {
	if a.cfg.Server.Pages == "" {
		return func(context.Context) error { return nil }, nil
	}
	dir := a.cfg.path("tls")
	if err := durable.MkdirAll(dir); err != nil {
		return nil, err
	}
	auth, err := web.OpenAuthority(dir, a.cfg.Server.Names, a.now, func(name string, b []byte) error {
		_, err := durable.Replace(name, bytes.NewReader(b), 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	ln, err := tls.Listen("tcp", a.cfg.Server.Pages, auth.Config())
	if err != nil {
		return nil, fmt.Errorf("listen for pages: %w", err)
	}
	srv := &http.Server{Handler: strictTransport(shown), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: mostHeader,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)} // strangers' handshakes are no event
	a.log.Info("serving pages", "addr", ln.Addr().String(), "authority", "tls/ca.pem", "sha256", auth.Fingerprint())
	return func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ln) }()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
		}
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(sctx); err != nil {
			return srv.Close() // a browser that holds on is cut off
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, nil
}

// strictTransport has browsers never ask without TLS again.
func strictTransport(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		next.ServeHTTP(w, r)
	})
}
