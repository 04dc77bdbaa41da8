package users

import (
	"errors"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// Signing in by a code that is sent to the user, in place of a password.

// shownCode stands in progress.Passed for a code that was sent to the user: as a first factor, not as a second one.
const shownCode = "CODE"

// firstCode is the kind of the sessions that wait for a first factor's code. A second factor of the same name has another.
func firstCode(factor string) string { return "FIRST/" + factor }

// askCode sends a code. Ghosts, and users who may not enter where that is hidden, are sent none, and look the same.
func (s *Service) askCode(a *attempt, u *user, way progress, factor string) (*step, error) {
	to, _ := codeAddress(u, factor)
	who := *u
	if u.ghost {
		var err error
		if to, err = s.madeUp(a.Account, a.pool, u, to.attribute, a.given["USERNAME"]); err != nil {
			return nil, err
		}
	} else if refusal := standing(u); refusal != nil {
		if !a.client.hides() {
			return nil, refusal
		}
		who.ghost = true
	}
	err := s.sendText(a.Call, &asked{a.client, a.pool, &who}, a.pool.authenticationTemplate(), forSignIn+factor, "Authentication", "CustomMessage_Authentication", to, a.data)
	if err != nil {
		return nil, err
	}
	session, err := s.sessionOf(a, &verdict{user: u, way: way, ask: firstCode(factor)}, challenge{})
	return &step{name: factor, session: session, params: map[string]string{
		"USERNAME": u.Name, "CODE_DELIVERY_DELIVERY_MEDIUM": to.medium(), "CODE_DELIVERY_DESTINATION": to.masked(),
	}}, err
}

// checkCode takes a code. A wrong one leaves the session as it is, so that it can be corrected; the code itself bounds the guesses.
func (s *Service) checkCode(a *attempt, factor, session string) (*step, error) {
	text, err := a.parameter(factor + "_CODE")
	if err != nil {
		return nil, err
	}
	ch, sealed, err := s.resume(a, firstCode(factor), session)
	if err != nil {
		return nil, err
	}
	v, err := s.admit(a, ch.Sub, ch.Way, shownCode, func(tx *kv.Tx, u *user) error {
		if _, err := mayGuess(tx, a.Account, a.from.IP, a.Now); err != nil {
			return err
		}
		k, err := s.tryCode(tx, a.Account, a.pool, u, forSignIn+factor, text, a.Now)
		if wrong := (*cognitoidp.CodeMismatchException)(nil); errors.As(err, &wrong) {
			if err := a.failedHere(tx, u, ch.Way, "Mfa"); err != nil {
				return err
			}
		}
		if err != nil {
			return err // and the session stays
		}
		if to, has := codeAddress(u, factor); !has || to.value != k.Value {
			return wire.Because(codeExpired(), "the code was sent to another %s than the user now has", to.attribute)
		}
		return spendSession(tx, a, ch, sealed)
	})
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}

// checkEmailCode takes a code that came by e-mail: of a first factor, or of the second one that has the same name.
func (s *Service) checkEmailCode(a *attempt, session string) (*step, error) {
	sealed, err := sealedOf(session)
	if err == nil {
		if ch, err := s.unsealChallenge(a.Account, sealed); err == nil && ch.Kind == firstCode(emailOTP) {
			return s.checkCode(a, emailOTP, session)
		}
	}
	return s.checkSecondFactor(a, emailOTP, session)
}

// spendSession takes a session that serves once.
func spendSession(tx *kv.Tx, a *attempt, ch challenge, sealed []byte) error {
	fresh, err := spend(tx, a.Account, a.pool.ID, sealed, ch.Expires)
	if err == nil && !fresh {
		err = wire.Because(notAuthorized("Invalid session for the user, session can only be used once."), "the challenge was answered before")
	}
	return err
}

// A sign-up that a code confirms has shown as much as a sign-in by that code: who confirmed it enters at once. The session that
// SignUp hands out may come along (AWS's own clients leave it away); one of another sign-up leads nowhere.
const (
	signUpBegun     = "SIGN_UP"
	signUpConfirmed = "SIGN_UP_CONFIRMED"
)

// signUpSession is what ConfirmSignUp may be given; "" when the client does not sign in that way.
func (s *Service) signUpSession(c *wire.Call, cl *client, p *pool, u *user, name string) (string, error) {
	if !cl.allows(userAuth) || !p.passwordless() {
		return "", nil
	}
	a := &attempt{Call: c, client: cl, pool: p, given: map[string]string{"USERNAME": name}}
	return s.sessionFor(a, &verdict{user: u, way: progress{Flow: userAuth}, ask: signUpBegun}, challenge{}, signUpCodeLife)
}

// confirmedSession is what InitiateAuth may come back with after a code confirmed the sign-up; "" when the pool does not take such
// codes for a sign-in, or the session is not of this sign-up.
func (s *Service) confirmedSession(c *wire.Call, as *asked, in *cognitoidp.ConfirmSignUpInput, attribute string) (string, error) {
	factor := map[string]string{"email": emailOTP, "phone_number": smsOTP}[attribute]
	if !as.client.allows(userAuth) || !allowsFactor(as.pool, factor) {
		return "", nil
	}
	a := &attempt{Call: c, client: as.client, pool: as.pool, given: map[string]string{"USERNAME": in.Username.V}}
	if in.Session.V != "" {
		if ch, _, err := s.resume(a, signUpBegun, in.Session.V); err != nil || ch.Sub != as.user.Sub {
			return "", nil // confirmed all the same; they sign in as others do
		}
	}
	return s.sessionOf(a, &verdict{user: as.user, way: progress{Flow: userAuth}, ask: signUpConfirmed}, challenge{})
}

// byConfirmation lets a user in who has just confirmed their sign-up by a code.
func (s *Service) byConfirmation(a *attempt) (*step, error) {
	name := a.given["USERNAME"]
	if err := s.mayName(a, name); err != nil {
		return nil, err
	}
	ch, sealed, err := s.resume(a, signUpConfirmed, a.session)
	if err != nil {
		return nil, err
	}
	if _, err := s.entrant(a, name); err != nil {
		return nil, err
	}
	v, err := s.admit(a, ch.Sub, ch.Way, shownCode, func(tx *kv.Tx, _ *user) error { return spendSession(tx, a, ch, sealed) })
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}
