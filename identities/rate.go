package identities

import (
	"bothy/record"
	"bothy/wire"
)

// Guests are rows that anyone may make without a signature, so they are bounded: per caller, and per pool for what many
// callers do together.
var (
	guestsPerCaller = record.Limit{PerSecond: 2, Burst: 200}
	guestsPerPool   = record.Limit{PerSecond: 50, Burst: 2000}
)

// mayBeGuest takes one guest of the caller's and one of the pool's.
func (s *Service) mayBeGuest(c *wire.Call, pool string) (bool, error) {
	ok, err := s.brake.Take(c, "identities.guest/"+pool+"/"+wire.Household(c.SourceIP), guestsPerCaller, c.Now)
	if !ok || err != nil {
		return false, err
	}
	return s.brake.Take(c, "identities.guest/"+pool, guestsPerPool, c.Now)
}
