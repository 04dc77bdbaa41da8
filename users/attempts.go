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

// forgetFailures starts the count anew.
func forgetFailures(tx *kv.Tx, account, poolID, subject string) error {
	return ignoreAbsent(failures.Delete(tx, inPool(account, poolID), poolID, subject))
}
