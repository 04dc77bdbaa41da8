package pgkv_test

import (
	"fmt"
	"testing"

	"bothy/kv"
	"bothy/kv/kvtest"
	"bothy/test/postgres"
)

// TestConformanceAsRelative runs the suite as it runs on a relative of PostgreSQL, where every transaction is serializable, and
// may fail at that: the schema's own version() says that it is one.
func TestConformanceAsRelative(t *testing.T) {
	t.Parallel()
	const maxRuns = 64 // a serializable database refuses as it likes; there the lock is no queue, and only chance lets one through
	kvtest.RunBounded(t, maxRuns, func(t *testing.T) kv.Engine {
		name := fmt.Sprint("s", schemas.Add(1))
		query(t, server.URL(""), fmt.Sprintf("create schema %[1]s; create function %[1]s.version() returns text language sql as $$ select 'CockroachDB, so to say' $$", name))
		return openNodes(t, postgres.URL(fmt.Sprintf("127.0.0.1:%d", server.Port), name+",pg_catalog"))
	})
}
