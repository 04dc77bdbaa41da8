package identities

import (
	"sync"
	"time"
)

// Guests are rows that anyone may make without a signature, so they are bounded: per caller, and per pool for what many
// callers do together. The buckets are only a brake, not state: a restart fills them again.
const (
	guestsPerCaller, guestBurstPerCaller = 2, 200 // per second, at once
	guestsPerPool, guestBurstPerPool     = 50, 2000
	maxBuckets                           = 10_000
)

// guestRate holds the buckets. The zero value is ready.
type guestRate struct {
	mu      sync.Mutex
	buckets map[string]*bucket // guarded by mu
}

// bucket holds what may be taken at once, and fills as time goes by.
type bucket struct {
	left float64
	at   time.Time
}

// allow takes one guest of the caller's bucket and one of the pool's.
func (g *guestRate) allow(pool, caller string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bucketLocked(pool+"|"+caller, guestsPerCaller, guestBurstPerCaller, now).take() &&
		g.bucketLocked(pool, guestsPerPool, guestBurstPerPool, now).take()
}

func (b *bucket) take() bool {
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (g *guestRate) bucketLocked(key string, perSecond, burst float64, now time.Time) *bucket {
	b := g.buckets[key]
	if b == nil {
		g.makeRoomLocked()
		b = &bucket{burst, now}
		g.buckets[key] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = min(burst, b.left+perSecond*passed.Seconds()), now
	}
	return b
}

// makeRoomLocked forgets any one bucket when there are too many: that forgives some guests, nothing more.
func (g *guestRate) makeRoomLocked() {
	if g.buckets == nil {
		g.buckets = map[string]*bucket{}
	}
	if len(g.buckets) < maxBuckets {
		return
	}
	for k := range g.buckets {
		delete(g.buckets, k)
		return
	}
}
