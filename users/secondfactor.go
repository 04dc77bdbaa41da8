package users

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Which second factor a sign-in needs, and the challenges that ask for it.

// answerNames are the responses in which the codes come. Clients send some of them together; only the one of the challenge is read.
var answerNames = map[string]string{smsMFA: "SMS_MFA_CODE", softwareTokenMFA: "SOFTWARE_TOKEN_MFA_CODE", emailOTP: "EMAIL_OTP_CODE"}

// needSecondFactor asks for a second factor where the pool wants one or the user turned one on, once per sign-in. A trusted device that
// was proved stands for it, and a passkey where the pool says so.
func (s *Service) needSecondFactor(tx *kv.Tx, a *attempt, u *user, way progress) (string, error) {
	use := a.pool.Settings.MfaConfiguration.Or("OFF")
	if use == "OFF" || way.Second != "" || way.has(webAuthn) && a.pool.passkeysAreMFA() {
		return "", nil
	}
	if trusted, err := provedTrusted(tx, a, u, way); err != nil || trusted {
		return "", err
	}
	has, err := factorsOf(tx, a.Account, a.pool, u)
	switch {
	case err != nil:
		return "", err
	case len(has) == 0 && use == "ON" && way.Mail != "":
		return emailOTP, nil
	case len(has) == 0 && use == "ON":
		return mfaSetup, nil
	case len(has) == 0:
		return "", nil
	case slices.Contains(has, way.Chosen):
		return way.Chosen, nil
	case slices.Contains(has, u.Preferred):
		return u.Preferred, nil
	case len(has) == 1:
		return has[0], nil
	}
	return selectMFAType, nil
}

// factorsOf are the second factors by which the user may sign in: those they turned on and the pool has. Where the pool wants one and
// the user turned none on, what was proved of them serves: an address, an authenticator.
func factorsOf(tx *kv.Tx, account string, p *pool, u *user) (has []string, err error) {
	for _, f := range secondFactors {
		if p.Methods.has(f) && slices.Contains(u.Factors, f) {
			has = append(has, f)
		}
	}
	if len(has) > 0 || p.Settings.MfaConfiguration.V != "ON" {
		return has, nil
	}
	for _, f := range secondFactors {
		if !p.Methods.has(f) {
			continue
		}
		ok, err := u.holds(tx, account, f)
		if err != nil {
			return nil, err
		}
		if ok {
			has = append(has, f)
		}
	}
	return has, nil
}

// holds tells whether it was proved that the user has what the factor takes.
func (u *user) holds(tx *kv.Tx, account, factor string) (bool, error) {
	if at := factorAddress(factor); at != "" {
		return u.Attributes[at] != "" && u.Attributes[at+"_verified"] == "true", nil
	}
	t, err := totps.Get(tx, inPool(account, u.Pool), u.Pool, u.Sub)
	if absent(err) {
		return false, nil
	}
	return err == nil && t.Secret != nil, err
}

// factorAddress is the attribute that holds the address a factor's codes go to; "" when none are sent.
func factorAddress(factor string) string {
	switch factor {
	case smsMFA:
		return "phone_number"
	case emailOTP:
		return "email"
	}
	return ""
}

// sentTo is where the codes of a factor go: to the user's address, or to the one they set up.
func sentTo(u *user, factor string, way progress) address {
	at := factorAddress(factor)
	if factor == emailOTP && way.Mail != "" {
		return address{at, way.Mail}
	}
	return address{at, u.Attributes[at]}
}

// askSentCode sends a code to the user's address and asks for it.
func (s *Service) askSentCode(a *attempt, v *verdict) (*step, error) {
	to := sentTo(v.user, v.ask, v.way)
	if to.value == "" {
		return nil, invalid("User does not have delivery config set to turn on %s", v.ask)
	}
	text, err := s.customMessage(a.Call, a.pool, "CustomMessage_Authentication", a.client.ID, v.user, a.pool.authenticationTemplate(), a.data)
	if err != nil {
		return nil, err
	}
	err = s.update(a, func(tx *kv.Tx) error {
		code, err := s.newCodeFor(tx, a.Account, a.pool, v.user, forSecondFactor+v.ask, a.client.patience(), to, a.Now)
		if err != nil {
			return err
		}
		return s.send(tx, a.Account, a.pool, v.user, "Authentication", to, code, text)
	})
	if err != nil {
		return nil, err
	}
	return s.question(a, v, map[string]string{"CODE_DELIVERY_DELIVERY_MEDIUM": to.medium(), "CODE_DELIVERY_DESTINATION": to.masked()})
}

