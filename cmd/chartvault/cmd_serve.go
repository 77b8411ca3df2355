package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"chartvault/audit"
	"chartvault/disposition"
	"chartvault/ingest"
	"chartvault/internal/durable"
	"chartvault/record"
	"chartvault/retention"
	"chartvault/web/api"
)

func (e *env) serveCmd() *cobra.Command {
	var sealed bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon: watch the scan folder, answer the API, keep the schedule",
		Long: "Runs the daemon. With --sealed it starts without a passphrase: scans are taken in and sealed with public keys only, everything else\n" +
			"answers \"sealed\", until \"chartvault unlock\" opens the vault.",
		Example: "  chartvault serve --data /var/lib/chartvault --passphrase-file /run/credentials/passphrase",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.serve(cmd.Context(), sealed) },
	}
	c.Flags().BoolVar(&sealed, "sealed", false, "start without opening the vault")
	return c
}

func (e *env) serve(ctx context.Context, sealed bool) error {
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
	if sealed {
		return e.serveSealed(ctx, unlock)
	}
	a, err := e.open(ctx, unlock)
	if err != nil {
		return err
	}
	return a.serveUntil(ctx, func() (*endpoint, error) { return listen(a.cfg.Server.Listen, e.daemonPath(), a.log) })
}

// serveUntil serves until ctx ends, and closes the archive.
func (a *app) serveUntil(ctx context.Context, listen func() (*endpoint, error)) error {
	err := a.serve(ctx, listen)
	cctx := context.WithoutCancel(ctx)
	err = errors.Join(err, a.arch.Journal(cctx, audit.ActStop, "", change{Actor: record.Daemon}), a.Close(cctx))
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// serve runs until ctx ends.
func (a *app) serve(ctx context.Context, listen func() (*endpoint, error)) error {
	if err := a.cfg.warm(); err != nil {
		return err
	}
	if err := a.mayServe(ctx); err != nil {
		return err
	}
	if err := a.tryLocks(ctx); err != nil {
		a.log.ErrorContext(ctx, "the store's locks were not tried", "err", err)
	}
	if err := a.outbox.Sweep(); err != nil {
		return err
	}
	if err := a.resumeCorrections(ctx); err != nil {
		return err
	}
	if err := a.feed(ctx); err != nil {
		if !finding(err) { // what is damaged does not keep the rest from being served
			return err
		}
		a.log.ErrorContext(ctx, "a document is not in the index", "err", err)
	}
	if err := a.arch.Journal(ctx, audit.ActStart, "", change{Actor: record.Daemon}); err != nil {
		return err
	}
	if !a.cat.Shared() { // what was done before this start is done again
		if err := errors.Join(a.cat.Recall(ctx, a.now()), a.cat.SetProgress(ctx, dailyDone, "")); err != nil {
			return err
		}
	}
	// Before the folder is looked at: the source of what was sealed may still lie there.
	if err := a.takeOverAll(ctx); err != nil {
		a.log.ErrorContext(ctx, "deposits not taken over; it is tried again", "err", err)
	}
	a.pipeline.Progress = a.meter.progress
	a.watcher = newWatcher(a.cfg, a.pipeline, a.log, func(r ingest.Result) { a.filed(ctx, r) }, a.outbox.Holds)
	ep, err := listen()
	if err != nil {
		return err
	}
	desk, err := a.newAccounts()
	if err != nil {
		return err
	}
	desk.RequireFactor = a.cfg.Production
	door, err := a.cfg.door(a.now)
	if err != nil {
		return err
	}
	ending := make(chan struct{})
	pages, err := a.pages(desk, door, ending).Handler()
	if err != nil {
		return err
	}
	programs, err := a.programs(desk).Handler()
	if err != nil {
		return err
	}
	shown := withPrograms(programs, pages)
	ep.handle(a.handler(ep.token, shown))
	if err := a.offerSetup(ctx, desk); err != nil {
		a.log.ErrorContext(ctx, "no set-up code could be made; whoever may sign in still can", "err", err)
	}
	others, err := a.listenPages(shown)
	if err != nil {
		return err
	}
	a.log.Info("serving", "addr", ep.addr(), "folder", a.watcher.Folder)
	g, gctx := errgroup.WithContext(ctx)
	for _, f := range []func(context.Context) error{a.watcher.Run, a.schedule, a.publishing, a.takingOver, a.importing, a.deciding, a.following, a.cleaning} {
		g.Go(func() error { return f(gctx) })
	}
	g.Go(func() error { // whatever ends first
		<-gctx.Done()
		close(ending)
		// Whoever waits for a database that is away waits no longer then.
		time.AfterFunc(endPatience, a.arch.Log.Abandon)
		return nil
	})
	g.Go(func() error { return ep.wait(gctx) })
	g.Go(func() error { return others(gctx) })
	return g.Wait()
}

// endPatience is how long what is being done may wait for a database that is away once
// the daemon is told to end.
const endPatience = 20 * time.Second

func (a *app) filed(ctx context.Context, r ingest.Result) {
	a.log.InfoContext(ctx, "batch filed", "batch", r.ID.String(), "state", string(r.State), "pages", r.Counts.PagesIn, "filed", r.Counts.Filed,
		"separators", r.Counts.Separators, "blanks", r.Counts.Blanks, "qa", r.Counts.QA, "duplicate", r.Duplicate)
	if err := a.feed(ctx); err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "index not fed; it catches up later", "err", err)
	}
}

