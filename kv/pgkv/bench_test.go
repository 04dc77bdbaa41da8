package pgkv_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/pgkv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The benchmarks run the same work on this engine and on plain pgx against the same server in turns, and report operations per
// second of both and their ratio:
//
//	go test -run - -bench . -benchtime 3x ./kv/pgkv
//
// Plain is, for changes, what one writes without thinking of more: begin isolation level serializable, select, insert … on
// conflict, commit, again when it failed, over 32 connections. For reads it is the fastest way known: those who wait are answered
// together by one statement (k = any), on two connections, without a snapshot that a second read could use.

const (
	benchKeys = 20_000
	benchOps  = 10_000 // per turn
)

func benchKey(i int) []byte {
	return kv.K("000000000001", "eu-west-1", "bench", int64(i)*7919%benchKeys)
}

func benchValue(n uint64) []byte {
	v := make([]byte, 300)
	for i := 0; i < len(v)-8; i += 16 { // half of it does not compress
		binary.LittleEndian.PutUint64(v[i:], rand.Uint64())
	}
	binary.LittleEndian.PutUint64(v, n)
	return v
}

func next(v []byte) []byte {
	if v == nil {
		return benchValue(1)
	}
	return benchValue(binary.LittleEndian.Uint64(v) + 1)
}

// store is what is compared: a read, and a read followed by a write.
type store interface {
	get(key []byte) error
	change(key []byte) error
}

type ours struct{ db *kv.DB }

func (s ours) get(key []byte) error {
	return s.db.View(context.Background(), func(tx *kv.Tx) error { _, err := tx.Get(key); return err })
}

func (s ours) change(key []byte) error {
	return s.db.Update(context.Background(), func(tx *kv.Tx) error {
		v, err := tx.Get(key)
		if err != nil {
			return err
		}
		return tx.Set(key, next(v))
	})
}

type plain struct {
	pool  *pgxpool.Pool
	reads chan read
}

type read struct {
	key  []byte
	done chan error
}

func newPlain(b *testing.B, url string) plain {
	b.Helper()
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	c.MaxConns = 32
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	p := plain{pool, make(chan read, 4096)}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(p.readLoop)
	}
	b.Cleanup(func() { close(p.reads); wg.Wait(); pool.Close() })
	return p
}

func (s plain) get(key []byte) error {
	r := read{key, make(chan error, 1)}
	s.reads <- r
	return <-r.done
}

func (s plain) readLoop() {
	for r := range s.reads {
		all := []read{r}
		for len(s.reads) > 0 && len(all) < 256 {
			if r, ok := <-s.reads; ok {
				all = append(all, r)
			}
		}
		keys, found := make([][]byte, len(all)), map[string][]byte{}
		for i, r := range all {
			keys[i] = r.key
		}
		rows, err := s.pool.Query(context.Background(), `select k, v from bothy_kv where k = any ($1)`, keys)
		for err == nil && rows.Next() {
			var k, v []byte
			err = rows.Scan(&k, &v)
			found[string(k)] = v
		}
		for _, r := range all {
			r.done <- errors.Join(err, rows.Err())
		}
	}
}

func (s plain) change(key []byte) error {
	for {
		err := pgx.BeginTxFunc(context.Background(), s.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
			var v []byte
			if err := tx.QueryRow(context.Background(), `select v from bothy_kv where k = $1`, key).Scan(&v); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			_, err := tx.Exec(context.Background(), `insert into bothy_kv (k, v) values ($1, $2) on conflict (k) do update set v = excluded.v`, key, next(v))
			return err
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "40001" && pg.Code != "40P01" {
			return err
		}
	}
}

// stores opens both, each with its own schema, filled alike.
func stores(b *testing.B) (ours, plain) {
	b.Helper()
	urls := [2]string{schema(), schema()}
	var dbs [2]*kv.DB
	for i, url := range urls {
		dbs[i] = kv.New(open(b, url, pgkv.Options{}))
		n := 0
		if err := dbs[i].Load(context.Background(), func() (k, v []byte, err error) {
			if n++; n > benchKeys {
				return nil, nil, io.EOF
			}
			return benchKey(n), benchValue(0), nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	if err := dbs[1].Close(); err != nil { // it only made the tables
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = dbs[0].Close() })
	return ours{dbs[0]}, newPlain(b, urls[1])
}

func spread(b *testing.B, workers, ops int, do func(r *rand.Rand) error) time.Duration {
	b.Helper()
	begin := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), uint64(begin.UnixNano())))
			for range max(1, ops/workers) {
				if err := do(r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// cpu is the processor time of server and client: what remains to compare when others use the machine too.
func cpu() time.Duration {
	var self syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self) // does not fail
	return server.CPU() + time.Duration(self.Utime.Nano()+self.Stime.Nano())
}

// compare runs both in turns. plainOps is smaller where plain is much slower.
func compare(b *testing.B, workers, ops, plainOps int, do func(s store, r *rand.Rand) error) {
	mine, other := stores(b)
	var tMine, tOther, cMine, cOther time.Duration
	turn := func(t, c *time.Duration, ops int, s store) {
		before := cpu()
		*t += spread(b, workers, ops, func(r *rand.Rand) error { return do(s, r) })
		*c += cpu() - before
	}
	for b.Loop() {
		turn(&tMine, &cMine, ops, mine)
		turn(&tOther, &cOther, plainOps, other)
	}
	perMine := tMine.Seconds() / float64(b.N*ops)
	perOther := tOther.Seconds() / float64(b.N*plainOps)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1/perMine, "ops/s")
	b.ReportMetric(1/perOther, "plain-ops/s")
	b.ReportMetric(perOther/perMine, "of-plain")
	b.ReportMetric(cMine.Seconds()/float64(b.N*ops)*1e6, "cpu-µs/op")
	b.ReportMetric(cMine.Seconds()/float64(b.N*ops)/(cOther.Seconds()/float64(b.N*plainOps)), "cpu-of-plain")
}

func BenchmarkGet(b *testing.B) {
	for _, readers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			ops := 4 * benchOps
			if readers == 1 {
				ops = benchOps / 4
			}
			compare(b, readers, ops, ops, func(s store, r *rand.Rand) error { return s.get(benchKey(r.IntN(benchKeys))) })
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			ops := benchOps
			if writers == 1 {
				ops /= 10
			}
			compare(b, writers, ops, ops/2, func(s store, r *rand.Rand) error { return s.change(benchKey(r.IntN(benchKeys))) })
		})
	}
}

func BenchmarkHotKey(b *testing.B) {
	compare(b, 256, benchOps, benchOps/10, func(s store, _ *rand.Rand) error { return s.change(benchKey(0)) })
}

func BenchmarkMostlyReads(b *testing.B) {
	compare(b, 64, 2*benchOps, 2*benchOps, func(s store, r *rand.Rand) error {
		key := benchKey(r.IntN(benchKeys))
		if r.IntN(10) == 0 {
			return s.change(key)
		}
		return s.get(key)
	})
}
