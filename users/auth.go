package users

import (
	"bytes"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// attempt is one request to sign in, or one answer to a challenge on the way.
type attempt struct {
	*wire.Call
	client *client
	pool   *pool
	given  map[string]string // AuthParameters or ChallengeResponses
	data   map[string]string // ClientMetadata
}

func (s *Service) initiateAuth(c *wire.Call, in *cognitoidp.InitiateAuthInput) (*cognitoidp.InitiateAuthOutput, error) {
	cl, p, err := s.stranger(c, in.ClientId.V)
	if err != nil {
		return nil, err
	}
	a := &attempt{Call: c, client: cl, pool: p, given: in.AuthParameters, data: in.ClientMetadata}
	switch in.AuthFlow.V {
	case "ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH":
		return nil, invalid("Initiate Auth method not supported.")
	}
	return s.begin(a, in.AuthFlow.V)
}

func (s *Service) adminInitiateAuth(c *wire.Call, in *cognitoidp.AdminInitiateAuthInput) (*cognitoidp.AdminInitiateAuthOutput, error) {
	a := &attempt{Call: c, given: in.AuthParameters, data: in.ClientMetadata}
	err := s.view(c, func(tx *kv.Tx) (err error) {
		a.client, a.pool, err = clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.AuthFlow.V == "USER_PASSWORD_AUTH" {
		return nil, invalid("Initiate Auth method not supported.")
	}
	out, err := s.begin(a, in.AuthFlow.V)
	if err != nil {
		return nil, err
	}
	admin := cognitoidp.AdminInitiateAuthOutput(*out)
	return &admin, nil
}

// begin starts a flow.
func (s *Service) begin(a *attempt, flow string) (*cognitoidp.InitiateAuthOutput, error) {
	switch flow {
	case "USER_SRP_AUTH":
		if !a.client.allows("USER_SRP_AUTH") {
			return nil, invalid("USER_SRP_AUTH is not enabled for the client.")
		}
		return s.offerSRP(a)
	case "USER_PASSWORD_AUTH":
		if !a.client.allows("USER_PASSWORD_AUTH") {
			return nil, invalid("USER_PASSWORD_AUTH flow not enabled for this client")
		}
		return s.byPassword(a)
	case "ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH":
		if !a.client.allows("ADMIN_USER_PASSWORD_AUTH") {
			return nil, invalid("Auth flow not enabled for this client")
		}
		return s.byPassword(a)
	case "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN":
		if !a.client.allows("REFRESH_TOKEN_AUTH") {
			return nil, invalid("Auth flow not enabled for this client")
		}
		return s.byRefreshToken(a)
	case "CUSTOM_AUTH":
		return nil, invalid("Custom auth lambda trigger is not configured for the user pool.")
	}
	return nil, invalid("%s is not enabled for the client.", flow)
}

func (s *Service) respondToAuthChallenge(c *wire.Call, in *cognitoidp.RespondToAuthChallengeInput) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	cl, p, err := s.stranger(c, in.ClientId.V)
	if err != nil {
		return nil, err
	}
	a := &attempt{Call: c, client: cl, pool: p, given: in.ChallengeResponses, data: in.ClientMetadata}
	return s.proceed(a, in.ChallengeName.V, in.Session.V)
}

func (s *Service) adminRespondToAuthChallenge(c *wire.Call, in *cognitoidp.AdminRespondToAuthChallengeInput) (*cognitoidp.AdminRespondToAuthChallengeOutput, error) {
	a := &attempt{Call: c, given: in.ChallengeResponses, data: in.ClientMetadata}
	err := s.view(c, func(tx *kv.Tx) (err error) {
		a.client, a.pool, err = clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.proceed(a, in.ChallengeName.V, in.Session.V)
	if err != nil {
		return nil, err
	}
	admin := cognitoidp.AdminRespondToAuthChallengeOutput(*out)
	return &admin, nil
}

// proceed takes the answer to a challenge.
func (s *Service) proceed(a *attempt, name, session string) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	username := a.given["USERNAME"]
	if username == "" {
		return nil, invalid("Missing required parameter USERNAME")
	}
	if err := s.checkSecretHash(a.Account, a.client, a.given["SECRET_HASH"], username); err != nil {
		return nil, err
	}
	switch name {
	case "PASSWORD_VERIFIER":
		return s.checkSRP(a)
	case "NEW_PASSWORD_REQUIRED":
		return s.setNewPassword(a, session)
	}
	return nil, invalid("The challenge %s is not supported by this server.", name)
}

// parameter reads a required parameter of the flow.
func (a *attempt) parameter(name string) (string, error) {
	v := a.given[name]
	if v == "" {
		return "", invalid("Missing required parameter %s", name)
	}
	return v, nil
}

// verdict is what a proof of the password leads to.
type verdict struct {
	user  *user
	grant *grant // nil: the user must choose a new password first
}

// proof is a password shown, rightly or wrongly.
type proof struct {
	sub     string // of the user or ghost
	right   bool
	sealed  []byte // the challenge it answers; nil when there was none
	ch      challenge
	against []byte // the sealed credential it was checked against: one changed since makes it wrong
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
		if err := mayTry(tx, a.Account, a.pool.ID, pr.sub, a.Now); err != nil {
			return keep(err)
		}
		u, err := people.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, pr.sub)
		if err != nil && !absent(err) {
			return err
		}
		if err != nil || !pr.right || !bytes.Equal(u.Credential, pr.against) {
			if err := countFailure(tx, a.Account, a.pool.ID, pr.sub, a.Now); err != nil {
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
		v = &verdict{user: u}
		if u.Status != forceChange {
			v.grant, err = newGrant(tx, a.Call, a.client, a.pool, u)
		}
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

// mayEnter tells whether a user who knows the password may sign in.
func mayEnter(u *user, now time.Time) error {
	switch {
	case u.Disabled:
		return isDisabled()
	case u.Status == unconfirmed:
		return notConfirmed()
	case u.Status == resetRequired:
		return mustReset()
	case u.Status == forceChange && now.After(u.TempUntil):
		return notAuthorized("Temporary password has expired and must be reset by an administrator.")
	}
	return nil
}

// finish turns a verdict into tokens, or into the demand for a new password.
func (s *Service) finish(a *attempt, v *verdict) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	if v.grant == nil {
		return s.askNewPassword(a, v.user)
	}
	return s.complete(a, v.grant, "TokenGeneration_Authentication")
}

func (s *Service) complete(a *attempt, g *grant, source string) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	if err := s.postAuthentication(a.Call, g, a.data); err != nil {
		return nil, err
	}
	result, err := s.issue(a.Call, g, source, a.data)
	return &cognitoidp.RespondToAuthChallengeOutput{AuthenticationResult: result, ChallengeParameters: map[string]string{}}, err
}