// ready says whether scans can be filed and read now.
func (a *app) ready(ctx context.Context) error {
	if err := a.watcher.Halted(); err != nil {
		return err
	}
	_, err := a.cat.Batches(ctx)
	return err
}

// schedule does by the clock what one of the servers does: it looks after the
// store; once a day it decides about every document, lets automations propose and
// removes what locks kept; and it executes what is ready. Every server watches its
// own clock.
func (a *app) schedule(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.watchClocks(gctx) })
	g.Go(func() error { return a.working(gctx, "store", time.Minute, a.storeStep) })
	g.Go(func() error { return a.working(gctx, "schedule", time.Minute, a.keepSchedule) })
	if a.cat.Shared() {
		g.Go(func() error { return a.working(gctx, "destructions", time.Minute, a.resume) })
		g.Go(func() error { return a.working(gctx, "indexes", time.Minute, a.endShards) })
	}
	return g.Wait()
}

// keepSchedule does what is daily, and then executes what is ready: what was proposed
// just now among it.
func (a *app) keepSchedule(ctx context.Context) error {
	err := a.today(ctx)
	if a.cfg.Retention.Automatic {
		err = errors.Join(err, a.executeReady(ctx))
	}
	return err
}

// watchClocks compares the clocks every minute.
func (a *app) watchClocks(ctx context.Context) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		if err := a.desk.Watch(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "the clocks could not be compared", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-minute.C:
		}
	}
}

// dailyDone is the day for which what is done daily has been done.
const dailyDone = "daily"

// today does what the clock does once a day, unless it is done.
func (a *app) today(ctx context.Context) error {
	s, err := a.desk.InForce(ctx)
	if err != nil {
		return err
	}
	day := s.Today(a.now()).String() // the site's day, not the server's
	if done, err := a.cat.Progress(ctx, dailyDone); err != nil || done == day {
		return err
	}
	if err := a.daily(ctx); err != nil {
		return fmt.Errorf("the daily evaluation is not finished: %w", err)
	}
	return a.cat.SetProgress(ctx, dailyDone, day)
}

// A decision about everything is taken at most this often, and not more than one
// part in so many of the time is spent with it.
const (
	decideEvery = 20 * time.Second
	decideShare = 20
)

