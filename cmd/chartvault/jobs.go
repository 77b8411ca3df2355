package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chartvault/catalog"
)

// A lease lasts so long, and is lengthened every third of it. A server that ends
// without a word is noticed sooner, and its leases end then.
const jobLease = 2 * time.Minute

// jobLook is how often a job that is not due, or that another server does, is
// looked at.
const jobLook = time.Second

// again is when a job that went wrong is done again, at the latest.
const again = time.Minute

// working does a job whenever it is due and no other server does it, until ctx
// ends.
func (a *app) working(ctx context.Context, name string, every time.Duration, do func(context.Context) error) error {
	for {
		if err := a.job(ctx, name, every, do); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "a job is not done; it is tried again", "job", name, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(every, jobLook)):
		}
	}
}

// job does a job if it is due and nobody else does it. It is due again after
// every; a job without every is done once.
func (a *app) job(ctx context.Context, name string, every time.Duration, do func(context.Context) error) error {
	now, err := a.cat.Time(ctx, a.now())
	if err != nil {
		return err
	}
	if err := a.cat.PutJob(ctx, name, now); err != nil {
		return err
	}
	j, ok, err := a.cat.TakeJob(ctx, name, now, every, jobLease)
	if err != nil || !ok {
		return err
	}
	jctx, stop := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		a.keepLease(jctx, j, stop)
	}()
	err = do(jctx)
	if cause := context.Cause(jctx); errors.Is(cause, catalog.ErrLease) {
		err = cause
	}
	stop(nil)
	<-kept
	// Also where the daemon ends: another server need not wait for the lease.
	ectx, estop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer estop()
	if now, terr := a.cat.Time(ectx, a.now()); terr == nil {
		next, why := time.Time{}, ""
		if every > 0 {
			next = now.Add(every)
		}
		if err != nil {
			why = err.Error()
			if next.IsZero() { // whoever has it done asks again
				next = now
			}
			next = earlier(next, now.Add(again))
		}
		if ctx.Err() != nil { // it was not done, and nothing is wrong
			next, why = now, ""
		}
		if eerr := a.cat.EndJob(ectx, j, now, next, why); err == nil && !errors.Is(eerr, catalog.ErrLease) {
			err = eerr
		}
	}
	return err
}

// keepLease lengthens a lease until ctx ends, and ends ctx when it is lost.
func (a *app) keepLease(ctx context.Context, j catalog.Job, stop context.CancelCauseFunc) {
	until := time.Now().Add(jobLease)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(jobLease / 3):
		}
		now, err := a.cat.Time(ctx, a.now())
		if err == nil {
			err = a.cat.RenewJob(ctx, j, now, jobLease)
		}
		switch {
		case err == nil:
			until = time.Now().Add(jobLease)
		case errors.Is(err, catalog.ErrLease), time.Now().After(until.Add(-jobLease / 3)):
			stop(fmt.Errorf("job %s: %w", j.Name, catalog.ErrLease))
			return
		}
	}
}

func earlier(x, y time.Time) time.Time {
	if y.Before(x) {
		return y
	}
	return x
}

// doubtful is how often a job goes wrong before people are told.
const doubtful = 3

// jobWarnings are about what the daemons do by themselves and cannot.
func (a *app) jobWarnings(ctx context.Context) (out []string) {
	js, err := a.cat.Jobs(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	for _, j := range js {
		if j.Error != "" && j.Attempts >= doubtful {
			out = append(out, fmt.Sprintf("%s has failed %d times: %s", j.Name, j.Attempts, j.Error))
		}
	}
	return out
}

// jobLine is a job as it is listed.
type jobLine struct {
	Name     string `json:"name"`
	Due      string `json:"due"`
	Server   string `json:"server,omitempty"` // that does it, or did it last
	Running  bool   `json:"running,omitempty"`
	Ended    string `json:"ended,omitempty"`
	Attempts int    `json:"attempts,omitempty"` // since it last went well
	Why      string `json:"why,omitempty"`      // it did not
}

func (e *env) jobsCmd() *cobra.Command {
	return &cobra.Command{
		Use: "jobs", Short: "List what the daemons do by themselves: when, on which server, and how it went", Args: cobra.NoArgs,
		Example: "  chartvault jobs",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.call(cmd.Context(), "jobs", struct{}{}, show(e, func(l jobLine) {
				state := "due " + l.Due
				if l.Running {
					state = "running"
				}
				fmt.Fprintf(e.out, "%-24s %-32s %s\n", l.Name, state, l.Server)
				if l.Why != "" {
					fmt.Fprintf(e.out, "  failed %d times: %s\n", l.Attempts, l.Why)
				}
			}))
		},
	}
}

func (a *app) opJobs(ctx context.Context, _ asked, out func(any) error) error {
	js, err := a.cat.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range js {
		l := jobLine{Name: j.Name, Due: j.Due.Format(time.RFC3339), Server: j.Server, Running: !j.Until.IsZero(), Attempts: j.Attempts, Why: j.Error}
		if !j.Ended.IsZero() {
			l.Ended = j.Ended.Format(time.RFC3339)
		}
		if err := out(l); err != nil {
			return err
		}
	}
	return nil
}
