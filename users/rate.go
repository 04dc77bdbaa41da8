package users

import (
	"sync"
	"time"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// Anybody may sign up: each time a row that stays, a message to somebody, and work for the processor. So sign-ups are bounded per
// address, and per pool for what many addresses do together; AWS grants an account 50 a second. What else strangers ask costs a
// power of 3,072 bits, or a row that stays for a while, and a lockout of one user does not stop who tries many: it is bounded per
// address, so that many people behind one router have room, and not per pool, so that nobody keeps others out. The buckets are
// only a brake, not state: a restart fills them again.
const (
	signUpsPerAddress, signUpBurstPerAddress = 5, 500 // per second, at once
	signUpsPerPool, signUpBurstPerPool       = 50, 2000
	asksPerAddress, askBurstPerAddress       = 20, 2000
	maxBuckets                               = 10_000
)

// brake holds the buckets. The zero value is ready.
type brake struct {
	mu      sync.Mutex
	buckets map[string]*bucket // guarded by mu
}

// bucket holds what may be taken at once, and fills as time goes by.
type bucket struct {
	left float64
	at   time.Time
}

// maySignUp takes one sign-up of the address's bucket and one of the pool's.
func (b *brake) maySignUp(c *wire.Call, poolID string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.takeLocked(poolID+"|"+wire.Household(c.SourceIP), signUpsPerAddress, signUpBurstPerAddress, c.Now) && b.takeLocked(poolID, signUpsPerPool, signUpBurstPerPool, c.Now) {
		return nil
	}
	return tooFast("sign-ups", c, poolID)
}

// mayAsk takes one of what an address may ask of a pool without a token.
func (b *brake) mayAsk(c *wire.Call, poolID string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.takeLocked(poolID+"|"+wire.Household(c.SourceIP), asksPerAddress, askBurstPerAddress, c.Now) {
		return nil
	}
	return tooFast("requests", c, poolID)
}

func tooFast(what string, c *wire.Call, poolID string) error {
	return wire.Because(&cognitoidp.TooManyRequestsException{Message: wire.Some("Too many requests")}, "%s to %s from %s come faster than allowed", what, poolID, c.SourceIP)
}

func (b *brake) takeLocked(key string, perSecond, burst float64, now time.Time) bool {
	t := b.buckets[key]
	if t == nil {
		b.makeRoomLocked()
		t = &bucket{burst, now}
		b.buckets[key] = t
	}
	if passed := now.Sub(t.at); passed > 0 {
		t.left, t.at = min(burst, t.left+perSecond*passed.Seconds()), now
	}
	if t.left < 1 {
		return false
	}
	t.left--
	return true
}

// makeRoomLocked forgets any one bucket when there are too many: that forgives somebody, nothing more.
func (b *brake) makeRoomLocked() {
	if b.buckets == nil {
		b.buckets = map[string]*bucket{}
	}
	if len(b.buckets) < maxBuckets {
		return
	}
	for k := range b.buckets {
		delete(b.buckets, k)
		return
	}
}
