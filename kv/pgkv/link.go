package pgkv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"bothy/kv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Waits of a link.
const (
	maxAway      = 10 * time.Second           // the database may be unreachable this long before calls fail
	maxConnect   = 5 * time.Second            // one attempt at one host
	maxOperation = 20 * time.Second           // a round trip: longer than any lock is waited for
	maxLockWait  = 10 * time.Second           // then the batch is sent again
	maxIdleTx    = kv.MaxTxTime + time.Second // a node that hangs in a transaction loses it, and its locks
	firstPause   = 10 * time.Millisecond      // between attempts to connect, doubled up to
	lastPause    = 500 * time.Millisecond
)

// away is the database's absence: it goes away by itself, and nothing was written.
type away struct{ cause error }

func (a *away) Error() string   { return "pgkv: the database is away: " + a.cause.Error() }
func (a *away) Unwrap() error   { return a.cause }
func (a *away) Temporary() bool { return true }

// link is a connection that is made when it is needed and made again when it was lost. One goroutine uses it at a time.
type link struct {
	to        *database
	conn      *pgconn.PgConn // nil when there is none
	lostSince time.Time      // of the first failed attempt in a row; zero when it was last up
}

// database is where links lead.
type database struct {
	config   *pgconn.Config
	relative bool // not PostgreSQL itself: see statements
}

// settings are those of every session. What a relative of PostgreSQL does not know, it refuses, and the session goes on without:
// none of them but synchronous_commit is needed to be right, and a database without that setting has no such choice.
func settings() []string {
	return []string{
		`select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') <> 'remote_apply'`,
		fmt.Sprintf("set lock_timeout = %d", maxLockWait.Milliseconds()),
		fmt.Sprintf("set idle_in_transaction_session_timeout = %d", maxIdleTx.Milliseconds()),
		"set statement_timeout = 0", // it would end the wait for a standby, and call that a commit
		"set jit = off",
		// The plans are known: keys by the index. Generic ones are made once, whatever the table's size was then.
		"set plan_cache_mode = force_generic_plan",
		"set enable_seqscan = off",
		"set enable_hashjoin = off",
		"set enable_mergejoin = off",
	}
}

// parse reads a URL and adds what every connection has.
func parse(url string) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("pgkv: %w", err) // pgconn leaves the password out
	}
	c.ConnectTimeout = maxConnect
	c.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3}}).DialContext
	if c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if _, named := c.RuntimeParams["application_name"]; !named {
		c.RuntimeParams["application_name"] = "bothy"
	}
	return c, nil
}

// get returns the connection, and makes it when there is none. It goes on trying until the database has been away for maxAway.
func (l *link) get(ctx context.Context) (*pgconn.PgConn, error) {
	if l.conn != nil && !l.conn.IsClosed() && quiet(l.conn.Conn()) {
		return l.conn, nil
	}
	l.drop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		conn, err := l.to.connect(ctx)
		if err == nil {
			l.conn, l.lostSince = conn, time.Time{}
			return conn, nil
		}
		if l.lostSince.IsZero() {
			l.lostSince = time.Now()
		}
		if time.Since(l.lostSince) > maxAway {
			return nil, &away{err}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, &away{ctx.Err()}
		}
	}
}

func (d *database) connect(ctx context.Context) (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(ctx, maxConnect)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, d.config)
	if err != nil {
		return nil, err
	}
	if err := d.furnish(ctx, conn); err != nil {
		conn.Close(context.Background()) //nolint:errcheck // it is of no use
		return nil, err
	}
	return conn, nil
}

// furnish gives a session its settings, some of which may be refused, and its statements, in one round trip.
func (d *database) furnish(ctx context.Context, conn *pgconn.PgConn) error {
	p := conn.StartPipeline(ctx)
	for _, s := range settings() {
		p.SendQueryParams(s, nil, nil, nil, nil)
		p.SendPipelineSync()
	}
	p.SendPrepare(notify, notifySQL, nil)
	p.SendPipelineSync()
	for _, s := range statements(d.relative) {
		p.SendPrepare(s.name, s.sql, nil)
	}
	err := p.Sync()
	for optional := len(settings()) + 1; err == nil && optional > 0; {
		var result any
		if result, err = p.GetResults(); answered(err) {
			err = nil
		}
		if _, synced := result.(*pgconn.PipelineSync); synced {
			optional--
		}
	}
	return errors.Join(err, p.Close())
}

// drop gives the connection up after a failure, or at the end.
func (l *link) drop() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	l.conn.Close(ctx) //nolint:errcheck // whatever it says, it is gone
	l.conn = nil
}

// call is one statement of a round trip.
type call struct {
	name   string
	params [][]byte              // binary
	row    func(values [][]byte) // for each row; values are valid during the call only
}

// do sends calls in one round trip. After an error the connection may be in a failed transaction: drop it.
func do(ctx context.Context, conn *pgconn.PgConn, calls ...call) error {
	ctx, cancel := context.WithTimeout(ctx, maxOperation)
	defer cancel()
	p := conn.StartPipeline(ctx)
	for _, c := range calls {
		p.SendQueryPrepared(c.name, c.params, inBinary[:], inBinary[:])
	}
	if err := p.Sync(); err != nil {
		return errors.Join(err, p.Close())
	}
	for _, c := range calls {
		if err := read(p, c); err != nil {
			p.Close() //nolint:errcheck // err is the first error, which counts
			return err
		}
	}
	return p.Close()
}

func read(p *pgconn.Pipeline, c call) error {
	result, err := p.GetResults()
	if err != nil {
		return err
	}
	rows, ok := result.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("pgkv: the answer to %s is a %T", c.name, result)
	}
	for rows.NextRow() {
		if c.row != nil {
			c.row(rows.Values())
		}
	}
	tag, err := rows.Close()
	if err == nil && c.name == commit && tag.String() != "COMMIT" {
		err = fmt.Errorf("pgkv: the answer to commit is %q", tag)
	}
	return err
}

// inBinary is the format of everything sent and received.
var inBinary = [...]int16{1}

// Kinds of failure, by what the database says.
const (
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateLockTimeout   = "55P03"
	stateReadOnly      = "25006" // it became a standby
	stateIdleTx        = "25P03"
	stateTooLong       = "54000" // a key that the index cannot hold
	classConnection    = "08"
	classIntervention  = "57" // shut down, crashed, starting up
	classResources     = "53" // too many connections; a full disk, which somebody will see to
)

// passing says whether an error may be gone when the same is done again: the database did not do it, or was not reached.
func passing(err error) bool {
	var u *unknown
	if errors.As(err, &u) {
		return false
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return true // of the connection
	}
	switch pg.Code {
	case stateSerialization, stateDeadlock, stateLockTimeout, stateReadOnly, stateIdleTx:
		return true
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case classConnection, classIntervention, classResources:
		return true
	}
	return false
}

// answered says whether the database itself refused, so that nothing was done.
func answered(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR"
}

// rest is the pause before something that failed is done again: random, so that nodes that hindered each other do not again.
func rest() { time.Sleep(firstPause/2 + rand.N(firstPause)) }

// recover makes a connection usable after the database refused something in a transaction, or drops it.
func (l *link) recover(ctx context.Context) {
	if l.conn == nil || l.conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, maxConnect)
	defer cancel()
	if exec(ctx, l.conn, "rollback") != nil {
		l.drop()
	}
}
