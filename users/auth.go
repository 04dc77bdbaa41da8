package users

import (
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
	// What clients tell functions. With the first request it is for those that may stop a sign-in, before it is anybody's: AWS hands
	// the others only what comes with an answer.
	validation map[string]string // ClientMetadata of InitiateAuth
	data       map[string]string // ClientMetadata of answers to challenges
	session    string            // what an earlier step handed out
	from       visitor           // who asks
	common     bool              // a password was shown, and it is a common one
}

// step is where a sign-in stands after a request: ended with a grant, or waiting for the answer to a challenge.
type step struct {
	grant     *grant
	source    string            // the occasion, for the pool's token trigger; with a grant
	name      string            // of the challenge; "" with a grant
	params    map[string]string // ChallengeParameters
	session   string            // the sealed challenge, "" for those that carry it in their parameters
	available []string          // challenges the user may choose from
}

func (s *Service) initiateAuth(c *wire.Call, in *cognitoidp.InitiateAuthInput) (*cognitoidp.InitiateAuthOutput, error) {
	cl, p, err := s.stranger(c, in.ClientId.V)
	if err != nil {
		return nil, err
	}
	a := &attempt{Call: c, client: cl, pool: p, given: in.AuthParameters, validation: in.ClientMetadata, session: in.Session.V, from: visitorOf(c, cl, in.UserContextData)}
	switch in.AuthFlow.V {
	case "ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH":
		return nil, invalid("Initiate Auth method not supported.")
	}
	st, err := s.begin(a, in.AuthFlow.V)
	if err != nil {
		return nil, err
	}
	out, err := s.told(a, st)
	return (*cognitoidp.InitiateAuthOutput)(out), err
}

func (s *Service) adminInitiateAuth(c *wire.Call, in *cognitoidp.AdminInitiateAuthInput) (*cognitoidp.AdminInitiateAuthOutput, error) {
	a, err := s.operated(c, in.UserPoolId.V, in.ClientId.V, in.AuthParameters, in.ContextData)
	if err != nil {
		return nil, err
	}
	a.validation, a.session = in.ClientMetadata, in.Session.V
	if in.AuthFlow.V == "USER_PASSWORD_AUTH" {
		return nil, invalid("Initiate Auth method not supported.")
	}
	st, err := s.begin(a, in.AuthFlow.V)
	if err != nil {
		return nil, err
	}
	out, err := s.told(a, st)
	return (*cognitoidp.AdminInitiateAuthOutput)(out), err
}

// begin starts a flow.
func (s *Service) begin(a *attempt, flow string) (*step, error) {
	switch flow {
	case "USER_SRP_AUTH":
		if !a.client.allows("USER_SRP_AUTH") {
			return nil, a.client.notSRP()
		}
		return s.bySRP(a, progress{Flow: flow})
	case "USER_PASSWORD_AUTH":
		if !a.client.allows("USER_PASSWORD_AUTH") {
			return nil, invalid("USER_PASSWORD_AUTH flow not enabled for this client")
		}
		return s.byPassword(a, progress{Flow: flow})
	case "ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH":
		if !a.client.allows("ADMIN_USER_PASSWORD_AUTH") {
			return nil, invalid("Auth flow not enabled for this client")
		}
		return s.byPassword(a, progress{Flow: flow})
	case "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN":
		if !a.client.allows("REFRESH_TOKEN_AUTH") {
			return nil, invalid("Auth flow not enabled for this client")
		}
		return s.byRefreshToken(a)
	case customAuth:
		if !a.client.allows(customAuth) {
			return nil, invalid("CUSTOM_AUTH is not enabled for the client.")
		}
		return s.byCustom(a)
	case userAuth:
		if !a.client.allows(userAuth) {
			return nil, invalid("USER_AUTH is not enabled for the client.")
		}
		return s.byChoice(a)
	}
	return nil, invalid("%s is not enabled for the client.", flow)
}

