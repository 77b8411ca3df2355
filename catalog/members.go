package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"chartvault/record"
)

// ErrStruckOff says that this process is no member of the catalogue any more:
// its session ended, and another server may have taken over what it had. It
// must end; nothing it writes is taken.
var ErrStruckOff = errors.New("this server is no member of the catalogue any more")

// StruckOff is the SQLSTATE with which an engine refuses what a process writes
// that was struck off.
const StruckOff = "CV001"

// struckOff makes an engine's refusal ErrStruckOff.
func struckOff(err error) error {
	var said interface{ SQLState() string }
	if errors.As(err, &said) && said.SQLState() == StruckOff {
		return fmt.Errorf("%w: %w", ErrStruckOff, err)
	}
	return err
}

// Members is what an engine gives to several processes on one catalogue. What is
// taken through it is held by the process's session and let go of when that
// ends, however it ends.
type Members interface {
	// Self is the server's name; "" for one that only reads.
	Self() string
	// Try takes a name that one session has at a time; false while another has it.
	Try(ctx context.Context, name string) (bool, error)
	// Leave lets go of a name.
	Leave(ctx context.Context, name string) error
	// Ended gives the other members that are listed as on and have no session, with
	// their numbers.
	Ended(ctx context.Context) (map[string]int64, error)
	// Lost is closed when the session has ended by itself, and cannot be begun again.
	Lost() <-chan struct{}
	// Close ends the session.
	Close() error
}

// Shared reports whether other processes may have this catalogue open too.
func (c *DB) Shared() bool { return c.dialect.Members != nil }

// Self names this server among those on one catalogue; "" where it is alone.
func (c *DB) Self() string {
	if c.dialect.Members == nil {
		return ""
	}
	return c.dialect.Members.Self()
}

// Lost is closed when this process is no member any more; nil where it is alone.
func (c *DB) Lost() <-chan struct{} {
	if c.dialect.Members == nil {
		return nil
	}
	return c.dialect.Members.Lost()
}

// MemberLock and ArchiveLock are the names a member has for as long as it is
// one: the second is everybody's, unless somebody is alone.
func MemberLock(server string) string { return "member " + server }

// ArchiveLock is what whoever must be alone takes.
const ArchiveLock = "archive"

// turns are taken within one process.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

