package users

import (
	"bothy/api/cognitoidp"
	"bothy/record"
	"bothy/wire"
)

// Anybody may sign up: each time a row that stays, a message to somebody, and work for the processor. So sign-ups are bounded per
// address, and per pool for what many addresses do together; AWS grants an account 50 a second. What else strangers ask costs a
// power of 3,072 bits, or a row that stays for a while, and a lockout of one user does not stop who tries many: it is bounded per
// address, so that many people behind one router have room, and not per pool, so that nobody keeps others out.
var (
	signUpsPerAddress = record.Limit{PerSecond: 5, Burst: 500}
	signUpsPerPool    = record.Limit{PerSecond: 50, Burst: 2000}
	asksPerAddress    = record.Limit{PerSecond: 20, Burst: 2000}
)

// maySignUp takes one sign-up of the address's and one of the pool's.
func (s *Service) maySignUp(c *wire.Call, poolID string) error {
	ok, err := s.brake.Take(c, "users.signup/"+poolID+"/"+wire.Household(c.SourceIP), signUpsPerAddress, c.Now)
	if ok {
		ok, err = s.brake.Take(c, "users.signup/"+poolID, signUpsPerPool, c.Now)
	}
	return tooFast(ok, err, "sign-ups", c, poolID)
}

// mayAsk takes one of what an address may ask of a pool without a token.
func (s *Service) mayAsk(c *wire.Call, poolID string) error {
	ok, err := s.brake.Take(c, "users.ask/"+poolID+"/"+wire.Household(c.SourceIP), asksPerAddress, c.Now)
	return tooFast(ok, err, "requests", c, poolID)
}

func tooFast(ok bool, err error, what string, c *wire.Call, poolID string) error {
	if ok || err != nil {
		return err
	}
	return wire.Because(&cognitoidp.TooManyRequestsException{Message: wire.Some("Too many requests")}, "%s to %s from %s come faster than allowed", what, poolID, c.SourceIP)
}