// question is a step that asks with a session bound to the user's password as it is now.
func (s *Service) question(a *attempt, v *verdict, params map[string]string) (*step, error) {
	session, err := s.sessionOf(a, v, challenge{Against: digest(v.user.Credential)})
	params["USER_ID_FOR_SRP"] = v.user.Name
	return &step{name: v.ask, params: params, session: session}, err
}

// askChoice lets a user who has several second factors choose.
func (s *Service) askChoice(a *attempt, v *verdict) (*step, error) {
	var has []string
	err := s.view(a, func(tx *kv.Tx) (err error) {
		has, err = factorsOf(tx, a.Account, a.pool, v.user)
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(has)
	if err != nil {
		return nil, err
	}
	return s.question(a, v, map[string]string{"MFAS_CAN_CHOOSE": string(list)})
}

// choose takes which second factor the user wants to be asked for.
func (s *Service) choose(a *attempt, session string) (*step, error) {
	answer, err := a.parameter("ANSWER")
	if err != nil {
		return nil, err
	}
	return s.advance(a, selectMFAType, session, func(tx *kv.Tx, u *user, ch *challenge) error {
		has, err := factorsOf(tx, a.Account, a.pool, u)
		if err == nil && !slices.Contains(has, answer) {
			err = &cognitoidp.MFAMethodNotFoundException{Message: wire.Some("MFA method " + answer + " is not available for the user.")}
		}
		ch.Way.Chosen = answer
		return err
	})
}

// checkSecondFactor takes a code. A wrong one leaves the session usable, for as many tries as a session has.
func (s *Service) checkSecondFactor(a *attempt, name, session string) (*step, error) {
	text, err := a.parameter(answerNames[name])
	if err != nil {
		return nil, err
	}
	return s.advance(a, name, session, func(tx *kv.Tx, u *user, ch *challenge) error {
		if err := mayShow(tx, a, u, name, ch.Way); err != nil {
			return err
		}
		try := s.trySentCode
		if name == softwareTokenMFA {
			try = s.tryTOTP
		}
		if err := try(tx, a, u, ch, text); err != nil {
			return err
		}
		ch.Way.Second = name
		return forgetFailures(tx, a.Account, a.pool.ID, secondSubject(u.Sub))
	})
}

// mayShow refuses a code of a factor that is none of the user's any more, and one for setting up when they have another by now.
func mayShow(tx *kv.Tx, a *attempt, u *user, name string, way progress) error {
	has, err := factorsOf(tx, a.Account, a.pool, u)
	if err != nil {
		return err
	}
	if settingUp := way.Mail != ""; settingUp != (len(has) == 0) || !settingUp && !slices.Contains(has, name) || !a.pool.Methods.has(name) {
		return wire.Because(notAuthorized("Invalid session for the user, session is expired."), "the user's second factors are %v by now", has)
	}
	return nil
}

func (s *Service) trySentCode(tx *kv.Tx, a *attempt, u *user, ch *challenge, text string) error {
	k, err := s.tryCode(tx, a.Account, a.pool, u, forSecondFactor+ch.Kind, text, a.Now)
	if wrong := (*cognitoidp.CodeMismatchException)(nil); errors.As(err, &wrong) {
		return errWrongCode
	}
	if err != nil {
		return err
	}
	if k.Value != sentTo(u, ch.Kind, ch.Way).value {
		return wire.Because(codeExpired(), "the code was sent to another address than the user now has")
	}
	if ch.Way.Mail == "" {
		return nil
	}
	return s.enrolMail(tx, a, u, ch.Way.Mail)
}

// errWrongCode is what a check of an answer says of one that does not match: it counts.
var errWrongCode = errors.New("users: wrong code")

// advance takes the answer to a challenge of the second factor: the session must be good, check must find the answer right, and the
// sign-in goes on. The session is spent by a right answer only.
func (s *Service) advance(a *attempt, name, session string, check func(*kv.Tx, *user, *challenge) error) (*step, error) {
	sealedFor, sealed, err := s.resume(a, name, session)
	if err != nil {
		return nil, err
	}
	var v *verdict
	err = s.update(a, func(tx *kv.Tx) error {
		ch := sealedFor
		u, err := s.waiting(tx, a, ch, sealed)
		if err != nil {
			return err
		}
		if err := check(tx, u, &ch); errors.Is(err, errWrongCode) {
			return s.countGuess(tx, a, ch, sealed)
		} else if err != nil {
			return err
		}
		if _, err := spend(tx, a.Account, a.pool.ID, sealed, ch.Expires); err != nil { // waiting knows that it is fresh
			return err
		}
		v, err = s.pass(tx, a, u, ch.Way, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}

// waiting reads the user whose answer a session waits for, if it still does: not spent, not guessed at too often, and nothing that led
// here has changed.
func (s *Service) waiting(tx *kv.Tx, a *attempt, ch challenge, sealed []byte) (*user, error) {
	_, err := usedOnce.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, digest(sealed))
	if err == nil {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session can only be used once."), "the session was used before")
	}
	if !absent(err) {
		return nil, err
	}
	g, err := guesses.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, digest(sealed))
	if err == nil && g.Wrong >= guessesPerSession {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "the session died of %d wrong codes", g.Wrong)
	}
	if ignoreAbsent(err) != nil {
		return nil, err
	}
	u, err := people.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, ch.Sub)
	if ignoreAbsent(err) != nil {
		return nil, err
	}
	if err != nil || !bytes.Equal(digest(u.Credential), ch.Against) {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "the user is gone or has another password by now")
	}
	if err := a.mayTry(tx, secondSubject(u.Sub)); err != nil {
		return nil, err
	}
	return u, standing(u)
}

