package identities

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Guests are rows that anyone may make without a signature, so they are bounded: per caller, and per pool for what many
// callers do together. The buckets are only a brake, not state: a restart fills them again.
const (
	guestsPerCaller, guestBurstPerCaller = rate.Limit(2), 200
	guestsPerPool, guestBurstPerPool     = rate.Limit(50), 2000
	maxBuckets                           = 10_000
)

// guestRate holds the buckets. The zero value is ready.
type guestRate struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter // guarded by mu
}

func (g *guestRate) allow(pool, caller string, now time.Time) bool {
	return g.bucket(pool+"|"+caller, guestsPerCaller, guestBurstPerCaller).AllowN(now, 1) &&
		g.bucket(pool, guestsPerPool, guestBurstPerPool).AllowN(now, 1)
}

func (g *guestRate) bucket(key string, r rate.Limit, burst int) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.buckets[key]; b != nil {
		return b
	}
	if len(g.buckets) >= maxBuckets {
		for k := range g.buckets { // any one: losing a bucket forgives some guests, nothing more
			delete(g.buckets, k)
			break
		}
	}
	if g.buckets == nil {
		g.buckets = map[string]*rate.Limiter{}
	}
	b := rate.NewLimiter(r, burst)
	g.buckets[key] = b
	return b
}
