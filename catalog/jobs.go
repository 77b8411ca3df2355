package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrLease says that a job's lease ran out, or went to another server.
var ErrLease = errors.New("the lease is over")

// Job is one thing that the servers on a catalogue do by themselves, one of them
// at a time, again and again or once.
type Job struct {
	Name     string
	Due      time.Time // not before
	Server   string    // that does it, or did it last
	Fence    int64     // of the lease
	Until    time.Time // end of the lease; zero while nobody does it
	Began    time.Time
	Ended    time.Time // the last time, well or not
	Attempts int       // since it last went well
	Error    string    // why it last did not; "" when it did
}

const jobColumns = `name, due, server, fence, until, began, ended, attempts, error`

func scanJob(scan func(...any) error) (j Job, err error) {
	var due, until, began, ended int64
	err = scan(&j.Name, &due, &j.Server, &j.Fence, &until, &began, &ended, &j.Attempts, &j.Error)
	j.Due, j.Until, j.Began, j.Ended = fromMillis(due), fromMillis(until), fromMillis(began), fromMillis(ended)
	return j, err
}

// PutJob has a job done, at a moment or later. Where it is there already it
// stays as it is.
func (c *DB) PutJob(ctx context.Context, name string, due time.Time) error {
	// Fences begin with the time, so that those of a job that was done and is there
	// again go on growing.
	_, err := c.sql.ExecContext(ctx, `INSERT INTO jobs (name, due, server, fence, until, began, ended, attempts, error)
		VALUES ($1, $2, '', $3, 0, 0, 0, 0, '') ON CONFLICT (name) DO NOTHING`, name, millis(due), millis(due))
	if err != nil {
		return fmt.Errorf("job %s: %w", name, struckOff(err))
	}
	return nil
}

// TakeJob takes a job that is due and that nobody does, or whose lease ran out. One
// that is due later than every from now, or leased for longer than two leases last, was
// put by a clock that was wrong: it is due, or free. ok is false when there is nothing
// to take. now is the servers' time (Time).
func (c *DB) TakeJob(ctx context.Context, name string, now time.Time, every, lease time.Duration) (j Job, ok bool, err error) {
	j, err = scanJob(c.sql.QueryRowContext(ctx, `UPDATE jobs SET server = $1, fence = fence + 1, until = $2, began = $3, attempts = attempts + 1
		WHERE name = $4 AND (due <= $3 OR due > $5) AND (until < $3 OR until > $6) RETURNING `+jobColumns,
		c.Self(), millis(now.Add(lease)), millis(now), name, millis(now.Add(every)), millis(now.Add(2*lease))).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Job{}, false, nil
	case err != nil:
		return Job{}, false, fmt.Errorf("take job %s: %w", name, struckOff(err))
	}
	return j, true, nil
}

// RenewJob lengthens a lease; ErrLease when it is over.
func (c *DB) RenewJob(ctx context.Context, j Job, now time.Time, lease time.Duration) error {
	return c.leased(ctx, j, `UPDATE jobs SET until = $1 WHERE name = $2 AND fence = $3 AND until >= $4`, millis(now.Add(lease)), j.Name, j.Fence, millis(now))
}

// EndJob ends a lease: the job is due again at next, or done for good when that
// is zero. why says what went wrong, without patient data; "" when nothing did.
// ErrLease when the lease went to another.
func (c *DB) EndJob(ctx context.Context, j Job, now, next time.Time, why string) error {
	if next.IsZero() {
		return c.leased(ctx, j, `DELETE FROM jobs WHERE name = $1 AND fence = $2`, j.Name, j.Fence)
	}
	if why != "" {
		return c.leased(ctx, j, `UPDATE jobs SET due = $1, until = 0, ended = $2, error = $3 WHERE name = $4 AND fence = $5`, millis(next), millis(now), why, j.Name, j.Fence)
	}
	return c.leased(ctx, j, `UPDATE jobs SET due = $1, until = 0, ended = $2, error = '', attempts = 0 WHERE name = $3 AND fence = $4`, millis(next), millis(now), j.Name, j.Fence)
}

// leased changes a job by its fence: who lost it changes nothing.
func (c *DB) leased(ctx context.Context, j Job, change string, args ...any) error {
	r, err := c.sql.ExecContext(ctx, change, args...)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.Name, struckOff(err))
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("job %s: %w", j.Name, ErrLease))
	}
	return nil
}

// DropJobs removes jobs that nobody does and whose name begins so, but for some.
func (c *DB) DropJobs(ctx context.Context, begin string, but func(name string) bool) error {
	js, err := c.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range js {
		if !strings.HasPrefix(j.Name, begin) || !j.Until.IsZero() || but(j.Name) {
			continue
		}
		if _, err := c.sql.ExecContext(ctx, `DELETE FROM jobs WHERE name = $1 AND fence = $2 AND until = 0`, j.Name, j.Fence); err != nil {
			return fmt.Errorf("drop job %s: %w", j.Name, struckOff(err))
		}
	}
	return nil
}

// Free ends every lease of a server that has ended: others need not wait for it
// to run out.
func (c *DB) Free(ctx context.Context, server string) error {
	if _, err := c.sql.ExecContext(ctx, `UPDATE jobs SET until = 0, fence = fence + 1 WHERE server = $1 AND until <> 0`, server); err != nil {
		return fmt.Errorf("free the jobs of server %s: %w", server, err)
	}
	return nil
}

// Recall has every job due at a moment at the latest, with nobody doing any: a
// server that is alone starts.
func (c *DB) Recall(ctx context.Context, now time.Time) error {
	if _, err := c.sql.ExecContext(ctx, `UPDATE jobs SET due = $1, until = 0, fence = fence + 1`, millis(now)); err != nil {
		return fmt.Errorf("recall jobs: %w", err)
	}
	return nil
}

// Jobs lists all jobs by name.
func (c *DB) Jobs(ctx context.Context) ([]Job, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT `+jobColumns+` FROM jobs ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	defer rows.Close()
	var out []Job
	for rows.Next() {
		j, err := scanJob(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		out = append(out, j)
	}
	return out, rows.Err()
}