// guessesPerSession is how many wrong codes a session outlives, with those of other sessions counted by secondLock.
const guessesPerSession = 5

// guess counts the wrong codes of one session.
type guess struct {
	Pool    string
	Hash    []byte // of the sealed session
	Wrong   int
	Expires time.Time
}

var guesses = record.Table[guess]{
	Name: "users.guess", Version: 1, Key: func(g *guess) []any { return []any{g.Pool, g.Hash} },
	Expires: func(g *guess) time.Time { return g.Expires },
}

// countGuess notes a wrong code against the session and the user.
func (s *Service) countGuess(tx *kv.Tx, a *attempt, ch challenge, sealed []byte) error {
	scope := inPool(a.Account, a.pool.ID)
	g, err := guesses.Get(tx, scope, a.pool.ID, digest(sealed))
	if absent(err) {
		g, err = &guess{Pool: a.pool.ID, Hash: digest(sealed), Expires: ch.Expires}, nil
	}
	if err != nil {
		return err
	}
	g.Wrong++
	if err := guesses.Put(tx, scope, g); err != nil {
		return err
	}
	if err := a.failedSecond(tx, ch); err != nil {
		return err
	}
	return keep(wire.Because(&cognitoidp.CodeMismatchException{Message: wire.Some(ch.mismatch())}, "wrong code for %s, try %d of %d of the session", ch.Kind, g.Wrong, guessesPerSession))
}

// mismatch is what AWS says of a wrong code: of one by SMS in words of its own.
func (ch *challenge) mismatch() string {
	if ch.Kind == smsMFA {
		return "Invalid code or auth state for the user."
	}
	return "Invalid code received for user"
}

// secondSubject is whom wrong second factors are counted against, apart from wrong passwords: a right password forgets only those.
func secondSubject(sub string) string { return "second/" + sub }
