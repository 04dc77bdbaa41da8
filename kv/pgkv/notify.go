package pgkv

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"bothy/kv"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	maxTopicBytes = 4 << 10          // a notification holds 8,000 bytes
	keepEvery     = 15 * time.Second // the keeper's rounds
	tokensFor     = 5 * time.Minute  // longer than any batch can be on its way
)

// Hear calls fn for what other engines' transactions named, and with "" after the connection was lost. Where the database has no
// LISTEN, fn is never called.
func (e *Engine) Hear(fn func(topic string)) { e.keeper.hear.Store(&fn) }

// Notify names a topic in a transaction.
func (e *Engine) Notify(t kv.Txn, topic string) error {
	ours, ok := t.(*txn)
	if !ok {
		return fmt.Errorf("pgkv: a transaction of another engine, %T", t)
	}
	if len(topic) > maxTopicBytes {
		return fmt.Errorf("%w: topic of %d bytes", kv.ErrLimit, len(topic))
	}
	return ours.notify(e.keeper.payload(topic))
}

// keeper holds the connection that listens, and does the house-keeping on it.
type keeper struct {
	e    *Engine
	conn *pgconn.PgConn
	node string // begins our own notifications
	hear atomic.Pointer[func(topic string)]
}

// listen makes the keeper's first connection, so that nothing is missed from here on.
func (e *Engine) listen(ctx context.Context) error {
	node := make([]byte, 8)
	rand.Read(node) //nolint:errcheck // never fails
	e.keeper = &keeper{e: e, node: hex.EncodeToString(node)}
	conn, err := e.keeper.connect(ctx)
	if err != nil {
		return fmt.Errorf("pgkv: open: %w", err)
	}
	e.keeper.conn = conn
	e.canListen = true
	if err := exec(ctx, conn, "listen "+e.channel); err != nil {
		var pg *pgconn.PgError
		if !errors.As(err, &pg) {
			return fmt.Errorf("pgkv: open: %w", err)
		}
		e.canListen = false
		e.log.Warn("kv: the database does not notify: news of other nodes come by polling", "says", pg.Message)
	}
	return nil
}

func (k *keeper) connect(ctx context.Context) (*pgconn.PgConn, error) {
	to := k.e.to
	to.config = to.config.Copy()
	to.config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { k.heard(n.Payload) }
	return to.connect(ctx)
}

// heard passes on what another engine said.
func (k *keeper) heard(payload string) {
	node, coded, _ := strings.Cut(payload, " ")
	topic, err := base64.StdEncoding.DecodeString(coded)
	if node == k.node || err != nil {
		return
	}
	k.tell(string(topic))
}

func (k *keeper) tell(topic string) {
	if fn := k.hear.Load(); fn != nil {
		(*fn)(topic)
	}
}

// payload is a topic as it is sent.
func (k *keeper) payload(topic string) string {
	return k.node + " " + base64.StdEncoding.EncodeToString([]byte(topic))
}

// loop listens, and keeps house every now and then.
func (k *keeper) loop() {
	defer func() { (&link{conn: k.conn}).drop() }()
	for k.e.ctx.Err() == nil {
		if k.conn == nil && !k.again() {
			continue
		}
		if err := k.keep(); err != nil && k.e.ctx.Err() == nil {
			k.e.log.Warn("kv: the connection that listens was lost", "error", err)
			(&link{conn: k.conn}).drop()
			k.conn = nil
		}
	}
}

// again connects, and says that anything may have been missed.
func (k *keeper) again() bool {
	conn, err := k.connect(k.e.ctx)
	if err == nil && k.e.canListen {
		err = exec(k.e.ctx, conn, "listen "+k.e.channel)
	}
	if err != nil {
		if conn != nil {
			(&link{conn: conn}).drop()
		}
		select {
		case <-time.After(lastPause):
		case <-k.e.stop:
		}
		return false
	}
	k.conn = conn
	k.tell("")
	return true
}

// keep listens for a while, then forgets old tokens: it also finds out whether the connection is alive.
func (k *keeper) keep() error {
	ctx, cancel := context.WithTimeout(k.e.ctx, keepEvery)
	defer cancel()
	for {
		err := k.conn.WaitForNotification(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
	}
	ctx, cancel = context.WithTimeout(k.e.ctx, maxOperation)
	defer cancel()
	return exec(ctx, k.conn, fmt.Sprintf("delete from bothy_commit where at < now() - interval '%d seconds'", int(tokensFor.Seconds())))
}
