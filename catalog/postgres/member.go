package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
// raises the number, and the database refuses what still comes under the old one. A
// session that ended is begun again, if nobody has.
type member struct {
	server string
	number atomic.Pointer[string] // SERVER:EPOCH; nil before it is a member

	mu     sync.Mutex // one statement at a time on the session
	cfg    *pgx.ConnConfig
	conn   *pgx.Conn
	held   map[string]bool // names the session has, but for the member's own
	from   time.Time       // before which nothing new is taken
	closed bool
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
	m.cfg = cfg
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
	err = tx.QueryRow(ctx, `INSERT INTO members (server, epoch, since, session, present) VALUES ($1, 1, $2, pg_backend_pid(), 1)
		ON CONFLICT (server) DO UPDATE SET epoch = members.epoch + 1, since = excluded.since, session = excluded.session, present = 1 RETURNING epoch`, m.server, time.Now().UnixMilli()).Scan(&epoch)
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return err
	}
	delete(m.held, catalog.MemberLock(m.server)) // it is taken last where it is taken again
	n := m.server + ":" + strconv.FormatInt(epoch, 10)
	m.number.Store(&n)
	go m.watch()
	return nil
}

// watch notices that the session has ended, and begins another in its place where it
// can.
func (m *member) watch() {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-t.C:
		}
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		on, err := m.ask(ctx, `SELECT EXISTS (SELECT 1 FROM members WHERE server || ':' || epoch = $1 AND present = 1)`, *m.number.Load())
		stop()
		if err == nil && on {
			continue
		}
		if err == nil || !m.again() { // struck off, or too late
			close(m.lost)
			return
		}
	}
}

// answerTime is how long the database may take to answer on the session, and comeBack
// how long it may be away before the process gives its place up.
const (
	answerTime = 15 * time.Second
	comeBack   = time.Minute
)

// errAway is a session that ended and may be begun again.
var errAway = errors.New("the database is away")

// again begins another session in place of one that ended, with all that it had. That
// can be while nobody else took any of it: whoever takes a turn strikes off first who
// has no session.
func (m *member) again() bool {
	for end := time.Now().Add(comeBack); time.Now().Before(end); {
		select {
		case <-m.done:
			return true // it is being closed, and nobody asks any more
		case <-time.After(firstAgain):
		}
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		ok, err := m.retake(ctx)
		stop()
		if err == nil {
			return ok
		}
	}
	return false
}

// firstAgain is how long is waited before each attempt. After one that succeeded nothing
// new is taken for grace: others whose sessions ended too come back meanwhile, and need
// not be struck off.
const (
	firstAgain = 200 * time.Millisecond
	grace      = 4 * time.Second
)

// retake is one attempt of again: an error where the database cannot be asked, false
// where it is too late.
func (m *member) retake(ctx context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return true, nil
	}
	conn, err := pgx.ConnectConfig(ctx, m.cfg)
	if err != nil {
		return false, err
	}
	fail := func(err error) (bool, error) { return false, errors.Join(err, conn.Close(ctx)) }
	// Before the member's own: whoever takes one of them meanwhile strikes this
	// member off, which is seen at the end.
	for _, name := range append(slices.Sorted(maps.Keys(m.held)), catalog.MemberLock(m.server)) {
		var ok bool
		if err := conn.QueryRow(ctx, try, name).Scan(&ok); err != nil || !ok {
			if err == nil && name == catalog.MemberLock(m.server) {
				err = errAway // the session that ended is not gone yet
			}
			return fail(err)
		}
	}
	var same, all bool
	number := *m.number.Load()
	err = conn.QueryRow(ctx, `SELECT server || ':' || epoch = $1, pg_try_advisory_lock_shared(hashtextextended($2, 0)) FROM members WHERE server = $3`,
		number, catalog.ArchiveLock, m.server).Scan(&same, &all)
	if err != nil || !same || !all {
		return fail(err)
	}
	tag, err := conn.Exec(ctx, `UPDATE members SET session = pg_backend_pid() WHERE server = $1 AND server || ':' || epoch = $2`, m.server, number)
	if err != nil || tag.RowsAffected() != 1 {
		return fail(err)
	}
	m.conn, m.from = conn, time.Now().Add(grace)
	return true, nil
}

// ask puts a question to the session that is answered by yes or no.
func (m *member) ask(ctx context.Context, question string, args ...any) (yes bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asks(ctx, question, args...)
}

// asks is ask. Held: mu.
func (m *member) asks(ctx context.Context, question string, args ...any) (yes bool, err error) {
	select {
	case <-m.lost:
		return false, catalog.ErrStruckOff
	default:
	}
	if m.closed {
		return false, catalog.ErrStruckOff
	}
	if m.conn.IsClosed() {
		return false, errAway
	}
	// A question whose answer is not waited for would cost the session.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer stop()
	if err = m.conn.QueryRow(ctx, question, args...).Scan(&yes); m.conn.IsClosed() {
		err = fmt.Errorf("%w: %w", errAway, err)
	}
	return yes, err
}

// try takes a name for the session.
const try = `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`

// Try implements catalog.Members.
func (m *member) Try(ctx context.Context, name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Now().Before(m.from) {
		return false, nil
	}
	ok, err := m.asks(ctx, try, name)
	if ok {
		m.held[name] = true
	}
	return ok, err
}

// Ended implements catalog.Members: who is listed as on and has no session.
func (m *member) Ended(ctx context.Context) (map[string]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.conn.IsClosed() {
		return nil, errAway
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer stop()
	// The two halves of a lock's number, as the database lists them.
	rows, err := m.conn.Query(ctx, `SELECT server, epoch FROM members WHERE present = 1 AND server <> $1 AND NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND pid = members.session AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND objsubid = 1 AND (CAST(classid AS BIGINT) << 32) | CAST(objid AS BIGINT) = hashtextextended('member ' || server, 0))`, m.server)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	var server string
	var epoch int64
	_, err = pgx.ForEachRow(rows, []any{&server, &epoch}, func() error { out[server] = epoch; return nil })
	return out, err
}

func (m *member) shared(ctx context.Context, name string) (bool, error) {
	return m.ask(ctx, `SELECT pg_try_advisory_lock_shared(hashtextextended($1, 0))`, name)
}

// Leave implements catalog.Members.
func (m *member) Leave(ctx context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, name)
	_, err := m.asks(ctx, `SELECT pg_advisory_unlock(hashtextextended($1, 0))`, name)
	if errors.Is(err, errAway) {
		return nil // it is gone with the session
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
