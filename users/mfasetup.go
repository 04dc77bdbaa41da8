package users

import (
	"encoding/json"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// MFA_SETUP: who has to have a second factor and has none sets one up in the sign-in, an authenticator app (totp.go) or a mailbox.

// askSetup tells the user to set one up. AWS lists SMS too, though it takes an operator who adds the number.
func (s *Service) askSetup(a *attempt, v *verdict) (*step, error) {
	offered := []string{}
	for _, f := range secondFactors {
		if a.pool.Methods.has(f) {
			offered = append(offered, f)
		}
	}
	list, err := json.Marshal(offered)
	if err != nil {
		return nil, err
	}
	return s.question(a, v, map[string]string{"MFAS_CAN_SETUP": string(list)})
}

// finishSetup goes on with the sign-in of who set up an authenticator in it, since the code that verified it was the second factor; or it
// takes the address of who sets up a mailbox, to which a code goes next.
func (s *Service) finishSetup(a *attempt, session string) (*step, error) {
	return s.advance(a, mfaSetup, session, func(tx *kv.Tx, u *user, ch *challenge) error {
		if mail := a.given["EMAIL"]; mail != "" {
			ch.Way.Mail = mail
			return s.maySetUpMail(tx, a, u, *ch)
		}
		if ch.Way.Second != softwareTokenMFA {
			return wire.Because(noSoftwareTokens(), "the session was not returned by VerifySoftwareToken")
		}
		return nil
	})
}

// maySetUpMail refuses an address in the place of another: a password alone must not change where a user's mail goes.
func (s *Service) maySetUpMail(tx *kv.Tx, a *attempt, u *user, ch challenge) error {
	if had := u.Attributes["email"]; had != "" && had != ch.Way.Mail {
		return invalid("The user has another email address.")
	}
	if _, err := a.mailbox(ch.Way.Mail); err != nil {
		return err
	}
	ask, err := s.missing(tx, a, u, ch.Way)
	if err == nil && (ask != emailOTP || !a.pool.Methods.has(emailOTP)) {
		err = wire.Because(notAuthorized("Invalid session for the user, session is expired."), "the user has set up a second factor by now, or the pool sends no mail")
	}
	return err
}

// mailbox checks an address that a user gives in a sign-in.
func (a *attempt) mailbox(mail string) (map[string]string, error) {
	values, err := a.pool.valuesOf([]cognitoidp.AttributeType{{Name: wire.Some("email"), Value: wire.Some(mail)}})
	if err != nil {
		return nil, err
	}
	return values, a.client.mayWrite([]string{"email"})
}

// enrolMail makes the mailbox the user's, and their second factor: they have read the code that was sent there.
func (s *Service) enrolMail(tx *kv.Tx, a *attempt, u *user, mail string) error {
	values, err := a.mailbox(mail)
	if err != nil {
		return err
	}
	if err := a.pool.change(u, values); err != nil {
		return err
	}
	u.Attributes["email_verified"] = "true"
	u.turnOn(emailOTP, true)
	return s.save(tx, a.Account, a.pool, u, false, a.Now)
}
