package users

import (
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Lockout, as AWS does it: five failures are free, then each doubles the wait from one second up to a quarter of an hour.
const (
	freeFailures = 5
	longestWait  = 15 * time.Minute
)

// lock is how wrong answers of a kind lock a subject out.
type lock struct {
	longest time.Duration // wait
	memory  time.Duration // failures are forgotten when nothing was tried for so long after a wait
}

var (
	passwordLock = lock{longestWait, longestWait}

	// secondLock is stricter, because six digits are quickly guessed: 17 tries in the first 70 minutes, then one an hour for as long
	// as somebody goes on. Of a code that changes, with three of 10^6 right at a time, that is 40 tries and a chance of
	// 1.2 in 10^4 in a day, for who knows the password.
	secondLock = lock{time.Hour, 24 * time.Hour}
)

// attempts counts failed sign-ins of one subject: a user, or the ghost of an unknown one, so that both answer alike.
type attempts struct {
	Pool, Subject string
	Failures      int
	Until         time.Time // no further try before
	Expires       time.Time
}

var failures = record.Table[attempts]{
	Name: "users.attempt", Version: 1, Key: func(a *attempts) []any { return []any{a.Pool, a.Subject} },
	Expires: func(a *attempts) time.Time { return a.Expires },
}

// mayTry fails while the subject is locked out.
func mayTry(tx *kv.Tx, account, poolID, subject string, now time.Time) error {
	a, err := failures.Get(tx, inPool(account, poolID), poolID, subject)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if now.Before(a.Until) {
		return wire.Because(notAuthorized("Password attempts exceeded"), "%d failed sign-ins; locked until %s", a.Failures, a.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// countFailure notes a failed sign-in. The caller keeps the transaction.
func countFailure(tx *kv.Tx, account, poolID, subject string, now time.Time) error {
	return passwordLock.count(tx, account, poolID, subject, now)
}

// count notes a failure of the kind. The caller keeps the transaction.
func (l lock) count(tx *kv.Tx, account, poolID, subject string, now time.Time) error {
	a, err := failures.Get(tx, inPool(account, poolID), poolID, subject)
	if absent(err) || err == nil && now.After(a.Expires) {
		a, err = &attempts{Pool: poolID, Subject: subject}, nil
	}
	if err != nil {
		return err
	}
	a.Failures++
	a.Until = now
	if over := a.Failures - freeFailures; over >= 0 {
		a.Until = now.Add(min(time.Second<<min(over, 20), l.longest))
	}
	a.Expires = a.Until.Add(l.memory)
	return failures.Put(tx, inPool(account, poolID), a)
}

// Failures of one address, whoever they are said to be: so many are free, since many people may be behind it, and are forgotten at
// this pace; each further one doubles the wait. One who tries a few passwords of many users is stopped by it.
const (
	freeAtAddress   = 100
	forgetAtAddress = 10 * time.Second // one failure
)

// atAddress counts what failed from an address. It is not of a pool: who tries, tries all.
type atAddress struct {
	Address  string
	Failures float64
	At       time.Time // of the count
	Until    time.Time // no further try before
}

var addresses = record.Table[atAddress]{
	Name: "users.address", Version: 1, Key: func(a *atAddress) []any { return []any{a.Address} },
	Expires: func(a *atAddress) time.Time {
		return a.At.Add(time.Duration(a.Failures * float64(forgetAtAddress))).Add(longestWait)
	},
}

// failuresAt reads what failed from an address, as of now.
func failuresAt(tx *kv.Tx, account, home string, now time.Time) (*atAddress, error) {
	a, err := addresses.Get(tx, everywhere(account), home)
	if absent(err) {
		return &atAddress{Address: home, At: now}, nil
	}
	if err != nil {
		return nil, err
	}
	a.Failures = max(0, a.Failures-max(0, now.Sub(a.At)).Seconds()/forgetAtAddress.Seconds())
	a.At = now
	return a, nil
}

// mayTry fails while the subject, or the address, is locked out.
func (a *attempt) mayTry(tx *kv.Tx, subject string) error {
	if err := mayTry(tx, a.Account, a.pool.ID, subject, a.Now); err != nil || a.from.IP == "" {
		return err
	}
	at, err := failuresAt(tx, a.Account, wire.Household(a.from.IP), a.Now)
	if err == nil && a.Now.Before(at.Until) {
		err = wire.Because(notAuthorized("Password attempts exceeded"), "%.0f failed sign-ins from %s; locked until %s", at.Failures, at.Address, at.Until.UTC().Format(time.RFC3339))
	}
	return err
}

// failed notes a wrong password: against the subject, against the address, and among the events of pools that watch. The caller keeps
// the transaction.
func (a *attempt) failed(tx *kv.Tx, subject string, ghost bool, way progress) error {
	if err := countFailure(tx, a.Account, a.pool.ID, subject, a.Now); err != nil {
		return err
	}
	return a.failedHere(tx, &user{Sub: subject, ghost: ghost}, way, "Password")
}

// failedSecond notes a wrong second factor, as failed does a password.
func (a *attempt) failedSecond(tx *kv.Tx, ch challenge) error {
	if err := secondLock.count(tx, a.Account, a.pool.ID, secondSubject(ch.Sub), a.Now); err != nil {
		return err
	}
	return a.failedHere(tx, &user{Sub: ch.Sub}, ch.Way, "Mfa")
}

// failedHere notes a failure among the events, and against the address.
func (a *attempt) failedHere(tx *kv.Tx, u *user, way progress, kind string) error {
	if err := missed(tx, a, u, way, kind); err != nil || a.from.IP == "" {
		return err
	}
	at, err := failuresAt(tx, a.Account, wire.Household(a.from.IP), a.Now)
	if err != nil {
		return err
	}
	return at.count(tx, a.Account)
}

// count notes one more failure. The caller keeps the transaction.
func (at *atAddress) count(tx *kv.Tx, account string) error {
	at.Failures++
	if over := int(at.Failures) - freeAtAddress; over >= 0 {
		at.Until = at.At.Add(min(time.Second<<min(over, 20), longestWait))
	}
	return addresses.Put(tx, everywhere(account), at)
}

// forgetFailures starts the count anew.
func forgetFailures(tx *kv.Tx, account, poolID, subject string) error {
	return ignoreAbsent(failures.Delete(tx, inPool(account, poolID), poolID, subject))
}
