package pgkv_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"

	"bothy/kv"
	"bothy/kv/kvtest"
	"bothy/kv/memkv"
	"bothy/kv/pgkv"
	"bothy/test/postgres"
)

// server is shared by the tests that do not break it; each has its own schema.
var server *postgres.Server

var schemas atomic.Int64

func TestMain(m *testing.M) { os.Exit(withServer(m)) }

func withServer(m *testing.M) int {
	s, err := postgres.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Remove()
	server = s
	return m.Run()
}

// schema is the URL of a new, empty one.
func schema() string { return server.URL(fmt.Sprint("s", schemas.Add(1))) }

func open(t testing.TB, url string, o pgkv.Options) *pgkv.Engine {
	t.Helper()
	e, err := pgkv.Open(context.Background(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kv.Engine { return open(t, schema(), pgkv.Options{}) })
}

// TestShared is the suite for several engines of one store: three nodes on one database.
func TestShared(t *testing.T) {
	kvtest.RunShared(t, func(t *testing.T) []kv.Engine {
		url := schema()
		return []kv.Engine{open(t, url, pgkv.Options{}), open(t, url, pgkv.Options{}), open(t, url, pgkv.Options{})}
	})
}

// TestRandomHistories: the same history gives the same answers as memkv, also when the engine is closed and opened between.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for i := range uint64(3) {
		seed := i
		if i >= 1 {
			seed = rand.Uint64()
		}
		url := schema()
		current := open(t, url, pgkv.Options{})
		kvtest.RunRandom(t, seed, 150,
			kvtest.Subject{Name: "memkv", Engine: memkv.New()},
			kvtest.Subject{Name: "pgkv", Engine: current, Reopen: func() kv.Engine {
				if err := current.Close(); err != nil {
					t.Fatal(err)
				}
				current = open(t, url, pgkv.Options{})
				return current
			}})
	}
}
