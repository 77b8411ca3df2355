package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"chartvault/catalog"
	"chartvault/record"
)

// member is this process among those on one database: a session whose locks say
// what it has, and a number that all its writes carry. When the session ends, for
// whatever reason, its locks are free; whoever finds the member's own lock free
// raises the number, and the database refuses what still comes under the old one.
type member struct {
	server string
	number atomic.Pointer[string] // SERVER:EPOCH; nil before it is a member

	mu     sync.Mutex // one statement at a time on the session
	conn   *pgx.Conn
	closed bool
	once   sync.Once
	lost   chan struct{}
	done   chan struct{}
}

// patience is how long a server waits for what it left to be finished by others.
const patience = 20 * time.Second

// The session is looked at this often, and a machine that went away without a
// word is noticed by the database within this many milliseconds.
const (
	lookEvery = 2 * time.Second
	silence   = "15000"
)

// watchful has the database notice that a machine went away without a word: what
// it holds, a transaction that it began among it, nobody else need wait for long.
func watchful(cfg *pgx.ConnConfig) {
	for name, value := range map[string]string{"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2", "tcp_user_timeout": silence,
		"idle_in_transaction_session_timeout": "60000"} {
		cfg.RuntimeParams[name] = value
	}
}

func (m *member) connect(ctx context.Context, cfg *pgx.ConnConfig) (err error) {
	cfg.RuntimeParams["application_name"] = "chartvault member"
	m.conn, err = pgx.ConnectConfig(ctx, cfg)
	return err
}

// Self implements catalog.Members.
func (m *member) Self() string { return m.server }

// Lost implements catalog.Members.
func (m *member) Lost() <-chan struct{} { return m.lost }

// migrating is who writes while the schema is brought up to date.
const migrating = "migration"

// introduce tells a new connection in whose name it writes.
func (m *member) introduce(ctx context.Context, conn *pgx.Conn) error {
	name := migrating
	if n := m.number.Load(); n != nil {
		name = *n
	}
	_, err := conn.Exec(ctx, `SELECT set_config('chartvault.member', $1, false)`, name)
	return err
}

// fenceTurn waits until what a server is writing has ended.
const fenceTurn = `SELECT pg_advisory_xact_lock(hashtextextended('fence ' || CAST($1 AS TEXT), 0))`

// fence has the database refuse what anybody writes that is no member, or not
// any more.
func fence() string {
	var b strings.Builder
	fmt.Fprintf(&b, `
CREATE FUNCTION chartvault_fence() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
	me TEXT := current_setting('chartvault.member', true);
BEGIN
	IF me = '%s' THEN
		RETURN NULL;
	END IF;
	-- Held to the end of the transaction: whoever strikes a member off waits for it.
	PERFORM pg_advisory_xact_lock_shared(hashtextextended('fence ' || split_part(me, ':', 1), 0));
	PERFORM 1 FROM members WHERE server = split_part(me, ':', 1) AND epoch = CAST(split_part(me, ':', 2) AS BIGINT);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no member of the catalogue, or not any more' USING ERRCODE = '%s';
	END IF;
	RETURN NULL;
END $f$;
`, migrating, catalog.StruckOff)
	for _, t := range []string{"batches", "charts", "documents", "registers", "changes", "held", "dues", "progress", "objects", "log", "signals", "lists", "jobs"} {
		fmt.Fprintf(&b, "CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION chartvault_fence();\n", t)
	}
	return b.String()
}

// join makes the process a member, under a number of its own.
func (m *member) join(ctx context.Context) error {
	if m.server == "" {
		n := "reader:0"
		m.number.Store(&n)
		return nil
	}
	wctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := m.wait(wctx, catalog.MemberLock(m.server)); err != nil {
		if ctx.Err() != nil || wctx.Err() == nil {
			return err
		}
		return fmt.Errorf("another process of server %s is on, or another server is finishing what it left: %w", m.server, record.ErrBusy)
	}
	if ok, err := m.shared(ctx, catalog.ArchiveLock); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("another server has the archive to itself for a while: %w", record.ErrBusy))
	}
	var epoch int64
	m.mu.Lock()
	defer m.mu.Unlock()
	tx, err := m.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) // does nothing after the commit
	// What an earlier process of this server was writing when it ended comes first.
	if _, err := tx.Exec(ctx, fenceTurn, m.server); err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `INSERT INTO members (server, epoch, since, present) VALUES ($1, 1, $2, 1)
		ON CONFLICT (server) DO UPDATE SET epoch = members.epoch + 1, since = excluded.since, present = 1 RETURNING epoch`, m.server, time.Now().UnixMilli()).Scan(&epoch)
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return err
	}
	n := m.server + ":" + strconv.FormatInt(epoch, 10)
	m.number.Store(&n)
	go m.watch()
	return nil
}

// watch notices that the session has ended.
func (m *member) watch() {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-m.lost:
			return
		case <-t.C:
		}
		ctx, stop := context.WithTimeout(context.Background(), 15*time.Second)
		_, err := m.ask(ctx, `SELECT true`)
		stop()
		if err != nil {
			m.gone()
		}
	}
}

func (m *member) gone() { m.once.Do(func() { close(m.lost) }) }

// ask puts a question to the session that is answered by yes or no.
func (m *member) ask(ctx context.Context, question string, args ...any) (yes bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.conn.IsClosed() {
		return false, catalog.ErrStruckOff
	}
	// A question whose answer is not waited for would cost the session.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer stop()
	err = m.conn.QueryRow(ctx, question, args...).Scan(&yes)
	if m.conn.IsClosed() {
		m.gone()
		return false, fmt.Errorf("%w: %w", catalog.ErrStruckOff, err)
	}
	return yes, err
}

// Try implements catalog.Members.
func (m *member) Try(ctx context.Context, name string) (bool, error) {
	return m.ask(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name)
}

func (m *member) shared(ctx context.Context, name string) (bool, error) {
	return m.ask(ctx, `SELECT pg_try_advisory_lock_shared(hashtextextended($1, 0))`, name)
}

// Leave implements catalog.Members.
func (m *member) Leave(ctx context.Context, name string) error {
	had, err := m.ask(ctx, `SELECT pg_advisory_unlock(hashtextextended($1, 0))`, name)
	if err == nil && !had {
		err = catalog.ErrStruckOff
		m.gone()
	}
	return err
}

// wait takes a name as soon as nobody has it.
func (m *member) wait(ctx context.Context, name string) error {
	for {
		if ok, err := m.Try(ctx, name); ok || err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close implements catalog.Members.
func (m *member) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	close(m.done)
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	if m.conn.IsClosed() {
		return nil
	}
	// The session ends a moment after it was closed: whoever comes next need not wait.
	_, err := m.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	return errors.Join(err, m.conn.Close(ctx))
}
