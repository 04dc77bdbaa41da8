package pgkv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"bothy/kv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Dump calls fn for every pair of one snapshot, which the database keeps until fn has seen the end.
func (e *Engine) Dump(ctx context.Context, fn func(k, v []byte) error) error {
	if !e.life.TryRLock() {
		return kv.ErrClosed
	}
	defer e.life.RUnlock()
	conn, err := e.own(ctx)
	if err != nil {
		return err
	}
	defer (&link{conn: conn}).drop()
	if err := do(ctx, conn, call{name: beginRead}); err != nil {
		return fmt.Errorf("pgkv: dump: %w", err)
	}
	from, to, n := []byte{}, end(), firstFetch
	for {
		var pairs []pair
		if err := do(ctx, conn, scanCall(from, to, n, false, &pairs)); err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("pgkv: dump: %w", err))
		}
		for _, p := range pairs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(p.k, p.v); err != nil {
				return err
			}
		}
		if len(pairs) < n {
			return nil
		}
		from, n = append(pairs[len(pairs)-1].k, 0), nextFetch(pairs)
	}
}

// own makes a connection for a call that takes its time.
func (e *Engine) own(ctx context.Context) (*pgconn.PgConn, error) {
	conn, err := e.to.connect(ctx)
	if err != nil {
		return nil, &away{err}
	}
	exec(ctx, conn, "set idle_in_transaction_session_timeout = 0") //nolint:errcheck // as in settings
	return conn, nil
}

// Load fills an empty store in one database transaction: after a failure it is as empty as before.
func (e *Engine) Load(ctx context.Context, next func() (k, v []byte, err error)) error {
	if !e.life.TryLock() {
		return kv.ErrClosed
	}
	defer e.life.Unlock()
	conn, err := e.own(ctx)
	if err != nil {
		return err
	}
	defer (&link{conn: conn}).drop()
	if err := do(ctx, conn, call{name: begin}, call{name: lock}); err != nil {
		return fmt.Errorf("pgkv: load: %w", err)
	}
	var some []pair
	if err := do(ctx, conn, scanCall([]byte{}, end(), 1, false, &some)); err != nil {
		return fmt.Errorf("pgkv: load: %w", err)
	}
	if len(some) > 0 {
		return kv.ErrNotEmpty
	}
	rows := &copyRows{next: next, ctx: ctx}
	if _, err := conn.CopyFrom(ctx, rows, "copy bothy_kv (k, v) from stdin binary"); err != nil {
		if rows.err != nil {
			return rows.err
		}
		return errors.Join(ctx.Err(), fmt.Errorf("pgkv: load: %w", err))
	}
	if err := do(ctx, conn, call{name: commit}); err != nil {
		return fmt.Errorf("pgkv: load: %w", err)
	}
	exec(ctx, conn, "analyze bothy_kv") //nolint:errcheck // it only helps
	return nil
}

// copyRows writes pairs in the binary format of COPY.
type copyRows struct {
	next  func() (k, v []byte, err error)
	ctx   context.Context
	b     []byte
	begun bool
	err   error // of next, which is the caller's
	ended bool
}

func (c *copyRows) Read(p []byte) (int, error) {
	for len(c.b) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		if err := c.fill(); err != nil {
			c.err = err
			return 0, err
		}
	}
	n := copy(p, c.b)
	c.b = c.b[n:]
	return n, nil
}

func (c *copyRows) fill() error {
	b := c.b[:0]
	if !c.begun {
		c.begun = true
		b = append(b, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	}
	k, v, err := c.next()
	switch {
	case errors.Is(err, io.EOF):
		b, c.ended = binary.BigEndian.AppendUint16(b, 0xFFFF), true
	case err != nil:
		return err
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	default:
		b = binary.BigEndian.AppendUint16(b, 2)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(k))), k...)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	c.b = b
	return nil
}
