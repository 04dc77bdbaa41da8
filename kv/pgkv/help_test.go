package pgkv_test

import (
	"context"
	"net/url"
	"strconv"
	"testing"

	"bothy/kv"

	"github.com/jackc/pgx/v5"
)

func set(key, value string) func(kv.Txn) error {
	return func(tx kv.Txn) error { return tx.Set([]byte(key), []byte(value)) }
}

// add counts: what is done twice shows.
func add(key string, n int) func(kv.Txn) error {
	return func(tx kv.Txn) error {
		v, err := tx.Get([]byte(key))
		if err != nil {
			return err
		}
		old, _ := strconv.Atoi(string(v))
		return tx.Set([]byte(key), []byte(strconv.Itoa(old+n)))
	}
}

func get(t testing.TB, e kv.Engine, key string) (v []byte) {
	t.Helper()
	if err := e.View(context.Background(), func(tx kv.Txn) (err error) { v, err = tx.Get([]byte(key)); return err }); err != nil {
		t.Fatal(err)
	}
	return v
}

func count(t testing.TB, e kv.Engine, key string) int {
	t.Helper()
	n, _ := strconv.Atoi(string(get(t, e, key)))
	return n
}

// temporary says whether an error tells the wire to throttle.
func temporary(err error) bool {
	t, ok := err.(interface{ Temporary() bool })
	return ok && t.Temporary()
}

func schemaOf(address string) string {
	u, _ := url.Parse(address)
	return u.Query().Get("search_path")
}

// dial is a connection of an ordinary client.
func dial(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// query is the first value of the last statement's first row, as text.
func query(t testing.TB, address, sql string) string {
	t.Helper()
	c, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background()) //nolint:errcheck // it has answered
	results, err := c.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if rows := results[len(results)-1].Rows; len(rows) > 0 {
		return string(rows[0][0])
	}
	return ""
}
