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
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"chartvault/audit"
	"chartvault/ingest"
	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/retention"
	"chartvault/web"
)

func (e *env) serveCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "serve",
		Short:   "Run the daemon: watch the scan folder, answer the API, keep the schedule",
		Example: "  chartvault serve --data /var/lib/chartvault --passphrase-file /run/credentials/passphrase",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.serve(cmd.Context()) },
	}
}

func (e *env) serve(ctx context.Context) error {
	unlock, daemon, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	if daemon != nil {
		return fmt.Errorf("a daemon is running on %s: %w", daemon.Addr, record.ErrBusy)
	}
	e.log = slog.New(slog.NewTextHandler(e.err, nil))
	// A file of a daemon that was killed would send commands to nobody.
	if err := durable.Remove(e.daemonPath()); err != nil {
		unlock()
		return err
	}
	a, err := e.open(ctx, unlock)
	if err != nil {
		return err
	}
	err = a.serve(ctx, e.daemonPath())
	cctx := context.WithoutCancel(ctx)
	err = errors.Join(err, durable.Remove(e.daemonPath()), a.arch.Journal(cctx, audit.ActStop, "", change{Actor: record.Daemon}), a.Close(cctx))
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// serve runs until ctx ends.
func (a *app) serve(ctx context.Context, daemonPath string) error {
	if err := a.warm(); err != nil {
		return err
	}
	if err := a.feed(ctx); err != nil {
		return err
	}
	if err := a.arch.Journal(ctx, audit.ActStart, "", change{Actor: record.Daemon}); err != nil {
		return err
	}
	c := &a.cfg.Ingest
	a.pipeline.Progress = a.meter.progress
	a.watcher = &ingest.Watcher{
		Folder: a.cfg.path(c.Folder), Settle: time.Duration(c.Settle), Poll: time.Duration(c.Poll), Patience: time.Duration(c.Patience),
		Parallel: a.cfg.workers() + 1, Reserve: c.ReserveMiB << 20, Keep: time.Duration(c.Keep), Pipeline: a.pipeline, Log: a.log,
		Filed: func(r ingest.Result) { a.filed(ctx, r) },
	}
	ln, err := net.Listen("tcp", a.cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	token := make([]byte, 32)
	rand.Read(token) // never fails
	srv := a.httpServer(hex.EncodeToString(token))
	info, err := json.Marshal(daemonFile{Addr: ln.Addr().String(), Token: hex.EncodeToString(token)})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if _, err := durable.Replace(daemonPath, bytes.NewReader(info), 0o600); err != nil {
		return errors.Join(err, ln.Close())
	}
	a.log.Info("serving", "addr", ln.Addr().String(), "folder", a.watcher.Folder)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.watcher.Run(gctx) })
	g.Go(func() error { return a.schedule(gctx) })
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-gctx.Done()
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(sctx); err != nil {
			return srv.Close() // a client that holds on is cut off
		}
		return nil
	})
	return g.Wait()
}

func (a *app) filed(ctx context.Context, r ingest.Result) {
	a.log.InfoContext(ctx, "batch filed", "batch", r.ID.String(), "state", string(r.State), "pages", r.Counts.PagesIn, "filed", r.Counts.Filed,
		"separators", r.Counts.Separators, "blanks", r.Counts.Blanks, "qa", r.Counts.QA, "duplicate", r.Duplicate)
	if err := a.feed(ctx); err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "index not fed; it catches up later", "err", err)
	}
}

func (a *app) httpServer(token string) *http.Server {
	ops := map[string]web.Op{}
	for name, o := range operations() {
		ops[name] = a.webOp(o)
	}
	s := &web.Server{Ops: ops, Token: token, Ready: a.ready, Metrics: a.metrics, Problem: problem, Log: a.log}
	return &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
}

// ready says whether scans can be filed and read now.
func (a *app) ready(ctx context.Context) error {
	if err := a.watcher.Halted(); err != nil {
		return err
	}
	_, err := a.cat.Batches(ctx)
	return err
}

// schedule publishes the log every minute, and once a day proposes what is due
// and executes what is ready.
func (a *app) schedule(ctx context.Context) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	lastDay := record.Date{}
	for {
		if day := record.DateOf(a.now()); day != lastDay && a.cfg.Retention.Automatic {
			lastDay = day
			a.planMu.Lock()
			_, _, err := a.makePlan(ctx, record.Daemon)
			a.planMu.Unlock()
			if err != nil && ctx.Err() == nil {
				a.log.ErrorContext(ctx, "due documents not planned", "err", err)
			}
			if err := a.sweepLocked(ctx); err != nil && ctx.Err() == nil {
				a.log.ErrorContext(ctx, "locked remains not removed; it is tried again tomorrow", "err", err)
			}
		}
		if a.cfg.Retention.Automatic {
			a.executeReady(ctx)
		}
		if err := a.arch.Publish(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "audit log not published; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-minute.C:
		}
	}
}

// executeReady executes every plan whose cooling-off has ended.
func (a *app) executeReady(ctx context.Context) {
	var ids []string
	es, err := a.cat.Entries(ctx, "plan")
	if err != nil {
		return // the next minute tries again
	}
	for _, e := range es {
		if e.State == planOpen || e.State == planExecuting {
			ids = append(ids, e.ID)
		}
	}
	for _, id := range ids {
		a.planMu.Lock()
		err := a.execute(ctx, record.Daemon, id)
		a.planMu.Unlock()
		switch {
		case err == nil:
			a.log.InfoContext(ctx, "plan executed", "plan", id)
		case errors.Is(err, record.ErrNotReady), ctx.Err() != nil:
		case errors.Is(err, retention.ErrClocks):
			a.log.ErrorContext(ctx, "nothing is destroyed", "plan", id, "err", err)
		default:
			a.log.ErrorContext(ctx, "plan not executed", "plan", id, "err", err)
		}
	}
}