func (s *Service) respondToAuthChallenge(c *wire.Call, in *cognitoidp.RespondToAuthChallengeInput) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	cl, p, err := s.stranger(c, in.ClientId.V)
	if err != nil {
		return nil, err
	}
	a := &attempt{Call: c, client: cl, pool: p, given: in.ChallengeResponses, data: in.ClientMetadata, session: in.Session.V, from: visitorOf(c, cl, in.UserContextData)}
	st, err := s.proceed(a, in.ChallengeName.V, in.Session.V)
	if err != nil {
		return nil, err
	}
	return s.told(a, st)
}

func (s *Service) adminRespondToAuthChallenge(c *wire.Call, in *cognitoidp.AdminRespondToAuthChallengeInput) (*cognitoidp.AdminRespondToAuthChallengeOutput, error) {
	a, err := s.operated(c, in.UserPoolId.V, in.ClientId.V, in.ChallengeResponses, in.ContextData)
	if err != nil {
		return nil, err
	}
	a.data, a.session = in.ClientMetadata, in.Session.V
	st, err := s.proceed(a, in.ChallengeName.V, in.Session.V)
	if err != nil {
		return nil, err
	}
	out, err := s.told(a, st)
	return (*cognitoidp.AdminRespondToAuthChallengeOutput)(out), err
}

// operated is an attempt that an operator's program makes for somebody.
func (s *Service) operated(c *wire.Call, poolID, clientID string, given map[string]string, said *cognitoidp.ContextDataType) (*attempt, error) {
	a := &attempt{Call: c, given: given, from: operatorsVisitor(said)}
	err := s.view(c, func(tx *kv.Tx) (err error) {
		a.client, a.pool, err = clientOf(tx, c.Account, poolID, clientID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, s.mayCome(c, a.pool, a.client.ID, a.from.IP)
}

// proceed takes the answer to a challenge.
func (s *Service) proceed(a *attempt, name, session string) (*step, error) {
	username := a.given["USERNAME"]
	if username == "" {
		return nil, invalid("Missing required parameter USERNAME")
	}
	if err := s.checkSecretHash(a.Account, a.client, a.given["SECRET_HASH"], username); err != nil {
		return nil, err
	}
	switch name {
	case passwordVerifier:
		return s.checkSRP(a)
	case newPasswordRequired:
		return s.setNewPassword(a, session)
	case customChallenge:
		return s.answerCustom(a, session)
	case selectChallenge:
		return s.selected(a, session)
	case shownPassword:
		return s.withPassword(a, name, session, "PASSWORD")
	case passwordSRP:
		return s.withPassword(a, name, session, "SRP_A")
	case smsOTP:
		return s.checkCode(a, name, session)
	case emailOTP:
		return s.checkEmailCode(a, session)
	case webAuthn:
		return s.checkPasskey(a, session)
	case mfaSetup:
		return s.finishSetup(a, session)
	case selectMFAType:
		return s.choose(a, session)
	case smsMFA, softwareTokenMFA:
		return s.checkSecondFactor(a, name, session)
	case deviceSRPAuth:
		return s.offerDeviceSRP(a)
	case devicePasswordVerifier:
		return s.checkDeviceSRP(a)
	}
	return nil, invalid("The challenge %s is not supported by this server.", name)
}

// told is what the client is told of a step: tokens, or what it is asked.
func (s *Service) told(a *attempt, st *step) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	if st.grant == nil {
		return &cognitoidp.RespondToAuthChallengeOutput{ChallengeName: wire.Some(st.name), Session: wire.NonEmpty(st.session), ChallengeParameters: st.params, AvailableChallenges: st.available}, nil
	}
	result, err := s.issue(a.Call, st.grant, st.source, a.data)
	return &cognitoidp.RespondToAuthChallengeOutput{AuthenticationResult: result, ChallengeParameters: map[string]string{}}, err
}

// parameter reads a required parameter of the flow.
func (a *attempt) parameter(name string) (string, error) {
	v := a.given[name]
	if v == "" {
		return "", invalid("Missing required parameter %s", name)
	}
	return v, nil
}
