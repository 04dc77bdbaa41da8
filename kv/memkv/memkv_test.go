package memkv_test

import (
	"context"
	"errors"
	"testing"

	"bothy/kv"
	"bothy/kv/kvtest"
	"bothy/kv/memkv"
)

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(*testing.T) kv.Engine { return memkv.New() })
}

// TestShared is the suite for several engines of one store, on one that is several by name only.
func TestShared(t *testing.T) {
	kvtest.RunShared(t, func(*testing.T) []kv.Engine { e := memkv.New(); return []kv.Engine{e, e, e} })
}

func TestCancelledWhileWaiting(t *testing.T) {
	e := memkv.New()
	ctx, cancel := context.WithCancel(context.Background())
	err := e.Update(context.Background(), func(kv.Txn) error {
		waiting := make(chan error)
		go func() {
			waiting <- e.Update(ctx, func(kv.Txn) error { t.Error("ran"); return nil })
		}()
		cancel()
		return <-waiting
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