// deciding decides about every document anew after something changed that may move
// days, so that lists of what is due are never older than that.
func (a *app) deciding(ctx context.Context) error {
	for decided := a.moved.Load(); ; {
		pause := time.Duration(decideEvery)
		if at := a.moved.Load(); at != decided {
			began := time.Now()
			if err := a.decideAnew(ctx); err == nil {
				decided = at
			} else if ctx.Err() == nil {
				a.log.ErrorContext(ctx, "what changed is not evaluated yet; it is tried again", "err", err)
			}
			pause = max(pause, decideShare*time.Since(began))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// decidedAs is as of which changes everything was decided by one of the servers.
const decidedAs = "decided"

// decideAnew decides about every document anew, unless another server has since
// what changed.
func (a *app) decideAnew(ctx context.Context) error {
	a.decideMu.Lock()
	defer a.decideMu.Unlock()
	a.tell(ctx)
	if err := a.follow(ctx); err != nil {
		return err
	}
	a.hearMu.Lock()
	as := fmt.Sprint(a.heard.Signals[signalMoved], " ", a.heard.Change)
	a.hearMu.Unlock()
	if done, err := a.cat.Progress(ctx, decidedAs); err != nil || a.cat.Shared() && done == as {
		a.dueSums.Store(nil)
		return err
	}
	ev, err := a.evaluateAnew(ctx)
	if err != nil {
		return err
	}
	a.meter.evaluation.Store(&ev)
	if !a.cat.Shared() {
		return nil
	}
	return a.cat.SetProgress(ctx, decidedAs, as)
}

// daily is what the clock does once a day.
func (a *app) daily(ctx context.Context) error {
	if _, err := (answers{a}).ClearAnswers(ctx, api.Yesterday(a.now())); err != nil {
		a.log.ErrorContext(ctx, "what idempotency keys were answered is not cleared", "err", err)
	}
	a.log.InfoContext(ctx, "retention evaluation begins")
	if err := a.probeLocks(ctx); err != nil {
		a.log.ErrorContext(ctx, "the store's locks were not tried", "err", err)
	}
	if _, err := a.keysBack(ctx); err != nil {
		return err
	}
	ev, err := a.evaluate(ctx, a.meter.evaluating)
	if err != nil {
		return err
	}
	a.meter.evaluation.Store(&ev)
	if ev.resumed { // what changed before where it went on is decided after it
		a.moved.Add()
	}
	a.log.InfoContext(ctx, "retention evaluated", "schedule", ev.Schedule, "documents", ev.Documents, "due", ev.Verdicts[string(retention.Due)], "held", ev.Verdicts[string(retention.Held)],
		"unresolved", ev.Verdicts[string(retention.Unresolved)], "seconds", ev.Seconds)
	if err := a.sweepLocked(ctx); err != nil {
		return err
	}
	if !a.cfg.Retention.Automatic {
		return nil
	}
	made, err := a.desk.Propose(ctx)
	for _, e := range made {
		a.log.InfoContext(ctx, "plan proposed", "plan", e.ID, "state", e.State)
	}
	switch {
	case errors.Is(err, disposition.ErrFrozen), errors.Is(err, disposition.ErrClocks), errors.Is(err, disposition.ErrCanary):
		a.log.ErrorContext(ctx, "nothing is proposed", "err", err)
	case err != nil:
		return err
	}
	return nil
}

// executeReady executes every plan whose time has come.
func (a *app) executeReady(ctx context.Context) error {
	if err := a.feed(ctx); err != nil {
		return err
	}
	return a.desk.ExecuteReady(ctx, func(r disposition.Run, err error) {
		a.log.InfoContext(ctx, "plan executed", "plan", r.Plan.String(), "destroyed", r.Destroyed, "kept", r.Kept, "pending", r.Pending, "done", r.Done)
		if err != nil {
			a.log.ErrorContext(ctx, "the plan is not finished", "plan", r.Plan.String(), "err", err)
		}
	})
}
