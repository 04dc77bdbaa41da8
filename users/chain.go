package users

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"bothy/kv"
	"bothy/wire"
)

// A sign-in is a chain of steps: whatever shows something (a password, a code, a device) ends in pass, in the transaction that
// checked it; pass finds out what is still missing and settle asks for it, or lets the user in.

// Challenges, by their names on the wire.
const (
	passwordVerifier       = "PASSWORD_VERIFIER"
	newPasswordRequired    = "NEW_PASSWORD_REQUIRED"
	mfaSetup               = "MFA_SETUP"
	selectMFAType          = "SELECT_MFA_TYPE"
	smsMFA                 = "SMS_MFA"
	softwareTokenMFA       = "SOFTWARE_TOKEN_MFA"
	emailOTP               = "EMAIL_OTP"
	deviceSRPAuth          = "DEVICE_SRP_AUTH"
	devicePasswordVerifier = "DEVICE_PASSWORD_VERIFIER"
)

// shownPassword stands in progress.Passed for a password that was sent as it is.
const shownPassword = "PASSWORD"

// progress is how far a sign-in has come. It travels in the sealed challenges, so that each step knows those before it.
type progress struct {
	Flow   string   `json:",omitempty"` // it began with
	Passed []string `json:",omitempty"` // challenges answered rightly, in order
	Chosen string   `json:",omitempty"` // the second factor the user chose among theirs
	Mail   string   `json:",omitempty"` // the e-mail address the user sets up as second factor, in this sign-in
	Second string   `json:",omitempty"` // the second factor that was shown
	Device string   `json:",omitempty"` // the key of the user's device that the client names, proved or not
	Event  string   `json:",omitempty"` // its id among the user's, where the pool watches over them
}

// has tells whether a challenge was answered.
func (w progress) has(challenge string) bool { return slices.Contains(w.Passed, challenge) }

// byPassword tells whether a password was shown.
func (w progress) byPassword() bool { return w.has(shownPassword) || w.has(passwordVerifier) }

// source is the occasion of the tokens, as the pool's token trigger knows it.
func (w progress) source() string {
	switch {
	case w.has(newPasswordRequired):
		return "TokenGeneration_NewPasswordChallenge"
	case w.has(devicePasswordVerifier):
		return "TokenGeneration_AuthenticateDevice"
	}
	return "TokenGeneration_Authentication"
}

// verdict is what a proof leads to.
type verdict struct {
	user  *user
	way   progress
	grant *grant // nil: ask is still to be answered
	ask   string
}

// pass notes what a user has shown, in the transaction that checked it, and starts their session when nothing is missing.
func (s *Service) pass(tx *kv.Tx, a *attempt, u *user, way progress, shown string) (*verdict, error) {
	way.Passed = append(slices.Clone(way.Passed), shown)
	v := &verdict{user: u, way: way}
	err := a.nameDevice(tx, u, &v.way)
	if err != nil {
		return v, err
	}
	if v.ask, err = s.missing(tx, a, u, v.way); err != nil {
		return v, err
	}
	if err := s.watch(tx, a, v); err != nil || v.ask != "" {
		return v, err
	}
	if v.grant, err = newGrant(tx, a.Call, a.client, a.pool, u); err != nil {
		return v, err
	}
	return v, v.grant.bind(tx, a.Call, v.way)
}

// missing is the challenge that a user must still answer; "" when they may enter. The needs are asked in order.
func (s *Service) missing(tx *kv.Tx, a *attempt, u *user, way progress) (string, error) {
	for _, need := range []func(*kv.Tx, *attempt, *user, progress) (string, error){
		s.needNewPassword,
		s.needWord,
		s.needTrustedDevice,
		s.needSecondFactor,
		s.needDevice,
	} {
		if ask, err := need(tx, a, u, way); err != nil || ask != "" {
			return ask, err
		}
	}
	return "", nil
}

func (s *Service) needNewPassword(_ *kv.Tx, _ *attempt, u *user, way progress) (string, error) {
	if u.Status == forceChange && way.byPassword() {
		return newPasswordRequired, nil
	}
	return "", nil
}

// needWord asks the pool's functions, who have the last word in the flow that is theirs. What follows it is the pool's all the same.
func (s *Service) needWord(_ *kv.Tx, _ *attempt, _ *user, way progress) (string, error) {
	if way.Flow == customAuth && !way.has(customAuth) {
		return customAuth, nil
	}
	return "", nil
}

// settle lets a user in, or asks for what is missing. Call it outside of transactions.
func (s *Service) settle(a *attempt, v *verdict) (*step, error) {
	if v.grant != nil {
		if err := s.postAuthentication(a.Call, v.grant, a.data); err != nil {
			return nil, err
		}
		return &step{grant: v.grant, source: v.way.source()}, nil
	}
	switch v.ask {
	case newPasswordRequired:
		return s.askNewPassword(a, v)
	case customAuth:
		return s.nextRound(a, v.user, v.way, nil)
	case mfaSetup:
		return s.askSetup(a, v)
	case selectMFAType:
		return s.askChoice(a, v)
	case smsMFA, emailOTP:
		return s.askSentCode(a, v)
	case softwareTokenMFA:
		return s.askSoftwareToken(a, v)
	case deviceSRPAuth:
		return s.askDevice(a, v)
	}
	return nil, fmt.Errorf("users: nobody asks for %s", v.ask)
}

// sessionOf seals what must be known when the answer to the verdict's question comes. ch holds what is special to the kind.
func (s *Service) sessionOf(a *attempt, v *verdict, ch challenge) (string, error) {
	return s.sessionFor(a, v, ch, a.client.patience())
}

// sessionFor is sessionOf for an answer that may take another time.
func (s *Service) sessionFor(a *attempt, v *verdict, ch challenge, life time.Duration) (string, error) {
	ch.Kind, ch.Pool, ch.Client, ch.Sub, ch.Name, ch.As, ch.Expires = v.ask, a.pool.ID, a.client.ID, v.user.Sub, v.user.Name, a.given["USERNAME"], a.Now.Add(life)
	ch.Way = v.way
	sealed, err := s.sealChallenge(a.Account, ch)
	return sessionText(sealed), err
}

// sessionMark begins sessions: a command line takes what begins with "-" for an option.
const sessionMark = "A"

func sessionText(sealed []byte) string {
	return sessionMark + base64.RawURLEncoding.EncodeToString(sealed)
}

func sealedOf(session string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(session, sessionMark))
}

// patience is how long a challenge of the client's may wait for its answer.
func (c *client) patience() time.Duration {
	return time.Duration(c.Settings.AuthSessionValidity.Or(3)) * time.Minute
}

// resume opens the session of a challenge: it must have been sealed for this kind, client and user, and not be late. Whoever
// takes the answer must also spend it.
func (s *Service) resume(a *attempt, kind, session string) (ch challenge, sealed []byte, err error) {
	sealed, err = sealedOf(session)
	reason := "the session is not base64"
	if err == nil {
		ch, reason = s.openChallenge(a.Account, sealed, kind, a.client.ID, a.Now)
	}
	if reason == "" && !ch.names(a.pool, a.given["USERNAME"]) {
		reason = "the session was made for another user name"
	}
	if reason != "" {
		return ch, nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "%s", reason)
	}
	return ch, sealed, nil
}