// enter waits until nobody in this process has a name, and takes it.
func (t *turns) enter(ctx context.Context, name string) (leave func(), err error) {
	t.mu.Lock()
	if t.taken == nil {
		t.taken = map[string]chan struct{}{}
	}
	one := t.taken[name]
	if one == nil {
		one = make(chan struct{}, 1)
		t.taken[name] = one
	}
	t.mu.Unlock()
	select {
	case one <- struct{}{}:
		return func() { <-one }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// How often is looked whether another server has left its turn.
const (
	firstLook   = 2 * time.Millisecond
	longestLook = 50 * time.Millisecond
)

// Turn waits until nobody else has a name, in this process or in another on the
// same catalogue, and takes it until leave is called. It is not reentrant.
// ErrStruckOff when this process is no member any more.
func (c *DB) Turn(ctx context.Context, name string) (leave func(), err error) {
	here, err := c.turns.enter(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("wait for %s: %w", name, err)
	}
	m := c.dialect.Members
	if m == nil {
		return here, nil
	}
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		ok, err := m.Try(ctx, "turn "+name)
		if ok {
			break
		}
		if err == nil {
			select {
			case <-time.After(pause):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			case <-m.Lost():
				err = ErrStruckOff
			}
		}
		here()
		return nil, fmt.Errorf("wait for %s: %w", name, err)
	}
	leave = func() {
		// Where that fails the session has ended, and the turn with it.
		_ = m.Leave(context.WithoutCancel(ctx), "turn "+name)
		here()
	}
	// It may have been the turn of somebody whose session ended, and who does not know.
	ended, err := m.Ended(ctx)
	for s, epoch := range ended {
		err = errors.Join(err, c.strike(ctx, s, epoch))
	}
	if err != nil {
		leave()
		return nil, fmt.Errorf("wait for %s: %w", name, err)
	}
	return leave, nil
}

// strike has the database refuse from now on what a server sends that has no session.
// It stays listed, for somebody to finish what it left. Where its number is not epoch
// any more it has come back, or was struck off.
func (c *DB) strike(ctx context.Context, server string, epoch int64) error {
	return c.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, c.dialect.FenceTurn, server); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE members SET epoch = epoch + 1 WHERE server = $1 AND epoch = $2 AND present = 1`, server, epoch)
		return err
	})
}

// Alone takes the archive for this process until leave is called;
// record.ErrBusy while another is on.
func (c *DB) Alone(ctx context.Context) (leave func(), err error) {
	m := c.dialect.Members
	if m == nil {
		return func() {}, nil
	}
	ok, err := m.Try(ctx, ArchiveLock)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("another server is running on this archive: stop it first: %w", record.ErrBusy)
	}
	return func() { _ = m.Leave(context.WithoutCancel(ctx), ArchiveLock) }, nil
}

// Member is a server that is, or was, on the catalogue.
type Member struct {
	Server  string
	Since   time.Time // it came, left or was struck off
	Present bool      // as far as is known
}

// Members lists the servers that ever were on the catalogue; none where there
// can be one only.
func (c *DB) Members(ctx context.Context) ([]Member, error) {
	rows, err := c.sql.QueryContext(ctx, `SELECT server, since, present FROM members WHERE present >= 0 ORDER BY server`)
	if err != nil {
		return nil, fmt.Errorf("list servers: %w", err)
	}
	defer rows.Close()
	var out []Member
	for rows.Next() {
		var m Member
		var since, present int64
		if err := rows.Scan(&m.Server, &since, &present); err != nil {
			return nil, fmt.Errorf("list servers: %w", err)
		}
		m.Since, m.Present = fromMillis(since), present != 0
		out = append(out, m)
	}
	return out, rows.Err()
}

// Others lists the other servers that are on the catalogue, as far as is known.
func (c *DB) Others(ctx context.Context) ([]string, error) {
	ms, err := c.Members(ctx)
	var out []string
	for _, m := range ms {
		if m.Present && m.Server != c.Self() {
			out = append(out, m.Server)
		}
	}
	return out, err
}

// Ended reports whether another server's process has ended.
func (c *DB) Ended(ctx context.Context, server string) (bool, error) {
	m := c.dialect.Members
	if m == nil {
		return true, nil
	}
	gone, err := m.Try(ctx, MemberLock(server))
	if err != nil || !gone {
		return false, err
	}
	return true, m.Leave(ctx, MemberLock(server))
}

// WhileAway runs f while another server is away and cannot come back; away is false
// when it is on.
func (c *DB) WhileAway(ctx context.Context, server string, f func() error) (away bool, err error) {
	m := c.dialect.Members
	if m == nil {
		return true, f()
	}
	away, err = m.Try(ctx, MemberLock(server))
	if err != nil || !away {
		return false, err
	}
	defer func() { _ = m.Leave(context.WithoutCancel(ctx), MemberLock(server)) }()
	return true, f()
}

// Lapsed strikes off every other server whose process has ended, so that nothing
// it still sends is taken, and has f finish what it had begun. While f runs that
// server cannot come back. One that f fails for is tried again.
func (c *DB) Lapsed(ctx context.Context, now time.Time, f func(server string) error) error {
	if c.dialect.Members == nil {
		return nil
	}
	others, err := c.Others(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range others {
		if err := c.lapsed(ctx, s, now, f); err != nil {
			errs = append(errs, fmt.Errorf("take over from server %s: %w", s, err))
		}
	}
	return errors.Join(errs...)
}

func (c *DB) lapsed(ctx context.Context, server string, now time.Time, f func(string) error) error {
	m := c.dialect.Members
	gone, err := m.Try(ctx, MemberLock(server))
	if err != nil || !gone {
		return err
	}
	defer func() { _ = m.Leave(context.WithoutCancel(ctx), MemberLock(server)) }()
	var epoch, session int64
	if err := c.sql.QueryRowContext(ctx, `SELECT epoch, session FROM members WHERE server = $1`, server).Scan(&epoch, &session); err != nil {
		return err
	}
	// It stays listed as on: whoever comes after us finds it again, should we end now.
	if err := c.strike(ctx, server, epoch); err != nil {
		return err
	}
	if err := f(server); err != nil {
		return err
	}
	// Unless it has come back, with another session, because this server lost its own
	// meanwhile. Others may have struck it off once more.
	_, err = c.sql.ExecContext(ctx, `UPDATE members SET since = $1, present = 0 WHERE server = $2 AND session = $3`, millis(now), server, session)
	return err
}

// Leaving says that this server ends by itself, with nothing left to finish.
func (c *DB) Leaving(ctx context.Context, now time.Time) error {
	if c.Self() == "" {
		return nil
	}
	if _, err := c.sql.ExecContext(ctx, `UPDATE members SET since = $1, present = 0 WHERE server = $2`, millis(now), c.Self()); err != nil {
		return fmt.Errorf("leave the catalogue: %w", err)
	}
	return nil
}

// Begun counts the batches that a server has begun to take in and not filed.
func (c *DB) Begun(ctx context.Context, server string) (n int, err error) {
	err = c.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM batches WHERE server = $1 AND state IN ('claimed', 'split')`, server).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("batches of server %s: %w", server, err)
	}
	return n, nil
}

// Forget has a server that will not come back be listed no more. What it was taking
// in and had not filed is no batch any more: others may take those scans in. Its
// number stays, so that nothing an old process of it sends is ever taken.
// record.ErrBusy while it is on.
func (c *DB) Forget(ctx context.Context, server string) error {
	return c.tx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE members SET present = -1, epoch = epoch + 1 WHERE server = $1 AND present = 0`, server)
		if err != nil {
			return fmt.Errorf("forget server %s: %w", server, err)
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("forget server %s: it is on, or was never: %w", server, record.ErrBusy))
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM batches WHERE server = $1 AND state IN ('claimed', 'split')`, server); err != nil {
			return fmt.Errorf("forget server %s: %w", server, err)
		}
		return nil
	})
}
