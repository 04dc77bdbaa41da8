package users

import (
	"bytes"
	"time"

	"bothy/kv"
	"bothy/wire"
)

// proof is a password shown, rightly or wrongly.
type proof struct {
	sub     string // of the user or ghost
	right   bool
	sealed  []byte // the challenge it answers; nil when there was none
	ch      challenge
	against []byte // the sealed credential it was checked against: one changed since makes it wrong
	way     progress
	shown   string // the challenge it answers, or PASSWORD
}

// judge decides on a proof in one transaction: each challenge is answered once, failures count and lock, and a right
// password leads to a session only for a user who may sign in.
func (s *Service) judge(a *attempt, pr proof) (v *verdict, err error) {
	err = s.update(a, func(tx *kv.Tx) error {
		v = nil
		if pr.sealed != nil {
			fresh, err := spend(tx, a.Account, a.pool.ID, pr.sealed, pr.ch.Expires)
			if err != nil {
				return err
			}
			if !fresh {
				return wire.Because(notAuthorized("Invalid session for the user, session can only be used once."), "the challenge was answered before")
			}
		}
		if err := a.mayTry(tx, pr.sub); err != nil {
			return keep(err)
		}
		u, err := people.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, pr.sub)
		if err != nil && !absent(err) {
			return err
		}
		if err == nil && u.Credential == nil && u.Status == resetRequired && !u.Disabled {
			return keep(wire.Because(mustReset(), "%s was imported and has set no password yet", u.Name)) // whatever they typed, as in AWS
		}
		if err != nil || !pr.right || !bytes.Equal(u.Credential, pr.against) {
			if err := a.failed(tx, pr.sub, u == nil, pr.way); err != nil {
				return err
			}
			return keep(wire.Because(wrongPassword(), "%s", pr.reason(u)))
		}
		if err := forgetFailures(tx, a.Account, a.pool.ID, pr.sub); err != nil {
			return err
		}
		if err := mayEnter(u, a.Now); err != nil {
			return keep(err)
		}
		v, err = s.pass(tx, a, u, pr.way, pr.shown)
		return err
	})
	return v, err
}

func (pr *proof) reason(u *user) string {
	switch {
	case u == nil:
		return "no such user"
	case !pr.right:
		return "the proof does not match the password of " + u.Name
	}
	return "the password changed during the sign-in"
}

// admit lets a user in whom something else than their password has proved, in one transaction. check looks at the proof; its
// refusals undo the transaction unless they are to be kept.
func (s *Service) admit(a *attempt, sub string, way progress, shown string, check func(tx *kv.Tx, u *user) error) (v *verdict, err error) {
	err = s.update(a, func(tx *kv.Tx) error {
		u, err := people.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, sub)
		if absent(err) {
			u, err = &user{Pool: a.pool.ID, Sub: sub, ghost: true}, nil
		}
		if err == nil && check != nil {
			err = check(tx, u)
		}
		if err == nil && u.ghost {
			err = wire.Because(wrongPassword(), "no such user")
		}
		if err != nil {
			return err
		}
		if err := standing(u); err != nil {
			return keep(err)
		}
		if err := forgetFailures(tx, a.Account, a.pool.ID, sub); err != nil {
			return err
		}
		v, err = s.pass(tx, a, u, way, shown)
		return err
	})
	return v, err
}

// mayEnter tells whether a user who knows the password may sign in.
func mayEnter(u *user, now time.Time) error {
	err := standing(u)
	if err == nil && u.Status == forceChange && now.After(u.TempUntil) {
		err = notAuthorized("Temporary password has expired and must be reset by an administrator.")
	}
	return err
}

// standing tells whether a user may sign in, however they do.
func standing(u *user) error {
	switch {
	case u.Disabled:
		return isDisabled()
	case u.Status == unconfirmed:
		return notConfirmed()
	case u.Status == external: // other proofs than passwords lead here too
		return wire.Because(wrongPassword(), "%s signs in at an external provider", u.Name)
	case u.Status == resetRequired:
		return mustReset()
	}
	return nil
}
