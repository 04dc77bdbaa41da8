package pgkv_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/kvtest"
	"bothy/kv/pgkv"
	"bothy/test/postgres"
)

// TestHistoriesAcrossKills records one history of two nodes while the database's processes are killed, twice: in the order of
// everything, before and after, acknowledged transactions are there, those whose answer was lost whole or not at all.
func TestHistoriesAcrossKills(t *testing.T) {
	for range kvtest.Rounds(1) {
		acrossKills(t)
	}
}

func acrossKills(t *testing.T) {
	own := postgres.Start(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rec := kvtest.NewRecorder(seed)
	rec.Tolerant = true
	url := own.URL("kills")
	dbs := []*kv.DB{kv.New(open(t, url, pgkv.Options{})), kv.New(open(t, url, pgkv.Options{}))}
	defer dbs[0].Close()
	defer dbs[1].Close()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { rec.Run(ctx, dbs, 6, 150) })
	for range 2 {
		time.Sleep(time.Duration(200+rand.IntN(300)) * time.Millisecond) // the moment is what is random
		if err := own.Kill(); err != nil {
			t.Error(err)
		}
		err := own.Restart()
		for n := 0; err != nil && n < 50; n++ { // until the last process of the old server has noticed its end
			time.Sleep(100 * time.Millisecond)
			err = own.Restart()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	stop()
	wg.Wait()
	rec.Run(context.Background(), dbs, 4, 25) // as many, on a slow machine too
	if err := rec.Check(dbs[1]); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	t.Log(rec)
}
